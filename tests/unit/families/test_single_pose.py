"""The single-pose decoder, and the firmware's: the network's rows with x before y, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.families import Meaning, decode, family
from pytest_stm32pose.families.values import dequantised
from tests.firmware import device_decoder
from tests.firmware.device_decoder import PARAM

SHAPES = st.integers(1, 40).map(lambda keypoints: (1, 1, keypoints, 3))


def on_device(output: np.ndarray, keypoints: int, scale: float = 0.0, zero_point: int = 0) -> np.ndarray | int:
    """firmware/postproc/single_pose.c on one tensor: keypoints, or the negative status."""
    found = device_decoder.on_device(Meaning("single_pose", keypoints), [output], [(scale, zero_point)])
    return found if isinstance(found, int) else found[0]


@settings(deadline=None)  # the first example builds the library
@given(SHAPES.flatmap(lambda shape: hnp.arrays(np.float32, shape, elements=st.floats(width=32))))
def test_rows_are_the_networks(output: np.ndarray) -> None:
    keypoints = output.shape[2]
    host, scores = decode("single_pose", [output], keypoints)
    assert scores is None
    assert host is not None
    assert host.shape == (1, keypoints, 3)
    for k in range(keypoints):
        y, x, score = output[0, 0, k]
        assert host[0, k].tobytes() == np.array([x, y, score], np.float32).tobytes()
    device = on_device(output, keypoints)
    assert not isinstance(device, int)
    assert device.tobytes() == host.tobytes()


@settings(deadline=None)
@given(
    SHAPES.flatmap(lambda shape: hnp.arrays(np.int8, shape)),
    st.floats(2.0**-20, 8, width=32),
    st.integers(-128, 127),
)
def test_int8_is_dequantised(output: np.ndarray, scale: float, zero_point: int) -> None:
    keypoints = output.shape[2]
    host, _ = decode("single_pose", [dequantised(output, scale, zero_point)], keypoints)
    assert host is not None
    device = on_device(output, keypoints, scale, zero_point)
    assert not isinstance(device, int)
    assert device.tobytes() == host.tobytes()


@pytest.mark.parametrize(
    "outputs",
    [
        [],
        [np.zeros((1, 1, 13, 3), np.float32)] * 2,
        [np.zeros((1, 1, 17, 3), np.float32)],
        [np.zeros((1, 2, 13, 3), np.float32)],
        [np.zeros((13, 3), np.float32)],
        [np.zeros((1, 1, 13, 2), np.float32)],
        [np.zeros((1, 1, 13, 3), np.float64)],
    ],
)
def test_refuses_other_outputs(outputs: list[np.ndarray]) -> None:
    with pytest.raises(ModelError, match="single-pose output of 13 keypoints"):
        family("single_pose").decode(outputs, 13)


@pytest.mark.parametrize(
    "output",
    [
        np.zeros((1, 1, 17, 3), np.float32),
        np.zeros((1, 2, 13, 3), np.float32),
        np.zeros((13, 3), np.float32),
        np.zeros((1, 1, 13, 2), np.float32),
        np.zeros((1, 1, 13, 3), np.int32),
        np.zeros((1, 1, 13, 3), np.int8),  # not quantised
    ],
)
def test_the_firmware_refuses_them_too(output: np.ndarray) -> None:
    assert on_device(output, 13) == PARAM
