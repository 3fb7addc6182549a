"""How right the answers are: OKS and its distribution, keypoints by name and size of person, tensors, pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_stm32pose.entries.model import ModelEntry
from pytest_stm32pose.entries.picture import ImageEntry, TensorEntry
from pytest_stm32pose.metrics.labels import counted_words
from pytest_stm32pose.metrics.latency import percentile
from pytest_stm32pose.record.accuracy import Key, figure, labels_found
from pytest_stm32pose.report import figures, plots
from pytest_stm32pose.report.failures import FINE, picture_failed
from pytest_stm32pose.report.keypoints import keypoint_bars, keypoint_table, size_table
from pytest_stm32pose.report.markup import Html, tag
from pytest_stm32pose.report.scores import scores
from pytest_stm32pose.report.tables import (
    breakable,
    difference,
    facts,
    name_of,
    row,
    table,
    worst_first,
)

#: Longer tables show their worst rows and say so.
MAX_ROWS = 500
_MAX_TENSOR_ROWS = 24


def accuracy_parts(model: ModelEntry, overlays: Sequence[str]) -> list[Html]:
    """Everything of one network; `overlays` are the figures of its worst pictures."""
    if not model.images:
        return []
    found = scores(model.images, model.keypoint_set)
    parts = [
        _facts(model),
        tensor_table(model),
        tag("div", *_distributions(model), keypoint_bars(found), class_="pose-columns"),
        size_table(model, found),
        keypoint_table(model, found),
        _gallery(model, overlays),
        image_table(model),
    ]
    return [part for part in parts if part]


def _facts(model: ModelEntry) -> Html:
    """Every figure with the pictures that it is of."""
    named: tuple[tuple[str, Key], ...] = (
        ("OKS vs golden", "oks_vs_golden"),
        ("OKS vs truth", "oks_vs_truth"),
        ("PCK", "pck"),
        ("mAP@0.5 vs truth", "map50_vs_truth"),
        ("mAP@0.5:0.95 vs truth", "map_vs_truth"),
    )
    pairs: list[tuple[str, object]] = [(name, figures.scored(figure(model, key))) for name, key in named]
    pairs.append(("Pictures", f"{len(model.images):,}"))
    if known := model.keypoint_set:
        pairs.append(("Keypoints", f"{figures.text(known.name)}, OKS sigmas of {figures.text(known.sigmas_from)}"))
    if model.decoder:
        pairs.append(("Decoder", figures.text(model.decoder)))
    if found := labels_found(model):
        pairs.append(("Labels of the pictures", counted_words(found)))
    pairs += _definitions(model)
    return facts([pair for pair in pairs if not pair[0].startswith("mAP") or pair[1] != figures.MISSING])


def _definitions(model: ModelEntry) -> Iterable[tuple[str, object]]:
    """Whose OKS and mAP these are, where the record says it."""
    found = model.accuracy.definitions
    if found is not None and found.oks_vs_truth:
        yield "Definition of OKS", found.oks_vs_truth
    if found is not None and found.map50_vs_truth:
        yield "Definition of mAP", found.map50_vs_truth


def _distributions(model: ModelEntry) -> Iterable[Html]:
    """Histograms of OKS per picture; against the golden only where any picture differs."""
    truth = [image.oks_vs_truth for image in model.images]
    golden = [image.oks_vs_golden for image in model.images]
    for words, found in (("truth", truth), ("golden", golden)):
        values = [float(value) for value in found if value is not None]
        if len(values) < 2 or (words == "golden" and min(values) >= 1):
            continue
        low = sum(value < 0.5 for value in values)
        said = f"{low:,} of {len(values):,} pictures are below 0.5."
        title = f"Distribution of OKS vs {words}"
        yield plots.histogram(title, values, low=0, high=1, bins=20, unit="OKS of a picture", said=said)


def _gallery(model: ModelEntry, overlays: Sequence[str]) -> Html | None:
    if not overlays:
        return None
    count, of = len(overlays), len(model.images)
    heading = f"Pictures with skeletons (the worst {count:,} of {of:,})" if count < of else "Pictures with skeletons"
    return tag("div", tag("h4", heading), tag("div", *map(Html, overlays), class_="pose-gallery"))


def tensor_table(model: ModelEntry) -> Html | None:
    """Exactness per tensor over all pictures: one sentence when nothing differs, else the tensors that differ."""
    by_name: dict[str, list[TensorEntry]] = {}
    for image in model.images:
        for tensor in image.tensors:
            by_name.setdefault(figures.text(tensor.name), []).append(tensor)
    if not by_name:
        return None
    elements = {name: sum(each.elements for each in each_of) for name, each_of in by_name.items()}
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
        "Tensors that differ from the golden",
        ("Tensor", "Elements", "Differing", "Share", "Max LSB"),
        rows,
        of=name_of(model),
        note=note,
    )


def image_table(model: ModelEntry, *, max_rows: int = MAX_ROWS) -> Html | None:
    """One row per picture, in the order of the run; the worst `max_rows` when there are more."""
    images = model.images
    if not images:
        return None
    shown: Sequence[ImageEntry] = images
    note = ""
    if len(images) > max_rows:
        shown, note = worst_first(images)[:max_rows], f"The worst {max_rows:,} of {len(images):,} pictures."
    unit = next((image.timing.unit for image in images if image.timing and image.timing.unit), "latency")
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
    return table(
        "Pictures", heads, (image_row(model, image) for image in shown), of=name_of(model), note=note, tall=True
    )


def image_row(model: ModelEntry, image: ImageEntry) -> Html:
    """The row of one picture; see `image_table` for the columns."""
    error, timing = image.keypoint_error_px, image.timing
    values = timing.values if timing else ()
    differing, max_lsb = difference(image.tensors)
    return row(
        figures.text(image.id),
        figures.share(image.oks_vs_golden),
        figures.share(image.oks_vs_truth),
        figures.pixels(error.mean),
        figures.pixels(error.max),
        figures.count(differing),
        figures.count(max_lsb),
        figures.count(percentile(values, 50) if values else None),
        figures.seconds(timing.upload_s if timing else None),
        figures.seconds(timing.download_s if timing else None),
        class_="pose-row-bad" if picture_failed(model, image) else FINE,
    )
