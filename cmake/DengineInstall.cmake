# The libraries that users link: how they are made from the layers' archives, and how they are
# installed with their headers, a pkg-config file and a CMake package.

include(CMakePackageConfigHelpers)

# de_shared_library(TARGET NAME name WHOLE archives... [LIBS targets...])
#
# The shared library lib<name>.so from everything in the archives WHOLE, and from what they need of
# LIBS (and of what they link themselves). Only dengine_* is exported, whatever else is inside. Such
# a library needs no header or library of what it is made from.
function(de_shared_library target)
    cmake_parse_arguments(ARG "" "NAME" "WHOLE;LIBS" ${ARGN})
    if(NOT ARG_NAME OR NOT ARG_WHOLE OR ARG_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "de_shared_library(${target} NAME name WHOLE archives... [LIBS ...])")
    endif()
    # The objects themselves: from an archive the linker would take only what is asked for. They are
    # the same as in the archives below, which therefore add nothing but what those link. CMake
    # wants a source of the target's own to know the language.
    set(empty "${CMAKE_CURRENT_BINARY_DIR}/${target}_empty.c")
    file(CONFIGURE OUTPUT "${empty}" CONTENT "extern int dengine_no_source_of_its_own;\n")
    add_library(${target} SHARED "${empty}")
    foreach(archive IN LISTS ARG_WHOLE)
        target_sources(${target} PRIVATE $<TARGET_OBJECTS:${archive}>)
    endforeach()
    target_link_libraries(${target} PRIVATE ${ARG_WHOLE} ${ARG_LIBS})
    target_link_options(${target} PRIVATE
        "LINKER:--version-script=${PROJECT_SOURCE_DIR}/cmake/dengine.map")
    set_target_properties(${target} PROPERTIES
        OUTPUT_NAME ${ARG_NAME}
        VERSION ${PROJECT_VERSION}
        SOVERSION ${PROJECT_VERSION_MAJOR}
        LINK_DEPENDS "${PROJECT_SOURCE_DIR}/cmake/dengine.map")
    if(NOT DENGINE_SANITIZE)
        target_link_options(${target} PRIVATE "LINKER:--no-undefined")
    elseif(CMAKE_C_COMPILER_ID STREQUAL "Clang")
        # There is C++ in the library; clang leaves the run-time for that to the program.
        target_link_options(${target} INTERFACE -fsanitize-link-c++-runtime)
        target_link_libraries(${target} INTERFACE stdc++)
    endif()
    target_include_directories(${target} INTERFACE
        $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
        $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endfunction()

# de_install_library(TARGET DESCRIPTION text HEADERS files...)
#
# Installs a library of de_shared_library() with its public headers (paths from the root, below
# include/), <name>.pc, and as dengine::<name> of the CMake package "dengine".
function(de_install_library target)
    cmake_parse_arguments(ARG "" "DESCRIPTION" "HEADERS" ${ARGN})
    if(NOT ARG_DESCRIPTION OR NOT ARG_HEADERS OR ARG_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "de_install_library(${target} DESCRIPTION text HEADERS files...)")
    endif()
    get_target_property(name ${target} OUTPUT_NAME)
    set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
    install(TARGETS ${target} EXPORT dengine-targets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
    foreach(header IN LISTS ARG_HEADERS)
        get_filename_component(folder "${header}" DIRECTORY)
        string(REGEX REPLACE "^include/?" "" folder "${folder}")
        install(FILES "${PROJECT_SOURCE_DIR}/${header}"
            DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/${folder}")
    endforeach()
    de_install_pc(${name} "${ARG_DESCRIPTION}")

    get_property(names GLOBAL PROPERTY DENGINE_PACKAGE_NAMES)
    if(NOT names)
        cmake_language(DEFER DIRECTORY "${PROJECT_SOURCE_DIR}" CALL de_install_package)
    endif()
    set_property(GLOBAL APPEND PROPERTY DENGINE_PACKAGE_NAMES ${name})
endfunction()

# The prefix is known only at install time (cmake --install --prefix), so the file is made then.
function(de_install_pc name description)
    set(code "
        set(PROJECT_VERSION \"${PROJECT_VERSION}\")
        set(DE_PC_NAME \"${name}\")
        set(DE_PC_DESCRIPTION \"${description}\")
        set(DE_PC_INCLUDEDIR \"${CMAKE_INSTALL_INCLUDEDIR}\")
        set(DE_PC_LIBDIR \"${CMAKE_INSTALL_LIBDIR}\")
        foreach(folder DE_PC_INCLUDEDIR DE_PC_LIBDIR)
            if(NOT IS_ABSOLUTE \"\${\${folder}}\")
                set(\${folder} \"\\\${prefix}/\${\${folder}}\")
            endif()
        endforeach()
        configure_file(\"${PROJECT_SOURCE_DIR}/cmake/library.pc.in\"
            \"${PROJECT_BINARY_DIR}/${name}.pc\" @ONLY)")
    install(CODE "${code}")
    install(FILES "${PROJECT_BINARY_DIR}/${name}.pc"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endfunction()

# Called by CMake at the end of the top directory, when every library is known.
function(de_install_package)
    set(folder "${CMAKE_INSTALL_LIBDIR}/cmake/dengine")
    get_property(DE_PACKAGE_NAMES GLOBAL PROPERTY DENGINE_PACKAGE_NAMES)
    list(JOIN DE_PACKAGE_NAMES " " DE_PACKAGE_NAMES)
    configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/dengine-config.cmake.in"
        "${PROJECT_BINARY_DIR}/dengine-config.cmake" INSTALL_DESTINATION "${folder}")
    # Until 1.0 a minor version may change the interface.
    write_basic_package_version_file("${PROJECT_BINARY_DIR}/dengine-config-version.cmake"
        COMPATIBILITY SameMinorVersion)
    install(FILES "${PROJECT_BINARY_DIR}/dengine-config.cmake"
        "${PROJECT_BINARY_DIR}/dengine-config-version.cmake" DESTINATION "${folder}")
    install(EXPORT dengine-targets NAMESPACE dengine:: DESTINATION "${folder}")
    install(FILES "${PROJECT_SOURCE_DIR}/LICENSE-MIT" "${PROJECT_SOURCE_DIR}/LICENSE-APACHE"
        DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/dengine")
endfunction()
