"""`stm32pose compare` and `stm32pose history`: runs against one another."""

from __future__ import annotations

import argparse
import gc
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_stm32pose.cli.table import print_table
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.settings import OPTIONS

if TYPE_CHECKING:
    from pytest_stm32pose.judge.gate import Unclear
    from pytest_stm32pose.judge.gate_limits import Limits
    from pytest_stm32pose.run.history import History, Since

#: Of `compare`, by its verdict, where the gate is closed.
EXIT_CODES = {"failed": 1, "blocked": 2, "unclear": 3}
UNCLEAR = next(option for option in OPTIONS if option.flag == "pose-gate-unclear")
#: Without --metric.
_SHOWN = ("oks_vs_truth", "oks_vs_golden", "tensor_differing", "latency_p50", "latency_p95")


def add_gate_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the commands to the top parser's."""
    cmp = commands.add_parser(
        "compare", help="a run against a baseline; exit 1 on a regression, 2 not comparable, 3 unclear"
    )
    cmp.add_argument("base", metavar="BASE", help="a record, a folder of records, or git:REVISION:PATH")
    cmp.add_argument("new", metavar="NEW", type=Path, help="the record of the run")
    cmp.add_argument("--limits", type=Path, metavar="FILE", help="TOML file with a table [gate] (default: built-in)")
    _add_unclear(cmp, "fail for the accuracy of another network, pass for the latency of hardware")
    cmp.add_argument("--format", choices=("table", "markdown", "json"), default="table")
    cmp.set_defaults(run=compare)

    history = commands.add_parser("history", help="records of past runs, and since when a metric is worse")
    sub = history.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = sub.add_parser("add", help="keep records")
    add.add_argument("records", nargs="+", type=Path, metavar="RECORD")
    add.set_defaults(run=history_add)
    show = sub.add_parser("show", help="the runs, oldest first")
    show.add_argument("--board", metavar="NAME")
    show.add_argument("--model", metavar="NAME")
    show.add_argument("--metric", metavar="NAME", help="this metric only")
    show.add_argument("--limit", type=int, default=50, metavar="N", help="the newest N runs (default: 50)")
    show.set_defaults(run=history_show)
    since = sub.add_parser(
        "since", help="the first run in which a metric was worse; exit 1 when it still is, 2 not known, 3 unclear"
    )
    since.add_argument("metric", metavar="METRIC")
    since.add_argument("--board", required=True, metavar="NAME")
    since.add_argument("--model", required=True, metavar="NAME")
    since.add_argument("--good", type=int, metavar="RUN", help="run that was good (default: the oldest)")
    since.add_argument("--limits", type=Path, metavar="FILE", help="TOML file with a table [gate] (default: built-in)")
    _add_unclear(since, "fail")
    since.set_defaults(run=history_since)
    for each in (show, since):
        each.add_argument("--json", action="store_true")
    for each in (add, show, since):
        each.add_argument(
            "--pose-history", type=Path, metavar="FILE",
            help="default: $STM32POSE_HISTORY, else stm32pose/history.sqlite in the user's state folder",
        )  # fmt: skip


def _add_unclear(parser: argparse.ArgumentParser, default: str) -> None:
    """The option that pytest has too, with its environment twin."""
    parser.add_argument(
        f"--{UNCLEAR.flag}", "--gate-unclear", choices=UNCLEAR.choices, dest="unclear", default=None,
        help=f"worse but not told apart from noise: fail with exit code 3, or pass "
        f"[environment: {UNCLEAR.environment}] (default: {default})",
    )  # fmt: skip


def _unclear(args: argparse.Namespace) -> Unclear:
    """As the option says, else the environment. Raises ConfigError for a word there that is none."""
    meanings: dict[str, Unclear] = {"": None, "fail": "fail", "pass": "pass"}
    found = str(args.unclear or os.environ.get(UNCLEAR.environment) or "")
    if found not in meanings:
        choices = " or ".join(UNCLEAR.choices)
        raise ConfigError(f"environment variable {UNCLEAR.environment}: {found!r} is not {choices}.")
    return meanings[found]


def compare(args: argparse.Namespace) -> int:
    """The comparison as a table; exit code 0 passed (or unclear where that passes), else as EXIT_CODES."""
    from pytest_stm32pose.judge import gate
    from pytest_stm32pose.record.baseline import read_baseline
    from pytest_stm32pose.record.read import read_record
    from pytest_stm32pose.tell.comparison_text import terminal_lines
    from pytest_stm32pose.tell.markdown import markdown_comparison

    limits = _limits(args.limits)
    baseline = read_baseline(args.base)
    new = read_record(args.new)
    gc.freeze()  # millions of values that stay to the end: the collector need not walk over them
    scope = None
    if baseline.is_folder:  # other runs' records lie there too
        names = frozenset(model.name for model in new.models)
        scope = gate.Scope(frozenset(board.name for board in new.boards), names)
    found = gate.compare(baseline.records, new, limits, baseline.name, unclear=_unclear(args), scope=scope)
    comparison = found.entry
    if args.format == "json":
        print(json.dumps(comparison.to_json(), indent=2))
    else:
        print("\n".join(terminal_lines(comparison)) if args.format == "table" else markdown_comparison(comparison))
    return EXIT_CODES[found.verdict] if found.closed else 0


def _limits(path: Path | None) -> Limits:
    from pytest_stm32pose.judge.gate_limits import Limits
    from pytest_stm32pose.record.limits_file import read_limits

    return read_limits(path) if path else Limits()


def _history(args: argparse.Namespace) -> History:
    from pytest_stm32pose.run.history import History, default_file

    return History(args.pose_history or default_file())


def history_add(args: argparse.Namespace) -> int:
    """Keeps records; those that are known already stay."""
    from pytest_stm32pose.record.read import read_record

    history = _history(args)
    for path in args.records:
        record = read_record(path)
        print(f"{path}: {history.add(record, str(path))} of {len(record.models)} runs are new in {history.path}")
    return 0


def history_show(args: argparse.Namespace) -> int:
    """The runs with their figures; an infinite one is "inf" in the table, null in JSON."""
    from pytest_stm32pose.judge.gate_limits import metric_named
    from pytest_stm32pose.record.plain import number

    metrics = [metric_named(name, "history") for name in ([args.metric] if args.metric else _SHOWN)]
    history = _history(args)
    rows = []
    for entry in history.entries(args.board, args.model, max(0, args.limit)):
        record = history.record(entry)
        rows.append((entry, {metric.name: metric.figure(record, record.models[0]) for metric in metrics}))
    if args.json:
        finite = [(entry, {name: number(value) for name, value in figures.items()}) for entry, figures in rows]
        print(json.dumps([{**vars(entry), "metrics": figures} for entry, figures in finite], indent=2))
        return 0
    heads = ("run", "started", "board", "network", "firmware", "commit", "verdict", *(each.name for each in metrics))
    table = [
        (
            *(str(entry.id), entry.started, entry.board, entry.model, entry.firmware_version or "-"),
            *(entry.commit[:12] or "-", entry.verdict),
            *("-" if (value := figures[each.name]) is None else f"{value:{each.form}}" for each in metrics),
        )
        for entry, figures in rows
    ]
    print_table([heads, *table])
    return 0


def history_since(args: argparse.Namespace) -> int:
    """Since when; 1 when the metric is worse to this day, 2 when nobody can know, 3 when it is unclear."""
    from dataclasses import asdict

    unclear_passes = _unclear(args) == "pass"
    found = _history(args).since(args.metric, args.board, args.model, _limits(args.limits), args.good)
    code = {"same": 0, "worse": 1, "unknown": 2, "unclear": 0 if unclear_passes else 3}[found.outcome]
    if args.json:
        print(json.dumps({**asdict(found), "outcome": found.outcome}, indent=2))
    else:
        print("\n".join(_since_lines(found)))
    return code


def _since_lines(found: Since) -> list[str]:
    """What `history since` says, the answer first."""
    reference = f"{found.good.text}: {found.compared} later runs compared"
    answers = {
        "same": f"{found.metric} is not worse than in {reference}",
        "worse": f"{found.metric} is worse since {found.first.text if found.first else ''}",
        "unclear": f"{found.metric} is unclear since {found.unclear.text if found.unclear else ''}",
        "unknown": f"whether {found.metric} is worse than in {found.good.text} is not known: "
        + ("the newest run cannot be compared" if found.newest_skipped else "no later run was compared"),
    }
    lines = [answers[found.outcome]]
    if found.before is not None and found.outcome in ("worse", "unclear"):
        lines += [f"  last good: {found.before.text}", f"  {found.said}"]
    if found.unclear is not None and found.outcome in ("worse", "unknown"):
        lines.append(f"  unclear since {found.unclear.text}")
    if found.newest_skipped:
        lines.append(f"  the newest run cannot be compared: {found.newest_skipped}")
    if found.skipped:
        lines.append(f"  {found.skipped} runs cannot be compared with it, or did not measure it")
    return lines
