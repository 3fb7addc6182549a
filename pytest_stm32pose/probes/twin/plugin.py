"""pyOCD's entry point (group `pyocd.probe`) for the twins' probe."""

from __future__ import annotations

import sys

from pyocd.core.plugin import Plugin


class TwinProbePlugin(Plugin):  # type: ignore[misc]
    """Loads only where twins can run (process start times and socket directories are those of Linux)."""

    def should_load(self) -> bool:
        return sys.platform.startswith("linux")

    def load(self) -> type:
        from pytest_stm32pose.probes.twin.probe import TwinProbe

        return TwinProbe

    @property
    def name(self) -> str:
        return "stm32pose_twin"

    @property
    def description(self) -> str:
        return "Twins of boards (pytest-stm32pose)"
