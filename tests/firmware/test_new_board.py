"""A board is one folder and one entry: copies of boards under new names build and run, with nothing else touched."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.firmware import board_sources, build
from pytest_stm32pose.firmware.layout import read_layout
from pytest_stm32pose.models.zoo import default_model
from pytest_stm32pose.network.compile import compile_model
from pytest_stm32pose.run.layout import board_layout
from tests.support import children

pytestmark = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The firmware in another place, where boards may be added."""
    copy = tmp_path_factory.mktemp("checkout")
    shutil.copytree(build.FIRMWARE_DIR, copy / "firmware")
    return copy


@pytest.fixture(autouse=True)
def built_there(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "CHECKOUT_DIR", checkout)
    monkeypatch.setattr(build, "FIRMWARE_DIR", checkout / "firmware")


def added(checkout: Path, like: str, name: str, folder: str) -> Path:
    """What a newcomer does: a copy of the folder of the catalog's board `like`, and an entry. Returns boards.toml."""
    old = board_spec(like).firmware
    new = checkout / "firmware" / "boards" / folder
    shutil.copytree(checkout / "firmware" / "boards" / old, new)
    for file in new.iterdir():
        text = file.read_text(encoding="utf-8").replace(f"boards/{old}/", f"boards/{folder}/")
        file.write_text(text.replace(f'"{like}"', f'"{name}"'), encoding="utf-8")
    entry = checkout / f"{name}.toml"
    entry.write_text(f'[{name}]\nlike = "{like}"\nfirmware = "{folder}"\n', encoding="utf-8")
    return entry


def test_a_board_of_a_family_that_there_is(checkout: Path) -> None:
    entry = added(checkout, "h7", "acme-h7", "stm32h7/acme")
    spec = board_spec("acme-h7", entry)
    assert "stm32h7/acme" in build.board_folders()
    assert build.board_kernel_sets(spec.firmware) == ("ref", "dsp")
    assert build.board_clocks(spec.firmware) == ("max", "hsi")
    assert board_sources.core_number(checkout / "firmware" / "boards" / spec.firmware) == "7"
    image = read_layout(build.firmware_for(spec.name, spec.firmware, spec.kernels))
    assert (image.name, image.mcu) == ("acme-h7", "stm32h743zi")
    layout = board_layout(spec, image, compile_model(default_model()))
    assert (layout.misfits, layout.outside) == ((), ())


def test_a_board_of_a_new_family_runs(checkout: Path, tmp_path: Path) -> None:
    """What it takes from other folders is named in its board.cmake."""
    entry = added(checkout, "qemu-m7", "acme-m7", "acme/an500")
    spec = board_spec("acme-m7", entry)
    image = build.firmware_for(spec.name, spec.firmware, spec.kernels)
    assert read_layout(image).name == "acme-m7"
    suite = [sys.executable, "-m", "pytest", "--pyargs", "pytest_stm32pose.suite", "-p", "no:cacheprovider"]
    chosen = ["-k", "test_1_board or figure_0", "--board=acme-m7"]
    command = [*suite, *chosen, f"--pose-boards-file={entry}", f"--pose-firmware={image}"]
    done = children.run(command, cwd=tmp_path, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "verdict: passed" in done.stdout


def test_the_build_id_covers_what_a_board_takes_from_elsewhere(checkout: Path) -> None:
    added(checkout, "qemu-m7", "other-m7", "other/an500")
    built_id = build.build_firmware("other/an500", "ref").parent / "build_id.c"
    before = built_id.read_text(encoding="utf-8")
    for place in ("boards/qemu/mps.h", "boards/other/family.h", "boards/other/an500/board.ld"):
        file = checkout / "firmware" / place
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        file.write_text(f"{text}\n/* changed */\n", encoding="utf-8")
        build.build_firmware("other/an500", "ref")
        after = built_id.read_text(encoding="utf-8")
        assert after != before, place
        before = after
