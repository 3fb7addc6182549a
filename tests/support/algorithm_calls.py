"""Calls a flash algorithm as pyOCD does, on a twin's memory and registers, and gives what it returns."""

from __future__ import annotations

import struct

from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.probes.base import Region
from pytest_stm32pose.probes.flash_algorithms import pyocd_algorithm
from pytest_stm32pose.twins import bus
from pytest_stm32pose.twins import machine as uc
from pytest_stm32pose.twins.device import Device, Fault
from pytest_stm32pose.twins.machine import Machine


class AlgorithmCalls:
    """The algorithm of the region `region_name` of a board of the catalog, in the RAM that the catalog gives it."""

    def __init__(self, device: Device, board: str, region_name: str) -> None:
        self.device = device
        self.region: Region = next(each for each in board_spec(board).regions if each.name == region_name)
        self._places = pyocd_algorithm(self.region)
        self._problem = ""
        self._machine = Machine(device, device.read, self._write, self._refused, self._stopped)
        words = self._places["instructions"]
        assert isinstance(words, list)
        bus.write(device, self.region.algorithm_address, struct.pack(f"<{len(words)}I", *words))

    def init(self, function: int = 1) -> int:
        return self._call("pc_init", self.region.start, 0, function)

    def uninit(self, function: int = 1) -> int:
        return self._call("pc_unInit", function)

    def erase(self, address: int) -> int:
        return self._call("pc_erase_sector", address)

    def program(self, address: int, data: bytes) -> int:
        bus.write(self.device, self.region.buffer_address, data)
        return self._call("pc_program_page", address, len(data), self.region.buffer_address)

    def _call(self, entry: str, *arguments: int) -> int:
        """Until the breakpoint at the algorithm's first word."""
        machine, back = self._machine, self.region.algorithm_address
        machine.refresh()
        for number, value in enumerate(arguments):
            machine.set(uc.GENERAL[number], value)
        machine.set(uc.SP, self._word("begin_stack"))
        machine.set(uc.LR, back | 1)
        complaint = machine.run(self._word(entry) & ~1)
        assert not self._problem, self._problem
        assert machine.get(uc.PC) & ~1 in (back, back + 2), complaint
        assert machine.get(uc.SP) == self._word("begin_stack")
        return machine.get(uc.R0)

    def _word(self, name: str) -> int:
        value = self._places[name]
        assert isinstance(value, int)
        return value

    def _write(self, address: int, size: int, value: int) -> None:
        try:
            self.device.write(address, size, value)
        except Fault:
            self._refused(0, address)

    def _refused(self, _: int, address: int) -> None:
        self._problem = self._problem or f"a fault at 0x{address:08x}"
        self._machine.stop()

    def _stopped(self, _: int) -> None:
        self._machine.stop()
