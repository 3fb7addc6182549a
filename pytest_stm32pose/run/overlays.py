"""Pictures of a run drawn with the skeletons of device, golden and labels, for pytest-html's report."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pytest_stm32pose.record import plain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pytest_stm32pose.entries.run import RunEntry
    from pytest_stm32pose.measure.device import Device
    from pytest_stm32pose.measure.result import PictureResult
    from pytest_stm32pose.types import Picture


#: Stands for a figure that no row will show.
NOT_DRAWN = "not drawn"


class Overlays:
    """Figures in HTML by board, network and picture, of those that are shown: in the rows of failing tests, as many as
    have room there, and the worst of the record, of which those that exist are not drawn again."""

    def __init__(self) -> None:
        self._drawn: dict[tuple[str, str, str], str] = {}
        self._asked = 0

    def add(self, device: Device, result: PictureResult, picture: Picture) -> str:
        """Draws the picture of a test that failed. Returns its HTML, NOT_DRAWN beyond what rows show."""
        from pytest_stm32pose.report.attach import MAX_ATTACHED, picture_overlay

        self._asked += 1
        if self._asked > MAX_ATTACHED:
            return NOT_DRAWN
        description = device.network.description
        html = picture_overlay(
            plain.image_entry(result), picture.pixels, description.skeleton, description.decoding.keypoint_score
        )
        self._drawn[device.board.spec.name, description.name, result.picture_id] = html
        return html

    def sections(self, record: RunEntry, pixels_of: Callable[[str], NDArray[np.uint8] | None]) -> list[str]:
        """The record for pytest-html's summary, with its worst pictures.

        Args:
            pixels_of: the picture of an id, uint8 [height, width, 3] RGB; None when it is not at hand.
        """
        from pytest_stm32pose.report.attach import results_summary, worst_overlays

        prefix: list[str] = []
        results_summary(prefix, record, worst_overlays(record, pixels_of, self._drawn))
        return prefix
