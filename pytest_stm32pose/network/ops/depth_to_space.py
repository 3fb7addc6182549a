"""DEPTH_TO_SPACE of any element type. Kernel: firmware/kernels/ref/depth_to_space.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import check_counts, refusal
from pytest_stm32pose.network.ops.walks import moved, prepare_walk
from pytest_stm32pose.network.schema import OptionField, OptionTable

OPTIONS = OptionTable(94, (OptionField("block_size", 0, "<i", 0),))
MAX_VERSION = 2


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Groups of channels become blocks of pixels."""
    check_counts(op, graph, (1,))
    source, out = moved(op, graph)
    block = int(op.options["block_size"])
    if len(source.shape) != 4 or block < 1 or source.shape[3] % (block * block):
        raise refusal(op, graph, f"{list(source.shape)} cannot be taken apart into blocks of {block}")
    batches, height, width, channels = source.shape
    depth = channels // (block * block)
    if out.shape != (batches, height * block, width * block, depth):
        raise refusal(op, graph, f"maps {list(source.shape)} to {list(out.shape)} with blocks of {block}")
    row = width * channels
    sizes = (batches, height, block, width, block, depth)
    return prepare_walk(op, graph, sizes, (height * row, row, block * depth, channels, depth, 1), 0)
