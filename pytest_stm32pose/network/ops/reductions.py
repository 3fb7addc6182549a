"""What the rules of MEAN, SUM, REDUCE_MAX and REDUCE_MIN share: constant dimensions that vanish
(firmware/kernels/reduction.h)."""

from __future__ import annotations

import math
import struct
from collections.abc import Collection
from dataclasses import dataclass

from pytest_stm32pose.network.graph import Graph, Op, Tensor
from pytest_stm32pose.network.ops.base import Prepared
from pytest_stm32pose.network.ops.operands import affine, axis_of, check_counts, constant, operand, refusal
from pytest_stm32pose.network.schema import OptionField, OptionTable

OPTIONS = OptionTable(27, (OptionField("keep_dims", 0, "<?", False),))
#: struct pose_reduction_params in firmware/kernels/params.h
PARAMS = struct.Struct("<i3bB")
MAX_ELEMENTS = 4194304  #: POSE_REDUCTION_MAX_ELEMENTS


@dataclass(frozen=True)
class Reduction:
    """The operands, checked. `reduced` has a bit for each dimension that vanishes, `count` is the product of those."""

    source: Tensor
    out: Tensor
    reduced: int
    count: int


def read_reduction(op: Op, graph: Graph, dtypes: Collection[str], verb: str) -> Reduction:
    """The dimensions vanish, or stay as 1 (keep_dims). `verb`: what it does to them. Raises ModelError."""
    check_counts(op, graph, (2,))
    source = operand(op, graph, op.inputs[0], "input", dtypes)
    out = operand(op, graph, op.outputs[0], "output", (source.dtype,))
    axes = {
        axis_of(op, graph, axis, len(source.shape))
        for axis in constant(op, graph, op.inputs[1], "axis", ("int32",)).reshape(-1)
    }
    if not axes:
        raise refusal(op, graph, f"it {verb}s no dimension")
    kept = [1 if i in axes else size for i, size in enumerate(source.shape)]
    if not op.options["keep_dims"]:
        kept = [size for i, size in enumerate(source.shape) if i not in axes]
    if out.shape != tuple(kept):
        shapes = f"{list(source.shape)} to {list(out.shape)}"
        raise refusal(op, graph, f"maps {shapes}, its dimensions {sorted(axes)} {verb}d")
    count = math.prod(source.shape[axis] for axis in axes)
    if count > MAX_ELEMENTS:
        raise refusal(op, graph, f"it {verb}s {count} values; {MAX_ELEMENTS} are supported")
    return Reduction(source, out, sum(1 << axis for axis in axes), count)


def plain(op: Op, reduction: Reduction) -> Prepared:
    """Of values that need no scaling."""
    return Prepared(PARAMS.pack(0, 0, 0, 0, reduction.reduced), inputs=op.inputs[:1], outputs=op.outputs)


def prepare_extreme(op: Op, graph: Graph) -> Prepared:
    """REDUCE_MAX or REDUCE_MIN: stored values are compared as they are, so that input and output must be quantised
    alike, which the reference demands too. Raises ModelError."""
    reduction = read_reduction(op, graph, ("int8", "uint8", "int32", "float32"), "compare")
    if reduction.source.dtype in ("int8", "uint8"):
        origin = affine(op, graph, reduction.source, "input")
        if origin != affine(op, graph, reduction.out, "output"):
            raise refusal(op, graph, "its input and output are quantised differently, which the reference refuses")
    return plain(op, reduction)
