"""The QEMU machines the probe knows: their RAM, their core, and where the probe may work.

Sources: QEMU's hw/arm/mps3r / mps2-tz / mps2 / stm32f405_soc board files, the Arm application notes AN547 and AN500,
RM0090 (flash sectors).
"""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True)
class MachineModel:
    """One QEMU machine.

    Attributes:
        machine: QEMU's name.
        core: "cortex-m55", "cortex-m7", "cortex-m4".
        v8m: Armv8-M (else Armv7-M): decides the CoreSight components.
        shared_base, shared_bytes: the RAM that a file on the host backs; the size is fixed by the machine. 0 bytes: the
            machine lets no file back its RAM.
        data_windows: (start, length) ranges in it that the probe reads and writes through the file, also while the core
            runs. Data only: QEMU does not notice code that changes behind its back.
        scratch: 16 bytes of RAM for injected instructions.
        stack_top: stack of the boot stub.
        flash_sectors: (start, length) of the sectors of an STM32F4's flash, which the probe gives a controller; () when
            the machine has no such flash.
        uart_reads_ahead: QEMU may hand the UART a byte while the firmware reads the one before. Not so its STM32 USART,
            whose interrupt then gets lost (hw/char/stm32f2xx_usart.c lowers it behind the next byte's arrival).
        constants: registers beyond 0xE0000000 that the silicon has and QEMU lacks, for debuggers: (address, value).
    """

    machine: str
    core: str
    v8m: bool
    scratch: int
    stack_top: int
    shared_base: int = 0
    shared_bytes: int = 0
    data_windows: tuple[tuple[int, int], ...] = ()
    flash_sectors: tuple[tuple[int, int], ...] = ()
    uart_reads_ahead: bool = True
    constants: tuple[tuple[int, int], ...] = ()


MODELS = {
    model.machine: model
    for model in (
        MachineModel(
            machine="mps3-an547",
            core="cortex-m55",
            v8m=True,
            shared_base=0x60000000,
            shared_bytes=2048 * MIB,
            data_windows=((0x60000000, 288 * MIB),),
            scratch=0x011FFFE0,
            stack_top=0x20001000,
        ),
        MachineModel(
            machine="mps2-an500",
            core="cortex-m7",
            v8m=False,
            shared_base=0x60000000,
            shared_bytes=16 * MIB,
            data_windows=((0x60000000, 0x003F0000), (0x60400000, 12 * MIB)),
            scratch=0x603F0000,
            stack_top=0x20001000,
        ),
        MachineModel(
            machine="netduinoplus2",
            core="cortex-m4",
            v8m=False,
            uart_reads_ahead=False,
            scratch=0x2002FFE0,  # past the 128 KB of the silicon
            stack_top=0x20001000,
            flash_sectors=(
                *((0x08000000 + 0x4000 * number, 0x4000) for number in range(4)),
                (0x08010000, 0x10000),
                *((0x08000000 + 0x20000 * number, 0x20000) for number in range(1, 8)),
            ),
            constants=((0xE0042000, 0x10076413),),  # DBGMCU_IDCODE
        ),
    )
}
