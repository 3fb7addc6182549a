# QEMU mps3-an547: Cortex-M55. Only the kernel set that is written for MVE may use it: under QEMU its helpers are slower
# than scalar code. Even then the compiler must not vectorise by itself: MVE's floats flush denormals, so bits could differ.
set(POSE_BOARD_KERNELS ref dsp mve)
set(board_linker_script boards/qemu/mps3_an547/board.ld)
if(POSE_KERNELS STREQUAL "mve")
  set(board_flags -mcpu=cortex-m55 -mfloat-abi=hard -mfpu=auto -fno-tree-vectorize)
else()
  set(board_flags -mcpu=cortex-m55+nomve -mfloat-abi=hard -mfpu=auto)
endif()
set(board_sources boards/qemu/mps3_an547/board.c boards/qemu/mps.c boards/common/startup.c boards/common/core.c boards/common/systick.c boards/common/fault.c
  boards/common/cmsdk_uart.c)
