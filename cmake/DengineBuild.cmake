# How everything in the project is compiled: language level, warnings, build flavours, and the
# helpers that every directory uses (de_library, de_executable, de_test). Shared libraries and their
# installation are in DengineInstall.cmake.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()

set(DENGINE_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize= (address,undefined or thread)")
option(DENGINE_COVERAGE "Instrument for gcov" OFF)
option(DENGINE_FUZZ "Build the libFuzzer targets (clang only)" OFF)

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

# One interface target carries the flags; generated code (protobuf-c) does not link it.
add_library(de_flags INTERFACE)
target_compile_options(de_flags INTERFACE
    $<$<COMPILE_LANGUAGE:C>:-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes
    -Wmissing-prototypes -Wvla -Wswitch-enum -Werror>
    $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wshadow -Werror>)
# DE_ASSERT(!"why control cannot come here") is meant.
target_compile_options(de_flags INTERFACE
    $<$<COMPILE_LANG_AND_ID:C,Clang>:-Wno-string-conversion>)
# The checks that gcc's sanitizers insert make it see conversions that are not in the source.
if(DENGINE_SANITIZE)
    target_compile_options(de_flags INTERFACE $<$<COMPILE_LANG_AND_ID:C,GNU>:-Wno-conversion>)
endif()
target_compile_definitions(de_flags INTERFACE _POSIX_C_SOURCE=200809L _DEFAULT_SOURCE)
target_include_directories(de_flags INTERFACE
    "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/include")

if(DENGINE_SANITIZE)
    add_compile_options(-fsanitize=${DENGINE_SANITIZE} -fno-omit-frame-pointer
        -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${DENGINE_SANITIZE})
endif()
if(DENGINE_FUZZ)
    # The fuzzer is steered by what it reaches: everything tells it, not only the target's own file.
    add_compile_options(-fsanitize=fuzzer-no-link)
    add_link_options(-fsanitize=fuzzer-no-link)
endif()
if(DENGINE_COVERAGE)
    add_compile_options(--coverage -O0)
    add_link_options(--coverage)
endif()

# de_library(NAME SOURCES... [LIBS...]): a static library with the project's flags.
function(de_library name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
    add_library(${name} STATIC ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE de_flags PUBLIC ${ARG_LIBS})
    target_include_directories(${name} PUBLIC
        "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/include")
endfunction()

# de_executable(NAME SOURCES... [LIBS...])
function(de_executable name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
    add_executable(${name} ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE de_flags ${ARG_LIBS})
endfunction()

# The abort hook and an allocator for tests (tests/support/test_support.h). Objects, not an archive:
# whatever the order on the link line, the core finds its hook.
if(BUILD_TESTING)
    pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
    add_library(de-test-support OBJECT "${PROJECT_SOURCE_DIR}/tests/support/test_support.c")
    target_link_libraries(de-test-support PRIVATE de_flags PkgConfig::CMOCKA)
endif()

# de_test(NAME SOURCES... [LIBS...] [LABELS...] [TIMEOUT s]): a cmocka program run by ctest in a
# process of its own, in a scratch directory of its own. The label defaults to "unit". It is linked
# with cmocka and with tests/support/test_support.h: do not define de_assert_failed() in a test.
function(de_test name)
    cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LIBS;LABELS" ${ARGN})
    if(NOT BUILD_TESTING)
        return()
    endif()
    if(NOT ARG_LABELS)
        set(ARG_LABELS unit)
    endif()
    if(NOT ARG_TIMEOUT)
        set(ARG_TIMEOUT 120)
    endif()
    de_executable(${name} SOURCES ${ARG_SOURCES} LIBS de-test-support ${ARG_LIBS}
        PkgConfig::CMOCKA)
    set(scratch "${CMAKE_BINARY_DIR}/scratch/${name}")
    file(MAKE_DIRECTORY "${scratch}")
    add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY "${scratch}")
    set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
endfunction()

include(DengineInstall)
