"""Pictures that left the golden, grouped by the place where they did: stage, operator, tensor. Pure.

Input is a `models` entry of the run record, which may come from anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_stm32pose.measure.stale import STALE
from pytest_stm32pose.metrics.tensors import MAX_FEW_CHANNELS, few_channels
from pytest_stm32pose.record.cause import Cause, template
from pytest_stm32pose.record.untrusted import Entry, entries, is_number, part

DIVERGED = "First divergence: "  #: what the sentence of a divergence begins with
_LARGEST = float("inf")

_Key = tuple[str, int, int]


def divergences(model: Entry) -> list[Cause]:
    """The pictures of a model entry that left the golden, each in exactly one cause, by the place where they did."""
    images = entries(model, "images")
    apart = [image for image in images if image.get("first_divergence") or image.get("divergence")]
    located = {
        (stage, found["seen_at"]): _key(image)
        for image in apart
        if is_number((found := part(image, "first_divergence")).get("seen_at"))
        for stage in ("operator", "output")
    }
    homes = set(located.values())
    groups: dict[_Key, list[Entry]] = {}
    for image in apart:
        key = _key(image)
        groups.setdefault(key if key in homes else located.get(key[:2], key), []).append(image)
    return [_of_pictures(model, key, members, len(images)) for key, members in groups.items()]


def _of_pictures(model: Entry, key: _Key, members: Sequence[Entry], of: int) -> Cause:
    exact = [image for image in members if _key(image) == key]
    ordered = sorted(members, key=lambda image: (_key(image) == key, *severity(image)), reverse=True)
    found = [part(image, "first_divergence") for image in exact]
    stale = sum(STALE in str(part(image, "first_divergence").get("detail")) for image in members)
    text = (
        f"{len(members)} of {pictures_words(of)}: first divergence {_place(key, exact)}{_channels(found)}{_most(found)}"
    )
    if len(exact) < len(members):
        other = next(part(image, "first_divergence") for image in members if _key(image) != key)
        seen = f"{other.get('op_index')} {other.get('op_name') or ''}".strip()
        hint = f" ({other['detail']})" if other.get("detail") else ""
        text += f", found in {len(exact)} of them with every tensor kept; the plan that runs shows {seen}{hint}"
    text += f"; {STALE} in {stale}" if stale else ""
    text += "; the keypoints are equal" if found and all(each.get("keypoints_equal") is True for each in found) else ""
    ids = tuple(str(image.get("id")) for image in ordered)
    return Cause("divergence", text, str(model.get("board")), str(model.get("name")), ids, of)


def severity(image: Entry) -> tuple[float, float, float]:
    """How far a picture is off: by LSB where it left the golden first, by elements there, by pixels."""
    found = part(image, "first_divergence")
    lsb, differing, error = found.get("max_lsb"), found.get("differing"), part(image, "keypoint_error_px").get("max")
    return (
        float(lsb) if is_number(lsb) else -1.0,
        float(differing) if is_number(differing) else -1.0,
        float(error) if is_number(error) else _LARGEST,  # the record has null for infinity: a person is lost
    )


def _key(image: Entry) -> _Key:
    """Stage, operator and tensor where a picture left the golden; of older records the sentence without its figures."""
    found = part(image, "first_divergence")
    stage = str(found.get("stage") or template(str(image.get("divergence"))))
    if stage not in ("operator", "input", "output"):
        return stage, -1, -1
    place = [int(value) if is_number(value := found.get(key)) else -1 for key in ("op_index", "tensor")]
    return stage, place[0], place[1]


def _place(key: _Key, members: Sequence[Entry]) -> str:
    stage, op_index, tensor = key
    found = part(members[0], "first_divergence")
    if stage == "operator":
        return f"operator {op_index} {found.get('op_name') or ''}".strip()
    if stage in ("input", "output"):
        return f"{stage} tensor {tensor}"
    if stage == "preprocessing":
        return "preprocessing, the device was given other input bytes than the golden"
    if stage in ("decode", "keypoints"):
        most = max(each for image in members for each in [_number(part(image, "first_divergence").get("differing"))])
        equal = "the output tensors are equal but " if stage == "decode" else ""
        return f"{stage}, {equal}{most} of {_number(found.get('elements'))} keypoints differ"
    return str(members[0].get("divergence")).removeprefix(DIVERGED).removesuffix(".")


def _channels(found: Sequence[Entry]) -> str:
    """Where all pictures differ in the same few channels of many."""
    touched: set[int] = set()
    for each in found:
        where = part(each, "where")
        pairs = [pair for pair in where.get("channels") or () if isinstance(pair, (list, tuple)) and len(pair) == 2]
        size = _number(where.get("height")) * _number(where.get("width"))
        few = few_channels([_number(channel) for channel, _ in pairs], size, _number(each.get("elements")))
        if not few:
            return ""
        touched |= set(few)
    if not 0 < len(touched) <= MAX_FEW_CHANNELS:
        return ""
    return f", channel{'s' * (len(touched) > 1)} {', '.join(map(str, sorted(touched)))} only"


def _most(found: Sequence[Entry]) -> str:
    lsb = [int(value) for each in found if is_number(value := each.get("max_lsb"))]
    return f" (max {max(lsb)} LSB)" if lsb else ""


def _number(value: object) -> int:
    return int(value) if is_number(value) else 0


def pictures_words(count: int) -> str:
    """`8 pictures`."""
    return f"{count} picture{'s' * (count != 1)}"
