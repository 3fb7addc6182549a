"""What a stored golden keeps of a tensor, and the CRC that a device and a golden are compared by."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.types import TensorData

#: `op_source` of a tensor that no operator wrote: the network's input.
INPUT_OP_SOURCE = -1


@dataclass(frozen=True)
class TensorDigest:
    """What a stored golden keeps of an intermediate tensor: enough to see that it differs, not by how much."""

    source: int
    op_source: int
    op_name: str
    dtype: str
    shape: tuple[int, ...]
    crc32: int  #: CRC-32/ISO-HDLC of the bytes in C order, little endian


def digest(tensor: TensorData) -> TensorDigest:
    """The digest of one tensor."""
    return TensorDigest(
        tensor.source,
        tensor.op_source,
        tensor.op_name,
        str(tensor.data.dtype),
        tuple(tensor.data.shape),
        crc32_of(tensor.data),
    )


def crc32_of(data: NDArray[np.generic], before: int = 0) -> int:
    return zlib.crc32(np.ascontiguousarray(data, dtype=data.dtype.newbyteorder("<")).tobytes(), before)
