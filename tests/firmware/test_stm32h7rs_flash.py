"""The flash algorithm of the STM32H7S78-DK's NOR: its machine code on an emulated core, on this family's addresses."""

from __future__ import annotations

import ctypes
import random

import pytest

from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.twins.device import Region
from pytest_stm32pose.twins.n6.nor import MX66UW1G45G
from tests.firmware.test_stm32h7rs_registers import CSR2, FLASH, NETWORK, PWR, UNDECIDED, Board

pytest.importorskip("unicorn", reason="the algorithm runs on unicorn: pip install unicorn")

SECTOR, AXI_SRAM = 0x10000, (0x24000000, 0x72000)
START = board_spec("h7s78").network.address


class Silicon:
    """Registers, NOR and AXI SRAM of the board after a reset, as far as an algorithm needs a twins.device.Device."""

    cpu, core, core_port, boot = "cortex-m7", "cortex-m7", 1, 0x08000000

    def __init__(self, kind: tuple[bytes, int] = MX66UW1G45G) -> None:
        self.board = Board(kind)
        self.changed, self.port_closed = True, 0
        self.irqs: set[int] = set()
        self.wrong: list[str] = []
        start, length = AXI_SRAM
        self._ram = Region("axi-sram", start, length, (ctypes.c_uint8 * length)())

    def region_at(self, address: int) -> Region | None:
        return self._ram if self._ram.start <= address < self._ram.start + self._ram.length else None

    def read(self, address: int, size: int) -> int:
        return self.board.read_byte(address) if size == 1 else self.board.read(address)

    def write(self, address: int, size: int, value: int) -> None:
        if size == 1:
            self.board.write_byte(address, value)
        else:
            self.board.write(address, value)


def calls(silicon: Silicon):  # type: ignore[no-untyped-def]
    from tests.support.algorithm_calls import AlgorithmCalls

    return AlgorithmCalls(silicon, "h7s78", "nor")  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["spi", "opi", "dtr"])
def test_erases_programs_and_maps(mode: str) -> None:
    silicon = Silicon()
    board, chip = silicon.board, silicon.board.chip
    chip.mode = mode
    algorithm = calls(silicon)
    data = random.Random(78).randbytes(0x1000)
    assert algorithm.init() == 0
    assert algorithm.erase(START) == 0
    assert algorithm.program(START, data) == 0
    assert algorithm.uninit() == 0
    assert board.xspi.mapped(NETWORK, len(data)) == data, "mapped, for whoever looks"
    assert board.xspi.mapped(NETWORK + len(data), 16) == b"\xff" * 16
    assert (chip.mode, board.xspi.hz) == ("dtr", 32_000_000), "half of the oscillator's 64 MHz: 50 at most"
    assert not chip.wrong


def test_supply_clocks_and_option_bytes_are_left_alone() -> None:
    silicon = Silicon()
    algorithm = calls(silicon)
    assert algorithm.init() == 0 and algorithm.uninit() == 0
    writes = {at for at, _ in silicon.board.writes}
    assert not {at for at in writes if at in range(FLASH, FLASH + 0x1000)}
    assert {at for at in writes if at in range(PWR, PWR + 0x400)} == {CSR2 + 1}
    assert silicon.board.values[CSR2] & 0xFF == UNDECIDED


def test_wrong_addresses_and_another_chip() -> None:
    algorithm = calls(Silicon())
    assert algorithm.init() == 0
    assert algorithm.erase(START + 4) == 1
    assert algorithm.erase(0x78000000) == 1, "behind the chip"
    assert algorithm.program(0x77FFFF00, bytes(0x200)) == 1
    other = calls(Silicon((b"\xc2\x28\x17", 8 << 20)))
    assert other.init() & 0xFF == 2, "not one of those known"
