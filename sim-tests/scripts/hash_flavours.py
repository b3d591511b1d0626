#!/usr/bin/env python3
"""Builds dengine-sim four ways and compares the trace hashes of the same seeds.

usage: hash_flavours.py SOURCE_ROOT BUILD_ROOT FIRST..LAST

A seed means the same run everywhere: from gcc without optimisation, gcc and clang with it, and
under AddressSanitizer and UndefinedBehaviorSanitizer. The builds live below BUILD_ROOT and are only
brought up to date the next time. Each flavour runs with another memory layout as well (address
randomisation is left on).
"""
import json
import os
import pathlib
import subprocess
import sys

FLAVOURS = {
    "gcc-O0": ["-DCMAKE_C_COMPILER=gcc", "-DCMAKE_C_FLAGS=-O0"],
    "gcc-O2": ["-DCMAKE_C_COMPILER=gcc", "-DCMAKE_C_FLAGS=-O2"],
    "clang-O2": ["-DCMAKE_C_COMPILER=clang", "-DCMAKE_C_FLAGS=-O2"],
    "gcc-asan": [
        "-DCMAKE_C_COMPILER=gcc",
        "-DCMAKE_C_FLAGS=-O1",
        "-DDENGINE_SANITIZE=address,undefined",
    ],
}
# Only what the simulator is made of.
SKIPPED = "runtime/libev;client;engine;server;cli;examples;benches;fuzz;tests"


def build(source, directory, arguments):
    """Configures and builds dengine-sim in directory; exits with the tool's output on failure."""
    environment = {key: value for key, value in os.environ.items() if key not in ("CC", "CXX")}
    configure = [
        "cmake", "-S", str(source), "-B", str(directory), "-G", "Ninja",
        "-DCMAKE_BUILD_TYPE=None", "-DBUILD_TESTING=OFF", f"-DDENGINE_SKIP_DIRS={SKIPPED}",
    ]  # fmt: skip
    if not (directory / "build.ninja").exists():
        run(configure + arguments, environment)
    run(["cmake", "--build", str(directory), "--target", "dengine-sim"], environment)
    return directory / "sim-tests" / "dengine-sim"


def run(command, environment):
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{result.stdout[-4000:]}\n{result.stderr[-4000:]}")
    return result.stdout


def hashes(program, seeds):
    """{seed: (hash, verdict)} of a range of seeds."""
    command = [str(program), "run", "--scenario", "all", "--seeds", seeds, "--jobs", "2", "--json"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    found = {}
    for line in result.stdout.splitlines():
        record = json.loads(line)
        found[record["seed"]] = (record["trace_hash"], record["verdict"])
    first, last = (int(number) for number in seeds.split(".."))
    if sorted(found) != list(range(first, last + 1)):
        sys.exit(f"{program}: status {result.returncode}, {len(found)} seeds\n{result.stderr}")
    return found


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    source, root = (pathlib.Path(argument) for argument in sys.argv[1:3])
    results = {}
    for flavour, arguments in FLAVOURS.items():
        results[flavour] = hashes(build(source, root / flavour, arguments), sys.argv[3])
    reference = results["gcc-O0"]
    differences = 0
    for seed in sorted(reference):
        found = {flavour: result[seed] for flavour, result in results.items()}
        if len(set(found.values())) != 1:
            differences += 1
            print(f"seed {seed}: {found}")
    print(f"{len(reference)} seeds, {len(FLAVOURS)} builds, {differences} seeds differ")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
