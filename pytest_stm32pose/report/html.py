"""The run record as HTML sections: verdict first, then what was tested, then each model with its evidence.

Pure functions from the record (a dict of schema stm32pose/run/1) to strings; nothing here reads files but the
package's own style sheets, and nothing imports pytest. All text from the record is escaped (markup.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

from pytest_stm32pose.report import figures, tables
from pytest_stm32pose.report.conformance_table import conformance_html
from pytest_stm32pose.report.markup import Html, join, tag
from pytest_stm32pose.report.profile import profile_html
from pytest_stm32pose.report.tables import Entry

#: Figures per network and board, the worst pictures; more would make a page nobody can open.
MAX_FIGURES = 48

_VERDICTS = {
    "passed": ("\N{CHECK MARK} Passed", "pose-good", "Every check and every budget was met."),
    "failed": ("\N{BALLOT X} Failed", "pose-bad", "The device or the model is wrong."),
    "blocked": ("! Blocked", "pose-blocked", "The rig could not do its work: nothing is said about the model."),
}


def styles(*, page: bool = False) -> str:
    """A `<style>` element for everything this package writes.

    Args:
        page: also adapt pytest-html's own page (phone width, dark mode), for use inside its report.
    """
    sheets = ["pose.css", *(["page.css"] if page else [])]
    css = "\n".join(resources.files(__package__).joinpath(name).read_text(encoding="utf-8") for name in sheets)
    viewport = '<meta name="viewport" content="width=device-width, initial-scale=1">' if page else ""
    return f"{viewport}<style>\n{css}</style>"


def summary_html(record: Mapping[str, Any], overlays: Mapping[tuple[str, str, str], str] | None = None) -> str:
    """The whole record as one section.

    Args:
        record: the run record.
        overlays: (board, model name, picture id) -> figure from overlays.py, shown below the model's pictures.
    """
    models = tables.entries(record, "models")
    parts = [
        _verdict(record),
        conformance_html(record),
        _overview(models),
        _boards(record),
        *(_model(model, overlays or {}) for model in models),
        _provenance(record),
    ]
    return str(tag("section", *parts, class_="pose-report", aria_label="Pose validation"))


def latency_table_html(model: Entry) -> str:
    """The latency table of one `models` entry; empty when it has none."""
    return str(tables.latency_table(model) or "")


def image_rows_html(model: Entry) -> str:
    """The `<tr>` rows of the pictures of one `models` entry."""
    return str(join(tables.image_row(image) for image in tables.pictures(model)))


def _verdict(record: Entry) -> Html:
    verdict = figures.text(record.get("verdict"))
    words, css, meaning = _VERDICTS.get(verdict, (verdict, "pose-blocked", "The record holds no known verdict."))
    reasons = [tag("li", reason) for reason in record.get("reasons") or ()]
    return tag(
        "div",
        tag("h2", "Pose validation: ", tag("span", words, class_=css)),
        tag("p", meaning),
        tag("ul", *reasons, class_="pose-reasons") if reasons else None,
        class_=f"pose-verdict {css}-edge",
    )


def _boards(record: Entry) -> Html | None:
    boards = tables.entries(record, "boards")
    return tag("div", *(_board(board) for board in boards), class_="pose-columns") if boards else None


def _board(board: Entry) -> Html:
    firmware, flash = board.get("firmware") or {}, board.get("flash") or {}
    chip = " \N{MIDDLE DOT} ".join(str(value) for value in (board.get("mcu"), board.get("core")) if value)
    facts = [
        ("Chip", chip or figures.MISSING),
        ("Kind", figures.text(board.get("kind"))),
        ("Clock", figures.megahertz(board.get("clock_hz"))),
        ("Probe", figures.text(board.get("probe_uid"))),
        ("Firmware", ", ".join(str(firmware[key]) for key in ("version", "backend") if firmware.get(key))),
        ("Kernels", figures.text(firmware.get("kernels"))),
        ("Firmware SHA-256", tag("code", figures.short_hash(firmware.get("sha256")), title=firmware.get("sha256"))),
        ("Firmware flash", figures.kib(firmware.get("flash_bytes"))),
        ("Firmware RAM", figures.kib(firmware.get("ram_bytes"))),
        ("Programming", _programming(flash)),
    ]
    return tag("div", tag("h3", f"Board {figures.text(board.get('name'))}"), _facts(facts), class_="pose-card")


def _programming(flash: Entry) -> str:
    if not flash:
        return figures.MISSING
    if not flash.get("bytes_written") and not flash.get("skipped"):
        return "nothing was programmed in this run"
    took = f" in {figures.seconds(flash.get('seconds'))}"
    if flash.get("skipped"):
        return f"already on the target, 0 bytes written{took}"
    return f"{figures.size(flash.get('bytes_written'))} written and verified{took}"


def _facts(facts: list[tuple[str, Any]]) -> Html:
    """Name and value pairs that flow to the width there is."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in facts), class_="pose-facts")


def _overview(models: list[Entry]) -> Html | None:
    if not models:
        return tag("p", "The record holds no model: nothing was measured.", class_="pose-note")
    heads = (
        "Model",
        "Board",
        "Budgets",
        "Pictures",
        "OKS vs golden",
        "OKS vs truth",
        "PCK",
        "Max LSB",
        "Differing",
        "Latency p95",
        "Activations",
        "Weights",
    )
    return tables.table("Networks", heads, (_overview_row(model) for model in models))


def _overview_row(model: Entry) -> Html:
    accuracy, latency = model.get("accuracy") or {}, model.get("latency") or {}
    differing, worst = tables.difference(
        tensor for image in tables.pictures(model) for tensor in tables.entries(image, "tensors")
    )
    p95 = join((figures.count(latency.get("p95")), tag("small", latency.get("unit") or "")), " ")
    return tables.row(
        tables.breakable(figures.text(model.get("name"))),
        figures.text(model.get("board")),
        _budget_count(model),
        len(tables.pictures(model)),
        figures.share(accuracy.get("oks_vs_golden")),
        figures.share(accuracy.get("oks_vs_truth")),
        figures.share(accuracy.get("pck")),
        figures.count(worst),
        figures.count(differing),
        p95,
        figures.kib(model.get("activation_bytes")),
        figures.kib(model.get("weights_bytes")),
    )


def _budget_count(model: Entry) -> Html:
    judged = [budget.get("passed") for budget in tables.entries(model, "budgets")]
    if not judged:
        return tables.mark(None)
    met = sum(passed is True for passed in judged)
    css = "pose-bad" if False in judged else "pose-good" if met == len(judged) else "pose-unjudged"
    shape = "\N{BALLOT X}" if False in judged else "\N{CHECK MARK}" if met == len(judged) else "\N{EN DASH}"
    return tag("span", f"{shape} {met} of {len(judged)} met", class_=css)


def _model(model: Entry, overlays: Mapping[tuple[str, str, str], str]) -> Html:
    name, board = figures.text(model.get("name")), figures.text(model.get("board"))
    operators = tables.operator_table(model)
    return tag(
        "div",
        tag("h3", f"{name} on {board}"),
        _identity(model),
        tag("div", tables.budget_table(model), tables.latency_table(model), class_="pose-columns"),
        tables.divergence_list(model),
        tables.tensor_table(model),
        tables.image_table(model),
        tag("details", tag("summary", "Operators"), profile_html(model), operators) if operators else None,
        _gallery(model, overlays),
        class_="pose-card",
    )


def _identity(model: Entry) -> Html:
    accuracy, golden = model.get("accuracy") or {}, model.get("golden") or {}
    shape = " \N{MULTIPLICATION SIGN} ".join(str(side) for side in model.get("input_shape") or ()) or figures.MISSING
    engine = " ".join(str(golden[key]) for key in ("engine", "version", "resolver") if golden.get(key))
    facts: list[tuple[str, Any]] = [
        ("OKS vs golden", figures.share(accuracy.get("oks_vs_golden"))),
        ("OKS vs truth", figures.interval(accuracy.get("oks_vs_truth"), accuracy.get("oks_vs_truth_interval"))),
        ("PCK", figures.share(accuracy.get("pck"))),
        (
            "mAP@0.5 vs truth",
            figures.interval(accuracy.get("map50_vs_truth"), accuracy.get("map50_vs_truth_interval")),
        ),
        ("Activations", figures.kib(model.get("activation_bytes"))),
        ("Weights", figures.kib(model.get("weights_bytes"))),
        ("Network image", figures.kib(model.get("network_image_bytes"))),
        ("MACC", figures.count(model.get("macc"))),
        ("Input", shape),
        ("Keypoints", figures.count(model.get("keypoints"))),
        ("Family", figures.text(model.get("family"))),
        ("Golden", engine or figures.MISSING),
        ("Golden store", figures.text(golden.get("store"))),
        ("SHA-256", tag("code", figures.short_hash(model.get("sha256")), title=model.get("sha256"))),
    ]
    shown = [fact for fact in facts if fact[0] != "mAP@0.5 vs truth" or fact[1] != figures.MISSING]
    return _facts([*shown, *_device_model(model)])


def _device_model(model: Entry) -> list[tuple[str, Any]]:
    """What a firmware that is not ours says of its network."""
    told = model.get("device_model")
    if not isinstance(told, Mapping):
        return []
    return [
        ("Asked in", figures.text(told.get("protocol"))),
        ("Device's network", figures.text(told.get("name"))),
        ("Signature", figures.text(told.get("signature"))),
        ("Device's runtime", figures.text(told.get("runtime"))),
        ("Device's MACC", figures.count(told.get("macc"))),
        ("Device's nodes", figures.count(told.get("nodes"))),
        ("Limits", figures.text(told.get("limits"))),
    ]


def _gallery(model: Entry, overlays: Mapping[tuple[str, str, str], str]) -> Html | None:
    keys = [
        (str(model.get("board")), str(model.get("name")), str(image.get("id")))
        for image in tables.worst_first(tables.pictures(model))
    ]
    shown = [overlays[key] for key in keys if key in overlays][:MAX_FIGURES]
    if not shown:
        return None
    count = f"{len(shown)} of {len(keys)} pictures, the worst first" if len(shown) < len(keys) else "the worst first"
    return tag(
        "div",
        tag("h4", f"Pictures with skeletons ({count})"),
        tag("div", *(Html(figure) for figure in shown), class_="pose-gallery"),
    )


def _provenance(record: Entry) -> Html:
    plugin, host = record.get("plugin") or {}, record.get("host") or {}
    words = [
        f"Run started {figures.text(record.get('started'))}",
        f"pytest-stm32pose {figures.text(plugin.get('version'))} ({figures.short_hash(plugin.get('commit'))})",
    ]
    words += [f"{key} {value}" for key, value in host.items() if isinstance(value, (str, int, float))]
    return tag("p", " \N{MIDDLE DOT} ".join(words), class_="pose-note")
