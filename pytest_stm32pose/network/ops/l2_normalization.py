"""L2_NORMALIZATION along the last dimension, int8 and float32. Kernel: firmware/kernels/ref/l2_normalization.c.

Source: TensorFlow Lite, kernels/internal/reference/integer_ops/l2normalization.h and reference/l2normalization.h.
"""

from __future__ import annotations

import struct

import numpy as np

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.fixed_point import ACT_NONE
from pytest_stm32pose.network.ops.operands import affine, refusal
from pytest_stm32pose.network.ops.tables import unary_operands
from pytest_stm32pose.network.schema import OptionField, OptionTable

OPTIONS = OptionTable(12, (OptionField("fused_activation_function", 0, "<b", 0),))
MAX_VERSION = 2
#: struct pose_norm_params in firmware/kernels/params.h
PARAMS = struct.Struct("<i")
MAX_DEPTH = 32768  #: POSE_NORM_MAX_DEPTH
_OUTPUT = (np.float32(1 / 128), 0)  #: the only output quantisation the reference takes


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Every row divided by the root of the sum of its squares."""
    source, out = unary_operands(op, graph, "int8", "float32")
    if int(op.options["fused_activation_function"]) != ACT_NONE:
        raise refusal(op, graph, "a fused activation is not supported")
    if not source.shape or source.shape[-1] > MAX_DEPTH:
        raise refusal(op, graph, f"{list(source.shape)} has no last dimension of 1 to {MAX_DEPTH} values")
    if source.dtype == "float32":
        return Prepared(PARAMS.pack(0), inputs=op.inputs, outputs=op.outputs)
    if affine(op, graph, out, "output") != _OUTPUT:
        raise refusal(op, graph, "its output is not quantised with scale 1/128 and zero point 0")
    _, in_zero = affine(op, graph, source, "input")
    return Prepared(PARAMS.pack(in_zero), inputs=op.inputs, outputs=op.outputs)
