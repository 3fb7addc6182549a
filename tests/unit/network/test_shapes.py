"""Shapes that a free batch leaves open: they follow from the picture's, or the tensor is named."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.network.compile import PLANS, compile_bytes
from pytest_stm32pose.network.reader import parse_model
from tests.firmware.test_detection_networks import check_bits
from tests.support.tflite_builder import OpSpec, TensorSpec, build_model

Q = ((0.05,), (-3,))


def dense_over_rows() -> bytes:
    """A Dense layer as Keras exports it without a batch: rows and batch are one dimension, and sizes are computed."""

    def whole(name: str, *numbers: int, shape: tuple[int, ...] | None = None) -> TensorSpec:
        return TensorSpec(name, "int32", (len(numbers),) if shape is None else shape, data=np.array(numbers, np.int32))

    def open_(name: str, shape: tuple[int, ...], *signature: int, scale: float = 0.05) -> TensorSpec:
        return TensorSpec(name, "int8", shape, (scale,), (-3,), shape_signature=signature)

    weights = np.random.default_rng(4).integers(-127, 128, (2, 3), np.int8)
    tensors = [
        TensorSpec("picture", "uint8", (1, 4, 6, 3), (0.05,), (125,), shape_signature=(-1, 4, 6, 3)),  # 0
        open_("copy", (1, 4, 6, 3), -1, 4, 6, 3),
        TensorSpec("shape", "int32", (4,)),
        TensorSpec("batch", "int32", ()),
        TensorSpec("grid", "int32", (2,)),
        TensorSpec("cells", "int32", ()),  # 5
        TensorSpec("flat sizes", "int32", (2,)),
        open_("flat", (1, 3), -1, -1),
        open_("product", (1, 2), -1, 2, scale=0.2),
        TensorSpec("sizes", "int32", (3,)),
        open_("back", (1, 1, 2), -1, -1, 2, scale=0.2),  # 10
        TensorSpec("output", "float32", (1, 1, 2), shape_signature=(-1, -1, 2)),
        whole("zero", 0),
        whole("one", 1),
        whole("places", 1, 2),
        whole("channels", 3, shape=()),  # 15
        whole("two", 2, shape=()),
        TensorSpec("weights", "int8", weights.shape, (0.01,), (0,), data=weights),
    ]
    ops = [
        OpSpec("QUANTIZE", (0,), (1,)),
        OpSpec("SHAPE", (1,), (2,), {"out_type": 2}),
        OpSpec("STRIDED_SLICE", (2, 12, 13, 13), (3,), {"shrink_axis_mask": 1}),
        OpSpec("GATHER", (2, 14), (4,)),
        OpSpec("REDUCE_PROD", (4, 12), (5,)),
        OpSpec("PACK", (5, 15), (6,), {"values_count": 2}),
        OpSpec("RESHAPE", (1, 6), (7,)),
        OpSpec("FULLY_CONNECTED", (7, 17, -1), (8,), {}, 4),
        OpSpec("PACK", (3, 5, 16), (9,), {"values_count": 3}),
        OpSpec("RESHAPE", (8, 9), (10,)),
        OpSpec("DEQUANTIZE", (10,), (11,), version=2),
    ]
    return build_model(tensors, ops, [0], [11])


def test_sizes_that_the_network_computes() -> None:
    model = dense_over_rows()
    graph = parse_model(model, "net")
    assert {t: graph.tensors[t].shape for t in (7, 8, 10, 11)} == {
        7: (24, 3),
        8: (24, 2),
        10: (1, 24, 2),
        11: (1, 24, 2),
    }
    picture = np.random.default_rng(1).integers(0, 256, (1, 4, 6, 3), np.uint8)
    for plan in PLANS:
        compiled = compile_bytes(model, "net", plan=plan)
        assert [op.name for op in compiled.program.ops] == [
            "QUANTIZE", "RESHAPE", "FULLY_CONNECTED", "RESHAPE", "DEQUANTIZE",
        ]  # fmt: skip
        assert compiled.transformations[0] == "6 operators computed in advance"
        check_bits(compiled, model, picture)


def test_rows_and_batch_together() -> None:
    tensors = [
        TensorSpec("picture", "uint8", (1, 4, 6, 3), (0.05,), (125,), shape_signature=(-1, 4, 6, 3)),
        TensorSpec("copy", "int8", (1, 4, 6, 3), *Q, shape_signature=(-1, 4, 6, 3)),
        TensorSpec("flat", "int8", (1, 3), *Q, shape_signature=(-1, 3)),
        TensorSpec("product", "int8", (1, 2), (0.2,), (-3,), shape_signature=(-1, 2)),
        TensorSpec("output", "float32", (1, 2), shape_signature=(-1, 2)),
        TensorSpec("sizes", "int32", (2,), data=np.array([-1, 3], np.int32)),
        TensorSpec("weights", "int8", (2, 3), (0.01,), (0,), data=np.array([[9, -7, 5], [1, 2, -3]], np.int8)),
    ]
    ops = [
        OpSpec("QUANTIZE", (0,), (1,)),
        OpSpec("RESHAPE", (1, 5), (2,)),
        OpSpec("FULLY_CONNECTED", (2, 6, -1), (3,), {}, 4),
        OpSpec("DEQUANTIZE", (3,), (4,), version=2),
    ]
    model = build_model(tensors, ops, [0], [4])
    assert [t.shape for t in parse_model(model, "net").tensors[:5]] == [
        (1, 4, 6, 3), (1, 4, 6, 3), (24, 3), (24, 2), (24, 2),
    ]  # fmt: skip
    picture = np.random.default_rng(1).integers(0, 256, (1, 4, 6, 3), np.uint8)
    for plan in PLANS:
        check_bits(compile_bytes(model, "net", plan=plan), model, picture)


@pytest.mark.parametrize("dimension", [1, 2])
def test_a_picture_of_any_size_is_refused(dimension: int) -> None:
    shape = tuple(-1 if axis in (0, dimension) else n for axis, n in enumerate((1, 4, 6, 3)))
    tensors = [
        TensorSpec("picture", "uint8", (1, 1, 1, 3), (0.05,), (125,), shape_signature=shape),
        TensorSpec("copy", "int8", (1, 1, 1, 3), *Q, shape_signature=shape),
    ]
    model = build_model(tensors, [OpSpec("QUANTIZE", (0,), (1,))], [0], [1])
    message = f"tensor 0 'picture' has a dynamic dimension {dimension}; only the batch"
    with pytest.raises(ModelError, match=message) as at:
        parse_model(model, "net")
    assert at.value.remedy == "Export the network with a fixed input size."


def test_what_does_not_follow_is_named() -> None:
    """How many there are of these depends on the picture's values."""
    tensors = [
        TensorSpec("picture", "uint8", (1, 4, 6, 3), (0.05,), (125,), shape_signature=(-1, 4, 6, 3)),
        TensorSpec("where", "int64", (1, 4), shape_signature=(-1, 4)),
        TensorSpec("turned", "int64", (1, 4), shape_signature=(4, -1)),
    ]
    ops = [OpSpec("WHERE", (0,), (1,)), OpSpec("REVERSE_V2", (1,), (2,))]
    with pytest.raises(ModelError, match="tensor 2 'turned' has a dynamic dimension 1"):
        parse_model(build_model(tensors, ops, [0], [2]), "net")
