"""The device's OKS against the labels is a little less than it is, on one picture of two."""

from __future__ import annotations

from dataclasses import replace

from pytest_stm32pose.measure.result import PictureResult
from pytest_stm32pose.record import plain
from pytest_stm32pose.record.entries import ImageEntry

image_entry = plain.image_entry


def less(result: PictureResult) -> ImageEntry:
    if result.picture_id != "figure_0" or result.oks_vs_truth is None:
        return image_entry(result)
    return image_entry(replace(result, oks_vs_truth=result.oks_vs_truth - 0.02))


plain.image_entry = less
