#!/usr/bin/env python3
"""Makes a mutant: a copy of one source file with texts replaced.

usage: mutate.py MUTANT_FILE SOURCE_ROOT OUTPUT

The mutant file has `name: value` lines (number, title, path, reason, and scenario where luck would
not come by in the others), then replacements:

    <<<<
    text that stands in the source exactly once
    ====
    what stands there instead
    >>>>

Fails, and says why, when a text is not there exactly once: the source has changed, and the mutant
has to be written anew. Nothing is guessed.
"""
import pathlib
import re
import sys

REPLACEMENT = re.compile(r"^<<<<\n(.*?)^====\n(.*?)^>>>>\n", re.S | re.M)


def parse(text):
    """Returns ({name: value}, [(old, new)])."""
    head = text.split("<<<<\n", 1)[0]
    fields = {}
    last = None
    for line in head.splitlines():
        match = re.match(r"(\w+): (.*)", line)
        if match:
            last = match.group(1)
            fields[last] = match.group(2)
        elif line.strip() and last:
            fields[last] += " " + line.strip()
    return fields, REPLACEMENT.findall(text)


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    mutant, root, output = (pathlib.Path(argument) for argument in sys.argv[1:])
    fields, replacements = parse(mutant.read_text())
    for name in ("number", "title", "path", "reason"):
        if name not in fields:
            sys.exit(f"{mutant}: no line '{name}: ...'")
    if not replacements:
        sys.exit(f"{mutant}: no replacement")
    source = (root / fields["path"]).read_text()
    for old, new in replacements:
        count = source.count(old)
        if count != 1:
            sys.exit(
                f"{mutant}: this text stands {count} times in {fields['path']}, not once:\n{old}"
                "The source has changed; adapt the mutant so that it still puts the bug back."
            )
        source = source.replace(old, new)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(f"/* Mutant {fields['number']}: {fields['title']}. Generated. */\n" + source)


if __name__ == "__main__":
    main()
