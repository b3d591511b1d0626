"""The files of the source tree, as the tidy checks see them. Standard library only."""

import os
import re
import subprocess
import sys

C_SUFFIXES = (".c", ".h")
CXX_SUFFIXES = (".cc", ".cpp", ".hpp")
TEXT_SUFFIXES = C_SUFFIXES + CXX_SUFFIXES + (
    ".py", ".sh", ".cmake", ".txt", ".md", ".proto", ".json", ".toml", ".in", ".service", ".yml",
    ".go", ".js", ".mjs", ".script", ".trace")
TEXT_NAMES = ("run", "CMakeLists.txt", ".gitignore", ".clang-format", "LICENSE-MIT")

# What is taken out before looking at code: comments, strings, characters.
_NOT_CODE = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL)


class Tree:
    """The files below root: what git knows or would add, or everything when it is no checkout."""

    def __init__(self, root):
        self.root = os.path.abspath(root)
        self.files = self._from_git() or self._from_disk()
        self._texts = {}

    def _from_git(self):
        if not os.path.exists(os.path.join(self.root, ".git")):
            return None
        done = subprocess.run(
            ["git", "-C", self.root, "-c", "safe.directory=*", "ls-files", "-z", "--cached",
             "--others", "--exclude-standard"],
            stdout=subprocess.PIPE, check=False)
        names = set(done.stdout.decode().split("\0")) - {""}
        return sorted(n for n in names if os.path.isfile(os.path.join(self.root, n)))

    def _from_disk(self):
        found = []
        for folder, folders, names in os.walk(self.root):
            folders[:] = [f for f in folders
                          if f not in (".git", "data", "__pycache__") and not f.startswith("build")]
            found += [os.path.relpath(os.path.join(folder, n), self.root) for n in names]
        return sorted(found)

    def with_suffix(self, suffixes):
        return [f for f in self.files if f.endswith(tuple(suffixes))]

    def c_files(self):
        return self.with_suffix(C_SUFFIXES + CXX_SUFFIXES)

    def text_files(self):
        return [f for f in self.files
                if f.endswith(TEXT_SUFFIXES) or os.path.basename(f) in TEXT_NAMES]

    def text(self, name):
        if name not in self._texts:
            path = os.path.join(self.root, name)
            with open(path, encoding="utf-8", errors="replace", newline="") as file:
                self._texts[name] = file.read()
        return self._texts[name]

    def code(self, name):
        """The text without comments and literals; lines keep their numbers."""
        def blank(match):
            return "\n" * match.group().count("\n") + " "
        return _NOT_CODE.sub(blank, self.text(name))


def is_test(name):
    """Code that only tests run: beside what it tests, or a folder of its own."""
    return re.search(r"(^|/)(tests?|contract|sim-tests)/|_test\.(c|cc|cpp)$|_test_\w+\.[ch]$",
                     name) is not None


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def finish(check, violations, looked_at):
    """Prints the verdict; the exit status says it too."""
    for violation in violations:
        print(violation)
    if not looked_at:
        print("%s: found nothing to check" % check)
        return 1
    print("%s: %d looked at, %d violations" % (check, looked_at, len(violations)))
    return 1 if violations else 0


def main(check, run, argv=None):
    """run(arguments) gives (violations, number looked at)."""
    violations, looked_at = run(sys.argv[1:] if argv is None else argv)
    sys.exit(finish(check, violations, looked_at))
