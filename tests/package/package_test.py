#!/usr/bin/env python3
"""A user's view of the installed libraries.

    package_test.py --cmake C --build DIR --compiler CC --cxx CXX --libdir DIR --version V NAME...

Each library is linked to in both ways that the README tells. Each header is compiled alone, as C
and as C++; what the headers export is compared with what the libraries do.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

PROGRAM = """
#include <stdio.h>
%s
int main(void)
{
    return puts(dengine_strerror(DENGINE_OK)) < 0;
}
"""

PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(user LANGUAGES C)
find_package(dengine %s REQUIRED COMPONENTS %s)
add_executable(user user.c)
target_link_libraries(user PRIVATE dengine::%s)
"""


def output(command, folder, **environment):
    done = subprocess.run(command, cwd=folder, env=dict(os.environ, **environment), check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = done.stdout.decode(errors="replace")
    if done.returncode != 0:
        sys.exit("%s\nfailed with %d:\n%s" % (" ".join(command), done.returncode, text))
    return text


def expect(actual, expected, what):
    if actual.strip() != expected:
        sys.exit("%s: expected %r, got %r" % (what, expected, actual))


def check_pkg_config(arguments, prefix, folder, name):
    library_folder = os.path.join(prefix, arguments.libdir)
    found = {"PKG_CONFIG_PATH": os.path.join(library_folder, "pkgconfig")}
    expect(output(["pkg-config", "--modversion", name], folder, **found), arguments.version,
           "version of " + name)
    flags = output(["pkg-config", "--cflags", "--libs", name], folder, **found).split()
    output([arguments.compiler, "-Wall", "-Wextra", "-Werror", "-std=c11", "user.c", *flags,
            "-Wl,-rpath," + library_folder, "-o", "user"], folder)
    expect(output([os.path.join(folder, "user")], folder), "ok", name + " by pkg-config")


def check_cmake(arguments, prefix, folder, name):
    with open(os.path.join(folder, "CMakeLists.txt"), "w", encoding="utf-8") as file:
        file.write(PROJECT % (arguments.version, name, name))
    build = os.path.join(folder, "build")
    output([arguments.cmake, "-S", folder, "-B", build, "-DCMAKE_PREFIX_PATH=" + prefix,
            "-DCMAKE_C_COMPILER=" + arguments.compiler], folder)
    output([arguments.cmake, "--build", build], folder)
    expect(output([os.path.join(build, "user")], folder), "ok", name + " by find_package")


def check_header_alone(arguments, include, folder, header):
    """Says everything that it uses, in both languages."""
    languages = ((arguments.compiler, "c11", "c"), (arguments.cxx, "c++17", "cc"))
    for compiler, standard, end in languages:
        with open(os.path.join(folder, "alone." + end), "w", encoding="utf-8") as file:
            file.write("#include <dengine/%s>\n" % header)
        output([compiler, "-std=" + standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                "-fsyntax-only", "-I", include, "alone." + end], folder)


def declared(arguments, include, folder, header):
    """Functions that a header marks as exported."""
    text = output([arguments.compiler, "-std=c11", "-E", "-P", "-I", include,
                   os.path.join(include, "dengine", header)], folder)
    return set(re.findall(r'visibility\("default"\)\)\)[^(;]*?(\w+)\(', text))


def exported(library, folder):
    """Symbols that others can link to; those of data are none of ours."""
    lines = output(["nm", "-D", "--defined-only", "-P", library], folder).splitlines()
    return {line.split()[0] for line in lines}


def check_symbols(arguments, prefix, folder, headers):
    include = os.path.join(prefix, "include")
    promised = set()
    for header in headers:
        check_header_alone(arguments, include, folder, header)
        promised |= declared(arguments, include, folder, header)
    there = set()
    for name in arguments.names:
        there |= exported(os.path.join(prefix, arguments.libdir, "lib%s.so" % name), folder)
    if not promised or promised != there:
        sys.exit("declared and in no library: %s; in a library and not declared: %s" %
                 (sorted(promised - there), sorted(there - promised)))


def main():
    parser = argparse.ArgumentParser()
    for option in ("--cmake", "--build", "--compiler", "--cxx", "--libdir", "--version"):
        parser.add_argument(option, required=True)
    parser.add_argument("names", nargs="+")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        prefix = os.path.join(scratch, "prefix")
        output([arguments.cmake, "--install", arguments.build, "--prefix", prefix], scratch)
        headers = sorted(os.listdir(os.path.join(prefix, "include", "dengine")))
        includes = "\n".join("#include <dengine/%s>" % h for h in headers)
        check_symbols(arguments, prefix, scratch, headers)
        for name in arguments.names:
            folder = os.path.join(scratch, name)
            os.mkdir(folder)
            with open(os.path.join(folder, "user.c"), "w", encoding="utf-8") as file:
                file.write(PROGRAM % includes)
            check_pkg_config(arguments, prefix, folder, name)
            check_cmake(arguments, prefix, folder, name)
    print("installed and used: %s" % " ".join(arguments.names))


if __name__ == "__main__":
    main()
