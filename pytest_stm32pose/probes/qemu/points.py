"""Break- and watchpoints: what the debugger asked for, and what is inserted in QEMU.

A breakpoint makes QEMU run its whole page one instruction at a time, so they are inserted only when the core is about
to run, and taken out as soon as nobody wants them.
"""

from __future__ import annotations

from typing import NamedTuple

from pytest_stm32pose.probes.qemu.gdb_remote import GdbRemote


class Point(NamedTuple):
    """`kind` as in gdb's Z packets: 0 breakpoint, 2 write, 3 read, 4 access watchpoint."""

    kind: int
    address: int
    length: int


class Points:
    """`comparators`: from the FPB and the DWT. `bkpts`: addresses where the debugger wrote a BKPT instruction."""

    def __init__(self) -> None:
        self.comparators: dict[str, frozenset[Point]] = {}
        self.bkpts: set[int] = set()
        self._inserted: set[Point] = set()

    def user_wants(self, address: int) -> bool:
        """Whether the debugger itself asked for a breakpoint at `address`."""
        return address in self.bkpts or any(
            point.kind == 0 and point.address == address for points in self.comparators.values() for point in points
        )

    def note_write(self, address: int, data: bytes) -> None:
        """Follows the debugger's writes into code: a halfword 0xBExx is a software breakpoint, all else ends one."""
        if len(data) == 2 and data[1] == 0xBE:
            self.bkpts.add(address)
        elif self.bkpts:
            self.bkpts -= {bkpt for bkpt in self.bkpts if address <= bkpt < address + len(data)}

    def clear(self) -> None:
        self.comparators.clear()
        self.bkpts.clear()

    def sync(self, gdb: GdbRemote, extra: set[Point] | None = None) -> None:
        wanted = (extra or set()) | {Point(0, address, 2) for address in self.bkpts}
        for points in self.comparators.values():
            wanted |= points
        for point in self._inserted - wanted:
            gdb.remove_point(*point)
        for point in wanted - self._inserted:
            gdb.insert_point(*point)
        self._inserted = wanted

    def remove_all(self, gdb: GdbRemote) -> None:
        """Takes everything out of QEMU; what the debugger asked for is remembered."""
        for point in self._inserted:
            gdb.remove_point(*point)
        self._inserted = set()

    def remove_watchpoints(self, gdb: GdbRemote) -> None:
        """Takes the watchpoints out until the next sync()."""
        watchpoints = {point for point in self._inserted if point.kind}
        for point in watchpoints:
            gdb.remove_point(*point)
        self._inserted -= watchpoints

    def forget_inserted(self) -> None:
        """The machine is a new one: nothing is inserted."""
        self._inserted = set()

    def reinsert(self, gdb: GdbRemote) -> None:
        """After a reconnection QEMU may or may not hold the points still; inserting twice would leave one behind."""
        for point in self._inserted:
            gdb.remove_point(*point)
            gdb.insert_point(*point)
