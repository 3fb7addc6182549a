"""Answers of the pose runner: payload bytes to values (firmware/PROTOCOL.md). Pure: no I/O.

Every length is checked against what is there before it is used; what does not fit is a ProtocolError with the offset.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ProtocolError
from pytest_stm32pose.network.image import DECODING, DTYPE_NAMES, FAMILY_NAMES
from pytest_stm32pose.protocol.messages import MAX_BEFORE_HELLO
from pytest_stm32pose.types import DeviceMemory, DeviceNetwork, Hello, MemoryStats, SelfTest

U32 = struct.Struct("<I")
NETWORK_STATUS = struct.Struct("<iI")
HELLO = struct.Struct("<HBBIIIIII16s")
NETWORK = struct.Struct("<32sIIIIIIQBBBB")
MEMORY = struct.Struct("<7I")
MEMORIES_ENTRY = struct.Struct("<BII")
MEMORY_SPEED = struct.Struct("<IQ")
TENSOR = struct.Struct("<BBBBII")
CHUNK = struct.Struct("<B3xI")
PROFILE = struct.Struct("<BBH")
PROFILE_ENTRY = struct.Struct("<IQ")
PERSONS = struct.Struct("<BBH")
RESULT = struct.Struct("<BBBBQI")
assert (HELLO.size, NETWORK.size, MEMORY.size, NETWORK_STATUS.size) == (44, 68, 28, 8)
assert (MEMORIES_ENTRY.size, MEMORY_SPEED.size) == (9, 12)
assert (TENSOR.size, CHUNK.size, PROFILE.size, PROFILE_ENTRY.size, RESULT.size) == (12, 8, 4, 12, 16)

MAX_RANK = 6
MAX_NAME_BYTES = 63
MAX_MEMORIES = 4
#: Flags of a memory.
IS_RAM, IS_EXTERNAL, HAS_WEIGHTS, HAS_ARENA = 1, 2, 4, 8
TIME_SOURCES = {1: "dwt", 2: "timer", 3: "host"}


class Reader:
    """Reads a payload from front to back.

    Raises:
        ProtocolError: every method, when fewer bytes are left than it needs.
    """

    def __init__(self, payload: bytes, what: str) -> None:
        self._payload = payload
        self._what = what
        self.offset = 0

    def take(self, size: int) -> bytes:
        left = len(self._payload) - self.offset
        if size > left:
            raise ProtocolError(f"{self._what}: {size} bytes expected at offset {self.offset}, {left} left.")
        self.offset += size
        return self._payload[self.offset - size : self.offset]

    def unpack(self, layout: struct.Struct) -> tuple[Any, ...]:
        return layout.unpack(self.take(layout.size))

    def string(self) -> str:
        start = self.offset
        raw = self.take(self.take(1)[0])
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ProtocolError(f"{self._what}: the text at offset {start} is not UTF-8.") from error

    def rest(self) -> bytes:
        return self.take(len(self._payload) - self.offset)

    @property
    def is_at_end(self) -> bool:
        return self.offset == len(self._payload)

    def end(self) -> None:
        left = len(self._payload) - self.offset
        if left:
            raise ProtocolError(f"{self._what}: {left} bytes too many after offset {self.offset}.")

    def choice(self, names: dict[int, str], value: int, field: str) -> str:
        if value not in names:
            raise ProtocolError(f"{self._what}: {field} is {value}, expected one of {sorted(names)}.")
        return names[value]


def decode_hello(payload: bytes) -> Hello:
    reader = Reader(payload, "HELLO answer")
    version, source, slots, capabilities, cpuid, clock, tick, max_message, slot_bytes, unique_id = reader.unpack(HELLO)
    texts = [reader.string() for _ in range(6)]
    window = None if reader.is_at_end else reader.unpack(U32)[0]
    reader.end()
    if max_message < MAX_BEFORE_HELLO or slots < 1 or tick < 1:
        raise ProtocolError(f"HELLO answer: max_message {max_message}, {slots} slots, {tick} Hz cannot be.")
    return Hello(
        firmware_version=texts[0],
        protocol_version=version,
        capabilities=capabilities,
        board=texts[1],
        mcu=texts[2],
        backend=texts[3],
        kernels=texts[4],
        build_id=texts[5],
        cpuid=cpuid,
        clock_hz=clock,
        tick_hz=tick,
        time_source=reader.choice(TIME_SOURCES, source, "time source"),
        unique_id=unique_id.hex(),
        slot_count=slots,
        slot_bytes=slot_bytes,
        max_message=max_message,
        window=window,
    )


def decode_network_info(payload: bytes) -> DeviceNetwork:
    reader = Reader(payload, "NETWORK_INFO answer")
    failed_op, status = reader.unpack(NETWORK_STATUS)
    if status:
        reader.end()
        return DeviceNetwork(status=status, failed_op=failed_op)
    sha, image, crc, arena, available, ops, tensors, macc, family, keypoints, dtype, rank = reader.unpack(NETWORK)
    dims = _dims(reader, rank)
    (input_bytes,) = reader.unpack(U32)
    name = reader.string()
    decoding = reader.rest()
    if len(decoding) not in (0, DECODING.size):
        raise ProtocolError(f"NETWORK_INFO answer: {len(decoding)} bytes too many; a decoding has {DECODING.size}.")
    if decoding:
        keypoints = DECODING.unpack(decoding)[2]
    dtype_name = reader.choice(DTYPE_NAMES, dtype, "input dtype")
    _check_tensor_bytes("NETWORK_INFO answer", dims, dtype_name, input_bytes)
    return DeviceNetwork(
        status=0,
        failed_op=failed_op,
        name=name,
        sha256=sha.hex(),
        image_bytes=image,
        image_crc32=crc,
        arena_bytes=arena,
        arena_available=available,
        op_count=ops,
        tensor_count=tensors,
        macc=macc,
        family=reader.choice(FAMILY_NAMES, family, "family"),
        keypoints=keypoints,
        input_shape=dims,
        input_dtype=dtype_name,
        decoding=decoding,
    )


def decode_self_test(payload: bytes) -> SelfTest:
    reader = Reader(payload, "SELF_TEST answer")
    results = {}
    for _ in range(reader.take(1)[0]):
        passed = reader.take(1)[0]
        results[reader.string()] = bool(passed)
    reader.end()
    return SelfTest(results)


def decode_memory(payload: bytes) -> tuple[MemoryStats, int]:
    """Returns the statistics and the number of frames the device dropped."""
    reader = Reader(payload, "MEMORY answer")
    *values, dropped = reader.unpack(MEMORY)
    reader.end()
    return MemoryStats(*values), dropped


def decode_memories(payload: bytes) -> tuple[DeviceMemory, ...]:
    """Returns the memories in the device's order, by which PLACE names them."""
    reader = Reader(payload, "MEMORIES answer")
    count = reader.take(1)[0]
    if count > MAX_MEMORIES:
        raise ProtocolError(f"MEMORIES answer: {count} memories, at most {MAX_MEMORIES} expected.")
    memories = tuple(_memory(reader) for _ in range(count))
    reader.end()
    return memories


def _memory(reader: Reader) -> DeviceMemory:
    flags, address, size = reader.unpack(MEMORIES_ENTRY)
    return DeviceMemory(
        name=reader.string(),
        mode=reader.string(),
        address=address,
        bytes_=size,
        is_ram=bool(flags & IS_RAM),
        is_external=bool(flags & IS_EXTERNAL),
        has_weights=bool(flags & HAS_WEIGHTS),
        has_arena=bool(flags & HAS_ARENA),
    )


def decode_memory_speed(payload: bytes) -> tuple[int, int]:
    """Returns the bytes that were read, and the ticks that took."""
    reader = Reader(payload, "MEMORY_SPEED answer")
    size, ticks = reader.unpack(MEMORY_SPEED)
    reader.end()
    return int(size), int(ticks)


def decode_upload(payload: bytes) -> int:
    """Returns the bytes the slot holds."""
    reader = Reader(payload, "UPLOAD answer")
    (held,) = reader.unpack(U32)
    reader.end()
    return int(held)


def _dims(reader: Reader, rank: int) -> tuple[int, ...]:
    if rank > MAX_RANK:
        raise ProtocolError(f"A tensor has rank {rank}, at most {MAX_RANK} expected.")
    return tuple(int(value) for value in reader.unpack(struct.Struct(f"<{rank}I")))


def _check_tensor_bytes(what: str, dims: tuple[int, ...], dtype: str, size: int) -> None:
    expected = np.dtype(dtype).itemsize
    for dim in dims:
        expected *= dim
    if size != expected:
        raise ProtocolError(f"{what}: a {dtype} tensor {list(dims)} has {size} bytes, expected {expected}.")


@dataclass(frozen=True)
class TensorHead:
    """TENSOR part: what the following CHUNKs hold."""

    intermediate: bool
    dtype: str
    dims: tuple[int, ...]
    source: int
    op_source: int
    bytes_: int
    crc32: int


def decode_tensor(payload: bytes) -> TensorHead:
    reader = Reader(payload, "INFER answer, TENSOR")
    _, kind, dtype, rank, source, op_source = reader.unpack(TENSOR)
    dims = _dims(reader, rank)
    size, crc = reader.unpack(struct.Struct("<II"))
    reader.end()
    name = reader.choice(DTYPE_NAMES, dtype, "dtype")
    if kind not in (0, 1):
        raise ProtocolError(f"INFER answer, TENSOR: kind is {kind}, expected 0 or 1.")
    _check_tensor_bytes("INFER answer, TENSOR", dims, name, size)
    return TensorHead(kind == 1, name, dims, source, op_source, size, crc)


def decode_chunk(payload: bytes) -> tuple[int, bytes]:
    """Returns offset and data."""
    reader = Reader(payload, "INFER answer, CHUNK")
    _, offset = reader.unpack(CHUNK)
    return int(offset), reader.rest()


def decode_profile(payload: bytes) -> list[tuple[int, int]]:
    """Returns (operator index in the .tflite, ticks) in execution order."""
    reader = Reader(payload, "INFER answer, PROFILE")
    _, _, count = reader.unpack(PROFILE)
    entries = [reader.unpack(PROFILE_ENTRY) for _ in range(count)]
    reader.end()
    return [(int(op), int(ticks)) for op, ticks in entries]


def decode_op_name(payload: bytes) -> tuple[int, str]:
    """Returns the operator's number and its name."""
    reader = Reader(payload, "INFER answer, OP_NAME")
    _, op_source = reader.unpack(CHUNK)
    return int(op_source), reader.rest()[:MAX_NAME_BYTES].decode("utf-8", "replace")


def decode_persons(payload: bytes) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Returns keypoints [persons, K, 3] and scores [persons]."""
    reader = Reader(payload, "INFER answer, PERSONS")
    _, persons, keypoints = reader.unpack(PERSONS)
    table = np.frombuffer(reader.take(persons * (1 + 3 * keypoints) * 4), dtype="<f4").astype(np.float32)
    reader.end()
    table = table.reshape(persons, 1 + 3 * keypoints)
    return table[:, 1:].reshape(persons, keypoints, 3), table[:, 0]


@dataclass(frozen=True)
class ResultPart:
    """RESULT part. `keypoints` [persons, K, 3]; None when the persons came as PERSONS parts."""

    persons: int
    keypoints_per_person: int
    keypoints: NDArray[np.float32] | None
    ticks: int
    input_crc32: int


def decode_result(payload: bytes) -> ResultPart:
    reader = Reader(payload, "INFER answer, RESULT")
    _, persons, keypoints, scored, ticks, crc = reader.unpack(RESULT)
    if scored > 7:
        raise ProtocolError(f"INFER answer, RESULT: scored is {scored}, expected at most 7.")
    keypoints, scored = keypoints | scored >> 1 << 8, scored & 1
    rows = None
    if not scored:
        rows = np.frombuffer(reader.take(persons * keypoints * 12), dtype="<f4").astype(np.float32)
        rows = rows.reshape(persons, keypoints, 3)
    reader.end()
    return ResultPart(persons, keypoints, rows, int(ticks), int(crc))
