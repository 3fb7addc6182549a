"""Protobuf for the messages of messages.py: dataclass <-> bytes, proto2 semantics. Pure: no I/O.

Encoding (protobuf.dev/programming-guides/encoding): a field is a varint `number << 3 | type`, then its value; type 0 is
a varint, 1 eight bytes, 2 a varint length and so many bytes, 5 four bytes. What a device sends is untrusted: every
length is checked against what is there, a known field must have its own type, a required one must be there.
"""

from __future__ import annotations

import dataclasses
import struct
from typing import Any, TypeVar, get_type_hints

from pytest_stm32pose.errors import ProtocolError
from pytest_stm32pose.protocol.st_validation.messages import PAYLOADS, Response, Wire

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_FLOAT = struct.Struct("<f")
_MAX_VARINT_BYTES = 10
_TYPES = {"uint32": VARINT, "uint64": VARINT, "int32": VARINT, "float": FIXED32, "string": BYTES, "bytes": BYTES}
_FIELDS: dict[type[object], dict[int, tuple[str, Wire]]] = {}

Message = TypeVar("Message")


def encode_varint(value: int) -> bytes:
    """A number 0..2**64 - 1, seven bits a byte, the lowest first."""
    if not 0 <= value < 1 << 64:
        raise ValueError(f"{value} is no unsigned 64-bit number")
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def encode(message: object) -> bytes:
    """A message's bytes, without a length in front.

    Raises:
        ValueError: a number does not fit its field.
    """
    encoded = bytearray()
    for number, (name, wire) in _fields(type(message)).items():
        value = getattr(message, name)
        if value is None:
            continue
        for each in value if wire.repeated else (value,):
            encoded += encode_varint(number << 3 | _wire_type(wire)) + _encode_value(wire.kind, each)
    return bytes(encoded)


def decode(kind: type[Message], data: bytes) -> Message:
    """A message from its bytes; unknown fields are skipped.

    Raises:
        ProtocolError: cut short, a field of another type, a required field missing, a number too big.
    """
    fields = _fields(kind)
    values: dict[str, Any] = {}
    at = 0
    while at < len(data):
        key, at = _varint(data, at, kind)
        number, wire_type = key >> 3, key & 7
        raw, at = _raw(data, at, wire_type, kind)
        if number == 0:
            raise ProtocolError(f"{kind.__name__}: a field has the number 0.")
        if number not in fields:
            continue
        name, wire = fields[number]
        if wire.repeated:
            values.setdefault(name, []).extend(_decode_repeated(kind, name, wire, wire_type, raw))
            continue
        if name in values and not isinstance(wire.kind, str):  # protobuf would merge them; nobody sends that
            raise ProtocolError(f"{kind.__name__}: field {name} is there twice.")
        if issubclass(kind, Response) and name in PAYLOADS:
            values = {
                key: value for key, value in values.items() if key not in PAYLOADS
            }  # a oneof: the last one counts
        values[name] = _decode_value(kind, name, wire, wire_type, raw)
    missing = [name for name in _required(kind) if name not in values]
    if missing:
        raise ProtocolError(f"{kind.__name__}: the required fields {', '.join(missing)} are missing.")
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def _fields(kind: type[object]) -> dict[int, tuple[str, Wire]]:
    """Field number -> name and wire form, ascending; looked up once per message class."""
    if kind not in _FIELDS:
        hints = get_type_hints(kind, include_extras=True)
        found = [(name, wire) for name, hint in hints.items() for wire in hint.__metadata__ if isinstance(wire, Wire)]
        _FIELDS[kind] = {wire.number: (name, wire) for name, wire in sorted(found, key=lambda each: each[1].number)}
    return _FIELDS[kind]


def _required(kind: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(kind) if field.default is dataclasses.MISSING]


def _wire_type(wire: Wire) -> int:
    return _TYPES[wire.kind] if isinstance(wire.kind, str) else BYTES


def _encode_value(kind: str | type[object], value: Any) -> bytes:
    if kind in ("uint32", "int32", "uint64"):
        low, high = {"uint32": (0, 1 << 32), "int32": (-(1 << 31), 1 << 31), "uint64": (0, 1 << 64)}[str(kind)]
        if not low <= value < high:
            raise ValueError(f"{value} is no {kind}")
        return encode_varint(value & (1 << 64) - 1)  # a negative int32 takes ten bytes
    if kind == "float":
        return _FLOAT.pack(value)
    raw = value.encode() if kind == "string" else value if kind == "bytes" else encode(value)
    return encode_varint(len(raw)) + raw


def _varint(data: bytes, at: int, kind: type[object]) -> tuple[int, int]:
    """The number at `at`, and where it ends."""
    value = 0
    for index, byte in enumerate(data[at : at + _MAX_VARINT_BYTES]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            if value >= 1 << 64:
                break
            return value, at + index + 1
    raise ProtocolError(f"{kind.__name__}: no varint at byte {at} of {len(data)}.")


def _raw(data: bytes, at: int, wire_type: int, kind: type[object]) -> tuple[int | bytes, int]:
    """A field's value by its wire type, and where it ends."""
    if wire_type == VARINT:
        return _varint(data, at, kind)
    if wire_type not in (FIXED32, FIXED64, BYTES):
        raise ProtocolError(f"{kind.__name__}: wire type {wire_type} before byte {at} is not used by this protocol.")
    size = {FIXED32: 4, FIXED64: 8}.get(wire_type, 0)
    if wire_type == BYTES:
        size, at = _varint(data, at, kind)
    if size > len(data) - at:
        raise ProtocolError(f"{kind.__name__}: a field of {size} bytes at byte {at}, {len(data) - at} are left.")
    return data[at : at + size], at + size


def _decode_value(kind: type[object], name: str, wire: Wire, wire_type: int, raw: int | bytes) -> object:
    if wire_type != _wire_type(wire):
        raise ProtocolError(f"{kind.__name__}: field {name} has wire type {wire_type}, expected {_wire_type(wire)}.")
    if isinstance(raw, int):
        return _number(kind, name, wire, raw)
    if wire.kind == "float":
        return _FLOAT.unpack(raw)[0]
    if wire.kind == "bytes":
        return raw
    if isinstance(wire.kind, str):
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ProtocolError(f"{kind.__name__}: field {name} is not UTF-8.") from error
    return decode(wire.kind, raw)


def _number(kind: type[object], name: str, wire: Wire, raw: int) -> int:
    if wire.kind == "int32":
        low = raw & 0xFFFFFFFF
        value = low - (1 << 32) if low >> 31 else low
        # Sign-extended to 64 bits, as protobuf has it, or to 32, as small encoders do.
        fits = raw in (low, value & (1 << 64) - 1)
    else:
        value, fits = raw, wire.kind == "uint64" or raw < 1 << 32
    if not fits:
        raise ProtocolError(f"{kind.__name__}: field {name} holds {raw}, which is no {wire.kind}.")
    return value


def _decode_repeated(kind: type[object], name: str, wire: Wire, wire_type: int, raw: int | bytes) -> list[Any]:
    """One element, or a packed run of numbers."""
    if wire.kind != "uint32" or isinstance(raw, int):
        return [_decode_value(kind, name, wire, wire_type, raw)]
    if wire_type != BYTES:
        raise ProtocolError(f"{kind.__name__}: field {name} has wire type {wire_type}, expected {VARINT} or packed.")
    values, at = [], 0
    while at < len(raw):
        value, at = _varint(raw, at, kind)
        values.append(_number(kind, name, wire, value))
    return values
