"""The board "f405" (Adafruit Feather STM32F405 and its like) without its core: memory map, blocks, wiring.

Sources: RM0090 chapters 2 (memory map), 38 (DBGMCU) and 39 (unique id, flash size); DS8626. The CCM RAM is there, which
QEMU's netduinoplus2 lacks. DBGMCU lies among the core's private peripherals: its id code is a word that the core is
told of (PRIVATE_WORDS). Left out: every peripheral that is not in _places(); an access to one faults, which silicon
does only where there is nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from pytest_stm32pose.twins.device import Device as DeviceProtocol
from pytest_stm32pose.twins.device import Region, Serial
from pytest_stm32pose.twins.f4.flash import BYTES, START, STUCK_AT, Flash
from pytest_stm32pose.twins.f4.rcc import AHB1ENR, APB1ENR, APB2ENR, Pwr, Rcc
from pytest_stm32pose.twins.stm32.board import Board, Memory, Place
from pytest_stm32pose.twins.stm32.registers import Block, Constants, Crc, Gpio
from pytest_stm32pose.twins.stm32.storage import fill_with_noise, ram
from pytest_stm32pose.twins.stm32.usart import Usart

HSE_HZ = 12_000_000
IDCODE = (0xE0042000, 0x101F6413)  #: of DBGMCU: its address, and revision 4's value
UNIQUE_ID, FLASH_KIB = (0x00210035, 0x32345113, 0x30313136), BYTES >> 10
USART1_IRQ = 37
_PORTS = "ABCDEFGHI"
_PORT_RESET = {
    "A": {0x00: 0xA8000000, 0x08: 0x0C000000, 0x0C: 0x64000000},
    "B": {0x00: 0x00000280, 0x08: 0x000000C0, 0x0C: 0x00000100},
}
_SERIAL_PORT, _TX, _RX, _FUNCTION = "B", 6, 7, 7


class Device(Board):
    """See twins/device.py. Its blocks: `rcc`, `pwr`, `flash`, `usart`, `ports`."""

    cpu = core = "cortex-m4"
    core_port = 0
    boot = START
    PRIVATE_WORDS: Mapping[int, int] = dict([IDCODE])
    FAULTS: Mapping[str, str] = {  # a constant
        "flash": "stuck-bit: bit 0 at 0x08020028 is always 1; write-protected: erasing and programming change nothing",
        "pll": "never-ready: the PLL does not lock",
        "hse": "dead: the crystal does not start",
        "uart": "deaf: no byte from the host arrives",
        "power": "lost-at-write-N: the supply goes away in the middle of the N-th change of the flash from now",
    }

    def __init__(self) -> None:
        super().__init__()
        self.rcc = Rcc(HSE_HZ, self.blame)
        self.pwr = Pwr()
        self.flash = Flash(self.blame, self.touch, self.supply)
        self.ports = {letter: Gpio(_PORT_RESET.get(letter)) for letter in _PORTS}
        self.irqs: set[int] = set()
        self.usart = self._serial()
        self.serial: Serial = self.usart
        self.crc = Crc()
        self._ram = [
            Memory(Region("sram", 0x20000000, 0x20000, ram(0x20000))),
            Memory(Region("ccm", 0x10000000, 0x10000, ram(0x10000), executable=False)),
        ]
        self.memories = [*self._ram, *self.flash.memories()]
        self.places = self._places()
        self.rcc.fast, self.rcc.waits = self.pwr.fast, self.flash.waits
        self.pwr.on_change = self.flash.on_change = self.rcc.check
        self.power_up()

    def _serial(self) -> Usart:
        port = self.ports[_SERIAL_PORT]
        clocked = partial(self.rcc.enabled, APB2ENR, 4)
        return Usart(
            self.blame,
            listens=lambda: clocked() and port.function(_RX) == _FUNCTION,
            talks=lambda: port.function(_TX) == _FUNCTION,
            hertz=lambda: self.rcc.apb(2),
            line=lambda asserted: self.irqs.add(USART1_IRQ) if asserted else self.irqs.discard(USART1_IRQ),
        )

    def _places(self) -> list[Place]:
        def clock(register: int, bit: int) -> Callable[[], bool]:
            return partial(self.rcc.enabled, register, bit)

        identity = Constants({0x00: UNIQUE_ID[0], 0x04: UNIQUE_ID[1], 0x08: UNIQUE_ID[2], 0x10: FLASH_KIB << 16})
        return [
            Place("RCC", 0x40023800, 0x400, self.rcc),
            Place("PWR", 0x40007000, 0x400, self.pwr, clock(APB1ENR, 28)),
            Place("FLASH", 0x40023C00, 0x400, self.flash),
            *(
                Place(f"GPIO{letter}", 0x40020000 + 0x400 * at, 0x400, self.ports[letter], clock(AHB1ENR, at))
                for at, letter in enumerate(_PORTS)
            ),
            Place("USART1", 0x40011000, 0x400, self.usart, clock(APB2ENR, 4)),
            Place("CRC", 0x40023000, 0x400, self.crc, clock(AHB1ENR, 12)),
            Place("unique id", 0x1FFF7A10, 0x14, identity),
        ]

    # --- Device ---

    def power_up(self) -> None:
        for memory in self._ram:
            fill_with_noise(memory.region.buffer)
        self.rcc.power_up()
        self._reset_blocks()

    def reset(self) -> None:
        self.rcc.reset()
        self._reset_blocks()

    def _reset_blocks(self) -> None:
        blocks: tuple[Block, ...] = (self.pwr, self.flash, *self.ports.values(), self.usart, self.crc)
        for block in blocks:
            block.reset()
        self.touch()

    # --- faults ---

    def _plants(self) -> dict[str, dict[str, Callable[[], None]]]:
        return {
            "flash": {
                "stuck-bit": lambda: setattr(self.flash, "stuck", STUCK_AT),
                "write-protected": lambda: setattr(self.flash, "protected", True),
            },
            "pll": {"never-ready": lambda: self.rcc.broken.add("pll")},
            "hse": {"dead": lambda: self.rcc.broken.add("hse")},
            "uart": {"deaf": lambda: setattr(self.usart, "deaf", True)},
        }


def device(board: str) -> DeviceProtocol:
    """The board "f405". Raises KeyError for another one."""
    return {"f405": Device}[board]()
