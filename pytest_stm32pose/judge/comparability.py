"""What two runs must have in common to be compared, whether a change is a fact, and what else differs. Pure.

The same network on the same bytes gives the same answer on a device that computes deterministically: any change is of
the build. Of another network the pictures are a sample, and so they are where bytes are not known or the device was
seen to answer otherwise when asked again.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence

from pytest_stm32pose.entries.model import ModelEntry
from pytest_stm32pose.entries.run import BoardEntry, RunEntry
from pytest_stm32pose.judge.change import outliers
from pytest_stm32pose.metrics.skeleton import COCO_17, ST_13

#: One thing that two runs must have in common; of pictures, by id.
_Condition = str | int | Mapping[str, object] | None
#: Conditions that older records, and boards that cannot be asked, do not tell.
MAY_BE_UNKNOWN = ("caches", "weights' memory", "arena's memory", "plan", "preprocessing", "keypoint set", "input bytes")
#: Conditions of time alone: of two runs that are not both timed they may differ.
_OF_TIME = ("time source", "timing", "weights' memory", "arena's memory")
#: `timing.source` of a twin's pictures: a model of the board, whose time is none.
_TWIN = "twin"


def _malformed(whose: str, record: RunEntry, model: ModelEntry) -> list[str]:
    """What the schema cannot say: the board is there, pictures are there and each once."""
    ids = Counter(image.id for image in model.images)
    said = [] if any(board.name == model.board for board in record.boards) else [f"{whose} lacks its board"]
    if ids and max(ids.values()) > 1:
        said.append(f"{whose} has the picture {ids.most_common(1)[0][0]} more than once")
    return said if ids else [*said, f"{whose} has no picture"]


def _conditions(record: RunEntry, model: ModelEntry) -> dict[str, _Condition]:
    """What two runs must have in common, in words that a refusal shows."""
    board = _board(record, model)
    golden = model.golden
    return {
        "board kind": board.kind,
        "chip": board.mcu,
        "core": board.core,
        "clock": f"{board.clock_hz / 1e6:g} MHz",
        "caches": board.caches,
        "weights' memory": model.places.weights if model.places else None,
        "arena's memory": model.places.arena if model.places else None,
        "time source": model.latency.source if model.latency else None,
        "preprocessing": model.preprocessing,
        "decoding": model.decoding or "by default",
        "plan": model.plan,
        "golden engine": f"{golden.engine} {golden.resolver}",
        "keypoints": model.keypoints or "none",
        "keypoint set": _keypoint_set(model),
        "decoder": model.decoder or "built in",
        "input": "x".join(str(size) for size in model.input_shape),
        "pictures": {image.id: image.sha256 for image in model.images},
        "input bytes": _known_bytes(model) if len(_known_bytes(model)) == len(model.images) else None,
        "labels": {image.id: image.keypoints_truth for image in model.images},
        "timing": {image.id: bool(image.timing and image.timing.values) for image in model.images},
    }


def _keypoint_set(model: ModelEntry) -> str | None:
    """Name, and what tells it from another of the name: with other sigmas an OKS is another figure.

    Older records have no set: their 17 and 13 keypoints were COCO's and ST's, other figures are not known.
    """
    found = model.keypoint_set
    if found is None:
        known = {17: COCO_17, 13: ST_13}.get(model.keypoints)
        return None if known is None else _named(known.name, known.names, known.sigmas)
    return _named(found.name, found.names, found.sigmas)


def _named(name: str, names: Sequence[str], sigmas: Sequence[float]) -> str:
    crc32 = zlib.crc32(repr((tuple(names), tuple(map(float, sigmas)))).encode(errors="backslashreplace"))
    return f"{name} ({crc32:08x})"


def _known_bytes(model: ModelEntry) -> dict[str, int]:
    """CRC-32 of the input bytes, by picture, where the record has it."""
    return {image.id: crc32 for image in model.images if (crc32 := image.input_crc32) is not None}


def _of_both(one: Mapping[str, int], other: Mapping[str, int]) -> tuple[dict[str, int], dict[str, int]]:
    shared = one.keys() & other.keys()
    return {key: one[key] for key in shared}, {key: other[key] for key in shared}


def unsteady(model: ModelEntry) -> list[str]:
    """Pictures of which the device gave another answer when it was asked again."""
    return [image.id for image in model.images if image.deterministic is False]


def is_of_twin(model: ModelEntry) -> bool:
    return any(image.timing is not None and image.timing.source == _TWIN for image in model.images)


def why_timeless(before: ModelEntry, after: ModelEntry) -> str:
    """Why no latency is compared, one clause; "" where one may be."""
    was, now = is_of_twin(before), is_of_twin(after)
    if not was and not now:
        return ""
    whose = "both runs are" if was and now else f"the {'baseline' if was else 'run'} is"
    return f"{whose} of a twin, whose time is none: no latency is compared"


def is_other_image(base: RunEntry, before: ModelEntry, new: RunEntry, after: ModelEntry) -> bool:
    """A twin whose board has kernels that its core cannot run: what its firmware takes is another image's."""
    other_kernels = _board(base, before).firmware.kernels != _board(new, after).firmware.kernels
    return is_of_twin(before) != is_of_twin(after) and other_kernels


def why_no_fact(before: ModelEntry, after: ModelEntry) -> str:
    """Why a change of accuracy is one of a sample, "" where it is a fact; of two entries without `differences`."""
    if before.sha256 != after.sha256:
        return "another network"
    pictures = len(before.images)
    if len(_known_bytes(before)) < pictures or len(_known_bytes(after)) < pictures:
        return "the input bytes of every picture are not known in both records"
    return _unsteady_device(before, after)


def _unsteady_device(before: ModelEntry, after: ModelEntry) -> str:
    """In which run the device gave other answers to the same input, "" in neither."""
    for when, model in (("run", after), ("baseline", before)):
        if found := unsteady(model):
            shown = f"{', '.join(found[:3])}{' ...' if len(found) > 3 else ''}"
            return f"the device of the {when} is not deterministic: other answers to the same input ({shown})"
    return ""


def differences(base: RunEntry, before: ModelEntry, new: RunEntry, after: ModelEntry) -> list[str]:
    """Why two runs of a network cannot be compared, one clause each; records and their model entries."""
    broken = [*_malformed("the baseline", base, before), *_malformed("the run", new, after)]
    if broken:
        return broken
    said = []
    conditions = _conditions(new, after)
    is_timed = bool(before.latency and after.latency)
    for what, was in _conditions(base, before).items():
        now = conditions[what]
        if what == "input bytes" and None in (was, now):  # those of some pictures may be known nevertheless
            was, now = _of_both(_known_bytes(before), _known_bytes(after))
        if was == now or (what in MAY_BE_UNKNOWN and None in (was, now)):
            continue
        if what == "board kind" and "hardware" in (was, now) and is_of_twin(after if was == "hardware" else before):
            continue  # a twin runs what its board runs, and computes the same
        if what in _OF_TIME and not is_timed:
            continue  # a latency that one of both lacks is told of the metric
        if isinstance(was, Mapping) and isinstance(now, Mapping):
            said.append(_other_pictures(what, was, now))
            break  # with other pictures, all that is known of each differs too
        said.append(f"the {what} was {was or 'unknown'} and is {now or 'unknown'}")
    return [*said, *_other_family(before, after)]


def _other_family(before: ModelEntry, after: ModelEntry) -> list[str]:
    """One network's outputs read as two families give two kinds of keypoints. Another network may be of another one."""
    decoded = before.keypoints and after.keypoints and not before.decoder and not after.decoder
    if not decoded or before.sha256 != after.sha256 or before.family == after.family:
        return []
    return [f"the family was {before.family} and is {after.family}"]


def _other_pictures(what: str, was: Mapping[str, object], now: Mapping[str, object]) -> str:
    gone, added = sorted(was.keys() - now.keys()), sorted(now.keys() - was.keys())
    changed = sorted(name for name in was.keys() & now.keys() if was[name] != now[name])
    parts = [
        f"{len(names)} {words} ({', '.join(names[:3])}{' ...' if len(names) > 3 else ''})"
        for names, words in ((gone, "missing"), (added, "new"), (changed, "changed"))
        if names
    ]
    return f"the {what} of the run differ: {', '.join(parts)}"


def notes(base: RunEntry, before: ModelEntry, new: RunEntry, after: ModelEntry) -> list[str]:
    """Differences that a release may have: they are what is judged."""
    was, now = _board(base, before).firmware, _board(new, after).firmware
    pairs = (
        ("network", before.sha256[:12], after.sha256[:12]),
        ("firmware", (was.sha256 or was.version)[:12], (now.sha256 or now.version)[:12]),
        ("backend", was.backend, now.backend),
        ("kernel set", was.kernels, now.kernels),
        ("golden engine version", before.golden.version, after.golden.version),
    )
    said = [f"other {what}: {a or 'none'}, now {b or 'none'}" for what, a, b in pairs if a != b]
    if base.verdict != "passed":
        said.append(f"the baseline is of a run that {base.verdict}")
    if timeless := why_timeless(before, after):
        said.append(timeless)
    if is_other_image(base, before, new, after):
        said.append("a twin with other kernels than its board's has another image: its sizes are not compared")
    known, known_now = _conditions(base, before), _conditions(new, after)
    said += [
        f"the {what} of the {'baseline' if known[what] is None else 'run'} is not known"
        for what in MAY_BE_UNKNOWN
        if (known[what] is None) != (known_now[what] is None)
    ]
    why, unsteady_device = why_no_fact(before, after), _unsteady_device(before, after)
    if before.sha256 == after.sha256:
        said += [f"{why}; accuracy is judged as that of a sample"] if why else []
    elif unsteady_device:
        said.append(f"{unsteady_device}; tensors are judged as those of a sample")
    measured = [image.deterministic for image in (*before.images, *after.images)]
    if not why and _board(new, after).kind == "hardware" and None in measured:
        said.append("whether the device answers the same when asked again was not measured (--pose-repeat)")
    for when, model in (("baseline", before), ("run", after)):
        values = [value for image in model.images if image.timing for value in image.timing.values]
        is_hardware = model.latency is not None and model.latency.source == "dwt"
        if values and is_hardware and (count := outliers(values)):
            said.append(f"{count} of {len(values)} timings of the {when} are outliers; they count like the others")
    return said


def _board(record: RunEntry, model: ModelEntry) -> BoardEntry:
    """Of a record that is not malformed."""
    return next(board for board in record.boards if board.name == model.board)
