#!/usr/bin/env python3
"""Runs every mutant and says how many seeds it takes to find it.

usage: mutants.py BUILD_DIRECTORY SOURCE_ROOT [--write] [--only WORD] [--budget SEEDS] [--jobs N]
                  [--keep FILE [--no-runs]]

BUILD_DIRECTORY is where the programs dengine-sim-mutant-* are (build/release/sim-tests). Each
mutant is run from five bases of seeds: base + 1, base + 2, ... over all scenarios in turn, or in
the one that its file names, until a seed fails. What failed from the first base is minimized.
Prints the table; with --write it becomes docs/mutants.md. Exits 1 when a mutant survives one of
its budgets, 2 when there is nothing to make a table of.

All of them take a few minutes of a core. --keep FILE writes down each run as it ends, and does not
repeat those that are in the file already: so the table can be made in parts, and after a new mutant
only that one is run. --no-runs makes the table of what is in the file, and names who is missing.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import mutate  # noqa: E402

BASES = (0, 100000, 200000, 300000, 400000)
DOCUMENT = "docs/mutants.md"


def run(program, scenario, base, budget):
    """(seeds until the first failure or None, oracle, seconds) from one base."""
    command = [
        str(program), "run", "--scenario", scenario, "--seeds", f"{base + 1}..{base + budget}",
        "--jobs", "1", "--json",
    ]  # fmt: skip
    started = time.monotonic()
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - started
    for line in result.stdout.splitlines():
        record = json.loads(line)
        if record["status"] != 0:
            return record["seed"] - base, record["oracle"], seconds
    if result.returncode != 0:
        sys.exit(f"{program}: status {result.returncode}: {result.stderr[-500:]}")
    return None, "-", seconds


MINIMIZED = re.compile(r"(\d+) of \d+ faults, \d+ of \d+ sites(?:, (\d+) of \d+ operations)?")


def minimize(program, scenario, seed):
    """(faults, operations or None when the program crashes) that are left of a seed's failure."""
    with tempfile.TemporaryDirectory() as directory:
        command = [
            str(program), "minimize", "--scenario", scenario, "--seed", str(seed),
            "--save", str(pathlib.Path(directory) / "small.schedule"),
        ]  # fmt: skip
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    if "does not fail" in result.stderr:
        sys.exit(f"{program}: seed {seed} does not fail any more: the kept run is of other "
                 "sources; take this mutant out of the file, or begin a new one")  # fmt: skip
    left = MINIMIZED.search(result.stdout)
    if result.returncode != 0 or not left:
        sys.exit(f"{program}: status {result.returncode}: {result.stderr[-500:]}")
    return int(left[1]), None if left[2] is None else int(left[2])


def percentile(values, share):
    """The nearest rank: the smallest value that so large a share of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)]


class Kept:
    """Runs that were made before, in a file of one JSON object a line."""

    def __init__(self, path, budget, no_runs):
        self.path = path
        self.budget = budget
        self.no_runs = no_runs
        self.lock = threading.Lock()
        self.runs = {}
        self.minimized = {}  # of a mutant and a seed
        if path and path.exists():
            for line in path.read_text().splitlines():
                record = json.loads(line)
                if "minimized" in record:
                    self.minimized[(record["mutant"], record["seed"])] = record["minimized"]
                else:
                    self.runs[(record["mutant"], record["base"], record["budget"])] = record["run"]

    def run(self, stem, program, scenario, base):
        key = (stem, base, self.budget)
        if key not in self.runs:
            if self.no_runs:
                return None
            self.runs[key] = run(program, scenario, base, self.budget)
            self.write({"mutant": stem, "base": base, "budget": self.budget,
                        "run": self.runs[key]})  # fmt: skip
        return self.runs[key]

    def minimize(self, stem, program, scenario, run):
        """Of the first base's run, which is None, or has found nothing, or a seed."""
        if run is None or run[0] is None:
            return None
        key = (stem, BASES[0] + run[0])
        if key not in self.minimized and not self.no_runs:
            self.minimized[key] = minimize(program, scenario, key[1])
            self.write({"mutant": stem, "seed": key[1], "minimized": self.minimized[key]})
        return self.minimized.get(key)

    def write(self, record):
        if self.path:
            with self.lock, self.path.open("a") as file:
                file.write(json.dumps(record) + "\n")


class Mutant:
    def __init__(self, path):
        self.stem = path.stem
        self.fields, _ = mutate.parse(path.read_text())
        self.runs = []
        self.minimized = None

    def measure(self, kept, build):
        program = (build / f"dengine-sim-mutant-{self.stem}").resolve()
        scenario = self.fields.get("scenario", "all")
        runs = [kept.run(self.stem, program, scenario, base) for base in BASES]
        self.minimized = kept.minimize(self.stem, program, scenario, runs[0])
        self.runs = [run for run in runs if run]

    def smallest(self):
        """The two columns of what is left of a failure."""
        if self.minimized is None:
            return "| |"
        faults, operations = self.minimized
        return f"{faults} | {'crash' if operations is None else operations} |"

    def found(self):
        return [seeds for seeds, _, _ in self.runs if seeds is not None]

    def row(self, budget):
        if not self.runs:
            return (f"| {self.fields['number']} | {self.fields['title']} | not measured yet "
                    "| | | | | |")
        seeds = [seeds if seeds is not None else budget + 1 for seeds, _, _ in self.runs]
        oracles = sorted({oracle for found, oracle, _ in self.runs if found is not None})
        survived = len(self.runs) - len(self.found())
        shown = [str(s) if s <= budget else f"> {budget}" for s in
                 (int(statistics.median(seeds)), percentile(seeds, 90))]  # fmt: skip
        seconds = statistics.median(seconds for _, _, seconds in self.runs)
        mark = f" ({survived} of {len(self.runs)} bases: not found)" if survived else ""
        mark += f" ({len(self.runs)} bases)" if len(self.runs) < len(BASES) else ""
        return (f"| {self.fields['number']} | {self.fields['title']} | {', '.join(oracles)}{mark} "
                f"| {shown[0]} | {shown[1]} | {seconds:.1f} | {self.smallest()}")


def table(mutants, budget):
    lines = ["| # | bug | found by | seeds, median | seeds, p90 | seconds, median | faults left "
             "| operations left |",
             "|---|---|---|---|---|---|---|---|"]
    lines += [mutant.row(budget) for mutant in mutants]
    every = [seeds if seeds is not None else budget + 1
             for mutant in mutants for seeds, _, _ in mutant.runs]
    killed = sum(1 for mutant in mutants if len(mutant.found()) == len(BASES))
    lines += [
        "",
        f"{killed} of {len(mutants)} found from all {len(BASES)} bases; over all runs the median "
        f"is {int(statistics.median(every))} seeds, the 90th percentile {percentile(every, 90)}.",
    ]
    faults = [mutant.minimized[0] for mutant in mutants if mutant.minimized]
    operations = [mutant.minimized[1] for mutant in mutants
                  if mutant.minimized and mutant.minimized[1] is not None]
    if faults and operations:
        lines.append(
            f"Of {len(faults)} minimized failures the median has {statistics.median(faults):g} "
            f"faults, the 90th percentile {percentile(faults, 90)}; of the {len(operations)} that "
            f"are no crashes {statistics.median(operations):g} operations, and "
            f"{percentile(operations, 90)}.")
    return "\n".join(lines)


INTRODUCTION = """# Mutants

Known bugs of others (and some of our own), put back one at a time, and what the simulator makes of
them. Each is a file of `sim-tests/mutants/`: a path, texts and what stands in their place, and the
reason. The engine carries no switches for them; the build applies a file to a copy of one source
(`sim-tests/scripts/mutate.py`) and fails loudly when the text is no longer there.

This page is written by

    sim-tests/scripts/mutants.py build/release/sim-tests . --budget {budget} --jobs 2 \\
        --keep sim-tests/mutants.jsonl --write

which runs what is not in `sim-tests/mutants.jsonl` yet (with `--no-runs` it runs nothing, and says
who has not been measured). A run takes one seed after the other, all scenarios in turn or those of
the one that the file names, at most {budget}, on one core; each mutant is run from {bases} bases of
seeds. *Found by* names the oracles that failed first, `assert` an assertion of the engine itself.
The 90th percentile of five is their worst. *Left* is what `dengine-sim minimize` makes of the first
base's failure: faults of the schedule, and operations that clients begin.

After a build with the tests a single one is run by hand as any simulator, and those that have WORD
in their name by the script with `--only WORD`:

    build/release/sim-tests/dengine-sim-mutant-01-* run --scenario all --seeds 1..500

"""


def document(mutants, budget):
    text = INTRODUCTION.format(budget=budget, bases=len(BASES)) + table(mutants, budget)
    text += "\n\n## What each one is\n"
    for mutant in mutants:
        fields = mutant.fields
        text += f"\n**{fields['number']} {fields['title']}** "
        text += f"(`{fields['path']}`): {fields['reason']}\n"
    return text


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--budget", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--keep", type=pathlib.Path)
    parser.add_argument("--no-runs", action="store_true")
    arguments = parser.parse_args()
    paths = (arguments.source / "sim-tests" / "mutants").glob("*.mutant")
    paths = sorted(paths, key=lambda path: (int(path.stem.partition("-")[0]), path.stem))
    mutants = [Mutant(path) for path in paths if arguments.only in path.stem]
    kept = Kept(arguments.keep, arguments.budget, arguments.no_runs)
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        jobs = [pool.submit(mutant.measure, kept, arguments.build) for mutant in mutants]
        for mutant, job in zip(mutants, jobs):
            job.result()
            print(mutant.row(arguments.budget), flush=True)
    if not any(mutant.runs for mutant in mutants):
        print(f"mutants.py: no run of a mutant with --budget {arguments.budget} is kept in "
              f"{arguments.keep}, and --no-runs allows none", file=sys.stderr)  # fmt: skip
        sys.exit(2)
    print("\n".join(table(mutants, arguments.budget).splitlines()[-2:]))
    if arguments.write:
        target = arguments.source / DOCUMENT
        target.write_text(document(mutants, arguments.budget))
    sys.exit(0 if all(len(mutant.found()) == len(BASES) for mutant in mutants) else 1)


if __name__ == "__main__":
    main()
