"""Erased memory costs what is written of it only, and keeps it."""

from __future__ import annotations

import resource
import sys

import pytest

from pytest_stm32pose.twins.stm32.storage import erased, view


@pytest.mark.parametrize("length", [4096, 5 << 20])
def test_it_is_erased_and_keeps_what_is_written(length: int) -> None:
    buffer = erased(length)
    view(buffer)[length - 3 : length - 1] = b"ab"
    assert bytes(buffer[length - 4 :]) == b"\xffab\xff"
    assert bytes(buffer[: length - 4]) == b"\xff" * (length - 4)
    assert bytes(erased(length)) == b"\xff" * length, "another one is not changed with it"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere it is filled")
def test_a_large_one_takes_little_room() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kept = [erased(128 << 20) for _ in range(4)]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10, "KiB, of 512 MiB"
    assert kept[3][-1] == 0xFF
