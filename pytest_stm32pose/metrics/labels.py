"""What the labels of a picture are good for: whether it enters the OKS figure against truth, and if not, why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal, get_args

from pytest_stm32pose.metrics.keypoints import is_labelled, is_single_person, is_target
from pytest_stm32pose.types import Truth

#: In the order in which they are told.
LabelKind = Literal["single", "several", "crowd", "no_size", "unlabelled", "nobody", "foreign", "none"]
ORDER: tuple[str, ...] = get_args(LabelKind)

#: Of pictures: one, more than one.
_WORDS: dict[str, tuple[str, str]] = {
    "single": ("has exactly one labelled person", "have exactly one labelled person"),
    "several": ("has two or more", "have two or more"),
    "crowd": ("has a crowd", "have a crowd"),
    "no_size": ("has a person without a size", "have a person without a size"),
    "unlabelled": ("has a person without labelled keypoints", "have a person without labelled keypoints"),
    "nobody": ("is labelled as empty", "are labelled as empty"),
    "foreign": ("has labels of other keypoints", "have labels of other keypoints"),
    "none": ("has no label", "have no label"),
}


def kind_of_labels(truth: Truth | None) -> LabelKind:
    """What a picture's labels hold; only "single" enters the OKS figure.

    "foreign" is never found here: it is said of labels that were left out because they are of other keypoints.
    """
    if truth is None:
        return "none"
    if not len(truth.crowd):
        return "nobody"
    if truth.crowd.any():
        return "crowd"
    if len(truth.crowd) > 1:
        return "several"
    if not is_labelled(truth)[0]:
        return "unlabelled"
    return "single" if is_single_person(truth) and is_target(truth)[0] else "no_size"


def counted_words(kinds: Iterable[str]) -> str:
    """`5 have two or more, 2 a crowd, 1 no label`; "" without pictures."""
    counts = Counter(kind if kind in _WORDS else "none" for kind in kinds)
    clauses: list[str] = []
    verb = ""
    for kind in ORDER:
        if counts[kind]:
            mine, _, rest = _WORDS[kind][counts[kind] > 1].partition(" ")
            # A verb is not repeated: "5 have two or more, 2 a crowd".
            clauses.append(
                f"{counts[kind]} {rest}" if verb in _FORMS.get(mine, ()) else f"{counts[kind]} {mine} {rest}"
            )
            verb = mine
    return ", ".join(clauses)


_FORMS = {"has": ("has", "have"), "have": ("has", "have"), "is": ("is", "are"), "are": ("is", "are")}


def why_no_figure(labels: Iterable[str]) -> str:
    """Why there is no OKS against truth: a sentence without its full stop; "" when a picture has one person."""
    kinds = list(labels)
    if "single" in kinds:
        return ""
    if set(kinds) <= {"none"}:
        return "the pictures carry no labels"
    if set(kinds) <= {"none", "foreign"}:
        return f"no picture has labels of the network's keypoints: {counted_words(kinds)}"
    return f"no picture has exactly one labelled person: {counted_words(kinds)}"
