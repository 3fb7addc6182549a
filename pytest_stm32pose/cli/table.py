"""A table on the terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pytest_stm32pose.tell.columns import aligned


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Prints rows as columns; the first row is the heading."""
    for line in aligned(rows):
        print(line)


def print_json(value: object) -> None:
    print(json.dumps(value, indent=2, sort_keys=True))
