"""The terminal's summary of a record: a line per network and board, then the verdict with its causes."""

from __future__ import annotations

from pytest_stm32pose.entries.model import ModelEntry
from pytest_stm32pose.entries.run import RunEntry
from pytest_stm32pose.judge import comparability
from pytest_stm32pose.judge.bound import bound_sentence
from pytest_stm32pose.record import causes
from pytest_stm32pose.record.accuracy import NAMES, figure, why_no_truth
from pytest_stm32pose.tell import comparison_text
from pytest_stm32pose.tell.conformance import rows, terminal_lines
from pytest_stm32pose.tell.failures import failure_lines

#: Reasons that the terminal's summary repeats.
MAX_REASONS = 20


def summary_lines(record: RunEntry) -> list[str]:
    """One line per network and board, then the verdict with its causes."""
    lines = []
    for model in record.models:
        lines.append(_model_line(model))
        board, places = record.board(model.board), model.places
        if places and board and board.kind == "hardware":
            lines.append(f"  weights in {places.weights}; arena in {places.arena}")
        if said := bound_sentence(model, board):
            lines.append(f"  {said}")
        if found := comparability.unsteady(model):
            lines.append(f"  not deterministic: other answers to the same input, in {len(found)} pictures ({found[0]})")
        if record.verdict == "failed":
            lines += [f"  {line}" for line in failure_lines(model)]
    lines += terminal_lines(record)
    if record.comparison:
        lines += comparison_text.terminal_lines(record.comparison)
    lines += [f"note: {note}" for note in record.notes]
    lines.append(f"verdict: {record.verdict}")
    lines += causes.terminal_lines(causes.causes(record, {row.reason for row in rows(record)}), MAX_REASONS)
    return [*lines, *(f"passed only when run again: {why}" for why in record.reruns)]


def _model_line(model: ModelEntry) -> str:
    """Every figure with what it is of."""
    latency, pictures = model.latency, len(model.images)
    parts = [f"{pictures} pictures" if pictures != 1 else "1 picture"]
    parts += [found.named(key) for key in NAMES if (found := figure(model, key)).value is not None]
    if missing := why_no_truth(model):
        parts.append(f"nothing vs truth: {missing}")
    parts.append(_differing(model))
    if latency:
        parts.append(f"p95 {latency.p95:,} {latency.unit} (n={latency.n})")
    parts.append(f"arena {model.activation_bytes / 1024:.1f} KiB")
    return f"{model.board}  {model.name}: {', '.join(parts)}"


def _differing(model: ModelEntry) -> str:
    tensors = [tensor for image in model.images for tensor in image.tensors]
    if not tensors:
        return "no output tensor was compared"
    return f"{sum(tensor.differing for tensor in tensors)} elements differ"
