"""Small networks whose operators have many operands, as exporters write grouped convolutions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tests.support.tflite_builder import ACTIVATIONS, PADDING_SAME, OpSpec, TensorSpec, build_model

HEIGHT, WIDTH = 4, 6
PARTS = 40  #: more operands than the device resolves on its stack
IN, OUT = (0.05, 4), (0.07, -9)  #: scale and zero point of what goes into the convolutions and comes out


@dataclass
class Network:
    """Tensors and operators, for a test to change; `split`, `convolutions` and `join` are places in `ops`."""

    tensors: list[TensorSpec]
    ops: list[OpSpec]
    split: int
    convolutions: range
    join: int

    def model(self, *outputs: int) -> bytes:
        """As a .tflite; its outputs are the last tensor and these."""
        return build_model(self.tensors, self.ops, [0], [len(self.tensors) - 1, *outputs])


def wide_network(parts: int = PARTS) -> bytes:
    """Picture u8 [1, 4, 6, 3] -> `parts` channels, split and joined in reverse order -> float32."""
    network = _start(parts)
    first = _add_parts(network, parts, "part", IN)
    network.ops.append(OpSpec("SPLIT", (_axis(network), 4), tuple(first), {"num_splits": parts}))
    return _joined(network, first[::-1], IN).model()


def split_convolutions(
    parts: int, kernel: int = 3, multiplier: int = 1, *, name: str = "CONV_2D", stride: int = 1,
    seed: int = 2, activation: str = "NONE", change: Callable[[Network], None] | None = None,
) -> Network:  # fmt: skip
    """Picture -> `parts` channels -> SPLIT -> one convolution each -> CONCATENATION -> float32; random weights."""
    rng = np.random.default_rng(seed)
    network = _start(parts)
    pieces = _add_parts(network, parts, "part", IN)
    network.split = len(network.ops)
    network.ops.append(OpSpec("SPLIT", (_axis(network), 4), tuple(pieces), {"num_splits": parts}))
    size = (-(-HEIGHT // stride), -(-WIDTH // stride))
    results = []
    options = {"padding": PADDING_SAME, "stride_w": stride, "stride_h": stride,
               "fused_activation_function": ACTIVATIONS[activation]}  # fmt: skip
    if name == "DEPTHWISE_CONV_2D":
        options["depth_multiplier"] = multiplier
    for i, piece in enumerate(pieces):
        scales = [float(s) for s in rng.uniform(0.002, 0.02, multiplier)]
        shape = (multiplier, kernel, kernel, 1) if name == "CONV_2D" else (1, kernel, kernel, multiplier)
        weights = rng.integers(-127, 128, shape, np.int8)
        values = rng.integers(-900, 900, multiplier, np.int32)
        zeros = [0] * multiplier
        at = len(network.tensors)
        network.tensors += [
            TensorSpec(f"weights {i}", "int8", shape, scales, zeros, 0 if name == "CONV_2D" else 3, weights),
            TensorSpec(f"bias {i}", "int32", (multiplier,), [s * IN[0] for s in scales], zeros, data=values),
            TensorSpec(f"result {i}", "int8", (1, *size, multiplier), OUT[:1], OUT[1:]),
        ]
        results.append(at + 2)
        network.ops.append(OpSpec(name, (piece, at, at + 1), (at + 2,), options, 3))
    network.convolutions = range(network.split + 1, len(network.ops))
    network.join = len(network.ops)
    _joined(network, results, OUT)
    if change is not None:
        change(network)
    return network


def _start(channels: int) -> Network:
    """0 picture, 1 its copy, 2 weights, 3 bias, 4 so many channels."""
    rng = np.random.default_rng(7)
    scales = [float(s) for s in rng.uniform(0.002, 0.02, channels)]
    weights = rng.integers(-127, 128, (channels, 1, 1, 3), np.int8)
    bias = rng.integers(-400, 400, channels, np.int32)
    tensors = [
        TensorSpec("picture", "uint8", (1, HEIGHT, WIDTH, 3), (1 / 255,), (0,)),
        TensorSpec("copy", "int8", (1, HEIGHT, WIDTH, 3), (1 / 255,), (-128,)),
        TensorSpec("weights", "int8", weights.shape, scales, [0] * channels, data=weights),
        TensorSpec("bias", "int32", (channels,), [s / 255 for s in scales], [0] * channels, data=bias),
        TensorSpec("features", "int8", (1, HEIGHT, WIDTH, channels), IN[:1], IN[1:]),
    ]
    options = {"padding": PADDING_SAME, "stride_w": 1, "stride_h": 1}
    ops = [OpSpec("QUANTIZE", (0,), (1,)), OpSpec("CONV_2D", (1, 2, 3), (4,), options, 3)]
    return Network(tensors, ops, 0, range(0), 0)


def _axis(network: Network) -> int:
    network.tensors.append(TensorSpec("axis", "int32", (), data=np.array(3, np.int32)))
    return len(network.tensors) - 1


def _add_parts(network: Network, count: int, name: str, quantization: tuple[float, int]) -> list[int]:
    first = len(network.tensors)
    scale, zero_point = quantization
    shape = (1, HEIGHT, WIDTH, 1)
    network.tensors += [TensorSpec(f"{name} {i}", "int8", shape, [scale], [zero_point]) for i in range(count)]
    return list(range(first, first + count))


def _joined(network: Network, parts: Sequence[int], quantization: tuple[float, int]) -> Network:
    """All parts side by side, then as float32."""
    shape = network.tensors[parts[0]].shape
    whole = (*shape[:3], sum(network.tensors[part].shape[3] for part in parts))
    scale, zero_point = quantization
    joined = TensorSpec("joined", "int8", whole, [scale], [zero_point])
    network.tensors += [joined, replace(joined, name="output", dtype="float32", scale=(), zero_point=())]
    count = len(network.tensors)
    network.ops.append(OpSpec("CONCATENATION", tuple(parts), (count - 2,), {"axis": -1}))
    network.ops.append(OpSpec("DEQUANTIZE", (count - 2,), (count - 1,), version=2))
    return network
