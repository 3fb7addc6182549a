"""Every gate is proved able to fail: defects planted in the real system make the verdict red, and are named.

The firmware is copied and built once per kernel set; a defect recompiles what it changes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image

from pytest_stm32pose.firmware.build import FIRMWARE_DIR
from pytest_stm32pose.models.zoo import resolve_model
from pytest_stm32pose.record.read import record_schema
from tests.mutations import COMMON, DOCUMENT, MUTATIONS, ORDER, ROOT, Edit, Mutation, document
from tests.virtual.suite_run import SuiteRun, run_suite

Workshop = Callable[[Mutation, Path], Path]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Builds the firmware of a mutation from a copy of the sources, which is left as it was."""
    sources = tmp_path_factory.mktemp("mutants") / "firmware"
    shutil.copytree(FIRMWARE_DIR, sources)

    def build(mutation: Mutation, folder: Path) -> Path:
        kept = {edit.file: (sources / edit.file).read_text() for edit in mutation.edits}
        built = sources.parent / f"build-{mutation.kernels}"
        if not built.exists():
            configure(sources, built, mutation.kernels)
            compile_in(built)
        try:
            for edit in mutation.edits:
                plant(edit, sources)
            compile_in(built)
        finally:
            for file, text in kept.items():
                (sources / file).write_text(text)
        return Path(shutil.copy(built / "pose_runner.elf", folder / "mutant.elf"))

    return build


def plant(edit: Edit, sources: Path) -> None:
    text = (sources / edit.file).read_text()
    assert text.count(edit.old) == 1, f"{edit.file} has changed: {edit.old!r} stands there {text.count(edit.old)} times"
    (sources / edit.file).write_text(text.replace(edit.old, edit.new))


def configure(sources: Path, folder: Path, kernels: str) -> None:
    toolchain = sources / "toolchain" / "arm-none-eabi.cmake"
    definitions = {"CMAKE_TOOLCHAIN_FILE": toolchain, "POSE_BOARD": "qemu/mps3_an547", "POSE_KERNELS": kernels}
    command: list[str | Path] = [
        "cmake",
        "-S",
        sources,
        "-B",
        folder,
        *(f"-D{name}={value}" for name, value in definitions.items()),
    ]
    subprocess.run(command, check=True, capture_output=True)


def compile_in(folder: Path) -> None:
    command = ["cmake", "--build", str(folder), "--target", "pose_runner", "--parallel", str(os.cpu_count() or 1)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def other_inputs(folder: Path) -> None:
    """The default network under another name, and the default pictures, a little darker, under their own."""
    shutil.copy(resolve_model(""), folder / "another_net.tflite")
    (folder / "other_pictures").mkdir()
    for picture in (ROOT / "fixtures" / "images").glob("*.png"):
        pixels = np.asarray(Image.open(picture)) // 8 * 7
        Image.fromarray(pixels.astype(np.uint8)).save(folder / "other_pictures" / picture.name)


def run_mutation(mutation: Mutation, folder: Path, workshop: Workshop) -> SuiteRun:
    """The run with the defect, after the one without it where a mutation has one."""
    other_inputs(folder)
    if mutation.before is not None:
        clean = run_suite(folder, *COMMON, *mutation.before)
        assert clean.exit_code == 0, clean.output
        (folder / "record.json").rename(folder / "before.json")
    options = [*COMMON, *mutation.board, *mutation.options]
    if mutation.edits:
        options.append(f"--pose-firmware={workshop(mutation, folder)}")
    if mutation.mutant:
        options += ["-p", f"tests.mutants.{mutation.mutant}"]
    return run_suite(folder, *options, environment={"PYTHONPATH": str(ROOT)})


def check(mutation: Mutation, done: SuiteRun) -> None:
    """Red, by the check that is named, with its words."""
    assert done.exit_code == 1, done.output
    assert done.record["verdict"] == mutation.verdict, done.output
    jsonschema.validate(done.record, record_schema())
    pattern = ".*".join(re.escape(text) for text in mutation.says)
    reasons = "\n".join(done.record["reasons"])
    assert re.search(pattern, reasons), reasons
    summary = done.output.split("= stm32pose =")[1]
    assert all(text in summary for text in mutation.shows), done.output
    if mutation.channel is not None:
        first = min(divergences(done), key=lambda each: each["op_index"])
        assert first["where"]["channels"] == [[mutation.channel, first["differing"]]]
    red = set(re.findall(r"^(?:FAILED|ERROR) \S+::(\w+)", done.output, re.MULTILINE))
    if mutation.check == "gate":
        assert not red, done.output
        assert done.record["comparison"]["verdict"] == mutation.verdict
    elif mutation.check != "board":
        assert set(mutation.check.split(", ")) <= red, done.output


def divergences(done: SuiteRun) -> list[dict[str, Any]]:
    [model] = done.record["models"]
    return [image["first_divergence"] for image in model["images"] if image["first_divergence"]]


FAST = [mutation for mutation in MUTATIONS if mutation.fast]


@pytest.mark.parametrize("mutation", FAST, ids=lambda mutation: mutation.name)
def test_a_planted_defect_is_named(mutation: Mutation, tmp_path: Path, workshop: Workshop) -> None:
    check(mutation, run_mutation(mutation, tmp_path, workshop))


@pytest.mark.campaign
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_every_planted_defect_is_named(mutation: Mutation, tmp_path: Path, workshop: Workshop) -> None:
    check(mutation, run_mutation(mutation, tmp_path, workshop))


@pytest.mark.campaign
def test_a_copy_without_a_defect_is_green(tmp_path: Path, workshop: Workshop) -> None:
    clean = Mutation("none", ORDER[0], "nothing", "", ())
    elf = workshop(clean, tmp_path)
    assert run_suite(tmp_path, *COMMON, *clean.board, f"--pose-firmware={elf}").exit_code == 0


def test_every_defect_is_planted() -> None:
    assert {mutation.defect for mutation in MUTATIONS} == set(ORDER)
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS)


def test_every_edit_fits_the_sources(tmp_path: Path) -> None:
    for mutation in MUTATIONS:
        for edit in mutation.edits:
            assert (FIRMWARE_DIR / edit.file).read_text().count(edit.old) == 1, (mutation.name, edit.file)


def test_the_document_is_the_table() -> None:
    assert DOCUMENT.read_text() == document(), "run: python -m tests.mutations"
