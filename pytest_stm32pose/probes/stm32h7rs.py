"""pyOCD target class of the STM32H7R and H7S: the core behind access port 1, and RAM that has no clock after a reset.

Sources: RM0477 (RCC); OpenOCD tcl/target/stm32h7rsx.cfg (the core's access port, a reset by SYSRESETREQ).
"""

from __future__ import annotations

from pyocd.core.target import Target
from pyocd.coresight.coresight_target import CoreSightTarget
from pyocd.utility.sequencer import CallSequence

_CORE_PORT = 1
_RCC_AHB2ENR, _AHB_SRAM_CLOCKS = 0x5802453C, 3 << 29


class Stm32H7RsTarget(CoreSightTarget):  # type: ignore[misc]
    """Connects through access port 1; a reset and halt ends where loading into RAM may begin."""

    def create_init_sequence(self) -> CallSequence:
        sequence = super().create_init_sequence()
        sequence.insert_before("discovery", ("stm32h7rs_port", self._use_core_port))
        sequence.insert_after("halt_on_connect", ("stm32h7rs_ram", self.switch_on_ram))
        return sequence

    def _use_core_port(self) -> None:
        self.dp.valid_aps = [_CORE_PORT]

    def switch_on_ram(self) -> None:
        """The clocks of the AHB SRAM, where the mailbox is. Leaves the other clocks as they are."""
        self.write32(_RCC_AHB2ENR, self.read32(_RCC_AHB2ENR) | _AHB_SRAM_CLOCKS)

    def reset_and_halt(self, reset_type: Target.ResetType | None = None) -> None:
        super().reset_and_halt(reset_type)
        self.switch_on_ram()
