"""The NPU's clocks and its cache (CACHEAXI) by registers, on the model that was made from the same public sources
(twins/n6/cacheaxi.py): no NPU is in it, and none has been seen.
"""

from __future__ import annotations

import ctypes
import shutil
from collections.abc import Iterator

import pytest

from pytest_stm32pose.twins.n6.device import Device
from tests.firmware.register_model import build, connect

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")

CR1, SR, FCR, CR2, FIRST, LAST = (0x580DFC00 + at for at in (0x000, 0x004, 0x00C, 0x100, 0x104, 0x108))
INVALIDATE = 2
POLLS = 200


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    found = build(tmp_path_factory.mktemp("npu"), ("boards/stm32n6/npu.c",), f"-DREG_POLLS={POLLS}u")
    for name in ("npu_cache_clean_range", "npu_cache_clean_invalidate_range"):
        getattr(found, name).argtypes = [ctypes.c_uint32] * 2
    return found


@pytest.fixture
def device(library: ctypes.CDLL) -> Iterator[Device]:
    """A driver's mistake raises in the model, which ctypes prints and a wrong register shows."""
    found = Device()
    with found.in_charge():
        connect(library, found)
        yield found
    assert not found.faults, [hex(address) for address in found.faults]


def writes(device: Device) -> list[tuple[int, int]]:
    return [(at, value) for at, value in device.writes if at >= 0x580DFC00]


def start(library: ctypes.CDLL, device: Device) -> None:
    library.pose_board_npu_start()
    assert device.memory.read(CR1, 4)[0] & 1, "the cache is off"
    device.accesses.clear()


def test_the_cache_is_on_once_its_own_invalidation_has_ended(library: ctypes.CDLL, device: Device) -> None:
    library.pose_board_npu_start()
    assert writes(device) == [(CR1, 1)]
    assert device.memory.read(CR1, 4)[0] & 1
    first = next(at for at, access in enumerate(device.accesses) if access == (SR, None))
    assert first < device.accesses.index((CR1, 1))


def test_all_of_it_is_invalidated(library: ctypes.CDLL, device: Device) -> None:
    start(library, device)
    library.npu_cache_invalidate()
    assert writes(device) == [(FCR, 0x12), (CR2, 0), (CR1, 1 | INVALIDATE)]
    assert device.memory.read(SR, 4)[0] & 9 == 0, "it is still busy"
    assert device.memory.read(CR1, 4)[0] & 1


@pytest.mark.parametrize(("name", "command"), [("clean", 2), ("clean_invalidate", 6)])
def test_a_range_is_cleaned(library: ctypes.CDLL, device: Device, name: str, command: int) -> None:
    """The range's end is behind its last byte, the register takes an address within the last line."""
    start(library, device)
    getattr(library, f"npu_cache_{name}_range")(0x34200000, 0x34200040)
    assert writes(device) == [
        (FCR, 0x12), (FIRST, 0x34200000), (LAST, 0x3420003F), (CR2, command), (CR2, command | 1),
    ]  # fmt: skip
    status = device.memory.read(SR, 4)[0]
    assert status & 9 == 0, "it is still busy"
    assert not status & 4, "an error"


def test_an_empty_range_is_nothing_to_do(library: ctypes.CDLL, device: Device) -> None:
    start(library, device)
    library.npu_cache_clean_range(0x34200000, 0x34200000)
    assert writes(device) == []


def test_a_cache_that_stays_busy_stays_off(library: ctypes.CDLL, device: Device) -> None:
    """Every wait is bounded; what is off is not maintained."""
    device.held[SR] = 1
    library.pose_board_npu_start()
    library.npu_cache_invalidate()
    library.npu_cache_clean_range(0x34200000, 0x34200040)
    assert writes(device) == []
    assert device.longest_poll() <= POLLS
