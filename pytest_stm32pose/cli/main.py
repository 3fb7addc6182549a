"""`stm32pose`: what one does outside a test run. A command is a function; an error is one sentence, exit code 2."""

from __future__ import annotations

import argparse
import gc
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_stm32pose import __version__
from pytest_stm32pose.cli.boards import boards_list, boards_start, boards_stop
from pytest_stm32pose.cli.bringup import add_bringup_parser
from pytest_stm32pose.cli.doctor import doctor
from pytest_stm32pose.cli.gate import add_gate_parsers
from pytest_stm32pose.cli.goldens import golden
from pytest_stm32pose.cli.init import add_init_parser
from pytest_stm32pose.cli.models import (
    add_label_options,
    add_meaning_options,
    add_models_parser,
    add_preprocess_options,
)
from pytest_stm32pose.cli.table import print_table
from pytest_stm32pose.cli.vendor import add_vendor_parsers
from pytest_stm32pose.cli.zoo import zoo
from pytest_stm32pose.errors import ConfigError, PoseError


def report(args: argparse.Namespace) -> int:
    """HTML from a record alone."""
    from pytest_stm32pose.record.read import read_record
    from pytest_stm32pose.report.standalone import write_report

    record = read_record(args.record)
    gc.freeze()  # millions of values that stay to the end: the collector need not walk over them
    write_report(record, args.output, None)
    print(args.output)
    return 0


def faults(args: argparse.Namespace) -> int:
    """What --pose-fault can inject."""
    from pytest_stm32pose.bench.faults import FAULTS

    print_table([("fault", "what it does"), *((fault.usage, fault.help) for fault in FAULTS.values())])
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="stm32pose", description="Pose networks on STM32 boards, outside a test run.")
    top.add_argument("--version", action="version", version=f"stm32pose {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    boards = commands.add_parser("boards", help="catalog and what is connected; start and stop virtual boards")
    boards.add_argument("--json", action="store_true")
    boards.set_defaults(run=boards_list)
    sub = boards.add_subparsers(metavar="ACTION")
    start = sub.add_parser("start", help="start a virtual board that stays up")
    start.add_argument("name")
    start.add_argument("--pose-model", metavar="NAME_OR_PATH", help="load firmware and this network")
    start.add_argument(
        "--pose-twin-fault", action="append", default=[], metavar="NAME[=VALUE]", help="plant a fault in a twin's model"
    )
    add_meaning_options(start)
    start.add_argument("--json", action="store_true")
    start.set_defaults(run=boards_start)
    stop = sub.add_parser("stop", help="stop virtual boards by catalog name or unique id")
    stop.add_argument("name")
    stop.set_defaults(run=boards_stop)

    add_bringup_parser(commands)
    add_models_parser(commands)
    add_gate_parsers(commands)
    add_init_parser(commands)

    gold = commands.add_parser("golden", help="stored goldens")
    gold.add_argument("action", choices=("update", "check"))
    gold.add_argument("--pose-model", default="", metavar="NAME_OR_PATH")
    gold.add_argument("--pose-images", type=Path, metavar="DIR_OR_JSON")
    add_label_options(gold)
    gold.add_argument("--pose-golden-dir", type=Path, default=Path("goldens"), metavar="DIR")
    gold.add_argument("--pose-max-images", type=int, metavar="N")
    add_preprocess_options(gold)
    add_meaning_options(gold)
    gold.set_defaults(run=golden)

    rep = commands.add_parser("report", help="HTML report of a record")
    rep.add_argument("record", type=Path)
    rep.add_argument("-o", "--output", type=Path, required=True)
    rep.set_defaults(run=report)

    add_vendor_parsers(commands)

    conform = commands.add_parser("zoo", help="conformance table: every network of the zoo, published against measured")
    conform.add_argument("--board", action="append", required=True, metavar="NAME[,NAME]")
    conform.add_argument(
        "--pose-model", action="append", metavar="ROW", help="these rows only, or st-2026 (default: all)"
    )
    conform.add_argument("--pose-images", metavar="DIR_OR_JSON", help="labelled photographs")
    add_label_options(conform)
    conform.add_argument("--pose-max-images", type=int, metavar="N")
    conform.add_argument("--pose-profile", action="store_true", help="per-operator figures too")
    add_meaning_options(conform)
    conform.add_argument("--jobs", type=int, metavar="N", help="worker processes (default: processors)")
    conform.add_argument("-o", "--output", type=Path, metavar="FILE.md", help="write the table as Markdown")
    conform.add_argument("--pose-json", type=Path, metavar="FILE", help="write the run record")
    conform.add_argument("--html", type=Path, metavar="FILE", help="write the report")
    conform.set_defaults(run=zoo)
    commands.add_parser("doctor", help="check tools and probes").set_defaults(run=doctor)
    commands.add_parser("faults", help="what --pose-fault can inject").set_defaults(run=faults)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point. Exit codes: 0 good, 1 a check failed, 2 the request cannot be met, 130 interrupted."""
    args = parser().parse_args(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of files and in records may hold what no terminal shows
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code: int = args.run(args)
    except ConfigError as error:
        print(f"stm32pose: {error}", file=sys.stderr)
        return 2
    except PoseError as error:
        print(f"stm32pose: {error.verdict}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1
    except KeyboardInterrupt:
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
