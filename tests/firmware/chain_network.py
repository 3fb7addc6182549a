"""Random chains of operators that can run as one stream, with branches and paddings, for tests of streams."""

from __future__ import annotations

import random

import numpy as np

from tests.support.tflite_builder import ACTIVATIONS, PADDING_SAME, PADDING_VALID, OpSpec, TensorSpec, build_model

KEYPOINTS = 5


class Chain:
    """Builds the network; `last` is the tensor to go on from."""

    def __init__(self, seed: int, height: int, width: int) -> None:
        self.random = random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.tensors = [TensorSpec("picture", "uint8", (1, height, width, 3), (1 / 255,), (0,))]
        self.ops: list[OpSpec] = []
        self.last = 0
        self.then("QUANTIZE", (0,), self.shape, scale=1 / 255, zero_point=-128)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.tensors[self.last].shape

    def add(self, tensor: TensorSpec) -> int:
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def then(
        self, name: str, inputs: tuple[int, ...], shape: tuple[int, ...], options: dict[str, object] | None = None,
        scale: float = 0.04, zero_point: int = 3, dtype: str = "int8", version: int = 1,
    ) -> None:  # fmt: skip
        """Adds an operator whose output is the new last tensor."""
        number = (scale,) if dtype == "int8" else ()
        out = self.add(TensorSpec(f"{name} {len(self.ops)}", dtype, shape, number, (zero_point,) if number else ()))
        self.ops.append(OpSpec(name, inputs, (out,), options, version))
        self.last = out

    def convolution(self, channels: int, *, depthwise: bool = False, same_size: bool = False) -> None:
        """One window of random size, stride, dilation and padding; `same_size`: rows and columns stay as they are."""
        stride = 1 if same_size else self.random.choice((1, 1, 2, 3))
        kernel = self.random.choice((1, 3, 3, 2, 5))
        dilation = self.random.choice((1, 1, 2)) if stride == 1 else 1
        _, height, width, before = self.shape
        reach = (kernel - 1) * dilation + 1
        same = same_size or min(height, width) < reach or self.random.random() < 0.5
        if depthwise:
            channels = before
        rows, columns = (-(-n // stride) if same else (n - reach) // stride + 1 for n in (height, width))
        weights_shape = (1, kernel, kernel, channels) if depthwise else (channels, kernel, kernel, before)
        weights = self.numbers.integers(-127, 128, weights_shape, np.int8)
        scales = [float(s) for s in self.numbers.uniform(0.001, 0.01, channels)]
        zeros = [0] * channels
        axis = 3 if depthwise else 0
        filters = self.add(TensorSpec("weights", "int8", weights_shape, scales, zeros, axis=axis, data=weights))
        bias = self.numbers.integers(-400, 400, channels, np.int32)
        bias_scales = [s * self.tensors[self.last].scale[0] for s in scales]
        biases = self.add(TensorSpec("bias", "int32", (channels,), bias_scales, zeros, data=bias))
        options: dict[str, object] = {
            "padding": PADDING_SAME if same else PADDING_VALID, "stride_w": stride, "stride_h": stride,
            "dilation_w_factor": dilation, "dilation_h_factor": dilation,
            "fused_activation_function": self.random.choice((0, ACTIVATIONS["RELU6"])),
        }  # fmt: skip
        if depthwise:
            options["depth_multiplier"] = 1
        name = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
        self.then(name, (self.last, filters, biases), (1, rows, columns, channels), options, version=3)

    def pad(self) -> None:
        """Rows and columns of zero points around."""
        amounts = np.array([[0, 0], *self.numbers.integers(0, 3, (2, 2)).tolist(), [0, 0]], np.int32)
        before = self.tensors[self.last]
        shape = tuple(int(n) for n in np.add(before.shape, amounts.sum(axis=1)))
        paddings = self.add(TensorSpec("paddings", "int32", (4, 2), data=amounts))
        self.then("PAD", (self.last, paddings), shape, scale=before.scale[0], zero_point=before.zero_point[0])

    def silu(self) -> None:
        """x times its LOGISTIC."""
        before = self.last
        self.then("LOGISTIC", (before,), self.shape, scale=1 / 256, zero_point=-128)
        inputs = (before, self.last) if self.random.random() < 0.5 else (self.last, before)
        self.then("MUL", inputs, self.shape, scale=self.random.uniform(0.01, 0.05), zero_point=-30)

    def residual(self) -> None:
        """x plus what a window makes of it: x is needed for longer than its neighbour."""
        before = self.last
        self.convolution(self.shape[3], same_size=True)
        self.then("ADD", (before, self.last), self.shape)


def chain_network(seed: int, blocks: int = 3) -> bytes:
    """A .tflite: a small picture -> blocks -> heat maps float32 of KEYPOINTS channels; every seed another."""
    rnd = random.Random(seed)
    chain = Chain(seed, rnd.randrange(6, 30), rnd.randrange(4, 12))
    chain.convolution(rnd.randrange(1, 12))
    for _ in range(blocks):
        kind = rnd.choice(("expand", "pad", "silu", "residual", "depthwise"))
        if kind in ("silu", "residual"):
            getattr(chain, kind)()
        elif kind == "pad":
            chain.pad()
            chain.convolution(rnd.randrange(1, 20), depthwise=rnd.random() < 0.5)
        elif kind == "expand":
            chain.convolution(rnd.randrange(12, 40), same_size=True)
            chain.convolution(0, depthwise=True)
            chain.convolution(rnd.randrange(1, 8))
        else:
            chain.convolution(0, depthwise=True)
    chain.convolution(KEYPOINTS, same_size=True)
    chain.then("DEQUANTIZE", (chain.last,), chain.shape, dtype="float32", version=2)
    return build_model(tuple(chain.tensors), chain.ops, [0], [chain.last])
