"""The conformance table: what was published of each network of the zoo against what a run measured. Pure.

It is derived from a run record alone. A record of such a run has `zoo`, one entry per row of the published table: the
published columns, the SHA-256 of the file that was run, and why it did not run where it did not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_stm32pose.record.accuracy import Figure, figure
from pytest_stm32pose.record.untrusted import entries, is_number, part
from pytest_stm32pose.tell.columns import aligned

MISSING = "-"
METRICS = {"oks": "OKS", "map50": "mAP@0.5"}
#: Metric -> where the record keeps it.
_ACCURACY = {"oks": "oks_vs_truth", "map50": "map50_vs_truth"}
_KIB = 1024.0
#: A bootstrap of fewer pictures than this gives intervals that are too narrow.
FEW_PICTURES = 30

HEADS = (
    "Network",
    "Board",
    "Metric",
    "Published %",
    "Measured %",
    "95 % interval",
    "n",
    "Inside",
    "Differing",
    "M instructions",
    "MACC M",
    "published",
    "RAM KiB",
    "published",
    "Weights KiB",
    "published",
)
PUBLISHED_HEADS = (
    "Network",
    "Family",
    "Category",
    "Implementation",
    "Dataset",
    "Keypoints",
    "Resolution",
    "Format",
    "Accuracy",
    "MACC M",
    "RAM KiB",
    "Weights KiB",
    "Tool",
    "File",
    "Licence",
    "Source",
)


@dataclass(frozen=True)
class ConformanceRow:
    """One network on one board. Accuracy in percent; None: not published, or not measured."""

    name: str
    board: str  #: "" when it ran on none
    metric: str  #: "oks" or "map50"
    published: float | None = None
    measured: float | None = None
    interval: tuple[float, float] | None = None  #: 95 % bootstrap
    pictures: int = 0  #: that the measured figure is of
    macc_published_m: float | None = None
    macc_m: float | None = None
    activation_published_kib: float | None = None
    activation_kib: float | None = None
    weights_published_kib: float | None = None
    weights_kib: float | None = None
    ticks: int | None = None  #: median of one inference
    unit: str = ""  #: "instructions" or "cycles"
    differing: int | None = None  #: elements of output tensors that are not the golden's
    reason: str = ""  #: why it did not run
    note: str = ""  #: about the published figure

    @property
    def inside(self) -> bool | None:
        """Whether the published figure lies inside the interval; None where there is no interval."""
        if self.interval is None or self.published is None:
            return None
        return self.interval[0] <= self.published <= self.interval[1]

    @property
    def remark(self) -> str:
        """Why it did not run, or why the published figure is outside; "" when there is nothing to say."""
        if self.reason:
            return f"did not run: {self.reason}"
        if self.inside is False:
            reasons = [self.note] if self.note else []
            if self.pictures < FEW_PICTURES:
                reasons.append(f"the interval is of {self.pictures} pictures only, too few to be judged by")
            return f"published figure outside the interval: {'; '.join(reasons) or 'no explanation is known'}"
        return ""


def rows(record: Mapping[str, Any]) -> list[ConformanceRow]:
    """The table of a record, in the published order; empty for a record of another kind of run."""
    return [row for entry in entries(record, "zoo") for row in _rows_of(entry, entries(record, "models"))]


def _rows_of(entry: Mapping[str, Any], models: Sequence[Mapping[str, Any]]) -> Iterator[ConformanceRow]:
    """A network's rows: one per board that ran it, one per reason why one did not."""
    file_sha256 = entry.get("file_sha256")
    measured = [model for model in models if file_sha256 and model.get("sha256") == file_sha256]
    ran_on = {model.get("board") for model in measured}
    refused = [each for each in entries(entry, "not_run") if each.get("board") not in ran_on]
    for model in measured:
        yield _measured(entry, model)
    for each in refused:
        yield ConformanceRow(
            **_published(entry),
            board=_word(each.get("board"), ""),
            reason=_word(each.get("reason"), "no reason is known."),
        )
    if not measured and not refused:
        yield ConformanceRow(**_published(entry), board="", reason="no test of this run measured it.")


def _published(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": _word(entry.get("name")),
        "metric": _word(entry.get("metric")),
        "published": _figure(entry.get("accuracy")),
        "macc_published_m": _figure(entry.get("macc_m")),
        "activation_published_kib": _figure(entry.get("activation_kib")),
        "weights_published_kib": _figure(entry.get("weights_kib")),
        "note": _word(entry.get("note"), ""),
    }


def _measured(entry: Mapping[str, Any], model: Mapping[str, Any]) -> ConformanceRow:
    latency = part(model, "latency")
    key = _ACCURACY.get(str(entry.get("metric")))
    found = figure(model, key) if key else Figure(None, None)
    ticks = _figure(latency.get("p50"))
    tensors = [tensor for image in entries(model, "images") for tensor in entries(image, "tensors")]
    differing = [_figure(tensor.get("differing")) for tensor in tensors]
    return ConformanceRow(
        **_published(entry),
        board=_word(model.get("board")),
        measured=_figure(found.value, 100),
        interval=(100 * found.bounds[0], 100 * found.bounds[1]) if found.value is not None and found.bounds else None,
        pictures=found.n or 0,
        macc_m=_figure(model.get("macc"), 1e-6),
        activation_kib=_figure(model.get("activation_bytes"), 1 / _KIB),
        weights_kib=_figure(model.get("weights_bytes"), 1 / _KIB),
        ticks=None if ticks is None else round(ticks),
        unit=_word(latency.get("unit"), ""),
        differing=round(sum(found for found in differing if found is not None)) if differing else None,
    )


def _word(value: object, missing: str = MISSING) -> str:
    return str(value) if value not in (None, "") else missing


def _figure(value: object, factor: float = 1.0) -> float | None:
    """A number of the record times `factor`; None for what is none."""
    return value * factor if is_number(value) else None


def cells(row: ConformanceRow) -> tuple[str, ...]:
    """One row as text, for HEADS."""
    inside = {None: MISSING, True: "yes", False: "no"}[row.inside]
    ran = not row.reason
    return (
        row.name,
        row.board or MISSING,
        METRICS.get(row.metric, row.metric),
        _number(row.published, ".2f"),
        _number(row.measured, ".2f"),
        f"{row.interval[0]:.2f} to {row.interval[1]:.2f}" if row.interval else MISSING,
        str(row.pictures) if ran else MISSING,
        inside,
        _number(row.differing, ","),
        _millions(row),
        _number(row.macc_m, ".3f"),
        _number(row.macc_published_m, ".3f"),
        _number(row.activation_kib, ".2f"),
        _number(row.activation_published_kib, ".2f"),
        _number(row.weights_kib, ".2f"),
        _number(row.weights_published_kib, ".2f"),
    )


def published_cells(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """The published columns of a `zoo` entry as text, for PUBLISHED_HEADS."""
    columns = ("name", "family", "category", "implementation", "dataset", "keypoints")
    side, metric = _word(entry.get("resolution")), _word(entry.get("metric"))
    return (
        *(_word(entry.get(key)) for key in columns),
        f"{side} x {side}",
        _word(entry.get("format")),
        f"{METRICS.get(metric, metric)} {_number(_figure(entry.get('accuracy')), '.2f')} %",
        _number(_figure(entry.get("macc_m")), ".3f"),
        _number(_figure(entry.get("activation_kib")), ".2f"),
        _number(_figure(entry.get("weights_kib")), ".2f"),
        *(_word(entry.get(key)) for key in ("tool", "origin", "licence", "source")),
    )


def verdict_line(found: Sequence[ConformanceRow]) -> str:
    """The table in one sentence."""
    ran = [row for row in found if not row.reason]
    exact = sum(row.differing == 0 for row in ran)
    judged = [row for row in ran if row.inside is not None]
    inside = sum(row.inside is True for row in judged)
    sentence = f"{len(ran)} of {len(found)} ran, {exact} of {len(ran)} equal the reference kernels in every element"
    return f"{sentence}, {inside} of {len(judged)} published figures lie inside the 95 % interval."


def terminal_lines(record: Mapping[str, Any]) -> list[str]:
    """The table as aligned text, the remarks, and a sentence; nothing for a record of another kind of run."""
    found = rows(record)
    if not found:
        return []
    lines = aligned([HEADS, *(cells(row) for row in found)], words=3)
    lines += [f"  {_who(row)}: {row.remark}" for row in found if row.remark]
    return [*lines, verdict_line(found)]


def _who(row: ConformanceRow) -> str:
    return f"{row.name} on {row.board}" if row.board else row.name


def _millions(row: ConformanceRow) -> str:
    if row.ticks is None:
        return MISSING
    return f"{row.ticks / 1e6:.3f}" + ("" if row.unit == "instructions" else f" {row.unit}")


def _number(value: float | None, form: str) -> str:
    return MISSING if value is None else format(value, form)
