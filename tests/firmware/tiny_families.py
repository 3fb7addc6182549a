"""Networks whose picture is their outputs: what a family decodes can be drawn, and travels through the firmware."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pytest_stm32pose.families import Stated
from pytest_stm32pose.types import Decoding
from tests.support.tflite_builder import OpSpec, TensorSpec, build_model


@dataclass(frozen=True)
class Output:
    """A piece of the picture: so many values from `start` on, in their order, as float32 or a stored type."""

    start: int
    shape: tuple[int, ...]
    scale: float = 1 / 255
    dtype: str = "float32"
    name: str = "output"


def tiny_network(size: tuple[int, int], outputs: Sequence[Output]) -> bytes:
    """A .tflite: picture u8 [1, H, W, 3] -> for each output its values, pixel x scale, or stored with that scale."""
    total = size[0] * size[1] * 3
    tensors = [
        TensorSpec("picture", "uint8", (1, *size, 3), (1 / 255,), (0,)),
        TensorSpec("flat_shape", "int32", (2,), data=np.array([1, total], np.int32)),
    ]
    ops, results = [], []

    def tensor(spec: TensorSpec) -> int:
        tensors.append(spec)
        return len(tensors) - 1

    for number, each in enumerate(outputs):
        count = int(np.prod(each.shape))
        how = ((each.scale,), (-128,))
        # The bytes themselves stay: only what they mean is said anew by each output's own scale.
        stored = tensor(TensorSpec(f"stored{number}", "int8", (1, *size, 3), (1 / 255,), (-128,)))
        flat = tensor(TensorSpec(f"flat{number}", "int8", (1, total), (1 / 255,), (-128,)))
        begin = tensor(TensorSpec(f"begin{number}", "int32", (2,), data=np.array([0, each.start], np.int32)))
        length = tensor(TensorSpec(f"length{number}", "int32", (2,), data=np.array([1, count], np.int32)))
        piece = tensor(TensorSpec(f"piece{number}", "int8", (1, count), (1 / 255,), (-128,)))
        shape = tensor(TensorSpec(f"shape{number}", "int32", (len(each.shape),), data=np.array(each.shape, np.int32)))
        shaped = tensor(TensorSpec(f"shaped{number}", "int8", each.shape, (1 / 255,), (-128,)))
        real = tensor(TensorSpec(f"real{number}", "float32", each.shape))
        factor = tensor(TensorSpec(f"f{number}", "float32", (1,), data=np.array([255 * each.scale], np.float32)))
        name = f"{each.name}{number}"
        ops += [
            OpSpec("QUANTIZE", (0,), (stored,)),
            OpSpec("RESHAPE", (stored, 1), (flat,)),
            OpSpec("SLICE", (flat, begin, length), (piece,)),
            OpSpec("RESHAPE", (piece, shape), (shaped,)),
            OpSpec("DEQUANTIZE", (shaped,), (real,)),
        ]
        scaled = tensor(TensorSpec(name if each.dtype == "float32" else f"scaled{number}", "float32", each.shape))
        ops.append(OpSpec("MUL", (real, factor), (scaled,)))
        if each.dtype != "float32":
            zero_point = -128 if each.dtype == "int8" else 0
            quantised = tensor(TensorSpec(name, each.dtype, each.shape, how[0], (zero_point,)))
            ops.append(OpSpec("QUANTIZE", (scaled,), (quantised,)))
            scaled = quantised
        results.append(scaled)
    return build_model(tensors, ops, [0], results)


@dataclass(frozen=True)
class Example:
    """A network, and what its user says of it."""

    family: str
    keypoints: int
    size: tuple[int, int]
    outputs: tuple[Output, ...]
    stated: Stated = field(default_factory=Stated)
    decoding: Decoding = field(default_factory=Decoding)

    @property
    def model(self) -> bytes:
        return tiny_network(self.size, self.outputs)

    @property
    def options(self) -> list[str]:
        """As the command line has them."""
        said = [f"--pose-family={self.family}", f"--pose-keypoints={self.keypoints}"]
        if self.stated.pixels is not None:
            said.append(f"--pose-units={'pixels' if self.stated.pixels else 'normalised'}")
        said += [f"--pose-classes={self.stated.classes}"] if self.stated.classes else []
        said += [f"--pose-outputs={','.join(map(str, self.stated.outputs))}"] if self.stated.outputs else []
        for name, value in vars(self.decoding).items():
            if value != getattr(Decoding(), name):
                said.append(f"--pose-{name.replace('_', '-')}={value}")
        return said


EXAMPLES = {
    "rows, x first, uint8": Example("single_pose_xy", 17, (32, 40), (Output(0, (1, 17, 3), dtype="uint8"),)),
    "rows in pixels": Example("single_pose", 17, (32, 40), (Output(5, (1, 17, 3), scale=0.15),)),
    "heat map, uint8": Example("heatmap", 13, (32, 32), (Output(0, (1, 8, 8, 13), dtype="uint8"),)),
    "heat maps with offsets": Example(
        "heatmap_offsets", 17, (33, 33), (Output(500, (1, 9, 9, 34), scale=0.05), Output(0, (1, 9, 9, 17))),
        Stated(outputs=(1, 0)),
    ),
    "SimCC": Example(
        "simcc", 17, (24, 32), (Output(0, (1, 17, 48)), Output(1100, (1, 17, 64))),
    ),
    "hand": Example("landmarks", 21, (32, 32), (Output(0, (1, 1)), Output(40, (1, 63), scale=0.125)),
                    Stated(outputs=(1, 0))),
    "head": Example("landmarks", 468, (32, 32), (Output(9, (1, 1, 1, 936), scale=0.125),)),
    "body": Example("landmarks", 33, (32, 32), (Output(9, (1, 195), scale=0.125),)),
    "YOLO, 4 classes, transposed, in pixels": Example(
        "yolo", 17, (96, 96), (Output(0, (1, 189, 59), scale=0.4),), Stated(classes=4),
        Decoding(score=5.0 / 8, nms_iou=0.7, max_persons=30),
    ),
    "YOLO without scores of keypoints, int8": Example("yolo", 12, (64, 64), (Output(0, (1, 29, 84), dtype="int8"),)),
    "YOLO end to end": Example(
        "yolo_end_to_end", 17, (80, 80), (Output(0, (1, 300, 57)),), decoding=Decoding(score=0.4)
    ),
    "MultiPose": Example("multipose", 17, (32, 32), (Output(0, (1, 6, 56)),)),
}  # fmt: skip
