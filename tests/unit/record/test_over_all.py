"""What is judged over all pictures: whether the device is as accurate against the labels as its golden."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_stm32pose.entries.picture import MatchesEntry
from pytest_stm32pose.record.over_all import as_the_golden
from pytest_stm32pose.record.parts import MeasuredPicture
from tests.support.records import picture_of

FOUND, MISSED = MatchesEntry((0.9,), (0.8,), 1), MatchesEntry((0.9,), (0.1,), 1)


def picture(
    name: str, golden_oks: float | None = None, golden: MatchesEntry | None = None, **image: Any
) -> MeasuredPicture:
    """As it arrives from another process."""
    made = MeasuredPicture(picture_of({"id": name, **image}), 1, (), golden_oks, golden)
    sent: MeasuredPicture = MeasuredPicture.from_json(json.loads(json.dumps(made.to_json())), "a picture")
    return sent


def test_oks_of_single_persons() -> None:
    same = [picture("a", 0.75, oks_vs_truth=0.75), picture("b", 0.5, oks_vs_truth=0.5), picture("c")]
    assert as_the_golden(same).outcome == "passed"
    worse = as_the_golden([*same, picture("d", 0.9, oks_vs_truth=0.8999)])
    assert (worse.outcome, worse.text) == ("failed", "OKS against truth (n=3): device 0.716633, golden 0.716667")
    better = as_the_golden([*same, picture("d", 0.8, oks_vs_truth=0.9)])
    assert better.outcome == "failed", "as good by another answer is not as the golden"


def test_map_where_persons_have_scores() -> None:
    def of(device: MatchesEntry, golden: MatchesEntry, name: str) -> MeasuredPicture:
        return picture(name, 0.5, golden, oks_vs_truth=0.5, matches=device.to_json())

    assert as_the_golden([of(FOUND, FOUND, "a"), of(MISSED, MISSED, "b")]).outcome == "passed"
    said = as_the_golden([of(FOUND, FOUND, "a"), of(MISSED, FOUND, "b")])
    assert said.outcome == "failed"
    assert said.text.startswith("mAP@0.5 against truth (n=2): device ") and said.text.endswith(" golden 1")


@pytest.mark.parametrize(("found", "why"), [("none", "carry no labels"), ("crowd", "no picture has exactly one")])
def test_without_a_label_that_judges_there_is_nothing_to_compare(found: str, why: str) -> None:
    said = as_the_golden([picture("a", labels={"found": found, "counted": []})])
    assert said.outcome == "skipped" and why in said.text and "--pose-images=FILE.json" in said.text
