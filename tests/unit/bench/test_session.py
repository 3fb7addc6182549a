"""A board in a run: what is refused before it is opened."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from pytest_stm32pose.bench.faults import parse
from pytest_stm32pose.bench.session import BoardSession
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.settings import Settings


def test_a_fault_of_channels_that_a_grey_network_does_not_have_is_refused() -> None:
    """It would change nothing, and the run would be green."""
    session = BoardSession(cast(Any, None), cast(Any, None), Settings(), cast(Any, parse("input-channels")))
    network = SimpleNamespace(description=SimpleNamespace(name="grey", input_shape=(24, 32, 1)))
    with pytest.raises(ConfigError, match="input-channels exchanges channels; grey takes grey pictures"):
        session.device(cast(Any, network))
