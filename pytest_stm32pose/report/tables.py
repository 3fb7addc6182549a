"""The tables of one model of a run record: budgets, latency, tensors, operators, pictures. See html.py for the page.

Input is a `models` entry of the run record; every optional key may be absent. Output is markup; all text is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pytest_stm32pose.report import figures
from pytest_stm32pose.report.markup import Html, tag

Entry = Mapping[str, Any]
#: Longer tables show their worst rows and say so.
MAX_ROWS = 500
_MAX_TENSOR_ROWS = 24


def table(caption: str, heads: Sequence[str], rows: Iterable[Html], *, note: str = "") -> Html:
    """A table that scrolls inside its own container, with a caption as its accessible name."""
    head = tag("thead", tag("tr", *(tag("th", text, scope="col") for text in heads)))
    grid = tag("table", tag("caption", caption), head, tag("tbody", *rows))
    scroll = tag("div", grid, class_="pose-scroll", tabindex="0", role="region", aria_label=caption)
    return tag("div", scroll, tag("p", note, class_="pose-note") if note else None, class_="pose-table")


def row(head: object, *cells: object, class_: str | None = None) -> Html:
    """A table row whose first cell names it."""
    return tag("tr", tag("th", head, scope="row"), *(tag("td", cell) for cell in cells), class_=class_)


def mark(passed: object) -> Html:
    """A verdict in words and shape, not in colour alone; None is "not judged"."""
    if passed is None:
        return tag("span", "\N{EN DASH} not judged", class_="pose-unjudged")
    good = bool(passed)
    return tag("span", "\N{CHECK MARK} pass" if good else "\N{BALLOT X} fail",
               class_="pose-good" if good else "pose-bad")


def budget_table(model: Entry) -> Html | None:
    """Every budget with limit, measured value and verdict; the failed ones first."""
    budgets = [budget for budget in model.get("budgets") or () if isinstance(budget, Mapping)]
    if not budgets:
        return None
    ordered = sorted(budgets, key=lambda budget: {False: 0, None: 1}.get(budget.get("passed"), 2))
    rows = (
        row(tag("code", figures.text(budget.get("name"))), _limit(budget), _amount(budget, "measured"),
            mark(budget.get("passed")), class_="pose-row-bad" if budget.get("passed") is False else None)
        for budget in ordered
    )
    return table("Budgets", ("Budget", "Limit", "Measured", "Result"), rows)


def _limit(budget: Entry) -> str:
    name = str(budget.get("name"))
    sign = "\u2265 " if name.endswith("_min") else "\u2264 " if name.endswith("_max") else ""
    return sign + _amount(budget, "limit")


def _amount(budget: Entry, key: str) -> str:
    value = figures.significant(budget.get(key))
    unit = budget.get("unit")
    return f"{value} {unit}" if unit and value != figures.MISSING else value


def latency_table(model: Entry) -> Html | None:
    """Percentiles in the record's own unit; milliseconds only where the record gives them or the unit is cycles."""
    latency = model.get("latency")
    if not isinstance(latency, Mapping):
        return None
    unit, clock_hz = figures.text(latency.get("unit")), latency.get("clock_hz")
    rows = [row(label, figures.count(latency.get(key)), _milliseconds(latency, key))
            for key, label in (("p50", "p50 (median)"), ("p95", "p95"), ("p99", "p99"), ("max", "maximum"))]
    source = figures.text(latency.get("source"))
    note = f"{figures.count(latency.get('n'))} timed inferences, source {source}, clock {figures.megahertz(clock_hz)}."
    if source == "icount":
        note += " The emulator counts executed instructions: exact and repeatable, not silicon time."
    return table("Latency of one inference", ("Percentile", unit, "ms"), rows, note=note)


def _milliseconds(latency: Entry, key: str) -> str:
    given = latency.get(f"ms_{key}")
    if not figures.is_number(given) and latency.get("unit") == "cycles":
        value, clock_hz = latency.get(key), latency.get("clock_hz")
        if figures.is_number(value) and figures.is_number(clock_hz) and clock_hz:
            given = value * 1000.0 / clock_hz
    return f"{given:,.3f}" if figures.is_number(given) else figures.MISSING


def tensor_table(model: Entry) -> Html | None:
    """Exactness per tensor over all pictures: one sentence when nothing differs, else the tensors that differ."""
    sums: dict[str, list[int]] = {}
    for image in pictures(model):
        for tensor in image.get("tensors") or ():
            total = sums.setdefault(figures.text(tensor.get("name")), [0, 0, 0])
            total[0] += int(tensor.get("elements") or 0)
            total[1] += int(tensor.get("differing") or 0)
            total[2] = max(total[2], int(tensor.get("max_lsb") or 0))
    if not sums:
        return None
    differing = [(name, total) for name, total in sums.items() if total[1]]
    elements = sum(total[0] for total in sums.values())
    if not differing:
        return tag("p", tag("span", "\N{CHECK MARK} exact", class_="pose-good"),
                   f" {len(sums)} tensor{'s' * (len(sums) > 1)}, {elements:,} elements compared with the golden, none"
                   " differs.", class_="pose-note")
    rows = (row(tag("code", name), f"{total[0]:,}", f"{total[1]:,}", f"{100 * total[1] / max(1, total[0]):.3g} %",
                f"{total[2]:,}") for name, total in differing[:_MAX_TENSOR_ROWS])
    note = f"{len(differing)} of {len(sums)} tensors differ; in execution order, the first is where to look."
    return table("Tensors that differ from the golden", ("Tensor", "Elements", "Differing", "Share", "Max LSB"), rows,
                 note=note)


def operator_table(model: Entry) -> Html | None:
    """The per-operator profile, as recorded."""
    operators = [entry for entry in model.get("operators") or () if isinstance(entry, Mapping)]
    if not operators:
        return None
    keys = list(dict.fromkeys(key for entry in operators for key in entry))
    rows = (row(_cell(entry.get(keys[0])), *(_cell(entry.get(key)) for key in keys[1:])) for entry in operators)
    return table("Operators", [str(key).replace("_", " ") for key in keys], rows)


def _cell(value: Any) -> str:
    return figures.significant(value) if figures.is_number(value) else figures.text(value)


def pictures(model: Entry) -> list[Entry]:
    """The `images` entries that are objects."""
    return [image for image in model.get("images") or () if isinstance(image, Mapping)]


def worst_first(images: Iterable[Entry]) -> list[Entry]:
    """Pictures by what a reader looks for first: most differing elements, lowest OKS vs golden, lowest vs truth."""
    def key(image: Entry) -> tuple[float, float, float]:
        golden, truth = image.get("oks_vs_golden"), image.get("oks_vs_truth")
        return (-float(_differing(image)[0] or 0), float(golden) if figures.is_number(golden) else 2.0,
                float(truth) if figures.is_number(truth) else 2.0)

    return sorted(images, key=key)


def _differing(image: Entry) -> tuple[int | None, int | None]:
    """Differing elements and the largest difference in LSB over the tensors of one picture, None when none is kept."""
    tensors = [tensor for tensor in image.get("tensors") or () if isinstance(tensor, Mapping)]
    if not tensors:
        return None, None
    return (sum(int(tensor.get("differing") or 0) for tensor in tensors),
            max(int(tensor.get("max_lsb") or 0) for tensor in tensors))


def image_table(model: Entry, *, max_rows: int = MAX_ROWS) -> Html | None:
    """One row per picture, in the order of the run; the worst `max_rows` when there are more."""
    images = pictures(model)
    if not images:
        return None
    shown, note = images, ""
    if len(images) > max_rows:
        shown, note = worst_first(images)[:max_rows], f"The worst {max_rows:,} of {len(images):,} pictures."
    unit = next((timing["unit"] for image in images if (timing := image.get("timing") or {}).get("unit")), "latency")
    heads = ("Picture", "OKS vs golden", "OKS vs truth", "Error mean px", "Error max px", "Differing", "Max LSB",
             f"Median {unit}", "Upload", "Download")
    return table("Pictures", heads, (image_row(image) for image in shown), note=note)


def image_row(image: Entry) -> Html:
    """The row of one picture; see `image_table` for the columns."""
    error, timing = image.get("keypoint_error_px") or {}, image.get("timing") or {}
    values = sorted(value for value in timing.get("values") or () if figures.is_number(value))
    differing, max_lsb = _differing(image)
    return row(
        figures.text(image.get("id")), figures.share(image.get("oks_vs_golden")),
        figures.share(image.get("oks_vs_truth")), figures.pixels(error.get("mean")), figures.pixels(error.get("max")),
        figures.count(differing), figures.count(max_lsb),
        figures.count(values[(len(values) - 1) // 2] if values else None), figures.seconds(timing.get("upload_s")),
        figures.seconds(timing.get("download_s")),
        class_="pose-row-bad" if differing else None,
    )
