"""`stm32pose compare` and `stm32pose history`: runs against one another."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from pytest_stm32pose.cli_models import print_table

#: Without --metric.
_SHOWN = ("oks_vs_truth", "oks_vs_golden", "tensor_differing", "latency_p50", "latency_p95")


def add_gate_parsers(commands: Any) -> None:
    """Adds the commands to the top parser's."""
    cmp = commands.add_parser("compare", help="a run against a baseline; exit 1 on a regression, 2 when not comparable")
    cmp.add_argument("base", metavar="BASE", help="a record, a folder of records, or git:REVISION:PATH")
    cmp.add_argument("new", metavar="NEW", type=Path, help="the record of the run")
    cmp.add_argument("--limits", type=Path, metavar="FILE", help="TOML file with a table [gate] (default: built-in)")
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
    since = sub.add_parser("since", help="the first run in which a metric was worse; exit 1 when it still is")
    since.add_argument("metric", metavar="METRIC")
    since.add_argument("--board", required=True, metavar="NAME")
    since.add_argument("--model", required=True, metavar="NAME")
    since.add_argument("--good", type=int, metavar="RUN", help="run that was good (default: the oldest)")
    since.add_argument("--limits", type=Path, metavar="FILE", help="TOML file with a table [gate] (default: built-in)")
    since.set_defaults(run=history_since)
    for each in (show, since):
        each.add_argument("--json", action="store_true")
    for each in (add, show, since):
        each.add_argument(
            "--pose-history", type=Path, metavar="FILE",
            help="default: $STM32POSE_HISTORY, else stm32pose/history.sqlite in the user's state folder",
        )  # fmt: skip


def compare(args: argparse.Namespace) -> int:
    """The comparison as a table; 0 no regression, 1 regression, 2 not comparable."""
    from pytest_stm32pose import gate
    from pytest_stm32pose.baseline import read_baseline
    from pytest_stm32pose.comparison_text import terminal_lines
    from pytest_stm32pose.markdown import markdown_comparison
    from pytest_stm32pose.record import read_record

    limits = _limits(args.limits)
    baseline = read_baseline(args.base)
    found = gate.compare(baseline.records, read_record(args.new), limits, baseline.name)
    comparison = found.as_dict()
    if args.format == "json":
        print(json.dumps(comparison, indent=2))
    else:
        print("\n".join(terminal_lines(comparison)) if args.format == "table" else markdown_comparison(comparison))
    return {"passed": 0, "failed": 1, "blocked": 2}[found.verdict]


def _limits(path: Path | None) -> Any:
    from pytest_stm32pose.limits import Limits, read_limits

    return read_limits(path) if path else Limits()


def _history(args: argparse.Namespace) -> Any:
    from pytest_stm32pose.history import History, default_file

    return History(args.pose_history or default_file())


def history_add(args: argparse.Namespace) -> int:
    """Keeps records; those that are known already stay."""
    from pytest_stm32pose.record import read_record

    history = _history(args)
    for path in args.records:
        record = read_record(path)
        print(f"{path}: {history.add(record, str(path))} of {len(record['models'])} runs are new in {history.path}")
    return 0


def history_show(args: argparse.Namespace) -> int:
    """The runs with their figures."""
    from pytest_stm32pose.limits import metric_named

    metrics = [metric_named(name, "history") for name in ([args.metric] if args.metric else _SHOWN)]
    history = _history(args)
    rows = []
    for entry in history.entries(args.board, args.model, max(0, args.limit)):
        record = history.record(entry)
        rows.append((entry, {metric.name: metric.figure(record, record["models"][0]) for metric in metrics}))
    if args.json:
        print(json.dumps([{**vars(entry), "metrics": figures} for entry, figures in rows], indent=2))
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
    """Since when; 1 when the metric is worse to this day."""
    from dataclasses import asdict

    found = _history(args).since(args.metric, args.board, args.model, _limits(args.limits), args.good)
    if args.json:
        print(json.dumps(asdict(found), indent=2))
        return int(found.first is not None)
    if found.first is None:
        print(f"{found.metric} is not worse than in {found.good.text}: {found.compared} later runs compared")
    else:
        print(f"{found.metric} is worse since {found.first.text}")
        print(f"  last good: {found.before.text}")
        print(f"  {found.said}")
    if found.skipped:
        print(f"  {found.skipped} runs cannot be compared with it, or did not measure it")
    return int(found.first is not None)
