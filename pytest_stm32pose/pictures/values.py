"""From pixels to the numbers that a network stores: what is stated about its values, and TFLite's rounding. Pure.

What is stated: by the options, else by the file's NormalizationOptions, else by nothing. Nothing: an 8-bit input is the
pixel itself (uint8) or the pixel less 128 (int8), as in ST's services; a float input is such that its first QUANTIZE
gives exactly that. All arithmetic is float32, one rounding per operation:

    value  = scale * pixel + offset            or    value = (pixel - mean) / std
    stored = round(value / input scale) half away from zero + zero point, clamped     (reference_ops::AffineQuantize)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ConfigError, ModelError
from pytest_stm32pose.preprocessing import DEFAULT, Preprocessing
from pytest_stm32pose.types import HostQuantize, NetworkDescription, PictureInput

#: Half a level, and what a scale of seven digits leaves over 255 of them.
_HALF_A_LEVEL = 0.51
#: Of a pixel's 256 levels: more lost than calibration cuts off, fewer told apart than any usual range leaves.
_LOST_LEVELS, _KEPT = 64, 32
#: Far beyond any clamp; whole numbers of float32 are exact up to there.
_BOUND = np.float32(100_000)


def picture_input(description: NetworkDescription) -> PictureInput:
    """How the .tflite takes its picture."""
    return description.picture or PictureInput(description.input_dtype)


def settled(asked: Preprocessing, description: NetworkDescription) -> Preprocessing:
    """What is asked for as this network gets it: values by the file or by default, what changes nothing left out.

    Raises:
        ConfigError: options that mean nothing together or to this network.
        ModelError: it takes float values, and nothing says which.
    """
    _check_together(asked)
    channels, picture = description.input_shape[2], picture_input(description)
    usual = "grey" if channels == 1 else "rgb"
    if asked.color and (asked.color == "grey") != (channels == 1):
        raise ConfigError(
            f"--pose-color={asked.color} makes pictures of {1 if asked.color == 'grey' else 3} channels; "
            f"{description.name} takes {channels}.",
            remedy="Leave the option out: the network's channels decide.",
        )
    # One level three times is one level.
    pad = asked.pad[:1] if asked.pad and len(set(asked.pad)) == 1 else asked.pad
    pad = None if pad == replace(asked, pad=None).levels else pad
    settled_values = _with_values(asked, description.name, channels, picture)
    return replace(settled_values, pad=pad, color=None if asked.color == usual else asked.color)


def _check_together(asked: Preprocessing) -> None:
    if asked.mode != "letterbox" and (asked.pad is not None or asked.letterbox != Preprocessing.letterbox):
        option = "letterbox" if asked.pad is None else "pad"
        raise ConfigError(
            f"--pose-{option} means nothing to --pose-preprocess={asked.mode}, which has no border.",
            remedy="Add --pose-preprocess=letterbox, or leave it out.",
        )
    linear, normal = asked.scale is not None or asked.offset is not None, bool(asked.mean or asked.std)
    if linear and normal:
        raise ConfigError(
            "--pose-scale and --pose-offset say the values of pixels, and so do --pose-mean and --pose-std.",
            remedy="Give one of the two pairs: scale * pixel + offset, or (pixel - mean) / std.",
        )
    if asked.scale == 0 or 0 in asked.std:
        raise ConfigError("--pose-scale and --pose-std are not 0: every picture would be the same.")


def _with_values(asked: Preprocessing, name: str, channels: int, picture: PictureInput) -> Preprocessing:
    for option, numbers in (("mean", asked.mean), ("std", asked.std)):
        if len(numbers) not in (0, 1, channels):
            raise ConfigError(f"--pose-{option} has {len(numbers)} numbers; {name} has {channels} channels.")
    if picture.dtype != "float32" and not picture.scale:
        if asked.states_values:
            raise ConfigError(
                f"{name} takes the pixel itself: its {picture.dtype} input has no scale, so --pose-scale, "
                "--pose-offset, --pose-mean and --pose-std mean nothing to it.",
                remedy="Leave them out.",
            )
        return asked
    if asked.states_values:
        return asked
    by_file = replace(asked, mean=picture.mean, std=picture.std) if picture.mean else asked
    if picture.dtype != "float32":
        return asked if _is_pixel(by_file, channels, picture) else by_file
    if picture.mean:
        return by_file
    if picture.natural is None:
        raise ModelError(
            f"{name} takes float values, and nothing in the file says of which range.",
            remedy="State it: --pose-scale and --pose-offset, for example 1/255 and 0, or --pose-mean and --pose-std.",
        )
    return replace(asked, scale=picture.natural[0], offset=picture.natural[1])


def _is_pixel(stated: Preprocessing, channels: int, picture: PictureInput) -> bool:
    """What the file states is the pixel itself, but for rounding: (pixel - 127.5) / 127.5 lies between two numbers."""
    if not stated.states_values:
        return True
    pixels = np.repeat(np.arange(256, dtype=np.float32), channels).reshape(256, channels)
    itself = stored(pixels, DEFAULT, picture).astype(np.float32)
    exact = _values(pixels, stated) / np.float32(picture.scale) + np.float32(picture.zero_point)
    return bool(np.all(np.abs(exact - itself) <= _HALF_A_LEVEL))


def stored(pixels: NDArray[np.floating], asked: Preprocessing, picture: PictureInput) -> NDArray[Any]:
    """The .tflite's input.

    Args:
        pixels: float32 [..., channels], 0 to 255 and, by bicubic resizing, a little outside.
        asked: settled.
    Returns:
        uint8, int8 or float32 of the same shape.
    """
    if picture.dtype == "float32" or asked.states_values:
        return _quantised_input(_values(pixels.astype(np.float32), asked), picture)
    levels = np.clip(np.rint(pixels), 0, 255).astype(np.int16)
    itself: NDArray[Any] = levels.astype(np.uint8) if picture.dtype == "uint8" else (levels - 128).astype(np.int8)
    return itself


def range_note(asked: Preprocessing, description: NetworkDescription) -> str:
    """One sentence where the values fit the network's input badly; "" where they fit, or its input is float.

    Levels of a pixel beyond the input's range become its ends, and those of a much smaller range are one another.

    Args:
        asked: settled.
    """
    picture, channels = picture_input(description), description.input_shape[2]
    tensor = stored(np.repeat(np.arange(256, dtype=np.float32), channels).reshape(256, channels), asked, picture)
    for step in picture.host:
        tensor = quantised(tensor, step)
    if tensor.dtype == np.float32:
        return ""
    told = [_lost_and_kept(tensor[:, channel]) for channel in range(channels)]
    lost, kept = max(lost for lost, _ in told), min(kept for _, kept in told)
    check = f"Check --pose-scale and --pose-offset, or --pose-mean and --pose-std ({asked.text})."
    if lost > _LOST_LEVELS:
        return f"{description.name}: {lost} of a pixel's 256 levels lie beyond the range of its input. {check}"
    return f"{description.name}: its input tells {kept} of a pixel's 256 levels apart. {check}" if kept < _KEPT else ""


def _lost_and_kept(tensor: NDArray[Any]) -> tuple[int, int]:
    """Of a pixel's 256 levels: how many lie beyond the type's ends, and how many are told apart."""
    values, counts = np.unique(tensor, return_counts=True)
    is_end = np.isin(values, (np.iinfo(tensor.dtype).min, np.iinfo(tensor.dtype).max))
    usual = counts.min()  # so many levels are one number anyway
    return int(np.maximum(counts[is_end] - usual, 0).sum()), len(values)


def _quantised_input(values: NDArray[np.float32], picture: PictureInput) -> NDArray[Any]:
    if picture.dtype == "float32":
        return values
    return quantised(values, HostQuantize(picture.dtype, picture.scale, picture.zero_point))


def _values(pixels: NDArray[np.float32], asked: Preprocessing) -> NDArray[np.float32]:
    if asked.mean or asked.std:
        mean, std = (np.array(numbers, np.float32) for numbers in (asked.mean or (0.0,), asked.std or (1.0,)))
        normal: NDArray[np.float32] = (pixels - mean) / std
        return normal
    scale = np.float32(1.0 if asked.scale is None else asked.scale)
    linear: NDArray[np.float32] = pixels * scale + np.float32(asked.offset or 0.0)
    return linear


def quantised(values: NDArray[Any], step: HostQuantize) -> NDArray[Any]:
    """What a QUANTIZE makes of its input, or a DEQUANTIZE."""
    if step.table:
        table: NDArray[Any] = np.frombuffer(step.table, step.dtype)
        return table[np.ascontiguousarray(values).view(np.uint8)]
    if step.dtype == "float32":
        real: NDArray[Any] = (values.astype(np.int32) - step.zero_point).astype(np.float32) * np.float32(step.scale)
        return real
    with np.errstate(over="ignore"):  # infinite is clamped like all that is far beyond
        ratio = np.clip(values.astype(np.float32) / np.float32(step.scale), -_BOUND, _BOUND)
    whole = np.trunc(ratio)
    rest = ratio - whole
    rounded = whole + (rest >= np.float32(0.5)) - (rest <= np.float32(-0.5))
    limits = np.iinfo(step.dtype)
    clamped: NDArray[Any] = np.clip(rounded.astype(np.int64) + step.zero_point, limits.min, limits.max)
    return clamped.astype(step.dtype)


def device_tensor(tensor: NDArray[Any], description: NetworkDescription) -> NDArray[Any]:
    """What the device is given for an input of the .tflite with its channels last."""
    picture = picture_input(description)
    for step in picture.host:
        tensor = quantised(tensor, step)
    return np.moveaxis(tensor, -1, -3) if picture.channels_first else tensor
