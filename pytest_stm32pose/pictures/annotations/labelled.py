"""What a label file says, whatever its format: pictures with persons, in the file's own units. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.pictures.annotations.notes import Findings
from pytest_stm32pose.types import Skeleton, Truth

#: What the four numbers of a box are, as the format has it.
BoxForm = Literal["corner", "centre"]


@dataclass(frozen=True)
class Choice:
    """Which of a file's labels are used, where it leaves a choice."""

    category: str | None = None  #: name or id of the category (class), as the user says
    keypoints: Callable[[], int | None] = lambda: None  #: of the network; asked only where it decides


@dataclass(frozen=True)
class LabelledImage:
    """One picture with its persons."""

    file_name: str  #: as the file says
    size: tuple[int, int] | None  #: width and height as the file says; None where it does not
    truth: Truth  #: as the file gives it: `_px` only where it gives pixels; areas NaN where it gives none
    findings: Findings
    file: Path | None = None  #: where the picture lies, for formats whose labels are found from their pictures
    other_names: tuple[str, ...] = ()  #: of the same picture, for those whose file is not called `file_name`

    @property
    def has_person(self) -> bool:
        """True when at least one person that is not a crowd has a labelled keypoint."""
        labelled = (self.truth.keypoints_px[:, :, 2] > 0).any(axis=1)
        return bool((labelled & ~self.truth.crowd).any())


@dataclass(frozen=True)
class Annotations:
    """A label file, or the label files of a folder."""

    images: tuple[LabelledImage, ...]  #: in order of their file names
    notes: tuple[str, ...]  #: on the whole
    skeleton: Skeleton  #: which keypoints are labelled
    are_fractions: bool = False  #: by the format; numbers that cannot be fractions are taken for what they are
    box_form: BoxForm = "corner"  #: boxes of `truth` were made of corner and size, or of centre and size
    unused: int = 0  #: keypoints that a person of the file has beside those of `skeleton`

    @property
    def annotated(self) -> int:
        """Keypoints that a person of the file has, also those that are not used."""
        return len(self.skeleton.names) + self.unused


@dataclass
class Person:
    """One person as a file gives it."""

    points: NDArray[np.float64]  #: [K, 3] x, y, visibility
    box: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)  #: x, y, width, height
    area: float = float("nan")  #: NaN where none is given
    crowd: bool = False
    key: tuple[object, ...] = field(init=False)  #: equal for the same person labelled twice

    def __post_init__(self) -> None:
        self.key = (self.points.tobytes(), self.box, self.crowd)

    @property
    def is_labelled(self) -> bool:
        return bool((self.points[:, 2] > 0).any())

    @property
    def is_empty(self) -> bool:
        """No area: neither box nor segment."""
        return not (self.box[2] > 0 and self.box[3] > 0) or self.area <= 0


def truth_of(persons: Sequence[Person], keypoints: int) -> Truth:
    """The labels of one picture."""
    return Truth(
        np.array([person.points for person in persons], dtype=np.float64).reshape(len(persons), keypoints, 3),
        np.array([person.box for person in persons], dtype=np.float64).reshape(-1, 4),
        np.array([person.area for person in persons], dtype=np.float64),
        np.array([person.crowd for person in persons], dtype=np.bool_),
    )
