"""Messages through a block of the target's RAM that a debug probe reads and writes (PROTOCOL.md, "SWD mailbox")."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pytest_stm32pose.errors import DeviceError, ProtocolError, TransportError, TransportTimeout

MAGIC = 0x584D4250
VERSION = 1
HEADER = struct.Struct("<16I")
DATA_OFFSET = 0x40
assert HEADER.size == DATA_OFFSET
H2D_SEQ, H2D_LEN, D2H_ACK, RINGING = 0x10, 0x14, 0x28, 0x2C
MAX_CAPACITY = 16 << 20
MIN_CAPACITY = 256
#: The mailbox is polled with growing pauses: short answers come at once, long waits cost little.
FIRST_PAUSE_S = 0.0001
LONGEST_PAUSE_S = 0.002
#: UsageFault STKOF (Armv8-M Architecture Reference Manual, CFSR).
CFSR_STACK_OVERFLOW = 1 << 20
EXCEPTIONS = {2: "NMI", 3: "HardFault", 4: "MemManage", 5: "BusFault", 6: "UsageFault", 7: "SecureFault"}


class Memory(Protocol):
    """The target's memory, while it runs."""

    def read(self, address: int, size: int) -> bytes: ...

    def write(self, address: int, data: bytes) -> None: ...


@dataclass(frozen=True)
class MailboxHeader:
    """The mailbox's header at one moment."""

    magic: int
    version: int
    capacity: int
    boot: int
    h2d_seq: int
    h2d_len: int
    h2d_ack: int
    asleep: int
    d2h_seq: int
    d2h_len: int
    d2h_ack: int
    ringing: int
    fault_exception: int
    fault_pc: int
    fault_lr: int
    fault_cfsr: int

    @classmethod
    def read(cls, memory: Memory, address: int) -> MailboxHeader:
        return cls(*HEADER.unpack(memory.read(address, HEADER.size)))

    @property
    def tells_fault(self) -> bool:
        """The firmware's fault handler has written the fields fault_... (PROTOCOL.md, "Faults")."""
        return self.magic == MAGIC and self.fault_exception != 0


class MailboxTransport:
    """A mailbox in the target's RAM.

    Args:
        memory: reads and writes the target's memory while it runs; its errors pass through.
        address: of the mailbox, from the board's catalog entry.
        doorbell: pends the board's doorbell interrupt, which wakes the firmware.
    """

    name = "swd"
    window = 0

    def __init__(self, memory: Memory, address: int, doorbell: Callable[[], None]) -> None:
        self.max_message = 0
        self._memory = memory
        self._address = address
        self._doorbell = doorbell
        self._opened = False

    def open(self, timeout_s: float) -> None:
        self._opened = False
        deadline = time.monotonic() + timeout_s
        header = self._header()
        while header.magic != MAGIC:
            self._check_fault(header)
            self._pause(deadline, f"There is no mailbox at 0x{self._address:08X} after {timeout_s:g} s")
            header = self._header()
        if header.version != VERSION or header.capacity % 16 or not MIN_CAPACITY <= header.capacity <= MAX_CAPACITY:
            raise TransportError(
                f"The mailbox at 0x{self._address:08X} has version {header.version} and capacity {header.capacity}, "
                f"expected version {VERSION} and {MIN_CAPACITY} to {MAX_CAPACITY} bytes.",
                remedy="Flash the firmware of this version of the package.",
            )
        self.max_message = header.capacity
        self._opened = True
        self._acknowledge(header)
        self._await_taken(deadline, timeout_s)

    def close(self) -> None:
        self._opened = False

    def send(self, message: bytes, timeout_s: float) -> None:
        self._check_open()
        if len(message) > self.max_message:
            raise TransportError(f"A message of {len(message)} bytes does not fit the mailbox ({self.max_message}).")
        header = self._await_taken(time.monotonic() + timeout_s, timeout_s)
        self._memory.write(self._address + DATA_OFFSET, message)
        self._write_word(H2D_LEN, len(message))
        self._write_word(H2D_SEQ, header.h2d_seq + 1)
        self._wake(self._header())

    def receive(self, timeout_s: float) -> bytes:
        self._check_open()
        deadline = time.monotonic() + timeout_s
        pause_s = FIRST_PAUSE_S
        while True:
            header = self._header()
            if header.d2h_seq != header.d2h_ack:
                return self._take(header)
            self._check_fault(header)
            self._wake(header)
            pause_s = self._pause(deadline, f"Nothing came through the mailbox within {timeout_s:g} s", pause_s)

    def _take(self, header: MailboxHeader) -> bytes:
        if header.d2h_len > self.max_message:
            self._acknowledge(header)
            raise ProtocolError(
                f"The mailbox announces a message of {header.d2h_len} bytes, its capacity is {self.max_message}."
            )
        data = self._memory.read(self._address + DATA_OFFSET + self.max_message, header.d2h_len)
        self._acknowledge(header)
        return data

    def _acknowledge(self, header: MailboxHeader) -> None:
        if header.d2h_ack != header.d2h_seq:
            self._write_word(D2H_ACK, header.d2h_seq)

    def _await_taken(self, deadline: float, timeout_s: float) -> MailboxHeader:
        """Waits until the device has taken the last message."""
        pause_s = FIRST_PAUSE_S
        while True:
            header = self._header()
            if header.h2d_seq == header.h2d_ack:
                return header
            self._check_fault(header)
            self._wake(header)
            pause_s = self._pause(deadline, f"The device took no message for {timeout_s:g} s", pause_s)

    def _wake(self, header: MailboxHeader) -> None:
        """Rings only when the device sleeps over a message. `ringing` holds a device that wakes up meanwhile, so that
        neither the interrupt nor what the probe does for it comes into a measurement."""
        if not header.asleep or header.h2d_seq == header.h2d_ack:
            return
        self._write_word(RINGING, 1)
        try:
            if self._header().asleep:
                self._doorbell()
        finally:
            self._write_word(RINGING, 0)

    def _pause(self, deadline: float, what: str, pause_s: float = LONGEST_PAUSE_S) -> float:
        if time.monotonic() >= deadline:
            raise TransportTimeout(f"{what}.", remedy="Check that the firmware is flashed and running.")
        time.sleep(pause_s)
        return min(2 * pause_s, LONGEST_PAUSE_S)

    def _header(self) -> MailboxHeader:
        return MailboxHeader.read(self._memory, self._address)

    def _write_word(self, offset: int, value: int) -> None:
        self._memory.write(self._address + offset, struct.pack("<I", value & 0xFFFFFFFF))

    def _check_open(self) -> None:
        if not self._opened:
            raise TransportError("The mailbox is not open.", remedy="Call open() first.")

    def _check_fault(self, header: MailboxHeader) -> None:
        if header.tells_fault:
            name = EXCEPTIONS.get(header.fault_exception, f"unexpected exception {header.fault_exception}")
            place = f"at 0x{header.fault_pc:08X}, called from 0x{header.fault_lr:08X}"
            if header.fault_cfsr & CFSR_STACK_OVERFLOW or not header.fault_pc:
                place = "because its stack overflowed"
            raise DeviceError(
                f"The firmware stopped in a {name} {place} (CFSR 0x{header.fault_cfsr:08X}).", remedy="Reset the board."
            )
