"""Which keypoints are off, by name and by the size of the person, from the keypoints that the record keeps. Pure.

They are of the same persons as the figure against truth beside them: the one of a picture with one labelled person, or,
of networks that find several, those that mAP is of. Persons of the device and labelled persons are paired one to one,
the nearest first. A keypoint is correct within a tenth of the longer side of the person's box, as for the run's PCK
(metrics/keypoints.py); in older records, which have no boxes, of the extent of the labelled keypoints.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pytest_stm32pose.entries.picture import ImageEntry
from pytest_stm32pose.record.accuracy import counted_persons, finds_several
from pytest_stm32pose.report.layers import Layer, Named, Person, layer, nearest

#: A keypoint within this part of the person's longer side is correct.
FRACTION = 0.1
#: A person is found by the device's nearest one whose keypoints are, on average, within this part of its longer side.
FOUND_WITHIN = 0.5
#: Size of a person: its longer side as a part of the picture's longer side.
SIZES = (("small", 0.25), ("medium", 0.5), ("large", float("inf")))
#: Keypoints of device and golden farther apart than this count as moved: the record rounds nothing, arithmetic may.
_MOVED_PX = 0.05
#: Persons of a picture that are counted; no picture has more, a record that does is a hostile one.
_MAX_PERSONS = 1000


@dataclass
class Tally:
    """Labelled keypoints of one name or one size."""

    labelled: int = 0
    correct: int = 0
    errors: list[float] = field(default_factory=list)  #: distance by the person's longer side, of persons found

    def add(self, error: float | None) -> None:
        """One labelled keypoint; None when the device did not find it."""
        self.labelled += 1
        if error is not None:
            self.errors.append(error)
            self.correct += error <= FRACTION

    @property
    def pck(self) -> float | None:
        """Part of the labelled keypoints that is correct."""
        return self.correct / self.labelled if self.labelled else None

    @property
    def median_error(self) -> float | None:
        """As a part of the person's longer side; None when none was found."""
        return statistics.median(self.errors) if self.errors else None


@dataclass
class KeypointScore:
    """One keypoint of the skeleton over all pictures."""

    name: str
    all: Tally = field(default_factory=Tally)
    by_size: dict[str, Tally] = field(default_factory=lambda: {size: Tally() for size, _ in SIZES})
    moved: int = 0  #: persons of the device whose keypoint is not where the golden has it
    moved_max_px: float = 0.0


@dataclass
class SizeScore:
    """Persons of one size."""

    persons: int = 0
    found: int = 0
    keypoints: Tally = field(default_factory=Tally)


@dataclass(frozen=True)
class Scores:
    """Of one network."""

    keypoints: tuple[KeypointScore, ...]  #: worst first
    sizes: dict[str, SizeScore]
    single: bool  #: only pictures with one labelled person count
    persons: int = 0  #: labelled, that count
    pictures: int = 0  #: that they are in
    by_box: bool = False  #: sizes are of the persons' boxes


@dataclass(frozen=True)
class _Labelled:
    """A labelled person and its longer side."""

    person: Person
    side_px: float


def scores(images: Sequence[ImageEntry], skeleton: Named | None = None) -> Scores:
    """Tallies over the `images` of one model of the record, whose keypoints `skeleton` names."""
    several = finds_several(images)
    found: dict[int, KeypointScore] = {}
    sizes = {size: SizeScore() for size, _ in SIZES}
    persons, boxes = [], []
    for image in images:
        device = _persons(layer("device", image.keypoints_device, skeleton=skeleton, most=_MAX_PERSONS))
        _add_moves(found, device, image)
        labelled = _labelled(image, several, skeleton)
        persons.append(len(labelled))
        boxes += [bool(_boxes(image))] if labelled else []
        _add_persons(found, sizes, image, device, labelled)
    ordered = tuple(sorted(found.values(), key=_worst))
    return Scores(ordered, sizes, not several, sum(persons), sum(map(bool, persons)), bool(boxes) and all(boxes))


def _labelled(image: ImageEntry, several: bool, skeleton: Named | None) -> list[_Labelled]:
    """The labelled persons that count."""
    boxes, found = _boxes(image), []
    labels = _persons(layer("truth", image.keypoints_truth, skeleton=skeleton, most=_MAX_PERSONS))
    for number, (person, counts) in enumerate(zip(labels, counted_persons(image, several), strict=False)):
        if counts and person.points:
            box = boxes[number] if number < len(boxes) else None
            found.append(_Labelled(person, max(box[2:4]) if box else _extent_px(person)))
    return found


def _boxes(image: ImageEntry) -> Sequence[tuple[float, float, float, float]]:
    """Boxes of the labelled persons, pixels; none where the record has not one for each."""
    boxes = (image.labels and image.labels.boxes_px) or ()
    return boxes if len(boxes) == len(image.keypoints_truth or ()) else ()


def _persons(read: Layer | None) -> tuple[Person, ...]:
    return read.persons if read else ()


def _worst(score: KeypointScore) -> tuple[float, float]:
    return score.all.pck if score.all.pck is not None else 2.0, -score.moved_max_px


def _score(found: dict[int, KeypointScore], index: int, name: str) -> KeypointScore:
    if index not in found:
        found[index] = KeypointScore(name)
    return found[index]


def _add_moves(found: dict[int, KeypointScore], device: Iterable[Person], image: ImageEntry) -> None:
    is_equal = image.keypoints_device == image.keypoints_golden  # as of most pictures
    golden = None if is_equal else layer("golden", image.keypoints_golden, most=_MAX_PERSONS)
    for person in device:
        partner = nearest(person, golden)
        for index, point in person.points.items():
            score = _score(found, index, point.name)
            distance_px = person.distance_px(index, partner)
            if distance_px is not None and distance_px > _MOVED_PX:
                score.moved += 1
                score.moved_max_px = max(score.moved_max_px, distance_px)


def _add_persons(
    found: dict[int, KeypointScore],
    sizes: dict[str, SizeScore],
    image: ImageEntry,
    device: Sequence[Person],
    labelled: Sequence[_Labelled],
) -> None:
    for each, partner in zip(labelled, _pair(labelled, device), strict=True):
        person, side_px, size = each.person, each.side_px, _size(each.side_px, image)
        if not side_px or size is None:
            continue
        sizes[size].persons += 1
        sizes[size].found += partner is not None
        for index, point in person.points.items():
            distance_px = person.distance_px(index, partner)
            error = None if distance_px is None else distance_px / side_px
            score = _score(found, index, point.name)
            for tally in (score.all, score.by_size[size], sizes[size].keypoints):
                tally.add(error)


def _size(side_px: float, image: ImageEntry) -> str | None:
    """What size a person is in its picture; None where the picture's is not known."""
    if not image.width_px or not image.height_px:
        return None
    longest = max(image.width_px, image.height_px)
    return next(name for name, below in SIZES if side_px / longest < below)


def _extent_px(person: Person) -> float:
    """The longer side of the extent of its keypoints."""
    x_px, y_px = ([getattr(point, axis) for point in person.points.values()] for axis in ("x_px", "y_px"))
    return float(max(max(x_px) - min(x_px), max(y_px) - min(y_px)))


def _pair(labelled: Sequence[_Labelled], device: Sequence[Person]) -> list[Person | None]:
    """For every labelled person its own person of the device, the nearest pairs first."""
    distances = []
    for row, each in enumerate(labelled):
        for column, other in enumerate(device):
            shared = [d for index in each.person.points if (d := each.person.distance_px(index, other)) is not None]
            if shared and (mean_px := sum(shared) / len(shared)) <= FOUND_WITHIN * each.side_px:
                distances.append((mean_px, row, column))
    partners: list[Person | None] = [None] * len(labelled)
    taken: set[int] = set()
    for _, row, column in sorted(distances):
        if partners[row] is None and column not in taken:
            partners[row] = device[column]
            taken.add(column)
    return partners
