"""pyOCD target class of the STM32N6: no internal flash, a boot ROM that runs at every reset, RAM that is off at first.

Sources: RM0486 (RCC, RAMCFG); OpenOCD tcl/target/stm32n6x.cfg (access port 1 is the core's, 0 has the DBGMCU only);
probe-rs vendor/st/sequences/stm32n6.rs (access port 1 is locked until the boot ROM opens it; what it leaves behind).
"""

from __future__ import annotations

from pyocd.core import exceptions
from pyocd.core.target import Target
from pyocd.coresight.coresight_target import CoreSightTarget
from pyocd.utility.sequencer import CallSequence
from pyocd.utility.timeout import Timeout

_CORE_PORT = 1
_HALT_TIMEOUT_S = 1.0

_RCC_MEMENSR, _SRAM_CLOCKS = 0x56028A4C, 0x0F | 7 << 7  # AXISRAM3-6, AXISRAM1, AXISRAM2, FLEXRAM
_RCC_AHB2ENSR, _RAMCFG_CLOCK = 0x56028A54, 1 << 12
_RAMCFG_CR = {"axisram3": 0x52023100, "axisram4": 0x52023180, "axisram5": 0x52023200, "axisram6": 0x52023280}
_SRAM_SHUT_DOWN = 1 << 20

_SYSTICK_CSR, _NVIC_ICER, _NVIC_ICPR, _NVIC_WORDS = 0xE000E010, 0xE000E180, 0xE000E280, 16
_CCR, _CCR_RESET = 0xE000ED14, 0x00000201  # caches off
_MPU_CTRL, _ICIALLU = 0xE000ED94, 0xE000EF50
_FPCCR, _FPCCR_RESET = 0xE000EF34, 0xC0000000
_THUMB = 1 << 24
_PARK, _BRANCH_TO_ITSELF = 0x341FFFFC, 0xE7FEE7FE  # the end of AXISRAM2, which is always on
_SPECIAL = ("control", "faultmask", "basepri", "primask", "msplim_s", "psplim_s")


class Stm32N6Target(CoreSightTarget):  # type: ignore[misc]
    """Connects through access port 1; a reset and halt ends where loading into RAM may begin."""

    def create_init_sequence(self) -> CallSequence:
        sequence = super().create_init_sequence()
        sequence.insert_before("discovery", ("stm32n6_port", self._use_core_port))
        sequence.insert_after("halt_on_connect", ("stm32n6_ram", self.switch_on_ram))
        return sequence

    def _use_core_port(self) -> None:
        """Port 0 answers to a scan but not to memory accesses."""
        self.dp.valid_aps = [_CORE_PORT]

    def switch_on_ram(self) -> None:
        """Clock and power of AXISRAM3-6, which do not answer before. Does nothing to blocks that are on."""
        self.write32(_RCC_MEMENSR, _SRAM_CLOCKS)
        self.write32(_RCC_AHB2ENSR, _RAMCFG_CLOCK)
        for address in _RAMCFG_CR.values():
            control = self.read32(address)
            if control & _SRAM_SHUT_DOWN:
                self.write32(address, control & ~_SRAM_SHUT_DOWN)

    def reset_and_halt(self, reset_type: Target.ResetType | None = None) -> None:
        """System reset, then halts the core after the boot ROM and undoes what that did to the core.

        A reset cannot be caught: the boot ROM opens access port 1 only when it is nearly done.
        """
        self.reset(reset_type)
        try:
            self.halt()
        except exceptions.TransferFaultError as error:
            raise exceptions.DebugError(
                "access port 1, the core's, stays closed after the reset: the boot ROM has not opened it (is BOOT1 set "
                "to 1, and the device not closed by its fuses?)"
            ) from error
        with Timeout(_HALT_TIMEOUT_S, 0.005) as limit:
            while limit.check():
                if self.get_state() == Target.State.HALTED:
                    break
            else:
                raise exceptions.DebugError("the core does not halt after the boot ROM (is BOOT1 set to 1?)")
        self._undo_boot_rom()
        self.switch_on_ram()

    def _undo_boot_rom(self) -> None:
        """Core registers and private peripherals as after a reset, so far as code loaded into RAM depends on them.

        The core is parked in RAM: released without a program, the ROM must not go on with registers that are not its.
        """
        names = [f"r{number}" for number in range(13)] + ["lr", *_SPECIAL]
        self.write32(_PARK, _BRANCH_TO_ITSELF)
        self.write_core_registers_raw([*names, "xpsr", "pc"], [0] * len(names) + [_THUMB, _PARK])
        self.write32(_SYSTICK_CSR, 0)
        for first in (_NVIC_ICER, _NVIC_ICPR):
            self.write_memory_block32(first, [0xFFFFFFFF] * _NVIC_WORDS)
        self.write32(_MPU_CTRL, 0)
        self.write32(_FPCCR, _FPCCR_RESET)
        self.write32(_CCR, _CCR_RESET)
        self.write32(_ICIALLU, 0)
