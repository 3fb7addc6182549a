"""Puts the answers to one INFER request together (firmware/PROTOCOL.md, INFER). Pure: no I/O."""

from __future__ import annotations

import zlib
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import DeviceError, ProtocolError
from pytest_stm32pose.protocol.answers import (
    ResultPart,
    TensorHead,
    decode_chunk,
    decode_op_name,
    decode_persons,
    decode_profile,
    decode_result,
    decode_tensor,
)
from pytest_stm32pose.protocol.messages import InferOption, Message, Part, Status, status_sentence
from pytest_stm32pose.types import InferResult, TensorData, TensorDigest

#: No pose network has a tensor or a run near these; an answer beyond them is broken and must not fill the memory.
MAX_TENSOR_BYTES = 64 << 20
MAX_ANSWER_BYTES = 1 << 30


class Assembler:
    """Takes the messages of one run in order.

    Args:
        options: what was asked for.
        input_crc32: what the result must echo.
        wanted: with DIGESTS, the tensors that come with their data all the same.
    """

    def __init__(self, options: InferOption, input_crc32: int, wanted: Collection[int] = ()) -> None:
        self._options = options
        self._input_crc32 = input_crc32
        self._wanted = frozenset(wanted)
        self._head: TensorHead | None = None
        self._data = bytearray()
        self._bytes = 0
        self._outputs: list[TensorData] = []
        self._intermediates: list[TensorData] = []
        self._output_digests: list[TensorDigest] = []
        self._intermediate_digests: list[TensorDigest] = []
        self._op_ticks: list[tuple[int, int]] = []
        self._op_names: list[tuple[int, str]] = []
        self._persons: list[NDArray[np.float32]] = []
        self._scores: list[NDArray[np.float32]] = []
        self.result: InferResult | None = None

    def feed(self, message: Message) -> None:
        """Takes one message.

        Raises:
            DeviceError: the run ended with an error status, or its result is for another input.
            ProtocolError: a part is missing, damaged or out of place.
        """
        if message.status != Status.OK:
            raise DeviceError(
                f"The inference failed on the device: {status_sentence(message.status)}.", status=message.status
            )
        payload = message.payload
        kind = payload[0] if payload else 0
        self._bytes += len(payload)
        if self._bytes > MAX_ANSWER_BYTES:
            raise ProtocolError(f"INFER answer: more than {MAX_ANSWER_BYTES} bytes.")
        if message.more == (kind == Part.RESULT):
            raise ProtocolError(f"INFER answer: part {kind} with MORE = {message.more}.")
        if self._head is not None and kind != Part.CHUNK:
            raise ProtocolError(
                f"INFER answer: part {kind} came after {len(self._data)} of {self._head.bytes_} bytes of tensor "
                f"{self._head.source}."
            )
        if kind == Part.TENSOR:
            self._begin(decode_tensor(payload))
        elif kind == Part.CHUNK:
            self._chunk(*decode_chunk(payload))
        elif kind == Part.PROFILE:
            self._op_ticks += decode_profile(payload)
        elif kind == Part.OP_NAME:
            self._op_names.append(decode_op_name(payload))
        elif kind == Part.PERSONS:
            rows, scores = decode_persons(payload)
            self._persons.append(rows)
            self._scores.append(scores)
        elif kind == Part.RESULT:
            self._finish(payload)
        else:
            raise ProtocolError(f"INFER answer: unknown part {kind}.")

    def _begin(self, head: TensorHead) -> None:
        if head.bytes_ > MAX_TENSOR_BYTES:
            raise ProtocolError(f"INFER answer: tensor {head.source} announces {head.bytes_} bytes.")
        if InferOption.DIGESTS in self._options and head.source not in self._wanted:
            target = self._intermediate_digests if head.intermediate else self._output_digests
            target.append(TensorDigest(head.source, head.op_source, "", head.dtype, head.dims, head.crc32))
            return
        self._head = head
        self._data = bytearray()
        if head.bytes_ == 0:
            self._complete(head)

    def _chunk(self, offset: int, data: bytes) -> None:
        head = self._head
        if head is None or offset != len(self._data) or not data or len(data) > head.bytes_ - offset:
            place = "outside a tensor" if head is None else f"after {len(self._data)} of {head.bytes_} bytes"
            raise ProtocolError(f"INFER answer: a chunk of {len(data)} bytes for offset {offset} came {place}.")
        self._data += data
        if len(self._data) == head.bytes_:
            self._complete(head)

    def _complete(self, head: TensorHead) -> None:
        crc = zlib.crc32(self._data)
        if crc != head.crc32:
            raise ProtocolError(
                f"INFER answer: tensor {head.source} has CRC 0x{crc:08X}, the device announced 0x{head.crc32:08X}."
            )
        array = np.frombuffer(bytes(self._data), dtype=np.dtype(head.dtype)).reshape(head.dims)
        target = self._intermediates if head.intermediate else self._outputs
        target.append(TensorData(head.source, head.op_source, "", array))
        self._head = None

    def _finish(self, payload: bytes) -> None:
        part = decode_result(payload)
        crc = part.input_crc32
        keypoints, scores = self._people(part)
        if crc != self._input_crc32:
            # Not damage of the link, which asking again would mend: this message and its nonce are whole.
            raise DeviceError(
                f"The device gave a stale answer: the result is for an input with CRC 0x{crc:08X}, asked was "
                f"0x{self._input_crc32:08X}."
            )
        missing = [
            option.name
            for option, present in (
                (InferOption.OUTPUTS, self._outputs or self._output_digests),
                (InferOption.INTERMEDIATES, self._intermediates or self._intermediate_digests),
                (InferOption.PROFILE, self._op_ticks),
            )
            if option in self._options and not present
        ]
        if missing:
            raise ProtocolError(f"INFER answer: {', '.join(str(name) for name in missing)} did not come.")
        self.result = InferResult(
            keypoints_norm=keypoints if InferOption.KEYPOINTS in self._options else None,
            outputs=tuple(self._outputs),
            intermediates=tuple(self._intermediates),
            ticks=part.ticks,
            op_ticks=tuple(self._op_ticks),
            op_names=tuple(self._op_names),
            input_crc32=crc,
            scores=scores if InferOption.KEYPOINTS in self._options else None,
            output_digests=tuple(self._output_digests),
            intermediate_digests=tuple(self._intermediate_digests),
        )

    def _people(self, part: ResultPart) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Keypoints [persons, K, 3], and scores [persons] when the network's persons have them."""
        if part.keypoints is not None:
            if self._persons:
                raise ProtocolError("INFER answer: persons came twice, as PERSONS and in the RESULT.")
            return part.keypoints, None
        if any(rows.shape[1] != part.keypoints_per_person for rows in self._persons):
            raise ProtocolError("INFER answer: PERSONS and RESULT disagree on the number of keypoints.")
        found = sum(len(rows) for rows in self._persons)
        if found != part.persons:
            raise ProtocolError(f"INFER answer: {found} persons came, the result announces {part.persons}.")
        nobody = np.empty((0, part.keypoints_per_person, 3), np.float32)
        return np.concatenate([nobody, *self._persons]), np.concatenate([np.empty(0, np.float32), *self._scores])
