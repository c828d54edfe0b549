# Builds polyplay-ale.so when tools/setup_ale has installed the Arcade Learning Environment.
#
# The plugin is compiled by the compiler that built libale.a: the archive holds link-time
# optimisation data that only the same compiler reads. It lies beside the program and is opened at
# run time; the program itself never links it. It is built for the processor of this machine, as
# nothing that contains the emulator is handed on.
option(PP_ALE "Build the Arcade Learning Environment plugin where it was set up" ON)
set(PP_ALE_FLAGS "-O3;-march=native" CACHE STRING "Optimisation flags of the plugin")

if(DEFINED ENV{POLYPLAY_DEPS})
  set(PP_ALE_ROOT "$ENV{POLYPLAY_DEPS}/ale" CACHE PATH "Where tools/setup_ale installed ALE")
else()
  set(PP_ALE_ROOT "$ENV{HOME}/.cache/polyplay/ale" CACHE PATH "Where tools/setup_ale installed ALE")
endif()

# The registry looks into the build folder and the set-up folder as its last resort.
if(TARGET pp_env)
  target_compile_definitions(pp_env PRIVATE
    PPI_BUILD_DIR="${CMAKE_BINARY_DIR}" PPI_ALE_ROOT="${PP_ALE_ROOT}")
endif()

if(NOT PP_ALE)
  message(STATUS "ALE plugin: switched off")
elseif(NOT EXISTS ${PP_ALE_ROOT}/complete)
  message(STATUS "ALE plugin: not built, run tools/setup (looked in ${PP_ALE_ROOT})")
else()
  file(STRINGS ${PP_ALE_ROOT}/compiler PP_ALE_COMPILER LIMIT_COUNT 1)
  if(NOT EXISTS ${PP_ALE_COMPILER})
    set(PP_ALE_COMPILER ${CMAKE_CXX_COMPILER})
  endif()
  set(PP_ALE_PLUGIN ${CMAKE_BINARY_DIR}/polyplay-ale.so)
  add_custom_command(
    OUTPUT ${PP_ALE_PLUGIN}
    COMMAND ${PP_ALE_COMPILER} -std=c++17 ${PP_ALE_FLAGS} -DNDEBUG -fPIC -shared -fvisibility=hidden
            -fno-access-control -I${CMAKE_SOURCE_DIR}/include -I${PP_ALE_ROOT}/include
            -isystem ${PP_ALE_ROOT}/include/ale
            ${CMAKE_SOURCE_DIR}/plugins/ale/ale_shim.cpp ${PP_ALE_ROOT}/lib/libale.a
            -Wl,--exclude-libs,ALL -Wl,-Bsymbolic -lz -lpthread -o ${PP_ALE_PLUGIN}
    DEPENDS ${CMAKE_SOURCE_DIR}/plugins/ale/ale_shim.cpp
            ${CMAKE_SOURCE_DIR}/include/polyplay/env.h ${PP_ALE_ROOT}/lib/libale.a
    COMMENT "Building polyplay-ale.so"
    VERBATIM)
  add_custom_target(polyplay_ale ALL DEPENDS ${PP_ALE_PLUGIN})
  install(FILES ${PP_ALE_PLUGIN} DESTINATION bin)
  message(STATUS "ALE plugin: built from ${PP_ALE_ROOT}")
endif()
