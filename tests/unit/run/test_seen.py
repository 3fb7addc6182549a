"""Pictures by what is in them: no change of pixels or labels hides behind a name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pytest_stm32pose.run.seen import PictureNames, fingerprint
from pytest_stm32pose.types import Picture, Truth

PIXELS = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
TRUTH = Truth(np.ones((1, 17, 3)), np.ones((1, 4)), np.ones(1), np.zeros(1, bool))
PICTURE = Picture("one", "one.png", "0" * 64, PIXELS, TRUTH)
FLIPPED = replace(PICTURE, pixels=PIXELS[:, ::-1])
RELABELLED = replace(PICTURE, truth=replace(TRUTH, areas_px=np.full(1, 2.0)))
RESHAPED = replace(PICTURE, pixels=PIXELS.reshape(2, 8, 3))
UNLABELLED = replace(PICTURE, truth=None)
OTHERS = (FLIPPED, RELABELLED, RESHAPED, UNLABELLED)


def test_equal_content_has_one_fingerprint_and_other_content_another() -> None:
    again = replace(PICTURE, id="two", pixels=PIXELS.copy())
    assert fingerprint(again) == fingerprint(PICTURE)
    assert fingerprint(PICTURE, "letterbox") != fingerprint(PICTURE)
    assert len({fingerprint(each) for each in (PICTURE, *OTHERS)}) == 1 + len(OTHERS)


def test_the_runs_own_picture_has_the_name_whoever_comes_first() -> None:
    names = PictureNames({"one": PICTURE}.get)
    changed = [names.named(each)[0] for each in OTHERS]
    assert len({each.id for each in changed}) == len(OTHERS)
    assert all(each.id == f"one~{each.sha256[:8]}" for each in changed), "not what the file holds"
    assert names.named(PICTURE)[0] is PICTURE
    assert names.named(FLIPPED)[0].id == changed[0].id, "the same name again"
    assert PictureNames({"one": PICTURE}.get).named(FLIPPED)[0].id == changed[0].id, "and in every process"


def test_a_picture_that_was_decoded_is_not_decoded_again_to_be_known() -> None:
    unknown: dict[str, Picture] = {}
    names = PictureNames(unknown.get)
    assert names.own(PICTURE) == fingerprint(PICTURE)
    assert names.named(FLIPPED)[0].id != "one"
    assert names.named(PICTURE) == (PICTURE, fingerprint(PICTURE))


def test_of_pictures_that_the_run_does_not_know_the_first_has_the_name() -> None:
    unknown: dict[str, Picture] = {}
    names = PictureNames(unknown.get)
    assert names.named(FLIPPED)[0] is FLIPPED
    assert names.named(FLIPPED, "letterbox")[0].id != "one"
    assert names.named(PICTURE)[0].id != "one"
