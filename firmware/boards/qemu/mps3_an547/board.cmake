# QEMU mps3-an547: Cortex-M55. The compiler must not use MVE: under QEMU its helpers are slower than scalar code.
set(POSE_BOARD_NAME qemu-m55)
set(board_linker_script boards/qemu/mps3_an547/board.ld)
set(board_flags -mcpu=cortex-m55+nomve -mfloat-abi=hard -mfpu=auto)
set(board_sources boards/qemu/mps3_an547/board.c boards/qemu/mps.c boards/common/startup.c boards/common/systick.c boards/common/fault.c
  boards/common/cmsdk_uart.c)
