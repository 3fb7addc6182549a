"""`stm32pose bringup`: the first hour with a board, and one file to send about it (docs/bringup.md)."""

from __future__ import annotations

import argparse
import contextlib
import getpass
import logging
import os
import platform
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_stm32pose import __version__
from pytest_stm32pose.bench.faults import on_board
from pytest_stm32pose.boards.catalog import BoardSpec
from pytest_stm32pose.cli.table import print_table
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.run.inputs import RunInputs
from pytest_stm32pose.settings import Settings, split_serial

if TYPE_CHECKING:
    from pytest_stm32pose.bench.bringup.step import StepResult
    from pytest_stm32pose.bench.bringup.subject import Subject
    from pytest_stm32pose.golden.store import GoldenStore
    from pytest_stm32pose.network.compile import CompiledNetwork
    from pytest_stm32pose.types import Picture

LOG_LINES = 2000
_LIBRARIES = ("pyocd", "pyserial", "ai-edge-litert", "numpy", "unicorn")


def add_bringup_parser(commands: Any) -> None:
    """Adds the command to the top parser's."""
    parser = commands.add_parser("bringup", help="a board for the first time: every step judged, one file to send")
    parser.add_argument("--board", metavar="NAME", help="of the catalog or of boards.toml; one")
    parser.add_argument(
        "--probe", "--pose-probe", metavar="UID", help="unique id of the debug probe (default: discovery)"
    )
    parser.add_argument("--serial", "--pose-serial", metavar="URL[@BAUD]", help="serial port (default: the probe's)")
    parser.add_argument("--pose-firmware", type=Path, metavar="FILE", help="this firmware (default: the board's)")
    parser.add_argument("--pose-fault", metavar="SPEC", help="virtual boards: a planted fault ('stm32pose faults')")
    parser.add_argument(
        "--pose-twin-fault", action="append", default=[], metavar="NAME[=VALUE]", help="of a twin's model"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: bringup-BOARD-DATE.json")
    parser.add_argument("--steps", action="store_true", help="list the steps, and of --board what to try after each")
    parser.set_defaults(run=bringup)


@dataclass(frozen=True)
class DefaultMaterial:
    """The default network, its golden and its first picture; the board's firmware."""

    inputs: RunInputs
    spec: BoardSpec

    def firmware(self) -> Path:
        path = self.inputs.firmware(self.spec)
        assert path is not None, "only boards with ST's firmware have none"
        return path

    def network(self) -> CompiledNetwork:
        return self.inputs.network("")

    def golden(self) -> GoldenStore:
        return self.inputs.golden("")

    def picture(self) -> Picture:
        return next(iter(self.inputs.pictures))


def bringup(args: argparse.Namespace) -> int:
    """Does the steps, shows each while it goes, and writes the file; exit 1 when a step failed."""
    from pytest_stm32pose.boards.catalog import board_spec
    from pytest_stm32pose.cli.boards import user_file

    if args.board is None:
        if args.steps:
            return _list_steps(None)
        raise ConfigError("bringup needs a board.", remedy="Name one with --board; `stm32pose boards` lists them.")
    if "," in args.board:
        raise ConfigError(f"--board={args.board} names several.", remedy="Bring up one board at a time.")
    spec = board_spec(args.board, user_file())
    if args.steps:
        return _list_steps(spec)
    if reason := spec.unavailable_reason():
        raise ConfigError(f"{spec.name} cannot be used here: {reason}")
    return _bring_up(spec, args)


def _list_steps(spec: BoardSpec | None) -> int:
    from pytest_stm32pose.bench.bringup.advice import remedies
    from pytest_stm32pose.bench.bringup.run import STEPS

    if spec is None:
        print_table([("step", "what it does"), *((step.name, step.help) for step in STEPS)])
        return 0
    for number, step in enumerate(STEPS, 1):
        print(f"{number:2} {step.name}: {step.help}")
        for text in remedies(spec.firmware, step.name, spec.name)[:-1]:
            print(f"     when it fails: {text}")
    return 0


def _bring_up(spec: BoardSpec, args: argparse.Namespace) -> int:
    from pytest_stm32pose.bench.bringup.document import document, rendered, verdict
    from pytest_stm32pose.bench.bringup.run import not_reached
    from pytest_stm32pose.files import write_atomically

    subject = _subject(spec, args)
    started = datetime.now().astimezone()
    output = args.output or Path(f"bringup-{spec.name}-{started:%Y-%m-%d-%H%M%S}.json")
    results: list[StepResult] = []
    with _logged() as log:
        try:
            for result in _shown(subject, log):
                results.append(result)
        finally:
            subject.board.close()
            results += not_reached(results)
            content = document(
                spec,
                results,
                started=started.isoformat(timespec="seconds"),
                versions=_versions(),
                options=_options(args),
                log=list(log),
            )
            write_atomically(output, rendered(content, _private()))
            begun = "\n" if verdict(results) == "interrupted" else ""
            print(f"{begun}{verdict(results)}; everything that was read is in {output}")
    return 0 if verdict(results) == "passed" else 1


def _subject(spec: BoardSpec, args: argparse.Namespace) -> Subject:
    """The board, not open yet. Raises ConfigError."""
    from pytest_stm32pose.bench.bringup.subject import Subject
    from pytest_stm32pose.boards.catalog import boards
    from pytest_stm32pose.boards.inventory import Inventory
    from pytest_stm32pose.boards.open import open_board
    from pytest_stm32pose.boards.pyocd_board import PyOcdBoard

    url, baud = split_serial(args.serial)
    settings = Settings(
        boards=(spec.name,),
        probe=args.probe,
        serial_url=url,
        serial_baud=baud,
        firmware=args.pose_firmware,
        fault=args.pose_fault,
        twin_faults=tuple(args.pose_twin_fault),
    )
    on_board(settings.fault, spec)
    inputs = RunInputs(settings, Path.cwd())
    inputs.check_twin_faults()
    board = open_board(
        spec.name,
        probe=settings.probe,
        serial=settings.serial_url,
        user_file=inputs.boards_file,
        say=print,
        faults=inputs.twin_faults(spec.name),
    )
    assert isinstance(board, PyOcdBoard)
    known = list(boards(inputs.boards_file).values())
    return Subject(spec, known, board, DefaultMaterial(inputs, spec), settings, Inventory())


def _shown(subject: Subject, log: deque[str]) -> Iterator[StepResult]:
    """The steps, each in a line of the terminal: its name when it begins, and what it came to."""
    from pytest_stm32pose.bench.bringup.document import failure_lines, step_line
    from pytest_stm32pose.bench.bringup.run import STEPS, bring_up

    began = time.monotonic()
    print(f"{subject.spec.name}: {subject.spec.mcu}, {subject.spec.core}; fuses and option bytes are never written")
    names = [f"{number:2} {step.name:<9} " for number, step in enumerate(STEPS, 1)]
    print(names[0], end="", flush=True)
    for number, result in enumerate(bring_up(subject), 1):
        line = step_line(number, result)
        print(line.removeprefix(names[number - 1]), flush=True)
        log.append(f"{time.monotonic() - began:8.3f} s  {line}")
        for each in failure_lines(result) if result.status == "failed" else ():
            print(each)
        yield result
        if result.status != "failed" and number < len(names):
            print(names[number], end="", flush=True)


@contextlib.contextmanager
def _logged() -> Iterator[deque[str]]:
    """What pyOCD and this package say meanwhile, the last lines of it."""
    log: deque[str] = deque(maxlen=LOG_LINES)
    began = time.time()

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            log.append(f"{record.created - began:8.3f} s  {record.name} {record.levelname}: {record.getMessage()}")

    handler = Keep(logging.INFO)
    loggers = [(logger := logging.getLogger(name), logger.level) for name in ("pyocd", "pytest_stm32pose")]
    for logger, _ in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    try:
        yield log
    finally:
        for logger, level in loggers:
            logger.removeHandler(handler)
            logger.setLevel(level)


def _versions() -> dict[str, str]:
    found = {"pytest-stm32pose": __version__, "python": platform.python_version(), "system": platform.platform()}
    for name in _LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def _options(args: argparse.Namespace) -> dict[str, str]:
    """What was asked, of files their names alone."""
    firmware = args.pose_firmware.name if args.pose_firmware else None
    faults = ", ".join(filter(None, (args.pose_fault, *args.pose_twin_fault)))
    given = {"probe": args.probe, "serial": args.serial, "firmware": firmware, "fault": faults}
    return {name: value for name, value in given.items() if value}


def _private() -> dict[str, str]:
    """What of this computer and its user stays here."""
    private = {str(Path.cwd()): ".", str(Path.home()): "~", os.environ.get("HOME", ""): "~", platform.node(): "HOST"}
    with contextlib.suppress(KeyError, OSError):  # a user without a name
        private[getpass.getuser()] = "USER"
    private[platform.node().partition(".")[0]] = "HOST"
    return private
