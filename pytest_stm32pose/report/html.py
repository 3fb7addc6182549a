"""The run record as HTML: verdict first, then what was tested, then the evidence, one section per question.

Pure functions from the record to strings; nothing here reads files but the
package's own style sheets, and nothing imports pytest. All text from the record is escaped (markup.py). No scripts
of its own: filter and switches are check boxes that the style sheet reads, so they work wherever the page is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources

from pytest_stm32pose.entries.model import ModelEntry
from pytest_stm32pose.entries.picture import ImageEntry
from pytest_stm32pose.entries.run import RunEntry
from pytest_stm32pose.record import causes
from pytest_stm32pose.record.accuracy import NAMES, Figure, Key, figure
from pytest_stm32pose.record.cause import Cause
from pytest_stm32pose.report import figures, identity, tables
from pytest_stm32pose.report.accuracy import accuracy_parts
from pytest_stm32pose.report.comparison import comparison_is_fine, comparison_parts
from pytest_stm32pose.report.conformance_table import conformance_html
from pytest_stm32pose.report.divergence import divergence_parts
from pytest_stm32pose.report.failures import FINE, Failures, count_failures, picture_failed
from pytest_stm32pose.report.latency import latency_parts
from pytest_stm32pose.report.markup import Html, join, tag
from pytest_stm32pose.report.memory import memory_parts
from pytest_stm32pose.report.sections import MAX_OPEN, per_network, section

#: Overlays per network and board, the worst pictures, and of all together: more make a page nobody can open.
MAX_FIGURES = 20
_MAX_ALL_FIGURES = 120
_MAX_REASONS, _MAX_ALL_REASONS, _MAX_OF_CAUSE = 10, 500, 100

_VERDICTS = {
    "passed": ("\N{CHECK MARK} Passed", "pose-good", "Every check and every budget was met."),
    "failed": ("\N{BALLOT X} Failed", "pose-bad", "The device or the model is wrong."),
    "blocked": ("! Blocked", "pose-blocked", "The rig could not do its work: nothing is said about the model."),
}
#: Anchor and title, in the order of the page.
_SECTIONS = (
    ("pose-identity", "Board, firmware, networks"),
    ("pose-conformance", "Conformance"),
    ("pose-accuracy", "Accuracy"),
    ("pose-latency", "Latency"),
    ("pose-memory", "Memory"),
    ("pose-baseline", "Comparison with the baseline"),
    ("pose-divergence", "First divergence"),
)


def styles(*, page: bool = False) -> str:
    """A `<style>` element for everything this package writes.

    Args:
        page: also adapt pytest-html's own page (phone width, dark mode, screen readers), for use inside its report.
    """
    css = "\n".join(_file(name) for name in ("pose.css", "plots.css", *(["page.css"] if page else [])))
    if not page:
        return f"<style>\n{css}</style>"
    viewport = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    return f"{viewport}<style>\n{css}</style><script>\n{_file('page.js')}</script>"


def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def shown_pictures(record: RunEntry, model: ModelEntry) -> list[ImageEntry]:
    """The pictures of a network whose overlays the page shows: the worst first, fewer each where networks are many."""
    each = max(2, min(MAX_FIGURES, _MAX_ALL_FIGURES // max(1, len(record.models))))
    return tables.worst_first(model.images)[:each]


def summary_html(record: RunEntry, overlays: Mapping[tuple[str, str, str], str] | None = None) -> str:
    """The whole record as one section.

    Args:
        record: the run record.
        overlays: (board, model name, picture id) -> figure from overlays.py.
    """
    failures = count_failures(record)
    models, all_fine = record.models, not failures.models
    boards = {board.name: board for board in record.boards}

    def of_latency(model: ModelEntry) -> list[Html]:
        return latency_parts(model, boards.get(model.board))

    def of_memory(model: ModelEntry) -> list[Html]:
        return memory_parts(model, boards.get(model.board))

    def of_accuracy(model: ModelEntry) -> list[Html]:
        return accuracy_parts(model, _gallery(record, model, overlays or {}))

    contents: dict[str, tuple[bool, list[Html | None]]] = {
        "pose-identity": (
            False,
            [identity.boards(record), *per_network(models, failures, identity.network_parts)],
        ),
        "pose-conformance": (False, [conformance_html(record)]),
        "pose-accuracy": (all_fine, [*per_network(models, failures, of_accuracy)]),
        "pose-latency": (all_fine, [*per_network(models, failures, of_latency)]),
        "pose-memory": (all_fine, [*per_network(models, failures, of_memory)]),
        "pose-baseline": (comparison_is_fine(record), [*comparison_parts(record)]),
        "pose-divergence": (False, [*per_network(models, failures, divergence_parts)]),
    }
    made = [(key, title, section(title, key, *contents[key][1], fine=contents[key][0])) for key, title in _SECTIONS]
    parts = [(key, title, part) for key, title, part in made if part]
    navigation = _navigation([(key, title) for key, title, _ in parts])
    body = [_verdict(record, models, failures, navigation), *(part for _, _, part in parts)]
    return str(tag("div", *body, identity.provenance(record), class_="pose-report"))


def _verdict(record: RunEntry, models: Sequence[ModelEntry], failures: Failures, navigation: Html | None) -> Html:
    words, css, meaning = _VERDICTS[record.verdict]
    parts = [
        tag("h2", "Pose validation: ", tag("span", words, class_=css)),
        tag("p", meaning),
        _reasons(record),
        navigation,
        _filter(failures) if models else None,
        _overview(models, failures),
        _budgets(models),
    ]
    return tag("section", *parts, class_=f"pose-verdict {css}-edge", aria_label="Pose validation: verdict")


def _reasons(record: RunEntry) -> Html | None:
    """Every cause once with its worst failure, the others of it folded; then what stands alone."""
    found = causes.causes(record)
    first, rest = causes.split(found, _MAX_REASONS)
    if not first:
        return None
    folded = [_cause(cause) for cause in rest[: _MAX_ALL_REASONS - len(first)]]
    if more := len(found) - len(first) - len(folded):
        folded.append(tag("li", f"and {more:,} more, in the record"))
    more_reasons = tag(
        "details", tag("summary", f"{len(folded)} more reasons"), tag("ul", *folded, class_="pose-reasons")
    )
    return tag("div", tag("ul", *map(_cause, first), class_="pose-reasons"), more_reasons if folded else None)


def _cause(cause: Cause) -> Html:
    if not cause.is_group:
        return tag("li", cause.line)
    worst = tag("p", cause.told_example, class_="pose-note") if cause.example else None
    kept = [tag("li", reason) for reason in cause.rest[:_MAX_OF_CAUSE]]
    if len(kept) < len(cause.rest):
        kept.append(tag("li", f"and {len(cause.rest) - len(kept):,} more, in the record"))
    heading = tag("summary", f"{len(cause.rest):,} more of this cause")
    rest = tag("details", heading, tag("ul", *kept, class_="pose-reasons")) if kept else None
    return tag("li", tag("strong", cause.line), worst, rest, class_="pose-cause")


def _navigation(found: list[tuple[str, str]]) -> Html | None:
    links = [tag("li", tag("a", title, href=f"#{key}")) for key, title in found]
    return tag("nav", tag("ul", *links), class_="pose-nav", aria_label="Parts of the pose report") if links else None


def _filter(failures: Failures) -> Html:
    """A check box, and what it did in a live region; the style sheet does the rest."""
    box = tag("input", type="checkbox", autocomplete="off", class_="pose-failures-only")
    status = tag(
        "p",
        tag("span", "Everything is shown.", class_="pose-when-all"),
        tag("span", failures.describe(), class_="pose-when-failures"),
        role="status",
        class_="pose-note",
    )
    return tag("div", tag("label", box, "Failures only"), status, class_="pose-filter")


def _overview(models: Sequence[ModelEntry], failures: Failures) -> Html | None:
    if not models:
        return tag("p", "The record holds no model: nothing was measured.", class_="pose-note")
    keys = _overview_keys(models)
    heads = (
        "Model",
        "Board",
        "Budgets",
        "Pictures",
        *(" ".join(NAMES[key]) for key in keys),
        "Max LSB",
        "Differing",
        "Latency p95",
        "Activations",
    )
    note = "n: pictures that a figure is of, or timed inferences; then its 95 % interval."
    return tables.table("Networks", heads, (_overview_row(model, failures, keys) for model in models), note=note)


def _overview_keys(models: Sequence[ModelEntry]) -> list[Key]:
    """The accuracy figures that have a column: mAP where a network has one."""
    return [key for key in NAMES if key != "map50_vs_truth" or any(figure(model, key).value for model in models)]


def _overview_row(model: ModelEntry, failures: Failures, keys: Sequence[Key]) -> Html:
    latency = model.latency
    differing, worst = tables.difference(tensor for image in model.images for tensor in image.tensors)
    of = f"{latency.unit}, n={figures.count(latency.n)}" if latency else ""
    p95 = join((figures.count(latency.p95 if latency else None), tag("small", of, class_="pose-of")), " ")
    fine = failures.model_is_fine(model)
    return tables.row(
        tables.breakable(figures.text(model.name)),
        figures.text(model.board),
        _budget_count(model),
        _picture_count(model),
        *(_score(figure(model, key)) for key in keys),
        figures.count(worst),
        figures.count(differing),
        p95,
        figures.kib(model.activation_bytes),
        class_=FINE if fine else "pose-row-bad",
    )


def _score(found: Figure) -> Html:
    """A figure, and below it what it is of."""
    of = tag("small", found.of, class_="pose-of") if found.value is not None and found.of else ""
    return join((figures.share(found.value), of), " ")


def _picture_count(model: ModelEntry) -> str:
    failed = sum(picture_failed(model, image) for image in model.images)
    return f"{len(model.images):,}" + (f" ({failed:,} failed)" if failed else "")


def _budget_count(model: ModelEntry) -> Html:
    judged = [budget.passed for budget in model.budgets]
    if not judged:
        return tables.mark(None)
    met = sum(judged)
    css, shape = ("pose-bad", "\N{BALLOT X}") if met < len(judged) else ("pose-good", "\N{CHECK MARK}")
    return tag("span", f"{shape} {met} of {len(judged)} met", class_=css)


def _budgets(models: Sequence[ModelEntry]) -> Html | None:
    """A table per network; folded where they are many."""
    found = [table for model in models if (table := tables.budget_table(model))]
    if not found:
        return None
    grid = tag("div", *found, class_="pose-columns")
    return grid if len(found) <= MAX_OPEN else tag("details", tag("summary", "Budgets"), grid)


def _gallery(record: RunEntry, model: ModelEntry, overlays: Mapping[tuple[str, str, str], str]) -> list[str]:
    """The figures of the worst pictures; those of fine pictures are wrapped so that the filter finds them."""
    found = []
    for image in shown_pictures(record, model):
        figure = overlays.get((model.board, model.name, image.id))
        if figure:
            css = None if picture_failed(model, image) else FINE
            found.append(str(tag("div", Html(figure), class_=css)))
    return found
