#!/usr/bin/env python3
"""The core is pure: what its archive needs from outside is on a short list, and no variables.

    check_purity.py [--instrumented] ARCHIVE SOURCE_ROOT

--instrumented: sanitizers and gcov put their own variables into each object, so only the undefined
symbols are looked at.
"""

import os
import re

import objects
import tree as tidy

# Functions of the C library that touch nothing but the memory they are given.
ALLOWED = {
    "memcpy", "memmove", "memset", "memcmp", "memchr", "bcmp", "strlen", "strnlen", "strcmp",
    "strncmp",
    "__memcpy_chk", "__memmove_chk", "__memset_chk",
    "de_assert_failed",  # the abort hook
    "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_",
    "__cpu_model", "__cpu_indicator_init",  # which CRC instruction there is (crc32c.c)
}
# Of the compiler's run-time: wide arithmetic, sanitizers, coverage.
ALLOWED_PATTERN = re.compile(
    r"^__((u?(div|mod)|mul|ashl|ashr|lshr)(t|d)i[34]|popcount[ds]i2|(a|ub|t|m)san_\w+|sancov_\w+"
    r"|sanitizer_\w+|gcov_\w+|llvm_\w+|tsan_\w+)$")
# Formatting of texts for people: in the layers that name a reason, never in consensus or below.
FORMATTING = {"snprintf", "vsnprintf", "__snprintf_chk", "__vsnprintf_chk"}
FORMATTING_AREAS = ("core/node/", "core/kv/")


def source_of(source, member):
    """The core source file that an archive's member was compiled from."""
    base = re.sub(r"\.o(bj)?$", "", os.path.basename(member.split(":")[-1]))
    named = [f for f in source.files if f.startswith("core/") and os.path.basename(f) == base]
    return named


def allowed(source, symbol):
    if symbol.name in ALLOWED or ALLOWED_PATTERN.match(symbol.name):
        return True
    if symbol.name in FORMATTING:
        named = source_of(source, symbol.object)
        return bool(named) and all(f.startswith(FORMATTING_AREAS) for f in named)
    return False


def run(arguments):
    instrumented = "--instrumented" in arguments
    archive, root = [a for a in arguments if not a.startswith("--")]
    source = tidy.Tree(root)
    violations = ["%s: needs %s from outside the core" % (s.object, s.name)
                  for s in objects.undefined(archive) if not allowed(source, s)]
    if not instrumented:
        violations += ["%s: has variables (%s, %d bytes)" % section
                       for section in objects.writable_sections(archive)]
    return violations, len(objects.symbols(archive))


if __name__ == "__main__":
    tidy.main("purity", run)
