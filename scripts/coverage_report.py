#!/usr/bin/env python3
"""Adds up what gcov says of a build directory, per directory of the source tree.

    coverage_report.py [--files] SOURCE_ROOT BUILD

Production code only: tests and generated code are left out. A line counts once, however many
objects it was compiled into, and is covered when any of them ran it.
"""

import collections
import json
import os
import re
import subprocess
import sys

OUR_CODE = re.compile(r"^(include|core|proto|storage|runtime|client|engine|server|cli)/")
TEST = re.compile(r"/contract/|_test\.c$|_test_\w+\.h$|\.pb-c\.[ch]$")
BATCH = 64


def data_files(build):
    found = []
    for folder, _, names in os.walk(build):
        found += [os.path.join(folder, n) for n in names if n.endswith(".gcda")]
    return sorted(found)


def gcov(files):
    """One parsed document per object file."""
    done = subprocess.run(["gcov", "--json-format", "--stdout"] + files, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=True)
    return [json.loads(line) for line in done.stdout.decode().splitlines() if line.strip()]


def counts_of(root, build):
    """Source file: line: whether it ran."""
    lines = collections.defaultdict(dict)
    files = data_files(build)
    for first in range(0, len(files), BATCH):
        for document in gcov(files[first:first + BATCH]):
            folder = document["current_working_directory"]
            for file in document["files"]:
                path = os.path.normpath(os.path.join(folder, file["file"]))
                name = os.path.relpath(path, root)
                if not OUR_CODE.match(name) or TEST.search(name):
                    continue
                for line in file["lines"]:
                    ran = lines[name].get(line["line_number"], False)
                    lines[name][line["line_number"]] = ran or line["count"] > 0
    return lines


def show(title, rows):
    for name, (ran, total) in sorted(rows.items()):
        print("%-48s %6d of %6d  %5.1f %%" % (title + name, ran, total, 100.0 * ran / total))


def main():
    arguments = [a for a in sys.argv[1:] if a != "--files"]
    root, build = (os.path.abspath(a) for a in arguments)
    files = {}
    folders = collections.defaultdict(lambda: (0, 0))
    for name, lines in counts_of(root, build).items():
        files[name] = (sum(lines.values()), len(lines))
        for key in (os.path.dirname(name), "total"):
            folders[key] = tuple(a + b for a, b in zip(folders[key], files[name]))
    if not files:
        sys.exit("no coverage data below %s" % build)
    if "--files" in sys.argv:
        show("", files)
    total = folders.pop("total")
    show("", folders)
    show("", {"total": total})


main()
