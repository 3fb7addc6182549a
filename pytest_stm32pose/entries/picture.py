"""One picture of a record: keypoints, tensors, timing, where it left the golden, what its labels hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from pytest_stm32pose.entries.codec import OPTIONAL, Entry

#: x, y in pixels of the original picture, then score or visibility; None for what is no number.
KeypointRow = tuple[float | None, float | None, float | None]
#: By person, by keypoint.
Persons = tuple[tuple[KeypointRow, ...], ...]


@dataclass(frozen=True)
class TensorEntry(Entry):
    """One tensor compared; `max_lsb` None where it has no meaning."""

    name: str
    elements: int
    differing: int
    max_lsb: int | None


@dataclass(frozen=True)
class ErrorEntry(Entry):
    """Distances of the device's keypoints to the golden's, pixels of the original picture; None: none, or infinite."""

    mean: float | None
    max: float | None


@dataclass(frozen=True)
class TimingEntry(Entry):
    """Timed inferences of one picture, in ticks, and seconds that input and output took to travel."""

    source: str  #: "icount", "dwt", or "twin", which has no values
    unit: str  #: "instructions", "cycles" or "ticks"
    values: tuple[int, ...]
    upload_s: float
    download_s: float


@dataclass(frozen=True)
class WhereEntry(Entry):
    """Where two tensors differ (metrics/tensors.DifferenceMap)."""

    counts: tuple[tuple[int, ...], ...]  #: [rows][columns], of at most 48 each
    height: int
    width: int
    channels: tuple[tuple[int, ...], ...]  #: channel, differing elements


@dataclass(frozen=True)
class DivergenceEntry(Entry):
    """The first stage that differs (measure/divergence.Divergence); -1, "" and None where a field does not apply."""

    stage: str
    op_index: int
    op_name: str
    tensor: int
    elements: int
    differing: int | None
    max_lsb: int | None
    detail: str
    where: WhereEntry | None
    keypoints_equal: bool | None = None
    seen_at: int | None = None  #: operator that showed it first in the plan that ran, where another found an earlier


@dataclass(frozen=True)
class MatchesEntry(Entry):
    """A picture's predictions against its labels, for mAP (metrics/detection.Matches)."""

    scores: tuple[float, ...]
    oks: tuple[float, ...]
    targets: int


@dataclass(frozen=True)
class LabelsEntry(Entry):
    """What a picture's labels hold (metrics/labels.py), and by labelled person: whether it counts, and its box."""

    found: str
    counted: tuple[bool, ...] = ()
    boxes_px: tuple[tuple[float, float, float, float], ...] | None = None


@dataclass(frozen=True)
class ImageEntry(Entry):
    """One picture. Keypoints in pixels of the original picture; None: the network has none, or there are no labels."""

    OMITTED: ClassVar = frozenset({"width_px", "height_px"})

    id: str
    sha256: str
    width_px: int | None = field(metadata=OPTIONAL)
    height_px: int | None = field(metadata=OPTIONAL)
    keypoints_device: Persons | None
    keypoints_golden: Persons | None
    keypoints_truth: Persons | None
    oks_vs_golden: float | None
    oks_vs_truth: float | None
    keypoint_error_px: ErrorEntry
    tensors: tuple[TensorEntry, ...]
    timing: TimingEntry | None
    divergence: str | None = None  #: Divergence.describe()
    first_divergence: DivergenceEntry | None = None  #: the same, for programs
    matches: MatchesEntry | None = None  #: of networks that find several persons, on pictures with labels
    input_crc32: int | None = None  #: CRC-32 of what preprocessing made of it, which any network of that input gets
    deterministic: bool | None = None  #: whether the device gave the same answer to it again; None: asked once
    pck: float | None = None  #: of the one labelled person
    labels: LabelsEntry | None = None
