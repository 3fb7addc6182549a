"""Where a picture lies in a network's input, by each way of fitting it in, and the way back to the picture's pixels.

Lengths in pixels; 0 is the left or top edge, not a pixel's centre. The rules are those of tf.image.resize_with_pad, of
ultralytics' LetterBox (data/augment.py) and of a central crop (tf.keras.preprocessing.image.smart_resize).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Mapping:
    """A picture in an input. The content is the whole picture: of a cropped one, more than fits the input."""

    picture_width: int
    picture_height: int
    input_width: int
    input_height: int
    content_x: float  #: the picture's left edge in the input
    content_y: float
    content_width: float  #: the picture's size in the input
    content_height: float

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
    """tf.image.resize_with_pad: sizes rounded down, padding half of what the exact sizes leave; all float32.

    A picture so narrow that TensorFlow refuses it is one pixel wide here.
    """
    h, w, out_h, out_w = (np.float32(n) for n in (picture_height, picture_width, height, width))
    ratio = np.maximum(w / out_w, h / out_h)
    exact_height, exact_width = h / ratio, w / ratio
    top, left = (max(0, int(np.floor((out - size) / 2))) for out, size in ((out_h, exact_height), (out_w, exact_width)))
    content_height, content_width = max(1, int(exact_height)), max(1, int(exact_width))
    # Of one pixel where there should be less, the padding can leave no room.
    top, left = min(top, height - content_height), min(left, width - content_width)
    return Mapping(picture_width, picture_height, width, height, left, top, content_width, content_height)


def ultralytics_mapping(picture_height: int, picture_width: int, height: int, width: int) -> Mapping:
    """LetterBox with centre and scaleup: sizes rounded half to even, an odd pixel of padding right and below."""
    ratio = min(height / picture_height, width / picture_width)
    content_width, content_height = (max(1, round(size * ratio)) for size in (picture_width, picture_height))
    left, top = (
        round((outer - inner) / 2 - 0.1) for outer, inner in ((width, content_width), (height, content_height))
    )
    return Mapping(picture_width, picture_height, width, height, left, top, content_width, content_height)


def crop_box(picture_height: int, picture_width: int, height: int, width: int) -> tuple[int, int, int, int]:
    """Left, top, width and height of the largest centred part with the input's proportions, rounded down."""
    crop_width = max(1, min(picture_width, picture_height * width // height))
    crop_height = max(1, min(picture_height, picture_width * height // width))
    return (picture_width - crop_width) // 2, (picture_height - crop_height) // 2, crop_width, crop_height


def crop_mapping(picture_height: int, picture_width: int, height: int, width: int) -> Mapping:
    """The part of `crop_box` fills the whole input."""
    left, top, crop_width, crop_height = crop_box(picture_height, picture_width, height, width)
    across, down = width / crop_width, height / crop_height
    return Mapping(
        picture_width, picture_height, width, height,
        -left * across, -top * down, picture_width * across, picture_height * down,
    )  # fmt: skip
