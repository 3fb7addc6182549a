"""Which annotations of a file are persons of a known keypoint set, and in what order their keypoints stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.metrics.skeleton import skeleton_of, usual
from pytest_stm32pose.pictures.annotations.choosing import note, of_category, of_network
from pytest_stm32pose.pictures.annotations.fields import MAX_KEYPOINTS, Entry, shown
from pytest_stm32pose.pictures.annotations.labelled import Choice
from pytest_stm32pose.pictures.annotations.names import are_placeholders, normalised, rows_of
from pytest_stm32pose.pictures.annotations.sets import (
    FROM_LABELS,
    USUAL,
    FoundSet,
    Wanted,
    own_set,
    wanted_set,
    with_sigmas,
)
from pytest_stm32pose.types import Skeleton

_REMEDY = "Use person keypoint annotations, not boxes or captions."
_SETS_REMEDY = (
    "Label COCO's 17 keypoints (nose, left_eye, ...) or ST's 13 (head, left_shoulder, ...), and name them; of another "
    "set, say which with --pose-skeleton."
)


@dataclass(frozen=True)
class Layout:
    """How the keypoints of a category's annotations stand."""

    count: int  #: keypoints that an annotation has
    rows: tuple[int, ...]  #: where each keypoint of the set stands among them


@dataclass(frozen=True)
class Categories:
    """The categories whose annotations are used."""

    skeleton: Skeleton  #: of all of them
    layouts: Mapping[str, Layout]  #: by category id
    listed: frozenset[str]  #: ids that the file lists
    notes: tuple[str, ...]  #: without the name of the file

    @property
    def keypoints(self) -> int:
        return len(self.skeleton.names)

    @property
    def annotated(self) -> int:
        """Keypoints that the annotations have, of which some may not be used."""
        return max((layout.count for layout in self.layouts.values()), default=self.keypoints)

    def layout_of(self, identifier: str | None) -> Layout | None:
        """None for annotations of categories that are not used, or that cannot be told."""
        if identifier is not None and identifier in self.layouts:
            return self.layouts[identifier]
        # A file of one category means that one, also where ids are missing or count from another number.
        only = len(self.listed) <= 1 and identifier not in self.listed
        return next(iter(self.layouts.values())) if only else None


def read_categories(
    path: Path,
    categories: Sequence[Mapping[str, Any]],
    annotations: Sequence[Mapping[str, object]],
    wanted: Wanted = None,
    choice: Choice | None = None,
) -> Categories:
    """The categories with a keypoint set that networks are judged by: by names, else by the number of keypoints.

    Args:
        wanted: the set that the user named; None: COCO's or ST's where names are theirs, else the categories' own.
        choice: between categories with different keypoints.

    Raises:
        ImageError: no category has one; names what there is.
    """
    choice = choice or Choice()
    by_id = _by_id(path, categories)
    listed = frozenset(by_id)
    by_id = of_category(path, by_id, choice.category)
    every = {key: names for key, each in by_id.items() if isinstance(names := each.get("keypoints"), list) and names}
    lists, whole = of_network(by_id, every, choice) if wanted is None else (every, False)
    found = _categories(path, lists, by_id, listed, annotations, wanted, choice, whole)
    return replace(found, notes=(*note(by_id, every, found.layouts), *found.notes))


def _categories(
    path: Path,
    lists: dict[str, list[object]],
    by_id: Mapping[str, Mapping[str, Any]],
    listed: frozenset[str],
    annotations: Sequence[Mapping[str, object]],
    wanted: Wanted,
    choice: Choice,
    whole: bool,
) -> Categories:
    if isinstance(wanted, Skeleton) and (asked := wanted_set(path, lists, wanted)):
        return _of_set(asked, lists, listed)
    named = {key: rows for key, names in lists.items() if (rows := rows_of(names)) is not None}
    if named and wanted is None and not whole:
        return _by_name(path, named, lists, by_id, listed)
    if found := own_set(path, by_id, lists, any_count=wanted == FROM_LABELS or whole):
        return _of_set(found, lists, listed)
    unnamed = {key for key in by_id if key not in lists or are_placeholders(lists[key])}
    promised = {len(lists[key]) for key in unnamed & set(lists)}
    counts = promised or _counts(path, annotations, unnamed, listed)
    skeleton = _in_order(next(iter(counts)), wanted, choice) if len(counts) == 1 else None
    if skeleton is not None:
        keypoints = len(skeleton.names)
        skeleton = with_sigmas(path, skeleton, next((by_id[key] for key in unnamed), {}))
        layout = Layout(keypoints, tuple(range(keypoints)))
        called = skeleton.name if wanted or keypoints not in USUAL else _set_name(keypoints)
        note = f"its keypoints have no names: {keypoints} are taken in the order of {called}."
        return Categories(skeleton, dict.fromkeys(unnamed or {"1"}, layout), listed, (note,))
    raise _refusal(path, [names for key, names in lists.items() if key not in unnamed], counts, wanted)


def _by_id(path: Path, categories: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The categories by their ids. Raises ImageError: two have the same one."""
    by_id: dict[str, Mapping[str, Any]] = {}
    for index, values in enumerate(categories):
        entry = Entry(values, path, f"categories[{index}]")
        identifier = entry.identifier("id") if len(categories) > 1 or "id" in values else "1"
        if identifier in by_id:
            raise entry.wrong(f"has the id {shown(identifier)} of another category.")
        by_id[identifier] = values
    return by_id


def _of_set(found: FoundSet, lists: Mapping[str, list[object]], listed: frozenset[str]) -> Categories:
    layouts = {key: Layout(len(lists[key]), rows) for key, rows in found.rows.items()}
    keypoints, notes = len(found.skeleton.names), list(found.notes)
    for layout in layouts.values():
        if layout.count > keypoints:
            notes.append(f"of its {layout.count} keypoints the {keypoints} of {found.skeleton.name} are used, by name.")
        elif layout.rows != tuple(range(keypoints)):
            notes.append(
                f"its keypoints stand in another order than {found.skeleton.name}; they were put right by name."
            )
    return Categories(found.skeleton, layouts, listed, tuple(dict.fromkeys(notes)))


def _in_order(count: int, wanted: Wanted, choice: Choice) -> Skeleton | None:
    """What keypoints without names are taken for: the set that the user named, the one that so many are, or those of a
    network that has as many."""
    if isinstance(wanted, Skeleton):
        return wanted if count == len(wanted.names) else None
    if not 0 < count <= MAX_KEYPOINTS:
        return None
    return skeleton_of(count) or (usual(count) if count == choice.keypoints() else None)


def _by_name(
    path: Path,
    named: Mapping[str, tuple[int, ...]],
    lists: Mapping[str, list[object]],
    categories: Mapping[str, Mapping[str, Any]],
    listed: frozenset[str],
) -> Categories:
    keypoints = max(len(rows) for rows in named.values())
    layouts = {key: Layout(len(lists[key]), rows) for key, rows in named.items() if len(rows) == keypoints}
    notes = []
    for layout in layouts.values():
        if layout.count > keypoints:
            notes.append(f"of its {layout.count} keypoints {_set_name(keypoints)} {keypoints} are used, by name.")
        elif layout.rows != tuple(range(keypoints)):
            notes.append(
                f"its keypoints stand in another order than {_set_name(keypoints)}; they were put right by name."
            )
    first = next(iter(layouts))
    skeleton = with_sigmas(path, usual(keypoints), categories[first], layouts[first].rows)
    return Categories(skeleton, layouts, listed, tuple(dict.fromkeys(notes)))


def _set_name(keypoints: int) -> str:
    return "COCO's" if keypoints == 17 else "ST's"


def _counts(
    path: Path, annotations: Sequence[Mapping[str, object]], unnamed: set[str], listed: frozenset[str]
) -> set[int]:
    """How many keypoints the annotations of categories without names have; below 0: so many values, no triples."""
    counts: set[int] = set()
    for index, annotation in enumerate(annotations if unnamed or not listed else ()):
        values = annotation.get("keypoints")
        if not isinstance(values, list) or not values:
            continue
        entry = Entry(annotation, path, f"annotations[{index}]")
        if len(listed) <= 1 or entry.identifier("category_id") in unnamed:
            counts.add(len(values) // 3 if len(values) % 3 == 0 else -len(values))
    return counts


def _refusal(path: Path, others: Sequence[Sequence[object]], numbers: set[int], wanted: Wanted) -> ImageError:
    if others:
        names = others[0]
        some = ", ".join(shown(name) for name in names[:6]) + (", ..." if len(names) > 6 else "")
        why = f"it names {len(names)} keypoints ({some}), which are neither COCO's 17 nor ST's 13"
        missing = _nearly(names)
        return ImageError(f"{path} cannot judge a network here: {why}{missing}.", remedy=_SETS_REMEDY)
    if numbers:
        counts = ", ".join(f"{count} keypoints" if count > 0 else f"{-count} values" for count in sorted(numbers))
        as_many = f"those of {wanted.name} are" if isinstance(wanted, Skeleton) else "as many as a known set has are"
        return ImageError(
            f"{path} names no keypoints, and its annotations have {counts}; {as_many} wanted.", remedy=_SETS_REMEDY
        )
    return ImageError(
        f"{path} labels no person: neither its categories nor its annotations have keypoints.", remedy=_REMEDY
    )


def _nearly(names: Sequence[Any]) -> str:
    """Of a set with a usual number of keypoints: which names it lacks."""
    skeleton = skeleton_of(len(names))
    if skeleton is None or not all(isinstance(name, str) for name in names):
        return ""
    given = {normalised(name) for name in names}
    lacking = [name for name in skeleton.names if name not in given]
    return f" ({lacking[0]} is missing)" if lacking else " (a name occurs twice)"
