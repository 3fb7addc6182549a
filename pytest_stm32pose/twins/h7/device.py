"""The boards NUCLEO-H743ZI2 ("h7") and STM32H747I-DISCO ("h747") without their core: memory map, blocks, wiring.

Sources: RM0433 (H743) and RM0399 (H747) chapters 2 (memory map) and DBGMCU; UM2407, UM2411 for the wiring. The second
core of the H747 does not run: second_core says what it would find in its flash. Left out: every peripheral that is not
in _places(); an access to one faults, which silicon does only where there is nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from pytest_stm32pose.twins.device import Device as DeviceProtocol
from pytest_stm32pose.twins.device import Region, Serial
from pytest_stm32pose.twins.h7 import fmc, quadspi
from pytest_stm32pose.twins.h7.flash import BANK_BYTES, START, STUCK_AT, Flash
from pytest_stm32pose.twins.h7.power import LDO, SMPS, Pwr, Syscfg
from pytest_stm32pose.twins.h7.rcc import AHB2ENR, AHB3ENR, AHB4ENR, APB1LENR, APB2ENR, APB4ENR, Rcc
from pytest_stm32pose.twins.stm32.board import Board, Memory, Place
from pytest_stm32pose.twins.stm32.registers import Block, Constants, Crc, Gpio, Registers
from pytest_stm32pose.twins.stm32.storage import fill_with_noise, ram
from pytest_stm32pose.twins.stm32.usart import FifoUsart

IDCODE, IDCODE_REVISION_V = 0x5C001000, 0x20036450
UNIQUE_ID = (0x00310023, 0x31385106, 0x38393432)
_RAM = (
    ("itcm", 0x00000000, 0x10000), ("dtcm", 0x20000000, 0x20000), ("axi_sram", 0x24000000, 0x80000),
    ("sram4", 0x38000000, 0x10000),
)  # fmt: skip
#: Start, length, and bit of the clock in AHB2ENR.
_D2_RAM = (("sram1", 0x30000000, 0x20000, 29), ("sram2", 0x30020000, 0x20000, 30), ("sram3", 0x30040000, 0x8000, 31))
_PORTS = "ABCDEFGHIJK"
_PORT_RESET = {
    "A": {0x00: 0xABFFFFFF, 0x08: 0x0C000000, 0x0C: 0x64000000},
    "B": {0x00: 0xFFFFFEBF, 0x08: 0xC0, 0x0C: 0x100},
}
_FASTEST_BUT_ONE = 2


@dataclass(frozen=True)
class Wiring:
    """How a board is made. `serial`: the USART's (name, base, interrupt, kernel clock's shift, on the fast bus, enable
    register and bit); `pins`: port, TX, RX on alternate function 7.
    """

    hse_hz: int
    bypass: bool
    supply: int
    serial: tuple[str, int, int, int, bool, int, int]
    pins: tuple[str, int, int]
    memories: bool


WIRINGS = {
    "h7": Wiring(8_000_000, True, LDO, ("USART3", 0x40004800, 39, 0, False, APB1LENR, 18), ("D", 8, 9), False),
    "h747": Wiring(25_000_000, False, SMPS, ("USART1", 0x40011000, 37, 3, True, APB2ENR, 4), ("A", 9, 10), True),
}
FAULTS = {
    "flash": "stuck-bit: bit 0 at 0x08020028 is always 1; write-protected: erasing and programming change nothing",
    "pll": "never-ready: PLL1 does not lock",
    "hse": "dead: the external clock does not come",
    "uart": "deaf: no byte from the host arrives",
    "power": "lost-at-write-N: the supply goes away in the middle of the N-th change of a flash from now",
}
EXTERNAL_FAULTS = {
    "qspi": "silent: no die answers; wrong-id: another part; left-in-qpi: as another program left the dies",
    "sdram": "stuck-bit: data line D0 is always 1",
}
_FUNCTION = 7


class Device(Board):
    """See twins/device.py. Its blocks: `rcc`, `pwr`, `flash`, `usart`, `ports`; on the h747 `fmc` and `quadspi` too."""

    cpu = core = "cortex-m7"
    core_port = 0
    boot = START

    def __init__(self, board: str) -> None:
        super().__init__()
        self._wiring = wiring = WIRINGS[board]
        self.FAULTS = FAULTS | (EXTERNAL_FAULTS if wiring.memories else {})
        self.rcc = Rcc(wiring.hse_hz, wiring.bypass, self.blame)
        self.syscfg = Syscfg()
        self.pwr = Pwr(wiring.supply, self.syscfg, self.blame)
        self.flash = Flash(self.blame, self.touch, self.supply)
        self.ports = {letter: Gpio(_PORT_RESET.get(letter, {0x00: 0xFFFFFFFF})) for letter in _PORTS}
        self.irqs: set[int] = set()
        self.usart = self._serial()
        self.serial: Serial = self.usart
        self._blocks: list[Block] = [self.syscfg, self.flash, *self.ports.values(), self.usart]
        self._ram = [Memory(Region(name, start, length, ram(length))) for name, start, length in _RAM]
        for name, start, length, bit in _D2_RAM:
            clocked = partial(self.rcc.enabled, AHB2ENR, bit)
            self._ram.append(Memory(Region(name, start, length, ram(length)), on=clocked))
        self.memories = [*self._ram, *self.flash.memories()]
        self.places = self._places()
        if wiring.memories:
            self._add_external_memories()
        self.rcc.scale, self.rcc.flash_waits = self.pwr.scale, self.flash.waits
        self.rcc.on_change = self._clocks_changed
        self.pwr.on_change = self.flash.on_change = self.rcc.check
        self.power_up()

    def _serial(self) -> FifoUsart:
        _, _, line, shift, fast_bus, register, bit = self._wiring.serial
        letter, sends, receives = self._wiring.pins
        port = self.ports[letter]
        clocked = partial(self.rcc.enabled, register, bit)
        return FifoUsart(
            self.blame,
            listens=lambda: clocked() and port.function(receives) == _FUNCTION,
            talks=lambda: port.function(sends) == _FUNCTION,
            hertz=partial(self.rcc.usart, shift, fast_bus),
            line=lambda asserted: self.irqs.add(line) if asserted else self.irqs.discard(line),
        )

    def _places(self) -> list[Place]:
        rcc = self.rcc

        def place(name: str, start: int, length: int, block: Block, clock: tuple[int, int] | None = None) -> Place:
            if block not in self._blocks and block not in (rcc, self.pwr):
                self._blocks.append(block)
            return (
                Place(name, start, length, block, partial(rcc.enabled, *clock))
                if clock
                else Place(name, start, length, block)
            )

        name, base, _, _, _, register, bit = self._wiring.serial
        identity = Constants({4 * at: word for at, word in enumerate(UNIQUE_ID)} | {0x80: 2 * BANK_BYTES >> 10})
        return [
            place("RCC", 0x58024400, 0x400, rcc),
            place("PWR", 0x58024800, 0x400, self.pwr),
            place("SYSCFG", 0x58000400, 0x400, self.syscfg, (APB4ENR, 1)),
            place("FLASH", 0x52002000, 0x200, self.flash),
            *(
                place(f"GPIO{letter}", 0x58020000 + 0x400 * at, 0x400, self.ports[letter], (AHB4ENR, at))
                for at, letter in enumerate(_PORTS)
            ),
            place(name, base, 0x400, self.usart, (register, bit)),
            place("CRC", 0x58024C00, 0x400, Crc(), (AHB4ENR, 19)),
            # Those of the H747's second core too: pyOCD's flash algorithm writes them on every device of the family.
            place("watchdogs", 0x58004800, 0x800, Registers()),
            place("window watchdog", 0x40002C00, 0x400, Registers()),
            place("AXI interconnect", 0x51000000, 0x10000, Registers()),
            place("DBGMCU", IDCODE, 4, Constants({0: IDCODE_REVISION_V})),
            place("DBGMCU", IDCODE + 4, 0x3FC, Registers()),
            place("unique id", 0x1FF1E800, 0x84, identity),
        ]

    def _add_external_memories(self) -> None:
        self.fmc = fmc.Fmc(self.blame, self.touch, partial(self._kernel, 12, 0), self._sdram_is_wired)
        self.quadspi = quadspi.Quadspi(
            self.blame, self.touch, partial(self._kernel, 14, 4), self._is_wired, self.supply
        )
        self.memories += [self.fmc.memory(), self.quadspi.memory()]
        for name, start, block, bit in (("FMC", 0x52004000, self.fmc, 12), ("QUADSPI", 0x52005000, self.quadspi, 14)):
            self._blocks.append(block)
            self.places.append(Place(name, start, 0x400, block, partial(self.rcc.enabled, AHB3ENR, bit)))

    # --- Device ---

    def power_up(self) -> None:
        for memory in self._ram:
            fill_with_noise(memory.region.buffer)
        self.rcc.power_up()
        self.pwr.power_up()
        self._reset_blocks()
        if self._wiring.memories:
            for die in self.quadspi.dies:
                die.power_up()

    def reset(self) -> None:
        """The supply and the flags of the reset stay; so does what the external flash was told."""
        self.rcc.reset()
        self.pwr.reset()
        self._reset_blocks()

    def _reset_blocks(self) -> None:
        for block in self._blocks:
            block.reset()
        self.touch()
        if self.second_core == "runs":
            self.blame("the Cortex-M4 boots from bank 2 and runs what lies there")

    @property
    def second_core(self) -> str:
        """ "none", "parked" (it sleeps for good), "locked" (no vectors) or "runs" something."""
        if not self._wiring.memories:
            return "none"
        start = START + BANK_BYTES
        cells = self.flash.memories()[1].bytes_
        entry = int.from_bytes(cells[4:8], "little")
        if not start <= entry < start + BANK_BYTES - 16 or not entry & 1:
            return "locked"
        at = (entry & ~1) - start
        code = [int.from_bytes(cells[at + step : at + step + 2], "little") for step in (0, 2, 4)]
        return "parked" if code == [_MASK_INTERRUPTS, _WAIT, _BACK_TO_THE_WAIT] else "runs"

    # --- wiring ---

    def _kernel(self, bit: int, shift: int) -> float:
        """Clock of FMC or QUADSPI in Hz: 0 while its bus clock is off."""
        return self.rcc.kernel(shift) if self.rcc.enabled(AHB3ENR, bit) else 0.0

    def _is_wired(self, pins: tuple[tuple[str, int, int], ...]) -> bool:
        return all(
            self.ports[letter].function(pin) == function and self.ports[letter].speed(pin) >= _FASTEST_BUT_ONE
            for letter, pin, function in pins
        )

    def _sdram_is_wired(self) -> bool:
        return self._is_wired(tuple((letter, pin, fmc.FUNCTION) for letter, pins in fmc.PINS.items() for pin in pins))

    def _clocks_changed(self) -> None:
        self.touch()
        if self._wiring.memories:
            self.fmc.look()

    # --- faults ---

    def _plants(self) -> dict[str, dict[str, Callable[[], None]]]:
        plants: dict[str, dict[str, Callable[[], None]]] = {
            "flash": {
                "stuck-bit": lambda: setattr(self.flash, "stuck", STUCK_AT),
                "write-protected": lambda: setattr(self.flash, "protected", True),
            },
            "pll": {"never-ready": lambda: self.rcc.broken.add("pll")},
            "hse": {"dead": lambda: self.rcc.broken.add("hse")},
            "uart": {"deaf": lambda: setattr(self.usart, "deaf", True)},
        }
        if self._wiring.memories:
            plants["qspi"] = {
                "silent": partial(self._each_die, "silent", True),
                "wrong-id": partial(self._each_die, "jedec", b"\xc2\x20\x19"),
                "left-in-qpi": partial(self._each_die, "mode", "qpi"),
            }
            plants["sdram"] = {"stuck-bit": lambda: setattr(self.fmc, "stuck", True)}
        return plants

    def _each_die(self, name: str, value: object) -> None:
        for die in self.quadspi.dies:
            setattr(die, name, value)


_MASK_INTERRUPTS, _WAIT, _BACK_TO_THE_WAIT = 0xB672, 0xBF30, 0xE7FD


def device(board: str) -> DeviceProtocol:
    """The board "h7" or "h747". Raises KeyError for another one."""
    return Device(board)
