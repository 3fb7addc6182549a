"""What is made of what ST's firmware tells of an inference."""

from __future__ import annotations

import math

import pytest

from pytest_stm32pose.errors import ProtocolError
from pytest_stm32pose.protocol.st_validation.messages import Operator
from pytest_stm32pose.protocol.st_validation.runner import cycles

CLOCK_HZ = 800_000_000


def operator(duration_ms: float, *counters: int, counter_type: int = 0) -> Operator:
    return Operator("conv_2d_3", 0, 3, duration_ms, counter_type, 0, 0, counters)


def test_cycles_are_the_counters_where_there_is_one_and_the_durations_else() -> None:
    assert cycles(operator(0.1, 5, 1), CLOCK_HZ) == 5 + (1 << 32)
    assert cycles(operator(0.1, 5, counter_type=1 << 16), CLOCK_HZ) == 5
    assert cycles(operator(0.1, 1, 2, 3, 4, 5), CLOCK_HZ) == 80_000
    assert cycles(operator(-0.5), CLOCK_HZ) == 0


@pytest.mark.parametrize("duration_ms", [math.nan, math.inf, 3e38])
def test_durations_that_cannot_be_are_told(duration_ms: float) -> None:
    with pytest.raises(ProtocolError, match=r"says that 'conv_2d_3' took (nan|inf|3e\+38) ms"):
        cycles(operator(duration_ms), CLOCK_HZ)
