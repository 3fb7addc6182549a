# NUCLEO-H743ZI2
include(${CMAKE_CURRENT_LIST_DIR}/../family.cmake)
set(board_linker_script boards/stm32h7/nucleo_h743zi2/board.ld)
if(POSE_NETWORK_IN_CODE)
  set(board_linker_script boards/stm32h7/nucleo_h743zi2/linked.ld)
endif()
list(PREPEND board_sources boards/stm32h7/nucleo_h743zi2/board.c boards/stm32h7/nucleo_h743zi2/info.c)
# Buffers of a generated network, first address and the one behind the last: the arena.
set(POSE_NETWORK_ARENA 0x24000000 0x24080000)
