"""Answers of the device: what is decoded, and what is refused, with the offset."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_stm32pose.errors import DeviceError, ProtocolError
from pytest_stm32pose.network.image import DTYPES
from pytest_stm32pose.protocol import answers, messages
from pytest_stm32pose.protocol.inference import Assembler
from pytest_stm32pose.protocol.messages import InferOption, Message, Part
from pytest_stm32pose.types import DeviceMemory

CRC = 0xAABBCCDD
EVERYTHING = InferOption.KEYPOINTS | InferOption.OUTPUTS | InferOption.INTERMEDIATES | InferOption.PROFILE


def text(value: str) -> bytes:
    raw = value.encode()
    return bytes([len(raw)]) + raw


def hello_payload(max_message: int = 8192, source: int = 2, build_id: bytes = b"b1", window: int = 16128) -> bytes:
    head = struct.pack("<HBBIIIIII", 1, source, 2, 255, 0x410FD221, 32_000_000, 31_000_000, max_message, 262144)
    texts = b"".join(text(each) for each in ("0.1.0", "qemu-m55", "mcu", "runtime", "dsp"))
    return head + bytes(range(16)) + texts + bytes([len(build_id)]) + build_id + struct.pack("<I", window)


def network_payload(dims: tuple[int, ...] = (1, 8, 8, 3), dtype: int = 2, size: int = 192) -> bytes:
    head = struct.pack("<iI", -1, 0) + bytes(range(32)) + struct.pack("<6IQ", 10, 11, 12, 13, 14, 15, 1 << 40)
    head += bytes([1, 13, dtype, len(dims)]) + struct.pack(f"<{len(dims)}I", *dims)
    return head + struct.pack("<I", size) + text("net")


def test_hello() -> None:
    hello = answers.decode_hello(hello_payload())
    assert (hello.protocol_version, hello.time_source, hello.slot_count) == (1, "timer", 2)
    assert (hello.cpuid, hello.clock_hz, hello.tick_hz) == (0x410FD221, 32_000_000, 31_000_000)
    assert (hello.max_message, hello.slot_bytes, hello.unique_id) == (8192, 262144, bytes(range(16)).hex())
    assert (hello.firmware_version, hello.board, hello.mcu) == ("0.1.0", "qemu-m55", "mcu")
    assert (hello.backend, hello.kernels, hello.build_id) == ("runtime", "dsp", "b1")
    assert hello.window == 16128


def test_older_firmware_says_no_window() -> None:
    assert answers.decode_hello(hello_payload()[:-4]).window is None


def test_network_info() -> None:
    info = answers.decode_network_info(network_payload())
    assert (info.status, info.failed_op, info.name, info.family) == (0, -1, "net", "heatmap")
    assert (info.image_bytes, info.image_crc32, info.arena_bytes, info.arena_available) == (10, 11, 12, 13)
    assert (info.op_count, info.tensor_count, info.macc, info.keypoints) == (14, 15, 1 << 40, 13)
    assert (info.input_shape, info.input_dtype, info.sha256) == ((1, 8, 8, 3), "uint8", bytes(range(32)).hex())


def test_network_refused() -> None:
    info = answers.decode_network_info(struct.pack("<iI", 7, 10))
    assert (info.status, info.failed_op, info.name) == (10, 7, "")


def test_memory_and_self_test() -> None:
    stats, dropped = answers.decode_memory(struct.pack("<7I", 1, 2, 3, 4, 5, 6, 7))
    assert (stats.stack_bytes, stats.stack_high_water, stats.arena_bytes, stats.arena_high_water) == (1, 2, 3, 4)
    assert (stats.flash_bytes, stats.ram_bytes, dropped) == (5, 6, 7)
    result = answers.decode_self_test(bytes([2, 1]) + text("crc32") + b"\0" + text("memory"))
    assert result.results == {"crc32": True, "memory": False}
    assert not result.passed


@pytest.mark.parametrize(
    ("decode", "payload"),
    [
        (answers.decode_hello, hello_payload()),
        (answers.decode_network_info, network_payload()),
        (answers.decode_memory, bytes(28)),
        (answers.decode_self_test, bytes([1, 1]) + text("crc32")),
        (answers.decode_upload, bytes(4)),
    ],
)
def test_every_truncation_and_every_extra_byte_is_refused(decode, payload: bytes) -> None:  # type: ignore[no-untyped-def]
    decode(payload)
    older = {len(payload) - 4} if decode is answers.decode_hello else set()
    for size in set(range(len(payload))) - older:
        with pytest.raises(ProtocolError):
            decode(payload[:size])
    with pytest.raises(ProtocolError, match="too many"):
        decode(payload + bytes(4))


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (hello_payload(max_message=63), "max_message 63"),
        (hello_payload(source=9), "time source is 9"),
        (hello_payload(build_id=b"\xff\xff"), "not UTF-8"),
    ],
)
def test_hello_that_cannot_be(payload: bytes, words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        answers.decode_hello(payload)


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (network_payload(size=191), "191 bytes, expected 192"),
        (network_payload(dims=(1,) * 7), "rank 7"),
        (network_payload(dtype=9), "dtype is 9"),
        (network_payload(dims=(1 << 31, 1 << 31)), "expected"),
    ],
)
def test_network_info_that_cannot_be(payload: bytes, words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        answers.decode_network_info(payload)


@given(st.binary(max_size=200))
def test_garbage_never_escapes_as_another_error(payload: bytes) -> None:
    for decode in (
        answers.decode_hello,
        answers.decode_network_info,
        answers.decode_memory,
        answers.decode_self_test,
        answers.decode_upload,
        answers.decode_tensor,
        answers.decode_chunk,
        answers.decode_profile,
        answers.decode_result,
        answers.decode_persons,
    ):
        try:
            decode(payload)
        except ProtocolError as error:
            assert str(error)


def part(payload: bytes, more: bool = True, status: int = 0) -> Message:
    return Message(0x85, 1, payload, status, int(more))


def tensor_parts(
    data: np.ndarray, kind: int = 0, source: int = 5, chunk: int = 5, crc: int | None = None
) -> list[Message]:
    raw = data.tobytes()
    code = DTYPES[str(data.dtype)]
    head = struct.pack("<BBBBII", Part.TENSOR, kind, code, data.ndim, source, 3) + struct.pack(
        f"<{data.ndim}I", *data.shape
    )
    head += struct.pack("<II", len(raw), zlib.crc32(raw) if crc is None else crc)
    parts = [part(head)]
    for start in range(0, len(raw), chunk):
        parts.append(part(struct.pack("<B3xI", Part.CHUNK, start) + raw[start : start + chunk]))
    return parts


def result_part(rows: np.ndarray, crc: int = CRC) -> Message:
    head = struct.pack("<BBBBQI", Part.RESULT, rows.shape[0], rows.shape[1], 0, 1234, crc)
    return part(head + rows.astype("<f4").tobytes(), more=False)


ROWS = np.arange(6, dtype=np.float32).reshape(1, 2, 3)
OUTPUT = np.arange(12, dtype=np.int8).reshape(1, 3, 4)
MIDDLE = np.arange(6, dtype=np.float32).reshape(2, 3)
PROFILE = part(struct.pack("<BBH", Part.PROFILE, 0, 2) + struct.pack("<IQIQ", 0, 10, 1, 20))


def test_a_whole_answer() -> None:
    assembler = Assembler(EVERYTHING, CRC)
    for message in [*tensor_parts(MIDDLE, kind=1), *tensor_parts(OUTPUT), PROFILE, result_part(ROWS)]:
        assert assembler.result is None
        assembler.feed(message)
    result = assembler.result
    assert result is not None
    assert result.keypoints_norm is not None
    np.testing.assert_array_equal(result.keypoints_norm, ROWS)
    np.testing.assert_array_equal(result.outputs[0].data, OUTPUT)
    np.testing.assert_array_equal(result.intermediates[0].data, MIDDLE)
    assert (result.outputs[0].source, result.outputs[0].op_source) == (5, 3)
    assert (result.ticks, result.op_ticks, result.input_crc32) == (1234, ((0, 10), (1, 20)), CRC)


PERSONS = np.arange(21, dtype=np.float32).reshape(3, 7)


def persons_part(persons: np.ndarray) -> Message:
    head = struct.pack("<BBBB", Part.PERSONS, len(persons), (persons.shape[1] - 1) // 3, 0)
    return part(head + persons.astype("<f4").tobytes())


def scored_result(persons: int, keypoints: int = 2, scored: int = 1) -> Message:
    return part(struct.pack("<BBBBQI", Part.RESULT, persons, keypoints, scored, 1, CRC), more=False)


def test_persons_with_scores() -> None:
    assembler = Assembler(InferOption.KEYPOINTS, CRC)
    for message in (persons_part(PERSONS[:2]), persons_part(PERSONS[2:]), scored_result(3)):
        assembler.feed(message)
    result = assembler.result
    assert result is not None
    assert result.keypoints_norm is not None
    assert result.scores is not None
    np.testing.assert_array_equal(result.scores, [0, 7, 14])
    np.testing.assert_array_equal(result.keypoints_norm, PERSONS[:, 1:].reshape(3, 2, 3))
    nobody = Assembler(InferOption.KEYPOINTS, CRC)
    nobody.feed(scored_result(0))
    assert nobody.result is not None
    assert nobody.result.keypoints_norm is not None
    assert nobody.result.keypoints_norm.shape == (0, 2, 3)


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([persons_part(PERSONS), scored_result(2)], "3 persons came, the result announces 2"),
        ([scored_result(1)], "0 persons came"),
        ([persons_part(PERSONS), scored_result(3, keypoints=3)], "disagree"),
        ([persons_part(PERSONS), result_part(ROWS)], "twice"),
        ([scored_result(0, scored=8)], "scored is 8"),
        ([part(persons_part(PERSONS).payload[:-1])], "bytes expected"),
    ],
)
def test_persons_that_do_not_add_up(messages: list[Message], words: str) -> None:
    assembler = Assembler(InferOption.KEYPOINTS, CRC)
    with pytest.raises(ProtocolError, match=words):
        for message in messages:
            assembler.feed(message)


def test_a_missing_chunk_a_doubled_one_and_a_wrong_one_are_seen() -> None:
    parts = tensor_parts(OUTPUT)
    for damaged in (
        [parts[0], parts[2]],
        [parts[0], parts[1], parts[1]],
        [parts[1]],
        [*parts[:2], result_part(ROWS)],
        [*tensor_parts(OUTPUT, crc=1)],
        [parts[0], part(parts[1].payload[:8])],
    ):
        assembler = Assembler(InferOption.OUTPUTS, CRC)
        with pytest.raises(ProtocolError):
            for message in damaged:
                assembler.feed(message)


def test_tensors_told_by_their_crc() -> None:
    """Without data, but for those that were asked for by number."""
    options = EVERYTHING | InferOption.DIGESTS
    assembler = Assembler(options, CRC, wanted=[5])
    middle, *_ = tensor_parts(MIDDLE, kind=1, source=9)
    for message in [middle, *tensor_parts(OUTPUT), PROFILE, result_part(ROWS)]:
        assembler.feed(message)
    result = assembler.result
    assert result is not None
    np.testing.assert_array_equal(result.outputs[0].data, OUTPUT)
    assert (result.output_digests, result.intermediates) == ((), ())
    (told,) = result.intermediate_digests
    assert (told.source, told.op_source, told.dtype, told.shape) == (9, 3, "float32", (2, 3))
    assert told.crc32 == zlib.crc32(MIDDLE.tobytes())


@pytest.mark.parametrize("wanted", [[], [5]], ids=["told", "with data"])
def test_data_come_where_they_belong(wanted: list[int]) -> None:
    head, *chunks = tensor_parts(OUTPUT)
    assembler = Assembler(InferOption.OUTPUTS | InferOption.DIGESTS, CRC, wanted)
    assembler.feed(head)
    with pytest.raises(ProtocolError):
        for message in [] if wanted else chunks:
            assembler.feed(message)
        assembler.feed(result_part(ROWS))


def test_what_was_asked_for_must_come() -> None:
    with pytest.raises(ProtocolError, match="OUTPUTS did not come"):
        Assembler(InferOption.OUTPUTS | InferOption.DIGESTS, CRC).feed(result_part(ROWS))
    with pytest.raises(ProtocolError, match="OUTPUTS did not come"):
        Assembler(InferOption.OUTPUTS, CRC).feed(result_part(ROWS))


def test_a_result_for_another_input_is_refused() -> None:
    """Not as damage, which asking again mends: the message is whole."""
    with pytest.raises(DeviceError, match="stale answer: the result is for an input with CRC 0x00000001"):
        Assembler(InferOption.KEYPOINTS, CRC).feed(result_part(ROWS, crc=1))


def test_more_must_agree_with_the_part() -> None:
    with pytest.raises(ProtocolError, match="MORE"):
        Assembler(InferOption.KEYPOINTS, CRC).feed(part(result_part(ROWS).payload, more=True))
    with pytest.raises(ProtocolError, match="MORE"):
        Assembler(InferOption.PROFILE, CRC).feed(part(PROFILE.payload, more=False))


def test_a_huge_tensor_is_refused_before_it_is_collected() -> None:
    head = struct.pack("<BBBBII", Part.TENSOR, 0, 1, 1, 0, 0) + struct.pack("<III", 1 << 30, 1 << 30, 0)
    with pytest.raises(ProtocolError, match="announces 1073741824"):
        Assembler(InferOption.OUTPUTS, CRC).feed(part(head))


def test_an_error_status_ends_the_run_with_its_sentence() -> None:
    with pytest.raises(DeviceError, match="checksum") as caught:
        Assembler(InferOption.KEYPOINTS, CRC).feed(part(b"", more=False, status=messages.Status.CRC))
    assert caught.value.status == 7


def test_every_status_has_a_sentence_and_matches_the_header() -> None:
    from pytest_stm32pose.firmware.build import FIRMWARE_DIR

    header = (FIRMWARE_DIR / "include" / "pose" / "status.h").read_text(encoding="utf-8")
    for status in messages.Status:
        name = "POSE_OK = 0" if status == 0 else f"POSE_ERR_{status.name} = -{status.value}"
        assert name in header
        assert status == 0 or "unknown" not in messages.status_sentence(status)
    assert messages.status_sentence(99) == "unknown status 99"


def memories_answer(count: int = 1, name: bytes = b"\x03nor", mode: bytes = b"\x05octal") -> bytes:
    return bytes([count]) + struct.pack("<BII", 4 | 2, 0x71000000, 1 << 24) + name + mode


def test_memories_are_read() -> None:
    (nor,) = answers.decode_memories(memories_answer())
    assert nor == DeviceMemory("nor", "octal", 0x71000000, 1 << 24, False, True, True, False)
    assert nor.words == "nor octal"
    assert answers.decode_memory_speed(struct.pack("<IQ", 1 << 20, 1 << 40)) == (1 << 20, 1 << 40)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        memories_answer(2),
        memories_answer(5),
        memories_answer(0),
        memories_answer()[:-1],
        memories_answer() + b"\0",
        memories_answer(name=b"\x02\xff\xff"),
    ],
)
def test_a_malformed_table_of_memories_is_refused(payload: bytes) -> None:
    with pytest.raises(ProtocolError, match="MEMORIES answer"):
        answers.decode_memories(payload)
