"""The tables of one model of a run record: budgets, latency, tensors, operators, pictures. See html.py for the page.

Input is a `models` entry of the run record; every optional key may be absent. Output is markup; all text is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pytest_stm32pose.metrics.latency import percentile
from pytest_stm32pose.report import figures
from pytest_stm32pose.report.markup import Html, join, tag

Entry = Mapping[str, Any]
#: Longer tables show their worst rows and say so.
MAX_ROWS = 500
_MAX_TENSOR_ROWS = 24
_MAX_DIVERGENCES = 20


def table(caption: str, heads: Sequence[str], rows: Iterable[Html], *, note: str = "") -> Html:
    """A table that scrolls inside its own container, with a caption as its accessible name."""
    head = tag("thead", tag("tr", *(tag("th", text, scope="col") for text in heads)))
    grid = tag("table", tag("caption", caption), head, tag("tbody", *rows))
    scroll = tag("div", grid, class_="pose-scroll", tabindex="0", role="region", aria_label=caption)
    return tag("div", scroll, tag("p", note, class_="pose-note") if note else None, class_="pose-table")


def row(head: object, *cells: object, class_: str | None = None) -> Html:
    """A table row whose first cell names it."""
    name = tag("th", tag("span", head, class_="pose-name"), scope="row")
    return tag("tr", name, *(tag("td", cell) for cell in cells), class_=class_)


def mark(passed: object) -> Html:
    """A verdict in words and shape, not in colour alone; None is "not judged"."""
    if passed is None:
        return tag("span", "\N{EN DASH} not judged", class_="pose-unjudged")
    good = bool(passed)
    return tag(
        "span", "\N{CHECK MARK} pass" if good else "\N{BALLOT X} fail", class_="pose-good" if good else "pose-bad"
    )


def entries(owner: Entry, key: str) -> list[Entry]:
    """The objects in a list of the record; a list that is absent holds none."""
    return [each for each in owner.get(key) or () if isinstance(each, Mapping)]


def budget_table(model: Entry) -> Html | None:
    """Every budget with limit, measured value and verdict; the failed ones first."""
    budgets = entries(model, "budgets")
    if not budgets:
        return None
    ordered = sorted(budgets, key=lambda budget: {False: 0, None: 1}.get(budget.get("passed"), 2))
    rows = (
        row(
            breakable(figures.text(budget.get("name"))),
            mark(budget.get("passed")),
            figures.significant(budget.get("measured")),
            _limit(budget),
            budget.get("unit") or "",
            class_="pose-row-bad" if budget.get("passed") is False else None,
        )
        for budget in ordered
    )
    return table("Budgets", ("Budget", "Result", "Measured", "Limit", "Unit"), rows)


def _limit(budget: Entry) -> str:
    name = str(budget.get("name"))
    sign = "\u2265 " if name.endswith("_min") else "\u2264 " if name.endswith("_max") else ""
    origin = budget.get("origin")
    return sign + figures.significant(budget.get("limit")) + (f" ({origin})" if origin else "")


def breakable(name: str) -> Html:
    """A technical name as code that may wrap after its underscores and slashes."""
    parts = re.split(r"(?<=[_/])", name)
    return tag("code", join(parts, Html("<wbr>")))


def latency_table(model: Entry) -> Html | None:
    """Percentiles in the record's own unit; milliseconds only where ticks are silicon time."""
    latency = model.get("latency")
    if not isinstance(latency, Mapping):
        return None
    unit, clock_hz = figures.text(latency.get("unit")), latency.get("clock_hz")
    labels = {"p50": "p50 (median)", "p95": "p95", "p99": "p99", "max": "maximum"}
    milliseconds = [_milliseconds(latency, key) for key in labels]
    timed = any(text != figures.MISSING for text in milliseconds)
    rows = [
        row(label, figures.count(latency.get(key)), *([ms] if timed else []))
        for (key, label), ms in zip(labels.items(), milliseconds, strict=True)
    ]
    source = figures.text(latency.get("source"))
    note = f"{figures.count(latency.get('n'))} timed inferences, source {source}, clock {figures.megahertz(clock_hz)}."
    if source == "icount":
        note += " The emulator counts executed instructions: exact and repeatable, not silicon time."
    return table("Latency of one inference", ("Percentile", unit, *(["ms"] if timed else [])), rows, note=note)


def _milliseconds(latency: Entry, key: str) -> str:
    given = latency.get(f"ms_{key}")
    if not figures.is_number(given) and latency.get("source") == "dwt":
        value, clock_hz = latency.get(key), latency.get("clock_hz")
        if figures.is_number(value) and figures.is_number(clock_hz) and clock_hz:
            given = value * 1000.0 / clock_hz
    return f"{given:,.3f}" if figures.is_number(given) else figures.MISSING


def tensor_table(model: Entry) -> Html | None:
    """Exactness per tensor over all pictures: one sentence when nothing differs, else the tensors that differ."""
    by_name: dict[str, list[Entry]] = {}
    for image in pictures(model):
        for tensor in entries(image, "tensors"):
            by_name.setdefault(figures.text(tensor.get("name")), []).append(tensor)
    if not by_name:
        return None
    elements = {name: sum(int(each.get("elements") or 0) for each in each_of) for name, each_of in by_name.items()}
    differing = {name: found for name, each_of in by_name.items() if (found := difference(each_of))[0]}
    if not differing:
        return tag(
            "p",
            tag("span", "\N{CHECK MARK} exact", class_="pose-good"),
            f" {len(by_name)} output tensor{'s' * (len(by_name) > 1)}, {sum(elements.values()):,} elements"
            " compared with the golden, none differs.",
            class_="pose-note",
        )
    rows = (
        row(
            breakable(name),
            f"{elements[name]:,}",
            figures.count(number),
            figures.percent((number or 0) / max(1, elements[name])),
            figures.count(max_lsb),
        )
        for name, (number, max_lsb) in list(differing.items())[:_MAX_TENSOR_ROWS]
    )
    note = f"{len(differing)} of {len(by_name)} tensors differ, over all pictures."
    return table(
        "Tensors that differ from the golden", ("Tensor", "Elements", "Differing", "Share", "Max LSB"), rows, note=note
    )


def operator_table(model: Entry) -> Html | None:
    """The per-operator profile, in execution order."""
    operators = entries(model, "operators")
    if not operators:
        return None
    unit = (model.get("latency") or {}).get("unit") or "ticks"
    rows = (
        row(
            f"{figures.text(entry.get('index'))} {figures.text(entry.get('name'))}",
            figures.count(entry.get("p50")),
            figures.percent(entry.get("share")),
            figures.count(entry.get("macs") or None),
            f"{per_mac:.3f}" if figures.is_number(per_mac := entry.get("per_mac")) else figures.MISSING,
            figures.kib(entry.get("arena_bytes") or None),
        )
        for entry in operators
    )
    return table(
        "Operators",
        ("Operator", f"Median {unit}", "Share", "MACs", f"{str(unit).capitalize()} per MAC", "Arena"),
        rows,
        note="Indices are those of the .tflite; the share is of the sum over all operators. "
        "Arena: tensors and scratch alive while the operator runs.",
    )


def pictures(model: Entry) -> list[Entry]:
    """The pictures of a model."""
    return entries(model, "images")


def worst_first(images: Iterable[Entry]) -> list[Entry]:
    """Pictures by what is looked for first: most differing elements, then lowest OKS vs golden, then vs truth."""

    def key(image: Entry) -> tuple[float, float, float]:
        golden, truth = image.get("oks_vs_golden"), image.get("oks_vs_truth")
        return (
            -float(difference(entries(image, "tensors"))[0] or 0),
            float(golden) if figures.is_number(golden) else 2.0,
            float(truth) if figures.is_number(truth) else 2.0,
        )

    return sorted(images, key=key)


def difference(tensors: Iterable[Entry]) -> tuple[int | None, int | None]:
    """Differing elements and the largest difference in LSB over `tensors`; None for what none of them says."""
    compared = list(tensors)
    differing = [int(value) for each in compared if figures.is_number(value := each.get("differing"))]
    largest = [int(value) for each in compared if figures.is_number(value := each.get("max_lsb"))]
    return sum(differing) if differing else None, max(largest, default=None)


def image_table(model: Entry, *, max_rows: int = MAX_ROWS) -> Html | None:
    """One row per picture, in the order of the run; the worst `max_rows` when there are more."""
    images = pictures(model)
    if not images:
        return None
    shown, note = images, ""
    if len(images) > max_rows:
        shown, note = worst_first(images)[:max_rows], f"The worst {max_rows:,} of {len(images):,} pictures."
    unit = next((timing["unit"] for image in images if (timing := image.get("timing") or {}).get("unit")), "latency")
    heads = (
        "Picture",
        "OKS vs golden",
        "OKS vs truth",
        "Error mean px",
        "Error max px",
        "Differing",
        "Max LSB",
        f"Median {unit}",
        "Upload",
        "Download",
    )
    return table("Pictures", heads, (image_row(image) for image in shown), note=note)


def divergence_list(model: Entry) -> Html | None:
    """Where each picture that left the golden did so first, in words."""
    diverged = [image for image in pictures(model) if image.get("divergence")]
    if not diverged:
        return None
    items = [
        tag(
            "li",
            tag("strong", figures.text(image.get("id"))),
            " ",
            str(image["divergence"]).removeprefix("First divergence: "),
        )
        for image in diverged[:_MAX_DIVERGENCES]
    ]
    if len(diverged) > _MAX_DIVERGENCES:
        items.append(tag("li", f"and {len(diverged) - _MAX_DIVERGENCES:,} more pictures."))
    return tag("div", tag("h4", "Where the device left the golden first"), tag("ul", *items, class_="pose-reasons"))


def image_row(image: Entry) -> Html:
    """The row of one picture; see `image_table` for the columns."""
    error, timing = image.get("keypoint_error_px") or {}, image.get("timing") or {}
    values = [int(value) for value in timing.get("values") or () if figures.is_number(value)]
    differing, max_lsb = difference(entries(image, "tensors"))
    return row(
        figures.text(image.get("id")),
        figures.share(image.get("oks_vs_golden")),
        figures.share(image.get("oks_vs_truth")),
        figures.pixels(error.get("mean")),
        figures.pixels(error.get("max")),
        figures.count(differing),
        figures.count(max_lsb),
        figures.count(percentile(values, 50) if values else None),
        figures.seconds(timing.get("upload_s")),
        figures.seconds(timing.get("download_s")),
        class_="pose-row-bad" if differing or image.get("divergence") else None,
    )
