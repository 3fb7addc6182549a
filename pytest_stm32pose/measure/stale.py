"""Whose answer it is, where it is not this picture's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pytest_stm32pose.measure.result import PictureResult

#: What is noted at a divergence whose output is another picture's.
STALE = "a stale answer"


def told_if_stale(result: PictureResult, others: Iterable[PictureResult]) -> PictureResult:
    """Where the device's output is not this picture's but exactly another's, its divergence says so."""
    if result.divergence is None or result.output_crc32 is None:
        return result
    for other in others:
        if other.golden_output_crc32 == result.output_crc32 and other.picture_id != result.picture_id:
            whose = f"{STALE}: the output is that of {other.picture_id}"
            return replace(result, divergence=result.divergence.noting(whose))
    return result
