"""The input slots of a running firmware: what they hold, as far as this process knows, and which is filled next.

A slot keeps its data (firmware/PROTOCOL.md, INFER), so what it holds is not uploaded again. The device has the last
word: every request names a CRC-32, and a slot that holds something else refuses it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Filled:
    """An input in a slot: CRC-32 and length of its bytes, and the seconds that its upload took."""

    crc32: int
    bytes_: int
    upload_s: float


class Slots:
    """One firmware's, from its start to the next one.

    Args:
        count: HELLO's slot_count.
    """

    def __init__(self, count: int) -> None:
        self._held: list[Filled | None] = [None] * max(count, 1)
        self._last = len(self._held) - 1  #: the slot that ran last, or runs

    def __len__(self) -> int:
        return len(self._held)

    def holding(self, crc32: int, bytes_: int) -> int | None:
        """The slot with this input; None: it must be uploaded."""
        return next(
            (slot for slot, held in enumerate(self._held) if held and (held.crc32, held.bytes_) == (crc32, bytes_)),
            None,
        )

    def upload_s(self, slot: int) -> float:
        """Seconds that the upload of what is in it took; 0 where nobody knows what that is."""
        held = self._held[slot]
        return held.upload_s if held else 0.0

    @property
    def to_fill(self) -> int:
        """The slot for the next upload: never the one that runs, where there are two."""
        return (self._last + 1) % len(self._held)

    def forget(self, slot: int) -> None:
        """An upload to it begins, or the device says that it holds something else."""
        self._held[slot] = None

    def filled(self, slot: int, held: Filled) -> None:
        """The upload has ended well."""
        self._held[slot] = held

    def run(self, slot: int) -> None:
        """It is the one that runs."""
        self._last = slot
