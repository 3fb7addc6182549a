"""Pose networks that are not in the zoo, in the shapes that users bring: quantised here, weights random.

`squeeze_net`: heat maps of a picture that is not square, 21 keypoints, squeeze-and-excitation, transposed convolution.
`yolo11`: the parts of YOLO11 pose (Jocher and Qiu 2024): C3k2, SPPF, C2PSA with attention, PAN neck, DFL head.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


POSITIONS = 128  #: channels of attention that are convolved one by one


def _layers() -> Any:
    import tensorflow

    return tensorflow.keras.layers


def squeeze_net(height: int = 160, width: int = 128, keypoints: int = 21, channels: int = 12) -> Any:
    """Keras model, [1, height, width, 3] in 0 to 1 -> [1, height / 4, width / 4, keypoints]."""
    import tensorflow

    tensorflow.keras.utils.set_random_seed(11)
    nn, swish = _layers(), tensorflow.keras.activations.hard_swish
    picture = tensorflow.keras.Input((height, width, 3))
    x = skip = nn.Conv2D(channels, 3, strides=4, padding="same", activation=swish)(picture)
    x = nn.DepthwiseConv2D(5, strides=2, padding="same", dilation_rate=1)(x)
    x = nn.PReLU(shared_axes=[1, 2], alpha_initializer="random_uniform")(nn.Conv2D(2 * channels, 1)(x))
    gate = nn.GlobalAveragePooling2D(keepdims=False)(x)
    gate = nn.Dense(2 * channels, activation="sigmoid")(nn.Dense(channels // 2, activation="relu")(gate))
    x = nn.Multiply()([x, nn.Reshape((1, 1, 2 * channels))(gate)])
    x = nn.LeakyReLU(negative_slope=0.1)(nn.Conv2D(2 * channels, 3, dilation_rate=2, padding="same")(x))
    x = nn.Conv2DTranspose(channels, 2, strides=2, padding="same")(x)
    x = nn.Concatenate()([x, skip, nn.AveragePooling2D(3, strides=1, padding="same")(skip)])
    return tensorflow.keras.Model(picture, nn.Conv2D(keypoints, 1, activation="sigmoid")(x))


def _conv(x: Any, channels: int, size: int = 1, stride: int = 1, groups: bool = False, act: bool = True) -> Any:
    nn = _layers()
    if groups:
        x = nn.DepthwiseConv2D(size, stride, padding="same")(x)
    else:
        x = nn.Conv2D(channels, size, stride, padding="same")(x)
    return nn.Activation("silu")(x) if act else x


def _split_conv(x: Any) -> Any:
    """A depthwise convolution as it comes out of ONNX: one per channel (YOLO11's positions of attention)."""
    import tensorflow

    nn = _layers()
    parts = nn.Lambda(lambda value: tensorflow.split(value, value.shape[3], axis=3))(x)
    return nn.Concatenate()([nn.Conv2D(1, 3, padding="same")(part) for part in parts])


def _bottleneck(x: Any, channels: int) -> Any:
    return _layers().Add()([x, _conv(_conv(x, channels // 2, 3), channels, 3)])


def _c3k2(x: Any, channels: int) -> Any:
    """Half of the channels goes by, half through a bottleneck; all three are joined."""
    x = _conv(x, channels)
    left, right = x[..., : channels // 2], x[..., channels // 2 :]
    return _conv(_layers().Concatenate()([left, right, _bottleneck(right, channels // 2)]), channels)


def _sppf(x: Any, channels: int) -> Any:
    nn = _layers()
    pools = [_conv(x, channels // 2)]
    for _ in range(3):
        pools.append(nn.MaxPooling2D(5, 1, padding="same")(pools[-1]))
    return _conv(nn.Concatenate()(pools), channels)


def _c2psa(x: Any, channels: int, heads: int = 2) -> Any:
    """Attention over all cells of half of the channels."""
    import tensorflow

    nn = _layers()
    x = _conv(x, channels)
    left, right = x[..., : channels // 2], x[..., channels // 2 :]
    height, width, depth = right.shape[1], right.shape[2], channels // 2 // heads
    flat = [
        nn.Permute((2, 1, 3))(nn.Reshape((height * width, heads, depth))(_conv(right, channels // 2, act=False)))
        for _ in range(3)
    ]
    query, key, value = flat
    weights = nn.Softmax()(nn.Lambda(lambda pair: tensorflow.matmul(pair[0], pair[1], transpose_b=True))([query, key]))
    mixed = nn.Lambda(lambda pair: tensorflow.matmul(pair[0], pair[1]))([weights, value])
    mixed = nn.Reshape((height, width, channels // 2))(nn.Permute((2, 1, 3))(mixed))
    mixed = nn.Add()([mixed, _conv(_split_conv(_conv(right, POSITIONS)), channels // 2, act=False)])
    right = nn.Add()([right, _conv(mixed, channels // 2, act=False)])
    right = nn.Add()([right, _conv(_conv(right, channels), channels // 2, act=False)])
    return _conv(nn.Concatenate()([left, right]), channels)


def _bin_numbers(shape: Sequence[int], dtype: Any = None) -> Any:
    """Weights of the expectation: 0, 1, 2 ..."""
    import numpy as np

    return np.arange(shape[2], dtype=np.float32).reshape(shape)


def _head(levels: Sequence[Any], strides: Sequence[int], keypoints: int, bins: int) -> Any:
    """Boxes by the expectation over `bins` distances, scores, keypoints: [1, 5 + 3 keypoints, cells], 0 to 1."""
    import numpy as np
    import tensorflow

    nn = _layers()
    size = levels[0].shape[1] * strides[0]
    tables = []
    for x, stride in zip(levels, strides, strict=True):
        rows, columns = x.shape[1], x.shape[2]
        y, x_cell = np.mgrid[:rows, :columns].astype(np.float32).reshape(2, -1)
        centres = np.stack([x_cell, y], axis=-1) + 0.5
        sides = nn.Reshape((rows * columns, 4, bins))(_conv(_conv(x, 16, 3), 4 * bins, act=False))
        expectation = nn.Conv2D(1, 1, use_bias=False, kernel_initializer=_bin_numbers)
        sides = nn.Reshape((rows * columns, 4))(expectation(nn.Softmax()(sides)))
        score = nn.Reshape((rows * columns, 1))(_conv(_conv(x, 16, 3, groups=True), 1, act=False))
        points = nn.Reshape((rows * columns, keypoints, 3))(_conv(_conv(x, 16, 3), 3 * keypoints, act=False))
        low = nn.Lambda(lambda s, c=centres: tensorflow.constant(c) - s)(sides[..., :2])
        high = sides[..., 2:] + centres
        place = (points[..., :2] * 2.0 + (centres[:, None] - 0.5)) * (stride / size)
        points = nn.Concatenate()([place, nn.Activation("sigmoid")(points[..., 2:])])
        box = nn.Concatenate()([(low + high) * (0.5 * stride / size), (high - low) * (stride / size)])
        row = nn.Concatenate()(
            [box, nn.Activation("sigmoid")(score), nn.Reshape((rows * columns, 3 * keypoints))(points)]
        )
        tables.append(row)
    return nn.Permute((2, 1))(nn.Concatenate(axis=1)(tables))


def yolo11(size: int = 64, keypoints: int = 17, channels: int = 8, bins: int = 8) -> Any:
    """Keras model, [1, size, size, 3] in 0 to 1 -> [1, 5 + 3 keypoints, cells of strides 8 and 16]."""
    import tensorflow

    tensorflow.keras.utils.set_random_seed(5)
    nn = _layers()
    picture = tensorflow.keras.Input((size, size, 3), batch_size=1)
    x = _c3k2(_conv(_conv(picture, channels, 3, 2), 2 * channels, 3, 2), 2 * channels)
    fine = _c3k2(_conv(x, 4 * channels, 3, 2), 4 * channels)
    coarse = _c2psa(_sppf(_conv(fine, 8 * channels, 3, 2), 8 * channels), 8 * channels)
    doubled = nn.Lambda(lambda value: tensorflow.image.resize(value, fine.shape[1:3], "nearest"))(coarse)
    fine = _c3k2(nn.Concatenate()([doubled, fine]), 4 * channels)
    coarse = _c3k2(nn.Concatenate()([_conv(fine, 4 * channels, 3, 2), coarse]), 8 * channels)
    return tensorflow.keras.Model(picture, _head([fine, coarse], [8, 16], keypoints, bins))


def elu(size: int = 32, keypoints: int = 5) -> Any:
    """Keras model with an operator that no kernel set has."""
    import tensorflow

    nn = _layers()
    picture = tensorflow.keras.Input((size, size, 3))
    x = nn.ELU()(nn.Conv2D(keypoints, 3)(picture))
    return tensorflow.keras.Model(picture, nn.Conv2D(keypoints, 1, activation="sigmoid")(x))


def save(model: Any, folder: Path) -> Path:
    """As a SavedModel, which convert() takes."""
    model.export(folder, verbose=False)
    return folder
