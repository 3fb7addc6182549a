"""The published tables (zoo.toml), and where model files are: zoo name, path, or the small default network.

The table behind `all` is the one that this project reproduces; others are named by their own name (SETS).

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

from pytest_stm32pose.cache import cache_home
from pytest_stm32pose.errors import ConfigError, ModelError
from pytest_stm32pose.settings import ZOO_SETS

_PACKAGE = Path(__file__).resolve().parents[1]
_CHECKOUT = _PACKAGE.parent
_DEFAULT_MODEL = "stick_pose_96_int8.tflite"
#: As a model's name: every row of the table that is reproduced.
ALL = "all"
#: The names that stand for several rows.
SETS = ZOO_SETS
_ONNX = ".onnx"


@dataclass(frozen=True)
class ZooRow:
    """One row of a published table; None: not published."""

    name: str
    file: str
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
    source: str
    set: str = ALL  #: which of SETS it is of
    sha256: str | None = None  #: None: the file could not be had, so that it is not pinned
    bytes: int | None = None  #: of the file; with sha256
    accuracy: float | None = None  #: percent
    macc_m: float | None = None  #: millions
    activation_kib: float | None = None
    weights_kib: float | None = None
    npu_ram_kib: float | None = None  #: internal RAM that ST's generator takes on the STM32N6's NPU, by `tool`
    npu_weights_kib: float | None = None
    npu_ms: float | None = None  #: one inference there
    tool: str | None = None
    url: str | None = None  #: public address of the file
    recipe: str | None = None  #: how a file is made that can be run, where there is none
    note: str | None = None  #: why a measured figure may differ from the published one, or what is not to be had

    @property
    def runs(self) -> bool:
        """Whether its file is one that is run at all, once it is here."""
        return not self.file.endswith(_ONNX)


@cache
def _tables() -> Mapping[str, ZooRow]:
    with (Path(__file__).parent / "zoo.toml").open("rb") as file:
        table = tomllib.load(file)
    return MappingProxyType({name: ZooRow(name=name, **row) for name, row in table.items()})


@cache
def zoo() -> Mapping[str, ZooRow]:
    """The rows of the table that is reproduced by name, in its order."""
    return MappingProxyType({name: row for name, row in _tables().items() if row.set == ALL})


def every_row() -> Mapping[str, ZooRow]:
    """The rows of all tables by name, in their order."""
    return {**zoo(), **{name: row for name, row in _tables().items() if row.set != ALL}}


def rows_of(name: str) -> tuple[str, ...]:
    """The rows that a name of SETS stands for."""
    return tuple(row.name for row in every_row().values() if row.set == name)


def expand(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Replaces the names of SETS by the rows that they stand for.

    Returns:
        The networks to run, and the zoo rows that came of such names.
    """
    rows = tuple(dict.fromkeys(row for name in names if name in SETS for row in rows_of(name)))
    return tuple(dict.fromkeys([*rows, *(name for name in names if name not in SETS)])), rows


def cache_folder() -> Path:
    """Where fetched files are kept; need not exist."""
    return cache_home() / "models"


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
    return every_row()[found]


def resolve_model(name_or_path: str | Path) -> Path:
    """The .tflite that a user named: a path, a zoo name or file; "" or its own name for the default network.

    Raises:
        ConfigError: neither a file nor a zoo name.
        ModelError: the zoo row's file is not on this machine, or none that is run.
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
    row = every_row()[name]
    if not row.runs:
        raise ModelError(f"The zoo's {name} ({row.file}) is an ONNX file, which is not run.", remedy=row.recipe or "")
    found = find_model(name)
    if found is None:
        raise ModelError(
            f"The file of the zoo's {name} ({row.file}) is not on this machine.",
            remedy=f"Put it into {model_folders()[0]}, or name the .tflite by its path{_how_to_get(row)}.",
        )
    return found


def _row_of(path: Path) -> str | None:
    """The zoo row that a bare name means: its own name or its file's, with or without the suffix."""
    stem = path.name.removesuffix(".tflite")
    rows = every_row().values()
    return next((row.name for row in rows if stem in (row.name, row.file, row.file.removesuffix(".tflite"))), None)


def _how_to_get(row: ZooRow) -> str:
    if row.url and row.sha256:
        return f", or get it with: stm32pose models fetch {row.name}"
    return f" ({row.note})" if row.note and not row.sha256 else ""


def _suggestion(name: str) -> str:
    close = difflib.get_close_matches(name, every_row(), 1, 0.5)
    return f"Did you mean {close[0]}?" if close else f"Known: {', '.join(every_row())}."


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
