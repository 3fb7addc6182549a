"""Functions of single-precision numbers as the C library computes them, which LiteRT calls: the same library, the same
bits. Where it cannot be found, double precision rounded to single: other bits now and then, in the last place only."""

from __future__ import annotations

import ctypes
import ctypes.util
import math
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_IN_DOUBLE: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "erfcf": np.vectorize(math.erfc, otypes=[np.float64]),
    "expf": np.exp,
    "logf": np.log,
    "tanhf": np.tanh,
}


@cache
def _library_function(name: str) -> Callable[[float], float] | None:
    path = ctypes.util.find_library("m")
    try:
        function = getattr(ctypes.CDLL(path), name) if path else None
    except (OSError, AttributeError):
        return None
    if function is not None:
        function.restype, function.argtypes = ctypes.c_float, (ctypes.c_float,)
    return function


def real(name: str, values: Floats) -> Floats:
    """`name` ("erfcf", "expf", "logf", "tanhf") of each value."""
    function = _library_function(name)
    if function is None:
        return _IN_DOUBLE[name](values.astype(np.float64)).astype(np.float32)
    return np.array([function(float(value)) for value in values], np.float32)
