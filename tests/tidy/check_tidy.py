#!/usr/bin/env python3
"""House rules that a text search can check.

    check_tidy.py ROOT

Lengths of lines, functions and files; calls that are banned; white space; header guards; names of
unfinished work; files that nothing uses; asserts per function in core and storage.
"""

import collections
import os
import re

import tree as tidy

LINE_MAX = 100
FUNCTION_MAX = 70
FILE_MAX = 800
ASSERTS_PER_FUNCTION_MIN = {"core/": 2.0, "storage/": 2.0}

# Generated tables and texts of others, which may be as long as they are.
LONG_FILES = {"LICENSE-APACHE", "CHANGELOG.md"}

BANNED = {
    "strcpy": "no bound", "strcat": "no bound", "sprintf": "no bound", "vsprintf": "no bound",
    "gets": "no bound", "stpcpy": "no bound", "alloca": "no bound",
    "rand": "use core/base/random.h", "srand": "use core/base/random.h",
    "random": "use core/base/random.h", "drand48": "use core/base/random.h",
    "atoi": "cannot tell an error", "atol": "cannot tell an error",
    "atof": "cannot tell an error", "strtok": "hidden state",
}
BANNED_IN_TESTS = {name: "wait for a state, not for a duration"
                   for name in ("sleep", "usleep", "nanosleep", "clock_nanosleep", "thrd_sleep")}
BANNED_IN_CORE = {name: "the core asks nothing of the system"
                  for name in ("time", "clock", "clock_gettime", "gettimeofday", "malloc", "calloc",
                               "realloc", "free", "printf", "fprintf", "abort", "exit", "getenv",
                               "pthread_create", "pthread_mutex_lock")}

CALL = re.compile(r"(?<![\w.>])(\w+)\s*\(")
TYPEDEF_STRUCT = re.compile(r"\btypedef\s+(?:struct|union)\b[^;({]*[;{]")
UNFINISHED = re.compile(r"\b(%s)\b" % "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3)))
MACHINE_PATH = re.compile(r"(?<![\w./$}-])/(work|root)/")
GUARD = re.compile(r"^#ifndef (\w+)\n#define (\w+)$", re.MULTILINE)
ASSERT = re.compile(r"\bDE_(ASSERT|ASSERT_IMPLIES|UNREACHABLE|STATIC_ASSERT)\s*\(")
TAB_ALLOWED = (".go", ".gitmodules")


def check_lines(source, name):
    """Length, white space and words of every line."""
    text = source.text(name)
    if "\r" in text:
        yield "%s: carriage returns" % name
    if text and not text.endswith("\n"):
        yield "%s: no newline at the end" % name
    for number, line in enumerate(text.splitlines(), 1):
        where = "%s:%d" % (name, number)
        if len(line) > LINE_MAX and name.endswith(tidy.C_SUFFIXES + tidy.CXX_SUFFIXES + (".py",)):
            yield "%s: %d columns, more than %d" % (where, len(line), LINE_MAX)
        if line != line.rstrip():
            yield "%s: white space at the end" % where
        if "\t" in line and not name.endswith(TAB_ALLOWED):
            yield "%s: a tab" % where
        if UNFINISHED.search(line):
            yield "%s: unfinished work (%s)" % (where, UNFINISHED.search(line).group())
        if MACHINE_PATH.search(line):
            yield "%s: a path of one machine" % where


def check_length(source, name):
    count = source.text(name).count("\n")
    if count > FILE_MAX and name not in LONG_FILES:
        yield "%s: %d lines, more than %d" % (name, count, FILE_MAX)


def functions(source, name):
    """(first line, last line) of each function body's lines, the signature included.

    Relies on the house format: the brace that opens a body, and the one that ends it, stand alone
    in the first column; check_braces() finds what is formatted otherwise."""
    lines = source.text(name).splitlines()
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number - 1
            # The signature may take several lines; it begins in the first column.
            while start > 1 and lines[start - 1][:1] in (" ", ""):
                start -= 1
        elif line == "}" and start is not None:
            yield start, number
            start = None


def check_functions(source, name):
    for first, last in functions(source, name):
        if last - first + 1 > FUNCTION_MAX:
            yield "%s:%d: function of %d lines, more than %d" % (
                name, first, last - first + 1, FUNCTION_MAX)


def check_braces(source, name):
    for number, line in enumerate(source.code(name).splitlines(), 1):
        if re.match(r"^\w[^=]*\)\s*\{", line) and "#define" not in line:
            yield "%s:%d: the brace of a function stands on a line of its own" % (name, number)


def banned_calls(name):
    banned = dict(BANNED)
    if tidy.is_test(name):
        banned.update(BANNED_IN_TESTS)
    elif name.startswith("core/"):
        banned.update(BANNED_IN_CORE)
    return banned


def check_code(source, name):
    code = source.code(name)
    banned = banned_calls(name)
    for match in CALL.finditer(code):
        if match.group(1) in banned:
            yield "%s:%d: %s() is banned: %s" % (
                name, tidy.line_of(code, match.start()), match.group(1), banned[match.group(1)])
    if name.endswith(tidy.C_SUFFIXES):
        for match in TYPEDEF_STRUCT.finditer(code):
            yield "%s:%d: typedef of a struct" % (name, tidy.line_of(code, match.start()))


def check_guards(source):
    """Each header has a guard, and no two have the same."""
    owners = {}
    for name in source.with_suffix([".h"]):
        match = GUARD.search(source.text(name))
        if not match or match.group(1) != match.group(2):
            yield "%s: no include guard" % name
        elif match.group(1) in owners:
            yield "%s: the guard of %s" % (name, owners[match.group(1)])
        else:
            owners[match.group(1)] = name


def words_of(source, names):
    """Every file-name-like word of these files, and which of them it is in."""
    found = collections.defaultdict(set)
    for name in names:
        for word in re.findall(r"[\w.+-]+", source.text(name)):
            found[word].add(name)
    return found


def check_dead_files(source):
    """Sources are named by the build, headers are included, scripts are called."""
    build = [f for f in source.files if f.endswith((".cmake", "CMakeLists.txt"))]
    in_build = words_of(source, build)
    in_code = words_of(source, source.c_files())
    in_text = words_of(source, source.text_files())
    for name in source.files:
        base = os.path.basename(name)
        stem = os.path.splitext(base)[0]
        if name.endswith((".c", ".cc", ".cpp")):
            # foreach() lists in the build may name a test without its ending.
            alive = base in in_build or stem in in_build or stem.replace("_test", "") in in_build
        elif name.endswith(".h"):
            alive = bool((in_code[base] | in_build[base]) - {name}) or name.startswith("include/")
        elif name.startswith("scripts/") and name.endswith(".sh"):
            continue  # called by people
        elif name.endswith((".py", ".sh")):
            alive = bool((in_text[base] | in_text[stem]) - {name})
        else:
            continue
        if not alive:
            yield "%s: nothing uses this file" % name


def assert_counts(source, area):
    """File: (asserts, functions), of the code below area that is no test."""
    return {name: (len(ASSERT.findall(source.code(name))), sum(1 for _ in functions(source, name)))
            for name in source.c_files() if name.startswith(area) and not tidy.is_test(name)}


def check_asserts(source):
    for area, least in ASSERTS_PER_FUNCTION_MIN.items():
        counts = assert_counts(source, area)
        asserts, count = (sum(c[i] for c in counts.values()) for i in (0, 1))
        if asserts < least * count:
            lacking = sorted(counts, key=lambda n: counts[n][0] - least * counts[n][1])[:5]
            yield "%s: %d asserts in %d functions, fewer than %.1f each; most lacking: %s" % (
                area, asserts, count, least, ", ".join(
                    "%s (%d in %d)" % ((name,) + counts[name]) for name in lacking))


def run(arguments):
    source = tidy.Tree(arguments[0])
    violations = []
    for name in source.text_files():
        violations += check_lines(source, name)
        violations += check_length(source, name)
    for name in source.c_files():
        violations += check_functions(source, name)
        violations += check_braces(source, name)
        violations += check_code(source, name)
    violations += check_guards(source)
    violations += check_dead_files(source)
    violations += check_asserts(source)
    return violations, len(source.text_files())


if __name__ == "__main__":
    tidy.main("tidy", run)
