#!/usr/bin/env python3
"""Every header compiles alone, as C11 and as C++17, with each compiler there is.

    check_headers.py ROOT COMPILE_COMMANDS_JSON [COMPILER...]

The include paths are those of the build. Public headers get no feature-test macro: a user's
program need not define one.
"""

import concurrent.futures
import json
import os
import re
import shlex
import shutil
import subprocess

import tree as tidy

# C++17 has no <stdatomic.h>: private headers of these folders may use it, and are then read as C
# only. No header that a user of a library or another layer's C++ could want is among them.
C_ONLY_AREAS = ("runtime/libev/", "client/", "engine/", "server/", "benches/", "tests/")

WARNINGS = ["-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
FEATURES = ["-D_POSIX_C_SOURCE=200809L", "-D_DEFAULT_SOURCE"]
COMPILERS = {"gcc": "g++", "clang": "clang++"}


def include_paths(commands_file):
    """Every include path that some file of the build is compiled with."""
    found = {}
    with open(commands_file, encoding="utf-8") as file:
        commands = json.load(file)
    for command in commands:
        words = shlex.split(command["command"])
        for i, word in enumerate(words):
            if word.startswith("-I") and len(word) > 2:
                found["-I" + word[2:]] = True
            elif word in ("-I", "-isystem") and i + 1 < len(words):
                found["-isystem" + words[i + 1]] = True
    return list(found)


def uses_atomics(source, name, seen=frozenset()):
    """Whether the header, or a project header that it includes, needs C11 atomics."""
    if name in seen or name not in source.files:
        return False
    text = source.text(name)
    return "#include <stdatomic.h>" in text or any(
        uses_atomics(source, inner, seen | {name})
        for inner in re.findall(r'^#include "([^"]+)"', text, re.MULTILINE))


def is_c_only(source, name):
    return name.startswith(C_ONLY_AREAS) and uses_atomics(source, name)


def jobs(source, compilers, paths):
    for name in source.with_suffix([".h"]):
        public = name.startswith("include/")
        spelling = "<%s>" % name[len("include/"):] if public else '"%s"' % name
        features = [] if public else FEATURES
        for compiler in compilers:
            as_c = [compiler, "-xc", "-std=c11", "-Wpedantic"]
            yield name, spelling, as_c + features + paths
            if not is_c_only(source, name):
                as_cxx = [COMPILERS[compiler], "-xc++", "-std=c++17"]
                yield name, spelling, as_cxx + features + paths


def compile_alone(job):
    name, spelling, command = job
    # Twice, so that a header without a guard is found as well.
    text = "#include %s\n#include %s\nextern int dengine_not_empty;\n" % (spelling, spelling)
    done = subprocess.run(command + WARNINGS + ["-"], input=text.encode(), check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode == 0:
        return None
    return "%s: does not compile alone: %s %s\n%s" % (
        name, command[0], command[2], done.stdout.decode(errors="replace"))


def run(arguments):
    source = tidy.Tree(arguments[0])
    compilers = arguments[2:] or [c for c in COMPILERS if shutil.which(c)]
    paths = ["-I" + source.root, "-I" + os.path.join(source.root, "include")]
    paths += [p for p in include_paths(arguments[1]) if p not in paths]
    todo = list(jobs(source, compilers, paths))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        violations = [v for v in pool.map(compile_alone, todo) if v]
    print("compilers: %s" % " ".join(compilers))
    print("as C only: %s" % " ".join(h for h in source.with_suffix([".h"])
                                     if is_c_only(source, h)))
    return violations, len(todo)


if __name__ == "__main__":
    tidy.main("headers alone", run)
