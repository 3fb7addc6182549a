"""GELU of int8 or uint8, exact or by its tanh approximation, by a table. Kernel: firmware/kernels/ref/gelu.c.

Source: TensorFlow Lite, kernels/internal/reference/gelu.h and kernels/gelu.cc.
"""

from __future__ import annotations

import math

import numpy as np

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.reals import Floats, real
from pytest_stm32pose.network.ops.tables import prepare_function
from pytest_stm32pose.network.schema import OptionField, OptionTable

OPTIONS = OptionTable(116, (OptionField("approximate", 0, "<?", False),))
MAX_VERSION = 2
#: The kernel takes an output that starts where its input does, and makes row y of it from row y of its input.
IN_PLACE = ROWS = True


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """x times the normal distribution's share below x, of the 256 stored input values."""
    return prepare_function(op, graph, consts, _approximate if op.options["approximate"] else _exact)


def _exact(values: Floats) -> Floats:
    """0.5 x erfc(-x / sqrt 2), each step in single precision as in the source."""
    return np.float32(0.5) * values * real("erfcf", values * np.float32(-math.sqrt(0.5)))


def _approximate(values: Floats) -> Floats:
    """0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), each step in single precision as in the source."""
    slope = np.float32(2 / math.sqrt(math.pi)) * np.float32(math.sqrt(0.5))
    gate = real("tanhf", slope * (values + np.float32(0.044715) * values * values * values))
    return np.float32(0.5) * values * (np.float32(1) + gate)
