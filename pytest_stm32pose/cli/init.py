"""`stm32pose init`: the files a project starts with. Writes what is not there, never over what is."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from pytest_stm32pose.errors import ConfigError

#: File of the project -> template in this package.
FILES = {
    "boards.toml": "boards.toml",
    "test_pose.py": "test_pose.py.txt",
    "pose.toml": "pose.toml",
    "pytest.ini": "pytest.ini",
}
#: What makes a run without --board an error, for a project that configures pytest elsewhere.
REQUIRE_BOARD = 'pose_require_board = "true"'
#: Other files in which pytest looks for its configuration, and what marks it there; the first that is found counts.
_CONFIGURATIONS = {
    "pytest.toml": "",
    ".pytest.toml": "",
    ".pytest.ini": "",
    "pyproject.toml": "[tool.pytest",
    "tox.ini": "[pytest]",
    "setup.cfg": "[tool:pytest]",
}
CI = {
    "github": (".github/workflows/pose.yml", "github.yml"),
    "gitlab": (".gitlab-ci.yml", "gitlab.yml"),
    "jenkins": ("Jenkinsfile", "Jenkinsfile"),
}
#: The baseline that the workflows compare with.
BASELINE_COMMAND = "pytest test_pose.py --board=lab --pose-json=baseline.json"


def add_init_parser(commands: Any) -> None:
    """Adds the command to the top parser's."""
    init = commands.add_parser("init", help="start a project: boards.toml, test_pose.py, pose.toml, a CI workflow")
    init.add_argument("directory", nargs="?", type=Path, default=Path(), metavar="DIR", help="default: here")
    init.add_argument("--ci", choices=tuple(CI), help="also a workflow for a runner beside the boards")
    init.add_argument("--board", default="qemu-m55", metavar="NAME", help="of the catalog (default: qemu-m55)")
    init.add_argument("--from", dest="source", type=Path, metavar="FILE", help="with the options of a user_config.yaml "
                      "of ST's pose services (docs/st-config.md)")  # fmt: skip
    init.add_argument("--pose-model", metavar="NAME_OR_PATH", help="with --from: the network, whatever FILE says")
    init.add_argument("--pose-images", metavar="DIR_OR_JSON", help="with --from: the pictures, whatever FILE says")
    init.set_defaults(run=init_project)


def init_project(args: argparse.Namespace) -> int:
    """Writes the files that are missing and says of each whether it did."""
    from pytest_stm32pose.boards.catalog import board_spec

    board = board_spec(args.board).name
    options = _options(args)
    wanted = {**FILES, **dict([CI[args.ci]] if args.ci else [])}
    other = _other_configuration(args.directory)
    if other is not None:  # a pytest.ini would replace it
        del wanted["pytest.ini"]
        print(f"exists {other}: add {REQUIRE_BOARD} to it, and a run without --board is an error")
        _say_what_to_add(options, other)
    for name, template in wanted.items():
        path = args.directory / name
        text = resources.files("pytest_stm32pose").joinpath("templates", template).read_text(encoding="utf-8")
        if name == "pytest.ini" and options:
            text += (
                f"# From {args.source.name}: docs/st-config.md of pytest-stm32pose.\n{_assignments(options, path)}\n"
            )
        written = _write_new(path, text.replace("@BOARD@", board))
        print(f"wrote  {path}" if written else f"exists {path}: left as it is")
        if name == "pytest.ini" and not written:
            _say_what_to_add(options, path)
    print("Next, in that folder: make the baseline that releases are compared with, and commit it:")
    print(f"  {BASELINE_COMMAND}")
    return 0


def _options(args: argparse.Namespace) -> dict[str, str]:
    """Values for the ini file by name, of --from and of the options beside it; says what was taken, and what left.

    Raises:
        ConfigError: the configuration is none, or says what cannot be.
    """
    given = {"pose_model": args.pose_model, "pose_images": args.pose_images}
    named = {name: value for name, value in given.items() if value is not None}
    if args.source is None:
        if named:
            raise ConfigError(
                f"--{next(iter(named)).replace('_', '-')} goes with --from.",
                remedy="Name ST's user_config.yaml, or write the option into pytest.ini.",
            )
        return {}
    from pytest_stm32pose.st_config.source import read_st_config

    decided = {name: (value,) if name == "pose_model" else value for name, value in named.items()}
    config = read_st_config(args.source, os.environ, Path.cwd(), decided)
    for line in config.lines():
        print(line)
    values = {name: taken.value for name, taken in config.options.items()}
    said = {**named, **{name: value if isinstance(value, str) else value[0] for name, value in values.items()}}
    return {name: _in_project(value, args.directory) if name in given else value for name, value in said.items()}


def _in_project(value: str, directory: Path) -> str:
    """A network or pictures as the project's ini file has them: a path within the project relative, another absolute.

    Raises:
        ConfigError: an ini file cannot hold it.
    """
    path = Path(value)
    if not path.exists():  # a name of the zoo, or what is not there yet
        return value
    if "," in value or not value.isprintable():
        raise ConfigError(f"The path {value!r} cannot stand in pytest.ini.", remedy="Rename it, without commas.")
    whole, root = path.absolute(), directory.absolute()
    return str(whole.relative_to(root)) if whole.is_relative_to(root) else str(whole)


def _say_what_to_add(options: Mapping[str, str], file: Path) -> None:
    """Of the options of --from, to a configuration that is the project's own."""
    if options:
        print(f"exists {file}: add what the configuration says to it:\n{_assignments(options, file)}")


def _assignments(options: Mapping[str, str], file: Path) -> str:
    """Lines for a configuration of pytest; TOML wants quotes."""
    quoted = file.suffix == ".toml"
    return "\n".join(f"{name} = {json.dumps(value) if quoted else value}" for name, value in options.items())


def _other_configuration(directory: Path) -> Path | None:
    """Where a project configures pytest, other than in pytest.ini."""
    for name, mark in _CONFIGURATIONS.items():
        path = directory / name
        if path.is_file() and mark in path.read_text(encoding="utf-8", errors="replace"):
            return path
    return None


def _write_new(path: Path, text: str) -> bool:
    """False when something is there. Raises ConfigError: it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        if path.parent.is_dir():
            return False
        raise ConfigError(f"{path.parent} is not a folder.", remedy="Name another one.") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.", remedy="Name another folder.") from error
    return True
