"""The board catalog: what it says, and how it refuses what is wrong."""

from __future__ import annotations

import pytest

from pytest_stm32pose.boards.catalog import board_spec, boards, parse_catalog
from pytest_stm32pose.boards.open import open_board
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.probes.base import TargetSpec

HARDWARE = """
[desk]
kind = "hardware"
mcu = "STM32H743ZI"
core = "cortex-m7"
clock_hz = 480_000_000
firmware = "stm32h7/nucleo_h743zi2"
kernels = "dsp"
load = "flash"
transport = "serial"
pyocd_target = "stm32h743zitx"
usb_serial_interface = 1
network = { address = 0x08100000, bytes = 0x00100000 }
regions = [
    { name = "bank", kind = "flash", start = 0x08000000, length = 0x00200000, boot = true, sector_bytes = 0x20000 },
]
"""


def test_the_virtual_boards_and_their_kernel_sets() -> None:
    found = {name: (spec.machine, spec.core, spec.kernels) for name, spec in boards().items() if spec.machine}
    assert found == {
        "qemu-m55": ("mps3-an547", "cortex-m55", "dsp"),
        "qemu-m7": ("mps2-an500", "cortex-m7", "dsp"),
        "qemu-m55-ref": ("mps3-an547", "cortex-m55", "ref"),
        "qemu-m55-mve": ("mps3-an547", "cortex-m55", "mve"),
        "qemu-m7-ref": ("mps2-an500", "cortex-m7", "ref"),
        "qemu-f405": ("netduinoplus2", "cortex-m4", "dsp"),
    }


@pytest.mark.parametrize("name", list(boards()))
def test_a_board_is_consistent(name: str) -> None:
    spec = board_spec(name)
    assert spec.icount_ns == (32 if spec.kind == "virtual" else 0)
    network = spec.target.region_at(spec.network.address, spec.network.bytes)
    assert network is not None and network.kind == "flash"
    assert spec.mailbox is not None
    mailbox = spec.target.region_at(spec.mailbox.address, spec.mailbox.bytes)
    assert mailbox is not None and mailbox.kind == "ram"
    assert sum(region.boot for region in spec.regions) == 1
    for first, second in zip(spec.regions, sorted(spec.regions, key=lambda r: r.start)[1:], strict=False):
        assert first is second or first.end <= second.start or second.end <= first.start
    assert TargetSpec.from_json(spec.target.to_json()) == spec.target


def test_an_unknown_board_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'stm32'.*qemu-m55, qemu-m7"):
        open_board("stm32")


def test_the_schema_carries_hardware() -> None:
    spec = parse_catalog(HARDWARE, "boards.toml")["desk"]
    assert (spec.kind, spec.mailbox, spec.icount_ns, spec.target.pyocd_target) == ("hardware", None, 0, "stm32h743zitx")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('kind = "hardware"', 'kind = "paper"', "kind must be one of virtual, hardware"),
        ('load = "flash"', "", "load must be one of"),
        ('mcu = "STM32H743ZI"', "", "mcu"),
        ('core = "cortex-m7"', 'core = "cortex-m7"\ncolour = "red"', "unknown keys: colour"),
        (", bytes = 0x00100000 }", " }", "bytes"),
        ("[desk]", '[desk]\nlike = "chair"', "is like 'chair'"),
        ("[desk]", "[desk", "not valid TOML"),
    ],
)
def test_a_wrong_catalog_is_refused_by_file_board_and_key(old: str, new: str, said: str) -> None:
    with pytest.raises(ConfigError, match=r"boards\.toml") as caught:
        parse_catalog(HARDWARE.replace(old, new), "boards.toml")
    assert said in str(caught.value)
