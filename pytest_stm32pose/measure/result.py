"""What is known of one picture after it went through device and golden: every figure of it, from both answers."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.measure.divergence import Divergence, outputs_crc32
from pytest_stm32pose.metrics import keypoints as metrics
from pytest_stm32pose.metrics.detection import Matches, match_st
from pytest_stm32pose.metrics.labels import LabelKind, kind_of_labels
from pytest_stm32pose.metrics.tensors import TensorDifference, difference
from pytest_stm32pose.types import InferResult, Keypoints, Picture, Skeleton, Timing, Truth

if TYPE_CHECKING:
    from pytest_stm32pose.golden.base import GoldenAnswer, GoldenIdentity
    from pytest_stm32pose.pictures.mapping import Mapping


@dataclass(frozen=True)
class TensorComparison:
    """One output tensor, device against golden."""

    name: str
    difference: TensorDifference


@dataclass(frozen=True)
class PictureResult:
    """Everything that is known of one picture on one device. Keypoints in pixels of the original picture."""

    picture_id: str
    picture_sha256: str
    width_px: int
    height_px: int
    tensors: tuple[TensorComparison, ...]
    divergence: Divergence | None
    timing: Timing
    golden: GoldenIdentity
    device_px: Keypoints | None = None  #: None, as all that follows from it: a network without a family
    golden_px: Keypoints | None = None
    truth_px: Keypoints | None = None
    oks_vs_golden: float | None = None
    oks_vs_truth: float | None = None  #: only of pictures with one labelled person
    golden_oks_vs_truth: float | None = None
    pck: float | None = None
    error_px_mean: float | None = None
    error_px_max: float | None = None
    op_values: tuple[tuple[int, int], ...] = ()  #: (operator index in the .tflite, instructions or cycles)
    op_names: tuple[tuple[int, str], ...] = ()  #: where operators are the device's own and not the .tflite's
    matches: Matches | None = None  #: of networks that find several persons, on pictures with labels
    golden_matches: Matches | None = None
    input_crc32: int | None = None  #: of the input tensor that was meant for the device
    output_crc32: int | None = None  #: of all output tensors of the device
    golden_output_crc32: int | None = None
    deterministic: bool | None = None  #: whether every further run gave the same answer; None: there was none
    labels: LabelKind = "none"  #: what the picture's labels hold, and so why it has no OKS against truth
    counted: tuple[bool, ...] = ()  #: by labelled person: whether the figure against truth is of it
    boxes_px: NDArray[np.float64] | None = None  #: of the labelled persons, x, y, width, height

    @property
    def max_lsb(self) -> float | None:
        """Largest difference of any output tensor; None when one cannot be told in LSB, infinite for nonsense."""
        if any(t.difference.is_nonsense for t in self.tensors):
            return math.inf
        values = [t.difference.max_lsb for t in self.tensors]
        return None if not values or None in values else max(v for v in values if v is not None)


def result_of(
    picture: Picture,
    mapping: Mapping,
    answer: InferResult,
    golden: GoldenAnswer,
    divergence: Divergence | None,
    timing: Timing,
    op_values: tuple[tuple[int, int], ...],
    skeleton: Skeleton | None = None,
) -> PictureResult:
    """The figures of one picture from both answers; `skeleton`: the network's keypoints, None the usual of so many."""
    reference = golden.result
    result = _tensors_only(picture, answer, golden, divergence, timing, op_values)
    if answer.keypoints_norm is None or reference.keypoints_norm is None:
        return result
    device_px = mapping.to_pixels(answer.keypoints_norm)
    golden_px = mapping.to_pixels(reference.keypoints_norm)
    height, width = picture.pixels.shape[:2]
    errors = _pixel_errors(device_px, golden_px, width, height, skeleton)
    labels = None if picture.truth is None else metrics.truth_for(picture.truth, skeleton or device_px.shape[1])
    kind = kind_of_labels(labels)
    single = labels if kind == "single" else None
    return replace(
        result,
        device_px=device_px,
        golden_px=golden_px,
        truth_px=None if labels is None else labels.keypoints_px,
        oks_vs_golden=metrics.oks_vs_golden(device_px, golden_px, width, height, skeleton),
        oks_vs_truth=metrics.oks_vs_truth(device_px, single, width, height) if single else None,
        golden_oks_vs_truth=metrics.oks_vs_truth(golden_px, single, width, height) if single else None,
        pck=_pck(device_px, single) if single else None,
        error_px_mean=sum(errors) / len(errors) if errors else 0.0,
        error_px_max=max(errors, default=0.0),
        matches=_matches(device_px, answer, labels, width, height),
        golden_matches=_matches(golden_px, reference, labels, width, height),
        labels=kind,
        counted=_counted(labels, answer, single is not None),
        boxes_px=None if labels is None else labels.boxes_px,
    )


def _counted(labels: Truth | None, answer: InferResult, is_single: bool) -> tuple[bool, ...]:
    """Of networks that find several persons, those that mAP is of; of others, the one person that OKS is of."""
    if labels is None:
        return ()
    if answer.scores is not None:
        return tuple(map(bool, metrics.is_target(labels)))
    return (is_single,) * len(labels.crowd)


def _tensors_only(
    picture: Picture,
    answer: InferResult,
    golden: GoldenAnswer,
    divergence: Divergence | None,
    timing: Timing,
    op_values: tuple[tuple[int, int], ...],
) -> PictureResult:
    """What is known of any network, also of one whose outputs are compared and not decoded."""
    height, width = picture.pixels.shape[:2]
    return PictureResult(
        picture_id=picture.id,
        picture_sha256=picture.sha256,
        width_px=width,
        height_px=height,
        tensors=_tensor_comparisons(golden.result, answer),
        divergence=divergence,
        timing=timing,
        golden=golden.identity,
        op_values=op_values,
        op_names=answer.op_names,
        output_crc32=outputs_crc32(answer),
        golden_output_crc32=outputs_crc32(golden.result),
    )


def _matches(
    keypoints_px: Keypoints, result: InferResult, labels: Truth | None, width: int, height: int
) -> Matches | None:
    if labels is None or result.scores is None:
        return None
    return match_st(keypoints_px, result.scores, labels, width, height)


def _pck(device_px: Keypoints, single: Truth) -> float | None:
    """PCK of the person that fits the label best; 0 when nobody was found."""
    values = [metrics.pck(person, single.keypoints_px[0], single.boxes_px[0]) for person in device_px]
    return max((value for value in values if value is not None), default=0.0)


def _pixel_errors(
    device_px: Keypoints, golden_px: Keypoints, width: int, height: int, skeleton: Skeleton | None
) -> list[float]:
    """Distances of every keypoint, pixels; infinite for persons that only device or golden has."""
    pairs = metrics.pair_persons(device_px, golden_px, width, height, skeleton)
    errors: list[float] = [
        error
        for pair in pairs
        for error in metrics.pixel_errors(device_px[pair.device], golden_px[pair.golden], -np.inf).per_keypoint
        if error is not None
    ]
    unpaired = max(len(device_px), len(golden_px)) - len(pairs)
    return [*errors, *([math.inf] * (unpaired * int(device_px.shape[1])))]


def _tensor_comparisons(golden: InferResult, device: InferResult) -> tuple[TensorComparison, ...]:
    of_device = {tensor.source: tensor for tensor in device.outputs}
    return tuple(
        TensorComparison(f"{t.op_name} {t.source}".strip(), difference(t.data, of_device[t.source].data, t.lsb))
        for t in golden.outputs
        if t.source in of_device
    )
