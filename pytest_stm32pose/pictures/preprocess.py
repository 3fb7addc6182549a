"""From a picture to the network's input, and from the network's coordinates back to the picture's pixels.

colours -> cropped -> resized -> padded -> the values that the network stores

    colours   grey is Pillow's luma, in bytes; bgr turns the channels round
    resized   as TensorFlow 2 does (resize.py), not rounded; or as Pillow does (pillow.py), in bytes
    fitted    stretched, letterboxed by TensorFlow's or ultralytics' rule, or cropped (mapping.py)
    values    values.py: where nothing is stated, the pixel itself, rounded half to even

`stretch` with bilinear resizing is the definition behind the published figures: TensorFlow's
ResizeBilinear(half_pixel_centers=True) followed by round().
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.pictures import pillow
from pytest_stm32pose.pictures.mapping import (
    Mapping,
    crop_box,
    crop_mapping,
    letterbox_mapping,
    stretch_mapping,
    ultralytics_mapping,
)
from pytest_stm32pose.pictures.resize import TENSORFLOW
from pytest_stm32pose.pictures.values import picture_input, settled, stored
from pytest_stm32pose.preprocessing import DEFAULT, Color, Preprocessing
from pytest_stm32pose.types import NetworkDescription, Picture

#: ITU-R 601 in 16 bits after the point, as Pillow's convert("L") has it.
_LUMA = np.array([19595, 38470, 7471], np.uint32)
_HALF = 0x8000
_ROWS = 256


def input_tensor(
    picture: Picture, description: NetworkDescription, asked: Preprocessing | None = None
) -> tuple[NDArray[Any], Mapping]:
    """The .tflite's input with its channels last, [height, width, channels], and the way back to the picture's pixels.

    Args:
        asked: None: the default.

    Raises:
        ConfigError, ModelError: see values.settled.
        ImageError: the picture is not [h, w, 3] with at least one pixel.
    """
    settled_ = settled(asked or DEFAULT, description)
    if picture.pixels.ndim != 3 or picture.pixels.shape[2] != 3 or 0 in picture.pixels.shape:
        raise ImageError(f"{picture.path} is an array of shape {picture.pixels.shape}, not [height, width, 3].")
    height, width, channels = description.input_shape
    color = settled_.color or ("grey" if channels == 1 else "rgb")
    pixels, mapping = fitted(coloured(picture.pixels, color), height, width, settled_, color)
    return stored(pixels, settled_, picture_input(description)), mapping


def coloured(pixels: NDArray[np.uint8], color: Color) -> NDArray[np.uint8]:
    """RGB [n, ..., 3] as rgb, as bgr, or as one channel of luma."""
    if color == "grey":
        grey = np.empty((*pixels.shape[:-1], 1), np.uint8)
        for start in range(0, len(pixels), _ROWS):  # some rows at a time: a photograph in 32 bits would be large
            luma = pixels[start : start + _ROWS].astype(np.uint32) @ _LUMA
            grey[start : start + _ROWS, ..., 0] = luma + np.uint32(_HALF) >> np.uint32(16)
        return grey
    return pixels[..., ::-1] if color == "bgr" else pixels


def fitted(
    pixels: NDArray[np.uint8], height: int, width: int, asked: Preprocessing, color: Color = "rgb"
) -> tuple[NDArray[np.float32], Mapping]:
    """uint8 [h, w, c] brought to float32 [height, width, c]; `color` is that of the pixels, for the border."""
    size = (*pixels.shape[:2], height, width)
    if asked.mode == "stretch":
        return _resized(pixels, height, width, asked), stretch_mapping(*size)
    if asked.mode == "crop":
        left, top, crop_width, crop_height = crop_box(*size)
        part = pixels[top : top + crop_height, left : left + crop_width]
        return _resized(part, height, width, asked), crop_mapping(*size)
    mapping = (ultralytics_mapping if asked.letterbox == "ultralytics" else letterbox_mapping)(*size)
    rows, columns = int(mapping.content_height), int(mapping.content_width)
    top, left = int(mapping.content_y), int(mapping.content_x)
    levels = asked.levels if len(asked.levels) == 3 else asked.levels * 3
    border = coloured(np.array([levels], np.uint8), color)[0]
    boxed = np.broadcast_to(border.astype(np.float32), (height, width, pixels.shape[2])).copy()
    boxed[top : top + rows, left : left + columns] = _resized(pixels, rows, columns, asked)
    return boxed, mapping


def _resized(pixels: NDArray[np.uint8], height: int, width: int, asked: Preprocessing) -> NDArray[np.float32]:
    if asked.resize in TENSORFLOW:
        return TENSORFLOW[asked.resize](pixels, height, width)
    return pillow.resized(pixels, height, width, asked.resize).astype(np.float32)


def stretch(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """The default: uint8 [h, w, c] to uint8 [height, width, c]."""
    return np.rint(fitted(pixels, height, width, DEFAULT)[0]).astype(np.uint8)


def letterbox(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """The same in TensorFlow's letterbox; the border is black."""
    return np.rint(fitted(pixels, height, width, Preprocessing("letterbox"))[0]).astype(np.uint8)
