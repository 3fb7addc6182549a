"""CONCATENATION of any element type. Kernel: firmware/kernels/ref/concatenation.c.

Source: TensorFlow Lite, kernels/concatenation.cc and reference_ops.h (ConcatenationWithScaling): int8 inputs must be
quantised as the output is; uint8 ones are scaled, in single precision.
"""

from __future__ import annotations

import numpy as np

from pytest_stm32pose.network.graph import Graph, Op, Tensor
from pytest_stm32pose.network.image import MAX_OPERANDS
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.fixed_point import ACT_NONE
from pytest_stm32pose.network.ops.joints import PARAMS, checked_axis
from pytest_stm32pose.network.ops.operands import affine, check_counts, operand, refusal
from pytest_stm32pose.network.ops.tables import stored_values, table_bytes
from pytest_stm32pose.network.ops.walks import MOVABLE


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Inputs side by side along an axis; 8-bit ones keep their real values."""
    check_counts(op, graph, range(1, MAX_OPERANDS))
    out = operand(op, graph, op.outputs[0], "output", MOVABLE)
    parts = [operand(op, graph, index, "input", (out.dtype,)) for index in op.inputs]
    if int(op.options["fused_activation_function"]) != ACT_NONE:
        raise refusal(op, graph, "a fused activation is not supported")
    at = checked_axis(op, graph, int(op.options["axis"]), out, parts)
    return Prepared(PARAMS.pack(at, _tables(op, graph, parts, out, consts)), inputs=op.inputs, outputs=op.outputs)


def _tables(op: Op, graph: Graph, parts: list[Tensor], out: Tensor, consts: ConstPool) -> int:
    """Offset of the tables that requantise every input, 0 where none is to be requantised."""
    if out.dtype not in ("int8", "uint8") or out.quantization.scale.size == 0:
        return 0
    target = affine(op, graph, out, "output")
    origins = [affine(op, graph, part, f"input {i}") for i, part in enumerate(parts)]
    if all(origin == target for origin in origins):
        return 0
    if out.dtype == "int8":
        raise refusal(op, graph, "int8 inputs are quantised otherwise than its output, which the reference refuses")
    return consts.add(b"".join(_table(origin, target) for origin in origins))


def _table(origin: tuple[np.float32, int], target: tuple[np.float32, int]) -> bytes:
    """256 results, rounded half away from zero."""
    (in_scale, in_zero), (out_scale, out_zero) = origin, target
    stored = stored_values("uint8")
    if origin == target:
        return table_bytes(stored, "uint8")
    scale = in_scale * (np.float32(1) / out_scale)
    bias = np.float32(-in_zero) * scale
    real = (stored.astype(np.float32) * scale + bias).astype(np.float64)
    rounded = np.copysign(np.floor(np.abs(real) + 0.5), real)
    return table_bytes(np.clip(rounded, -(2**31), 2**31 - 1).astype(np.int64) + out_zero, "uint8")
