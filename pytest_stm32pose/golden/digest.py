"""What a stored golden keeps of a tensor, and the CRC that a device and a golden are compared by."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.types import TensorData, TensorDigest

#: `op_source` of a tensor that no operator wrote: the network's input.
INPUT_OP_SOURCE = -1


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
