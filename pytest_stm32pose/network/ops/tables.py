"""Tables of 256 results for operators on 8-bit values (firmware/kernels/table.h)."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

#: struct pose_table_params in firmware/kernels/params.h
PARAMS = struct.Struct("<I")


def stored_values(dtype: str) -> NDArray[np.int64]:
    """The 256 values of an 8-bit type in the table's order: that of their bytes read as unsigned."""
    return np.arange(256, dtype=np.uint8).view(dtype).astype(np.int64)


def table_bytes(results: NDArray[np.int64], dtype: str) -> bytes:
    """The table: results clamped to the output's type."""
    info = np.iinfo(dtype)
    return np.clip(results, info.min, info.max).astype(dtype).tobytes()
