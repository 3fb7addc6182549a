"""In a checkout, `pytest --board=NAME` runs the suite on that board; `pytest` alone runs the project's own tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_stm32pose.plugin import SETTINGS

pytest_plugins = ["pytester"]

SUITE = Path(__file__).parent / "pytest_stm32pose" / "suite"


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    named = config.stash[SETTINGS].boards
    if named and config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = [str(SUITE)]
