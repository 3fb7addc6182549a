"""Aligned tables of the terminal."""

from __future__ import annotations

import pytest

from pytest_stm32pose.tell.columns import aligned

ROWS = [("network", "board", "MB"), ("a", "qemu-m55", "2.25"), ("longer than its head", "h7", "10")]


def test_words_stand_to_the_left() -> None:
    assert aligned(ROWS) == [
        "network               board     MB",
        "a                     qemu-m55  2.25",
        "longer than its head  h7        10",
    ]


def test_numbers_stand_to_the_right() -> None:
    assert aligned(ROWS, words=2) == [
        "network               board       MB",
        "a                     qemu-m55  2.25",
        "longer than its head  h7          10",
    ]


def test_rows_have_equally_many_cells() -> None:
    with pytest.raises(ValueError, match="shorter"):
        aligned([("a", "b"), ("c",)])
