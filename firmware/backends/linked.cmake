# A network that is linked into the firmware: the user's generated files and ST's package, which the checks of pytest_stm32pose/firmware/build.py
# have looked at. POSE_NETWORK_DIR: folder of the generated files. POSE_NETWORK_NAME: the network's C name; POSE_NETWORK_FILE: that of its
# files, where it differs; POSE_NETWORK_SOURCES: its C files, where they are not <file>.c and <file>_*.c. POSE_NETWORK_API: stai, legacy or aton.
# POSE_NETWORK_SHA256: of the generated files, 64 hex digits. POSE_NETWORK_FLASHED: its data is not in the C files, but flashed;
# POSE_NETWORK_DATA_BYTES: how long that is; POSE_NETWORK_RAM_DATA: what of it is linked in.
# POSE_VENDOR_DIR: ST's folder Middlewares/ST/AI (Inc, Lib, Npu). POSE_VENDOR_INCLUDES: further folders of headers (CMSIS). POSE_VENDOR_LIBRARY:
# the runtime library for this core. POSE_NETWORK_ROM, POSE_ARENA: start and bytes of what the memory pools leave, for constants and for buffers.
set(POSE_NETWORK_NAME "network" CACHE STRING "C name of the generated network")
if(NOT POSE_NETWORK_FILE)
  set(POSE_NETWORK_FILE ${POSE_NETWORK_NAME})
endif()
string(TOUPPER "${POSE_NETWORK_NAME}" network_upper)
string(REGEX MATCHALL "[0-9a-f][0-9a-f]" network_bytes "${POSE_NETWORK_SHA256}")
list(TRANSFORM network_bytes PREPEND "0x")
list(JOIN network_bytes "," network_bytes)
if(NOT POSE_NETWORK_DATA_BYTES)
  set(POSE_NETWORK_DATA_BYTES 0)
endif()
set(vendor_dir ${POSE_VENDOR_DIR})
set(linked_includes ${POSE_NETWORK_DIR} ${vendor_dir}/Inc ${POSE_VENDOR_INCLUDES})
# NDEBUG: their assert() ends in a print, which needs a heap; and it shapes structs of their headers, so it holds for our code too.
set(linked_definitions NDEBUG POSE_NETWORK_NAME=${POSE_NETWORK_NAME} POSE_NETWORK_NAME_UPPER=${network_upper} "POSE_NETWORK_SHA256=${network_bytes}"
  POSE_NETWORK_HEADER="${POSE_NETWORK_FILE}.h" POSE_NETWORK_DATA_HEADER="${POSE_NETWORK_FILE}_data.h")
if(POSE_NETWORK_SOURCES)
  set(vendor_sources ${POSE_NETWORK_SOURCES})
else()
  file(GLOB vendor_sources CONFIGURE_DEPENDS ${POSE_NETWORK_DIR}/${POSE_NETWORK_FILE}.c ${POSE_NETWORK_DIR}/${POSE_NETWORK_FILE}_*.c)
endif()
if(POSE_ARENA)
  list(GET POSE_ARENA 0 arena_start)
  list(GET POSE_ARENA 1 arena_bytes)
  list(APPEND linked_definitions POSE_ARENA=${arena_start}u POSE_ARENA_BYTES=${arena_bytes}u)
endif()
if(POSE_NETWORK_ROM)
  list(GET POSE_NETWORK_ROM 0 rom_start)
  list(GET POSE_NETWORK_ROM 1 rom_bytes)
  target_link_options(${target} PRIVATE -Wl,--defsym=pose_network_rom=${rom_start} -Wl,--defsym=pose_network_rom_bytes=${rom_bytes})
  if(rom_bytes GREATER 0)
    list(APPEND linked_definitions "ECBLOB_CONST_SECTION=__attribute__((section(\".pose_network_rom\")))")
  endif()
endif()

if(POSE_NETWORK_API STREQUAL "aton")
  # Devices holds other microcontrollers' ATON.h and mcu_cache.h too; the folder's name is STM32N6XX or STM32N6xx.
  file(GLOB npu_device ${vendor_dir}/Npu/Devices/[Ss][Tt][Mm]32[Nn]6*)
  list(APPEND linked_includes ${vendor_dir}/Npu/ll_aton ${npu_device} backends/aton/hal backends/aton/cmsis)
  # What ST's own projects compile, those of them that this version has. Others are templates, other systems and tools. npu_cache.c needs the HAL;
  # the board has what it declares.
  foreach(name ll_aton ll_aton_rt_main ll_aton_runtime ll_aton_util ll_aton_lib ll_aton_lib_sw_operators ll_aton_cipher ll_sw_float ll_sw_integer ecloader)
    if(EXISTS ${vendor_dir}/Npu/ll_aton/${name}.c)
      list(APPEND vendor_sources ${vendor_dir}/Npu/ll_aton/${name}.c)
    endif()
  endforeach()
  if(npu_device)
    list(APPEND vendor_sources ${npu_device}/mcu_cache.c)
  endif()
  # The epoch controller tells its end by interrupt only (ASYNC). Without the buffers' debug information, which ST leaves out too, firmware and
  # network fit into RAM; where the internal buffers lie is what build.py has read from the generator's files.
  list(APPEND linked_definitions LL_ATON_PLATFORM=LL_ATON_PLAT_STM32N6 LL_ATON_OSAL=LL_ATON_OSAL_BARE_METAL
    POSE_NETWORK_DATA_BYTES=${POSE_NETWORK_DATA_BYTES}u LL_ATON_RT_MODE=LL_ATON_RT_ASYNC LL_ATON_SW_FALLBACK LL_ATON_EB_DBG_INFO LL_ATON_DBG_BUFFER_INFO_EXCLUDED=1 STM32N657xx)
  if(NOT POSE_BOARD STREQUAL "")
    list(APPEND linked_definitions POSE_NPU_IRQ=53)
  endif()
  if("${board_flags}" MATCHES "-mcpu=cortex-m55")
    target_compile_options(${target} PRIVATE -mcmse) # else their headers choose the NPU's non-secure alias
  endif()
  if(POSE_BOARD MATCHES "^stm32n6")
    target_sources(${target} PRIVATE boards/stm32n6/npu.c)
  endif()
else()
  list(APPEND linked_definitions HAVE_NETWORK_INFO)
  set(crc_stm32f4 0x40023830u 12) # RCC_AHB1ENR
  set(crc_stm32h7 0x580244E0u 19) # RCC_AHB4ENR
  set(crc_stm32h7rs 0x58024540u 19) # RCC_AHB4ENR
  set(crc_stm32n6 0x5602825Cu 19) # RCC_AHB4ENR
  if(POSE_BOARD MATCHES "^(stm32[a-z0-9]+)/")
    list(GET crc_${CMAKE_MATCH_1} 0 crc_register)
    list(GET crc_${CMAKE_MATCH_1} 1 crc_bit)
    target_sources(${target} PRIVATE boards/stm32/crc.c)
    list(APPEND linked_definitions POSE_CRC_ENABLE=${crc_register} POSE_CRC_BIT=${crc_bit})
  endif()
endif()

# Weights of pools in RAM, as <file>@<address>: sections of the image, which a debugger loads at every start.
set(number 0)
foreach(data IN LISTS POSE_NETWORK_RAM_DATA)
  string(REGEX MATCH "^(.*)@(0x[0-9a-f]+)$" matched "${data}")
  set(data_source ${CMAKE_CURRENT_BINARY_DIR}/pool_${number}.S)
  file(WRITE ${data_source} ".section .pose_pool_${number},\"a\"\n.globl pose_pool_${number}\npose_pool_${number}:\n.incbin \"${CMAKE_MATCH_1}\"\n")
  set_source_files_properties(${data_source} PROPERTIES OBJECT_DEPENDS "${CMAKE_MATCH_1}")
  target_sources(${target} PRIVATE ${data_source})
  target_link_options(${target} PRIVATE -Wl,--section-start=.pose_pool_${number}=${CMAKE_MATCH_2} -Wl,--undefined=pose_pool_${number})
  math(EXPR number "${number} + 1")
endforeach()

# Their code is not ours to warn about.
set_source_files_properties(${vendor_sources} PROPERTIES COMPILE_OPTIONS "-w")
target_sources(${target} PRIVATE ${vendor_sources})
target_include_directories(${target} SYSTEM PRIVATE ${linked_includes})
target_compile_definitions(${target} PRIVATE ${linked_definitions})
target_link_libraries(${target} PRIVATE ${POSE_VENDOR_LIBRARY} m)
if(POSE_BOARD STREQUAL "")
  target_link_options(${target} PRIVATE -Wl,--no-undefined)
else()
  target_link_options(${target} PRIVATE -Wl,--no-fatal-warnings) # of their library: it was built with other enum and wchar_t sizes
endif()
