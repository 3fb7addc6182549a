"""`--pose-st-config`: a configuration of ST's pose services as the last source of options, and a word on all of it.

Relative paths mean what they mean to ST's services, whose working folder holds user_config.yaml and the folder of the
examples: they are looked for where pytest (or `stm32pose init`) was started, beside the file, and one folder above it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_stm32pose.errors import ConfigError, PoseError
from pytest_stm32pose.settings import OPTIONS
from pytest_stm32pose.st_config.collected import shown
from pytest_stm32pose.st_config.document import MAX_FILE_BYTES, Entry, parse_document
from pytest_stm32pose.st_config.mapping import map_document
from pytest_stm32pose.st_config.told import Files, Left, Mapped, Refused, Taken

_INTEGERS = ("uint8", "int8")
_RESCALING = ("pose_scale", "pose_offset")


@dataclass(frozen=True)
class StConfig:
    """What a configuration comes to in one run."""

    file: Path
    options: Mapping[str, Taken]  #: by dest; those that no source in front of the file has named
    left: tuple[Left, ...]

    def lines(self) -> list[str]:
        """The block that says what was taken, and what was left, key by key."""
        return [
            f"from {self.file}, behind command line, environment and ini file:",
            *(f"  {_given(dest, taken)}" for dest, taken in self.options.items()),
            f"left of {self.file.name}:",
            *(f"  {', '.join(keys)}: {why}" for why, keys in self._reasons().items()),
        ]

    def _reasons(self) -> dict[str, list[str]]:
        reasons: dict[str, list[str]] = {}
        for each in self.left:
            reasons.setdefault(each.why, []).append(each.key)
        return reasons


def _given(dest: str, taken: Taken) -> str:
    value = ", ".join(taken.value) if isinstance(taken.value, tuple) else taken.value
    why = ": ".join(part for part in (taken.key, taken.note) if part)
    return f"--{dest.replace('_', '-')}={value}" + (f"  ({why})" if why else "")


class StConfigSource:
    """The callable that settings.resolve asks. Keeps what it read in `read`.

    Args:
        environ: for ${VARIABLES}.
        base: where the run was started.
    """

    def __init__(self, environ: Mapping[str, str], base: Path) -> None:
        self._environ, self._base = environ, base
        self.read: StConfig | None = None

    def __call__(self, path: Path, given: Mapping[str, Any]) -> dict[str, tuple[str | tuple[str, ...], str]]:
        """Value and origin by dest. Raises ConfigError."""
        self.read = read_st_config(path, self._environ, self._base, given)
        return {dest: (taken.value, f"{path}, {taken.key or 'by itself'}") for dest, taken in self.read.options.items()}


def read_st_config(path: Path, environ: Mapping[str, str], base: Path, given: Mapping[str, Any]) -> StConfig:
    """What the file says of options that are not given.

    Args:
        path: the configuration.
        environ: for ${VARIABLES}.
        base: where the run was started.
        given: values of the sources in front of the file by dest; None or absent: not given.

    Raises:
        ConfigError: it cannot be read, is no configuration of ST's, or says of such an option what cannot be.
    """
    decided = {dest for dest, value in given.items() if value is not None}
    mapped = _map(path, environ, base, decided)
    options, left = dict(mapped.options), list(mapped.left)
    if mapped.other is not None:
        other = _other(mapped.other, path, base)
        behind = _map(other, environ, base, decided)
        options = {**behind.options, **options}
        left += [Left(f"{other.name}: {each.key}", each.why) for each in behind.left]
    left += _undone(options, given)
    known = {option.dest for option in OPTIONS}
    taken: dict[str, Taken] = {}
    for dest, each in options.items():
        flag = "--" + dest.replace("_", "-")
        if dest in decided or dest not in known:
            why = f"{flag} is given" if dest in decided else f"this version has no {flag}"
            left += [Left(each.key, why)] if each.key else []
        elif isinstance(each, Refused):
            raise each.error
        else:
            taken[dest] = each
    return StConfig(path, taken, tuple(left))


def _map(path: Path, environ: Mapping[str, str], base: Path, decided: set[str]) -> Mapped:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}.", remedy="--pose-st-config names a user_config.yaml of ST's."
        ) from error
    return map_document(
        parse_document(content, str(path)),
        str(path),
        files=_files(path, base),
        environ=environ,
        tensorflow=importlib.util.find_spec("tensorflow") is not None,
        decided=decided,
    )


def _other(entry: Entry, path: Path, base: Path) -> Path:
    """The configuration that another one of ST's names. Raises ConfigError."""
    found = _find(str(entry.value), path, base, Path.is_file)
    if found is None:
        places = ", ".join(map(str, _places(path, base)))
        raise ConfigError(
            f"{path}, line {entry.line}: general.config_path is {shown(entry.value)}, which is in none of these "
            f"folders: {places}.",
            remedy="Mend the path, or name that file with --pose-st-config.",
        )
    return Path(found[0])


def _undone(options: dict[str, Taken | Refused], given: Mapping[str, Any]) -> list[Left]:
    """Takes the rescaling out where it has no effect in ST's services: they undo it for an integer input, whatever the
    network's own scale is, so that the picture's bytes go in. Also where mean and deviation say it."""
    model = options.get("pose_model")
    models = given.get("pose_model") or (model.value if isinstance(model, Taken) else ())
    if given.get("pose_mean") is not None or given.get("pose_std") is not None:
        why = "--pose-mean and --pose-std are given"
    elif models and all(_takes_bytes(name) for name in models):
        why = "ST undoes it for an integer input, and so the pixels go in as they are"
    else:
        return []
    gone = [options[dest] for dest in _RESCALING if isinstance(options.get(dest), Taken) and given.get(dest) is None]
    for dest in _RESCALING:
        if isinstance(options.get(dest), Taken) and given.get(dest) is None:
            del options[dest]
    return [Left(each.key, why) for each in gone if isinstance(each, Taken)]


def _takes_bytes(name: str) -> bool:
    """Whether a network has an integer input. One that cannot be read is told of later, in its own words."""
    from pytest_stm32pose.models.zoo import resolve_model
    from pytest_stm32pose.network.reader import read_model

    try:
        graph = read_model(resolve_model(name))
    except PoseError:
        return False
    return all(graph.tensors[index].dtype in _INTEGERS for index in graph.inputs)


# --- files ---


def _places(path: Path, base: Path) -> list[Path]:
    folder = path.absolute().parent
    return list(dict.fromkeys([base, folder, folder.parent]))


def _find(text: str, path: Path, base: Path, there: Any) -> tuple[str, str] | None:
    """A path that exists, and a word on where a relative one lay. Backslashes are those of Windows."""
    for name in dict.fromkeys((text, text.replace("\\", "/"))):
        for place in _places(path, base):
            try:
                wanted = Path(name).expanduser()
                if there(place / wanted):
                    return str(place / wanted), "" if wanted.is_absolute() else f"{name}, in {place}"
            except (OSError, ValueError, RuntimeError):  # too long, say, or the home of nobody
                continue
    return None


def _files(path: Path, base: Path) -> Files:
    beside = next((file for file in sorted(path.absolute().parent.glob("*.tflite")) if file.is_file()), None)
    return Files(
        model=lambda text: _find(text, path, base, Path.is_file),
        pictures=lambda text: _find(text, path, base, Path.exists),
        places=", ".join(map(str, _places(path, base))),
        fetch=_from_zoo,
        beside=str(beside) if beside else "",
    )


def _from_zoo(file: str) -> str:
    """What to do for a file of ST's zoo, "" for another. One that was converted again is not ST's."""
    from pytest_stm32pose.models.zoo import find_model, zoo

    row = next((row for row in zoo().values() if row.file == file and row.origin == "original"), None)
    if row is None or not row.url:
        return ""
    if find_model(row.name) is not None:
        return f"It is here as {row.name}: add --pose-model={row.name}."
    return f"Get it with `stm32pose models fetch {row.name}`, and add --pose-model={row.name}."
