"""Which memory a network's weights and its arena go to, from sizes alone: the same rule for the catalog's sizes, before
a board is taken, and for what the firmware says. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

#: Of a copied image behind an arena: a line of the STM32s' data caches (firmware/app/memories.c).
COPY_ALIGNMENT = 32
Wish = Literal["auto", "flash", "ram"]
WISHES: tuple[Wish, ...] = get_args(Wish)


@dataclass(frozen=True)
class Choice:
    """`weights` "flash": where they were programmed; "internal": the memory of the board's arena; "external": its other
    RAM. `arena` "internal" is as the firmware starts."""

    weights: Literal["flash", "internal", "external"]
    arena: Literal["internal", "external"]


def choose(arena: int, image: int, internal: int, external: int, wish: Wish) -> Choice | None:
    """The fastest places that fit; None when there is none that does what is wished.

    Args:
        arena: bytes of the network's arena.
        image: bytes of its network image.
        internal: bytes of the board's arena.
        external: bytes of the RAM beside it; 0 for none.
        wish: --pose-weights.
    """
    if arena > max(internal, external):
        return None
    is_internal = arena <= internal
    held = -(-arena // COPY_ALIGNMENT) * COPY_ALIGNMENT
    left = {"internal": internal - held * is_internal, "external": external - held * (not is_internal)}
    place: Literal["internal", "external"] = "internal" if is_internal else "external"
    if wish == "flash":
        return Choice("flash", place)
    if image <= left["internal"]:
        return Choice("internal", place)
    if wish == "auto":
        return Choice("flash", place)
    return Choice("external", place) if image <= left["external"] else None
