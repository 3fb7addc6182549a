"""The firmware's protobuf decoder against google.protobuf: the same values, and what is no message is not believed."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_bool, c_char, c_uint8, c_uint32

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as some

from pytest_stm32pose.firmware.build import build_host_library
from tests.firmware.host_device import host_library
from tests.firmware.st_host import MESSAGES, ack_message, data_message, packets, request, varint
from tests.firmware.vendor_network import APIS, generated

#: syncMsg.rtid by backend: the runtime, its API, the tools (GCC).
RUNTIME_IDS = {"runtime": 2 | 1 << 16, "stedgeai": 1 | 1 << 8 | 1 << 16, "aton": 4 | 1 << 16}
MALFORMED, REQUEST, DATA, ACK = 0, 0x3E, 0x1E, 0x06
KINDS = {REQUEST: "reqMsg", DATA: "aiDataMsg", ACK: "ackMsg"}
FUZZ = settings(max_examples=300, deadline=None, derandomize=True)
U32 = some.integers(0, 0xFFFFFFFF)


class Message(ctypes.Structure):
    """struct pose_st_message."""

    _fields_ = (
        ("sink", POINTER(c_uint8)), ("sink_bytes", c_uint32), ("value", c_uint32 * 6), ("head", c_char * 64),
        ("seen", c_uint8), ("bad", c_bool), ("control", c_bool), ("has_length", c_bool), ("length", c_uint32),
        ("left", c_uint32), ("length_bytes", c_uint8), ("state", c_uint8), ("shift", c_uint8), ("field", c_uint8),
        ("varint", c_uint32), ("position", c_uint32),
    )  # fmt: skip


@pytest.fixture(scope="module")
def lib() -> ctypes.CDLL:
    library = ctypes.CDLL(str(host_library()))
    library.pose_st_message_complete.restype = c_bool
    library.pose_st_message_begins_request.restype = c_bool
    return library


def decode(lib: ctypes.CDLL, line: bytes, room: int = 300) -> tuple[Message, bytes]:
    """The decoder after these bytes, and what field 4 left in a sink of `room` bytes (exactly as long)."""
    sink = (c_uint8 * max(room, 1))()
    message = Message(sink=sink, sink_bytes=room)
    lib.pose_st_message_start(ctypes.byref(message))
    for byte in line:
        lib.pose_st_message_push(ctypes.byref(message), c_uint8(byte))
    return message, bytes(sink)[:room]


def kind_of(lib: ctypes.CDLL, message: Message) -> int:
    return int(lib.pose_st_message_kind(ctypes.byref(message)))


@FUZZ
@given(U32, some.integers(0, 0x7FFFFFFF), U32, some.text("abcXYZ_0123 é", max_size=90), U32)
def test_requests(lib: ctypes.CDLL, reqid: int, cmd: int, param: int, name: str, opt: int) -> None:
    data = request(reqid, cmd, param, name, opt)
    message, sink = decode(lib, varint(len(data)) + data)
    assert lib.pose_st_message_complete(ctypes.byref(message))
    assert kind_of(lib, message) == REQUEST
    raw = name.encode()
    assert [message.value[i] for i in (1, 2, 3, 4, 5)] == [reqid, cmd, param, len(raw), opt]
    assert (message.head, sink[: len(raw)]) == (raw[:63], raw)
    first, *others = packets(data)
    if others:
        message, _ = decode(lib, first[1:])
        assert not lib.pose_st_message_complete(ctypes.byref(message))
        assert lib.pose_st_message_begins_request(ctypes.byref(message))


@FUZZ
@given(some.binary(max_size=400), some.integers(0, 300))
def test_data_goes_to_the_sink_and_no_further(lib: ctypes.CDLL, data: bytes, room: int) -> None:
    line = data_message(data)
    message, sink = decode(lib, varint(len(line)) + line, room)
    assert kind_of(lib, message) == DATA
    assert (message.value[2], message.value[4]) == (len(data), len(data))
    assert sink[: len(data)] == data[:room]
    assert not any(sink[len(data) :])


def mutated(base: bytes, edits: list[tuple[int, int]]) -> bytes:
    changed = bytearray(base)
    for place, value in edits:
        changed[place % len(changed)] = value
    return bytes(changed)


@settings(FUZZ, max_examples=1500)
@given(
    some.one_of(
        some.binary(max_size=60),
        some.builds(
            mutated,
            some.sampled_from([request(7, 11, 1, "tiny", 1), data_message(b"12345"), ack_message(3, 4)]),
            some.lists(some.tuples(some.integers(0, 40), some.integers(0, 255)), max_size=3),
        ),
    )
)
def test_what_is_believed_google_believes_too(lib: ctypes.CDLL, data: bytes) -> None:
    message, _ = decode(lib, varint(len(data)) + data)
    assert lib.pose_st_message_complete(ctypes.byref(message))
    kind = kind_of(lib, message)
    if kind == MALFORMED:
        return
    try:
        parsed = MESSAGES[KINDS[kind]].FromString(data)
    except (DecodeError, UnicodeDecodeError):
        assert kind == REQUEST  # a name that is no UTF-8: compared as bytes, and no network's
        return
    for field in parsed.DESCRIPTOR.fields:
        value = getattr(parsed, field.name)
        wanted = len(value) if isinstance(value, bytes) else len(value.encode()) if isinstance(value, str) else value
        assert message.value[field.number] == wanted & 0xFFFFFFFF


@pytest.mark.parametrize("length", [b"\xff" * 4 + b"\x10", b"\xff" * 5, b"\x80" * 9])
def test_a_length_over_32_bits_is_none(lib: ctypes.CDLL, length: bytes) -> None:
    message, _ = decode(lib, length + bytes(40))
    assert (message.bad, message.has_length) == (True, False)
    assert not lib.pose_st_message_complete(ctypes.byref(message))


@pytest.mark.parametrize("api", ("", *APIS))
def test_every_backend_says_which_runtime_it_is(api: str) -> None:
    backend = APIS[api] if api else "runtime"
    library = build_host_library("ref", backend=backend, network=generated(api)) if api else host_library()
    assert ctypes.CDLL(str(library)).pose_st_runtime_id() == RUNTIME_IDS[backend]
