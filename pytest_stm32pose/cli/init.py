"""`stm32pose init`: the files a project starts with. Writes what is not there, never over what is."""

from __future__ import annotations

import argparse
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
    init.set_defaults(run=init_project)


def init_project(args: argparse.Namespace) -> int:
    """Writes the files that are missing and says of each whether it did."""
    from pytest_stm32pose.boards.catalog import board_spec

    board = board_spec(args.board).name
    wanted = {**FILES, **dict([CI[args.ci]] if args.ci else [])}
    other = _other_configuration(args.directory)
    if other is not None:  # a pytest.ini would replace it
        del wanted["pytest.ini"]
        print(f"exists {other}: add {REQUIRE_BOARD} to it, and a run without --board is an error")
    for name, template in wanted.items():
        path = args.directory / name
        text = resources.files("pytest_stm32pose").joinpath("templates", template).read_text(encoding="utf-8")
        written = _write_new(path, text.replace("@BOARD@", board))
        print(f"wrote  {path}" if written else f"exists {path}: left as it is")
    print("Next, in that folder: make the baseline that releases are compared with, and commit it:")
    print(f"  {BASELINE_COMMAND}")
    return 0


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
