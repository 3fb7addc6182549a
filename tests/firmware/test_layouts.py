"""`stm32pose models layout` of real images: the tables of docs/layout.md, the command, what an ELF says by itself."""

from __future__ import annotations

import json
import re
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from pytest_stm32pose.boards.catalog import boards
from pytest_stm32pose.cli.main import main
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.firmware.layout import read_layout
from pytest_stm32pose.models.zoo import default_model
from pytest_stm32pose.network.image import parse_image
from pytest_stm32pose.report.arena import arena_svg
from pytest_stm32pose.run.layout import markdown
from tests.firmware.image_facts import read_facts
from tests.firmware.layouts import (
    DEFAULT,
    DOCUMENT,
    PICTURE,
    UPDATE,
    compiled,
    layout_of,
    model_file,
    shown,
    steady_rows,
    table_in,
)
from tests.firmware.sizes import variants_under_test

pytestmark = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")


@pytest.mark.parametrize(("network", "board"), shown())
def test_the_documents_table_is_the_boards(network: str, board: str) -> None:
    if model_file(network) is None:
        pytest.skip(f"{network} is not here")
    layout = layout_of(network, board)
    told = table_in(DOCUMENT.read_text(encoding="utf-8"), network, board)
    assert steady_rows(told, layout) == steady_rows(markdown(layout), layout), f"make it anew: {UPDATE}"
    for clause in layout.misfits:
        assert clause in told


def test_the_documents_picture_is_the_default_networks() -> None:
    assert PICTURE.read_text(encoding="utf-8") == arena_svg(compiled(DEFAULT)), f"make it anew: {UPDATE}"


@pytest.mark.parametrize("variant", variants_under_test(), ids=str)
def test_an_image_without_debugging_data_says_what_they_say(variant: object) -> None:
    """image_facts.py reads struct pose_board_info by the names of its members; the package by their order."""
    image = variant.build()  # type: ignore[attr-defined]
    facts, layout = read_facts(image), read_layout(image)
    assert (layout.name, layout.mcu) == (facts.info.name, facts.info.mcu)
    for mine, other in zip(
        (layout.network, layout.arena, layout.slots, layout.mailbox),
        (facts.info.network, facts.info.arena, facts.info.slots, facts.info.mailbox),
        strict=True,
    ):
        assert (mine.start, mine.end) == (other.start, other.end)
    stack = next(part for part in layout.parts if part.what == "stack")
    assert (stack.start, stack.end) == (facts.stack.start, facts.stack.end)
    loaded = sum(part.bytes for part in layout.parts if part.what != "stack" and "zero" not in part.what)
    initial = sum(part.bytes for part in layout.parts if part.what.startswith("initial values"))
    assert initial > 0
    assert sum(area.end - area.start for area in facts.loaded) - (loaded - initial) in range(64), "but for alignment"


@pytest.mark.parametrize("name", [name for name, spec in boards().items() if spec.kernels != "mve"])
def test_every_byte_of_every_board_has_one_row(name: str) -> None:
    layout = layout_of(DEFAULT, name)
    assert not layout.outside
    assert not layout.misfits
    for memory in layout.memories:
        at = memory.start
        for row in memory.rows:
            assert row.start == at, f"{memory.name}: {row}"
            at = row.end
        assert at == memory.start + memory.bytes


def test_the_command_prints_writes_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawing = tmp_path / "arena.svg"
    command = ["models", "layout", str(default_model()), "--board=qemu-m55,f405"]
    assert main([*command, f"--svg={drawing}"]) == 0
    said = capsys.readouterr().out
    assert "ddr (ram) at 0x60000000: 285,212,672 bytes" in said
    assert re.search(r"^  0x71000000 +208  network image: header$", said, re.MULTILINE)
    assert re.search(r"^  0x20005400 +27,648  input slot 1 of 1: one picture$", said, re.MULTILINE)
    assert said.count("everything fits") == 2
    assert ET.fromstring(drawing.read_text(encoding="utf-8")).tag == "{http://www.w3.org/2000/svg}svg"
    assert main([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [each["board"] for each in told] == ["qemu-m55", "f405"]
    network = parse_image(compiled(DEFAULT).image)
    assert sum(row["bytes"] for memory in told[0]["memories"] for row in memory["rows"] if "image:" in row["what"]) == (
        network.image_bytes
    )
    assert max(block["offset"] + block["bytes"] for block in told[0]["arena"]) <= network.arena_bytes


def test_a_network_that_does_not_fit_is_told_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "boards.toml").write_text(
        '[small]\nlike = "qemu-f405"\nnetwork = { address = 0x08020000, bytes = 0x8000 }\n'
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STM32POSE_BOARDS_FILE", str(tmp_path / "boards.toml"))
        assert main(["models", "layout", str(default_model()), "--board=small", "--pose-plan=plain"]) == 1
    said = capsys.readouterr().out
    assert "too small for tensors and scratch of" in said
    assert "does not fit: the arena needs" in said
    assert "the network image needs 106,416 bytes, its network area has 32,768" in said
    assert "too small for network image: 106,416 bytes" in said


def test_what_is_no_pose_runner_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "other.elf"
    for content, why in ((b"no ELF", "other.elf is not a valid ELF file"), (None, "other.elf cannot be read")):
        file.unlink(missing_ok=True)
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(ConfigError, match=why):
            read_layout(file)
    shutil.copy(shutil.which("true") or "/bin/true", file)
    with pytest.raises(ConfigError, match="is no pose runner, or has no symbols"):
        read_layout(file)
    assert main(["models", "layout", str(default_model()), "--board=f405", f"--pose-firmware={file}"]) == 2
    assert "Traceback" not in capsys.readouterr().err
