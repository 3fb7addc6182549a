"""pyOCD's entry point (group `pyocd.probe`) for the emulated boards' probe."""

from __future__ import annotations

import sys

from pyocd.core.plugin import Plugin


class QemuProbePlugin(Plugin):  # type: ignore[misc]
    """Loads only where QEMU boards can run (process start times and socket directories are those of Linux)."""

    def should_load(self) -> bool:
        return sys.platform.startswith("linux")

    def load(self) -> type:
        from .probe import QemuProbe

        return QemuProbe

    @property
    def name(self) -> str:
        return "stm32pose_qemu"

    @property
    def description(self) -> str:
        return "Boards emulated by QEMU (pytest-stm32pose)"
