"""One record of several: what pytest-xdist's workers, or those of a conformance run, measured of one run. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pytest_stm32pose.metrics.detection import Matches
from pytest_stm32pose.metrics.latency import summarise
from pytest_stm32pose.models.zoo import zoo as published
from pytest_stm32pose.record.causes import grouped, ungrouped
from pytest_stm32pose.record.summarise import Scored, accuracy, operator_medians
from pytest_stm32pose.record.verdict import combine_verdicts
from pytest_stm32pose.record.whole_run import worst
from pytest_stm32pose.record.write import plain
from pytest_stm32pose.types import Timing

Record = Mapping[str, Any]
#: Of a model entry on its way from a worker: [operator, value] of every picture that was profiled, by picture id.
OP_VALUES = "op_values"


def merge(records: Sequence[Record], order: Sequence[str] = ()) -> dict[str, Any]:
    """One record of several (at least one): boards once by name, networks once per board with the pictures of all.

    Args:
        order: names of the boards as the user gave them; workers end in any order.
    """
    places = {name: place for place, name in enumerate(order)}
    boards: dict[str, dict[str, Any]] = {}
    models: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        for board in record["boards"]:
            boards[board["name"]] = _merged_board(boards.get(board["name"], board), board)
        for model in record["models"]:
            models.setdefault((model["board"], model["sha256"]), []).append(model)
    outcomes = [(str(record["verdict"]), reason) for record in records for reason in ungrouped(record) or [""]]
    verdict, reasons = combine_verdicts(outcomes)
    merged = {
        **records[0],
        "started": min(record["started"] for record in records),
        "boards": sorted(boards.values(), key=lambda board: places.get(board["name"], len(places))),
        "models": sorted(
            (merge_models(parts) for parts in models.values()),
            key=lambda model: (places.get(model["board"], len(places)), model["name"]),
        ),
        "verdict": verdict,
        "reasons": reasons,
    }
    reruns = [why for record in records for why in record.get("reruns", ())]
    notes = list(dict.fromkeys(note for record in records for note in record.get("notes", ())))
    optional = {"zoo": _merged_zoo(records), "reruns": reruns, "notes": notes}
    return grouped({**merged, "causes": [], **{key: value for key, value in optional.items() if value}})


def _merged_board(first: Record, other: Record) -> dict[str, Any]:
    """What one worker did not ask its board, another one may have."""
    known = {key: value for key, value in other["firmware"].items() if value is not None}
    given = {key: value for key, value in first["firmware"].items() if value is not None}
    return {**first, "firmware": {**first["firmware"], **known, **given}}


def merge_models(parts: Sequence[Record]) -> dict[str, Any]:
    """One model entry of a record from several of the same network and board, whose pictures were spread over workers.

    Accuracy, latency and profile are computed anew from all pictures; of a picture that several measured, one that left
    the golden stays; of each budget the worst judgement.
    """
    whole = {key: value for key, value in parts[0].items() if key != OP_VALUES}
    profile = _profile(parts)
    if profile:
        whole["operators"] = profile
    memory = [part["memory"] for part in parts if "memory" in part]
    if memory:
        whole["memory"] = {key: max(each[key] for each in memory) for key in memory[0]}
    if len(parts) == 1:
        return whole
    rows = _pictures(parts)
    scored = [
        Scored(row["id"], row["oks_vs_golden"], row["oks_vs_truth"], row.get("pck"), _matches_of(row)) for row in rows
    ]
    return {
        **whole,
        "images": rows,
        "accuracy": plain(accuracy(scored)),
        "latency": _latency(parts, rows),
        "budgets": _budgets(parts),
    }


def _pictures(parts: Sequence[Record]) -> list[Record]:
    found: dict[str, Record] = {}
    for picture in (picture for part in parts for picture in part["images"]):
        name, crc32 = picture["id"], picture.get("input_crc32")
        if name in found and found[name].get("input_crc32") != crc32:  # tests on two workers gave two pictures one name
            picture = {**picture, "id": f"{name}~{crc32 or 0:08x}"}
        if picture["id"] not in found or picture["divergence"] is not None:
            found[picture["id"]] = picture
    return [found[key] for key in sorted(found)]


def _latency(parts: Sequence[Record], rows: Sequence[Record]) -> dict[str, Any] | None:
    clock_hz = next((part["latency"]["clock_hz"] for part in parts if part["latency"]), 0)
    found = [row["timing"] for row in rows if row["timing"]]
    latency = summarise([Timing(one["source"], one["unit"], clock_hz, tuple(one["values"])) for one in found])
    return {**asdict(latency), "ms_p50": latency.ms_p50} if latency else None


def _budgets(parts: Sequence[Record]) -> list[Record]:
    """Of each budget the worst judgement."""
    budgets: dict[str, list[Record]] = {}
    for judged in (each for part in parts for each in part["budgets"]):
        budgets.setdefault(judged["name"], []).append(judged)
    return [worst(rows) for rows in budgets.values()]


def _profile(parts: Sequence[Record]) -> list[dict[str, Any]]:
    """Operators with the medians over the pictures of all parts."""
    rows = {row["index"]: row for part in parts for row in part.get("operators", ())}
    values = {picture: pairs for part in parts for picture, pairs in part.get(OP_VALUES, {}).items()}
    medians = operator_medians(values.values()) or {index: row["p50"] for index, row in rows.items()}
    total = sum(medians.values())
    return [
        {
            **rows[index],
            "p50": median,
            "share": median / total if total else 0.0,
            "per_mac": median / rows[index]["macs"] if rows[index]["macs"] else None,
        }
        for index, median in medians.items()
    ]


def _matches_of(row: Record) -> Matches | None:
    found = row.get("matches")
    return found and Matches(tuple(found["scores"]), tuple(found["oks"]), found["targets"])


def _merged_zoo(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Every row once, with all reasons, in the published order."""
    merged: dict[str, dict[str, Any]] = {}
    for entry in (entry for record in records for entry in record.get("zoo") or ()):
        kept = merged.setdefault(entry["name"], {**entry, "not_run": []})
        kept["not_run"] += [each for each in entry["not_run"] if each not in kept["not_run"]]
    order = {name: place for place, name in enumerate(published())}
    return sorted(merged.values(), key=lambda entry: order.get(entry["name"], len(order)))
