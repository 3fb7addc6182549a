"""What a host decoder of one network family is, and what it may know of a network before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ModelError


@dataclass(frozen=True)
class OutputFacts:
    """What a network's file says of one output.

    Attributes:
        shape: batch resolved to 1.
        dtype: numpy name.
        low, high: no value is outside them, as far as quantisation or the last operator tells; None: it does not.
        operator: what made it, seen through conversions of type; "" when not known.
        names: of its tensor, in signature and metadata.
    """

    shape: tuple[int, ...]
    dtype: str = "float32"
    low: float | None = None
    high: float | None = None
    operator: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class NetworkFacts:
    """What a network's file says that bears on the meaning of its outputs.

    Attributes:
        input_size: height and width.
        outputs: in the .tflite's order.
        task: the exporter's word ("pose", "detect", ...), "" when the file has none.
        keypoint_shape: the exporter's keypoints and values per keypoint; None when the file has none.
    """

    input_size: tuple[int, int]
    outputs: tuple[OutputFacts, ...]
    task: str = ""
    keypoint_shape: tuple[int, int] | None = None


@dataclass(frozen=True)
class Reading:
    """Outputs read as those of one family.

    Attributes:
        keypoints: of a person.
        is_usual: networks of this family with so many keypoints are common, and this shape is hardly anything else.
        doubts: why they may be something else, one clause each.
        problem: why they cannot be decoded if they are; says what to do.
    """

    keypoints: int
    is_usual: bool = True
    doubts: tuple[str, ...] = ()
    problem: ModelError | None = None


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


#: Dequantised coordinates of 0 to 1 stay below this, as far outside the picture as a keypoint may be; pixels do not.
MAX_NORMALISED = 3.0


def only_output(facts: NetworkFacts) -> OutputFacts | None:
    """The one output of batch 1, none of its sizes 0; None when there are others or none."""
    if len(facts.outputs) != 1 or not facts.outputs[0].shape or min(facts.outputs[0].shape) < 1:
        return None
    return facts.outputs[0] if facts.outputs[0].shape[0] == 1 else None


def undecodable(output: OutputFacts, what: str, *, has_coordinates: bool) -> ModelError | None:
    """Why an output that is `what` cannot be decoded: its type, or coordinates in pixels; None when it can."""
    shown = f"The output {output.dtype} {list(output.shape)} would be {what}"
    tensors_only = "--pose-family=none compares the output tensors only."
    if output.dtype not in ("float32", "int8"):
        return ModelError(
            f"{shown}; those of type float32 and int8 are decoded.",
            remedy=f"Export it as float32 or int8 (inference_output_type); {tensors_only}",
        )
    if has_coordinates and output.dtype == "int8" and output.high is None:
        return ModelError(
            f"{shown}, but is int8 without one scale and zero point.",
            remedy=f"Quantise the network again; {tensors_only}",
        )
    if has_coordinates and output.high is not None and output.high > MAX_NORMALISED:
        return ModelError(
            f"{shown}, but holds values up to {output.high:.4g}: coordinates in pixels, where 0 to 1 of the input are "
            "decoded.",
            remedy=f"Export the network with normalised coordinates; {tensors_only}",
        )
    return None
