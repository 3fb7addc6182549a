"""Labels brought onto the pictures as they are: which raster they were made on, at which size, in which unit. Pure.

What the file says of a picture (width, height) is compared with the picture's own file. The picture under test is
upright; labels may have been made on it, or on what is stored. What cannot be settled by comparing is refused: a wrong
label is worse than none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.pictures.annotations import plausible
from pytest_stm32pose.pictures.annotations.boxes import with_sides
from pytest_stm32pose.pictures.annotations.labelled import Annotations, LabelledImage
from pytest_stm32pose.pictures.annotations.notes import Findings, Kind
from pytest_stm32pose.pictures.annotations.orientation import Raster, turned
from pytest_stm32pose.pictures.annotations.units import Units, factor, units_of
from pytest_stm32pose.types import Truth

Side = Literal["stored", "upright"]
Size = tuple[int, int]

#: Scaled sizes are whole pixels: width and height are each off by less than one, and by this share of each other.
_PROPORTION = 0.02
#: A picture this much smaller than the file says was scaled; below, rounding explains it.
_SCALED = 1.02


@dataclass(frozen=True)
class _Frame:
    """The picture that the labels were made on, as far as sizes tell."""

    sides: tuple[Side, ...]  #: those that are possible: one, or both
    size: Size  #: of the picture on the first of them
    said: Size | None  #: what the file says

    @property
    def is_scaled(self) -> bool:
        return self.said is not None and self.said != self.size


def placed(
    source: str, images: Sequence[LabelledImage], rasters: Sequence[Raster], annotations: Annotations
) -> tuple[list[Truth], list[Findings]]:
    """Each picture's labels in pixels of the upright picture, and what was found and settled.

    Args:
        source: names the annotation file.
        images: of the annotations, those under test.

    Raises:
        ImageError: labels contradict the picture or themselves; names the picture and what can be done.
    """
    fractions = annotations.are_fractions
    units = units_of(source, images, [raster.upright for raster in rasters], are_fractions=fractions)
    frames = [_frame(source, *of_image) for of_image in zip(images, rasters, units, strict=True)]
    _check_scales(source, images, frames, units)
    usual = _usual_side(frames, rasters)
    sides = [frame.sides[0] if len(frame.sides) == 1 else usual for frame in frames]
    sizes = [raster.stored if side == "stored" else raster.upright for side, raster in zip(sides, rasters, strict=True)]
    truths = [
        _in_pixels(image.truth, unit, size, frame.said or size)
        for image, unit, size, frame in zip(images, units, sizes, frames, strict=True)
    ]
    findings = [_findings(*of_image, fractions) for of_image in zip(images, frames, units, sides, strict=True)]
    names = [image.file_name for image in images]
    truths = with_sides(source, names, truths, sizes, findings, annotations.box_form)
    plausible.check(source, names, truths, sizes, findings)
    upright = [
        turned(truth, raster) if side == "stored" else truth
        for truth, raster, side in zip(truths, rasters, sides, strict=True)
    ]
    return upright, findings


def _findings(image: LabelledImage, frame: _Frame, unit: Units, side: Side, by_format: bool) -> Findings:
    """Args: by_format: the format has fractions, which are nothing to tell."""
    findings = Findings(image.findings)
    if len(frame.sides) == 2:
        findings[Kind.PROBABLY_TURNED if side == "stored" else Kind.PERHAPS_TURNED] += 1
    findings[Kind.TURNED] += frame.sides == ("stored",)
    findings[Kind.SCALED] += frame.is_scaled
    labelled, boxes = bool((image.truth.keypoints_px[..., 2] > 0).any()), bool(image.truth.boxes_px[:, 2:].any())
    findings[Kind.FRACTIONS] += unit.points == "fractions" and not by_format
    findings[Kind.BOX_FRACTIONS] += "fractions" in (unit.boxes, unit.areas) and not by_format
    findings[Kind.PERCENT] += unit.points == "percent" and labelled
    findings[Kind.BOX_PERCENT] += unit.boxes == "percent" and boxes
    findings[Kind.NOT_FRACTIONS] += unit.points == "pixels" and by_format and labelled
    findings[Kind.BOX_NOT_FRACTIONS] += unit.boxes == "pixels" and by_format and boxes
    return findings


def _frame(source: str, image: LabelledImage, raster: Raster, unit: Units) -> _Frame:
    candidates: dict[Side, Size] = {"upright": raster.upright}
    if raster.orientation != 1:
        candidates["stored"] = raster.stored
    size_told = image.size
    if size_told is None:
        inside = [
            side
            for side, size in candidates.items()
            if unit.points != "pixels" or plausible.is_inside(image.truth, size)
        ]
        sides = inside if len(inside) == 1 else list(candidates)
        return _Frame(tuple(sides), candidates[sides[0]], None)
    equal = [side for side, size in candidates.items() if size == size_told]
    alike = equal or [side for side, size in candidates.items() if _in_proportion(size_told, size)]
    if not alike:
        turned_too = f" ({_shown(raster.stored)} as stored)" if raster.stored != raster.upright else ""
        raise ImageError(
            f"{source} says that {image.file_name} has {_shown(size_told)} pixels, but it has "
            f"{_shown(raster.upright)}{turned_too}: "
            "it was cropped, padded or stretched after it was labelled, or another picture is meant.",
            remedy="Give the picture that was labelled, or correct width, height and labels.",
        )
    if len(candidates) == 2 and len(equal) == 1 and unit.points == "pixels":
        _check_side(source, image, candidates, equal[0])
    return _Frame(tuple(alike), candidates[alike[0]], size_told)


def _check_side(source: str, image: LabelledImage, candidates: Mapping[Side, Size], side: Side) -> None:
    """Tools may write the size of the one and the labels of the other. Raises ImageError."""
    other: Side = "upright" if side == "stored" else "stored"
    inside = {tried: plausible.is_inside(image.truth, candidates[tried]) for tried in (side, other)}
    if inside[other] and not inside[side]:
        raise ImageError(
            f"{source} says that {image.file_name} has {_shown(candidates[side])} pixels, as it has {side}, but its "
            f"labels fit {_shown(candidates[other])}, as it has {other} (EXIF orientation).",
            remedy="Write the width and height of the picture that was labelled.",
        )


def _in_proportion(told: Size, size: Size) -> bool:
    across, down = size[0] / told[0], size[1] / told[1]
    off = abs(told[0] * size[1] - told[1] * size[0])
    return abs(across / down - 1) <= _PROPORTION and off <= max(sum(told), sum(size))


def _check_scales(
    source: str, images: Sequence[LabelledImage], frames: Sequence[_Frame], units: Sequence[Units]
) -> None:
    """Labels of pictures that were scaled are in pixels of the size that the file says, or nobody knows."""
    shrunk = []
    for image, frame, unit in zip(images, frames, units, strict=True):
        if frame.said is None or not frame.is_scaled or unit.points != "pixels":
            continue
        contradiction = (
            f"{source} says that {image.file_name} has {_shown(frame.said)} pixels, but it has {_shown(frame.size)}"
        )
        if not plausible.is_inside(image.truth, frame.said):
            raise ImageError(
                f"{contradiction}, and its labels lie outside of what the file says.",
                remedy="Correct width, height and labels.",
            )
        if frame.said[0] > _SCALED * frame.size[0]:
            shrunk.append((contradiction, plausible.is_inside(image.truth, frame.size)))
    if shrunk and all(fits for _, fits in shrunk):
        raise ImageError(
            f"{shrunk[0][0]}; its labels fit either, so that nobody can tell whether they are to be scaled.",
            remedy="Write the picture's own width and height into the file, and labels in its pixels.",
        )


def _usual_side(frames: Sequence[_Frame], rasters: Sequence[Raster]) -> Side:
    """The side that labels were made on where a picture with an orientation tells it; upright where none does."""
    told = {frame.sides for frame, raster in zip(frames, rasters, strict=True) if raster.orientation != 1}
    return "stored" if ("stored",) in told and ("upright",) not in told else "upright"


def _in_pixels(truth: Truth, unit: Units, size: Size, told: Size) -> Truth:
    """Labels in the file's units -> in pixels of a picture of that size."""
    whole = np.array(size, dtype=np.float64)
    scale = whole / np.array(told)
    points_by, boxes_by, areas_by = (
        scale if of == "pixels" else factor(of, whole) for of in (unit.points, unit.boxes, unit.areas)
    )
    points = truth.keypoints_px.copy()
    points[..., :2] *= points_by
    return Truth(points, truth.boxes_px * np.tile(boxes_by, 2), truth.areas_px * areas_by.prod(), truth.crowd)


def _shown(size: Size) -> str:
    return f"{size[0]} x {size[1]}"
