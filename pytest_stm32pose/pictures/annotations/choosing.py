"""Which of a COCO file's categories are used, where several have keypoints: named, or those of the network. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.pictures.annotations.fields import shown
from pytest_stm32pose.pictures.annotations.labelled import Choice
from pytest_stm32pose.pictures.annotations.names import are_placeholders, plain_names, rows_of

#: Of what is listed in a sentence.
_SHOWN = 5
_Category = Mapping[str, Any]
_Lists = Mapping[str, Sequence[Any]]


def of_category(path: PurePath, categories: Mapping[str, _Category], name: str | None) -> dict[str, _Category]:
    """The categories of that name or id; all where none is named.

    Raises:
        ImageError: there is none.
    """
    if name is None:
        return dict(categories)
    found = {key: each for key, each in categories.items() if str(each.get("name")).casefold() == name.casefold()}
    found = found or {key: each for key, each in categories.items() if key == name}
    if not found:
        listed = ", ".join(_called(key, each) for key, each in [*categories.items()][:_SHOWN]) or "none"
        raise ImageError(f"{path} has no category {shown(name)}.", remedy=f"Its categories: {listed}.")
    return found


def of_network(categories: Mapping[str, _Category], lists: _Lists, choice: Choice) -> tuple[dict[str, Any], bool]:
    """The keypoint names of the categories that have as many as the network; all where that decides nothing.

    Returns:
        the lists, and whether a set is wanted whole of which COCO's 17 are a part.
    """
    groups = _groups(lists)
    if len(groups) < 2 and not any(_is_part(names) for names in groups):
        return dict(lists), False
    network = choice.keypoints()
    exact = {key: names for names, keys in groups.items() if len(names) == network for key in keys}
    if not exact:
        return dict(lists), False
    kept = {key: lists[key] for key in exact}
    return kept, any(_is_part(names) for names in exact.values())


def note(categories: Mapping[str, _Category], lists: _Lists, used: Iterable[str]) -> tuple[str, ...]:
    """On a choice between categories; none where there was none."""
    groups = _groups(lists)
    if len(groups) < 2:
        return ()
    told = [f"{_names(categories, keys)}: {len(names)}" for names, keys in [*groups.items()][:_SHOWN]]
    chosen = _names(categories, list(used))
    return (f"several of its categories have keypoints ({', '.join(told)}); {chosen} is used.",)


def _groups(lists: _Lists) -> dict[tuple[str, ...], list[str]]:
    """Ids of the categories with names, by their names."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for key, names in lists.items():
        if not are_placeholders(names):
            groups.setdefault(plain_names([str(name) for name in names]), []).append(key)
    return groups


def _is_part(names: Sequence[str]) -> bool:
    """Whether COCO's 17 are among more."""
    rows = rows_of(names)
    return rows is not None and len(rows) < len(names)


def _names(categories: Mapping[str, _Category], keys: Sequence[str]) -> str:
    return " and ".join(_called(key, categories.get(key, {})) for key in keys[:_SHOWN])


def _called(key: str, category: _Category) -> str:
    name = category.get("name")
    return f"{shown(name)} (id {shown(key)})" if isinstance(name, str) and name else f"id {shown(key)}"
