"""What a model of a board is to the process that runs an image on it: memory, registers, interrupt lines, a UART.

The core's private peripherals (from 0xE0000000: NVIC, SysTick, system control, debug) are no part of a device; core.py
has them, once for all. A device is made by `device(board)` of twins/<family>/device.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from pytest_stm32pose.probes.qemu.instances import TWIN


class Fault(Exception):
    """Nothing answers at `address`, or it refuses: a bus fault. A block without its clock answers with one too."""

    def __init__(self, address: int) -> None:
        super().__init__(f"bus fault at 0x{address:08x}")
        self.address = address


class PowerLost(Exception):
    """The board's supply went away in the middle of an access."""


@dataclass(frozen=True)
class Region:
    """Memory that answers by itself at full speed: RAM, flash, a mapped window.

    Attributes:
        buffer: a writable ctypes array or memoryview of `length` bytes, the same object for ever.
        writable, executable: for the core. What a write into a region that is not writable does, the device's write()
            says.
    """

    name: str
    start: int
    length: int
    buffer: Any
    writable: bool = True
    executable: bool = True


@runtime_checkable
class Serial(Protocol):
    """The end of the serial line that the host holds.

    Attributes:
        sent: what the USART has sent; the host takes bytes from its front.
        room: how many more bytes the USART takes before its FIFO is full; the host puts it back up.
    """

    sent: bytearray
    room: int

    def receive(self, data: bytes) -> int:
        """Bytes come in. Returns how many of them the USART took; the host offers the rest again."""
        ...


class Device(Protocol):
    """One board without its core.

    Attributes:
        cpu: unicorn's core: "cortex-m33", "cortex-m7", "cortex-m4".
        core: what CPUID and the ROM table say: "cortex-m55", "cortex-m7", "cortex-m4".
        core_port: number of the core's access port.
        boot: address of the vector table that a reset starts from; 0 with `has_boot_rom`.
        changed: the device sets it when what region_at() says may have changed; the core clears it.
        irqs: numbers of the interrupt lines that are asserted now.
        port_closed: accesses that the core's access port still refuses; the debug side counts them down.
        wrong: what a driver did that silicon forbids, in words.
        faults: name of a fault that can be planted -> one line of help.
    """

    cpu: str
    core: str
    core_port: int
    boot: int
    changed: bool
    irqs: set[int]
    serial: Serial
    port_closed: int
    wrong: list[str]
    FAULTS: Mapping[str, str]

    def power_up(self) -> None:
        """Volatile state is lost; chips that are not volatile keep their cells."""
        ...

    def reset(self) -> None:
        """System reset."""
        ...

    def region_at(self, address: int) -> Region | None:
        """What answers directly at `address` now; None when read() and write() have to be asked."""
        ...

    def read(self, address: int, size: int) -> int:
        """An access below 0xE0000000 of 1, 2 or 4 bytes. Raises Fault."""
        ...

    def write(self, address: int, size: int, value: int) -> None:
        """As read(). Raises PowerLost where a planted fault says so."""
        ...

    def set_fault(self, name: str, value: str) -> None:
        """Plants a fault. Raises ValueError, one clause, for a value that it does not take."""
        ...


def maker(machine: str) -> Callable[[], Device]:
    """The function that makes the device of a catalog's `machine`, "twin:<board>".

    Raises:
        KeyError: there is no model of that board.
    """
    from importlib import import_module

    board = machine.removeprefix(TWIN)
    module = import_module(f"pytest_stm32pose.twins.{FAMILIES[board]}.device")
    make: Callable[[str], Device] = module.device
    return lambda: make(board)


#: Board -> folder of its family.
FAMILIES = {"n6": "n6", "n6-nucleo": "n6", "h7": "h7", "h747": "h7", "f405": "f4"}
