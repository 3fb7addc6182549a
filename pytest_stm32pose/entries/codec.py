"""Objects of the record, typed: from JSON, checked, and back to the same JSON.

A class says its keys by its fields, in the order in which they are written; their types say what is accepted. A field
that has a default, or the metadata OPTIONAL, may be lacking: an older version wrote the record. Which ones were is
remembered, so that what is read is written again as it was: "absent" and "null" are two things in a file and one (None)
to those who compute.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field
from types import NoneType, UnionType
from typing import Any, ClassVar, Literal, Self, TypeGuard, Union, get_args, get_origin, get_type_hints

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
        absent = []
        for key in (keys := _keys(cls)):
            if key.name in value:
                try:
                    found[key.name] = key.decode(value[key.name])
                except Misfit as misfit:
                    raise misfit.within(f".{key.name}") from None
            elif key.is_required:
                raise Misfit(f"`{key.name}` is missing")
            else:
                absent.append(key.name)
                found[key.name] = key.default
        more = cls._more(value, keys) if len(value) > len(keys) - len(absent) else ()
        return cls(**found, absent=frozenset(absent), extra=more)

    @classmethod
    def _more(cls, value: dict[str, object], keys: Sequence[_Key]) -> tuple[tuple[str, Any], ...]:
        """What `value` has beside its keys."""
        extra = value.keys() - {key.name for key in keys}
        if extra and not cls.EXTENSIBLE:
            raise Misfit(f"unknown key {next(iter(sorted(map(str, extra))))!r}")
        return tuple((str(key), _at(f".{key}", _any, each)) for key, each in value.items() if key in extra)

    def has(self, key: str) -> bool:
        """Whether the record says anything of an optional key, if only null."""
        return self.absent is None or key not in self.absent

    def to_json(self) -> dict[str, Json]:
        """The JSON object: every key in the order of the fields; absent ones are left out unless they have a value."""
        return {key: encoded(value) for key, value in self.items()}

    def items(self) -> Iterator[tuple[str, Any]]:
        """What to_json has, its values as they are."""
        left_out = self.OMITTED if self.absent is None else self.absent
        for key in _keys(type(self)):
            value = getattr(self, key.name)
            if key.name not in left_out or value != key.default:
                yield key.name, value
        yield from self.extra


def encoded(value: object) -> Json:
    """A value of an entry as JSON."""
    if isinstance(value, Entry):
        return value.to_json()
    if isinstance(value, tuple | list):
        return list(value) if _PLAIN.issuperset(map(type, value)) else [encoded(each) for each in value]
    if isinstance(value, Mapping):
        return {str(key): encoded(each) for key, each in value.items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{value!r} is no value of a record")


def written(value: object, *, sort_keys: bool = False) -> str:
    """The JSON text of a value of an entry, on one line: that of `encoded`, which is not made.

    Raises:
        ValueError: a number that JSON does not have.
    """
    return json.dumps(value, default=_shallow, allow_nan=False, sort_keys=sort_keys)


def _shallow(value: object) -> dict[str, Any]:
    """Of what json cannot write by itself."""
    if isinstance(value, Entry):
        return dict(value.items())
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{value!r} is no value of a record")


#: Types whose values are their own JSON.
_PLAIN = frozenset({NoneType, bool, int, float, str})


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
    length = None if arguments[-1] is Ellipsis else len(arguments)
    decoders = [_decoder(each) for each in (arguments[:1] if length is None else arguments)]
    # Most of a record are rows of numbers: those that need no decoder are looked at all at once.
    kept = _kept_as_they_are(arguments[0]) if length is None or len(set(arguments)) == 1 else None
    row = _row(arguments[0]) if length is None else None

    def decode(value: object) -> object:
        items = _list(value)
        if length is not None and len(items) != length:
            raise Misfit(f"{len(items)} items, {length} are wanted")
        if kept is not None and kept.issuperset(map(type, items)):
            return tuple(items)
        if row is not None and _are_rows(items, *row):
            return tuple(tuple(each) for each in items)
        found: list[object] = []
        try:
            for decoder, item in zip(itertools.cycle(decoders), items):
                found.append(decoder(item))
        except Misfit as misfit:
            raise misfit.within(f"[{len(found)}]") from None
        return tuple(found)

    return decode


def _kept_as_they_are(kind: object) -> frozenset[type] | None:
    """Types of JSON's values that a value of an annotated type may have, and then needs no decoder; None: it does."""
    kinds = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    types = [_EXACT.get(each) for each in kinds]
    return frozenset[type]().union(*(each for each in types if each)) if all(types) else None


def _row(kind: object) -> tuple[int, frozenset[type]] | None:
    """Of a kind that is a row of so many values that are kept as they are: their number and types; else None."""
    arguments = get_args(kind) if get_origin(kind) is tuple else ()
    if len(set(arguments)) != 1:
        return None
    kept = _kept_as_they_are(arguments[0])
    return None if kept is None else (len(arguments), kept)


def _are_rows(items: list[object], length: int, kept: frozenset[type]) -> TypeGuard[list[list[object]]]:
    rows = [each for each in items if isinstance(each, list)]
    if len(rows) != len(items) or not {length}.issuperset(map(len, rows)):
        return False
    return kept.issuperset(map(type, itertools.chain.from_iterable(rows)))


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


#: A whole number has bounds, and may come as 5.0.
_EXACT: Mapping[object, frozenset[type]] = {
    str: frozenset({str}),
    bool: frozenset({bool}),
    float: frozenset({int, float}),
    NoneType: frozenset({NoneType}),
}
_SCALARS: Mapping[object, _Decoder] = {
    str: _scalar("string", str),
    bool: _scalar("boolean", bool),
    float: _scalar("number", int, float),
    int: _integer,
}
