#!/usr/bin/env python3
"""Runs one seed under valgrind: nothing is read before it is written, and the run is the same.

usage: valgrind_test.py VALGRIND DIRECTORY_OF_PROGRAMS

A control that reads what nobody wrote must be seen, or valgrind sees nothing here.
"""
import subprocess
import sys

SEED = ("run", "--scenario", "chaos", "--seed", "8", "--until", "6", "--jobs", "0", "--json",
        "--raw-memory")
SEEN = 9  # the status of a run in which valgrind has found something


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    valgrind = (sys.argv[1], "-q", f"--error-exitcode={SEEN}")
    program = f"{sys.argv[2]}/dengine-sim"
    native = run(program, *SEED)
    watched = run(*valgrind, program, *SEED)
    if native.returncode != 0 or watched.returncode != 0:
        sys.exit(f"status {native.returncode} without valgrind, {watched.returncode} with:\n"
                 f"{watched.stderr[-4000:]}")
    if native.stdout != watched.stdout:
        sys.exit(f"two runs of one seed:\n{native.stdout}{watched.stdout}")
    control = run(*valgrind, f"{program}-control-uninitialised", *SEED)
    if control.returncode == 0 or "uninitialised" not in control.stderr:
        sys.exit(f"the control ends with status {control.returncode}:\n{control.stderr[-2000:]}")


if __name__ == "__main__":
    main()
