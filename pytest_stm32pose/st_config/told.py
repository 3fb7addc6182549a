"""What comes of a configuration: options taken, values refused, keys left; and how the files it names are found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.st_config.document import Entry


@dataclass(frozen=True)
class Taken:
    """A value for an option."""

    value: str | tuple[str, ...]
    key: str  #: "" for what ST's services do without being told
    note: str = ""  #: how it came about, for the reader


@dataclass(frozen=True)
class Refused:
    """The file says something that an option cannot be; an error unless another source says what the option is."""

    error: ConfigError
    key: str = ""  #: "" for what it does not say, and must


@dataclass(frozen=True)
class Left:
    """A key that is not taken, and why."""

    key: str
    why: str


@dataclass(frozen=True)
class Mapped:
    """A configuration as options, by dest."""

    options: Mapping[str, Taken | Refused]
    left: tuple[Left, ...]
    other: Entry | None = None  #: of ST's evaluation on a target: the configuration that says the rest


@dataclass(frozen=True)
class Files:
    """How what a configuration names is found: text -> path and a word on where it lay, or None; and where it looks."""

    model: Callable[[str], tuple[str, str] | None]
    pictures: Callable[[str], tuple[str, str] | None]
    places: str
    fetch: Callable[[str], str]  #: file name -> how to get the zoo's file of that name; "" for another
    beside: str = ""  #: a network that lies beside the configuration
