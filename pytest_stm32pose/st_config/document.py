"""A YAML file as entries that know their line. Text from anywhere: size, depth, number and length are bounded.

YAML is read as ST's services read it: safe tags only, a key once, anchors and merge keys understood. Values that ST
writes as text ("1/255", "(192, 192, 3)", "True") stay text here; values.py reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pytest_stm32pose.errors import ConfigError

#: Of ST's own files the longest has 4 KiB.
MAX_FILE_BYTES = 1 << 16
MAX_ENTRIES = 4096
MAX_DEPTH = 16
MAX_SCALAR = 1024
#: A scanner of YAML takes seconds for thousands that stay open.
MAX_BRACKETS = 512
_PLAIN = ("bool", "int", "float", "null", "str")
_COLLECTIONS = ("map", "seq")
#: To ST's keys a date is text.
_TEXT = ("timestamp",)
_TAG = "tag:yaml.org,2002:"

#: str, int, float, bool, None; a list of values; a mapping.
Value = Any


@dataclass(frozen=True)
class Entry:
    """A value and where it stands."""

    value: Value
    line: int  #: from 1


#: The entries of a mapping by their keys.
Mapping = dict[str, Entry]


def parse_document(content: bytes, file: str) -> Mapping:
    """The mapping that a file holds.

    Args:
        content: the file's bytes.
        file: its name, for errors.

    Raises:
        ConfigError: too long, not UTF-8, not YAML, no mapping, a key twice, or deeper than anyone writes.
    """
    import yaml

    if len(content) > MAX_FILE_BYTES:
        raise ConfigError(
            f"{file} has more than {MAX_FILE_BYTES} bytes.", remedy="Name a configuration of ST's pose services."
        )
    if content.count(b"[") + content.count(b"{") > MAX_BRACKETS:
        raise ConfigError(f"{file} has more than {MAX_BRACKETS} brackets, which no configuration needs.")
    try:
        node = yaml.compose(content.decode("utf-8-sig"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is not UTF-8 text.", remedy="Save it as UTF-8.") from error
    except RecursionError as error:
        raise ConfigError(f"{file} is nested deeper than any configuration.") from error
    except (
        Exception
    ) as error:  # PyYAML's scanner has others than its own, for instance of characters that there are not
        raise ConfigError(f"{_place(file, error)} is not YAML: {_problem(error)}.", remedy="Mend it there.") from error
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{file} has no sections.", remedy="Name a configuration of ST's pose services.")
    return _Reader(file).mapping(node, 0)


def _place(file: str, error: Any) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"{file}, line {mark.line + 1}," if mark is not None else file


def _problem(error: Any) -> str:
    """In one line; errors of characters have no `problem`."""
    return str(getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable").splitlines()[0]


class _Reader:
    """Nodes into entries. What an alias stands for is counted each time, so that few bytes are not many entries."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._entries = 0

    def mapping(self, node: Any, depth: int) -> Mapping:
        """The entries of a mapping node; merged ones (`<<`) give way to its own."""
        self._count(node.start_mark.line + 1, depth)
        merged: Mapping = {}
        own: Mapping = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == f"{_TAG}merge":
                for each in self._merged(value_node, line):
                    merged = {**self.mapping(each, depth + 1), **merged}
                continue
            key = self._key(key_node, line)
            if key in own:
                raise self._error(line, f"the key {key} is there twice", "Keep one of the two.")
            own[key] = Entry(self._value(value_node, line, depth), line)
        return {**merged, **own}

    def _merged(self, node: Any, line: int) -> list[Any]:
        each = node.value if node.id == "sequence" else [node]
        if any(item.id != "mapping" for item in each):
            raise self._error(line, "<< merges what is no mapping", "Name an anchor of a mapping.")
        return list(each)

    def _key(self, node: Any, line: int) -> str:
        if node.id != "scalar" or len(node.value) > MAX_SCALAR:
            raise self._error(line, "a key is not a word", "Write it as in ST's examples.")
        return str(node.value)

    def _count(self, line: int, depth: int) -> None:
        """One more entry at that depth. Raises ConfigError: no configuration has so many, or is so deep."""
        self._entries += 1
        if self._entries > MAX_ENTRIES:
            raise ConfigError(f"{self._file} has more than {MAX_ENTRIES} entries, those behind aliases counted.")
        if depth >= MAX_DEPTH:
            raise self._error(line, "it is nested deeper than any configuration", "Write it as in ST's examples.")

    def _value(self, node: Any, line: int, depth: int) -> Value:
        kind = node.tag.removeprefix(_TAG)
        if node.tag == kind or kind not in (*_PLAIN, *_COLLECTIONS, *_TEXT):
            raise self._error(line, f"the tag {kind[:60]!r} is none of YAML's own", "Leave it out.")
        if node.id == "mapping":
            return self.mapping(node, depth + 1)
        self._count(line, depth)
        if node.id == "sequence":
            return [self._value(item, line, depth + 1) for item in node.value]
        return node.value if kind in _TEXT else self._scalar(node, line)

    def _scalar(self, node: Any, line: int) -> Value:
        import yaml

        if len(node.value) > MAX_SCALAR:
            raise self._error(line, f"a value has more than {MAX_SCALAR} characters", "Shorten it.")
        try:
            return yaml.constructor.SafeConstructor().construct_object(node)
        except Exception as error:  # KeyError of a switch, IndexError of an empty number, and more
            raise self._error(line, f"{node.value[:60]!r} is not the number it looks like", "Quote it.") from error

    def _error(self, line: int, message: str, remedy: str) -> ConfigError:
        return ConfigError(f"{self._file}, line {line}: {message}.", remedy=remedy)
