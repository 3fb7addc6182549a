# A network that is linked into the firmware: the user's generated files and ST's package, which the checks of pytest_stm32pose/build.py
# have looked at. POSE_NETWORK_DIR: folder of the generated files. POSE_NETWORK_NAME: the network's C name; POSE_NETWORK_FILE: that of its
# files, where it differs. POSE_NETWORK_API: stai, legacy or aton. POSE_VENDOR_DIR: ST's folder Middlewares/ST/AI (Inc, Lib, Npu). POSE_VENDOR_INCLUDES: further folders of headers (CMSIS).
# POSE_NETWORK_SHA256: of the generated files, 64 hex digits.
set(POSE_NETWORK_NAME "network" CACHE STRING "C name of the generated network")
if(NOT POSE_NETWORK_FILE)
  set(POSE_NETWORK_FILE ${POSE_NETWORK_NAME})
endif()
string(TOUPPER "${POSE_NETWORK_NAME}" network_upper)
string(REGEX MATCHALL "[0-9a-f][0-9a-f]" network_bytes "${POSE_NETWORK_SHA256}")
list(TRANSFORM network_bytes PREPEND "0x")
list(JOIN network_bytes "," network_bytes)
set(vendor_dir ${POSE_VENDOR_DIR})
set(linked_includes ${POSE_NETWORK_DIR} ${vendor_dir}/Inc ${POSE_VENDOR_INCLUDES})
# NDEBUG: their assert() ends in a print, which needs a heap; and it shapes structs of their headers, so it holds for our code too.
set(linked_definitions NDEBUG POSE_NETWORK_NAME=${POSE_NETWORK_NAME} POSE_NETWORK_NAME_UPPER=${network_upper} "POSE_NETWORK_SHA256=${network_bytes}"
  POSE_NETWORK_HEADER="${POSE_NETWORK_FILE}.h" POSE_NETWORK_DATA_HEADER="${POSE_NETWORK_FILE}_data.h")
file(GLOB vendor_sources CONFIGURE_DEPENDS ${POSE_NETWORK_DIR}/${POSE_NETWORK_FILE}.c ${POSE_NETWORK_DIR}/${POSE_NETWORK_FILE}_*.c)

if(POSE_NETWORK_API STREQUAL "aton")
  file(GLOB npu_folders ${vendor_dir}/Npu/ll_aton ${vendor_dir}/Npu/Devices/*)
  list(APPEND linked_includes ${npu_folders})
  # npu_cache.c needs the HAL; the NPU's own cache stays off.
  file(GLOB npu_sources CONFIGURE_DEPENDS ${vendor_dir}/Npu/ll_aton/*.c ${vendor_dir}/Npu/Devices/*/mcu_cache.c)
  list(APPEND vendor_sources ${npu_sources})
  list(APPEND linked_definitions LL_ATON_PLATFORM=LL_ATON_PLAT_STM32N6 LL_ATON_OSAL=LL_ATON_OSAL_BARE_METAL
    LL_ATON_RT_MODE=LL_ATON_RT_POLLING LL_ATON_SW_FALLBACK LL_ATON_EB_DBG_INFO STM32N657xx)
  if(POSE_BOARD MATCHES "^stm32n6")
    target_sources(${target} PRIVATE boards/stm32n6/npu.c)
  endif()
  file(GLOB user_api ${vendor_dir}/Npu/ll_aton/ll_aton_rt_user_api.h)
  if(user_api)
    file(STRINGS ${user_api} newer REGEX "LL_ATON_RT_SetNetworkCallback")
    if(newer)
      list(APPEND linked_definitions POSE_ATON_HAS_NETWORK_CALLBACK)
    endif()
  endif()
else()
  list(APPEND linked_definitions HAVE_NETWORK_INFO)
  set(crc_stm32f4 0x40023830u 12) # RCC_AHB1ENR
  set(crc_stm32h7 0x580244E0u 19) # RCC_AHB4ENR
  set(crc_stm32n6 0x5602825Cu 19) # RCC_AHB4ENR
  if(POSE_BOARD MATCHES "^(stm32[a-z0-9]+)/")
    list(GET crc_${CMAKE_MATCH_1} 0 crc_register)
    list(GET crc_${CMAKE_MATCH_1} 1 crc_bit)
    target_sources(${target} PRIVATE boards/stm32/crc.c)
    list(APPEND linked_definitions POSE_CRC_ENABLE=${crc_register} POSE_CRC_BIT=${crc_bit})
  endif()
endif()

# ST's runtime library of this core: Lib/GCC/ARMCortexM55/NetworkRuntime..._CM55_GCC.a
set(vendor_libraries "")
if("${board_flags}" MATCHES "-mcpu=cortex-m([0-9]+)")
  file(GLOB vendor_libraries ${vendor_dir}/Lib/GCC/ARMCortexM${CMAKE_MATCH_1}/NetworkRuntime*_CM${CMAKE_MATCH_1}_GCC.a)
endif()

# Their code is not ours to warn about.
set_source_files_properties(${vendor_sources} PROPERTIES COMPILE_OPTIONS "-w")
target_sources(${target} PRIVATE ${vendor_sources})
target_include_directories(${target} SYSTEM PRIVATE ${linked_includes})
target_compile_definitions(${target} PRIVATE ${linked_definitions})
target_link_libraries(${target} PRIVATE ${vendor_libraries} m)
if(POSE_BOARD STREQUAL "")
  target_link_options(${target} PRIVATE -Wl,--no-undefined)
else()
  target_link_options(${target} PRIVATE -Wl,--no-fatal-warnings) # of their library: it was built with other enum and wchar_t sizes
endif()
