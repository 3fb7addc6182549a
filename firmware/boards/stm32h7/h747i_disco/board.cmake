# STM32H747I-DISCO
include(${CMAKE_CURRENT_LIST_DIR}/../family.cmake)
set(board_linker_script boards/stm32h7/h747i_disco/board.ld)
if(POSE_NETWORK_IN_CODE)
  set(board_linker_script boards/stm32h7/h747i_disco/linked.ld)
endif()
list(PREPEND board_sources boards/stm32h7/h747i_disco/board.c boards/stm32h7/h747i_disco/info.c boards/stm32h7/h747i_disco/park_m4.c
  boards/stm32h7/h747i_disco/sdram.c boards/stm32h7/h747i_disco/qspi.c boards/stm32h7/h747i_disco/words.c)
# Buffers of a generated network, first address and the one behind the last: the arena.
set(POSE_NETWORK_ARENA 0xD0000000 0xD0800000)
