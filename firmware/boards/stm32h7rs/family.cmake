# STM32H7R, H7S: Cortex-M7 with a double-precision FPU and 64 KiB of flash: a debugger loads the image into RAM. POSE_CLOCK: max (600 MHz) or hsi (64 MHz,
# what a reset leaves). A clock that does not come up in time leaves the board on hsi, and HELLO says so.
set(POSE_BOARD_KERNELS ref dsp)
set(POSE_BOARD_CLOCKS max hsi)
set(POSE_CLOCK max CACHE STRING "one of POSE_BOARD_CLOCKS")
set(board_flags -mcpu=cortex-m7 -mfloat-abi=hard -mfpu=fpv5-d16 -DPOSE_IRQ_COUNT=156 -DPOSE_RAM_START -DPOSE_XSPI2=0x5200A000u
  -DPOSE_CLOCK=h7rs_clock_${POSE_CLOCK})
# Else the first segment would start at a page, with the ELF header in it.
target_link_options(pose_runner PRIVATE -Wl,-z,max-page-size=1024)
set(board_sources boards/stm32h7rs/port.c boards/stm32h7rs/clock.c boards/stm32h7rs/system.c boards/stm32h7rs/nor.c boards/stm32h7rs/octal_nor_port.c
  boards/stm32/octal_nor.c boards/stm32/octal_nor_wire.c boards/stm32/octal_nor_words.c boards/stm32/port.c boards/stm32/cache.c boards/stm32/usart.c
  boards/stm32/usart_divider.c boards/stm32/dwt.c boards/common/startup.c boards/common/core.c boards/common/systick.c boards/common/fault.c)
