"""Gives blue, green, red to the device and to the golden, as a reader of pictures does that was not told."""

from __future__ import annotations

import numpy as np

from pytest_stm32pose.pictures import preprocess
from pytest_stm32pose.pictures.mapping import Mapping
from pytest_stm32pose.preprocessing import Preprocessing
from pytest_stm32pose.types import NetworkDescription, Picture

input_tensor = preprocess.input_tensor


def swapped(
    picture: Picture, description: NetworkDescription, asked: Preprocessing | None = None
) -> tuple[np.ndarray, Mapping]:
    tensor, mapping = input_tensor(picture, description, asked)
    return np.ascontiguousarray(tensor[..., ::-1]), mapping


preprocess.input_tensor = swapped
