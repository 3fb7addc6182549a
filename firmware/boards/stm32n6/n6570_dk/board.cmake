# STM32N6570-DK
set(POSE_BOARD_KERNELS ref dsp mve)
include(${CMAKE_CURRENT_LIST_DIR}/../family.cmake)
list(PREPEND board_sources boards/stm32n6/n6570_dk/board.c)
