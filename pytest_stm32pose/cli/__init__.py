"""The command `stm32pose`."""

from pytest_stm32pose.cli.main import main

__all__ = ["main"]
