"""From a picture to the network's input bytes, and from the network's coordinates back to the picture's pixels.

`stretch` is the definition behind the published figures: plain bilinear with half-pixel centres and without
antialiasing, in float32, rounded half to even. Per axis, for output index i (all operations float32, no fused
multiply-add):

    at    = (i + 0.5) * (input / output) - 0.5
    lower = max(floor(at), 0);  upper = min(ceil(at), input - 1);  t = at - floor(at)

    top    = p[y0, x0] + (p[y0, x1] - p[y0, x0]) * tx
    bottom = p[y1, x0] + (p[y1, x1] - p[y1, x0]) * tx
    value  = top + (bottom - top) * ty

That is TensorFlow's ResizeBilinear(half_pixel_centers=True) followed by round(); NumPy rounds after every elementwise
operation, so every machine gets the same bytes. Reference: tensorflow/core/kernels/image/resize_bilinear_op.cc.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ImageError, ModelError
from pytest_stm32pose.types import NetworkDescription, Picture

Mode = Literal["stretch", "letterbox"]


@dataclass(frozen=True)
class Mapping:
    """Where a picture lies in the network's input. Lengths in pixels; 0 is the left/top edge, not a pixel's centre."""

    picture_width: int
    picture_height: int
    input_width: int
    input_height: int
    content_x: int  #: the picture's left edge in the input
    content_y: int
    content_width: int  #: the picture's size in the input
    content_height: int

    def to_pixels(self, keypoints_norm: NDArray[np.floating]) -> NDArray[np.float64]:
        """[..., K, 3] x, y in 0..1 of the input, score -> float64 x, y in pixels of the picture, same score."""
        points = np.array(keypoints_norm, dtype=np.float64)
        points[..., 0] = (points[..., 0] * self.input_width - self.content_x) * self.picture_width / self.content_width
        points[..., 1] = (
            (points[..., 1] * self.input_height - self.content_y) * self.picture_height / (self.content_height)
        )
        return points

    def to_input(self, keypoints_px: NDArray[np.floating]) -> NDArray[np.float64]:
        """The inverse of `to_pixels`: pixels of the picture -> 0..1 of the input; the third column is kept."""
        points = np.array(keypoints_px, dtype=np.float64)
        points[..., 0] = (points[..., 0] * self.content_width / self.picture_width + self.content_x) / self.input_width
        points[..., 1] = (points[..., 1] * self.content_height / self.picture_height + self.content_y) / (
            self.input_height
        )
        return points


def stretch_mapping(picture_height: int, picture_width: int, height: int, width: int) -> Mapping:
    """The picture fills the whole input."""
    return Mapping(picture_width, picture_height, width, height, 0, 0, width, height)


def letterbox_mapping(picture_height: int, picture_width: int, height: int, width: int) -> Mapping:
    """The largest centred size of the picture's proportions, rounded down, at least one pixel (integer arithmetic)."""
    if picture_width * height >= picture_height * width:
        content_width, content_height = width, max(1, picture_height * width // picture_width)
    else:
        content_width, content_height = max(1, picture_width * height // picture_height), height
    left, top = (width - content_width) // 2, (height - content_height) // 2
    return Mapping(picture_width, picture_height, width, height, left, top, content_width, content_height)


def stretch(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Resizes uint8 [h, w, c] to uint8 [height, width, c] by the definition in this module's head."""
    top_row, bottom_row, t_y = _weights(pixels.shape[0], height)
    left, right, t_x = _weights(pixels.shape[1], width)
    t_x, t_y = t_x[np.newaxis, :, np.newaxis], t_y[:, np.newaxis, np.newaxis]
    top = _along_x(pixels[top_row], left, right, t_x)
    bottom = _along_x(pixels[bottom_row], left, right, t_x)
    value = top + (bottom - top) * t_y
    rounded: NDArray[np.uint8] = np.rint(value).astype(np.uint8)
    return rounded


def letterbox(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """`stretch` to the largest centred size of the picture's proportions; the border is black (0)."""
    mapping = letterbox_mapping(pixels.shape[0], pixels.shape[1], height, width)
    boxed = np.zeros((height, width, pixels.shape[2]), dtype=np.uint8)
    rows = slice(mapping.content_y, mapping.content_y + mapping.content_height)
    columns = slice(mapping.content_x, mapping.content_x + mapping.content_width)
    boxed[rows, columns] = stretch(pixels, mapping.content_height, mapping.content_width)
    return boxed


def input_tensor(
    picture: Picture, description: NetworkDescription, mode: Mode = "stretch"
) -> tuple[NDArray[np.uint8], Mapping]:
    """The network's input, uint8 [height, width, 3], and the way back to the picture's pixels.

    Raises:
        ModelError: the network wants another type than uint8 or another channel count than 3.
        ImageError: the picture is not [h, w, 3] with at least one pixel.
    """
    height, width, channels = description.input_shape
    if description.input_dtype != "uint8" or channels != 3:
        raise ModelError(
            f"{description.name} wants {description.input_dtype} input with {channels} channels; "
            "pictures can be given to networks with uint8 RGB input.",
            remedy="Quantise the model with uint8 input (inference_input_type=tf.uint8).",
        )
    if picture.pixels.ndim != 3 or picture.pixels.shape[2] != 3 or 0 in picture.pixels.shape:
        raise ImageError(f"{picture.path} is an array of shape {picture.pixels.shape}, not [height, width, 3].")
    picture_height, picture_width = picture.pixels.shape[:2]
    if mode == "letterbox":
        mapping = letterbox_mapping(picture_height, picture_width, height, width)
        return letterbox(picture.pixels, height, width), mapping
    return stretch(picture.pixels, height, width), stretch_mapping(picture_height, picture_width, height, width)


def _weights(size: int, new_size: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    scale = np.float32(size) / np.float32(new_size)
    at = (np.arange(new_size, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
    floor = np.floor(at)
    lower = np.maximum(floor, 0).astype(np.intp)
    # The float32 position of the last pixel can round past the end of a very large picture; both ends are clamped.
    upper = np.minimum(np.ceil(at), size - 1).astype(np.intp)
    return np.minimum(lower, size - 1), np.maximum(upper, 0), at - floor


def _along_x(
    rows: NDArray[np.uint8], left: NDArray[np.intp], right: NDArray[np.intp], t_x: NDArray[np.float32]
) -> NDArray[np.float32]:
    first = rows[:, left].astype(np.float32)
    second = rows[:, right].astype(np.float32)
    blended: NDArray[np.float32] = first + (second - first) * t_x
    return blended
