# QEMU mps2-an500: Cortex-M7 with a double-precision FPU.
set(POSE_BOARD_KERNELS ref dsp)
set(board_linker_script boards/qemu/mps2_an500/board.ld)
set(board_flags -mcpu=cortex-m7 -mfloat-abi=hard -mfpu=fpv5-d16)
set(board_sources boards/qemu/mps2_an500/board.c boards/qemu/mps.c boards/common/startup.c boards/common/core.c boards/common/systick.c boards/common/fault.c
  boards/common/cmsdk_uart.c)
