"""The format word of ST's tensors (aiTensorDescMsg.format): what an element is. Pure.

    bit 30 CONST, 29 STATIC, 27 IS_IO, 24 float: flags, which say nothing of the element
    bit 23       signed
    bits 20..17  type: 1 float, 2 integer or fixed point (Q), 3 bool, 15 fixed point (FXP, of an NPU)
    bits 13..7   bits of an element
    bits 6..0    64 + fractional bits: of fixed point, and 0 of all others

ST's decoder looks at type, bits and sign, and so does this one. Fixed point has no other quantisation than its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from pytest_stm32pose.protocol.st_validation.messages import FORMATS

ELEMENT_MASK = 0x009E3F80  #: sign, type and bits
TYPE_MASK, TYPE_SHIFT = 0xF, 17
INTEGER, FXP = 2, 15
FRACTION_MASK, FRACTION_ZERO = 0x7F, 64
_DTYPES = {word & ELEMENT_MASK: dtype for word, dtype in FORMATS.items()}


@dataclass(frozen=True)
class Format:
    """An element: its NumPy type and, of fixed point, how many of its bits are a fraction (may be negative)."""

    dtype: str
    fraction_bits: int | None = None


def format_of(word: int) -> Format | None:
    """What a format word says; None: no type that this protocol has."""
    kind = word >> TYPE_SHIFT & TYPE_MASK
    element = word & ELEMENT_MASK
    if kind == FXP:
        element = element & ~(TYPE_MASK << TYPE_SHIFT) | INTEGER << TYPE_SHIFT
    dtype = _DTYPES.get(element)
    if dtype is None:
        return None
    fraction = (word & FRACTION_MASK) - FRACTION_ZERO
    is_fixed = kind == FXP or (kind == INTEGER and fraction != 0)
    return Format(dtype, fraction if is_fixed else None)
