# NUCLEO-N657X0-Q
set(POSE_BOARD_KERNELS ref dsp mve)
include(${CMAKE_CURRENT_LIST_DIR}/../family.cmake)
list(PREPEND board_sources boards/stm32n6/nucleo_n657/board.c)
