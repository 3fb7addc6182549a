"""Builds small .tflite files tensor by tensor, for tests that need one operator, or a malformed model.

Format: TensorFlow Lite schema (schema.fbs), through the object API of the generated classes that LiteRT ships.
Option names are those of schema.fbs (`stride_w`, `fused_activation_function`); enums are given as their ints.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

PADDING_SAME, PADDING_VALID = 0, 1
ACTIVATIONS = {"NONE": 0, "RELU": 1, "RELU_N1_TO_1": 2, "RELU6": 3, "TANH": 4}

#: Option tables whose name is not the operator's name in camel case.
_OPTION_TABLES = {
    "BATCH_MATMUL": "BatchMatMulOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "PADV2": "PadV2Options",
    "MEAN": "ReducerOptions",
    "SUM": "ReducerOptions",
    "REDUCE_MAX": "ReducerOptions",
    "REDUCE_MIN": "ReducerOptions",
    "TOPK_V2": "TopKV2Options",
    "SELECT_V2": "SelectV2Options",
    "L2_NORMALIZATION": "L2NormOptions",
    "MAXIMUM": "MaximumMinimumOptions",
    "MINIMUM": "MaximumMinimumOptions",
}


@dataclass(frozen=True)
class TensorSpec:
    """One tensor. `scale` and `zero_point`: one element per tensor or one per index of `axis`; empty: not quantised."""

    name: str
    dtype: str  #: numpy name
    shape: tuple[int, ...]
    scale: Sequence[float] = ()
    zero_point: Sequence[int] = ()
    axis: int = 0
    data: NDArray[Any] | bytes | None = None  #: constants; bytes are stored as they are (malformed buffers)
    shape_signature: tuple[int, ...] | None = None  #: with -1 for dynamic sizes


@dataclass(frozen=True)
class OpSpec:
    """One operator; -1 in `inputs` is an absent optional operand. `options` None: no options table at all."""

    name: str  #: builtin operator name ("CONV_2D"), or "CUSTOM:<custom code>"
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any] | None = field(default_factory=dict)
    version: int = 1


def build_model(
    tensors: Sequence[TensorSpec],
    ops: Sequence[OpSpec],
    inputs: Sequence[int],
    outputs: Sequence[int],
    *,
    name: str = "main",
    extra_subgraphs: int = 0,
    identifier: bytes = b"TFL3",
) -> bytes:
    """Returns the bytes of a .tflite with one subgraph (and `extra_subgraphs` empty ones).

    `inputs` and `outputs` are tensor indices. Nothing is validated: indices may be wrong on purpose.
    """
    model = schema.ModelT()
    model.version = 3
    model.description = "built by tests/support/tflite_builder.py"
    model.buffers = [schema.BufferT()]  # buffer 0 is by convention the empty one
    model.operatorCodes = []
    model.subgraphs = [_subgraph(model, tensors, ops, inputs, outputs, name)]
    model.subgraphs += [_subgraph(model, (), (), (), (), f"extra_{i}") for i in range(extra_subgraphs)]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=identifier)
    return bytes(builder.Output())


def _subgraph(
    model: Any,
    tensors: Sequence[TensorSpec],
    ops: Sequence[OpSpec],
    inputs: Sequence[int],
    outputs: Sequence[int],
    name: str,
) -> Any:
    graph = schema.SubGraphT()
    graph.name = name
    graph.tensors = [_tensor(model, spec) for spec in tensors]
    graph.operators = [_operator(model, spec) for spec in ops]
    graph.inputs = np.array(inputs, np.int32)
    graph.outputs = np.array(outputs, np.int32)
    return graph


def _tensor(model: Any, spec: TensorSpec) -> Any:
    tensor = schema.TensorT()
    tensor.name = spec.name
    tensor.type = getattr(schema.TensorType, spec.dtype.upper())
    tensor.shape = np.array(spec.shape, np.int32)
    if spec.shape_signature is not None:
        tensor.shapeSignature = np.array(spec.shape_signature, np.int32)
    if len(spec.scale):
        quantization = schema.QuantizationParametersT()
        quantization.scale = np.array(spec.scale, np.float32)
        quantization.zeroPoint = np.array(spec.zero_point, np.int64)
        quantization.quantizedDimension = spec.axis
        tensor.quantization = quantization
    tensor.buffer = 0
    if spec.data is not None:
        raw = spec.data if isinstance(spec.data, bytes) else np.ascontiguousarray(spec.data, spec.dtype).tobytes()
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(raw, np.uint8)
        model.buffers.append(buffer)
        tensor.buffer = len(model.buffers) - 1
    return tensor


def _operator(model: Any, spec: OpSpec) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex = _operator_code(model, spec)
    operator.inputs = np.array(spec.inputs, np.int32)
    operator.outputs = np.array(spec.outputs, np.int32)
    table = _OPTION_TABLES.get(spec.name, _camel(spec.name) + "Options")
    if spec.options or (spec.options is not None and hasattr(schema, table + "T")):  # LOGISTIC and others have none
        options = getattr(schema, table + "T")()
        for key, value in spec.options.items():
            attribute = _camel(key)[0].lower() + _camel(key)[1:]
            if not hasattr(options, attribute):
                raise AttributeError(f"{table} has no option {key!r}.")
            setattr(options, attribute, value)
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, table)
        operator.builtinOptions = options
    return operator


def _operator_code(model: Any, spec: OpSpec) -> int:
    """Index of the operator's code, added when the model does not hold it yet."""
    code = schema.OperatorCodeT()
    code.version = spec.version
    if spec.name.startswith("CUSTOM:"):
        code.builtinCode = schema.BuiltinOperator.CUSTOM
        code.customCode = spec.name.removeprefix("CUSTOM:")
    else:
        code.builtinCode = getattr(schema.BuiltinOperator, spec.name)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)  # the byte-wide field of older files
    for index, known in enumerate(model.operatorCodes):
        if vars(known) == vars(code):
            return index
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _camel(name: str) -> str:
    """CONV_2D -> Conv2D, half_pixel_centers -> HalfPixelCenters."""
    return re.sub(r"(?:^|_)([a-z0-9])([a-z0-9]*)", lambda m: m[1].upper() + m[2], name.lower()).replace("2d", "2D")
