"""Where weights and arena go, by their sizes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_stm32pose.boards.catalog import board_spec
from pytest_stm32pose.boards.fit import check_fit, fit_line, misfits
from pytest_stm32pose.boards.rooms import Choice, choose
from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.models.zoo import default_model
from pytest_stm32pose.network.compile import compile_model
from pytest_stm32pose.types import NetworkDescription

SIZES = st.integers(0, 200)


@pytest.mark.parametrize(
    ("arena", "image", "wish", "found"),
    [
        (50, 40, "flash", Choice("flash", "internal")),
        (50, 36, "ram", Choice("internal", "internal")),  # behind 64
        (50, 37, "ram", Choice("external", "internal")),
        (50, 36, "auto", Choice("internal", "internal")),
        (50, 37, "auto", Choice("flash", "internal")),
        (100, 100, "ram", Choice("external", "internal")),
        (101, 100, "ram", Choice("internal", "external")),
        (101, 101, "ram", Choice("external", "external")),
        (101, 100, "flash", Choice("flash", "external")),
        (300, 172, "ram", None),
        (301, 1, "flash", None),
        (50, 301, "ram", None),
        (50, 301, "auto", Choice("flash", "internal")),
    ],
)
def test_the_fastest_places_that_fit(arena: int, image: int, wish: str, found: Choice | None) -> None:
    assert choose(arena, image, 100, 300, wish) == found  # type: ignore[arg-type]


@given(SIZES, SIZES, SIZES, SIZES, st.sampled_from(["auto", "flash", "ram"]))
def test_what_is_chosen_fits(arena: int, image: int, internal: int, external: int, wish: str) -> None:
    found = choose(arena, image, internal, external, wish)  # type: ignore[arg-type]
    rooms = {"internal": internal, "external": external, "flash": 10**9}
    if found is None:
        assert wish == "ram" or arena > max(internal, external)
        return
    rooms[found.arena] -= arena
    rooms[found.weights] -= image
    assert min(rooms.values()) >= 0
    assert (found.weights == "flash") <= (wish != "ram")


@pytest.fixture(scope="module")
def description() -> NetworkDescription:
    return compile_model(default_model()).description


def test_a_copy_that_does_not_fit_is_refused_in_advance(description: NetworkDescription) -> None:
    spec = board_spec("n6-nucleo")
    large = replace(description, activation_bytes=2 << 20, network_image_bytes=1 << 20)
    check_fit(spec, large)
    check_fit(spec, large, "auto")
    with pytest.raises(ModelError) as caught:
        check_fit(spec, large, "ram")
    for words in ("does not fit n6-nucleo", "a copy of its network image (1,048,576 bytes)", "arena of 2,097,152 bytes",
                  "2,883,584 bytes of RAM", "--pose-weights=flash"):  # fmt: skip
        assert words in str(caught.value)
    check_fit(board_spec("n6"), large, "ram")  # into its PSRAM


def test_the_psram_of_the_dk_holds_larger_arenas(description: NetworkDescription) -> None:
    large = replace(description, activation_bytes=8 << 20)
    assert misfits(board_spec("n6"), large) == []
    assert "arena 8,388,608 of 33,554,400 bytes" in fit_line(board_spec("n6"), large)
    assert misfits(board_spec("n6-nucleo"), large) == ["the arena needs 8,388,608 bytes, its arena has 2,883,584"]
    assert len(misfits(board_spec("n6"), replace(description, activation_bytes=32 << 20))) == 1
