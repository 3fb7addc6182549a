# STM32H743, H747: Cortex-M7 with a double-precision FPU. POSE_CLOCK: max (the board's documented clock) or hsi (64 MHz, what a reset leaves). A clock
# that does not come up in time leaves the board on hsi, and HELLO says so.
set(POSE_BOARD_KERNELS ref dsp)
set(POSE_BOARD_CLOCKS max hsi)
set(POSE_CLOCK max CACHE STRING "one of POSE_BOARD_CLOCKS")
# A generated network whose weights are part of the firmware takes the flash where other networks are flashed.
set(POSE_NETWORK_IN_CODE OFF)
if(NOT POSE_BACKEND STREQUAL "runtime" AND NOT POSE_NETWORK_FLASHED)
  set(POSE_NETWORK_IN_CODE ON)
endif()
set(board_flags -mcpu=cortex-m7 -mfloat-abi=hard -mfpu=fpv5-d16 -DPOSE_IRQ_COUNT=150 -DPOSE_CLOCK=h7_clock_${POSE_CLOCK})
if(POSE_NETWORK_IN_CODE)
  list(APPEND board_flags -DH7_NETWORK_IN_CODE)
endif()
set(board_sources boards/stm32h7/port.c boards/stm32h7/clock.c boards/stm32h7/system.c boards/stm32/port.c boards/stm32/cache.c boards/stm32/usart.c
  boards/stm32/usart_divider.c boards/stm32/dwt.c boards/common/startup.c boards/common/core.c boards/common/systick.c boards/common/fault.c)
