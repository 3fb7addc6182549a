"""The table of wire cases against the firmware: its codecs one by one, and a running device on both links."""

from __future__ import annotations

import ctypes
import random
import struct
from collections.abc import Iterator
from ctypes import POINTER, byref, c_bool, c_size_t, c_uint8, c_uint32, c_void_p
from typing import Any

import pytest

from pytest_stm32pose.errors import TransportTimeout
from pytest_stm32pose.protocol.client import PoseClient
from pytest_stm32pose.protocol.messages import Command, Message, decode_message, encode_message
from pytest_stm32pose.transports.base import Transport
from pytest_stm32pose.transports.framing import cobs_encode
from tests.firmware.host_device import HostDevice, host_library, mailbox_transport, running, serial_transport
from tests.support.wire_cases import cases, name, unhex

TIMEOUT_S = 60.0
LIMIT = 64
MORE, FRAME, EMPTY, BAD = range(4)
STATUS = {"ok": 0, "length": -2, "type": -3, "version": -4, "crc": -7}
FUZZ_ROUNDS = 300


class Decoder(ctypes.Structure):
    """struct pose_cobs_decoder."""

    _fields_ = (
        ("out", c_void_p), ("capacity", c_uint32), ("length", c_uint32),
        ("left", c_uint8), ("zero", c_bool), ("bad", c_bool), ("inside", c_bool),
    )  # fmt: skip


class Encoder(ctypes.Structure):
    """struct pose_cobs_encoder."""

    _fields_ = (("block", c_uint8 * 255), ("used", c_uint8), ("full_before", c_bool))


class CMessage(ctypes.Structure):
    """struct pose_message."""

    _fields_ = (("type", c_uint8), ("nonce", c_uint32), ("payload", c_void_p), ("length", c_uint32))


@pytest.fixture(scope="module")
def lib() -> ctypes.CDLL:
    library = ctypes.CDLL(str(host_library()))
    library.pose_cobs_encode.restype = c_size_t
    library.pose_cobs_encode.argtypes = (POINTER(Encoder), ctypes.c_char_p, c_size_t, POINTER(c_size_t))
    library.pose_cobs_finish.restype = c_size_t
    library.pose_message_parse.argtypes = (c_void_p, c_uint32, POINTER(CMessage))
    return library


@pytest.fixture(scope="module")
def device() -> Iterator[HostDevice]:
    with running() as started:
        yield started


@pytest.fixture(scope="module", params=["serial", "swd"])
def transport(request: pytest.FixtureRequest, device: HostDevice) -> Iterator[Transport]:
    link: Transport = serial_transport(device) if request.param == "serial" else mailbox_transport(device)
    link.open(TIMEOUT_S)
    yield link
    link.close()


def encode(lib: ctypes.CDLL, data: bytes, step: int) -> bytes:
    encoder, ready, out = Encoder(), c_size_t(), bytearray()
    lib.pose_cobs_encoder_init(byref(encoder))
    for start in range(0, len(data), step):
        piece = data[start : start + step]
        while piece:
            taken = lib.pose_cobs_encode(byref(encoder), piece, len(piece), byref(ready))
            out += bytes(encoder.block)[: ready.value]
            piece = piece[taken:]
    size = lib.pose_cobs_finish(byref(encoder))
    out += bytes(encoder.block)[:size]
    return bytes(out)


def decode(lib: ctypes.CDLL, line: bytes, limit: int) -> list[bytes | str]:
    decoder, buffer = Decoder(), ctypes.create_string_buffer(limit)
    lib.pose_cobs_decoder_init(byref(decoder), buffer, c_uint32(limit))
    results: list[bytes | str] = []
    for byte in line:
        event = lib.pose_cobs_decode(byref(decoder), c_uint8(byte))
        if event == FRAME:
            results.append(buffer.raw[: decoder.length])
        elif event == BAD:
            results.append("bad")
    return results


@pytest.mark.parametrize("case", cases("cobs"), ids=name)
@pytest.mark.parametrize("step", [1, 100, 1000])
def test_cobs_both_ways(lib: ctypes.CDLL, case: dict[str, Any], step: int) -> None:
    data, line = unhex(case["data"]), unhex(case["line"])
    assert encode(lib, data, step) == line
    assert decode(lib, line + b"\0", len(data)) == [data]
    assert decode(lib, line + b"\0", max(len(data) - 1, 0)) == ["bad"]


@pytest.mark.parametrize("case", cases("stream"), ids=name)
def test_streams(lib: ctypes.CDLL, case: dict[str, Any]) -> None:
    wanted = ["bad" if frame == "bad" else unhex(frame) for frame in case["frames"]]
    assert decode(lib, unhex(case["line"]), LIMIT) == wanted


@pytest.mark.parametrize("case", cases("message"), ids=name)
def test_messages(lib: ctypes.CDLL, case: dict[str, Any]) -> None:
    data, message = unhex(case["data"]), CMessage()
    buffer = (c_uint8 * max(len(data), 1)).from_buffer_copy(data or b"\0")  # exactly as long: a sanitizer sees overruns
    assert lib.pose_message_parse(byref(buffer), len(data), byref(message)) == STATUS[case["verdict"]]
    if case["verdict"] == "ok":
        expected = decode_message(data)
        assert (message.type, message.nonce, message.length) == (expected.type, expected.nonce, len(expected.payload))


@pytest.mark.parametrize("case", cases("request"), ids=name)
def test_requests(transport: Transport, case: dict[str, Any]) -> None:
    data = unhex(case["data"])
    transport.send(data, TIMEOUT_S)
    if case["status"] >= 0:
        answer = decode_message(transport.receive(TIMEOUT_S))
        assert answer.status == case["status"]
        assert answer.type == data[1] | 0x80
        assert answer.nonce == int.from_bytes(data[4:8], "little")
        assert not answer.more
        assert answer.status == 0 or answer.payload == b""
        return
    # No answer: the next request's comes first.
    probe = encode_message(Message(Command.MEMORY, 0x7FFFFFFF))
    transport.send(probe, TIMEOUT_S)
    assert decode_message(transport.receive(TIMEOUT_S)).nonce == 0x7FFFFFFF


def test_slots_are_bounded(transport: Transport) -> None:
    client = PoseClient(transport)
    size = client.hello().slot_bytes
    client.upload(0, bytes(size))
    for offset, data, status in ((size, b"x", 2), (size - 1, b"xy", 2), (size, b"", 0), (0, b"", 0), (1, b"x", 3)):
        payload = struct.pack("<B3xI", 0, offset) + data
        transport.send(encode_message(Message(Command.UPLOAD, offset, payload)), TIMEOUT_S)
        assert decode_message(transport.receive(TIMEOUT_S)).status == status


def test_dropped_frames_are_counted(device: HostDevice) -> None:
    link = serial_transport(device)
    link.open(TIMEOUT_S)
    client = PoseClient(link)
    client.memory()
    before = client.dropped_frames
    link.port.write(b"\x05\x01\0", TIMEOUT_S)  # cut short
    link.send(b"too short", TIMEOUT_S)
    link.port.write(b"\x02" * 20_000 + b"\0", TIMEOUT_S)  # longer than any frame
    client.memory()
    assert client.dropped_frames - before == 3
    link.close()


def damaged(rng: random.Random) -> bytes:
    """A request, valid or not, of any type, with anything in it."""
    kind = rng.choice([0, 1, 2, 4, 4, 4, 5, 5, 6, 8, 12, 0x81, rng.randrange(256)])
    if kind == Command.RESET or kind == Command.SELF_TEST:
        kind = 0x55
    payload = rng.randbytes(rng.choice([0, 1, 7, 8, 9, 16, 17, 64, 300]))
    if kind == Command.UPLOAD and rng.random() < 0.7:
        offset = rng.choice([0, 1, 8, 262143, 262144, 262145, 1 << 31, (1 << 32) - 1])
        payload = struct.pack("<B3xI", rng.choice([0, 1, 2, 255]), offset) + payload
    if kind == Command.INFER and rng.random() < 0.7:
        options = rng.choice([0, 512]) + rng.randrange(32)
        payload = struct.pack("<B3xIII", rng.randrange(3), options, rng.choice([0, 8, 1 << 31]), 0)
        payload += rng.randbytes(4 * rng.choice([0, 0, 1, 8, 9]))
    if kind == Command.OUTPUT and rng.random() < 0.7:
        payload = rng.randbytes(12)
    data = bytearray(encode_message(Message(kind, rng.randrange(1 << 32), payload, version=rng.choice([1, 1, 1, 2]))))
    for _ in range(rng.choice([0, 0, 1, 3])):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data[: rng.randrange(len(data))]) if rng.random() < 0.1 else bytes(data)


def test_the_device_outlives_garbage_on_the_serial_line(device: HostDevice) -> None:
    rng = random.Random(7)
    link = serial_transport(device)
    link.open(TIMEOUT_S)
    for round_ in range(FUZZ_ROUNDS):
        line = rng.randbytes(rng.randrange(200)) if round_ % 3 == 0 else cobs_encode(damaged(rng))
        link.port.write(line + b"\0" * rng.randrange(3), TIMEOUT_S)
        if round_ % 50 == 49:
            link.port.write(b"\0", TIMEOUT_S)
            assert PoseClient(link).hello().board == "host"
    link.close()


def test_the_device_outlives_garbage_in_the_mailbox(device: HostDevice) -> None:
    rng = random.Random(8)
    link = mailbox_transport(device)
    link.open(TIMEOUT_S)
    for _ in range(FUZZ_ROUNDS):
        link.send(damaged(rng), TIMEOUT_S)
        try:
            link.receive(0.005)
        except TransportTimeout:
            continue
    assert PoseClient(link).hello().board == "host"
    device.write(0x60000014, struct.pack("<I", 0xFFFFFFFF))  # a length over the capacity
    seq = struct.unpack("<I", device.read(0x60000010, 4))[0]
    device.write(0x60000010, struct.pack("<I", seq + 1))
    assert PoseClient(link).hello().board == "host"
    link.close()
