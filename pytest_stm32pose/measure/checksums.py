"""CRC-32 first: tensors of a device that told their CRC only, completed by the golden's data or the device's own.

A tensor with the golden's type, shape and CRC-32 has the golden's bytes (docs/goldens.md says what that is worth). Of
any other the bytes are fetched: outputs of the run that gave the CRC, intermediates, which are gone by then, of another
run on the same input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pytest_stm32pose.errors import DeviceError
from pytest_stm32pose.golden.digest import crc32_of
from pytest_stm32pose.metrics.tensors import difference
from pytest_stm32pose.protocol.messages import MAX_WANTED, Status
from pytest_stm32pose.types import InferResult, TensorData, TensorDigest

if TYPE_CHECKING:
    from pytest_stm32pose.golden.base import GoldenAnswer
    from pytest_stm32pose.protocol.client import PoseClient

#: Noted where a device gave the tensors of one input another CRC-32 when it was asked for bytes.
OTHERWISE = "asked again on the same input, the device gave other tensors"


class Asked(Protocol):
    """What is asked again: Device (device.py)."""

    @property
    def client(self) -> PoseClient: ...

    def start(
        self,
        tensor: np.ndarray,
        *,
        outputs: bool = ...,
        intermediates: bool = ...,
        digests: bool = ...,
        wanted: Sequence[int] = ...,
    ) -> float: ...

    def finish(self) -> InferResult: ...


def with_outputs(device: Asked, answer: InferResult, golden: InferResult, tensor: np.ndarray) -> InferResult:
    """The answer of the device's last run with the data of all outputs.

    Args:
        tensor: the input of that run; needed where something has run since, and the outputs are gone.

    Raises:
        DeviceError: the bytes of an output are not those of its CRC-32, or another run gave others.
    """
    if not answer.output_digests:
        return answer
    references = {reference.source: reference for reference in golden.outputs}
    try:
        outputs = tuple(
            _of_golden(told, references.get(told.source)) or device.client.fetch_output(answer, number)
            for number, told in enumerate(answer.output_digests)
        )
    except DeviceError as error:
        if error.status != Status.STATE:
            raise
        outputs = _outputs_again(device, answer, tensor)
    return replace(answer, outputs=outputs, output_digests=())


def _outputs_again(device: Asked, answer: InferResult, tensor: np.ndarray) -> tuple[TensorData, ...]:
    """Of another run, by whose CRCs they are the same. Raises DeviceError: they are not."""
    device.start(tensor)
    again = device.finish().outputs
    if [crc32_of(output.data) for output in again] != [told.crc32 for told in answer.output_digests]:
        raise DeviceError(f"The device's outputs were gone, and {OTHERWISE}.")
    return again


def with_intermediates(
    device: Asked, answer: InferResult, golden: GoldenAnswer, tensor: np.ndarray
) -> tuple[InferResult, str]:
    """The answer with the data of intermediates, up to the first that differs in its values.

    A golden that is stored has CRCs only, and so needs no data. Runs on `tensor` again for the bytes of each tensor
    whose CRC-32 is not the golden's, in the golden's order, until one of them differs: floats may be equal in value and
    not in their bits.

    Returns:
        The answer, and what is to be noted at its divergence ("": nothing).
    """
    told = {each.source: each for each in answer.intermediate_digests}
    references = [reference for reference in golden.result.intermediates if reference.source in told]
    if not references or answer.input_crc32 not in (None, golden.input_crc32):
        return answer, ""  # nothing to complete; or every tensor differs, and why is known
    same = {each.source: each for each in (_of_golden(told[r.source], r) for r in references) if each is not None}
    unequal = [reference for reference in references if reference.source not in same]
    fetched: dict[int, TensorData] = {}
    note = ""
    while unequal and not note and not any(_differs(r, fetched) for r in references):
        # Nearly always the first one is the answer, and each is up to a megabyte.
        count = MAX_WANTED if fetched else 1
        again, note = _intermediates_again(device, answer, tensor, [each.source for each in unequal[:count]])
        fetched |= {each.source: each for each in again}
        unequal = unequal[count:]
    known = same | fetched
    completed = replace(
        answer,
        intermediates=tuple(known[source] for source in told if source in known),
        intermediate_digests=tuple(each for source, each in told.items() if source not in known),
    )
    return completed, note


def _intermediates_again(
    device: Asked, answer: InferResult, tensor: np.ndarray, wanted: Sequence[int]
) -> tuple[tuple[TensorData, ...], str]:
    """Tensors with their data; none, and what is to be noted, where the device now computes another tensor."""
    device.start(tensor, outputs=False, intermediates=True, digests=True, wanted=wanted)
    again = device.finish()
    crcs = {each.source: crc32_of(each.data) for each in again.intermediates}
    crcs |= {each.source: each.crc32 for each in again.intermediate_digests}
    if crcs != {each.source: each.crc32 for each in answer.intermediate_digests}:
        return (), OTHERWISE
    return again.intermediates, ""


def _differs(reference: TensorData, fetched: dict[int, TensorData]) -> bool:
    answer = fetched.get(reference.source)
    return answer is not None and not difference(reference.data, answer.data, reference.lsb).equal


def _of_golden(told: TensorDigest, reference: TensorData | None) -> TensorData | None:
    """The device's tensor, with the data of the golden's, which it equals; None: it does not."""
    if reference is None:
        return None
    data = reference.data
    if (told.dtype, told.shape, told.crc32) != (str(data.dtype), tuple(data.shape), crc32_of(data)):
        return None
    return TensorData(told.source, told.op_source, told.op_name, data)
