"""A run record, schema "stm32pose/run/1" (record.schema.json): boards, networks, verdict, and what went with them.

The record is the truth of a run; report, Markdown and plots are derived from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from pytest_stm32pose.entries.codec import Entry, Json
from pytest_stm32pose.entries.comparison import ComparisonEntry
from pytest_stm32pose.entries.model import ModelEntry

SCHEMA: Literal["stm32pose/run/1"] = "stm32pose/run/1"
Verdict = Literal["passed", "failed", "blocked"]


@dataclass(frozen=True)
class PluginEntry(Entry):
    """The version that made the record, and the commit of the tree under test (None outside a git checkout)."""

    version: str
    commit: str | None


@dataclass(frozen=True)
class FirmwareEntry(Entry):
    """`path` and the sizes are None where they are not known (a firmware that was already there)."""

    OMITTED: ClassVar = frozenset({"kernels"})

    path: str | None
    sha256: str | None
    version: str
    backend: str
    flash_bytes: int | None
    ram_bytes: int | None
    kernels: str | None = None


@dataclass(frozen=True)
class FlashEntry(Entry):
    """What programming did (types.FlashReport)."""

    bytes_written: int
    skipped: bool
    seconds: float


@dataclass(frozen=True)
class BoardEntry(Entry):
    """One board of the run."""

    OMITTED: ClassVar = frozenset({"memories"})

    name: str
    mcu: str
    core: str
    kind: Literal["virtual", "hardware"]
    probe_uid: str | None
    clock_hz: int
    firmware: FirmwareEntry
    flash: FlashEntry
    caches: str | None = None  #: of the core that are on, in words; None where nobody could ask
    memories: str | None = None  #: the external ones and their modes, in words: "nor octal DTR 50 MHz"


@dataclass(frozen=True)
class NotRunEntry(Entry):
    """Why a row of the zoo did not run on a board; `board` None: on none of them."""

    board: str | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class ZooEntry(Entry):
    """One row of the published table in a conformance run, by the columns of models/zoo.toml."""

    name: str
    origin: str
    licence: str
    family: str
    category: str
    implementation: str
    dataset: str
    keypoints: int
    resolution: int
    format: str
    metric: Literal["oks", "map50"]
    source: str
    accuracy: float | None = None  #: published, percent
    macc_m: float | None = None
    activation_kib: float | None = None
    weights_kib: float | None = None
    tool: str | None = None
    note: str | None = None
    file_sha256: str | None  #: of the file that was run; None when it is not on the machine
    not_run: tuple[NotRunEntry, ...]


@dataclass(frozen=True)
class CauseEntry(Entry):
    """Failures of one cause: `reasons` of the run has its text and the worst failure, here are all, the worst first."""

    text: str
    board: str
    model: str
    pictures: tuple[str, ...]
    of: int  #: pictures of the network
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class RunEntry(Entry):
    """A run record."""

    OMITTED: ClassVar = frozenset({"zoo", "reruns", "notes", "causes", "comparison"})

    schema: Literal["stm32pose/run/1"]
    started: str  #: ISO 8601 with time zone
    plugin: PluginEntry
    host: Mapping[str, Json]
    boards: tuple[BoardEntry, ...]
    models: tuple[ModelEntry, ...]
    verdict: Verdict
    reasons: tuple[str, ...]
    zoo: tuple[ZooEntry, ...] = ()
    reruns: tuple[str, ...] = ()  #: why tests failed that passed when they were run again
    notes: tuple[str, ...] = ()  #: what was left out, or found and settled, in the pictures and their labels
    causes: tuple[CauseEntry, ...] = ()
    comparison: ComparisonEntry | None = None

    def board(self, name: str) -> BoardEntry | None:
        """The first board of a name."""
        return next((board for board in self.boards if board.name == name), None)
