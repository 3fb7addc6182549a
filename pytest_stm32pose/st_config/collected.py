"""A configuration by full keys: the values that may become options, and what is left. Unknown keys are refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_stm32pose.errors import ConfigError, did_you_mean
from pytest_stm32pose.st_config.document import Entry
from pytest_stm32pose.st_config.keys import MODE, MODE_LEFT, MODES, OPEN, SECTIONS, TAKEN
from pytest_stm32pose.st_config.told import Left, Refused


class Collected:
    """A configuration taken apart.

    Attributes:
        found: the values that may become options, by full key ("dataset.test_path"); what has no value is not there.
        left: the keys that become none.
        mode: ST's service, "" when none is named.
    """

    def __init__(self, document: Mapping[str, Entry], file: str) -> None:
        """Raises ConfigError: an unknown section, key or mode; a section that is none."""
        self.file = file
        self.found: dict[str, Entry] = {}
        self.left: list[Left] = []
        self.mode = ""
        for name, entry in document.items():
            if name == MODE:
                self._service(entry)
            elif name in SECTIONS and "." not in name:
                self._section(name, entry)
            else:
                known = [*(section for section in SECTIONS if "." not in section), MODE]
                remedy = f"{did_you_mean(name, known)}ST's sections: {', '.join(known)}."
                raise self.error(entry, f"there is no section {shown(name)} in ST's configurations", remedy)

    def error(self, entry: Entry, message: str, remedy: str) -> ConfigError:
        return ConfigError(f"{self.file}, line {entry.line}: {message}.", remedy=remedy)

    def refusal(self, key: str, ending: str, remedy: str) -> Refused:
        """Of a value that was found."""
        entry = self.found[key]
        return Refused(self.error(entry, f"{key} is {shown(entry.value)}, {ending}", remedy), key)

    def _section(self, name: str, entry: Entry) -> None:
        """Collects the values of a section and of those in it."""
        if entry.value is None:
            return
        if not isinstance(entry.value, dict):
            raise self.error(entry, f"{name} is {shown(entry.value)}, which is no section", "Give it its keys.")
        known_keys = SECTIONS[name]
        if known_keys is None:
            self.left += [Left(f"{name}.{key if key.isprintable() else shown(key)}", OPEN[name]) for key in entry.value]
            return
        for key, each in entry.value.items():
            self._key(name, key, each, known_keys)

    def _key(self, section: str, key: str, entry: Entry, known: Mapping[str, str]) -> None:
        name = f"{section}.{key}"
        if key not in known:
            remedy = f"{did_you_mean(key, known)}ST's keys there: {', '.join(known)}."
            raise self.error(entry, f"{section} has no key {shown(key)}", remedy)
        if name in SECTIONS:
            self._section(name, entry)
        elif entry.value is None or entry.value == "None":
            return
        elif known[key] == TAKEN:
            self.found[name] = entry
        else:
            self.left.append(Left(name, known[key]))

    def _service(self, entry: Entry) -> None:
        if entry.value is None:
            return
        self.mode = str(entry.value)
        if self.mode not in MODES:
            remedy = f"{did_you_mean(self.mode, MODES)}ST's modes: {', '.join(MODES)}."
            raise self.error(entry, f"{MODE} is {shown(entry.value)}, which is none of ST's", remedy)
        self.left.append(Left(MODE, MODE_LEFT))


def shown(value: Any) -> str:
    """A value of the file in a sentence: in one line, of a long path or address both ends."""
    if isinstance(value, dict | list):
        return "a section" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:24]}...{text[-72:]}"
