"""What a host decoder of one network family is, and what it may know of a network before anything runs."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.types import USUAL_LAYOUT, Decoding, Layout

Floats = NDArray[np.float32]
#: What a decoder gives: keypoints [persons, K, 3], and [persons] scores, descending, where persons have one.
Found = tuple[Floats, Floats | None]
#: Types of outputs that are decoded.
DTYPES = ("float32", "int8", "uint8")


@dataclass(frozen=True)
class OutputFacts:
    """What a network's file says of one output.

    Attributes:
        shape: batch resolved to 1.
        dtype: numpy name.
        low, high: no value is outside them, as far as quantisation or the last operator tells; None: it does not.
        operator: what made it, seen through conversions of type; "" when not known.
        names: of its tensor, in signature and metadata.
        parts: of an output that was joined along one axis: that axis, and of each part its length there, and low and
            high as above; () when it was not joined.
    """

    shape: tuple[int, ...]
    dtype: str = "float32"
    low: float | None = None
    high: float | None = None
    operator: str = ""
    names: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    def highest(self, axis: int, start: int, stop: int) -> float | None:
        """No value with an index of start to stop along the axis is higher; None: the file does not tell."""
        highs, at = [], 0
        for part in self.parts:
            if part.axis == axis and at < stop and at + part.length > start:
                highs.append(part.high)
            at += part.length
        if not highs or None in highs:
            return self.high
        return max(high for high in highs if high is not None)


@dataclass(frozen=True)
class Part:
    """One of the tensors that an output was joined of."""

    axis: int
    length: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Stated:
    """What the user says of outputs whose file leaves it open.

    Attributes:
        family: its name; "" to guess.
        keypoints: of a person.
        pixels: whether keypoints are in pixels of the input, else in 0..1 of it.
        classes: of persons.
        outputs: numbers of the outputs that are decoded, in the family's order; () leaves it open.
    """

    family: str = ""
    keypoints: int | None = None
    pixels: bool | None = None
    classes: int | None = None
    outputs: tuple[int, ...] = ()


@dataclass(frozen=True)
class NetworkFacts:
    """What a network's file says that bears on the meaning of its outputs.

    Attributes:
        input_size: height and width.
        outputs: in the .tflite's order.
        task: the exporter's word ("pose", "detect", ...), "" when the file has none.
        keypoint_shape: the exporter's keypoints and values per keypoint; None when the file has none.
        classes: how many the exporter names; 0 when the file has none.
        stated: what the user says.
    """

    input_size: tuple[int, int]
    outputs: tuple[OutputFacts, ...]
    task: str = ""
    keypoint_shape: tuple[int, int] | None = None
    classes: int = 0
    stated: Stated = Stated()


@dataclass(frozen=True)
class Reading:
    """Outputs read as those of one family.

    Attributes:
        keypoints: of a person.
        is_usual: networks of this family with so many keypoints are common, and this shape is hardly anything else.
        doubts: why they may be something else, one clause each.
        problem: why they cannot be decoded if they are; says what to do.
        layout: where their values are.
    """

    keypoints: int
    is_usual: bool = True
    doubts: tuple[str, ...] = ()
    problem: ModelError | None = None
    layout: Layout = USUAL_LAYOUT


class Family(Protocol):
    """Turns a network's output tensors into keypoints, with the same arithmetic as the decoder on the device."""

    @property
    def name(self) -> str:
        """As in NetworkDescription.family."""

    @property
    def outputs(self) -> str:
        """What outputs it has, one clause for people."""

    def read(self, facts: NetworkFacts) -> Reading | None:
        """The outputs as this family's; None when their shapes are not."""

    def decode(self, outputs: Sequence[NDArray[np.generic]], keypoints: int) -> NDArray[np.float32]:
        """Outputs in the .tflite's order -> [persons, keypoints, 3] x, y in 0..1 of the network's input, score.

        Raises:
            ModelError: the outputs are not this family's.
        """


@runtime_checkable
class ScoredFamily(Family, Protocol):
    """A family that finds several persons, each with a score."""

    def decode_scored(
        self, outputs: Sequence[NDArray[np.generic]], keypoints: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """As `decode`, and float32 [persons] scores, descending."""


class DeviceFamily(ABC):
    """A family that the device decodes too, bit for bit alike; its parameters are in the network image."""

    name: str  #: see Family
    outputs: str  #: see Family
    order = "one output"  #: what --pose-outputs numbers, one after the other
    max_outputs = 1  #: so many at most
    has_units = True  #: keypoints are 0..1 of the input or pixels, which --pose-units says

    @abstractmethod
    def read(self, facts: NetworkFacts) -> Reading | None:
        """See Family.read."""

    @abstractmethod
    def decode_as(
        self, outputs: Sequence[NDArray[np.generic]], keypoints: int, layout: Layout, decoding: Decoding
    ) -> Found:
        """All outputs of the network in its order, dequantised -> keypoints, x and y in 0..1 of the input.

        Raises:
            ModelError: the outputs are not this family's.
        """

    def decode(self, outputs: Sequence[NDArray[np.generic]], keypoints: int) -> Floats:
        """See Family.decode: with the default layout and thresholds."""
        return self.decode_as(outputs, keypoints, Layout(), Decoding())[0]
