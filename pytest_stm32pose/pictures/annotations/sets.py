"""Keypoint sets of a file's categories: built-in ones by their names, a category's own, or the one that is asked for.

A category says its keypoints by `keypoints` (names), its limbs by `skeleton` (pairs counted from 1, cocodataset.org)
and, in some files, OKS sigmas by `sigmas` or `kpt_oks_sigmas`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, Literal

from pytest_stm32pose.errors import ConfigError, ImageError
from pytest_stm32pose.metrics.skeleton import COCO_17, ST_13
from pytest_stm32pose.metrics.skeleton_table import MAX_KEYPOINTS, MAX_LIMBS, mirrored, parse_sigmas
from pytest_stm32pose.pictures.annotations.names import are_placeholders, plain_names, rows_of_set, set_of_names
from pytest_stm32pose.types import Skeleton

#: As a wanted set: all keypoints of the file's category, whatever they are.
FROM_LABELS: Literal["labels"] = "labels"
Wanted = Skeleton | Literal["labels"] | None
#: Numbers of keypoints that mean COCO's or ST's set: other names are more likely a mistake.
USUAL = (17, 13)


@dataclass(frozen=True)
class FoundSet:
    """A keypoint set, and where its keypoints stand in the annotations of each category that has it."""

    skeleton: Skeleton
    rows: Mapping[str, tuple[int, ...]]  #: by category id
    notes: tuple[str, ...] = ()  #: without the name of the file


def wanted_set(path: PurePath, lists: Mapping[str, Sequence[Any]], wanted: Skeleton) -> FoundSet | None:
    """The set that the user named; None where no category has names.

    Raises:
        ImageError: categories have names, and they are others.
    """
    names = {key: each for key, each in lists.items() if not are_placeholders(each)}
    rows = {key: found for key, each in names.items() if (found := rows_of_set(wanted, each)) is not None}
    if not rows and wanted.names == ST_13.names:  # the head is made of COCO's face points
        rows = {key: found for key, each in names.items() if (found := rows_of_set(COCO_17, each)) is not None}
        wanted = COCO_17 if rows else wanted
    if rows:
        return FoundSet(wanted, rows)
    if not names:
        return None
    given = max((plain_names([str(name) for name in each]) for each in names.values()), key=len)
    lacking = [name for name, plain in zip(wanted.names, plain_names(wanted.names), strict=True) if plain not in given]
    why = f"{lacking[0]} is missing" if lacking else "a name occurs twice"
    raise ImageError(
        f"{path} does not label the keypoints of --pose-skeleton ({wanted.name}): {why}.",
        remedy="Name the set that is labelled, or --pose-skeleton=labels for whatever the file has.",
    )


def own_set(
    path: PurePath, categories: Mapping[str, Mapping[str, Any]], lists: Mapping[str, Sequence[Any]], *, any_count: bool
) -> FoundSet | None:
    """The set that the categories with names have; None where there is none, or names that are more likely a mistake.

    Args:
        categories, lists: by id, the category and its names.
        any_count: also sets of 17 and 13 keypoints that nobody knows.

    Raises:
        ImageError: categories have different sets; sigmas that are none.
    """
    found: dict[str, tuple[Skeleton, tuple[int, ...]]] = {}
    notes: list[str] = []
    for key, names in lists.items():
        if known := set_of_names(names):
            found[key] = known
        elif _is_set(names) and (any_count or len(names) not in USUAL):
            skeleton, note = _of_category(path, categories[key], names)
            found[key] = skeleton, tuple(range(len(names)))
            notes += note
    if not found:
        return None
    first = next(iter(found.values()))[0]
    rows = {key: where for key, (skeleton, _) in found.items() if (where := rows_of_set(first, lists[key])) is not None}
    other = next((skeleton for key, (skeleton, _) in found.items() if key not in rows), None)
    if other is not None:
        raise ImageError(
            f"{path} has categories with different keypoints ({first.name}, {other.name}).",
            remedy="Name the set to use with --pose-skeleton, or the category with --pose-category.",
        )
    key = next(iter(rows))
    return FoundSet(with_sigmas(path, first, categories[key], rows[key]), rows, tuple(dict.fromkeys(notes)))


def with_sigmas(
    path: PurePath, skeleton: Skeleton, category: Mapping[str, Any], rows: Sequence[int] | None = None
) -> Skeleton:
    """A set with the sigmas of its category, where that has any. Raises ImageError: they are none."""
    given = category.get("sigmas", category.get("kpt_oks_sigmas"))
    if given is None:
        return skeleton
    names = category.get("keypoints")
    count = len(names if isinstance(names, list) and names else skeleton.names)
    try:
        sigmas = parse_sigmas(given, count, f"{path}: its category")
    except ConfigError as error:
        raise ImageError(error.message, remedy=error.remedy) from None
    ordered = tuple(sigmas[row] for row in (range(count) if rows is None else rows))
    return skeleton if ordered == skeleton.sigmas else replace(skeleton, sigmas=ordered, sigmas_from="the labels")


def _is_set(names: Sequence[Any]) -> bool:
    """Whether these are names of different keypoints."""
    if not 1 <= len(names) <= MAX_KEYPOINTS or are_placeholders(names):
        return False
    if not all(isinstance(name, str) and name.strip() and name.isprintable() for name in names):
        return False
    return len(set(plain_names(names))) == len(names)


def _of_category(path: PurePath, category: Mapping[str, Any], names: Sequence[str]) -> tuple[Skeleton, list[str]]:
    plain = plain_names(names)
    # With COCO's among them, networks of COCO's keypoints find theirs by name.
    shown = tuple(names) if rows_of_set(COCO_17, names) is None else plain
    limbs, lost = _limbs(category.get("skeleton"), len(plain))
    called = category.get("name")
    called = called if isinstance(called, str) and called.strip() and called.isprintable() else "labels"
    count = len(plain)
    skeleton = Skeleton(f"{called[:40]} {count}", shown, limbs, mirrored(plain), (1 / count,) * count, "1/K")
    return skeleton, [f"{lost} of its limbs name keypoints that it does not have; they are not drawn."] if lost else []


def _limbs(pairs: object, count: int) -> tuple[tuple[tuple[int, int], ...], int]:
    """Limbs as rows, and how many were none. Counted from 1, or from 0 where a pair has a 0."""
    given = pairs[:MAX_LIMBS] if isinstance(pairs, list) else []
    whole = [tuple(pair) for pair in given if _is_pair(pair)]
    first = 0 if any(0 in pair for pair in whole) else 1
    limbs = [(a - first, b - first) for a, b in whole if first <= min(a, b) and max(a, b) < count + first]
    return tuple(limbs), len(given) - len(limbs)


def _is_pair(pair: object) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(type(end) is int for end in pair)
