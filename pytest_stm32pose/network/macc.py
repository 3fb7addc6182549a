"""The published figures of a network: MACC and weights, counted as STM32Cube.AI 9.1.0 counts them in ST's tables.

The counts per operator were found by solving for ST's four published heat-map rows (models/zoo.toml); with them all
four come out to the last published digit, and YOLOv8n pose within 0.02 %:

    CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED   multiply-accumulates + one per output channel (bias)
    QUANTIZE, DEQUANTIZE                          2 per element; int8 to int8 is folded away and costs nothing
    ADD, SUB, MUL, LOGISTIC,
    RESIZE_NEAREST_NEIGHBOR                       1 per output element
    RESIZE_BILINEAR                               4 per output element
    MAX_POOL_2D, AVERAGE_POOL_2D                  the window's size per output element
    SOFTMAX                                       15 per element
    anything else (PAD, RESHAPE, CONCATENATION)   0
"""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op, Tensor

WEIGHTED = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}
_PER_ELEMENT = {
    "ADD": 1,
    "SUB": 1,
    "MUL": 1,
    "LOGISTIC": 1,
    "RESIZE_NEAREST_NEIGHBOR": 1,
    "RESIZE_BILINEAR": 4,
    "QUANTIZE": 2,
    "DEQUANTIZE": 2,
    "SOFTMAX": 15,
}


def published_macc(op: Op, graph: Graph, macs: int) -> int:
    """One operator's share of the published MACC; `macs` are its true multiply-accumulates."""
    out = graph.tensors[op.outputs[0]]
    if op.name in WEIGHTED:
        return macs + (out.shape[-1] if out.shape else 0)
    if op.name == "QUANTIZE" and graph.tensors[op.inputs[0]].dtype == "int8":
        return 0
    if op.name in ("MAX_POOL_2D", "AVERAGE_POOL_2D"):
        return _elements(out) * int(op.options["filter_width"]) * int(op.options["filter_height"])
    return _PER_ELEMENT.get(op.name, 0) * _elements(out)


def weights_bytes(graph: Graph) -> int:
    """Bytes of the weights and biases of all weighted operators, each tensor counted once."""
    used = {t for op in graph.ops if op.name in WEIGHTED for t in op.inputs[1:] if t >= 0}
    return sum(graph.tensors[t].nbytes for t in used if graph.tensors[t].data is not None)


def _elements(tensor: Tensor) -> int:
    count = 1
    for dim in tensor.shape:
        count *= dim
    return count
