"""The golden engine: LiteRT's reference kernels (`BUILTIN_REF`), one thread. The only module that imports LiteRT.

The reference kernels are chosen because they equal tflite-micro's bit for bit; LiteRT's optimised kernels and XNNPACK
differ from them and from each other (tflite-micro #3130, tensorflow #99072).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import GoldenError, ModelError
from pytest_stm32pose.families import NO_FAMILY, Meaning, decode_raw
from pytest_stm32pose.families.own import Output, Outputs, PoseFamily
from pytest_stm32pose.golden.base import GoldenIdentity
from pytest_stm32pose.golden.digest import INPUT_OP_SOURCE
from pytest_stm32pose.golden.versions import with_registered_versions
from pytest_stm32pose.network.meaning import likely_meaning
from pytest_stm32pose.network.reader import parse_model
from pytest_stm32pose.types import InferResult, TensorData

RESOLVER = "BUILTIN_REF"
MAX_MODEL_BYTES = 512 * 1024 * 1024
_IDENTIFIER = b"TFL3"  # schema.fbs: file_identifier, at byte 4 of the file
_PACKAGE = "ai-edge-litert"
_CHANNELS = (1, 3)


class GoldenEngine:
    """LiteRT on one .tflite. Interpreters are built on first use; one that keeps every tensor only when asked for.

    Args:
        model_path: the .tflite; it is read once, and what was read is what is hashed and run.
        meaning: of its outputs; None: as the file suggests, no keypoints where it leaves a doubt.
        own: the user's own family, whose decoder makes keypoints of them.

    Raises:
        ModelError: no .tflite, truncated, or not runnable by LiteRT's built-in operators.
        GoldenError: LiteRT is not installed.
    """

    def __init__(self, model_path: str | Path, meaning: Meaning | None = None, own: PoseFamily | None = None) -> None:
        self._path = Path(model_path)
        self._content = _read_model(self._path)
        self.model_sha256 = hashlib.sha256(self._content).hexdigest()
        self.identity = GoldenIdentity(_PACKAGE, _version(), RESOLVER)
        self._interpreters: dict[bool, object] = {}
        plain = self._interpreter(preserve=False)
        inputs = plain.get_input_details()
        if len(inputs) != 1:
            raise ModelError(f"{self._path} has {len(inputs)} inputs; networks with one input are supported.")
        self._input = inputs[0]
        self._outputs = [int(detail["index"]) for detail in plain.get_output_details()]
        self._output_quantisation = [detail["quantization"] for detail in plain.get_output_details()]
        self._writers = {
            int(t): (int(op["index"]), str(op["op_name"])) for op in plain._get_ops_details() for t in op["outputs"]
        }
        self._lsb = _dequantisation_steps(plain)
        self._meaning = meaning or self._likely_meaning()
        self._own = own
        self._output_names = [str(detail["name"]) for detail in plain.get_output_details()]

    def run(self, input_tensor: NDArray[np.generic], intermediates: bool = False) -> InferResult:
        """One inference.

        Args:
            input_tensor: [h, w, c] or [1, h, w, c] in the .tflite's input type; its channels may be first.
            intermediates: also return the input and every operator's outputs, in execution order.
        Returns:
            `keypoints_norm` is None without a family; `ticks` is 0, host time means nothing here.

        Raises:
            GoldenError: the input does not fit, or LiteRT failed.
        """
        shape, dtype = tuple(int(n) for n in self._input["shape"]), np.dtype(self._input["dtype"])
        batch = input_tensor if input_tensor.ndim == len(shape) else input_tensor[np.newaxis]
        if batch.ndim == 4 and batch.shape != shape and np.moveaxis(batch, 3, 1).shape == shape:
            batch = np.ascontiguousarray(np.moveaxis(batch, 3, 1))  # the .tflite has its channels first
        if batch.shape != shape or batch.dtype != dtype:
            raise GoldenError(
                f"{self._path.name} wants {dtype} {list(shape)} input, "
                f"not {input_tensor.dtype} {list(input_tensor.shape)}."
            )
        interpreter = self._interpreter(preserve=intermediates)
        try:
            interpreter.set_tensor(self._input["index"], batch)
            interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            raise GoldenError(f"LiteRT cannot run {self._path.name}: {error}.") from error
        outputs = tuple(self._tensor(interpreter, index) for index in self._outputs)
        keypoints, scores = self._decode(outputs)
        every = self._every_tensor(interpreter) if intermediates else ()
        return InferResult(keypoints, outputs, every, scores=scores)

    def _decode(self, outputs: tuple[TensorData, ...]) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
        arrays = [output.data for output in outputs]
        if self._own is not None:
            height, width = _size([int(size) for size in self._input["shape"]])
            told = zip(arrays, self._output_quantisation, self._output_names, strict=True)
            return self._own.decoded(
                Outputs((Output(a, q[0], q[1], name) for a, q, name in told), height, width), self._meaning.keypoints
            )
        return decode_raw(self._meaning, arrays, self._output_quantisation)

    def _every_tensor(self, interpreter: object) -> tuple[TensorData, ...]:
        return tuple(self._tensor(interpreter, index) for index in (int(self._input["index"]), *self._writers))

    def _tensor(self, interpreter: Any, index: int) -> TensorData:
        op_source, op_name = self._writers.get(index, (INPUT_OP_SOURCE, ""))
        return TensorData(index, op_source, op_name, interpreter.get_tensor(index), self._lsb.get(index, 0.0))

    def _interpreter(self, preserve: bool) -> Any:
        if preserve not in self._interpreters:
            try:
                from ai_edge_litert.interpreter import Interpreter, OpResolverType
            except ImportError as error:
                raise GoldenError(
                    "LiteRT, the golden engine, is not installed.",
                    remedy="Run `pip install ai-edge-litert`, or use stored goldens (--pose-golden=check).",
                ) from error
            try:
                interpreter = Interpreter(
                    model_content=with_registered_versions(self._content),
                    experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
                    experimental_preserve_all_tensors=preserve,
                    num_threads=1,
                )
                interpreter.allocate_tensors()
            except (ValueError, RuntimeError) as error:
                raise ModelError(
                    f"{self._path} cannot be loaded by LiteRT: {error}.",
                    remedy="The file is truncated or malformed, or uses custom operators.",
                ) from error
            self._interpreters[preserve] = interpreter
        return self._interpreters[preserve]

    def _likely_meaning(self) -> Meaning:
        try:
            return likely_meaning(parse_model(self._content, self._path.stem))
        except ModelError:  # LiteRT runs what our runtime does not
            return Meaning(NO_FAMILY, 0)


def _size(shape: Sequence[int]) -> tuple[int, int]:
    """Height and width of an input [1, H, W, C] or [1, C, H, W]."""
    channels_first = shape[1] in _CHANNELS and shape[3] not in _CHANNELS
    return (shape[2], shape[3]) if channels_first else (shape[1], shape[2])


def _dequantisation_steps(interpreter: Any) -> dict[int, float]:
    scales = {int(detail["index"]): float(detail["quantization"][0]) for detail in interpreter.get_tensor_details()}
    return {
        int(op["outputs"][0]): scales.get(int(op["inputs"][0]), 0.0)
        for op in interpreter._get_ops_details()
        if op["op_name"] == "DEQUANTIZE"
    }


def _read_model(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_MODEL_BYTES:
            raise ModelError(f"{path} has {size} bytes; models are read up to {MAX_MODEL_BYTES}.")
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.", remedy="Check the path.") from error
    # Checked before LiteRT sees it: garbage must end in a sentence, whatever the native library does with it.
    if len(content) < 8 or content[4:8] != _IDENTIFIER:
        raise ModelError(f"{path} is not a .tflite model.", remedy="Name a TensorFlow Lite flatbuffer file.")
    return content


def _version() -> str:
    try:
        return metadata.version(_PACKAGE)
    except metadata.PackageNotFoundError:
        return "unknown"
