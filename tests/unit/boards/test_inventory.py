"""Discovery on made-up USB: which probe is the board, which port is the probe's, and what is said without either.

What pyserial's comports() and pyOCD's probe list return is made up; everything behind them is real.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_stm32pose.boards.catalog import BoardSpec, board_spec, boards
from pytest_stm32pose.boards.identity import check_identity
from pytest_stm32pose.boards.inventory import ST_VENDOR, STLINK_PRODUCTS, Inventory
from pytest_stm32pose.boards.locks import BoardLock
from pytest_stm32pose.boards.physical import ProbeRig
from pytest_stm32pose.boards.status import BoardsReport
from pytest_stm32pose.errors import ConfigError, PoseError, ProbeError
from pytest_stm32pose.probes.listing import ConnectedProbe, Identity, connected_probes

COMMON = """
kind = "hardware"
clock_hz = 400_000_000
kernels = "dsp"
load = "flash"
transport = "serial"
network = { address = 0x08100000, bytes = 0x00100000 }
regions = [{ name = "flash", kind = "flash", start = 0x08000000, length = 0x00200000, boot = true }]
"""
BENCHES = f"""
[nucleo]{COMMON}
mcu = "h743"
core = "cortex-m7"
firmware = "x/nucleo"
board_ids = ["0836"]

[disco]{COMMON}
mcu = "h747"
core = "cortex-m7"
firmware = "x/disco"
board_ids = ["0814"]

[big]{COMMON}
mcu = "big55"
core = "cortex-m55"
firmware = "x/big"
usb_serial_interface = 1

[desk]
like = "disco"
probe = "C0FFEE"
tags = ["lab"]

[gone]
like = "nucleo"
probe = "deadbeef"
"""
A, B, C = "0039003A3438510734313939", "066BFF343337424257073520", "003C00C0FFEE510533353533"


@pytest.fixture(autouse=True)
def own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STM32POSE_LOCK_DIR", str(tmp_path / "locks"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "boards.toml"
    path.write_text(BENCHES)
    return path


@pytest.fixture
def known(file: Path) -> dict[str, BoardSpec]:
    return boards(file)


def probe(uid: str, board_id: str = "", board: str = "", problem: str = "") -> ConnectedProbe:
    return ConnectedProbe(uid, "STLINK-V3", lambda: Identity(board_id, board, "V3J15M7", problem))


def port(device: str, uid: str | None, location: str | None = None, product: int = 0x374E) -> Any:
    return SimpleNamespace(device=device, serial_number=uid, location=location, vid=0x0483, pid=product)


def usb(probes: list[ConnectedProbe], ports: list[Any] | None = None) -> Inventory:
    return Inventory(lambda: probes, lambda: ports or [])


def find(known: dict[str, BoardSpec], name: str, inventory: Inventory, wanted: str = "") -> str:
    spec = known[name]
    return inventory.probe_of(spec, wanted or spec.probe, known.values())


def test_a_board_is_known_by_the_id_that_its_probe_tells(known: dict[str, BoardSpec]) -> None:
    both = [probe(A, "0836", "NUCLEO-H743ZI2"), probe(B, "0814", "DISCO-H747I")]
    assert find(known, "nucleo", usb(both)) == A
    assert find(known, "disco", usb(both)) == B


def test_one_probe_without_an_id_may_be_any_board(known: dict[str, BoardSpec]) -> None:
    assert find(known, "big", usb([probe(A)])) == A
    assert find(known, "nucleo", usb([probe(A), probe(B, "0814")])) == A
    assert find(known, "big", usb([probe(A, "0836"), probe(B, "4711")])) == B  # an id that nobody knows


def test_a_probe_of_another_board_is_not_taken(known: dict[str, BoardSpec]) -> None:
    with pytest.raises(ProbeError, match=r"big is not connected.*NUCLEO-H743ZI2, /dev/ttyACM0"):
        find(known, "big", usb([probe(A, "0836", "NUCLEO-H743ZI2")], [port("/dev/ttyACM0", A)]))
    with pytest.raises(ProbeError):  # the bench "desk" says whose probe this is
        find(known, "big", usb([probe(C)]))
    assert find(known, "disco", usb([probe(C)])) == C


def test_several_candidates_are_listed_with_the_way_to_choose(known: dict[str, BoardSpec]) -> None:
    two = [probe(A, "0836"), probe(B, "0836")]
    with pytest.raises(ConfigError, match=r"2 probes may be nucleo") as caught:
        find(known, "nucleo", usb(two, [port("/dev/ttyACM3", B)]))
    for word in (A, B, "/dev/ttyACM3", "--pose-probe", "boards.toml"):
        assert word in str(caught.value)
    assert find(known, "nucleo", usb(two), wanted=B) == B


@pytest.mark.parametrize("wanted", [C, C.lower(), "c0ffee", f"stlink:{C}"])
def test_a_named_probe_is_found_by_its_id_or_a_part(known: dict[str, BoardSpec], wanted: str) -> None:
    assert find(known, "disco", usb([probe(A), probe(C)]), wanted=wanted) == C


def test_a_part_that_fits_two_probes_is_refused(known: dict[str, BoardSpec]) -> None:
    with pytest.raises(ConfigError, match=f"{A}, {C}"):
        find(known, "disco", usb([probe(A), probe(C)]), wanted="003")


def test_absent_says_what_was_looked_for_and_what_was_found(known: dict[str, BoardSpec]) -> None:
    with pytest.raises(ProbeError, match="looked for the debug probe deadbeef, found no debug probe") as caught:
        find(known, "gone", usb([]))
    assert caught.value.verdict == "blocked" and "cable" in caught.value.remedy
    with pytest.raises(ProbeError, match=r"looked for a debug probe with the board id 0836, or one without an id"):
        find(known, "nucleo", usb([]))
    with pytest.raises(ProbeError, match=f"found STLINK-V3 {A}"):
        find(known, "gone", usb([probe(A)]))


def test_a_probe_that_may_not_be_opened_is_told_apart_from_none(known: dict[str, BoardSpec]) -> None:
    """pyserial sees every ST-LINK's port; pyOCD lists only those that it may open."""
    with pytest.raises(ProbeError, match=f"ST-LINK {A} \\(/dev/ttyACM0\\)") as caught:
        find(known, "nucleo", usb([], [port("/dev/ttyACM0", A), port("/dev/ttyUSB0", "FT1", product=0x6001)]))
    assert "udev" in caught.value.remedy


def test_the_port_is_the_probes_in_the_order_of_its_interfaces(known: dict[str, BoardSpec]) -> None:
    """Product id 0x3753: two ports on one serial number. ttyACM10 was plugged in before ttyACM9."""
    ports = [
        port("/dev/ttyS0", None),
        port("/dev/ttyACM9", A, "1-2.4:1.4", 0x3753),
        port("/dev/ttyACM10", A, "1-2.4:1.2", 0x3753),
        port("/dev/ttyACM0", B, "1-2.5:1.2"),
    ]
    assert usb([], ports).serial_of(known["nucleo"], A) == "/dev/ttyACM10"
    assert usb([], ports).serial_of(known["big"], A) == "/dev/ttyACM9"
    with pytest.raises(ProbeError, match=r"Serial port 2 of probe .* \(found: /dev/ttyACM0\)"):
        usb([], ports).serial_of(known["big"], B)
    with pytest.raises(ProbeError, match="found: none"):
        usb([], ports).serial_of(known["nucleo"], C)
    with pytest.raises(ProbeError, match=r"whose serial number is that of the probe; others have /dev/tty") as caught:
        usb([], ports).serial_of(known["nucleo"], C)
    assert all(number in str(caught.value) for number in (A, B)), "what was seen, and whose it is"
    with pytest.raises(ProbeError, match="there are no others"):
        usb([], []).serial_of(known["nucleo"], C)


@given(st.permutations(range(12)))
def test_ports_are_in_natural_order(order: list[int]) -> None:
    found = usb([], [port(f"/dev/ttyACM{number}", A) for number in order]).ports_of(A)
    assert [each.device for each in found] == [f"/dev/ttyACM{number}" for number in range(12)]


def test_a_board_in_use_is_not_opened_and_is_told_by_its_holder(known: dict[str, BoardSpec]) -> None:
    def never() -> Identity:
        raise AssertionError("somebody uses this probe")

    lock = BoardLock(A, "disco", wait_s=0, say=print)
    lock.acquire()
    try:
        used = ConnectedProbe(A, "STLINK-V3", never)
        assert find(known, "disco", usb([used])) == A
        with pytest.raises(ProbeError, match="in use by"):
            find(known, "nucleo", usb([used]))  # its holder runs a disco
    finally:
        lock.release()


def test_the_table_tells_all(file: Path) -> None:
    inventory = usb([probe(A, "0836", "NUCLEO-H743ZI2")], [port("/dev/ttyACM0", A), port("/dev/ttyACM1", B)])
    report = BoardsReport(file, inventory)
    rows = {row[0]: row for row in report.rows()}
    assert rows["nucleo"][-3:] == (A, "/dev/ttyACM0", "ready")
    assert rows["desk"][-3:] == ("C0FFEE", "-", "not connected")
    text = "\n".join(report.lines())
    assert f"cannot be opened: ST-LINK {B}" in text and "looked for the debug probe C0FFEE" in text
    states = {each["name"]: each for each in report.to_json()["boards"]}
    assert states["nucleo"]["connected"] and not states["disco"]["connected"] and states["disco"]["remedy"]


# --- the rig of a hardware board ---


class Desk:
    """USB that changes while it is looked at."""

    def __init__(self, *looks: list[ConnectedProbe]) -> None:
        self._looks: Iterator[list[ConnectedProbe]] = iter(looks)
        self._last: list[ConnectedProbe] = []

    def __call__(self) -> Inventory:
        self._last = next(self._looks, self._last)
        last = self._last
        return usb(last, [port("/dev/ttyACM0", each.uid) for each in last])


def rig(known: dict[str, BoardSpec], name: str, desk: Desk, **changes: Any) -> ProbeRig:
    from dataclasses import replace

    spec = replace(known[name], **changes)
    return ProbeRig(spec, spec.probe, list(known.values()), wait_s=0, say=print, inventory=desk)


def test_one_rig_at_a_time(known: dict[str, BoardSpec]) -> None:
    first, second = (rig(known, "nucleo", Desk([probe(A, "0836")])) for _ in range(2))
    first.open()
    assert (first.probe_uid, first.serial_url) == (A, "/dev/ttyACM0")
    with pytest.raises(ProbeError, match="is that of board nucleo of this run already"):
        second.open()
    first.close()
    second.open()
    second.close()


def test_an_unplugged_probe_is_said_to_be(known: dict[str, BoardSpec]) -> None:
    board = rig(known, "nucleo", Desk([probe(A, "0836")], [probe(A, "0836")], []))
    board.open()
    assert board.death_reason() == ""
    assert f"probe {A} is not connected any more" in board.death_reason()
    board.close()


def test_a_board_that_is_off_is_switched_on(known: dict[str, BoardSpec], tmp_path: Path) -> None:
    command = ("touch", str(tmp_path / "switched"))
    board = rig(known, "nucleo", Desk([], [], [probe(A, "0836")]), power_cycle=command)
    board.open()
    assert (tmp_path / "switched").exists() and board.probe == A
    board.close()
    with pytest.raises(ProbeError, match="not connected"):
        rig(known, "nucleo", Desk([])).open()


@pytest.mark.parametrize(
    ("command", "error", "said"),
    [
        (("no-such-program",), ConfigError, "cannot be run: No such file"),
        (("sh", "-c", "echo hub is gone >&2; exit 3"), ProbeError, "failed with exit code 3: hub is gone"),
        (("sh", "-c", "sleep 60 & sleep 60"), ProbeError, "did not end within 0.2 s"),
    ],
)
def test_a_power_command_that_fails_is_one_sentence(
    known: dict[str, BoardSpec], command: tuple[str, ...], error: type[PoseError], said: str
) -> None:
    board = rig(known, "nucleo", Desk([]), power_cycle=command, power_timeout_s=0.2)
    with pytest.raises(error, match=said) as caught:
        board.open()
    assert "nucleo" in caught.value.message and "\n" not in str(caught.value)


# --- the right board? ---


class Registers(dict[int, int]):
    def read32(self, address: int) -> int:
        return self[address]


def test_core_and_device_are_compared_before_anything_is_written(file: Path) -> None:
    text = file.read_text().replace('board_ids = ["0836"]', "device_id = { address = 0x5C001000, device = 0x450 }")
    file.with_name("other.toml").write_text(text)
    spec = board_spec("nucleo", file.with_name("other.toml"))
    cpuid = {"m7": 0x411FC271, "m55": 0x411FD220}  # Arm's technical reference manuals
    check_identity(spec, Registers({0xE000ED00: cpuid["m7"], 0x5C001000: 0x20036450}), A)
    with pytest.raises(ProbeError, match=r"has a cortex-m55, nucleo has a cortex-m7; nothing was written"):
        check_identity(spec, Registers({0xE000ED00: cpuid["m55"]}), A)
    with pytest.raises(ProbeError, match=r"device id 0x413, h743 has 0x450"):
        check_identity(spec, Registers({0xE000ED00: cpuid["m7"], 0x5C001000: 0x10076413}), A)


def test_every_st_link_that_pyocd_knows_is_known_here() -> None:
    from pyocd.probe.stlink.usb import STLinkUSBInterface

    assert set(STLinkUSBInterface.USB_PID_EP_MAP) <= STLINK_PRODUCTS and STLinkUSBInterface.USB_VID == ST_VENDOR


def test_listing_never_fails_on_this_host() -> None:
    """Without USB, libusb or permissions there are simply no probes; emulated ones are not among them."""
    assert all(each.uid for each in connected_probes())
