"""What nm and objdump say about objects, archives and shared libraries."""

import collections
import re
import subprocess

Symbol = collections.namedtuple("Symbol", "object name kind")

_OBJDUMP_SECTION = re.compile(r"^\s*\d+\s+(\S+)\s+([0-9a-f]+)\s")
_WRITABLE = re.compile(r"^\.(data|bss|tdata|tbss)($|\.)")
# Constants that hold addresses: written once by the loader, read-only afterwards.
_RELOCATED_CONSTANT = re.compile(r"^\.data\.rel\.ro($|\.)")


def _lines(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise SystemExit("%s: %s" % (" ".join(command), done.stderr.decode().strip()))
    return done.stdout.decode().splitlines()


def symbols(path, *options):
    """Symbols of an object, or of every object of an archive."""
    found = []
    for line in _lines("nm", "-A", *options, path):
        # "path:member:address kind name"; an object has no member, an undefined one no address.
        where, _, rest = line[len(path):].partition(" ")
        parts = rest.split()
        if len(parts) >= 2:
            member = where.strip(":").split(":")[0] if where.count(":") > 1 else path
            found.append(Symbol(member, parts[-1], parts[-2]))
    return found


def defined(path, *options):
    return symbols(path, "--defined-only", *options)


def undefined(path):
    """Names that the whole of path needs from elsewhere, with the object that needs them."""
    own = {s.name for s in defined(path)}
    return [s for s in symbols(path, "--undefined-only") if s.name not in own]


def writable_sections(path):
    """(object, section, bytes) of every section with variables, and common symbols."""
    found = []
    current = path
    for line in _lines("objdump", "-h", path):
        if ":     file format" in line:
            current = line.split(":     file format")[0]
            continue
        match = _OBJDUMP_SECTION.match(line)
        if match and int(match.group(2), 16) > 0:
            section = match.group(1)
            if _WRITABLE.match(section) and not _RELOCATED_CONSTANT.match(section):
                found.append((current, section, int(match.group(2), 16)))
    found += [(s.object, "common " + s.name, 0) for s in defined(path) if s.kind == "C"]
    return found
