"""Where a device left the golden: the first stage, in the order in which a picture passes through.

preprocessing   the bytes given to the device are not those the golden was made from
input           the device's copy of the input tensor differs
operator        an operator's output differs while everything compared before it is equal
output          an output tensor differs and no intermediate one that was compared does
decode          same output tensors, other keypoints
keypoints       other keypoints, and no output tensor to tell decode from network
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.golden.digest import INPUT_OP_SOURCE, crc32_of, digest
from pytest_stm32pose.metrics.skeleton import usual
from pytest_stm32pose.metrics.tensors import (
    DifferenceMap,
    TensorDifference,
    difference,
    difference_map,
    few_channels,
)
from pytest_stm32pose.types import InferResult, TensorData, TensorDigest

Stage = Literal["preprocessing", "input", "operator", "output", "decode", "keypoints"]


@dataclass(frozen=True)
class Divergence:
    """The first stage that differs. -1, "" and None where a field does not apply or cannot be known."""

    stage: Stage
    op_index: int = -1  #: in the .tflite
    op_name: str = ""
    tensor: int = -1  #: tensor index in the .tflite
    elements: int = 0
    differing: int | None = 0
    max_lsb: int | None = None
    detail: str = ""
    where: DifferenceMap | None = None
    keypoints_equal: bool | None = None  #: of a tensor that differs: whether the decoder made the same of it
    seen_at: int | None = None  #: operator that showed it first in the plan that ran, where another plan found this one

    def describe(self) -> str:
        """One sentence for a failing check."""
        detail = f" ({self.detail})" if self.detail else ""
        return (
            f"First divergence: {self._where()}{detail}{'; the keypoints are equal' if self.keypoints_equal else ''}."
        )

    def noting(self, more: str) -> Divergence:
        """The same with something more to say."""
        return replace(self, detail=f"{self.detail}; {more}" if self.detail else more)

    def _where(self) -> str:
        if self.stage == "preprocessing":
            return "preprocessing, the device was given other input bytes than the golden"
        if self.stage == "decode":
            return f"decode, the output tensors are equal but {self.differing} of {self.elements} keypoints differ"
        if self.stage == "keypoints":
            return (
                f"keypoints, {self.differing} of {self.elements} differ; ask the device for its output tensors "
                "to tell the decoder from the network"
            )
        if self.stage == "operator":
            name = f" {self.op_name}" if self.op_name else ""
            return f"operator {self.op_index}{name}, tensor {self.tensor}, {self._channel()}{self._amount()}"
        return f"{self.stage} tensor {self.tensor}, {self._channel()}{self._amount()}"

    def _channel(self) -> str:
        """The one channel of several that differs."""
        if self.where is None or len(self.where.channels) != 1:
            return ""
        few = few_channels([self.where.channels[0][0]], self.where.height * self.where.width, self.elements)
        return f"channel {few[0]} only, " if few else ""

    def _amount(self) -> str:
        if self.differing is None:
            return f"some of {self.elements} elements differ"
        by = "" if self.max_lsb is None else f" by up to {self.max_lsb} LSB"
        return f"{self.differing} of {self.elements} elements differ{by}"


def outputs_crc32(result: InferResult) -> int | None:
    """CRC-32 of all output tensors, by their index in the .tflite; None without any."""
    crc32 = None
    for tensor in sorted(result.outputs, key=lambda output: output.source):
        crc32 = crc32_of(tensor.data, crc32 or 0)
    return crc32


def _outputs_by_crc32(result: InferResult) -> dict[int, int]:
    """CRC-32 of every output by its index in the .tflite, whether its data came or not."""
    with_data = {tensor.source: crc32_of(tensor.data) for tensor in result.outputs}
    return with_data | {told.source: told.crc32 for told in result.output_digests}


def same_answer(first: InferResult, again: InferResult) -> bool:
    """Whether a device answered twice the same, to the last bit: output tensors where both have any, and persons."""
    tensors, tensors_again = _outputs_by_crc32(first), _outputs_by_crc32(again)
    if tensors and tensors_again and tensors != tensors_again:
        return False
    pairs = ((first.keypoints_norm, again.keypoints_norm), (first.scores, again.scores))
    return all(a is None or b is None or (a.shape == b.shape and crc32_of(a) == crc32_of(b)) for a, b in pairs)


def first_divergence(
    golden: InferResult,
    device: InferResult,
    *,
    golden_input_crc32: int | None = None,
    device_input_crc32: int | None = None,
    digests: Sequence[TensorDigest] = (),
    lsb_tolerance: int = 0,
    keypoint_tolerance: float = 0.0,
    names: Sequence[str] | None = None,
) -> Divergence | None:
    """The first stage where the device differs from the golden; None when all that both have agrees.

    Only what both sides have is compared: tensors are matched by their index in the .tflite, so a backend that fuses
    operators may leave some out.

    Args:
        golden, device: results for one picture; `intermediates` sharpen the answer.
        golden_input_crc32, device_input_crc32: CRC-32 of the input bytes, compared when both are given.
        digests: stand in for golden intermediates that are not there (a stored golden).
        lsb_tolerance: tensors within so many LSB count as equal (vendor backends; 0 on our own).
        names: of the keypoints; None: those of the usual set of so many.
        keypoint_tolerance: keypoints within so much in x, y (0..1) and score count as equal.
    """
    if golden_input_crc32 is not None and device_input_crc32 is not None and golden_input_crc32 != device_input_crc32:
        detail = f"CRC-32 {device_input_crc32:#010x}, golden {golden_input_crc32:#010x}"
        return Divergence("preprocessing", detail=detail)
    keypoints = _keypoint_divergence(golden, device, keypoint_tolerance, names)
    tensor = _first_intermediate(golden, device, digests, lsb_tolerance) or _first_output(golden, device, lsb_tolerance)
    if tensor is None or golden.keypoints_norm is None or device.keypoints_norm is None:
        return tensor or keypoints
    return replace(tensor, keypoints_equal=keypoints is None)


def _first_intermediate(
    golden: InferResult, device: InferResult, digests: Sequence[TensorDigest], lsb_tolerance: int
) -> Divergence | None:
    of_device = {tensor.source: tensor for tensor in device.intermediates}
    told = {each.source: each for each in device.intermediate_digests}
    # A CRC cannot tell one LSB from a hundred, so a tolerance leaves only shape and type of such a tensor to check.
    by_crc32 = lsb_tolerance == 0
    if golden.intermediates:
        for reference in golden.intermediates:
            if (answer := of_device.get(reference.source)) is not None:
                compared = difference(reference.data, answer.data, reference.lsb)
                if _exceeds(compared, lsb_tolerance):
                    return _tensor_divergence(reference, answer, compared)
            elif (known := told.get(reference.source)) and _is_other(digest(reference), known, by_crc32):
                return _digest_divergence(digest(reference), "by CRC-32")
        return None
    told |= {source: digest(tensor) for source, tensor in of_device.items()}
    for expected in digests:
        if (known := told.get(expected.source)) and _is_other(expected, known, by_crc32):
            return _digest_divergence(expected, "stored golden, by CRC-32")
    return None


def _is_other(golden: TensorDigest, device: TensorDigest, by_crc32: bool) -> bool:
    shapes_differ = (golden.dtype, golden.shape) != (device.dtype, device.shape)
    return shapes_differ or (by_crc32 and golden.crc32 != device.crc32)


def _digest_divergence(golden: TensorDigest, detail: str) -> Divergence:
    """That a tensor differs, and not where."""
    stage: Stage = "input" if golden.op_source == INPUT_OP_SOURCE else "operator"
    elements = int(np.prod(golden.shape, dtype=np.int64))
    return Divergence(stage, golden.op_source, golden.op_name, golden.source, elements, None, None, detail)


def _first_output(golden: InferResult, device: InferResult, lsb_tolerance: int) -> Divergence | None:
    if not device.outputs or not golden.outputs:
        return None
    of_device = {tensor.source: tensor for tensor in device.outputs}
    for reference in golden.outputs:
        answer = of_device.get(reference.source)
        if answer is None:
            return Divergence(
                "output",
                reference.op_source,
                reference.op_name,
                reference.source,
                int(reference.data.size),
                None,
                None,
                "the device did not send it",
            )
        compared = difference(reference.data, answer.data, reference.lsb)
        if _exceeds(compared, lsb_tolerance):
            return _tensor_divergence(reference, answer, compared, "output")
    return None


def _keypoint_divergence(
    golden: InferResult, device: InferResult, tolerance: float, names: Sequence[str] | None
) -> Divergence | None:
    reference, answer = golden.keypoints_norm, device.keypoints_norm
    if reference is None or answer is None:
        return None
    stage: Stage = "decode" if golden.outputs and device.outputs else "keypoints"
    persons, keypoints = reference.shape[0], reference.shape[1]
    if reference.shape != answer.shape:
        return Divergence(
            stage,
            elements=persons * keypoints,
            differing=persons * keypoints,
            detail=f"{list(answer.shape)} keypoints, golden {list(reference.shape)}",
        )
    # NaN compares as not close, so a keypoint that is no number always differs.
    close = (reference == answer) | (np.abs(reference.astype(np.float64) - answer) <= tolerance)
    apart = ~close.all(axis=2)
    differing = int(np.count_nonzero(apart))
    if differing == 0:
        return None
    person, keypoint = (int(index) for index in np.argwhere(apart)[0])
    points = (_point(answers[person, keypoint]) for answers in (answer, reference))
    detail = f"{_name(keypoint, keypoints, names)}: {', golden '.join(points)}"
    return Divergence(stage, elements=persons * keypoints, differing=differing, detail=detail)


def _exceeds(compared: TensorDifference, lsb_tolerance: int) -> bool:
    return not compared.equal and (compared.max_lsb is None or compared.max_lsb > lsb_tolerance)


def _tensor_divergence(
    reference: TensorData, answer: TensorData, compared: TensorDifference, stage: Stage | None = None
) -> Divergence:
    stage = stage or ("input" if reference.op_source == INPUT_OP_SOURCE else "operator")
    where = difference_map(reference.data, answer.data)
    # A channel alone says more than the first of its elements.
    first = "" if where is not None and len(where.channels) == 1 else f"first at element {compared.first}"
    return Divergence(
        stage,
        reference.op_source,
        reference.op_name,
        reference.source,
        compared.elements,
        compared.differing,
        compared.max_lsb,
        compared.detail or first,
        where,
    )


def _name(keypoint: int, keypoints: int, names: Sequence[str] | None) -> str:
    if names is None or len(names) != keypoints:
        names = usual(keypoints).names
    number = f"keypoint {keypoint}"
    return number if names[keypoint] == number else f"{number} {names[keypoint]}"


def _point(keypoint: NDArray[np.float32]) -> str:
    x, y, score = (float(value) for value in keypoint)
    return f"x {x:.4f} y {y:.4f} score {score:.4f}"
