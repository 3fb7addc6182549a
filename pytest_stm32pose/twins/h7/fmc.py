"""The SDRAM of the STM32H747I-DISCO (IS42S32800J, 32 MB at FMC bank 2) and the controller that must start it.

Sources: RM0399, chapter FMC (SDRAM controller); the part's start sequence and size; ST's and Zephyr's board files for
the times, of which the shorter one of each is the limit here (the part's own sheet was not at hand). Its bytes answer
only after the whole sequence; until then a read gives noise, and `wrong` has the first step that is missing. Not
judged, since a model has no time: the 100 us after the clock enable.
"""

from __future__ import annotations

from collections.abc import Callable

from pytest_stm32pose.twins.device import Region
from pytest_stm32pose.twins.stm32.board import Memory
from pytest_stm32pose.twins.stm32.registers import Registers
from pytest_stm32pose.twins.stm32.storage import fill_with_noise, ram, view

START, BYTES, ROWS = 0xD0000000, 32 << 20, 4096
#: Pins on alternate function 12, by port.
PINS = {
    "D": (0, 1, 8, 9, 10, 14, 15), "E": (0, 1, *range(7, 16)), "F": (*range(6), *range(11, 16)),
    "G": (0, 1, 2, 4, 5, 8, 15), "H": tuple(range(5, 16)), "I": (*range(8), 9, 10),
}  # fmt: skip
FUNCTION = 12
_BCR1, _SDCR1, _SDCR2, _SDTR1, _SDTR2, _SDCMR, _SDRTR, _SDSR = 0x000, 0x140, 0x144, 0x148, 0x14C, 0x150, 0x154, 0x158
_ENABLED, _BANK2 = 1 << 31, 1 << 3
_CLOCK, _PRECHARGE, _REFRESH, _MODE = 1, 2, 3, 4
_NAMES = {_CLOCK: "clock enable", _PRECHARGE: "precharge", _REFRESH: "auto-refresh", _MODE: "load mode"}
_BEFORE = {_CLOCK: 0, _PRECHARGE: _CLOCK, _REFRESH: _PRECHARGE, _MODE: _REFRESH}
_REFRESHES = 8
#: 9 column and 12 row bits, 32 data bits, 4 banks; without the CAS latency.
_GEOMETRY, _GEOMETRY_MASK = 0x65, 0x27F
#: Name, register, shift, and least ns (or, below 10, least clocks).
_TIMES = (
    ("TMRD", _SDTR2, 0, 2.0), ("TXSR", _SDTR2, 4, 60.0), ("TRAS", _SDTR2, 8, 40.0), ("TRC", _SDTR1, 12, 60.0),
    ("TWR", _SDTR2, 16, 20.0), ("TRP", _SDTR1, 20, 20.0), ("TRCD", _SDTR2, 24, 20.0),
)  # fmt: skip
_REFRESH_NS = 64e6 / ROWS
_MOST_HZ = {2: 100e6, 3: 143e6}
_STUCK = 1  # a data line


class Fmc(Registers):
    """`kernel` gives the controller's clock in Hz, 0 without; `wired` whether all pins are the controller's.

    Attributes:
        stuck: a planted fault: data line D0 is always 1.
    """

    def __init__(
        self,
        blame: Callable[[str], None],
        touch: Callable[[], None],
        kernel: Callable[[], float],
        wired: Callable[[], bool],
    ) -> None:
        self._blame, self._touch, self._kernel, self._wired = blame, touch, kernel, wired
        self.cells = ram(BYTES)
        self._bytes = view(self.cells)
        self.stuck = False
        super().__init__({_BCR1: 0x30DB, _SDCR1: 0x2D0, _SDCR2: 0x2D0, _SDTR1: 0x0FFFFFFF, _SDTR2: 0x0FFFFFFF})

    def reset(self) -> None:
        """The part loses its refresh, and with it what it held."""
        super().reset()
        self._step = self._refreshes = 0
        self._mode: int | None = None
        self._lost = True
        self._good = False
        self._touch()

    def memory(self) -> Memory:
        region = Region("sdram", START, BYTES, self.cells)
        return Memory(
            region,
            on=lambda: bool(self.values[_BCR1] & _ENABLED and self._kernel()),
            direct=lambda: self._good and not self.stuck and not self.problem(),
            load=self._load,
            store=self._store,
        )

    def write(self, offset: int, value: int, size: int) -> None:
        super().write(offset, value, size)
        if offset == _SDCMR:
            self._command(value)
        self.look()

    def look(self) -> None:
        """Something changed that the part may depend on."""
        good = not self.problem()
        if good and self._lost:
            fill_with_noise(self.cells)
            self._lost = False
        if good != self._good:
            self._good = good
            self._touch()

    def _command(self, value: int) -> None:
        command = value & 7
        if not value & _BANK2 or command not in _NAMES:
            return
        if self._step < _BEFORE[command]:
            self._blame(f"SDRAM: {_NAMES[command]} before {_NAMES[_BEFORE[command]]}")
            return
        if command == _REFRESH:
            self._refreshes += (value >> 5 & 0xF) + 1
        if command == _MODE:
            self._mode = value >> 9 & 0x1FFF
        self._step = command if command != _CLOCK else max(self._step, _CLOCK)

    # --- what the part needs ---

    def problem(self) -> str:
        """The first thing that keeps the part from answering rightly; empty when nothing does."""
        divider = self.field(_SDCR1, 10, 3)
        hertz = self._kernel() / divider if divider >= 2 else 0.0
        if not hertz:
            return "SDCLK is off (SDCR1)"
        if not self._wired():
            return "not all of its pins are on alternate function 12 with fast edges"
        return self._configuration(hertz) or self._sequence() or self._refreshed(hertz)

    def _configuration(self, hertz: float) -> str:
        control, latency = self.values[_SDCR2], self.field(_SDCR2, 7, 3)
        if control & _GEOMETRY_MASK != _GEOMETRY:
            return f"SDCR2 0x{control:x} is not 9 columns, 12 rows, 32 bits, 4 banks, writable"
        if latency not in _MOST_HZ or hertz > _MOST_HZ[latency]:
            return f"{hertz / 1e6:g} MHz with CAS latency {latency}"
        for name, register, shift, least in _TIMES:
            clocks = self.field(register, shift, 0xF) + 1
            if (clocks if least < 10 else clocks * 1e9 / hertz) < least - 1e-6:
                return f"{name} is {clocks} clocks at {hertz / 1e6:g} MHz"
        return ""

    def _sequence(self) -> str:
        if self._step < _MODE:
            after = _NAMES.get(self._step)
            return f"no load mode yet, the last command was {after}" if after else "no clock enable command"
        if self._refreshes < _REFRESHES:
            return f"{self._refreshes} auto-refreshes at its start, not {_REFRESHES}"
        assert self._mode is not None
        if self._mode & 7 or self._mode >> 7 & 3:
            return f"mode register 0x{self._mode:x} is not one word a burst, standard operation"
        if self._mode >> 4 & 7 != self.field(_SDCR2, 7, 3):
            return f"CAS latency {self._mode >> 4 & 7} in the part, {self.field(_SDCR2, 7, 3)} in SDCR2"
        return ""

    def _refreshed(self, hertz: float) -> str:
        count = self.field(_SDRTR, 1, 0x1FFF)
        if not count:
            return "no refresh (SDRTR)"
        if count < 41 or (count + 20) * 1e9 / hertz > _REFRESH_NS + 1e-6:
            return f"refresh count {count} at {hertz / 1e6:g} MHz"
        return ""

    # --- accesses that the core does not make by itself ---

    def _load(self, offset: int, size: int) -> int:
        if problem := self.problem():
            self._blame(f"SDRAM is read: {problem}")
            return int.from_bytes((b"\xa5\x3c\xc3\x5a" * 2)[offset % 4 : offset % 4 + size], "little")
        value = int.from_bytes(self._bytes[offset : offset + size], "little")
        return value | _STUCK if self.stuck and not offset % 4 else value

    def _store(self, offset: int, size: int, value: int) -> None:
        if problem := self.problem():
            self._blame(f"SDRAM is written: {problem}")
        else:
            self._bytes[offset : offset + size] = value.to_bytes(size, "little")
