"""What pose_check refuses before anything is measured."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.plugin.fixtures import PoseCheck
from pytest_stm32pose.types import Picture


def test_a_second_picture_is_named_by_its_id() -> None:
    nothing = cast(Any, None)
    check = PoseCheck(nothing, nothing, nothing, nothing, {})
    first, second = (Picture(name, name, "0" * 64, np.zeros((480, 640, 3), np.uint8), None) for name in ("a", "b"))
    with pytest.raises(ConfigError) as caught:
        check(first, second, 0.5)
    assert str(caught.value) == (
        "pose_check takes one picture, and budgets by name, not the picture b, 0.5. "
        "Write it like pose_check(picture, tensor_lsb_max=0), once for each picture."
    )
