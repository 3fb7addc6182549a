"""Why a run failed, once per cause: its failures grouped, the worst first. Pure, from the record alone.

One flipped weight fails every picture. What all of these failures have in common is the cause, and it is told in one
line: where the pictures left the golden first, in which channel, by how much at most. Then comes the worst failure, and
the rest is kept for who wants it. A regression is a cause of its own and is never left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pytest_stm32pose.metrics.tensors import MAX_FEW_CHANNELS, few_channels
from pytest_stm32pose.untrusted import Entry, entries, is_number, part

Kind = Literal["divergence", "budget", "alike", "regression", "reason"]

#: What is noted at a divergence whose output is another picture's.
STALE = "a stale answer"
#: What a reason of the gate begins with.
REGRESSION = "regression: "
#: Failures that differ in figures only are of one kind from so many on, and when they are sentences.
MIN_ALIKE, MIN_WORDS = 3, 5
_DIVERGED = "First divergence: "
#: `tests/test_pose.py::test_picture[n6-default-a]: what is wrong`
#: All of these are bounded: a record may hold anything, and a search must not take its square.
_OF_TEST = re.compile(r"\S{1,300}?\.py::.{1,500}?: ")
_BROKEN = re.compile(r"\b(?P<name>\w{1,60}) is broken: (?P<measured>\S{1,40})")
_MAX_HEAD = 2000
#: Figures, not digits within a name.
_FIGURE = re.compile(r"0x[0-9a-fA-F]+|(?<![\w.-])[-+]?\d[\d.,]*(?:e[-+]?\d+)?")
_LARGEST = float("inf")

_Key = tuple[str, int, int]


@dataclass(frozen=True)
class Cause:
    """Failures of one cause, or a single one.

    Attributes:
        kind: "divergence": pictures left the golden at one place. "budget": pictures alone broke it. "alike": sentences
            that differ in figures only. "regression", "reason": one failure that stands for itself.
        text: the cause, without the network.
        board, model: of pictures; "" of other failures.
        pictures: ids, the worst first.
        of: pictures of the network.
        reasons: the failures, the worst first.
    """

    kind: Kind
    text: str
    board: str = ""
    model: str = ""
    pictures: tuple[str, ...] = ()
    of: int = 0
    reasons: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The cause with the network."""
        return f"{self.model} on {self.board}: {self.text}" if self.board else self.text

    @property
    def is_group(self) -> bool:
        return self.kind in ("divergence", "budget", "alike")

    @property
    def example(self) -> str:
        """The worst failure; "" where the line has said it."""
        return self.reasons[0] if self.kind in ("divergence", "budget") else ""

    @property
    def told_example(self) -> str:
        """The same with what it is; the worst picture itself may have been measured and not checked."""
        worst = bool(self.pictures) and _subject(self.example) == _picture_on(self.pictures[0], self.board)
        return f"{'worst' if worst else 'for example'}: {self.example}" if self.example else ""

    @property
    def rest(self) -> tuple[str, ...]:
        """The other failures."""
        return self.reasons[1:] if self.is_group else ()

    def as_dict(self) -> dict[str, Any]:
        """As the record keeps it."""
        return {
            "text": self.line,
            "board": self.board,
            "model": self.model,
            "pictures": list(self.pictures),
            "of": self.of,
            "reasons": list(self.reasons),
        }


def grouped(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record with `reasons` that tell every cause once, with its worst failure, and all failures in `causes`."""
    found = causes(record)
    reasons = [each for cause in found for each in ((cause.line, cause.example) if cause.is_group else cause.reasons)]
    kept = {key: value for key, value in record.items() if key != "causes"}
    groups = [cause.as_dict() for cause in found if cause.is_group]
    return {**kept, "reasons": [each for each in reasons if each], **({"causes": groups} if groups else {})}


def ungrouped(record: Mapping[str, Any]) -> list[str]:
    """Every failure of a record, grouped or not."""
    members: dict[str, list[str]] = {}
    for cause in entries(record, "causes"):
        members.setdefault(str(cause.get("text")), []).extend(map(str, cause.get("reasons") or ()))
    reasons = [str(each) for each in record.get("reasons") or ()]
    return list(dict.fromkeys(found for each in reasons for found in members.get(each, [each])))


def causes(record: Mapping[str, Any], without: Iterable[str] = ()) -> list[Cause]:
    """Every reason of a record in exactly one cause: regressions first, then in the order of the reasons.

    What blocked a run comes before the regressions.

    Args:
        without: reasons that are told elsewhere.
    """
    told = set(without)
    reasons = [reason for reason in ungrouped(record) if reason not in told]
    found: dict[object, Cause] = {}
    index = _Index(entries(record, "models"))
    alike = _alike(reasons)
    for reason in reasons:
        key, cause = _cause_of(reason, index, alike)
        before = found.get(key, cause)
        found[key] = replace(before, reasons=(*before.reasons, reason))
    ordered = [_finished(cause) for cause in found.values()]
    first = 1 if record.get("verdict") == "blocked" else 0
    return ordered[:first] + sorted(ordered[first:], key=lambda cause: cause.kind != "regression")


def split(found: Sequence[Cause], most: int) -> tuple[list[Cause], list[Cause]]:
    """What to show, and what to leave out: of failures that stand alone all beyond `most`, of everything else none."""
    shown: list[Cause] = []
    rest: list[Cause] = []
    alone = 0
    for cause in found:
        alone += cause.kind == "reason"
        (rest if cause.kind == "reason" and alone > most else shown).append(cause)
    return shown, rest


def terminal_lines(found: Sequence[Cause], most: int) -> list[str]:
    """One line per cause, below it the worst failure and how many more there are."""
    kept, hidden = split(found, most)
    lines = []
    for cause in kept:
        lines.append(f"  {cause.line}")
        lines += [f"    {cause.told_example}"] if cause.example else []
        lines += [f"    and {len(cause.rest)} more, which the record has"] if cause.rest else []
    return [*lines, *([f"  and {len(hidden)} more, which the record has"] if hidden else [])]


# --- pictures that left the golden ---


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
    text = f"{len(members)} of {_pictures(of)}: first divergence {_place(key, exact)}{_channels(found)}{_most(found)}"
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
    stage = str(found.get("stage") or _template(str(image.get("divergence"))))
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
    return str(members[0].get("divergence")).removeprefix(_DIVERGED).removesuffix(".")


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


def _pictures(count: int) -> str:
    return f"{count} picture{'s' * (count != 1)}"


# --- failures and their causes ---


class _Index:
    """Finds the pictures and the causes that a reason speaks of."""

    def __init__(self, models: Sequence[Entry]) -> None:
        self.of_picture: dict[tuple[str, str], list[Entry]] = {}
        self.boards = {str(model.get("board")) for model in models}
        self._causes: dict[tuple[int, str], Cause] = {}
        self._sentences: dict[str, list[Cause]] = {}
        for model in models:
            images = {str(image.get("id")): image for image in entries(model, "images")}
            for name in images:
                self.of_picture.setdefault((name, str(model.get("board"))), []).append(model)
            for cause in divergences(model):
                for name in cause.pictures:
                    self._causes[id(model), name] = cause
                    self._sentences.setdefault(str(images[name].get("divergence")), []).append(cause)

    def picture(self, reason: str) -> tuple[Entry, str] | None:
        """The picture that a reason says is wrong, `... : PICTURE on BOARD: what is wrong`, with its network."""
        for board in self.boards:
            head, found, _ = reason.partition(f"{_picture_on('', board)}: ")
            while found and 0 < len(head) <= _MAX_HEAD:
                models = self.of_picture.get((head, board))
                if models:
                    named = [each for each in models if str(each.get("name")) in reason]
                    # The longest: one network's name may stand in another's.
                    return max(named or models, key=lambda each: len(str(each.get("name")))), head
                head = head.partition(": ")[2]
        return None

    def divergence(self, reason: str) -> Cause | None:
        """The cause of a failure that names a first divergence."""
        _, found, sentence = reason.partition(_DIVERGED)
        if not found:
            return None
        picture = self.picture(reason)
        if picture and (id(picture[0]), picture[1]) in self._causes:
            return self._causes[id(picture[0]), picture[1]]
        same = self._sentences.get(found + sentence, [])
        return next((cause for cause in same if cause.board in reason), same[0] if same else None)


def _cause_of(reason: str, index: _Index, alike: Mapping[str, str]) -> tuple[object, Cause]:
    """The cause of one reason and what tells it from others; without the reason itself."""
    if reason.startswith(REGRESSION):
        return reason, Cause("regression", reason)
    cause = index.divergence(reason)
    if cause is not None:
        return ("divergence", cause.board, cause.model, cause.text), cause
    broken, picture = _BROKEN.search(reason), index.picture(reason)
    if broken and picture:
        model, _ = picture
        board, name = str(model.get("board")), str(model.get("name"))
        of = len(entries(model, "images"))
        return ("budget", board, name, broken["name"]), Cause("budget", broken["name"], board, name, of=of)
    if reason in alike:
        return ("alike", alike[reason]), Cause("alike", _message(reason))
    return reason, Cause("reason", reason)


def _finished(cause: Cause) -> Cause:
    """With its reasons in order and its text complete."""
    if cause.kind == "divergence":
        places = {_picture_on(name, cause.board): number for number, name in enumerate(cause.pictures)}
        reasons = sorted(cause.reasons, key=lambda reason: places.get(_subject(reason), len(places)))
        return replace(cause, reasons=tuple(reasons))
    if cause.kind == "budget" and len(cause.reasons) == 1:
        return Cause("reason", cause.reasons[0], reasons=cause.reasons)
    if cause.kind == "budget":
        return _worst_of_budget(cause)
    if cause.kind == "alike":
        text = f"{len(cause.reasons)} failures that differ in figures only, the first: {cause.text}"
        return replace(cause, text=text)
    return cause


def _worst_of_budget(cause: Cause) -> Cause:
    lower_is_worse = cause.text.endswith("_min")

    def measured(reason: str) -> float:
        found = _BROKEN.search(reason)
        try:
            value = float(found["measured"]) if found else 0.0
        except ValueError:
            return _LARGEST
        return _LARGEST if value != value else -value if lower_is_worse else value

    reasons = sorted(cause.reasons, key=measured, reverse=True)
    ids = tuple(dict.fromkeys(_subject(reason).removesuffix(_picture_on("", cause.board)) for reason in reasons))
    worst = (found := _BROKEN.search(reasons[0])) and found["measured"]
    text = f"{len(ids)} of {_pictures(cause.of)}: {cause.text} is broken (at worst {worst})"
    return replace(cause, text=text, pictures=ids, reasons=tuple(reasons))


def _alike(reasons: Sequence[str]) -> dict[str, str]:
    """Reasons that are alike -> what they have in common."""
    kinds: dict[str, list[str]] = {}
    for reason in reasons:
        kinds.setdefault(_template(_message(reason)), []).append(reason)
    return {
        reason: kind
        for kind, members in kinds.items()
        if len(members) >= MIN_ALIKE and len(kind.split()) >= MIN_WORDS
        for reason in members
    }


def _message(reason: str) -> str:
    """A reason without the test that gave it."""
    found = _OF_TEST.match(reason)
    return reason[found.end() :] if found else reason


def _picture_on(name: str, board: str) -> str:
    return f"{name} on {board}"


def _subject(reason: str) -> str:
    """What a reason says is wrong: `PICTURE on BOARD`."""
    return _message(reason).partition(": ")[0]


def _template(text: str) -> str:
    return _FIGURE.sub("#", text)
