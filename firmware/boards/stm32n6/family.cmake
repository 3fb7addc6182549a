# STM32N6: Cortex-M55 with Helium. POSE_CLOCK: 600 (MHz, nominal core voltage), 800 (overdrive) or hsi (64 MHz, the clock that the boot ROM leaves).
# A clock that does not come up in time leaves the board on hsi, and HELLO says so.
set(POSE_BOARD_CLOCKS 600 800 hsi)
set(POSE_CLOCK 600 CACHE STRING "one of POSE_BOARD_CLOCKS")
set(clock_mhz_600 600)
set(clock_mhz_800 800)
set(clock_mhz_hsi 64)
# As for qemu/mps3_an547: MVE only in the kernels that are written for it, whose floats do not flush denormals.
if(POSE_KERNELS STREQUAL "mve")
  set(board_flags -mcpu=cortex-m55 -mfloat-abi=hard -mfpu=auto -fno-tree-vectorize)
elseif(POSE_BACKEND STREQUAL "runtime")
  # A Cortex-M33's instructions, which an M55 has too: without Helium, low-overhead loops and conditional selects the same image runs on the
  # board's twin, whose emulated core has none of them (docs/boards/twins.md).
  set(board_flags -mcpu=cortex-m33 -mfloat-abi=hard -mfpu=auto)
else()
  set(board_flags -mcpu=cortex-m55+nomve -mfloat-abi=hard -mfpu=auto) # what ST's libraries and headers are for
endif()
list(APPEND board_flags -DPOSE_IRQ_COUNT=195 -DPOSE_XSPI2=0x5802A000u -DPOSE_RAM_START -DPOSE_CLOCK_MHZ=${clock_mhz_${POSE_CLOCK}}u)
# Else the first segment would start at a page, with the ELF header in it.
target_link_options(pose_runner PRIVATE -Wl,-z,max-page-size=1024)
set(board_linker_script boards/stm32n6/family.ld)
# What the firmware leaves to a generated network, first address and the one behind the last: RAM (AXISRAM2 to 6), and the flash's window.
set(POSE_NETWORK_RAM 0x34100000 0x343C0000)
set(POSE_NETWORK_FLASH 0x70000000 0x78000000)
if(NOT POSE_BACKEND STREQUAL "runtime")
  set(board_linker_script boards/stm32n6/linked.ld)
  list(APPEND board_flags -DN6_LINKED)
  if(NOT POSE_NETWORK_ROM)
    set(POSE_NETWORK_ROM 0x34100000 0)
  endif()
endif()
set(board_sources boards/stm32n6/port.c boards/stm32n6/clock.c boards/stm32n6/system.c boards/stm32n6/nor.c boards/stm32n6/octal_nor_port.c boards/stm32/octal_nor.c boards/stm32/octal_nor_wire.c boards/stm32/octal_nor_words.c boards/stm32/port.c boards/stm32/cache.c
  boards/stm32/usart.c boards/stm32/usart_divider.c boards/stm32/dwt.c boards/common/startup.c boards/common/core.c boards/common/systick.c boards/common/fault.c)
list(APPEND board_sources boards/stm32n6/memories.c boards/stm32n6/psram.c)
