"""Objects of the record, typed: from JSON, checked, and back to the same JSON.

A class says its keys by its fields, in the order in which they are written; their types say what is accepted. A field
that has a default, or the metadata OPTIONAL, may be lacking: an older version wrote the record. Which ones were is
remembered, so that what is read is written again as it was: "absent" and "null" are two things in a file and one (None)
to those who compute.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field
from types import NoneType, UnionType
from typing import Any, ClassVar, Literal, Self, Union, get_args, get_origin, get_type_hints

from pytest_stm32pose.errors import ConfigError

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
_Decoder = Callable[[object], object]

REMEDY = "Give a file that --pose-json wrote."
#: Metadata of a field without a default that older records lack; it is None then.
OPTIONAL = {"optional": True}
#: Of the base class: not keys of the record.
_OWN = ("absent", "extra")
_SHOWN = 60
#: Counters have 64 bits at most; sums of larger ones would not fit into a float.
_TOO_LARGE = 1 << 64
#: Of what a record may hold beside its own keys, so that whatever walks through it comes back.
_MAX_DEPTH = 32


class Misfit(Exception):
    """A value that is not what its place wants; every container that it passes adds where it was."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem, self.place = problem, ""

    def within(self, step: str) -> Misfit:
        self.place = step + self.place
        return self

    def __str__(self) -> str:
        place = self.place.removeprefix(".")
        return f"at {place}: {self.problem}" if place else self.problem


@dataclass(frozen=True)
class Entry:
    """An object of the record.

    Attributes:
        absent: optional keys that the record which was read does not have; None: it was not read, then those of OMITTED
            are left out where they have no value.
        extra: keys that this version does not know, where the schema allows any.
    """

    #: Optional keys that are left out where they have no value; none of them may be null.
    OMITTED: ClassVar[frozenset[str]] = frozenset()
    #: Whether the schema allows keys of later versions.
    EXTENSIBLE: ClassVar[bool] = False

    absent: frozenset[str] | None = field(default=None, kw_only=True, compare=False, repr=False)
    extra: tuple[tuple[str, Json], ...] = field(default=(), kw_only=True, repr=False)

    @classmethod
    def from_json(cls, document: object, where: str) -> Self:
        """The object of a JSON document, which `where` names.

        Raises:
            ConfigError: it is not one; the sentence names the place.
        """
        try:
            return cls.decoded(document)
        except Misfit as misfit:
            raise ConfigError(f"{where} is not a valid run record, {misfit}.", remedy=REMEDY) from misfit

    @classmethod
    def decoded(cls, value: object) -> Self:
        """As from_json. Raises Misfit."""
        if not isinstance(value, dict):
            raise Misfit(f"{shown(value)} is not of type object")
        found: dict[str, Any] = {}
        absent = set()
        for key in (keys := _keys(cls)):
            if key.name in value:
                found[key.name] = _at(f".{key.name}", key.decode, value[key.name])
            elif key.is_required:
                raise Misfit(f"`{key.name}` is missing")
            else:
                absent.add(key.name)
                found[key.name] = key.default
        extra = value.keys() - {key.name for key in keys} if len(value) > len(keys) - len(absent) else ()
        if extra and not cls.EXTENSIBLE:
            raise Misfit(f"unknown key {next(iter(sorted(map(str, extra))))!r}")
        more: list[tuple[str, Any]] = [
            (str(key), _at(f".{key}", _any, each)) for key, each in value.items() if key in extra
        ]
        return cls(**found, absent=frozenset(absent), extra=tuple(more))

    def has(self, key: str) -> bool:
        """Whether the record says anything of an optional key, if only null."""
        return self.absent is None or key not in self.absent

    def to_json(self) -> dict[str, Json]:
        """The JSON object: every key in the order of the fields; absent ones are left out unless they have a value."""
        left_out = self.OMITTED if self.absent is None else self.absent
        document: dict[str, Json] = {}
        for key in _keys(type(self)):
            value = getattr(self, key.name)
            if key.name not in left_out or value != key.default:
                document[key.name] = encoded(value)
        return {**document, **dict(self.extra)}


def encoded(value: object) -> Json:
    """A value of an entry as JSON."""
    if isinstance(value, Entry):
        return value.to_json()
    if isinstance(value, tuple | list):
        return [encoded(each) for each in value]
    if isinstance(value, Mapping):
        return {str(key): encoded(each) for key, each in value.items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{value!r} is no value of a record")


# --- what a field accepts ---


@dataclass(frozen=True)
class _Key:
    name: str
    decode: _Decoder
    is_required: bool
    default: object  #: for what is absent


_KNOWN: dict[object, tuple[_Key, ...]] = {}


def _keys(cls: type[Entry]) -> tuple[_Key, ...]:
    """The keys of a class, in the order in which they are written; found out once."""
    if cls not in _KNOWN:
        _KNOWN[cls] = tuple(_found_keys(cls))
    return _KNOWN[cls]


def _found_keys(cls: type[Entry]) -> list[_Key]:
    hints = get_type_hints(cls)
    keys = []
    for each in dataclasses.fields(cls):
        if each.name not in _OWN:
            default = None if each.default is MISSING else each.default
            is_required = each.default is MISSING and not each.metadata.get("optional")
            keys.append(_Key(each.name, _decoder(hints[each.name], each.name not in cls.OMITTED), is_required, default))
    return keys


def _decoder(kind: object, may_be_null: bool = True) -> _Decoder:
    """What reads a value of an annotated type; a key of OMITTED is None where it is absent, and never null."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        [inner] = [each for each in arguments if each is not NoneType]
        decode = _decoder(inner)
        return (lambda value: None if value is None else decode(value)) if may_be_null else decode
    if origin is Literal:
        return lambda value: _one_of(value, arguments)
    if origin is tuple:
        return _array(arguments)
    if origin is Mapping:
        return _object
    if isinstance(kind, type) and issubclass(kind, Entry):
        return kind.decoded
    return _SCALARS[kind]


def _array(arguments: tuple[object, ...]) -> _Decoder:
    """Of `tuple[X, ...]`, and of as many items as a tuple names."""
    if arguments[-1] is Ellipsis:
        decode = _decoder(arguments[0])

        def any_length(value: object) -> object:
            return tuple(_at(f"[{place}]", decode, each) for place, each in enumerate(_list(value)))

        return any_length
    decoders = [_decoder(each) for each in arguments]

    def fixed_length(value: object) -> object:
        items = _list(value)
        if len(items) != len(decoders):
            raise Misfit(f"{len(items)} items, {len(decoders)} are wanted")
        return tuple(
            _at(f"[{place}]", decode, each) for place, (decode, each) in enumerate(zip(decoders, items, strict=True))
        )

    return fixed_length


def _at(step: str, decode: _Decoder, value: object) -> object:
    try:
        return decode(value)
    except Misfit as misfit:
        raise misfit.within(step) from None


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise Misfit(f"{shown(value)} is not of type array")
    return value


def _one_of(value: object, wanted: tuple[object, ...]) -> object:
    if not isinstance(value, str) or value not in wanted:
        raise Misfit(f"{shown(value)} is not one of {', '.join(map(str, wanted))}")
    return value


def _scalar(name: str, *kinds: type[object]) -> _Decoder:
    """Of Python's types `kinds`, which JSON calls `name`; a bool is no number."""

    def decode(value: object) -> object:
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise Misfit(f"{shown(value)} is not of type {name}")
        return value

    return decode


def _integer(value: object) -> object:
    """JSON has one kind of number: 5.0 is a whole one."""
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    if not isinstance(whole, int) or isinstance(whole, bool):
        raise Misfit(f"{shown(value)} is not of type integer")
    if abs(whole) >= _TOO_LARGE:
        raise Misfit(f"{shown(value)} is too large")
    return whole


def _object(value: object) -> object:
    if not isinstance(value, dict):
        raise Misfit(f"{shown(value)} is not of type object")
    return _any(value)


def _any(value: object) -> Any:
    """What is kept as it is."""
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [child for each in level for child in _children(each)]
        if not level:
            return value
    raise Misfit(f"more than {_MAX_DEPTH} values lie within one another")


def _children(value: object) -> Iterable[object]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def shown(value: object) -> str:
    """A value in a sentence, cut where it is long."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


_SCALARS: Mapping[object, _Decoder] = {
    str: _scalar("string", str),
    bool: _scalar("boolean", bool),
    float: _scalar("number", int, float),
    int: _integer,
}
