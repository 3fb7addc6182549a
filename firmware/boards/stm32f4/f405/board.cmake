# STM32F405RG boards (Adafruit Feather STM32F405, Netduino Plus 2): Cortex-M4 with a single-precision FPU. POSE_CLOCK: max (168 MHz) or hsi
# (16 MHz, the clock that a reset leaves).
set(POSE_BOARD_KERNELS ref dsp)
set(POSE_BOARD_CLOCKS max hsi)
set(POSE_CLOCK max CACHE STRING "one of POSE_BOARD_CLOCKS")
set(board_linker_script boards/stm32f4/f405/board.ld)
set(board_flags -mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16 -DPOSE_CLOCK=stm32f4_clock_${POSE_CLOCK}
  -DPOSE_SERIAL_MAX_MESSAGE=1024u -DPOSE_SERIAL_RING_BYTES=4096u -DPOSE_MAX_PERSONS=15u)
set(board_sources boards/stm32f4/f405/board.c boards/stm32f4/clock.c boards/stm32f4/system.c boards/stm32f4/usart.c boards/stm32/usart_divider.c boards/stm32/dwt.c
  boards/common/startup.c boards/common/core.c boards/common/systick.c boards/common/fault.c)
# Buffers of a generated network, first address and the one behind the last: the arena, less what linked.ld takes of it.
set(POSE_NETWORK_ARENA 0x2000C000 0x2001B000)
if(NOT POSE_BACKEND STREQUAL "runtime")
  set(board_linker_script boards/stm32f4/f405/linked.ld)
  list(APPEND board_flags -DF405_LINKED)
  set(code_bytes 128K)
  if(NOT POSE_NETWORK_FLASHED) # the weights take the flash where other networks are flashed
    set(code_bytes 1024K)
    list(APPEND board_flags -DF405_NETWORK_IN_CODE)
  endif()
  target_link_options(pose_runner PRIVATE -Wl,--defsym=f405_code_bytes=${code_bytes})
endif()
