"""The table of wire cases against the Python codecs, and against independent ones."""

from __future__ import annotations

import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_stm32pose.errors import ProtocolError
from pytest_stm32pose.protocol.messages import decode_message
from pytest_stm32pose.transports.framing import (
    FrameDecoder,
    cobs_decode,
    cobs_encode,
    encode_frame,
    max_frame_bytes,
)
from tests.support.wire_cases import cases, name, unhex

LIMIT = 64
STREAMS = cases("stream")


@pytest.mark.parametrize("case", cases("cobs"), ids=name)
def test_cobs_both_ways(case: dict[str, Any]) -> None:
    data, line = unhex(case["data"]), unhex(case["line"])
    assert cobs_encode(data) == line
    assert cobs_decode(line) == data
    assert len(encode_frame(data)) <= max_frame_bytes(len(data))


@pytest.mark.parametrize("case", cases("cobs"), ids=name)
def test_the_table_agrees_with_another_cobs(case: dict[str, Any]) -> None:
    cobs = pytest.importorskip("cobs.cobs")
    assert cobs.encode(unhex(case["data"])) == unhex(case["line"])


@given(st.binary(max_size=1200) | st.integers(0, 800).map(lambda n: b"\x01" * n))
def test_cobs_agrees_with_another_implementation(data: bytes) -> None:
    cobs = pytest.importorskip("cobs.cobs")
    line = cobs_encode(data)
    assert line == cobs.encode(data)
    assert 0 not in line
    assert cobs_decode(line) == data


def decoded(results: list[bytes | ProtocolError]) -> list[bytes | str]:
    return ["bad" if isinstance(result, ProtocolError) else result for result in results]


def wanted(case: dict[str, Any]) -> list[bytes | str]:
    return ["bad" if frame == "bad" else unhex(frame) for frame in case["frames"]]


@pytest.mark.parametrize("case", STREAMS, ids=name)
@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_streams_in_pieces_of_any_size(case: dict[str, Any], step: int) -> None:
    decoder = FrameDecoder(LIMIT)
    line = unhex(case["line"])
    results: list[bytes | ProtocolError] = []
    for start in range(0, len(line), step):
        results += decoder.feed(line[start : start + step])
    assert decoded(results) == wanted(case)


def test_an_endless_frame_takes_no_memory() -> None:
    decoder = FrameDecoder(LIMIT)
    for _ in range(1000):
        assert decoder.feed(b"\x02" * 1000) == []
    assert len(decoder._pending) <= max_frame_bytes(LIMIT)
    assert decoded(decoder.feed(b"\0" + encode_frame(b"ok"))) == ["bad", b"ok"]


@pytest.mark.parametrize("frame", [b"\x00", b"\x03\x01\x00"])
def test_a_zero_inside_a_frame_is_refused(frame: bytes) -> None:
    with pytest.raises(ProtocolError, match="zero"):
        cobs_decode(frame)


@pytest.mark.parametrize("case", cases("message"), ids=name)
def test_messages(case: dict[str, Any]) -> None:
    data = unhex(case["data"])
    if case["verdict"] in ("ok", "type"):
        message = decode_message(data)
        assert len(message.payload) == len(data) - 16
        assert zlib.crc32(data[:-4]) == int.from_bytes(data[-4:], "little")
        return
    words = {"length": "payload bytes|needs at least", "crc": "CRC", "version": "version"}
    with pytest.raises(ProtocolError, match=words[case["verdict"]]):
        decode_message(data)


@given(st.binary(max_size=100))
def test_garbage_is_a_protocol_error_or_a_message(data: bytes) -> None:
    try:
        assert len(decode_message(data).payload) == len(data) - 16
    except ProtocolError as error:
        assert str(error)
