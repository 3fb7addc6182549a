"""What to try when a step fails, by board: the table advice.toml."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

#: Where the boards' documents are.
DOCS = {"stm32n6": "docs/boards/n6.md", "stm32h7": "docs/boards/h7.md", "stm32h7rs": "docs/boards/h7s78.md"}
PAGE = "docs/bringup.md"


@cache
def table() -> dict[str, dict[str, list[str]]]:
    """Folder under firmware/boards, or its beginning ("" for every board) -> step -> what to try."""
    return tomllib.loads(resources.files(__package__).joinpath("advice.toml").read_text(encoding="utf-8"))


def remedies(folder: str, step: str, board: str) -> tuple[str, ...]:
    """What to try, the board's own first, and where to read on.

    Args:
        folder: of the board's firmware under firmware/boards, such as "stm32n6/n6570_dk".
    """
    family = folder.partition("/")[0]
    places = dict.fromkeys((folder, family, ""))
    found = [text for place in places for text in table().get(place, {}).get(step, ())]
    pages = " and ".join(filter(None, (PAGE, DOCS.get(family))))
    return (*(text.replace("{board}", board) for text in found), f"Read {pages} of pytest-stm32pose.")
