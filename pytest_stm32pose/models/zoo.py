"""The published table (zoo.toml), and where model files are: zoo name, path, or the small default network.

Zoo files are looked up in $STM32POSE_DATA/models, in `shared/models` beside the checkout, and in the cache folder
($XDG_CACHE_HOME/stm32pose/models). The default network and its pictures come with the package or the checkout.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from pytest_stm32pose.errors import ConfigError, ModelError

_PACKAGE = Path(__file__).resolve().parents[1]
_CHECKOUT = _PACKAGE.parent
_DEFAULT_MODEL = "stick_pose_96_int8.tflite"
#: As a model's name: every row of the zoo.
ALL = "all"


@dataclass(frozen=True)
class ZooRow:
    """One row of the published table; None: not published."""

    name: str
    file: str
    sha256: str
    bytes: int  #: of the file
    origin: str  #: "original" or "converted"
    licence: str
    family: str
    category: str
    implementation: str
    dataset: str
    keypoints: int
    resolution: int  #: height and width of the input, pixels
    format: str
    metric: str  #: "oks" or "map50"
    accuracy: float  #: percent
    source: str
    macc_m: float | None = None  #: millions
    activation_kib: float | None = None
    weights_kib: float | None = None
    tool: str | None = None
    url: str | None = None  #: public address of the file
    recipe: str | None = None  #: how a converted file is made
    note: str | None = None  #: why a measured figure may differ from the published one


@cache
def zoo() -> Mapping[str, ZooRow]:
    """All rows by name, in the table's order."""
    with (Path(__file__).parent / "zoo.toml").open("rb") as file:
        table = tomllib.load(file)
    return MappingProxyType({name: ZooRow(name=name, **row) for name, row in table.items()})


def expand(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Replaces the name "all" by every row of the zoo.

    Returns:
        The networks to run, and the zoo rows among them when "all" was named, else none.
    """
    if ALL not in names:
        return tuple(names), ()
    rows = tuple(zoo())
    return tuple(dict.fromkeys([*rows, *(name for name in names if name != ALL)])), rows


def cache_folder() -> Path:
    """Where fetched files are kept; need not exist."""
    cache_home = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache_home) if cache_home else Path.home() / ".cache") / "stm32pose" / "models"


def model_folders() -> tuple[Path, ...]:
    """Where zoo files are looked for, in order; not all need exist."""
    data = os.environ.get("STM32POSE_DATA")
    named = (Path(data) / "models",) if data else ()
    return (*named, _CHECKOUT.parent / "shared" / "models", cache_folder())


def find_model(name: str) -> Path | None:
    """The file of a zoo row, None when it is in none of the folders.

    Raises:
        ConfigError: there is no such row.
    """
    file = zoo_row(name).file
    return next((path for folder in model_folders() if (path := folder / file).is_file()), None)


def zoo_row(name: str) -> ZooRow:
    """A row by its name or its file's, with or without the suffix. Raises ConfigError when there is none."""
    found = _row_of(Path(name))
    if found is None:
        raise ConfigError(f"There is no model {name!r} in the zoo.", remedy=_suggestion(name))
    return zoo()[found]


def resolve_model(name_or_path: str | Path) -> Path:
    """The .tflite that a user named: a path, a zoo name or file; "" or its own name for the default network.

    Raises:
        ConfigError: neither a file nor a zoo name.
        ModelError: the zoo row's file is not on this machine.
    """
    text = str(name_or_path)
    if text in ("", _DEFAULT_MODEL.removesuffix(".tflite")):
        return default_model()
    path = Path(text)
    if path.is_file():
        return path
    if path.is_dir():
        raise ConfigError(f"The model {text} is a folder.", remedy="Give the path of a .tflite file.")
    name = _row_of(path) if path.parent == Path() else None
    if name is None:
        if path.suffix or path.parent != Path():
            raise ConfigError(f"There is no model file {text}.", remedy="Check the path.")
        message = f"There is no model {text!r}: neither a file nor a name of the zoo."
        raise ConfigError(message, remedy=_suggestion(text))
    found = find_model(name)
    if found is None:
        raise ModelError(
            f"The file of the zoo's {name} ({zoo()[name].file}) is not on this machine.",
            remedy=f"Put it into {model_folders()[0]}, or name the .tflite by its path{_how_to_get(zoo()[name])}.",
        )
    return found


def _row_of(path: Path) -> str | None:
    """The zoo row that a bare name means: its own name or its file's, with or without the suffix."""
    stem = path.name.removesuffix(".tflite")
    return next((row.name for row in zoo().values() if stem in (row.name, row.file.removesuffix(".tflite"))), None)


def _how_to_get(row: ZooRow) -> str:
    return f", or get it with: stm32pose models fetch {row.name}" if row.url else ""


def _suggestion(name: str) -> str:
    close = difflib.get_close_matches(name, zoo(), 1, 0.5)
    return f"Did you mean {close[0]}?" if close else f"Known: {', '.join(zoo())}."


def default_model() -> Path:
    """The small network of the project. Raises ConfigError when the installation lacks it."""
    return _own("models", _DEFAULT_MODEL)


def default_pictures() -> Path:
    """Folder of the default network's labelled pictures. Raises ConfigError when the installation lacks it."""
    return _own("images", "keypoints.json").parent


def _own(folder: str, name: str) -> Path:
    for place in (_PACKAGE / "data", _CHECKOUT / "fixtures"):
        if (place / folder / name).is_file():
            return place / folder / name
    raise ConfigError(
        f"The default network's {name} is missing from this installation.",
        remedy="Install the package again, or name your own with --pose-model and --pose-images.",
    )
