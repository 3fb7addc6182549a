"""What a driver does to the model of an STM32H7, in the manuals' order (RM0433, RM0399), step by step.

A step can be left out or changed, so that a test sees what the model makes of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from pytest_stm32pose.twins.h7.device import Device
from pytest_stm32pose.twins.h7.fmc import PINS as SDRAM_PINS
from pytest_stm32pose.twins.h7.quadspi import DIE_PINS, SHARED_PINS

RCC, PWR, SYSCFG, FLASH, FMC, QSPI = 0x58024400, 0x58024800, 0x58000400, 0x52002000, 0x52004000, 0x52005000
GPIO = {letter: 0x58020000 + 0x400 * at for at, letter in enumerate("ABCDEFGHIJK")}
#: (address, value) of the facts' clock tree, in its order: 480 MHz and 400 MHz.
CLOCKS = {
    "h7": (
        (PWR + 0x0C, 2), (PWR + 0x18, 3 << 14), (RCC + 0xF4, 0x10002), (SYSCFG + 0x2C, 1), (RCC, 0x00040001),
        (RCC, 0x00050001), (RCC + 0x28, 0x02020022), (RCC + 0x2C, 0x01F90008), (RCC + 0x30, 0x2EF),
        (RCC, 0x01050001), (RCC + 0x18, 0x48), (RCC + 0x1C, 0x440), (RCC + 0x20, 0x40), (FLASH, 0x24), (RCC + 0x10, 3),
    ),
    "h747": (
        (PWR + 0x0C, 4), (PWR + 0x18, 3 << 14), (RCC, 0x00010001), (RCC + 0x28, 0x02020052), (RCC + 0x2C, 0x01F90008),
        (RCC + 0x30, 0x29F), (RCC, 0x01010001), (RCC + 0x18, 0x48), (RCC + 0x1C, 0x440), (RCC + 0x20, 0x40),
        (FLASH, 0x22), (RCC + 0x10, 3),
    ),
}  # fmt: skip
#: The SDRAM's start: sizes and times, then its commands.
SDRAM = (
    (FMC + 0x140, 0x1800), (FMC + 0x144, 0x1E5), (FMC + 0x148, 0x00106000), (FMC + 0x14C, 0x01010361),
    (FMC + 0x000, 0x800030DB), (FMC + 0x150, 0x9), (FMC + 0x150, 0xA), (FMC + 0x150, 0xEB), (FMC + 0x150, 0x4600C),
    (FMC + 0x154, 0xC06),
)  # fmt: skip
INDIRECT_WRITE, INDIRECT_READ, POLL, MAPPED = (mode << 26 for mode in range(4))


def write_all(device: Device, writes: Iterable[tuple[int, int]]) -> None:
    for address, value in writes:
        device.write(address, 4, value)


def set_bits(device: Device, address: int, bits: int) -> None:
    device.write(address, 4, device.read(address, 4) | bits)


def give_pin(device: Device, letter: str, pin: int, function: int) -> None:
    """To an alternate function, with the fastest edges."""
    base = GPIO[letter]
    set_bits(device, RCC + 0xE0, 1 << "ABCDEFGHIJK".index(letter))
    for offset, shift, mask, value in (
        (0x20 + 4 * (pin // 8), 4 * (pin % 8), 0xF, function),
        (0x08, 2 * pin, 3, 3),
        (0x00, 2 * pin, 3, 2),
    ):
        before = device.read(base + offset, 4)
        device.write(base + offset, 4, before & ~(mask << shift) | value << shift)


def clocked(board: str = "h747") -> Device:
    device = Device(board)
    write_all(device, CLOCKS[board])
    return device


def with_sdram_pins(device: Device, without: tuple[str, int] | None = None) -> Device:
    set_bits(device, RCC + 0xD4, 1 << 12)
    for letter, pins in SDRAM_PINS.items():
        for pin in pins:
            if (letter, pin) != without:
                give_pin(device, letter, pin, 12)
    return device


class Qspi:
    """Two dies through the controller, which is on with prescaler 1 (100 MHz), both dies, 128 MB."""

    def __init__(self, device: Device, control: int = 0x01000051, pins: int = 10) -> None:
        self.device = device
        set_bits(device, RCC + 0xD4, 1 << 14)
        for letter, pin, function in (*SHARED_PINS, *DIE_PINS[0], *DIE_PINS[1])[:pins]:
            give_pin(device, letter, pin, function)
        self.set(0x04, 0x001A0300)
        self.set(0x00, control)

    def set(self, offset: int, value: int) -> None:
        self.device.write(QSPI + offset, 4, value)

    @property
    def status(self) -> int:
        return self.device.read(QSPI + 0x08, 4)

    def command(self, ccr: int, address: int | None = None) -> None:
        self.set(0x14, ccr)
        if address is not None:
            self.set(0x18, address)

    def get(self, ccr: int, length: int, address: int | None = None) -> bytes:
        self.set(0x10, length - 1)
        self.command(ccr | INDIRECT_READ, address)
        data = bytes(self.device.read(QSPI + 0x20, 1) for _ in range(length))
        self.set(0x0C, 0x1B)
        return data

    def put(self, ccr: int, data: bytes, address: int | None = None) -> None:
        self.set(0x10, len(data) - 1)
        self.command(ccr | INDIRECT_WRITE, address)
        for byte in data:
            self.device.write(QSPI + 0x20, 1, byte)
        self.set(0x0C, 0x1B)

    def wait(self) -> None:
        """Until neither die is busy, by the controller's own polling."""
        self.set(0x24, 0x0101)
        self.set(0x28, 0)
        self.set(0x10, 1)
        self.set(0x00, 0x01400051)
        self.command(POLL | 0x01000105)
        assert any(self.status & 8 for _ in range(100)), "no match"
        self.set(0x0C, 0x1B)

    def enable_writing(self) -> None:
        self.command(0x106)
        assert self.get(0x01000105, 2) == b"\x02\x02"

    def start_over(self) -> None:
        """Reset in 4 lines, then in 1; 4-byte addresses; 8 dummies; all at one line."""
        for lines in (0x300, 0x100):
            self.command(lines | 0x66)
            self.command(lines | 0x99)
        self.enable_writing()
        self.command(0x1B7)
        self.enable_writing()
        self.put(0x01000181, b"\x8b\x8b")

    def map(self, ccr: int = 0x0F203DEC) -> None:
        self.command(ccr)

    def unmap(self) -> None:
        set_bits(self.device, QSPI, 2)
        self.set(0x0C, 0x1B)
