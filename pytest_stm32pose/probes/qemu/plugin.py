"""pyOCD's entry point (group `pyocd.probe`) for the emulated boards' probe."""

from __future__ import annotations

import sys

from pyocd.core.options import OptionInfo
from pyocd.core.plugin import Plugin

from pytest_stm32pose.probes.qemu.options import CATCH_BKPT


class QemuProbePlugin(Plugin):  # type: ignore[misc]
    """Loads only where QEMU boards can run (process start times and socket directories are those of Linux)."""

    def should_load(self) -> bool:
        return sys.platform.startswith("linux")

    def load(self) -> type:
        from pytest_stm32pose.probes.qemu.probe import QemuProbe

        return QemuProbe

    @property
    def options(self) -> list[OptionInfo]:
        text = (
            "Halt at BKPT instructions of the program, as hardware does. Costs a breakpoint at the HardFault handler, "
            "which slows the code near it. Breakpoints set by the debugger work either way."
        )
        return [OptionInfo(CATCH_BKPT, bool, True, text)]

    @property
    def name(self) -> str:
        return "stm32pose_qemu"

    @property
    def description(self) -> str:
        return "Boards emulated by QEMU (pytest-stm32pose)"
