"""How rules look at their operands: every doubt becomes a ModelError that names operator, place and reason."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.network.graph import Graph, Op, Tensor
from pytest_stm32pose.network.ops.fixed_point import ACT_RELU6, ACTIVATION_NAMES, activation_range


def refusal(op: Op, graph: Graph, reason: str) -> ModelError:
    """The error to raise: `<network>: operator 12 CONV_2D (output 'x', version 3): <reason>.`"""
    output = graph.tensors[op.outputs[0]].name if op.outputs else ""
    place = f"{graph.name}: operator {op.index} {op.name} (output {output!r}, version {op.version})"
    return ModelError(f"{place}: {reason}.")


def check_counts(op: Op, graph: Graph, inputs: Collection[int], outputs: int = 1) -> None:
    """Refuses an operator with another number of operands; `inputs` lists the numbers that are possible."""
    if len(op.inputs) not in inputs or len(op.outputs) != outputs:
        wanted = " or ".join(str(n) for n in inputs)
        reason = f"has {len(op.inputs)} inputs and {len(op.outputs)} outputs instead of {wanted} and {outputs}"
        raise refusal(op, graph, reason)


def operand(op: Op, graph: Graph, index: int, what: str, dtypes: Collection[str]) -> Tensor:
    """Tensor `index` of the graph, refused when absent or of another type; `what` names its role."""
    if index < 0:
        raise refusal(op, graph, f"its {what} is absent")
    tensor = graph.tensors[index]
    if tensor.dtype not in dtypes:
        raise refusal(op, graph, f"its {what} is {tensor.dtype}; supported: {', '.join(dtypes)}")
    return tensor


def constant(op: Op, graph: Graph, index: int, what: str, dtypes: Collection[str]) -> NDArray[Any]:
    """Values of a constant operand."""
    tensor = operand(op, graph, index, what, dtypes)
    if tensor.data is None:
        raise refusal(op, graph, f"its {what} is computed by the network; only constants are supported")
    return tensor.data


def affine(op: Op, graph: Graph, tensor: Tensor, what: str) -> tuple[np.float32, int]:
    """(scale, zero point) of a tensor with one of each; the scale is positive, the zero point fits the type."""
    quantization = tensor.quantization
    if quantization.scale.size != 1:
        count = quantization.scale.size
        how = f"has {count} scales, one is supported" if count else "is not quantised"
        raise refusal(op, graph, f"its {what} ({tensor.dtype}) {how}")
    zero_point = int(quantization.zero_point[0]) if quantization.zero_point.size else 0
    check_scales(op, graph, quantization.scale, what)
    info = np.iinfo(tensor.dtype)
    if not info.min <= zero_point <= info.max:
        raise refusal(op, graph, f"the zero point {zero_point} of its {what} is outside {tensor.dtype}")
    return np.float32(quantization.scale[0]), zero_point


def check_scales(op: Op, graph: Graph, scales: NDArray[np.float32], what: str) -> None:
    """Refuses scales that are zero, negative or not finite."""
    if not bool(np.all(np.isfinite(scales) & (scales > 0))):
        raise refusal(op, graph, f"a scale of its {what} is not a positive number")


def check_same_shape(op: Op, graph: Graph, source: Tensor, out: Tensor) -> None:
    """Refuses an element-wise operator whose output has another shape than its input."""
    if source.shape != out.shape:
        raise refusal(op, graph, f"maps {list(source.shape)} to {list(out.shape)}")


def fused_range(op: Op, graph: Graph, scale: np.float32, zero_point: int, dtype: str) -> tuple[int, int]:
    """Output range of the fused activation; refuses activations other than NONE, RELU, RELU_N1_TO_1, RELU6."""
    activation = int(op.options["fused_activation_function"])
    if not 0 <= activation <= ACT_RELU6:
        known = 0 <= activation < len(ACTIVATION_NAMES)
        name = ACTIVATION_NAMES[activation] if known else f"number {activation}"
        raise refusal(op, graph, f"the fused activation {name} is not supported")
    low, high = activation_range(activation, scale, zero_point, dtype)
    if low > high:
        raise refusal(op, graph, "its output's quantisation leaves nothing of the activation's range")
    return low, high


def axis_of(op: Op, graph: Graph, axis: NDArray[Any] | int, rank: int) -> int:
    """A dimension given as a number or an array of one, counted from the end where negative, as 0..rank-1."""
    values = np.asarray(axis).reshape(-1)
    if values.size != 1 or not -rank <= int(values[0]) < rank:
        raise refusal(op, graph, f"its axis {values.tolist()} is not one of {rank} dimensions")
    return int(values[0]) % rank


def broadcast_shape(op: Op, graph: Graph, a: Tensor, b: Tensor, out: Tensor) -> None:
    """Refuses an operator whose inputs do not broadcast to its output's shape."""
    try:
        shape = np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        shape = None
    if shape != out.shape:
        raise refusal(op, graph, f"{list(a.shape)} and {list(b.shape)} do not broadcast to {list(out.shape)}")
