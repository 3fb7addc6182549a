"""TensorFlow's JPEG decoder (`--pose-jpeg=tensorflow`), by which ST's services train networks and judge them.

tf.io.decode_jpeg and tf.io.decode_image use libjpeg-turbo's fast integer transform (dct_method INTEGER_FAST) where
Pillow uses the accurate one; single pixels then differ by some levels. TensorFlow is imported only when a
picture is decoded.
"""

from __future__ import annotations

import importlib.util
import os

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ConfigError


def check_tensorflow() -> None:
    """Raises ConfigError: TensorFlow is not installed."""
    if importlib.util.find_spec("tensorflow") is None:
        raise ConfigError(
            "--pose-jpeg=tensorflow needs TensorFlow, which is not installed.",
            remedy="Run `pip install 'pytest-stm32pose[train]'`, or leave the option out.",
        )


def decode_jpeg(content: bytes) -> NDArray[np.uint8]:
    """RGB [height, width, 3], not turned upright. Raises ValueError: TensorFlow cannot decode it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    check_tensorflow()
    import tensorflow

    try:
        return np.asarray(tensorflow.io.decode_jpeg(content, channels=3).numpy(), dtype=np.uint8)
    except tensorflow.errors.OpError as error:
        raise ValueError(f"TensorFlow cannot decode it: {str(error.message).splitlines()[0]}") from error
