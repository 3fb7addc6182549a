"""What a golden is: a host reference's answer for one picture, and who computed it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.types import InferResult, TensorDigest


@dataclass(frozen=True)
class GoldenIdentity:
    """The engine behind a golden. Kernels of other resolvers differ in single LSBs, so the resolver is part of it."""

    engine: str
    version: str
    resolver: str


@dataclass(frozen=True)
class GoldenAnswer:
    """One picture's golden.

    `result.intermediates` is filled by a live engine that was asked for them; a stored golden has `digests` instead.
    """

    result: InferResult
    input_crc32: int  #: CRC-32 of the input bytes that the golden was computed from
    digests: tuple[TensorDigest, ...]
    identity: GoldenIdentity
    store: str  #: "live", or the stored golden's file name


class Engine(Protocol):
    """A host reference for one network."""

    @property
    def identity(self) -> GoldenIdentity: ...

    @property
    def model_sha256(self) -> str: ...

    def run(self, input_tensor: NDArray[np.generic], intermediates: bool = False) -> InferResult:
        """[h, w, c] or [1, h, w, c] in the network's input type -> outputs, keypoints, on request every tensor."""


def input_crc32(input_tensor: NDArray[np.generic]) -> int:
    """CRC-32/ISO-HDLC of the bytes that a device is given."""
    return zlib.crc32(np.ascontiguousarray(input_tensor).tobytes())
