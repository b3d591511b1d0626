#!/usr/bin/env python3
"""scripts/setup.sh against a pretended system: what it installs, and what it says when it cannot.

    setup_test.py SETUP_SH
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

SETUP = sys.argv.pop(1)

# Packages are the lines of the file "installed"; apt-get adds to it, unless "broken" exists.
DPKG_QUERY = """#!/bin/sh
echo . >>"$STATE/queries"
while [ $# -gt 0 ]; do
    case "$1" in
    -W) ;;
    -f) shift; format=$1 ;;
    clang) case "$format" in *Depends*) echo "clang-14 (>= 14~)"; exit 0 ;; esac ;;
    esac
    grep -qx -e "$1" "$STATE/installed" && printf 'installed:%s ' "$1"
    shift
done
exit 1
"""
APT_GET = """#!/bin/sh
echo "$@" >>"$STATE/apt-get"
[ ! -e "$STATE/broken" ] || exit 100
case " $* " in *" install "*) printf '%s\\n' "$@" >>"$STATE/installed" ;; esac
"""
SUDO = """#!/bin/sh
echo used >>"$STATE/sudo"
exec "$@"
"""


class Setup(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.bin = os.path.join(scratch.name, "bin")
        self.state = os.path.join(scratch.name, "state")
        os.mkdir(self.bin)
        os.mkdir(self.state)
        self.put("installed", "")
        for tool in ("sh", "sed", "grep", "env", "cat"):
            os.symlink(shutil.which(tool), os.path.join(self.bin, tool))
        self.program("dpkg-query", DPKG_QUERY)
        self.program("apt-get", APT_GET)
        self.program("id", "#!/bin/sh\necho 0\n")

    def program(self, name, text):
        path = os.path.join(self.bin, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o755)

    def put(self, name, text):
        with open(os.path.join(self.state, name), "w", encoding="utf-8") as file:
            file.write(text)

    def get(self, name):
        path = os.path.join(self.state, name)
        if not os.path.exists(path):
            return None
        with open(path, encoding="utf-8") as file:
            return file.read()

    def run_setup(self, *arguments):
        done = subprocess.run([SETUP, *arguments], env={"PATH": self.bin, "STATE": self.state},
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        return done.returncode, done.stderr.decode()

    def test_installs_everything_on_a_fresh_system(self):
        self.assertEqual(self.run_setup("test"), (0, ""))
        calls = self.get("apt-get")
        for package in ("build-essential", "libev-dev", "libcmocka-dev", "libclang-rt-14-dev"):
            self.assertIn(package, calls)
        self.assertLess(calls.index("update"), calls.index("install"))

    def test_second_time_installs_nothing(self):
        self.run_setup("test")
        os.remove(os.path.join(self.state, "apt-get"))
        self.assertEqual(self.run_setup("test"), (0, ""))
        self.assertIsNone(self.get("apt-get"))

    def test_build_needs_no_test_packages(self):
        self.assertEqual(self.run_setup("build"), (0, ""))
        self.assertNotIn("cmocka", self.get("apt-get"))
        self.assertNotIn("clang", self.get("apt-get"))

    def test_installs_only_what_is_missing(self):
        self.run_setup("build")
        self.put("installed", self.get("installed").replace("liblmdb-dev\n", ""))
        os.remove(os.path.join(self.state, "apt-get"))
        self.run_setup("build")
        self.assertIn("liblmdb-dev", self.get("apt-get"))
        self.assertNotIn("libev-dev", self.get("apt-get"))

    def test_uses_sudo_when_not_root(self):
        self.program("id", "#!/bin/sh\necho 1000\n")
        self.program("sudo", SUDO)
        self.assertEqual(self.run_setup("build"), (0, ""))
        self.assertIn("used", self.get("sudo"))

    def test_without_root_and_sudo_names_the_packages(self):
        self.program("id", "#!/bin/sh\necho 1000\n")
        status, message = self.run_setup("build")
        self.assertEqual(status, 1)
        self.assertIn("no sudo", message)
        self.assertIn("libgrpc-dev", message)
        self.assertIsNone(self.get("apt-get"))

    def test_failing_apt_names_the_packages(self):
        self.put("broken", "")
        status, message = self.run_setup("build")
        self.assertEqual(status, 1)
        self.assertIn("could not install", message)
        self.assertIn("libgrpc-dev", message)

    def test_other_systems_are_told_what_is_missing(self):
        os.remove(os.path.join(self.bin, "apt-get"))
        status, message = self.run_setup("build")
        self.assertEqual(status, 1)
        self.assertIn("not a Debian or Ubuntu", message)
        self.assertIn("cmake", message)

    def test_refuses_unknown_arguments(self):
        status, message = self.run_setup("everything")
        self.assertEqual(status, 1)
        self.assertIn("usage", message)


if __name__ == "__main__":
    unittest.main()
