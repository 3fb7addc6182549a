"""`stm32pose bringup` on emulated boards: all of it, and a fault planted at every step.

A board more is a line in BOARDS. Faults are the user's own (wrong entries of boards.toml, wrong files and ports),
defects of the image that is flashed, and memories and lines that are broken on the way to the model.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

from pytest_stm32pose.bench import start
from pytest_stm32pose.bench.bringup import running, subject
from pytest_stm32pose.bench.bringup.run import STEPS
from pytest_stm32pose.boards import inventory
from pytest_stm32pose.boards.catalog import BoardSpec, board_spec
from pytest_stm32pose.cli.main import main
from pytest_stm32pose.firmware.build import firmware_for
from pytest_stm32pose.probes import flashing
from pytest_stm32pose.probes import session as probe_session
from pytest_stm32pose.probes.image import Segment
from pytest_stm32pose.probes.session import ProbeSession
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.transports.port import SerialPort
from tests.support.guest import assemble

pytestmark = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
    reason="qemu-system-arm and arm-none-eabi-gcc are needed",
)
BOARDS = ("qemu-f405", "qemu-m55")
#: Where `make test` plants every fault; `make campaign` plants them everywhere.
FAULTS_ON = [pytest.param(name, marks=() if name == "qemu-f405" else pytest.mark.campaign) for name in BOARDS]
#: Whose image a board does not take.
OTHER = {"qemu-m55": "qemu-f405", "qemu-f405": "qemu-m55"}
ORDER = [step.name for step in STEPS]


@dataclass
class Bench:
    """A folder in which the command is called, with a bench of the user's that is like a board."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    spec: BoardSpec

    def entry(self, text: str) -> None:
        """The bench differs from its board in these lines of boards.toml."""
        (self.folder / "boards.toml").write_text(f'[bench]\nlike = "{self.spec.name}"\n{text}\n')

    def image(self, spec: BoardSpec | None = None) -> Path:
        spec = spec or self.spec
        return firmware_for(spec.name, spec.firmware, spec.kernels)

    def run(self, *arguments: str) -> tuple[int, dict[str, Any], str]:
        """Exit code, the file that was written, and what was printed."""
        name = "bench" if (self.folder / "boards.toml").exists() else self.spec.name
        code = main(["bringup", f"--board={name}", "--output=out.json", *arguments])
        return code, json.loads((self.folder / "out.json").read_text()), self.capsys.readouterr().out


@pytest.fixture
def bench(board: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bench:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(running, "TRAFFIC_S", 0.2)
    return Bench(tmp_path, monkeypatch, capsys, board_spec(board))


@pytest.mark.parametrize("board", BOARDS)
def test_a_good_board_passes_every_step(bench: Bench) -> None:
    bench.monkeypatch.setenv("HOME", str(bench.folder))
    bench.monkeypatch.setenv("LOGNAME", "jane-of-the-lab")
    code, file, printed = bench.run()
    assert code == 0, printed
    assert file["schema"] == "stm32pose/bringup/1" and file["verdict"] == "passed"
    assert [step["name"] for step in file["steps"]] == ORDER
    assert {step["status"] for step in file["steps"]} == {"passed"}
    lines = printed.splitlines()
    assert [line.split()[1] for line in lines[1:-1]] == ORDER
    assert lines[1:-1] == file["for_people"][1:] and "out.json" in lines[-1]
    assert "not measured: a virtual board's time" in printed
    assert "equal to the golden's" in lines[-2]
    assert file["catalog"]["mcu"] == bench.spec.mcu and file["versions"]["pyocd"]
    assert any("pyocd" in line for line in file["log"])
    text = (bench.folder / "out.json").read_text()
    assert str(bench.folder) not in text and "jane-of-the-lab" not in text
    assert [path.name for path in bench.folder.iterdir()] == ["out.json"], "nothing else is left"


# --- a fault at every step: how it is planted, and what is said ---


def wrong_probe(bench: Bench) -> list[str]:
    return ["--probe=there-is-no-such-probe"]


def wrong_core(bench: Bench) -> list[str]:
    bench.entry('core = "cortex-m33"')
    return []


def wrong_device(bench: Bench) -> list[str]:
    """At an address that every core has, and that is no device id."""
    bench.entry("device_id = { address = 0xe000ed00, device = 0x999 }")
    return []


def _last_ram(spec: BoardSpec) -> tuple[int, int]:
    region = [region for region in spec.regions if region.kind == "ram"][-1]
    return region.start, region.end


def stuck_data_line(bench: Bench) -> list[str]:
    """What the probe reads of the last region has bit 5 of every word at 0."""
    plain, (start, end) = ProbeSession.read, _last_ram(bench.spec)

    def read(session: ProbeSession, address: int, length: int) -> bytes:
        data = bytearray(plain(session, address, length))
        if start <= address < end:
            data[::4] = bytes(byte & ~0x20 for byte in data[::4])
        return bytes(data)

    bench.monkeypatch.setattr(ProbeSession, "read", read)
    return []


def stuck_address_line(bench: Bench) -> list[str]:
    """A14 of the last region selects nothing."""
    read, write, (start, end) = ProbeSession.read, ProbeSession.write, _last_ram(bench.spec)

    def place(address: int) -> int:
        return address & ~0x4000 if start <= address < end else address

    bench.monkeypatch.setattr(ProbeSession, "read", lambda own, address, size: read(own, place(address), size))
    bench.monkeypatch.setattr(ProbeSession, "write", lambda own, address, data: write(own, place(address), data))
    return []


def firmware_of_another_board(bench: Bench) -> list[str]:
    return [f"--pose-firmware={bench.image(board_spec(OTHER[bench.spec.name]))}"]


def firmware_that_says_nothing(bench: Bench) -> list[str]:
    boot = next(region.start for region in bench.spec.regions if region.boot)
    file = bench.folder / "spins.bin"
    file.write_bytes(assemble("loop: b loop", boot)[0])
    return [f"--pose-firmware={file}"]


def slow_clock(bench: Bench) -> list[str]:
    bench.entry("clock_hz = 600_000_000")
    return []


def no_flash_there(bench: Bench) -> list[str]:
    bench.entry("network = { address = 0x7f000000, bytes = 0x20000 }")
    return []


def worn_cell(bench: Bench) -> list[str]:
    """The last byte of the area for networks keeps what it held."""
    area, plain = bench.spec.network, flashing.write_sectors
    last = area.address + area.bytes

    def write_sectors(session: Any, sectors: list[Segment], what: str) -> None:
        worn = [s if s.end != last else Segment(s.address, s.data[:-1] + bytes([s.data[-1] ^ 8])) for s in sectors]
        plain(session, worn, what)

    bench.monkeypatch.setattr(probe_session, "write_sectors", write_sectors)
    return []


def dead_serial_port(bench: Bench) -> list[str]:
    return ["--serial=socket://127.0.0.1:9"]


def noisy_line(bench: Bench) -> list[str]:
    """One byte of one long frame arrives as another one."""
    plain, long_ones = SerialPort.write, []

    def write(port: SerialPort, data: bytes, timeout_s: float) -> None:
        if len(data) > 500:
            long_ones.append(len(data))
            if len(long_ones) == 2:
                data = data[:300] + bytes([data[300] ^ 0x55 or 1]) + data[301:]
        plain(port, data, timeout_s)

    bench.monkeypatch.setattr(SerialPort, "write", write)
    if bench.spec.message_bytes < 4096:  # which also a busy host hands over soon
        bench.monkeypatch.setattr(subject, "EMULATED_ANSWER_S", 5.0)
    return []


def mailbox_elsewhere(bench: Bench) -> list[str]:
    region = [region for region in bench.spec.regions if region.kind == "ram"][-1]
    mailbox = bench.spec.mailbox
    assert mailbox is not None
    place = region.start + region.length // 2
    bench.monkeypatch.setattr(start, "START_S", 3.0)
    bench.entry(f"mailbox = {{ address = {place}, bytes = {mailbox.bytes}, doorbell_irq = {mailbox.doorbell_irq} }}")
    return []


def defective_kernels(bench: Bench) -> list[str]:
    """An image whose data for the kernels' test are not those whose results it knows."""
    source, copy = bench.image(), bench.folder / "defective.elf"
    with source.open("rb") as stream:
        elf = ELFFile(stream)
        symbols: Any = elf.get_section_by_name(".symtab")
        (symbol,) = symbols.get_symbol_by_name("kernel_test_input")
        section = elf.get_section(symbol["st_shndx"])
        offset = section["sh_offset"] + symbol["st_value"] - section["sh_addr"]
    data = bytearray(source.read_bytes())
    data[offset + 100] ^= 0x40
    copy.write_bytes(data)
    return [f"--pose-firmware={copy}"]


def network_too_large(bench: Bench) -> list[str]:
    bench.entry("arena_bytes = 1024")
    return []


def wrong_weight(bench: Bench) -> list[str]:
    return ["--pose-fault=weights-bit"]


def damaged_network(bench: Bench) -> list[str]:
    return ["--pose-fault=network-bit"]


def emulator_dies(bench: Bench) -> list[str]:
    return ["--pose-fault=die"]


FAULTS: list[tuple[str, Callable[[Bench], list[str]], str]] = [
    ("probe", wrong_probe, "there-is-no-such-probe"),
    ("port", wrong_core, "nothing was written"),
    ("port", wrong_device, "0x999"),
    ("ram", stuck_data_line, "data line D5 always 0"),
    ("ram", stuck_address_line, "address line A14 may select nothing"),
    ("firmware", firmware_of_another_board, "is no firmware for"),
    ("firmware", firmware_that_says_nothing, "did not answer HELLO"),
    ("clocks", slow_clock, "600 MHz in the catalog"),
    ("flash", no_flash_there, "is no one region of the memory"),
    ("flash", worn_cell, "Verification of"),
    ("uart", dead_serial_port, "cannot be opened"),
    ("uart", noisy_line, "loses frames"),
    ("mailbox", mailbox_elsewhere, "There is no mailbox at"),
    ("selftest", defective_kernels, "The self test fails in kernels"),
    ("network", network_too_large, "does not fit"),
    ("network", wrong_weight, "is not the golden's"),
    ("network", damaged_network, "refuses the network"),
    ("network", emulator_dies, "ended by signal 9"),
]


#: The twin's own, of its model (`--pose-twin-fault`).
TWIN = "sim-n6"
TWIN_FAULTS = [
    ("ram", "port=closed-after-reset", "Cannot reset"),
    ("clocks", "pll=never-ready", "The firmware runs at 64 MHz"),
    ("flash", "nor=wrong-id", "is not one of those known"),
    ("flash", "power=lost-at-page-1", "Cannot program"),
    ("flash", "nor=silent", "000000 and ffffff mean that none answers"),
]
#: Each wait of the firmware for a chip that never answers lasts on an emulated core.
SLOW_FAULTS = ("nor=silent",)


def needs_twin() -> None:
    if reason := board_spec(TWIN).unavailable_reason():
        pytest.skip(reason)
    if not any(entry.name == "stm32pose_twin" for entry in entry_points(group="pyocd.probe")):
        pytest.skip("the twins' probe is not registered: install the package again (pip install -e .)")


@pytest.mark.parametrize("board", [TWIN])
def test_the_unchanged_image_passes_every_step_on_its_twin(bench: Bench) -> None:
    needs_twin()
    code, file, printed = bench.run()
    assert code == 0, printed
    assert {step["status"] for step in file["steps"]} == {"passed"}
    readings = {reading["name"]: reading["value"] for step in file["steps"] for reading in step["read"]}
    assert readings["access port"] == 1 and readings["clock_hz"] == 600_000_000
    assert readings["region"] == "nor" and readings["largest difference, LSB"] == 0
    assert "not timed: a twin's time is none" in file["steps"][-1]["sentence"]


@pytest.mark.parametrize("board", [TWIN])
@pytest.mark.parametrize(
    ("step", "fault", "sentence"),
    [
        pytest.param(*case, id=case[1], marks=pytest.mark.campaign if case[1] in SLOW_FAULTS else ())
        for case in TWIN_FAULTS
    ],
)
def test_a_fault_of_the_twin_stops_at_its_step(bench: Bench, step: str, fault: str, sentence: str) -> None:
    needs_twin()
    check_stopped(*bench.run(f"--pose-twin-fault={fault}"), step, sentence)


def test_every_step_has_a_fault() -> None:
    assert list(dict.fromkeys(step for step, _, _ in FAULTS)) == ORDER


@pytest.mark.parametrize("board", FAULTS_ON)
@pytest.mark.parametrize(("step", "plant", "sentence"), FAULTS, ids=[plant.__name__ for _, plant, _ in FAULTS])
def test_a_fault_stops_at_its_step(bench: Bench, step: str, plant: Callable[[Bench], list[str]], sentence: str) -> None:
    check_stopped(*bench.run(*plant(bench)), step, sentence)


def check_stopped(code: int, file: dict[str, Any], printed: str, step: str, sentence: str) -> None:
    """The bringup ended at this step, with this sentence, and with something to try."""
    assert code == 1, printed
    index = ORDER.index(step)
    assert [each["status"] for each in file["steps"][index:]] == ["failed", *["not reached"] * (len(ORDER) - index - 1)]
    assert all(each["status"] in ("passed", "not applicable") for each in file["steps"][:index]), printed
    failed = file["steps"][index]
    assert sentence in failed["sentence"] and failed["sentence"] in printed
    assert failed["try"] and all(f"{number}. {text}" in printed for number, text in enumerate(failed["try"], 1))
    assert file["verdict"] == "failed" and "Traceback" not in printed
    assert f"{index + 1:2} {step:<9} FAILED" in printed and "not reached" not in printed


@pytest.mark.parametrize("board", ["qemu-f405"])
def test_an_interrupted_bringup_leaves_its_file(bench: Bench) -> None:
    def interrupted(client: PoseClient) -> None:
        raise KeyboardInterrupt

    bench.monkeypatch.setattr(PoseClient, "self_test", interrupted)
    code, file, _ = bench.run()
    assert code == 130 and file["verdict"] == "interrupted"
    assert [each["status"] for each in file["steps"]] == [*["passed"] * 8, *["not reached"] * 2]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "bringup needs a board"),
        (["--board=qemu-m55,qemu-m7"], "one board at a time"),
        (["--board=qemu-m56"], "Did you mean qemu-m55?"),
        (["--board=qemu-m55", "--pose-fault=flood"], "there is no fault 'flood'"),
        (["--board=n6", "--pose-fault=die"], "works on virtual boards"),
        (["--board=qemu-m55", "--pose-twin-fault=nor=silent"], "no board of this run is a twin"),
        (
            ["--board=sim-f405", "--pose-twin-fault=moon"],
            "--pose-twin-fault, board sim-f405: This twin has no fault 'moon'",
        ),
        (["--board=qemu-f405", "--output=file/out.json", "--probe=x"], "cannot be written"),
    ],
)
def test_requests_that_cannot_be_met(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert main(["bringup", *arguments]) == 2
    assert sentence in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_board_that_is_not_connected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No probe: what was looked for is said, and what to try with this board, in a file with the board's name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(inventory, "_pyocd_probes", lambda: [])
    assert main(["bringup", "--board=n6"]) == 1
    (path,) = tmp_path.iterdir()
    assert path.name.startswith("bringup-n6-20") and path.suffix == ".json"
    printed = capsys.readouterr().out
    assert "Board n6 is not connected: looked for a debug probe, found no debug probe." in printed
    assert "Another USB cable" in printed


def test_steps_are_listed_also_for_a_board(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bringup", "--steps"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == ORDER
    assert main(["bringup", "--steps", "--board=n6-nucleo"]) == 0
    printed = capsys.readouterr().out
    assert "2 port: " in printed and "when it fails: JP2 (BOOT1) on pins 2-3" in printed
