"""Why a run failed, once per cause: its failures grouped, the worst first. Pure, from the record alone.

One flipped weight fails every picture. What all of these failures have in common is the cause, and it is told in one
line: where the pictures left the golden first, in which channel, by how much at most. Then comes the worst failure, and
the rest is kept for who wants it. A regression is a cause of its own and is never left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from pytest_stm32pose.entries.model import ModelEntry
from pytest_stm32pose.entries.run import RunEntry
from pytest_stm32pose.record.cause import REGRESSION, Cause, message, picture_on, subject, template
from pytest_stm32pose.record.divergences import DIVERGED, divergences, pictures_words

#: Failures that differ in figures only are of one kind from so many on, and when they are sentences.
MIN_ALIKE, MIN_WORDS = 3, 5
#: Bounded like all that reads a record.
_BROKEN = re.compile(r"\b(?P<name>\w{1,60}) is broken: (?P<measured>\S{1,40})")
_MAX_HEAD = 2000
_LARGEST = float("inf")


def grouped(record: RunEntry) -> RunEntry:
    """The record with `reasons` that tell every cause once, with its worst failure, and all failures in `causes`."""
    found = causes(record)
    reasons = [each for cause in found for each in ((cause.line, cause.example) if cause.is_group else cause.reasons)]
    groups = tuple(cause.entry for cause in found if cause.is_group)
    return replace(record, reasons=tuple(each for each in reasons if each), causes=groups)


def ungrouped(record: RunEntry) -> list[str]:
    """Every failure of a record, grouped or not."""
    members: dict[str, list[str]] = {}
    for cause in record.causes:
        members.setdefault(cause.text, []).extend(cause.reasons)
    return list(dict.fromkeys(found for each in record.reasons for found in members.get(each, [each])))


def causes(record: RunEntry, without: Iterable[str] = ()) -> list[Cause]:
    """Every reason of a record in exactly one cause: regressions first, then in the order of the reasons.

    What blocked a run comes before the regressions.

    Args:
        without: reasons that are told elsewhere.
    """
    told = set(without)
    reasons = [reason for reason in ungrouped(record) if reason not in told]
    found: dict[object, Cause] = {}
    index = _Index(record.models)
    alike = _alike(reasons)
    for reason in reasons:
        key, cause = _cause_of(reason, index, alike)
        before = found.get(key, cause)
        found[key] = replace(before, reasons=(*before.reasons, reason))
    ordered = [_finished(cause) for cause in found.values()]
    first = 1 if record.verdict == "blocked" else 0
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


class _Index:
    """Finds the pictures and the causes that a reason speaks of."""

    def __init__(self, models: Sequence[ModelEntry]) -> None:
        self.of_picture: dict[tuple[str, str], list[ModelEntry]] = {}
        self.boards = {model.board for model in models}
        self._causes: dict[tuple[int, str], Cause] = {}
        self._sentences: dict[str, list[Cause]] = {}
        for model in models:
            images = {image.id: image for image in model.images}
            for name in images:
                self.of_picture.setdefault((name, model.board), []).append(model)
            for cause in divergences(model):
                for name in cause.pictures:
                    self._causes[id(model), name] = cause
                    self._sentences.setdefault(str(images[name].divergence), []).append(cause)

    def picture(self, reason: str) -> tuple[ModelEntry, str] | None:
        """The picture that a reason says is wrong, `... : PICTURE on BOARD: what is wrong`, with its network."""
        for board in self.boards:
            head, found, _ = reason.partition(f"{picture_on('', board)}: ")
            while found and 0 < len(head) <= _MAX_HEAD:
                models = self.of_picture.get((head, board))
                if models:
                    named = [each for each in models if each.name in reason]
                    # The longest: one network's name may stand in another's.
                    return max(named or models, key=lambda each: len(each.name)), head
                head = head.partition(": ")[2]
        return None

    def divergence(self, reason: str) -> Cause | None:
        """The cause of a failure that names a first divergence."""
        _, found, sentence = reason.partition(DIVERGED)
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
        cause = Cause("budget", broken["name"], model.board, model.name, of=len(model.images))
        return ("budget", model.board, model.name, broken["name"]), cause
    if reason in alike:
        return ("alike", alike[reason]), Cause("alike", message(reason))
    return reason, Cause("reason", reason)


def _finished(cause: Cause) -> Cause:
    """With its reasons in order and its text complete."""
    if cause.kind == "divergence":
        places = {picture_on(name, cause.board): number for number, name in enumerate(cause.pictures)}
        reasons = sorted(cause.reasons, key=lambda reason: places.get(subject(reason), len(places)))
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
    ids = tuple(dict.fromkeys(subject(reason).removesuffix(picture_on("", cause.board)) for reason in reasons))
    worst = (found := _BROKEN.search(reasons[0])) and found["measured"]
    text = f"{len(ids)} of {pictures_words(cause.of)}: {cause.text} is broken (at worst {worst})"
    return replace(cause, text=text, pictures=ids, reasons=tuple(reasons))


def _alike(reasons: Sequence[str]) -> dict[str, str]:
    """Reasons that are alike -> what they have in common."""
    kinds: dict[str, list[str]] = {}
    for reason in reasons:
        kinds.setdefault(template(message(reason)), []).append(reason)
    return {
        reason: kind
        for kind, members in kinds.items()
        if len(members) >= MIN_ALIKE and len(kind.split()) >= MIN_WORDS
        for reason in members
    }
