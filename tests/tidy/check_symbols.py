#!/usr/bin/env python3
"""Names: every external symbol of ours starts with dengine_ or de_; a shared library exports
dengine_ only; and no archive has variables.

    check_symbols.py [--instrumented] FILE...

Files that are not built (targets outside "all") are named and left out.
"""

import os
import re

import objects
import tree as tidy

OURS = re.compile(r"^(dengine|de)_[a-z0-9]")
PUBLIC = re.compile(r"^dengine_[a-z0-9]")
# protobuf-c derives its names from the .proto packages; the mangled ones are C++ templates.
GENERATED_OBJECT = re.compile(r"\.pb-c\.c\.o$")
GENERATED = re.compile(r"^[a-z][a-z0-9_]*__[a-z0-9_]+$")
CXX_OBJECT = re.compile(r"\.(cc|cpp)\.o$")
INSTRUMENTATION = re.compile(r"^_?_(asan|ubsan|tsan|odr_asan|gcov|sanitizer|llvm|_start|_stop)")
# The sanitizers' weak hooks, which a program may define for itself.
HOOKS = {"main", "LLVMFuzzerTestOneInput"}

# Variables that must exist, each with its reason. Archive member: reason.
VARIABLES = {
    "calling_back.c.o": "whether this thread is in a callback, per thread",
    "last_error.c.o": "the text of dengine_last_error, per thread",
    "open_message.c.o": "the text of dengine_open_message, per thread",
}


def check_archive(path):
    violations = []
    for symbol in objects.defined(path, "--extern-only"):
        if OURS.match(symbol.name) or INSTRUMENTATION.match(symbol.name) or symbol.name in HOOKS:
            continue
        if GENERATED_OBJECT.search(symbol.object) and GENERATED.match(symbol.name):
            continue
        if CXX_OBJECT.search(symbol.object) and symbol.kind in "WVu":
            continue
        if CXX_OBJECT.search(symbol.object) and symbol.name == "DW.ref.__gxx_personality_v0":
            continue
        violations.append("%s: %s: %s is neither dengine_ nor de_"
                          % (os.path.basename(path), symbol.object, symbol.name))
    return violations


def check_variables(path):
    violations = []
    for member, section, size in objects.writable_sections(path):
        name = member.split(":")[-1]
        if name in VARIABLES or GENERATED_OBJECT.search(name) or CXX_OBJECT.search(name):
            continue
        violations.append("%s: %s: mutable globals (%s, %d bytes)"
                          % (os.path.basename(path), name, section, size))
    return violations


def check_shared(path):
    return ["%s: exports %s" % (os.path.basename(path), symbol.name)
            for symbol in objects.defined(path, "--dynamic")
            if symbol.kind != "A" and not PUBLIC.match(symbol.name)
            and not INSTRUMENTATION.match(symbol.name)]


def run(arguments):
    instrumented = "--instrumented" in arguments
    violations = []
    looked_at = 0
    for path in [a for a in arguments if not a.startswith("--")]:
        if not os.path.exists(path):
            print("not built, left out: %s" % path)
            continue
        looked_at += 1
        if ".so" in os.path.basename(path):
            violations += check_shared(path)
            continue
        violations += check_archive(path)
        if not instrumented:
            violations += check_variables(path)
    return violations, looked_at


if __name__ == "__main__":
    tidy.main("symbols", run)
