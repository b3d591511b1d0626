#!/usr/bin/env python3
"""Runs the schedules of sim-tests/regress.

usage: regress.py DIRECTORY_OF_PROGRAMS DIRECTORY_OF_SCHEDULES

Each must run through without a failure, from its own seed and the next SEEDS - 1. Where a line
"# mutant: NAME" says so, the simulator with that bug must fail from one of them at least: else the
schedule has lost its point, as code and timing have changed, and is to be drawn anew.
"""
import concurrent.futures
import pathlib
import re
import subprocess
import sys
import tempfile

SEEDS = 12


def run(program, text):
    with tempfile.NamedTemporaryFile("w", suffix=".schedule") as file:
        file.write(text)
        file.flush()
        return subprocess.run([program, "run", "--schedule", file.name], capture_output=True,
                              text=True, check=False)


def problems_of(programs, path):
    text = path.read_text()
    seed = int(re.search(r"^seed (\d+)$", text, re.M).group(1))
    texts = [re.sub(r"^seed \d+$", f"seed {seed + i}", text, flags=re.M) for i in range(SEEDS)]
    problems = []
    for i, each in enumerate(texts):
        result = run(programs / "dengine-sim", each)
        if result.returncode != 0:
            problems.append(f"{path.name}, seed {seed + i}: status {result.returncode}\n"
                            f"{result.stdout}{result.stderr}")
    for name in re.findall(r"^# mutant: (\S+)$", text, re.M):
        program = programs / f"dengine-sim-mutant-{name}"
        if not any(run(program, each).returncode in (127, 128, 129) for each in texts):
            problems.append(f"{path.name}: {program.name} passes from all of {SEEDS} seeds")
    return problems


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    programs, schedules = (pathlib.Path(argument) for argument in sys.argv[1:])
    paths = sorted(schedules.glob("*.schedule"))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda path: problems_of(programs, path), paths)
        problems = [problem for of_one in results for problem in of_one]
    print("\n".join(problems + [f"{len(paths)} schedules, {len(problems)} problems"]))
    sys.exit(1 if problems or not paths else 0)


if __name__ == "__main__":
    main()
