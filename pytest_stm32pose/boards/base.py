"""What a board is to the rest of the package. Virtual and hardware boards are the same to every caller."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from pytest_stm32pose.boards.catalog import BoardSpec
from pytest_stm32pose.transports.base import Transport
from pytest_stm32pose.types import FlashReport


class Memory(Protocol):
    """The target's memory through the debug probe, also while the core runs."""

    def read(self, address: int, size: int) -> bytes: ...

    def write(self, address: int, data: bytes) -> None: ...

    def doorbell(self) -> None:
        """Makes the board's doorbell interrupt pending."""


class Rig(Protocol):
    """Where a board's probe and serial port come from: an emulator that is started, or cables that are there."""

    def open(self) -> None: ...

    def close(self) -> None: ...

    @property
    def probe(self) -> str:
        """Unique id of the debug probe, as probes/session.py takes it."""

    @property
    def probe_uid(self) -> str:
        """The same, as people and records know it."""

    @property
    def session_options(self) -> dict[str, object]:
        """pyOCD session options that this kind of rig needs."""

    @property
    def serial_url(self) -> str:
        """For pyserial's serial_for_url(). Raises ConfigError when there is no serial port."""

    def nudge(self) -> None:
        """Makes held-back serial bytes move, where something may hold them back. Raises ProbeError: nothing can."""

    def power_cycle(self) -> float:
        """Switches the board off and on. Returns how many seconds it may take to come back; 0 when nothing can."""

    def emulator_pid(self) -> int:
        """Process id of the emulator; 0 for hardware."""

    def death_reason(self) -> str:
        """Why the rig is gone or stands still, one clause, without asking the target; "" while it is well."""


class Board(Protocol):
    """One board: opened, programmed, started, closed. Errors are those of errors.py."""

    spec: BoardSpec

    def open(self, *, debug: bool = True) -> None:
        """Takes the board and connects its debug probe to the core, unless `debug` is False."""

    def close(self) -> None: ...

    @property
    def probe_uid(self) -> str: ...

    @property
    def memory(self) -> Memory: ...

    def flash_firmware(self, path: Path) -> FlashReport:
        """Puts an ELF, HEX or BIN file on the board, verified; start() runs it."""

    def flash_network(self, data: bytes) -> FlashReport:
        """Puts a network image at the network address, verified. The firmware stops; start() runs it again."""

    def flash_data(self, address: int, data: bytes) -> FlashReport:
        """Puts data at an address, verified. The firmware stops; start() runs it again."""

    def verify_firmware(self, path: Path) -> str:
        """Reads the firmware back. "" when the target holds the file, else the first difference in words."""

    def start(self) -> None:
        """Runs the firmware from its reset handler."""

    def reset(self) -> None:
        """The same: a reset, after which the firmware runs."""

    def read(self, address: int, size: int) -> bytes: ...

    def write(self, address: int, data: bytes) -> None: ...

    def serial_url(self) -> str: ...

    def transport(self, kind: str, *, baud: int | None = None) -> Transport:
        """The link to the firmware, not open yet: "serial" or "swd"."""

    def is_alive(self) -> bool:
        """Whether the core runs and nothing is known to be wrong with it."""

    def why_dead(self) -> str:
        """What is wrong with the core, the probe or the emulator, one clause; "" when nothing is."""

    def whereabouts(self) -> tuple[str, int | None]:
        """What the core is at: its state ("running", "sleeping", ...), and its program counter, for which it is
        halted and let go on; None when that cannot be read."""

    def why_gone(self) -> str:
        """The same of probe and emulator alone, without asking the core."""

    def emulator_pid(self) -> int: ...
