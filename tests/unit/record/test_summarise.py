"""mAP of a record whose pictures were spread over workers: from all of them, in an order that is not chance."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from pytest_stm32pose.entries.picture import ImageEntry, MatchesEntry
from pytest_stm32pose.metrics.definitions import DEFINITIONS
from pytest_stm32pose.metrics.detection import Matches, average_precision_st, map50, map50_interval
from pytest_stm32pose.record.summarise import accuracy
from pytest_stm32pose.tell.terminal import summary_lines
from tests.support import report_sample
from tests.support.records import document_of, merged, run_of


def matches_of(found: Matches) -> dict[str, Any]:
    return document_of(MatchesEntry(found.scores, found.oks, found.targets))


def spread(pictures: dict[str, Matches], parts: int, seed: int) -> list[dict[str, Any]]:
    """Records of `parts` workers, each with some of the pictures."""
    names = list(pictures)
    random.Random(seed).shuffle(names)
    records = []
    for part in range(parts):
        record = report_sample.record()
        record["models"] = record["models"][:1]
        (model,) = record["models"]
        template = model["images"][0]
        model["images"] = [
            {**template, "id": name, "matches": matches_of(pictures[name])} for name in names[part::parts]
        ]  # fmt: skip
        records.append(record)
    return records


def test_merged_map_is_that_of_all_pictures() -> None:
    chance = random.Random(4)
    pictures = {
        f"{n:03}": Matches(
            tuple(sorted((chance.choice((0.2, 0.5, 0.9)) for _ in range(4)), reverse=True)),
            tuple(chance.choice((0.0, 0.45, 0.6, 0.8, 0.97)) for _ in range(4)),
            chance.randint(0, 5),
        )
        for n in range(12)
    }
    expected = list(pictures.values())
    interval = map50_interval(expected)
    assert interval is not None
    for seed in range(5):
        found = merged(spread(pictures, 3, seed))
        (model,) = found["models"]
        accuracy = model["accuracy"]
        assert accuracy["map50_vs_truth"] == map50(expected)
        assert accuracy["map_vs_truth"] == average_precision_st(expected).mean()
        assert tuple(accuracy["map50_vs_truth_interval"]) == (interval.low, interval.high)
        assert f"mAP@0.5 {map50(expected):.4f} vs truth" in summary_lines(run_of(found))[0]
    backwards = dict(reversed(pictures.items()))
    assert map50(list(backwards.values())) != map50(expected), "the order of ties matters, so it must be fixed"


def test_pictures_without_labels_have_no_map() -> None:
    records = spread({"a": Matches((0.9,), (1.0,), 1), "b": Matches((), (), 0)}, 2, 0)
    for record in records:
        for image in record["models"][0]["images"]:
            image["matches"] = None
    accuracy = merged(records)["models"][0]["accuracy"]
    assert (accuracy["map50_vs_truth"], accuracy["map50_vs_truth_interval"]) == (None, None)


def test_every_figure_that_there_is_names_its_definition() -> None:
    images = [ImageEntry.from_json(each, "it") for each in report_sample.record()["models"][0]["images"]]
    found = accuracy(images)
    named = document_of(found.definitions) if found.definitions else {}
    assert named == {key: DEFINITIONS[key] for key in DEFINITIONS if getattr(found, key) is not None}
    assert named["oks_vs_truth"].startswith("ST's OKS")
    nothing = accuracy(
        [replace(each, oks_vs_golden=None, oks_vs_truth=None, pck=None, matches=None) for each in images]
    )
    assert nothing.definitions is None
