# STM32H7S78-DK
include(${CMAKE_CURRENT_LIST_DIR}/../family.cmake)
set(board_linker_script boards/stm32h7rs/h7s78_dk/board.ld)
list(PREPEND board_sources boards/stm32h7rs/h7s78_dk/board.c)
# Buffers of a generated network, first address and the one behind the last: the arena.
set(POSE_NETWORK_ARENA 0x2404F000 0x24072000)
