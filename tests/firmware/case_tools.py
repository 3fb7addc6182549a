"""How the random networks of one operator are drawn and built: sizes, scales, values, and the network itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.support.tflite_builder import ACTIVATIONS, OpSpec, TensorSpec, build_model

Draw = Callable[[st.SearchStrategy[Any]], Any]


@dataclass(frozen=True)
class Case:
    """A .tflite of one operator and values for its inputs."""

    model: bytes = field(repr=False)
    inputs: tuple[NDArray[Any], ...] = field(repr=False)
    tensors: tuple[TensorSpec, ...]  #: what the model was built from, for the reader of a failure
    op: OpSpec


def make_case(tensors: Sequence[TensorSpec], op: OpSpec, *inputs: NDArray[Any]) -> Case:
    """The network's inputs are the operator's inputs that are not constant."""
    variable = [i for i in op.inputs if i >= 0 and tensors[i].data is None]
    return Case(build_model(tensors, [op], variable, op.outputs), inputs, tuple(tensors), op)


def draw_size(draw: Draw, low: int, high: int) -> int:
    return int(draw(st.integers(low, high)))


def draw_scale(draw: Draw, low: float = 1e-4, high: float = 2.0) -> float:
    """Log-uniform; exact powers of two now and then, where rounding has ties."""
    exponent = draw(st.floats(np.log2(low), np.log2(high)))
    return float(np.float32(2.0 ** (round(exponent) if draw(st.booleans()) else exponent)))


def draw_zero_point(draw: Draw, dtype: str = "int8") -> int:
    info = np.iinfo(dtype)
    return int(draw(st.integers(int(info.min), int(info.max))))


def draw_values(
    draw: Draw, shape: Sequence[int], dtype: str = "int8", low: int | None = None, centre: int | None = None
) -> NDArray[Any]:
    """Uniform over the type, or only its extremes, or (where `centre` is given) close to it."""
    info = np.iinfo(dtype)
    low = int(info.min) if low is None else low
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return rng.choice(np.array([low, info.max], dtype), size=shape)
    if kind >= 6 and centre is not None:
        return np.clip(centre + rng.integers(-2, 3, size=shape), low, info.max).astype(dtype)
    return rng.integers(low, int(info.max) + 1, size=shape).astype(dtype)


def draw_activation(draw: Draw) -> int:
    return int(draw(st.sampled_from([ACTIVATIONS[n] for n in ("NONE", "RELU", "RELU_N1_TO_1", "RELU6")])))
