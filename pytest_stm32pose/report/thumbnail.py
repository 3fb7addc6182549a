"""A picture as a JPEG data URI of bounded size, so that a report of many pictures stays small enough to mail."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

LONG_SIDE_PX = 480
#: Of the JPEG file; the data URI is a third longer.
MAX_BYTES = 48 * 1024
_QUALITIES = (78, 65, 50, 35)
_SMALLEST_SIDE_PX = 120


def data_uri(pixels: NDArray[np.uint8], *, long_side_px: int = LONG_SIDE_PX, max_bytes: int = MAX_BYTES) -> str:
    """Encode a picture; quality, then size, are lowered until it fits.

    Args:
        pixels: uint8 [height, width, 3] RGB.
        long_side_px: the thumbnail's long side at most; smaller pictures are not enlarged.
        max_bytes: of the JPEG file.

    Raises:
        ValueError: `pixels` is not a picture.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or 0 in pixels.shape:
        raise ValueError(f"a picture is uint8 [height, width, 3], not {pixels.dtype} {list(pixels.shape)}")
    from PIL import Image  # a report without pictures needs no Pillow

    picture = Image.fromarray(np.ascontiguousarray(pixels))
    side_px = min(long_side_px, max(picture.size))
    encoded = b""
    while True:
        scaled = picture.copy()
        scaled.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
        for quality in _QUALITIES:
            encoded = _jpeg(scaled, quality)
            if len(encoded) <= max_bytes:
                return _uri(encoded)
        if side_px <= _SMALLEST_SIDE_PX:
            return _uri(encoded)
        side_px = max(_SMALLEST_SIDE_PX, side_px * 3 // 4)


def _jpeg(picture: PilImage, quality: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()


def _uri(encoded: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(encoded).decode("ascii")
