"""A float network made int8: TensorFlow's post-training quantisation, calibrated on pictures as the device gets them.

The result has a uint8 input whose scale is the float input's range over 255, so that a picture's bytes are the input as
they are, int8 weights (per channel, or per tensor), and a float output. TensorFlow is imported only here.
Reference: tensorflow.org/lite/performance/post_training_integer_quant.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ConfigError, ModelError
from pytest_stm32pose.files import write_atomically
from pytest_stm32pose.pictures.files import load_pictures
from pytest_stm32pose.pictures.preprocess import stretch
from pytest_stm32pose.types import Picture

DEFAULT_COUNT = 32
_KERAS_SUFFIXES = (".keras", ".h5")
#: The input's scale may differ from the range's by this part: the converter works in float32.
_SCALE_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Conversion:
    """What was asked for."""

    source: Path  #: folder of a SavedModel, or a Keras file
    images: Path
    count: int = DEFAULT_COUNT  #: calibration pictures at most
    size: tuple[int, int] | None = None  #: height, width; None when the network fixes them
    input_range: tuple[float, float] = (0.0, 1.0)  #: float values of the bytes 0 and 255
    per_tensor: bool = False


def convert(conversion: Conversion, output: Path) -> int:
    """Quantises and writes a .tflite. Returns how many pictures calibrated it.

    Raises:
        ConfigError: TensorFlow is missing, no such model or pictures, a range or size that makes no sense.
        ModelError: TensorFlow cannot load or convert the network, or its input is no picture.
    """
    low, high = conversion.input_range
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ConfigError(f"The input range {low:g} to {high:g} is empty.", remedy="Give it as LOW,HIGH: 0,1 or -1,1.")
    if conversion.count < 1:
        raise ConfigError(f"--count: {conversion.count} is not a whole number of at least 1.")
    pictures = load_pictures(conversion.images, conversion.count)
    tensorflow = _tensorflow()
    owner, call, shape = _load(tensorflow, conversion.source)
    height, width = _input_size(shape, conversion)
    calibration = _calibration(pictures, height, width, conversion.input_range)
    function = _trace(tensorflow, call, height, width)
    content = _quantise(tensorflow, function, conversion, calibration)
    del owner  # until here: it holds the variables, which a traced function does not keep alive
    _check_input(content, conversion)
    write_atomically(output, content)
    return len(pictures)


def _tensorflow() -> object:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        import tensorflow
    except ImportError as error:
        raise ConfigError(
            f"TensorFlow cannot be imported: {error}.", remedy="pip install 'pytest-stm32pose[train]'"
        ) from error
    return tensorflow


def _load(tensorflow: Any, source: Path) -> tuple[object, object, list[int | None]]:
    """What holds the variables, the network as a callable of one picture, and its input's shape."""
    if not source.exists():
        raise ConfigError(f"There is no model {source}.", remedy="Give a SavedModel folder, a .keras or an .h5 file.")
    if source.is_file() and source.suffix not in _KERAS_SUFFIXES:
        raise ConfigError(f"{source} is no SavedModel folder and no {' or '.join(_KERAS_SUFFIXES)} file.")
    try:
        if source.is_file():
            owner = call = tensorflow.keras.models.load_model(source, compile=False)
            shape, inputs = [None if dim is None else int(dim) for dim in call.inputs[0].shape], len(call.inputs)
        else:
            owner = tensorflow.saved_model.load(str(source))
            call, shape, inputs = _signature(owner, source)
    except ModelError:
        raise
    except Exception as error:  # TensorFlow and Keras raise whatever the file provokes
        raise ModelError(f"{source} cannot be loaded: {_first_line(error)}") from error
    if inputs != 1 or len(shape) != 4 or shape[3] not in (None, 3):
        raise ModelError(
            f"{source} has {inputs} inputs, the first {shape}; a pose network has one, [1, height, width, 3]."
        )
    return owner, call, shape


def _signature(loaded: object, source: Path) -> tuple[object, list[int | None], int]:
    """The serving signature of a SavedModel as a function of its input, the input's shape, and how many there are."""
    signatures = getattr(loaded, "signatures", {})
    if not signatures:
        raise ModelError(f"{source} is a SavedModel without a signature.", remedy="Export it with model.export(DIR).")
    signature = signatures.get("serving_default") or next(iter(signatures.values()))
    named = signature.structured_input_signature[1]
    name, spec = next(iter(named.items()))

    def call(image: object) -> object:
        # A signature answers a mapping by name; the converter wants the tensors.
        return list(signature(**{name: image}).values())

    dims = spec.shape.as_list() if spec.shape.rank is not None else []
    return call, dims, len(named)


def _input_size(shape: Sequence[int | None], conversion: Conversion) -> tuple[int, int]:
    """Height and width: the network's own, or where it leaves them open, the asked ones."""
    asked = conversion.size or (None, None)
    sides = []
    for known, given in zip(shape[1:3], asked, strict=True):
        if given is not None and (given < 1 or known not in (None, given)):
            wanted = f"{known} pixels" if known else "at least 1 pixel"
            raise ConfigError(f"--size: {conversion.source} takes {wanted} along that side, not {given}.")
        side = known or given
        if side is None:
            raise ConfigError(
                f"{conversion.source} takes pictures of any size.", remedy="Say which: --size HEIGHTxWIDTH."
            )
        sides.append(side)
    return sides[0], sides[1]


def _trace(tensorflow: Any, call: Any, height: int, width: int) -> object:
    """The network as one concrete function of a float32 picture [1, height, width, 3]."""
    spec = tensorflow.TensorSpec([1, height, width, 3], tensorflow.float32, name="image")
    try:
        return tensorflow.function(lambda image: call(image)).get_concrete_function(spec)
    except Exception as error:
        raise ModelError(f"The network does not take float32 {spec.shape}: {_first_line(error)}") from error


def _calibration(
    pictures: Sequence[Picture], height: int, width: int, input_range: tuple[float, float]
) -> Iterator[NDArray[np.float32]]:
    """Pictures as float32 [1, height, width, 3], preprocessed as for the device.

    In the first one two corners are made black and white: the input's range is then exactly the asked one, whatever
    the pictures hold, and no other range is moved by it noticeably.
    """
    low, high = (np.float32(bound) for bound in input_range)
    for index, picture in enumerate(pictures):
        tensor = stretch(picture.pixels, height, width).copy()
        if index == 0:
            tensor[0, 0], tensor[-1, -1] = 0, 255
        yield (low + tensor.astype(np.float32) * ((high - low) / np.float32(255)))[np.newaxis]


def _quantise(
    tensorflow: Any, function: object, conversion: Conversion, calibration: Iterator[NDArray[np.float32]]
) -> bytes:
    # Without a trackable object the converter freezes the variables itself; with one it leaves them as resources,
    # which the calibration cannot read (TensorFlow 2.21).
    converter = tensorflow.lite.TFLiteConverter.from_concrete_functions([function], None)
    converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([tensor] for tensor in calibration)
    converter.target_spec.supported_ops = [tensorflow.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tensorflow.uint8
    converter.inference_output_type = tensorflow.float32
    # TensorFlow has no public switch for weights quantised per tensor.
    converter._experimental_disable_per_channel = conversion.per_tensor
    try:
        with warnings.catch_warnings():
            # It asks for the statistics of a uint8 input, which the calibration gives.
            warnings.simplefilter("ignore", UserWarning)
            return bytes(converter.convert())
    except Exception as error:
        raise ModelError(f"{conversion.source} cannot be quantised: {_first_line(error)}") from error


def _check_input(content: bytes, conversion: Conversion) -> None:
    """The converter must have given the input the asked range: a picture's bytes go in as they are."""
    from pytest_stm32pose.network.reader import parse_model

    graph = parse_model(content, conversion.source.stem)
    picture = graph.tensors[graph.inputs[0]]
    low, high = conversion.input_range
    scale, zero = picture.quantization.scale, picture.quantization.zero_point
    expected = (high - low) / 255
    if picture.dtype != "uint8" or len(scale) != 1 or abs(float(scale[0]) / expected - 1) > _SCALE_TOLERANCE:
        raise ModelError(
            f"{conversion.source}: the quantised input is {picture.dtype} with scale {scale.tolist()}, "
            f"zero point {zero.tolist()}; expected was uint8 with scale {expected:.6g}."
        )


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"[:300]
