"""What bounds a latency on hardware: reading the weights once from where they are, or computing. Pure.

Figures of virtual boards are no time, so nothing is said of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from pytest_stm32pose.entries.model import ModelEntry
from pytest_stm32pose.entries.run import BoardEntry

#: From this share of the latency on, what takes it explains it.
_EXPLAINS = 0.5
_KIB, _MS_PER_S, _US_PER_MS = 1024, 1000.0, 1000.0


@dataclass(frozen=True)
class Bound:
    """Reading the weights against computing, of one network on one board.

    Attributes:
        weights: where they are, in words.
        megabytes_per_s: at which their memory was read at the start of the run, 10^6 bytes.
        reading_ms: reading all weights once at that speed; a kernel may read them more than once.
        latency_ms: the median.
        macc: of one inference.
        cycles_per_macc: of the core, if it did nothing else; None without a MACC.
    """

    weights: str
    megabytes_per_s: float
    weights_bytes: int
    reading_ms: float
    latency_ms: float
    macc: int
    cycles_per_macc: float | None

    @property
    def share(self) -> float:
        """Of the latency, that reading the weights once takes."""
        return self.reading_ms / self.latency_ms

    @property
    def sentence(self) -> str:
        """Which of both explains the time."""
        read = (
            f"Reading the weights once ({self.weights_bytes / _KIB:,.0f} KiB from {self.weights} at "
            f"{self.megabytes_per_s:,.1f} MB/s, measured at the start) takes {self.reading_ms:,.2f} ms of "
            f"{self.latency_ms:,.2f} ms"
        )
        cycles = f" ({self.cycles_per_macc:,.2f} cycles per MACC)" if self.cycles_per_macc is not None else ""
        if self.share >= _EXPLAINS:
            return f"{read}: the memory of the weights bounds this latency, not the core{cycles}."
        return f"{read}: computing {self.macc:,} MACC explains this latency{cycles}, not the memory of the weights."


def bound(model: ModelEntry, board: BoardEntry | None) -> Bound | str:
    """The bound of a latency, or why there is none, as a sentence; "" of virtual boards and without a time."""
    if board is None or model.latency is None:
        return ""
    if board.kind != "hardware" or not model.latency.ms_p50:
        return ""
    places = model.places
    speed = places.read_bytes / places.read_us if places and places.read_bytes and places.read_us else 0.0
    if places is None or speed <= 0:  # bytes per us: 10^6 bytes per s
        return "What bounds this latency is not known: the firmware did not tell how fast it reads its weights."
    clock_hz, macc, latency_ms = model.latency.clock_hz, model.macc, model.latency.ms_p50
    return Bound(
        weights=places.weights,
        megabytes_per_s=speed,
        weights_bytes=model.weights_bytes,
        reading_ms=model.weights_bytes / speed / _US_PER_MS,
        latency_ms=latency_ms,
        macc=macc,
        cycles_per_macc=latency_ms / _MS_PER_S * clock_hz / macc if macc else None,
    )


def bound_sentence(model: ModelEntry, board: BoardEntry | None) -> str:
    """For people; "" where there is nothing to say."""
    found = bound(model, board)
    return found if isinstance(found, str) else found.sentence
