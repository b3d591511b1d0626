#!/usr/bin/env python3
"""Runs the commands of docs/simulation.md and checks that its reference names all that there is and
nothing else, and that docs/mutants.md has a line for each mutant.

usage: docs_test.py DIRECTORY_OF_PROGRAMS DENGINE_CHECK SOURCE_ROOT

Every line of a ```sh block is a command, run in order in one shell; "# exits N" after it is its
status, else that must be 0.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.S | re.M)


def script_of(text):
    """The document's commands as a shell script that stops where one does not do as it says."""
    lines = []
    for block in BLOCK.findall(text):
        for line in block.splitlines():
            command, _, status = line.partition("# exits ")
            lines.append(command.strip())
            expected = status.strip() or "0"
            quoted = command.strip().replace("'", "'\\''")
            lines.append(f"status=$?; [ $status = {expected} ] || "
                         f"{{ echo 'exits '$status' and not {expected}: {quoted}' >&2; exit 1; }}")
    return "\n".join(lines) + "\n"


def run_commands(text, programs, check):
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        (root / "sim-tests").mkdir()
        (root / "cli" / "check").mkdir(parents=True)
        for program in programs.glob("dengine-sim*"):
            (root / "sim-tests" / program.name).symlink_to(program.resolve())
        (root / "cli" / "check" / "dengine-check").symlink_to(check.resolve())
        result = subprocess.run(["sh", "-c", script_of(text)], cwd=root / "sim-tests",
                                capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"docs/simulation.md:\n{result.stdout[-2000:]}{result.stderr[-2000:]}")


def output(program, *arguments):
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=True).stdout


def known_words(program):
    """Faults, sites, scenarios and options, as the program lists them."""
    words = [line.split()[0] for command in ("faults", "sites", "list")
             for line in output(program, command).splitlines()]
    return words + re.findall(r"^  (--[a-z-]+)", output(program, "--help"), re.M)


def missing(text, program, source):
    """What the programs and sources have and the document does not name."""
    words = known_words(program)
    for file in (source / "runtime" / "sim").glob("*.c"):
        if not file.name.endswith("_test.c"):
            words += re.findall(r'DE_VERDICT_CORRECTNESS,\s[^;]*?"([a-z-]+)",', file.read_text())
    return sorted({word for word in words if f"`{word}" not in text})


def invented(text, program, source):
    """What the document's tables and options name and nobody has (any more)."""
    literals = set()
    for folder in ("runtime/sim", "sim-tests/tool"):
        for file in (source / folder).glob("*.c"):
            literals |= set(re.findall(r'"([a-z-]+)"', file.read_text()))
    known = set(known_words(program)) | literals | {"all"}
    reference = BLOCK.sub("", text[text.index("## Reference"):])
    named = re.findall(r"`(--[a-z-]+)", reference)
    for row in re.findall(r"^\|.*$", reference, re.M):
        named += re.findall(r"`([a-z]+(?:-[a-z]+)*)`", row)
    return sorted(set(named) - known)


def unlisted(table, source):
    """Mutants without a line in docs/mutants.md (which sim-tests/scripts/mutants.py writes)."""
    files = sorted((source / "sim-tests" / "mutants").glob("*.mutant"))
    fields = [dict(re.findall(r"^(number|title): (.*)$", file.read_text(), re.M)) for file in files]
    return [file.name for file, field in zip(files, fields)
            if f"| {field['number']} | {field['title']} |" not in table]


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    programs, check, source = (pathlib.Path(argument) for argument in sys.argv[1:])
    text = (source / "docs" / "simulation.md").read_text()
    absent = missing(text, programs / "dengine-sim", source)
    if absent:
        sys.exit(f"docs/simulation.md does not name: {', '.join(absent)}")
    gone = invented(text, programs / "dengine-sim", source)
    if gone:
        sys.exit(f"docs/simulation.md names what there is not: {', '.join(gone)}")
    unknown = unlisted((source / "docs" / "mutants.md").read_text(), source)
    if unknown:
        sys.exit(f"docs/mutants.md has no line for {', '.join(unknown)}; "
                 "mutants.py --write makes it")
    run_commands(text, programs, check)


if __name__ == "__main__":
    main()
