#!/usr/bin/env python3
"""Runs the examples of a document: what stands after "$ " in ```console blocks, in TESTDATA.

usage: doc_test.py PROGRAM DOCUMENT TESTDATA

What is printed must be what the document says, standard error included.
"""
import os
import re
import subprocess
import sys

BLOCK = re.compile(r"^```console\n(.*?)^```\n", re.S | re.M)


def examples(block):
    """[(command, what it prints)]"""
    found = []
    for line in block.splitlines(True):
        if line.startswith("$ "):
            found.append([line[2:].rstrip("\n"), ""])
        else:
            found[-1][1] += line
    return found


def main():
    program, document, testdata = sys.argv[1:]
    with open(document, encoding="utf-8") as file:
        blocks = BLOCK.findall(file.read())
    path = os.path.dirname(os.path.abspath(program)) + os.pathsep + os.environ["PATH"]
    status, count, wrong = 0, 0, 0
    for block in blocks:
        for command, expected in examples(block):
            count += 1
            done = subprocess.run(["sh", "-c", f"(exit {status}); {command}"], cwd=testdata,
                                  env={**os.environ, "PATH": path}, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=30, check=False)
            status = done.returncode
            if done.stdout.decode() != expected:
                wrong += 1
                print(f"$ {command}\nexpected:\n{expected}printed:\n{done.stdout.decode()}")
    print(f"{count} examples, {wrong} wrong")
    return 1 if wrong or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
