"""The device's OKS against the labels is not computed any more."""

from __future__ import annotations

from dataclasses import replace

from pytest_stm32pose.measure.result import PictureResult
from pytest_stm32pose.record import plain
from pytest_stm32pose.record.entries import ImageEntry

image_entry = plain.image_entry


def without_truth(result: PictureResult) -> ImageEntry:
    return image_entry(replace(result, oks_vs_truth=None))


plain.image_entry = without_truth
