"""Every gate is proved able to fail: defects planted in the real system make the verdict red, and are named.

The firmware is copied and built once per kernel set; a defect recompiles what it changes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image

from pytest_stm32pose.firmware.build import FIRMWARE_DIR
from pytest_stm32pose.models.zoo import resolve_model
from pytest_stm32pose.record.read import record_schema
from tests.mutants.other_sources import VARIABLE
from tests.mutation import COMMON, REFUSED, Edit, Mutation
from tests.mutations import DOCUMENT, MUTATIONS, ORDER, ROOT, document
from tests.virtual.suite_run import SUITE, SuiteRun, run_in, run_suite

#: Of a run with tests of one's own.
OWN_TESTS = "test_own.py"


class Workshop:
    """A copy of the firmware's sources, for defects that are planted in them, one at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._sources = folder / "firmware"
        shutil.copytree(FIRMWARE_DIR, self._sources)

    @contextmanager
    def planted(self, mutation: Mutation) -> Iterator[None]:
        """The copy has the mutation's defect meanwhile."""
        kept = {edit.file: (self._sources / edit.file).read_text() for edit in mutation.edits}
        try:
            for edit in mutation.edits:
                plant(edit, self._sources)
            yield
        finally:
            for file, text in kept.items():
                (self._sources / file).write_text(text)

    def build(self, mutation: Mutation, folder: Path) -> Path:
        """The firmware of a mutation, an ELF in that folder."""
        built = self.folder / f"build-{mutation.kernels}"
        if not built.exists():
            configure(self._sources, built, mutation.kernels)
            compile_in(built)
        with self.planted(mutation):
            compile_in(built)
        return Path(shutil.copy(built / "pose_runner.elf", folder / "mutant.elf"))


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("mutants"))


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
    """The default network under another name, in another file (a byte more that nobody reads) under its own, and the
    default pictures, a little darker, under their own."""
    default = resolve_model("")
    shutil.copy(default, folder / "another_net.tflite")
    (folder / "release").mkdir()
    (folder / "release" / default.name).write_bytes(default.read_bytes() + b"\0")
    (folder / "other_pictures").mkdir()
    for picture in (ROOT / "fixtures" / "images").glob("*.png"):
        pixels = np.asarray(Image.open(picture)) // 8 * 7
        Image.fromarray(pixels.astype(np.uint8)).save(folder / "other_pictures" / picture.name)


def run_mutation(mutation: Mutation, folder: Path, workshop: Workshop) -> SuiteRun:
    """The run with the defect, after the one without it where a mutation has one."""
    if mutation.project_test:
        return run_project_test(mutation, workshop)
    other_inputs(folder)
    tests = (OWN_TESTS,) if mutation.own_tests else SUITE
    if mutation.own_tests:
        (folder / OWN_TESTS).write_text(mutation.own_tests)
    if mutation.before is not None:
        clean = run_suite(folder, *COMMON, *mutation.before, tests=tests)
        assert clean.exit_code == 0, clean.output
        (folder / "record.json").rename(folder / "before.json")
    if mutation.prepare:
        mutation.prepare(folder)
    options = [*COMMON, *mutation.board, *mutation.options]
    if mutation.edits:
        options.append(f"--pose-firmware={workshop.build(mutation, folder)}")
    if mutation.mutant:
        options += ["-p", f"tests.mutants.{mutation.mutant}"]
    done = run_suite(folder, *options, environment={"PYTHONPATH": str(ROOT)}, tests=tests)
    command = [sys.executable, "-m", "pytest_stm32pose.cli.main", *mutation.command]
    return run_in(folder, command) if mutation.command else done


def run_project_test(mutation: Mutation, workshop: Workshop) -> SuiteRun:
    """A test of this project, on what is built from the sources with the defect, or with the mutant."""
    plugin = f"tests.mutants.{mutation.mutant or 'other_sources'}"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", plugin, "-x", mutation.project_test]
    with workshop.planted(mutation):
        return run_in(ROOT, command, {VARIABLE: str(workshop.folder)})


def check(mutation: Mutation, done: SuiteRun) -> None:
    """Red, by the check that is named, with its words."""
    assert done.exit_code == mutation.exit_code, done.output
    reasons = "\n".join(done.record["reasons"]) if mutation.has_record else done.output
    pattern = ".*".join(re.escape(text) for text in mutation.says)
    assert re.search(pattern, reasons), reasons
    red = set(re.findall(r"^(?:FAILED|ERROR) \S+::(\w+)", done.output, re.MULTILINE))
    if mutation.has_record:
        check_record(mutation, done)
    else:
        assert not done.record, done.output
        assert mutation.verdict != REFUSED or "Traceback" not in done.output, done.output
    if mutation.check in ("gate", "run", "collection"):
        assert not red, done.output
    elif mutation.check != "board" and not mutation.command:
        assert set(mutation.check.split(", ")) <= red, done.output


def check_record(mutation: Mutation, done: SuiteRun) -> None:
    """Its verdict, and what else the run shows."""
    assert done.record["verdict"] == mutation.verdict, done.output
    jsonschema.validate(done.record, record_schema())
    summary = done.output.split("= stm32pose =")[1]
    assert all(text in summary for text in mutation.shows), done.output
    if mutation.channel is not None:
        first = min(divergences(done), key=lambda each: each["op_index"])
        assert first["where"]["channels"] == [[mutation.channel, first["differing"]]]
    if mutation.check == "gate":
        compared = done.record["comparison"]
        assert compared["closed"]
        assert compared["verdict"] in (mutation.verdict, "unclear"), done.output


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
    elf = workshop.build(clean, tmp_path)
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
