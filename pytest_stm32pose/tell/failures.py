"""Which keypoints are off, in words, of a run that failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from pytest_stm32pose.entries.model import ModelEntry
from pytest_stm32pose.metrics.worst import Compared, Errors, FigureErrors, figure_errors
from pytest_stm32pose.record.accuracy import counted_persons, finds_several


def failure_lines(model: ModelEntry) -> list[str]:
    """For the summary of a run that failed: which keypoints are off."""
    compared: tuple[tuple[Literal["golden", "truth"], str], ...] = (("golden", "the golden"), ("truth", "the labels"))
    for reference, words in compared:
        found = keypoint_errors(model, reference)
        if found.is_off:
            worst = _listed([each for each in found.by_keypoint if each.is_off][:3])
            return [f"worst keypoints against {words}: {worst}; by size of the person: {_listed(found.by_size)}"]
    return []


def keypoint_errors(model: ModelEntry, reference: Literal["golden", "truth"]) -> FigureErrors:
    """Which keypoints are off, against the golden or the labels, of a record's model entry.

    Against the golden all persons count, against the labels those that the figure beside it is of.
    """
    shape = (-1, model.keypoints, 3)
    several = finds_several(model.images)
    pictures = []
    for image in model.images:
        told = image.keypoints_golden if reference == "golden" else image.keypoints_truth
        if image.keypoints_device is None or told is None:
            continue
        persons = np.array(told, np.float64).reshape(shape)
        if reference == "truth":
            persons = persons[np.array(counted_persons(image, several), np.bool_)]
        device = np.array(image.keypoints_device, np.float64).reshape(shape)
        pictures.append(Compared(device, persons, image.width_px or 0, image.height_px or 0))
    names = model.keypoint_set.names if model.keypoint_set else None
    return figure_errors(pictures, labels=reference == "truth", names=names)


def _listed(errors: Sequence[Errors]) -> str:
    return ", ".join(
        f"{each.name} {each.mean_px:.2f} px of {each.points}" + (f" ({each.lost} lost)" if each.lost else "")
        for each in errors
    )
