"""Makes firmware/app/kernel_test_data.h, the data of the self test `kernels`: a small network, its input, and the CRC
of every operator's outputs as LiteRT's reference kernels (`BUILTIN_REF`) compute them.

    python -m tests.firmware.kernel_test_data      # after a change of the image format or of the network below

tests/firmware/test_self_test.py computes everything again and compares.
"""

from __future__ import annotations

import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.families import Meaning
from pytest_stm32pose.firmware.build import FIRMWARE_DIR
from pytest_stm32pose.golden.digest import INPUT_OP_SOURCE
from pytest_stm32pose.golden.engine import GoldenEngine
from pytest_stm32pose.network.compile import compile_bytes
from tests.support.tflite_builder import ACTIVATIONS, PADDING_SAME, PADDING_VALID, OpSpec, TensorSpec, build_model

HEADER = FIRMWARE_DIR / "app" / "kernel_test_data.h"
NAME = "kernel-test"
MEANING = Meaning("heatmap", 5)
SEED = 20
WORDS_A_LINE = 8


@dataclass(frozen=True)
class KernelTest:
    """The data: network image, input tensor, and the CRC-32 over all operators' outputs in execution order."""

    image: bytes
    input: NDArray[np.uint8]
    crc32: int


def activation(name: str, height: int, channels: int, scale: float, zero_point: int) -> TensorSpec:
    return TensorSpec(name, "int8", (1, height, height, channels), (scale,), (zero_point,))


def weights(name: str, rng: np.random.Generator, shape: tuple[int, ...], axis: int) -> TensorSpec:
    scales = tuple(float(value) for value in rng.uniform(0.002, 0.02, shape[axis]).astype(np.float32))
    data = rng.integers(-127, 128, shape, dtype=np.int8)
    return TensorSpec(name, "int8", shape, scales, (0,) * len(scales), axis, data)


def bias(name: str, rng: np.random.Generator, filter_: TensorSpec, input_scale: float) -> TensorSpec:
    scales = tuple(float(np.float32(scale) * np.float32(input_scale)) for scale in filter_.scale)
    data = rng.integers(-2000, 2000, len(scales), dtype=np.int32)
    return TensorSpec(name, "int32", (len(scales),), scales, (0,) * len(scales), 0, data)


def network() -> bytes:
    """A .tflite with every operator of the heat-map networks."""
    rng = np.random.default_rng(SEED)
    first = weights("first", rng, (8, 3, 3, 3), 0)
    depth = weights("depth", rng, (1, 3, 3, 8), 3)
    last = weights("last", rng, (5, 1, 1, 8), 0)
    tensors = [
        TensorSpec("input", "uint8", (1, 12, 12, 3), (0.0078125,), (128,)),
        activation("quantized", 12, 3, 0.0078125, 0),
        first,
        bias("first bias", rng, first, 0.0078125),
        activation("convolved", 6, 8, 0.0235294122248888, -128),
        TensorSpec("paddings", "int32", (4, 2), data=np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32)),
        activation("padded", 8, 8, 0.0235294122248888, -128),
        depth,
        bias("depth bias", rng, depth, 0.0235294122248888),
        activation("depthwise", 6, 8, 0.02, -3),
        activation("added", 6, 8, 0.03, 5),
        TensorSpec("size", "int32", (2,), data=np.array([12, 12], np.int32)),
        activation("resized", 12, 8, 0.03, 5),
        last,
        bias("last bias", rng, last, 0.03),
        activation("heat", 12, 5, 0.05, 10),
        activation("probable", 12, 5, 0.00390625, -128),
        TensorSpec("output", "float32", (1, 12, 12, 5)),
    ]
    strided = {"padding": PADDING_SAME, "stride_w": 2, "stride_h": 2, "fused_activation_function": ACTIVATIONS["RELU6"]}
    plain = {"padding": PADDING_VALID, "stride_w": 1, "stride_h": 1}
    ops = [
        OpSpec("QUANTIZE", (0,), (1,)),
        OpSpec("CONV_2D", (1, 2, 3), (4,), strided, 3),
        OpSpec("PAD", (4, 5), (6,), {}, 2),
        OpSpec("DEPTHWISE_CONV_2D", (6, 7, 8), (9,), {**plain, "depth_multiplier": 1}, 3),
        OpSpec("ADD", (4, 9), (10,), {}, 2),
        OpSpec("RESIZE_BILINEAR", (10, 11), (12,), {"half_pixel_centers": True}, 3),
        OpSpec("CONV_2D", (12, 13, 14), (15,), plain, 3),
        OpSpec("LOGISTIC", (15,), (16,), None, 2),
        OpSpec("DEQUANTIZE", (16,), (17,), {}, 2),
    ]
    return build_model(tensors, ops, (0,), (17,))


def make() -> KernelTest:
    model = network()
    data = np.random.default_rng(SEED + 1).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{NAME}.tflite"
        file.write_bytes(model)
        answer = GoldenEngine(file).run(data[None], intermediates=True)
    crc = 0
    written = [tensor for tensor in answer.intermediates if tensor.op_source != INPUT_OP_SOURCE]
    for tensor in sorted(written, key=lambda tensor: tensor.op_source):
        crc = zlib.crc32(np.ascontiguousarray(tensor.data).tobytes(), crc)
    return KernelTest(compile_bytes(model, NAME, plan="plain", meaning=MEANING).image, data, crc)


def words(name: str, data: bytes) -> str:
    values = np.frombuffer(data + bytes(-len(data) % 4), "<u4")
    lines = [
        "    " + " ".join(f"0x{value:08X}u," for value in values[start : start + WORDS_A_LINE])
        for start in range(0, len(values), WORDS_A_LINE)
    ]
    return f"static const _Alignas(16) uint32_t {name}[] = {{\n" + "\n".join(lines) + "\n};\n"


def header(test: KernelTest) -> str:
    return (
        "/* Generated by tests/firmware/kernel_test_data.py: a network image, an input, and the CRC-32 of every\n"
        " * operator's outputs, in execution order, as LiteRT's reference kernels compute them. */\n"
        "#ifndef POSE_KERNEL_TEST_DATA_H\n#define POSE_KERNEL_TEST_DATA_H\n\n#include <stdint.h>\n\n"
        f"#define KERNEL_TEST_IMAGE_BYTES {len(test.image)}u\n"
        f"#define KERNEL_TEST_CRC32 0x{test.crc32:08X}u\n\n"
        f"{words('kernel_test_image', test.image)}\n{words('kernel_test_input', test.input.tobytes())}\n#endif\n"
    )


if __name__ == "__main__":
    HEADER.write_text(header(make()), encoding="utf-8")
