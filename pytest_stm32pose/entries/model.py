"""One network on one board in a record: what it is, its pictures, and the figures over all of them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pytest_stm32pose.entries.codec import OPTIONAL, Entry
from pytest_stm32pose.entries.picture import ImageEntry


@dataclass(frozen=True)
class GoldenEntry(Entry):
    """Who computed the goldens; `store` is "live" or the folder of the stored ones."""

    engine: str
    version: str
    resolver: str
    store: str


@dataclass(frozen=True)
class DefinitionsEntry(Entry):
    """Whose definition each accuracy figure of a network has (metrics/definitions.py); only those it has."""

    OMITTED: ClassVar = frozenset({"oks_vs_golden", "oks_vs_truth", "pck", "map50_vs_truth", "map_vs_truth"})

    oks_vs_golden: str | None = None
    oks_vs_truth: str | None = None
    pck: str | None = None
    map50_vs_truth: str | None = None
    map_vs_truth: str | None = None


@dataclass(frozen=True)
class AccuracyEntry(Entry):
    """Over the pictures: OKS and PCK against truth of those with one labelled person, ST's mAP of all with labels.

    Every figure has the number of pictures that it is of (`_n`) and, from two pictures on, its 95 % bootstrap interval.
    """

    OMITTED: ClassVar = frozenset({"definitions"})

    oks_vs_golden: float | None
    oks_vs_truth: float | None
    pck: float | None
    map50_vs_truth: float | None
    oks_vs_truth_interval: tuple[float, float] | None = None  #: 95 % bootstrap
    map50_vs_truth_interval: tuple[float, float] | None = None  #: 95 % bootstrap
    map_vs_truth: float | None = None  #: mAP@[.5:.95]
    oks_vs_golden_n: int | None = None
    oks_vs_golden_interval: tuple[float, float] | None = None
    oks_vs_truth_n: int | None = None
    pck_n: int | None = None
    pck_interval: tuple[float, float] | None = None
    map50_vs_truth_n: int | None = None
    map50_vs_truth_persons: int | None = None  #: that should be found
    definitions: DefinitionsEntry | None = None  #: None: an older record, whose figures have the same


@dataclass(frozen=True)
class LatencyEntry(Entry):
    """Ticks of one inference over all pictures (metrics/latency.LatencySummary); `ms_p50` None where they are no time
    on silicon."""

    source: str
    unit: str
    clock_hz: int
    n: int
    p50: int
    p95: int
    p99: int
    max: int
    ms_p50: float | None


@dataclass(frozen=True)
class BudgetEntry(Entry):
    """One budget judged (judge/budget.BudgetResult); `measured` None where it is infinite."""

    OMITTED: ClassVar = frozenset({"n", "interval", "few"})

    name: str
    limit: float
    measured: float | None
    unit: str
    passed: bool
    origin: str = ""  #: who set the limit, where it was not the user
    n: int | None = None
    interval: tuple[float, float] | None = None
    few: int | None = None


@dataclass(frozen=True)
class OperatorEntry(Entry):
    """One operator of the profile: median over the timed inferences, and its share of their sum."""

    EXTENSIBLE: ClassVar = True
    OMITTED: ClassVar = frozenset({"p50", "share", "macs", "arena_bytes"})

    index: int  #: in the .tflite; with a device_model, in the device's own order
    name: str
    p50: int | None = None
    share: float | None = None
    macs: int | None = None  #: multiply-accumulates
    per_mac: float | None = None  #: p50 / macs; None for an operator without any
    arena_bytes: int | None = None  #: tensors and scratch alive while it runs


@dataclass(frozen=True)
class DeviceModelEntry(Entry):
    """What a firmware that is not ours says of its network (types.DeviceModel)."""

    protocol: str
    name: str
    signature: str
    compiled: str
    runtime: str
    tool_version: str
    macc: int
    nodes: int
    activation_bytes: int
    weights_bytes: int
    limits: str


@dataclass(frozen=True)
class MemoryEntry(Entry):
    """Bytes, as the device said during the run (types.MemoryStats)."""

    stack_bytes: int
    stack_high_water: int
    arena_bytes: int
    arena_high_water: int
    flash_bytes: int
    ram_bytes: int


@dataclass(frozen=True)
class PlacesEntry(Entry):
    """Where weights and arena were, as the device said, and how long it took to read the first `read_bytes` of the
    weights' memory with empty caches (types.Places); None where it was not measured, as on virtual boards."""

    OMITTED: ClassVar = frozenset({"read_bytes", "read_us"})

    weights: str
    arena: str
    read_bytes: int | None = None
    read_us: float | None = None


@dataclass(frozen=True)
class KeypointSetEntry(Entry):
    """Which keypoints a network has (types.Skeleton); the sigmas are those of every OKS against labels and golden."""

    name: str
    names: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...]
    sigmas: tuple[float, ...]
    sigmas_from: str


@dataclass(frozen=True)
class NetworkEntry(Entry):
    """What is known of a network on a board before any picture."""

    OMITTED: ClassVar = frozenset({"preprocessing", "keypoint_set", "decoder", "decoding", "keypoint_score", "places"})

    board: str
    name: str
    sha256: str  #: of the .tflite
    family: str
    keypoints: int  #: of a person; 0 without a family
    input_shape: tuple[int, int, int]  #: height, width, channels
    macc: int
    weights_bytes: int
    activation_bytes: int
    network_image_bytes: int
    preprocessing: str | None = field(metadata=OPTIONAL)  #: in words: "stretch", "letterbox, pad 114"
    plan: str | None = field(metadata=OPTIONAL)  #: "small" or "plain"; None where we did not plan
    decoding: str | None = field(default=None, kw_only=True)  #: in words; None: as by default, with ST's thresholds
    keypoint_score: float | None = field(default=None, kw_only=True)  #: below it keypoints are faint; None: ST's
    golden: GoldenEntry
    #: None: no keypoints, or an older record.
    keypoint_set: KeypointSetEntry | None = field(default=None, kw_only=True)
    #: Name, and version or source hash, of a user's own family.
    decoder: str | None = field(default=None, kw_only=True)
    places: PlacesEntry | None = field(default=None, kw_only=True)  #: None: nobody told, or an older record

    @property
    def fields(self) -> dict[str, Any]:
        """What a ModelEntry of it begins with."""
        of_any = {each.name for each in dataclasses.fields(Entry)}
        names = [each.name for each in dataclasses.fields(NetworkEntry) if each.name not in of_any]
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class ModelEntry(NetworkEntry):
    """One network on one board, over all its pictures."""

    OMITTED: ClassVar = NetworkEntry.OMITTED | {"operators", "device_model", "memory"}

    images: tuple[ImageEntry, ...]
    accuracy: AccuracyEntry
    latency: LatencyEntry | None
    budgets: tuple[BudgetEntry, ...]
    operators: tuple[OperatorEntry, ...] = ()
    device_model: DeviceModelEntry | None = None  #: of a firmware that is not ours
    memory: MemoryEntry | None = None

    @property
    def key(self) -> tuple[str, str]:
        """By which a network on a board is named."""
        return self.board, self.name
