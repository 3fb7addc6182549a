"""Network families: which one a network belongs to, and its host decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.families.base import (
    DeviceFamily,
    Family,
    NetworkFacts,
    OutputFacts,
    Part,
    Reading,
    ScoredFamily,
    Stated,
)
from pytest_stm32pose.families.heatmap import Heatmap
from pytest_stm32pose.families.heatmap_offsets import HeatmapOffsets
from pytest_stm32pose.families.landmarks import Landmarks
from pytest_stm32pose.families.lookalikes import looks_like
from pytest_stm32pose.families.multipose import Multipose
from pytest_stm32pose.families.simcc import Simcc
from pytest_stm32pose.families.single_pose import SinglePose, SinglePoseXy
from pytest_stm32pose.families.values import dequantised
from pytest_stm32pose.families.yolo import YoloEndToEnd, YoloPose
from pytest_stm32pose.types import USUAL_DECODING, USUAL_LAYOUT, Decoding, Layout, NetworkDescription

__all__ = ["NO_FAMILY", "Family", "Meaning", "NetworkFacts", "OutputFacts", "Part", "ScoredFamily", "Stated", "decode",
           "decode_raw", "family", "meaning_of_description", "recognise"]  # fmt: skip

#: The family of a network whose outputs are compared and not decoded.
NO_FAMILY = "none"

#: In the order in which they are asked: those with the narrower shapes first.
_FAMILIES: dict[str, Family] = {
    known.name: known
    for known in (
        Heatmap(),
        HeatmapOffsets(),
        SinglePose(),
        SinglePoseXy(),
        Simcc(),
        Landmarks(),
        Multipose(),
        YoloEndToEnd(),
        YoloPose(),
    )
}
_SUPPORTED = "Decoded are: " + "; ".join(f"{known.name}, {known.outputs}" for known in _FAMILIES.values()) + "."
_NONE = f"--pose-family={NO_FAMILY} compares the output tensors only"
#: Words in an output's name that no keypoints have, but for those of the family that they name.
_OTHER_WORDS = ("segment", "mask", "offset", "simcc", "depth", "classif")
_OWN_WORDS = {HeatmapOffsets.name: "offset", Simcc.name: "simcc"}


class Meaning(NamedTuple):
    """What a network's outputs are: a family's name and the keypoints of a person, or NO_FAMILY and 0.

    Attributes:
        layout: where their values are.
        decoding: what of them counts.
    """

    family: str
    keypoints: int
    layout: Layout = USUAL_LAYOUT
    decoding: Decoding = USUAL_DECODING


def meaning_of_description(description: NetworkDescription) -> Meaning:
    """Of a network that was looked at before."""
    return Meaning(description.family, description.keypoints, description.layout, description.decoding)


def family(name: str) -> Family:
    """The decoder of a family.

    Raises:
        ModelError: no such family in this version.
    """
    try:
        return _FAMILIES[name]
    except KeyError:
        raise ModelError(f"There is no decoder for the network family {name!r}.", remedy=_SUPPORTED) from None


def decode(
    name: str,
    outputs: Sequence[NDArray[np.generic]],
    keypoints: int,
    layout: Layout = USUAL_LAYOUT,
    decoding: Decoding = USUAL_DECODING,
) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
    """Keypoints [persons, K, 3] of a family, and [persons] scores where its persons have them, descending.

    Both are None for NO_FAMILY.

    Raises:
        ModelError: no such family, or outputs that are not its.
    """
    if name == NO_FAMILY:
        return None, None
    decoder = family(name)
    if isinstance(decoder, DeviceFamily):
        return decoder.decode_as(outputs, keypoints, layout, decoding)
    if isinstance(decoder, ScoredFamily):
        return decoder.decode_scored(outputs, keypoints)
    return decoder.decode(outputs, keypoints), None


def decode_raw(
    meaning: Meaning, outputs: Sequence[NDArray[np.generic]], quantisation: Sequence[tuple[float, int]]
) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
    """As `decode`, of outputs as the network gives them, with scale (0: none) and zero point of each.

    An int8 heat map is decoded as it is stored.
    """
    is_stored = meaning.family == Heatmap.name
    found = [
        each if is_stored and each.dtype == np.int8 else dequantised(each, *how)
        for each, how in zip(outputs, quantisation, strict=True)
    ]
    return decode(meaning.family, found, meaning.keypoints, meaning.layout, meaning.decoding)


def recognise(
    facts: NetworkFacts,
    *,
    name: str | None = None,
    keypoints: int | None = None,
    labels: int | None = None,
    stated: Stated | None = None,
    decoding: Decoding = USUAL_DECODING,
) -> Meaning:
    """What a network's outputs are.

    Args:
        facts: what its file says.
        name: the family that the user named; None: a guess, which is refused when anything speaks against it.
        keypoints: of a person, as the user said.
        labels: keypoints of the labels that the network will be judged by.
        stated: what else the user said of the outputs.
        decoding: what of them counts.

    Raises:
        ModelError: they belong to no family, it is open to which, or they contradict what the user said; says what to
            name.
    """
    if name == NO_FAMILY:
        if keypoints:
            raise ModelError(f"--pose-family={NO_FAMILY} has no keypoints.", remedy="Leave --pose-keypoints out.")
        if stated not in (None, Stated()):
            raise ModelError(
                f"--pose-family={NO_FAMILY} decodes nothing.",
                remedy="Leave --pose-units, --pose-classes and --pose-outputs out.",
            )
        return Meaning(NO_FAMILY, 0)
    facts = replace(facts, stated=replace(stated or Stated(), family=name or "", keypoints=keypoints))
    _check_stated(facts)
    chosen, reading = _named(facts, name) if name else _guessed(facts)
    _check_used(facts.stated, chosen)
    _check_count(facts, chosen, reading, keypoints)
    if reading.problem is not None and (name or reading.is_usual):
        raise reading.problem
    doubts = [] if name else _doubts(facts, chosen, reading, {keypoints, *_judged_by(labels)})
    if doubts:
        like = looks_like(facts)
        also = f"; it looks like {like}" if like else ""
        raise ModelError(
            f"The output {_shown(facts)} may be {_persons(chosen, reading)}, but {'; '.join(doubts)}{also}.",
            remedy=f"{_NONE}; if it is {_persons(chosen, reading)}, say so: "
            f"--pose-family={chosen} --pose-keypoints={reading.keypoints}.",
        )
    if reading.problem is not None:
        raise reading.problem
    if labels and keypoints is None and reading.keypoints not in _judged_by(labels):
        raise ModelError(
            f"The network has {reading.keypoints} keypoints, the labels of the pictures have {labels}.",
            remedy=f"Give pictures whose labels are the network's, or pictures without; if the network's output is "
            f"something else than {chosen}, name --pose-family and --pose-keypoints; {_NONE}.",
        )
    return Meaning(chosen, reading.keypoints, reading.layout, decoding)


def _judged_by(labels: int | None) -> tuple[int, ...]:
    """Keypoint counts of networks that labels of so many keypoints judge: COCO's 17 judge ST's 13 too."""
    return () if not labels else (labels, 13) if labels == 17 else (labels,)


def _named(facts: NetworkFacts, name: str) -> tuple[str, Reading]:
    reading = family(name).read(facts)
    if reading is None:
        raise ModelError(
            f"The outputs {_shown(facts)} are not those of family {name} ({family(name).outputs}).",
            remedy=f"Name another --pose-family; {_NONE}.",
        )
    return name, reading


def _guessed(facts: NetworkFacts) -> tuple[str, Reading]:
    """The family whose shapes the outputs have; no two families share one."""
    for name, candidate in _FAMILIES.items():
        reading = candidate.read(facts)
        if reading is not None:
            return name, reading
    like = looks_like(facts)
    what = f"look like {like}" if like else "belong to no known pose network family"
    raise ModelError(
        f"The outputs {_shown(facts)} {what}.",
        remedy=f"{_NONE}, or name --pose-family and --pose-keypoints. {_SUPPORTED}",
    )


def _check_count(facts: NetworkFacts, chosen: str, reading: Reading, keypoints: int | None) -> None:
    classes = ", or --pose-classes where there are several" if chosen == YoloPose.name else ""
    if keypoints and keypoints != reading.keypoints:
        raise ModelError(
            f"--pose-keypoints={keypoints}: the output {_shown(facts)} has {reading.keypoints} keypoints as {chosen} "
            f"({_FAMILIES[chosen].outputs}).",
            remedy=f"Name another --pose-family or --pose-keypoints{classes}; {_NONE}.",
        )


def _check_stated(facts: NetworkFacts) -> None:
    """Raises ModelError: what the user says of outputs or classes means nothing to the family or the network."""
    stated = facts.stated
    if stated.outputs and (max(stated.outputs) >= len(facts.outputs) or len(set(stated.outputs)) < len(stated.outputs)):
        raise ModelError(
            f"--pose-outputs={','.join(map(str, stated.outputs))}: the network has {len(facts.outputs)} outputs "
            f"({_shown(facts)}).",
            remedy="Count from 0, and name each once.",
        )
    decoder = family(stated.family) if stated.family else None
    most = decoder.max_outputs if isinstance(decoder, DeviceFamily) else len(facts.outputs)
    if len(stated.outputs) > most:
        said = decoder.order if isinstance(decoder, DeviceFamily) else ""
        raise ModelError(f"--pose-outputs names {len(stated.outputs)} outputs; family {stated.family} has {said}.")


def _check_used(stated: Stated, chosen: str) -> None:
    """Raises ModelError: the user says something that the family leaves no room for."""
    decoder = _FAMILIES.get(chosen)
    if stated.classes and chosen != YoloPose.name:
        raise ModelError(f"--pose-classes={stated.classes}: family {chosen} has no scores of classes.")
    if stated.pixels is not None and isinstance(decoder, DeviceFamily) and not decoder.has_units:
        raise ModelError(f"--pose-units means nothing to family {chosen}: its keypoints are in cells of their output.")


def _doubts(facts: NetworkFacts, chosen: str, reading: Reading, confirmed: set[int | None]) -> list[str]:
    """What speaks against a guess."""
    doubts = list(reading.doubts)
    exported = facts.keypoint_shape
    if exported and exported != (reading.keypoints, reading.layout.values):
        doubts.append(f"its metadata say {exported[0]} keypoints of {exported[1]} values")
    if facts.task not in ("", "pose"):
        doubts.append(f"its metadata say that it was exported for the task {facts.task!r}")
    names = [name for output in facts.outputs for name in output.names]
    words = [word for word in _OTHER_WORDS if word != _OWN_WORDS.get(chosen)]
    doubts += [f"it is called {name!r}" for name in names if any(word in name.lower() for word in words)]
    if not reading.is_usual and not exported and reading.keypoints not in confirmed:
        doubts.append(f"{reading.keypoints} is no usual number of keypoints for such an output")
    return doubts


def _persons(chosen: str, reading: Reading) -> str:
    return f"{chosen} of {reading.keypoints} keypoint{'' if reading.keypoints == 1 else 's'}"


def _shown(facts: NetworkFacts) -> str:
    return ", ".join(f"{output.dtype} {list(output.shape)}" for output in facts.outputs) or "(none)"
