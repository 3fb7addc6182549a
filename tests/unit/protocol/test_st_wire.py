"""ST's messages against google.protobuf: same bytes both ways, and nothing hostile gets through."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_stm32pose.errors import ProtocolError
from pytest_stm32pose.protocol.st_validation import messages as m
from pytest_stm32pose.protocol.st_validation.wire import decode, encode, encode_varint
from tests.support.st_reference import reference

NAMES = {
    m.Request: "reqMsg",
    m.Sync: "syncMsg",
    m.SysInfo: "sysinfoMsg",
    m.SysInfoA: "sysinfoMsg",
    m.Ack: "ackMsg",
    m.Log: "logMsg",
    m.TensorDesc: "aiTensorDescMsg",
    m.Data: "aiDataMsg",
    m.Operator: "aiOperatorMsg",
    m.Tensor: "aiTensorMsg",
    m.ModelInfo: "aiModelInfoMsg",
    m.Response: "respMsg",
    m.ResponseA: "respMsg",
}
RESPONSES = (m.Response, m.ResponseA)


def theirs_of(kind: type) -> Any:
    """google.protobuf's class; the tables of A and of the others differ in SYS_INFO's answer."""
    return reference(NAMES[kind], "A" if kind in (m.SysInfoA, m.ResponseA) else "C")


SCALARS = {
    "uint32": st.integers(0, 2**32 - 1),
    "uint64": st.integers(0, 2**64 - 1),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "float": st.floats(width=32, allow_nan=False),
    "string": st.text(st.characters(codec="utf-8"), max_size=40),
    "bytes": st.binary(max_size=200),
}


def wires(kind: type) -> dict[str, m.Wire]:
    return {name: get_args(hint)[1] for name, hint in get_type_hints(kind, include_extras=True).items()}


def _of_generation_a(info: m.ModelInfo) -> m.ModelInfo:
    """Without the two times, which only later generations tell."""
    return dataclasses.replace(info, n_install_time=None, n_init_time=None)


def values(kind: type) -> st.SearchStrategy[Any]:
    """Messages of a kind; of a Response, with at most one payload."""
    fields: dict[str, st.SearchStrategy[Any]] = {}
    for name, wire in wires(kind).items():
        each = SCALARS[wire.kind] if isinstance(wire.kind, str) else values(wire.kind)
        fields[name] = st.lists(each, max_size=3).map(tuple) if wire.repeated else each
    if kind not in RESPONSES:
        return st.builds(kind, **fields)
    if kind is m.ResponseA:
        fields["minfo"] = fields["minfo"].map(_of_generation_a)
    payloads = [st.fixed_dictionaries({name: fields.pop(name)}) for name in m.PAYLOADS]
    return st.builds(lambda payload, **rest: kind(**rest, **payload), st.one_of(*payloads, st.just({})), **fields)


MESSAGES = st.sampled_from(list(NAMES)).flatmap(values)
QUICK = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


def fill(target: Any, message: Any) -> Any:
    """The same message in google.protobuf's class."""
    for name, wire in wires(type(message)).items():
        value = getattr(message, name)
        if value is None:
            continue
        if isinstance(wire.kind, str):
            getattr(target, name).extend(value) if wire.repeated else setattr(target, name, value)
            continue
        for each in value if wire.repeated else (value,):
            place = getattr(target, name).add() if wire.repeated else getattr(target, name)
            place.SetInParent() if not wire.repeated else None
            fill(place, each)
    return target


def test_every_message_is_compared() -> None:
    classes = {each for each in vars(m).values() if dataclasses.is_dataclass(each)} - {m.Wire}
    assert classes == set(NAMES)
    for kind in NAMES:
        numbers = {field.number: field.name for field in theirs_of(kind).DESCRIPTOR.fields}
        assert numbers == {wire.number: field for field, wire in wires(kind).items()}


@QUICK
@given(MESSAGES)
def test_bytes_are_those_of_protobuf(message: Any) -> None:
    expected = fill(theirs_of(type(message))(), message).SerializeToString()
    assert encode(message) == expected
    assert decode(type(message), expected) == message


@QUICK
@given(st.sampled_from(list(NAMES)), st.binary(max_size=80))
def test_what_is_accepted_of_anything_protobuf_reads_equally(kind: type[Any], data: bytes) -> None:
    try:
        message = decode(kind, data)
    except ProtocolError:
        return
    theirs = theirs_of(kind)()
    theirs.ParseFromString(data)
    again = encode(message)
    assert decode(kind, again) == message or "nan" in repr(message)
    theirs.DiscardUnknownFields()
    assert theirs.SerializeToString() == again


@QUICK
@given(MESSAGES, st.data())
def test_damage_is_refused_or_read_as_protobuf_does(message: Any, data: st.DataObject) -> None:
    raw = bytearray(encode(message))
    if not raw:
        return
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= 1 << data.draw(st.integers(0, 7))
    damaged = bytes(raw[: data.draw(st.integers(at, len(raw)))])
    try:
        ours = decode(type(message), damaged)
    except ProtocolError:
        return
    theirs = theirs_of(type(message))()
    theirs.ParseFromString(damaged)  # raises DecodeError where we accepted what protobuf refuses
    if not theirs.IsInitialized():  # generation B lacks two fields that C has; we read both
        theirs = reference(NAMES[type(message)], "B")()
        theirs.ParseFromString(damaged)
    assert theirs.IsInitialized()
    for name, wire in wires(type(ours)).items():
        if wire.kind in ("uint32", "int32", "uint64", "string", "bytes") and not wire.repeated:
            assert getattr(ours, name) == getattr(theirs, name)


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        (m.Ack, b"", "param, error are missing"),
        (m.Ack, b"\x08\x01", "error are missing"),
        (m.Ack, b"\x08", "no varint"),
        (m.Ack, b"\x08" + b"\xff" * 11, "no varint"),
        (m.Ack, b"\x08\x80\x80\x80\x80\x10\x10\x00", "holds 4294967296"),
        (m.Ack, b"\x0d\0\0\0\0\x10\x00", "wire type 5, expected 0"),
        (m.Ack, b"\x00\x00", "number 0"),
        (m.Ack, b"\x0b", "wire type 3"),
        (m.Response, b"\x08\x01\x10\x00" + 2 * b"\x62\x04\x08\x01\x10\x00", "field ack is there twice"),
        (m.Log, b"\x08\x01\x12\x05abc", "5 bytes at byte 4, 3 are left"),
        (m.Log, b"\x08\x01\x12\x01\xff", "not UTF-8"),
        (m.Log, b"\x08\x01\x12" + encode_varint(2**63), "are left"),
    ],
)
def test_refusals_name_the_place(kind: type, data: bytes, words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        decode(kind, data)


def test_packed_numbers_unknown_fields_and_short_negative_numbers_are_read() -> None:
    head = b"\x08\x01\x10\x02\x18\x03\x20\x04"
    assert decode(m.SysInfoA, head + b"\x2a\x03\x05\x86\x01").extra == (5, 134)
    assert decode(m.SysInfoA, head + b"\x32\x01x\x39" + bytes(8) + b"\x45" + bytes(4)).extra == ()
    assert decode(m.SysInfo, head + b"\x28\x00\x30\x05\x30\x06").extra == (5, 6)
    operator = m.Operator("a", 0, 0, 1.0, 0, -1, -1)
    short = encode(operator).replace(b"\xff" * 9 + b"\x01", b"\xff\xff\xff\xff\x0f")
    assert decode(m.Operator, short) == operator


def test_a_later_payload_replaces_an_earlier_one() -> None:
    first = encode(m.Response(1, 0, ack=m.Ack(1, 0)))
    second = encode(m.Response(1, 0, log=m.Log(1, "x")))
    both = decode(m.Response, first + second)
    assert (both.ack, both.log) == (None, m.Log(1, "x"))
    theirs = reference("respMsg")()
    theirs.ParseFromString(first + second)
    assert theirs.WhichOneof("payload") == "log"


@pytest.mark.parametrize("value", [-1, 2**32])
def test_numbers_that_do_not_fit_are_not_sent(value: int) -> None:
    with pytest.raises(ValueError, match="uint32"):
        encode(m.Ack(value, 0))
