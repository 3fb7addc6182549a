"""The conformance table: what was published of each network of the zoo against what a run measured. Pure.

It is derived from a run record alone. A record of such a run has `zoo`, one entry per row of the published table: the
published columns, the SHA-256 of the file that was run, and why it did not run where it did not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_stm32pose.entries.model import ModelEntry
from pytest_stm32pose.entries.run import RunEntry, ZooEntry
from pytest_stm32pose.record.accuracy import Key, figure
from pytest_stm32pose.tell.columns import aligned

MISSING = "-"
METRICS = {"oks": "OKS", "map50": "mAP@0.5"}
#: Metric -> where the record keeps it.
_ACCURACY: Mapping[str, Key] = {"oks": "oks_vs_truth", "map50": "map50_vs_truth"}
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


def rows(record: RunEntry) -> list[ConformanceRow]:
    """The table of a record, in the published order; empty for a record of another kind of run."""
    return [row for entry in record.zoo for row in _rows_of(entry, record.models)]


def _rows_of(entry: ZooEntry, models: Sequence[ModelEntry]) -> Iterator[ConformanceRow]:
    """A network's rows: one per board that ran it, one per reason why one did not."""
    published = _published(entry)
    measured = [model for model in models if entry.file_sha256 and model.sha256 == entry.file_sha256]
    ran_on = {model.board for model in measured}
    refused = [each for each in entry.not_run if each.board not in ran_on]
    for model in measured:
        yield _measured(published, model)
    for each in refused:
        yield replace(published, board=each.board or "", reason=each.reason or "no reason is known.")
    if not measured and not refused:
        yield replace(published, reason="no test of this run measured it.")


def _published(entry: ZooEntry) -> ConformanceRow:
    return ConformanceRow(
        name=_word(entry.name),
        board="",
        metric=entry.metric,
        published=entry.accuracy,
        macc_published_m=entry.macc_m,
        activation_published_kib=entry.activation_kib,
        weights_published_kib=entry.weights_kib,
        note=entry.note or "",
    )


def _measured(published: ConformanceRow, model: ModelEntry) -> ConformanceRow:
    latency, found = model.latency, figure(model, _ACCURACY[published.metric])
    differing = [tensor.differing for image in model.images for tensor in image.tensors]
    return replace(
        published,
        board=_word(model.board),
        measured=None if found.value is None else found.value * 100,
        interval=(100 * found.bounds[0], 100 * found.bounds[1]) if found.value is not None and found.bounds else None,
        pictures=found.n or 0,
        macc_m=model.macc * 1e-6,
        activation_kib=model.activation_bytes / _KIB,
        weights_kib=model.weights_bytes / _KIB,
        ticks=latency.p50 if latency else None,
        unit=latency.unit if latency else "",
        differing=sum(differing) if differing else None,
    )


def _word(value: object) -> str:
    return str(value) if value not in (None, "") else MISSING


def cells(row: ConformanceRow) -> tuple[str, ...]:
    """One row as text, for HEADS."""
    inside = {None: MISSING, True: "yes", False: "no"}[row.inside]
    ran = not row.reason
    return (
        row.name,
        row.board or MISSING,
        METRICS[row.metric],
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


def published_cells(entry: ZooEntry) -> tuple[str, ...]:
    """The published columns of a `zoo` entry as text, for PUBLISHED_HEADS."""
    side = _word(entry.resolution)
    return (
        *map(_word, (entry.name, entry.family, entry.category, entry.implementation, entry.dataset, entry.keypoints)),
        f"{side} x {side}",
        _word(entry.format),
        MISSING if entry.accuracy is None else f"{METRICS[entry.metric]} {entry.accuracy:.2f} %",
        _number(entry.macc_m, ".3f"),
        _number(entry.activation_kib, ".2f"),
        _number(entry.weights_kib, ".2f"),
        *map(_word, (entry.tool, entry.origin, entry.licence, entry.source)),
    )


def verdict_line(found: Sequence[ConformanceRow]) -> str:
    """The table in one sentence."""
    ran = [row for row in found if not row.reason]
    exact = sum(row.differing == 0 for row in ran)
    judged = [row for row in ran if row.inside is not None]
    inside = sum(row.inside is True for row in judged)
    sentence = f"{len(ran)} of {len(found)} ran, {exact} of {len(ran)} equal the reference kernels in every element"
    return f"{sentence}, {inside} of {len(judged)} published figures lie inside the 95 % interval."


def terminal_lines(record: RunEntry) -> list[str]:
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
