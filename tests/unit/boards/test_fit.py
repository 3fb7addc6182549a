"""What is known from files and the catalog against running a network, or a firmware, on a board."""

from __future__ import annotations

import math
import re
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from intelhex import IntelHex

from pytest_stm32pose.boards.catalog import BoardSpec, board_spec, boards
from pytest_stm32pose.boards.fit import check_fit, fit_line, misfits
from pytest_stm32pose.boards.image_check import check_firmware
from pytest_stm32pose.errors import ConfigError, ModelError
from pytest_stm32pose.families import Meaning
from pytest_stm32pose.firmware.build import CHECKOUT_DIR, FIRMWARE_DIR
from pytest_stm32pose.judge.budget import parse_budgets
from pytest_stm32pose.models.zoo import ALL, default_model, find_model, rows_of
from pytest_stm32pose.network.compile import CompiledNetwork, compile_bytes, compile_model
from pytest_stm32pose.run.inputs import RunInputs
from pytest_stm32pose.settings import Settings
from pytest_stm32pose.types import Decoding, NetworkDescription
from tests.firmware.large_input import large_network
from tests.firmware.tiny_yolo import tiny_yolo


@pytest.fixture(scope="module")
def network() -> CompiledNetwork:
    return compile_model(default_model())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"input_shape": (840, 840, 3)},
            ["input needs 2,116,800 bytes", "slots hold 2,097,088 (at most 836 x 836 x 3)"],
        ),
        (
            {"input_shape": (840, 840, 1), "input_dtype": "float32"},
            ["input needs 2,822,400 bytes", "slots hold 2,097,088 (at most 724 x 724 x 1)"],
        ),
        ({"activation_bytes": 5 << 20}, ["arena needs 5,242,880 bytes", "has 4,194,304"]),
        ({"network_image_bytes": 17 << 20}, ["network image needs 17,825,792 bytes", "has 16,777,216"]),
    ],
)
def test_a_network_that_is_larger_than_the_board_is_refused(
    network: CompiledNetwork, change: dict[str, object], words: list[str]
) -> None:
    spec, description = board_spec("qemu-m55"), network.description
    check_fit(spec, description)
    assert misfits(spec, description) == []
    with pytest.raises(ModelError) as caught:
        check_fit(spec, replace(description, **change))  # type: ignore[arg-type]
    for word in ("stick_pose_96_int8 does not fit qemu-m55", *words):
        assert word in str(caught.value)
    assert caught.value.remedy


def test_every_size_that_is_too_large_is_named(network: CompiledNetwork) -> None:
    large = replace(network.description, input_shape=(320, 320, 3), activation_bytes=5 << 20)
    assert len(misfits(board_spec("qemu-f405"), large)) == 2
    unknown = replace(board_spec("qemu-f405"), slot_bytes=0, arena_bytes=0)
    assert misfits(unknown, large) == []
    assert "an unknown number of bytes" in fit_line(unknown, large)


def test_the_exact_size_fits(network: CompiledNetwork) -> None:
    spec, needed = board_spec("qemu-f405"), 96 * 96 * 3
    assert spec.slot_bytes == needed
    assert misfits(spec, network.description) == []
    assert len(misfits(replace(spec, slot_bytes=needed - 1), network.description)) == 1


@pytest.mark.parametrize(
    ("name", "fits", "too_large"),
    [("qemu-m55", 320, 1024), ("qemu-m7", 320, 1024), ("n6", 320, 448), ("n6-nucleo", 320, 448), ("h7", 256, 320),
     ("h747", 640, 1280), ("h7s78", 192, 224), ("f405", 96, 128)],
)  # fmt: skip
def test_inputs_of_published_networks_fit(name: str, fits: int, too_large: int, network: CompiledNetwork) -> None:
    """One input slot is enough; a firmware has two where two inputs fit."""
    for side, clauses in ((fits, 0), (too_large, 1)):
        described = replace(network.description, input_shape=(side, side, 3), activation_bytes=0)
        assert len(misfits(board_spec(name), described)) == clauses


#: Zoo rows of the table that is reproduced: bytes of the network image and of the arena, as compiled here.
PUBLISHED = {
    "st_movenet_lightning_heatmaps_192": (192, 2_455_648, 328_672),
    "movenet_lightning_heatmaps_192": (192, 2_456_080, 328_672),
    "movenet_lightning_heatmaps_224": (224, 2_456_080, 391_488),
    "movenet_lightning_heatmaps_256": (256, 2_456_080, 457_376),
    "movenet_lightning_192": (192, 2_490_576, 470_016),
    "movenet_thunder_256": (256, 6_523_792, 986_112),
    "yolov8n_pose_256_pc": (256, 3_400_864, 442_368),
    "yolov8n_pose_256_pt": (256, 3_397_024, 442_368),
}


def published(network: CompiledNetwork, name: str) -> NetworkDescription:
    """A description of the row's sizes, for machines without the files."""
    side, image, arena = PUBLISHED[name]
    shape = (side, side, 3)
    return replace(network.description, name=name, input_shape=shape, network_image_bytes=image, activation_bytes=arena)


def test_the_table_of_published_networks_is_the_files() -> None:
    """All eight rows, from the files themselves: on n6 and h747 every one fits."""
    rows = rows_of(ALL)
    assert sorted(rows) == sorted(PUBLISHED)
    found = [(row, path) for row in rows if (path := find_model(row)) is not None]
    if not found:
        pytest.skip("the published networks are not on this machine (STM32POSE_DATA)")
    for row, path in found:
        described = compile_model(path).description
        sizes = described.input_shape[0], described.network_image_bytes, described.activation_bytes
        assert sizes == PUBLISHED[row], row
        for board in ("n6", "n6-nucleo", "h747"):
            assert misfits(board_spec(board), described) == [], board


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_published_network_fits_n6_and_h747_and_h7_says_why_not(network: CompiledNetwork, name: str) -> None:
    described = published(network, name)
    for board in ("n6", "n6-nucleo", "h747"):
        check_fit(board_spec(board), described)
    with pytest.raises(ModelError) as caught:
        check_fit(board_spec("h7"), described)
    thunder = name == "movenet_thunder_256"
    arena = "the arena needs 986,112 bytes, its arena has 524,288; " if thunder else ""
    image = f"the network image needs {PUBLISHED[name][1]:,} bytes, its network area has 1,966,080"
    assert caught.value.message == f"{name} does not fit h7: {arena}{image}."
    less = "a smaller input and fewer weights" if thunder else "fewer weights"
    assert caught.value.remedy == f"Use a network with {less}, or a larger board (h747, n6, n6-nucleo)."


@pytest.mark.parametrize(
    ("board", "change", "remedy"),
    [
        ("h7", {"input_shape": (320, 320, 3)}, "a smaller input, or a larger board (h747, n6, n6-nucleo)."),
        ("n6", {"input_shape": (640, 640, 3)}, "a smaller input, or a larger board (h747)."),
        ("h747", {"network_image_bytes": 17 << 20}, "fewer weights, or a larger board."),
        (
            "f405",
            {"family": "landmarks", "keypoints": 468},
            "another network, or a larger board (h7, h747, h7s78, n6, n6-nucleo).",
        ),
        (
            "h7",
            {"network_image_bytes": 3 << 20, "activation_bytes": 3 << 20},
            "fewer weights, or a larger board (h747, n6).",
        ),
    ],
)
def test_the_remedy_names_what_would_help(
    network: CompiledNetwork, board: str, change: dict[str, object], remedy: str
) -> None:
    with pytest.raises(ModelError) as caught:
        check_fit(board_spec(board), replace(network.description, **change))  # type: ignore[arg-type]
    assert caught.value.remedy.endswith(remedy)


def inspect(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest_stm32pose.cli", "models", "inspect", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_inspect_says_whether_it_fits_a_board(tmp_path: Path) -> None:
    good = inspect(str(default_model()), "--board=qemu-m55,qemu-f405", "--board=h7")
    assert good.returncode == 0, good.stderr
    fits = [line for line in good.stdout.splitlines() if ": fits: " in line]
    assert [line.split(":")[0] for line in fits] == ["qemu-m55", "qemu-f405", "h7"]
    assert "input 27,648 of 27,648 bytes" in fits[1]
    wide = tmp_path / "wide.tflite"
    wide.write_bytes(tiny_yolo(17, 9600))  # 56 x 3200 x 3: too much for the input slots
    bad = inspect(str(wide), "--board=n6", "--pose-family=yolo")
    assert bad.returncode == 1
    too_large = "n6: does not fit: the input needs 537,600 bytes, its input slots hold 524,288 (at most 418 x 418 x 3)"
    assert too_large in bad.stdout
    assert inspect(str(wide), "--pose-family=yolo").returncode == 0
    nobody = inspect(str(wide), "--board=n7")
    assert (nobody.returncode, "Traceback" in nobody.stderr) == (2, False)


def test_the_run_refuses_before_a_board_is_taken(tmp_path: Path) -> None:
    wide = tmp_path / "wide.tflite"
    wide.write_bytes(tiny_yolo(17, 9600))
    inputs = RunInputs(Settings(boards=("n6",), family="yolo"), tmp_path)
    with pytest.raises(ModelError, match="does not fit n6"):
        inputs.check_networks([str(wide)])
    with pytest.raises(ModelError, match="columns"):
        RunInputs(Settings(boards=("qemu-m55",)), tmp_path).check_networks([str(wide)])
    RunInputs(Settings(boards=("h7",), family="yolo", backend="st-validation"), tmp_path).check_networks([str(wide)])


def test_a_linked_network_leaves_less_room_for_inputs(tmp_path: Path) -> None:
    model = tmp_path / "wide.tflite"
    model.write_bytes(large_network(320))
    for backend in ("runtime", "aton", "stedgeai"):
        inputs = RunInputs(Settings(boards=("n6",), family="none", backend=backend), tmp_path)
        if backend == "runtime":
            inputs.check_networks([str(model)])
            continue
        with pytest.raises(ModelError, match=r"slots hold 262,144 \(at most 295 x 295 x 3\)"):
            inputs.check_networks([str(model)])


def test_the_table_of_the_documentation_is_the_catalogs() -> None:
    """Squares of three bytes a pixel: of the whole block, and of half of it in whole lines of the data cache."""
    text = (CHECKOUT_DIR / "docs" / "networks.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]+) \| (\d+) x (\d+) \| (\d+) x (\d+) \|$", text, re.MULTILINE)
    told = {name: tuple(map(int, sides)) for names, *sides in rows for name in re.findall(r"`([\w-]+)`", names)}
    hardware = {name: spec for name, spec in boards().items() if name in told}
    assert len(hardware) == 9
    for name, spec in hardware.items():
        one, two = math.isqrt(spec.slot_bytes // 3), math.isqrt(spec.slot_bytes // 64 * 32 // 3)
        assert told[name] == (one, one, two, two)


def test_budgets_on_keypoints_that_there_are_none_of_are_refused(tmp_path: Path) -> None:
    for name in ("oks_vs_golden_min", "oks_vs_truth_min", "map50_vs_truth_min", "keypoint_error_px_max"):
        settings = Settings(boards=("qemu-m55",), family="none", budgets=("tensor_lsb_max=0", f"{name}=0.5"))
        with pytest.raises(ConfigError, match=f"no keypoints .* so {name} cannot be judged"):
            RunInputs(settings, tmp_path).check_networks([""])
    settings = Settings(boards=("qemu-m55",), family="none", budgets=("tensor_lsb_max=0",))
    RunInputs(settings, tmp_path).check_networks([""])
    assert parse_budgets({"tensor_lsb_max": 0})


def test_labels_of_other_keypoints_are_refused_before_a_board_is_taken(tmp_path: Path, fixtures_dir: Path) -> None:
    model = tmp_path / "many.tflite"
    model.write_bytes(tiny_yolo(18, 300))
    labels = fixtures_dir / "images" / "keypoints.json"
    with pytest.raises(ModelError, match=r"18 keypoints, the labels of the pictures have \d+"):
        RunInputs(Settings(boards=("qemu-m55",), family="yolo", images=labels), tmp_path).check_networks([str(model)])
    RunInputs(Settings(boards=("qemu-m55",), family="none", images=labels), tmp_path).check_networks([str(model)])


def test_the_meaning_changes_the_decoding_of_an_image_and_its_checksum() -> None:
    data = tiny_yolo(17, 300)
    one, other = (compile_bytes(data, "net", meaning=each).image for each in (Meaning("yolo", 17), Meaning("none", 0)))
    assert (one[184:188], other[184:208]) == (b"\x03\x03\x11\0", bytes(24))
    assert one[:12] + one[16:184] + one[208:] == other[:12] + other[16:184] + other[208:]


def test_persons_that_the_answer_has_no_room_for_are_refused(network: CompiledNetwork) -> None:
    small, large = board_spec("qemu-f405"), board_spec("qemu-m55")
    yolo = replace(network.description, family="yolo", keypoints=17)
    assert misfits(large, yolo) == []
    with pytest.raises(ModelError, match=r"100 persons of 17 keypoints .* hold 15 \(--pose-max-persons=15\)"):
        check_fit(small, yolo)
    check_fit(small, replace(yolo, decoding=Decoding(max_persons=15)))
    head = replace(network.description, family="landmarks", keypoints=468)
    assert misfits(large, head) == []
    with pytest.raises(ModelError, match="a person of 468 keypoints is more than its answers hold"):
        check_fit(small, head)
    assert misfits(small, replace(head, keypoints=82)) == []
    assert misfits(small, replace(head, keypoints=83)) != []
    assert misfits(small, replace(head, family="none", keypoints=0)) == []


def test_the_catalog_has_the_room_of_every_firmware() -> None:
    for spec in boards().values():
        text = (FIRMWARE_DIR / "boards" / spec.firmware / "board.cmake").read_text(encoding="utf-8")
        told = {name: int(value) for name, value in re.findall(r"-DPOSE_(MAX_PERSONS|SERIAL_MAX_MESSAGE)=(\d+)u", text)}
        room = told.get("MAX_PERSONS", 100), told.get("SERIAL_MAX_MESSAGE", 8192)
        assert room == (spec.persons, spec.message_bytes)


# --- firmware ---


def vectors(stack: int, reset: int) -> bytes:
    return struct.pack("<2I", stack, reset).ljust(64, b"\0")


def hex_file(path: Path, address: int, data: bytes) -> Path:
    image = IntelHex()
    image.frombytes(data, address)
    image.tofile(str(path), "hex")
    return path


GOOD = {"qemu-m55": (0x0, 0x20001000), "qemu-f405": (0x08000000, 0x20001000), "n6": (0x34000400, 0x30001000)}


@pytest.mark.parametrize("board", GOOD)
def test_a_firmware_of_the_boards_memory_is_taken(board: str, tmp_path: Path) -> None:
    address, stack = GOOD[board]
    check_firmware(hex_file(tmp_path / "good.hex", address, vectors(stack, address + 0x21)), board_spec(board))


@pytest.mark.parametrize(
    ("board", "address", "stack", "reset", "words"),
    [
        ("qemu-m55", 0x08000000, 0x20001000, 0x08000021, "outside the memory of qemu-m55"),
        ("qemu-f405", 0x34000400, 0x30001000, 0x34000421, "outside the memory of qemu-f405"),
        ("qemu-f405", 0x08020000, 0x20001000, 0x08020021, "no vector table at 0x08000000"),
        ("qemu-f405", 0x08000000, 0x20001000, 0x08000020, "reset vector 0x08000020"),
        ("qemu-f405", 0x08000000, 0x20001000, 0x08004001, "reset vector 0x08004001"),
        ("qemu-f405", 0x08000000, 0, 0x08000021, "which is no stack"),
        ("qemu-m55", 0x0, 0x20001001, 0x21, "which is no stack"),
    ],
)
def test_a_firmware_for_something_else_is_refused(
    board: str, address: int, stack: int, reset: int, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=f"firmware for {board}") as caught:
        check_firmware(hex_file(tmp_path / "other.hex", address, vectors(stack, reset)), board_spec(board))
    assert words in str(caught.value)
    assert f"stm32pose build --board={board}" in str(caught.value)


def test_a_binary_lies_where_the_core_starts(tmp_path: Path) -> None:
    path, spec = tmp_path / "raw.bin", board_spec("qemu-f405")
    path.write_bytes(vectors(0x20001000, 0x08000021))
    check_firmware(path, spec)
    path.write_bytes(b"This is a text and no firmware at all.")
    with pytest.raises(ConfigError, match="is no firmware for qemu-f405"):
        check_firmware(path, spec)
    path.write_bytes(vectors(0x20001000, 0x08000021) + bytes(2 << 20))
    with pytest.raises(ConfigError, match="outside the memory"):
        check_firmware(path, spec)


@pytest.mark.parametrize("name", ["empty.elf", "text.elf", "broken.hex", "gone.elf"])
def test_what_is_no_firmware_is_one_sentence(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if name != "gone.elf":
        path.write_text("" if name == "empty.elf" else "hello")
    with pytest.raises(ConfigError):
        check_firmware(path, board_spec("qemu-m55"))


def elf(machine: int, architecture: int, profile: str) -> bytes:
    """An ELF32 with one segment at 0 and build attributes."""
    attributes = bytes([6, architecture]) + (bytes([7, ord(profile)]) if profile else b"")
    scope = b"\x01" + struct.pack("<I", 5 + len(attributes)) + attributes
    section = b"A" + struct.pack("<I", 4 + 6 + len(scope)) + b"aeabi\0" + scope
    names = b"\0.ARM.attributes\0.shstrtab\0"
    code = vectors(0x20001000, 0x21)
    at = 52 + 32
    header = b"\x7fELF" + bytes([1, 1, 1]).ljust(12, b"\0") + struct.pack(
        "<HHIIIIIHHHHHH", 2, machine, 1, 0x21, 52, at + len(code) + len(section) + len(names), 0x05000000, 52, 32, 1,
        40, 3, 2,
    )  # fmt: skip
    segment = struct.pack("<8I", 1, at, 0, 0, len(code), len(code), 5, 4)
    first, second = at + len(code), at + len(code) + len(section)
    sections = bytes(40)
    sections += struct.pack("<10I", 1, 0x70000003, 0, 0, first, len(section), 0, 0, 1, 0)
    sections += struct.pack("<10I", 17, 3, 0, 0, second, len(names), 0, 0, 1, 0)
    return header + segment + code + section + names + sections


@pytest.mark.parametrize(
    ("machine", "architecture", "profile", "board", "words"),
    [
        (40, 13, "M", "qemu-m7", ""),
        (40, 13, "M", "qemu-m55", ""),
        (40, 21, "M", "qemu-m55", ""),
        (40, 21, "M", "qemu-m7", "Armv8.1-M, which the cortex-m7"),
        (40, 17, "M", "qemu-m7", "Armv8-M, which the cortex-m7"),
        (40, 10, "A", "qemu-m55", "Cortex-A"),
        (40, 10, "R", "qemu-m55", "Cortex-R"),
        (40, 5, "", "qemu-m55", "architecture 5"),
        (243, 13, "M", "qemu-m55", "not for Arm"),
    ],
)
def test_an_elf_for_another_core_is_refused(
    machine: int, architecture: int, profile: str, board: str, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "other.elf"
    path.write_bytes(elf(machine, architecture, profile))
    spec: BoardSpec = board_spec(board)
    if not words:
        check_firmware(path, spec)
        return
    with pytest.raises(ConfigError) as caught:
        check_firmware(path, spec)
    assert words in str(caught.value)


def test_a_damaged_elf_never_raises_anything_else(tmp_path: Path) -> None:
    good, path = elf(40, 13, "M"), tmp_path / "damaged.elf"
    for at in range(len(good)):
        for value in (0x00, 0xFF):
            path.write_bytes(good[:at] + bytes([value]) + good[at + 1 :])
            try:
                check_firmware(path, board_spec("qemu-m55"))
            except ConfigError:
                continue


def test_a_copy_that_does_not_fit_names_boards_that_hold_it(network: CompiledNetwork) -> None:
    """Not the board itself, which the network fits without a copy."""
    check_fit(board_spec("f405"), network.description)
    with pytest.raises(ModelError, match="a copy of its network image") as caught:
        check_fit(board_spec("f405"), network.description, "ram")
    assert caught.value.remedy == "Use another network, or a larger board (h7, h747, n6, n6-nucleo)."
