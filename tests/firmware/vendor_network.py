"""The stand-in network of vendor/standin.h as a .tflite, for LiteRT to say what it gives; and its folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pytest_stm32pose.firmware.generated import GeneratedNetwork, read_generated
from tests.support.tflite_builder import PADDING_VALID, OpSpec, TensorSpec, build_model

FOLDER = Path(__file__).resolve().parent / "vendor"
#: Stand-in -> backend. A folder each of vendor/.
APIS = {"stai": "stedgeai", "legacy": "stedgeai", "aton": "aton", "aton3": "aton", "aton4": "aton"}
#: The NPU's, by generation of the runtime (2.1, 3.0, 4.0): where the table is in the flash.
NPU = {"aton": 0x71380000, "aton3": 0x71000000, "aton4": 0x71800000}
INPUT_SHAPE, OUTPUT_SHAPE = (1, 48, 48, 3), (1, 12, 12, 13)
TABLE = (np.arange(256) - 128).astype(np.int8).tobytes()


def generated(api: str, folder: Path | None = None) -> GeneratedNetwork:
    """The stand-in of an API; `folder`: a changed copy of its generated files."""
    return read_generated(folder or FOLDER / api / "network", APIS[api], FOLDER / api)


def vendor_model(*, floats: bool = False) -> bytes:
    """QUANTIZE, MAX_POOL_2D 4 x 4, SLICE of the first channel, CONCATENATION to 13; of bytes, or of floats 0 to 1."""
    scale, signed = (1 / 255,), (-128,)
    tensors = [
        TensorSpec("picture", "float32", INPUT_SHAPE)
        if floats
        else TensorSpec("picture", "uint8", INPUT_SHAPE, scale, (0,)),
        TensorSpec("quantized", "int8", INPUT_SHAPE, scale, signed),
        TensorSpec("pooled", "int8", (1, 12, 12, 3), scale, signed),
        TensorSpec("begin", "int32", (4,), data=np.zeros(4, np.int32)),
        TensorSpec("size", "int32", (4,), data=np.array([1, 12, 12, 1], np.int32)),
        TensorSpec("first", "int8", (1, 12, 12, 1), scale, signed),
        TensorSpec("maps", "int8", OUTPUT_SHAPE, scale, signed),
    ]
    window = {"padding": PADDING_VALID, "filter_width": 4, "filter_height": 4, "stride_w": 4, "stride_h": 4}
    ops = [
        OpSpec("QUANTIZE", (0,), (1,)),
        OpSpec("MAX_POOL_2D", (1,), (2,), window, 2),
        OpSpec("SLICE", (2, 3, 4), (5,), {}, 2),
        OpSpec("CONCATENATION", (2, 2, 2, 2, 5), (6,), {"axis": 3}, 2),
    ]
    return build_model(tensors, ops, [0], [6])
