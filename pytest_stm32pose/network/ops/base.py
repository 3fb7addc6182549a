"""What an operator rule is: it turns one .tflite operator into the parameter block that its kernel reads.

Adding an operator: one module here (found by its name, no list to edit), one kernel file per set in firmware/kernels,
one row in tests/firmware/operator_cases.py. The module's name is the TFLite operator name in lower case (`conv_2d.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from pytest_stm32pose.network.graph import Graph, Op


class ConstPool(Protocol):
    """Constants of the image being written."""

    def add(self, data: NDArray[Any] | bytes, align: int = 16) -> int:
        """Stores the bytes (equal ones once) and returns their offset from the image's first byte."""


@dataclass(frozen=True)
class Prepared:
    """One operator, ready to be written.

    Attributes:
        params: parameter block, the kernel's C struct byte for byte.
        inputs: tensors the kernel reads through operands, in order (-1 absent; what moved into constants is left out).
        outputs: tensors it writes.
        scratch_bytes: what the neediest kernel set cannot do without (the device checks it again).
        scratch_wanted: with how much some set does better; given where the plan of the arena leaves it free.
        macs: multiply-accumulates.
    """

    params: bytes
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    scratch_bytes: int = 0
    macs: int = 0
    scratch_wanted: int = 0


class Rule(Protocol):
    """Signature of every module's `prepare`: raises ModelError naming operator, place and what is unsupported."""

    def __call__(self, op: Op, graph: Graph, consts: ConstPool) -> Prepared: ...
