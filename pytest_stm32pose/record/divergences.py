"""Pictures that left the golden, grouped by the place where they did: stage, operator, tensor. Pure.

The record may come from anywhere: what its schema cannot say is not relied upon.
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_stm32pose.entries.model import ModelEntry
from pytest_stm32pose.entries.picture import DivergenceEntry, ImageEntry
from pytest_stm32pose.measure.stale import STALE
from pytest_stm32pose.metrics.tensors import MAX_FEW_CHANNELS, few_channels
from pytest_stm32pose.record.cause import Cause, template

DIVERGED = "First divergence: "  #: what the sentence of a divergence begins with
_LARGEST = float("inf")

_Key = tuple[str, int, int]


def divergences(model: ModelEntry) -> list[Cause]:
    """The pictures of a model entry that left the golden, each in exactly one cause, by the place where they did."""
    apart = [image for image in model.images if image.first_divergence or image.divergence]
    located = {
        (stage, found.seen_at): _key(image)
        for image in apart
        if (found := image.first_divergence) and found.seen_at is not None
        for stage in ("operator", "output")
    }
    homes = set(located.values())
    groups: dict[_Key, list[ImageEntry]] = {}
    for image in apart:
        key = _key(image)
        groups.setdefault(key if key in homes else located.get(key[:2], key), []).append(image)
    return [_of_pictures(model, key, members) for key, members in groups.items()]


def _of_pictures(model: ModelEntry, key: _Key, members: Sequence[ImageEntry]) -> Cause:
    of = len(model.images)
    exact = [image for image in members if _key(image) == key]
    ordered = sorted(members, key=lambda image: (_key(image) == key, *severity(image)), reverse=True)
    found = [image.first_divergence for image in exact]
    known = [each for each in found if each]
    stale = sum(STALE in each.detail for image in members if (each := image.first_divergence))
    channels = _channels(known) if len(known) == len(found) else ""
    text = f"{len(members)} of {pictures_words(of)}: first divergence {_place(key, exact)}{channels}{_most(known)}"
    if len(exact) < len(members):
        other = next(image.first_divergence for image in members if _key(image) != key)
        text += f", found in {len(exact)} of them with every tensor kept; the plan that runs shows {_seen(other)}"
    text += f"; {STALE} in {stale}" if stale else ""
    text += "; the keypoints are equal" if found and all(each and each.keypoints_equal for each in found) else ""
    return Cause("divergence", text, model.board, model.name, tuple(image.id for image in ordered), of)


def _seen(other: DivergenceEntry | None) -> str:
    """Of a picture in the plan that runs."""
    if other is None:
        return "None"
    hint = f" ({other.detail})" if other.detail else ""
    return f"{other.op_index} {other.op_name}".strip() + hint


def severity(image: ImageEntry) -> tuple[float, float, float]:
    """How far a picture is off: by LSB where it left the golden first, by elements there, by pixels."""
    found, error = image.first_divergence, image.keypoint_error_px.max
    lsb, differing = (found.max_lsb, found.differing) if found else (None, None)
    return (
        -1.0 if lsb is None else float(lsb),
        -1.0 if differing is None else float(differing),
        _LARGEST if error is None else float(error),  # the record has null for infinity: a person is lost
    )


def _key(image: ImageEntry) -> _Key:
    """Stage, operator and tensor where a picture left the golden; of older records the sentence without its figures."""
    found = image.first_divergence
    stage = found.stage if found and found.stage else template(str(image.divergence))
    if stage not in ("operator", "input", "output"):
        return stage, -1, -1
    return (stage, found.op_index, found.tensor) if found else (stage, -1, -1)


def _place(key: _Key, members: Sequence[ImageEntry]) -> str:
    stage, op_index, tensor = key
    found = members[0].first_divergence
    if stage == "operator":
        return f"operator {op_index} {found.op_name if found else ''}".strip()
    if stage in ("input", "output"):
        return f"{stage} tensor {tensor}"
    if stage == "preprocessing":
        return "preprocessing, the device was given other input bytes than the golden"
    if stage in ("decode", "keypoints"):
        most = max((each.first_divergence.differing or 0) if each.first_divergence else 0 for each in members)
        equal = "the output tensors are equal but " if stage == "decode" else ""
        return f"{stage}, {equal}{most} of {found.elements if found else 0} keypoints differ"
    return str(members[0].divergence).removeprefix(DIVERGED).removesuffix(".")


def _channels(found: Sequence[DivergenceEntry]) -> str:
    """Where all pictures differ in the same few channels of many."""
    touched: set[int] = set()
    for each in found:
        where = each.where
        channels = [pair[0] for pair in where.channels if len(pair) == 2] if where else []
        few = few_channels(channels, where.height * where.width if where else 0, each.elements)
        if not few:
            return ""
        touched |= set(few)
    if not 0 < len(touched) <= MAX_FEW_CHANNELS:
        return ""
    return f", channel{'s' * (len(touched) > 1)} {', '.join(map(str, sorted(touched)))} only"


def _most(found: Sequence[DivergenceEntry]) -> str:
    lsb = [each.max_lsb for each in found if each.max_lsb is not None]
    return f" (max {max(lsb)} LSB)" if lsb else ""


def pictures_words(count: int) -> str:
    """`8 pictures`."""
    return f"{count} picture{'s' * (count != 1)}"
