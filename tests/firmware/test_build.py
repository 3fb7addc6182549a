"""The build: reproducible, quiet, locked, and clear when something is missing."""

from __future__ import annotations

import shutil
import subprocess
import threading
import zlib
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from pytest_stm32pose.boards.catalog import boards
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.firmware import build

needs_arm = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the firmware in another place."""
    copy = tmp_path / "elsewhere"
    shutil.copytree(build.FIRMWARE_DIR, copy / "firmware")
    monkeypatch.setattr(build, "CHECKOUT_DIR", copy)
    monkeypatch.setattr(build, "FIRMWARE_DIR", copy / "firmware")
    return copy


def test_a_core_builds_only_what_it_can_run() -> None:
    assert build.board_kernel_sets("qemu/mps3_an547") == ("ref", "dsp", "mve")
    with pytest.raises(ConfigError, match="qemu/mps2_an500 cannot run kernel set 'mve'"):
        build.build_firmware("qemu/mps2_an500", "mve")
    with pytest.raises(ConfigError, match="host cannot run kernel set 'mve'"):
        build.build_host_library("mve")


@needs_arm
def test_only_the_helium_set_uses_helium() -> None:
    for kernels in ("dsp", "mve"):
        elf = build.build_firmware("qemu/mps3_an547", kernels)
        said = subprocess.run(["arm-none-eabi-readelf", "-A", elf], capture_output=True, text=True, check=True).stdout
        assert ("Tag_MVE_arch" in said) == (kernels == "mve")


@needs_arm
def test_the_bytes_do_not_depend_on_the_folder(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = build.build_firmware("qemu/mps3_an547", "ref").read_bytes()
    moved = checkout.parent / "a-longer-name-for-the-same-checkout"
    checkout.rename(moved)
    monkeypatch.setattr(build, "CHECKOUT_DIR", moved)
    monkeypatch.setattr(build, "FIRMWARE_DIR", moved / "firmware")
    assert build.build_firmware("qemu/mps3_an547", "ref").read_bytes() == here


def test_a_changed_source_changes_the_build_id(checkout: Path) -> None:
    library = build.build_host_library("ref")
    first = _build_id(library)
    said: list[str] = []
    assert build.build_host_library("ref", progress=said.append) == library
    assert said == [], "nothing had changed"
    source = checkout / "firmware" / "protocol" / "crc32.c"
    source.write_text(source.read_text(encoding="utf-8") + "\n/* changed */\n", encoding="utf-8")
    build.build_host_library("ref", progress=said.append)
    assert said == ["building host library (ref) ..."]
    assert _build_id(library) != first


def _build_id(library: Path) -> str:
    return (library.parent / "build_id.c").read_text(encoding="utf-8")


def test_a_moved_checkout_builds_again(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build.build_host_library("ref")
    moved = checkout.parent / "moved"
    checkout.rename(moved)
    monkeypatch.setattr(build, "CHECKOUT_DIR", moved)
    monkeypatch.setattr(build, "FIRMWARE_DIR", moved / "firmware")
    assert build.build_host_library("ref").is_file()


def test_two_builders_at_once(checkout: Path) -> None:
    errors: list[BaseException] = []

    def work() -> None:
        try:
            assert build.build_host_library("ref").is_file()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


def test_a_source_that_does_not_compile_shows_the_compilers_words(checkout: Path) -> None:
    (checkout / "firmware" / "protocol" / "broken.c").write_text("int broken(void) { return nonsense; }\n")
    with pytest.raises(ConfigError, match=r"host library \(ref\) failed") as caught:
        build.build_host_library("ref")
    assert "nonsense" in str(caught.value)
    assert len(str(caught.value).splitlines()) < 60


@needs_arm
def test_a_heap_does_not_link(checkout: Path) -> None:
    source = checkout / "firmware" / "boards" / "common" / "systick.c"
    text = source.read_text(encoding="utf-8")
    source.write_text(
        "#include <stdlib.h>\n" + text.replace("periods = periods + 1u;", "periods = (uint32_t)(uintptr_t)malloc(4);"),
        encoding="utf-8",
    )
    with pytest.raises(ConfigError, match="_sbrk"):
        build.build_firmware("qemu/mps3_an547", "ref")


@pytest.mark.parametrize(
    ("tool", "package"), [("cmake", "apt-get install cmake"), ("arm-none-eabi-gcc", "gcc-arm-none-eabi")]
)
def test_missing_tools_are_named_with_their_package(tool: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None if name == tool else which(name, path=path))
    with pytest.raises(ConfigError, match=f"{tool} is missing.*{package}"):
        build.build_firmware("qemu/mps3_an547", "ref")


def test_make_is_enough(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None if name == "ninja" else which(name, path=path))
    assert build.build_host_library("ref").is_file()
    assert (checkout / "build" / "host-ref-runtime" / "Makefile").is_file()


def test_wrong_names_are_answered_with_the_right_ones() -> None:
    with pytest.raises(ConfigError, match=r"'qemu/nope'.*qemu/mps3_an547"):
        build.build_firmware("qemu/nope", "ref")
    with pytest.raises(ConfigError, match=r"'fast'.*ref, dsp"):
        build.build_host_library("fast")
    with pytest.raises(ConfigError, match=r"'nope'.*runtime"):
        build.build_host_library("ref", backend="nope")


def test_an_installed_package_uses_its_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "FIRMWARE_DIR", tmp_path / "nothing")
    monkeypatch.setattr(build, "IMAGES_DIR", tmp_path)
    image = tmp_path / "qemu-mps3_an547-mve.elf"
    image.write_bytes(b"")
    assert build.firmware_for("qemu-m55-mve", "qemu/mps3_an547", "mve") == image
    with pytest.raises(ConfigError, match="it carries: qemu-mps3_an547-mve"):
        build.firmware_for("qemu-m55", "qemu/mps3_an547", "ref")
    with pytest.raises(ConfigError, match=r"usual clock of qemu-m55-mve only, none for --clock=hsi.*from a checkout"):
        build.firmware_for("qemu-m55-mve", "qemu/mps3_an547", "mve", clock="hsi")
    with pytest.raises(ConfigError, match="no firmware sources"):
        build.build_host_library("ref")


@needs_arm
def test_the_wheel_carries_every_board_and_kernel_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled by tests/plugin/test_install.py; here, which images there are, and that all are asked for."""
    asked: list[tuple[str, str]] = []

    def built(folder: str, kernels: str) -> Path:
        asked.append((folder, kernels))
        return Path(folder) / kernels

    monkeypatch.setattr(build, "build_firmware", built)
    images = build.build_packaged_images()
    assert images == {build.packaged_name(*each): Path(*each) for each in asked}
    assert len(images) == len(asked) == len(set(asked))
    for spec in boards().values():
        assert build.packaged_name(spec.firmware, spec.kernels) in images, spec.name
        assert {(spec.firmware, kernels) for kernels in build.board_kernel_sets(spec.firmware)} <= set(asked)


@needs_arm
def test_an_image_that_does_not_build_ends_the_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    def built(folder: str, kernels: str) -> Path:
        if folder == "stm32f4/f405":
            raise ConfigError("no room")
        return Path(folder)

    monkeypatch.setattr(build, "build_firmware", built)
    with pytest.raises(ConfigError, match="no room"):
        build.build_packaged_images()


@needs_arm
def test_what_debuggers_want_lies_beside_the_image() -> None:
    """Not in it: the wheel carries the image. The link names the file and its CRC-32, by which gdb takes it."""
    image = build.build_firmware("qemu/mps3_an547", "ref")
    beside = image.with_suffix(".debug")
    with image.open("rb") as file, beside.open("rb") as debug_file:
        elf, debug = ELFFile(file), ELFFile(debug_file)
        named = [section.name for section in elf.iter_sections()]
        assert not [name for name in named if name.startswith(".debug")]
        assert {".symtab", ".ARM.attributes", ".gnu_debuglink"} <= set(named)
        assert debug.has_dwarf_info()
        section = elf.get_section_by_name(".gnu_debuglink")
        assert section is not None
        link = section.data()
    assert link.startswith(beside.name.encode() + b"\0")
    assert int.from_bytes(link[-4:], "little") == zlib.crc32(beside.read_bytes())


def test_clocks_are_the_boards() -> None:
    assert build.board_clocks("stm32n6/n6570_dk") == ("600", "800", "hsi")
    assert build.board_clocks("stm32h7/nucleo_h743zi2") == build.board_clocks("stm32f4/f405") == ("max", "hsi")
    assert build.board_clocks("qemu/mps2_an500") == ()
    with pytest.raises(ConfigError, match="no clock '600'"):
        build.build_firmware("stm32h7/nucleo_h743zi2", "dsp", clock="600")
    with pytest.raises(ConfigError, match="has no clock 'hsi'"):
        build.build_firmware("qemu/mps2_an500", "dsp", clock="hsi")
