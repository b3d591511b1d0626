#!/usr/bin/env python3
"""The tidy checks can fail: each is shown small trees that break one rule, and must name it.

    selftest.py [UNITTEST ARGUMENTS...]
"""

import contextlib
import io
import json
import os
import subprocess
import tempfile
import unittest

import check_headers
import check_includes
import check_purity
import check_symbols
import check_tidy

GUARDED = "#ifndef %s\n#define %s\n%s\n#endif\n"


class Fixture(unittest.TestCase):
    """A scratch tree of the files given."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = scratch.name

    def write(self, name, text):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def header(self, name, body=""):
        guard = name.upper().replace("/", "_").replace(".", "_").replace("-", "_")
        return self.write(name, GUARDED % (guard, guard, body))

    def accepts(self, check, *arguments):
        with contextlib.redirect_stdout(io.StringIO()):
            violations, looked_at = check.run(list(arguments) or [self.root])
        self.assertEqual(violations, [])
        self.assertGreater(looked_at, 0)

    def rejects(self, text, check, *arguments):
        """Exactly one violation, and it says so."""
        with contextlib.redirect_stdout(io.StringIO()):
            violations, _ = check.run(list(arguments) or [self.root])
        self.assertEqual(len(violations), 1, violations)
        self.assertIn(text, violations[0])


class Includes(Fixture):
    HEADERS = ("core/base/a.h", "core/raft/r.h", "core/kv/k.h", "core/node/n.h", "storage/wal/w.h",
               "storage/lmdb/l.h", "storage/mem/m.h", "storage/file/f.h", "runtime/libev/e.h",
               "runtime/sim/s.h", "client/c.h", "engine/g.h", "server/v.h",
               "include/dengine/types.h", "include/dengine/dengine.h")

    def including(self, name, line):
        for header in self.HEADERS:
            self.header(header)
        self.write(name, line + "\n")

    def test_accepts(self):
        for name, target in (
                ("core/base/x.c", '"core/base/a.h"'), ("core/base/x.c", "<dengine/types.h>"),
                ("core/raft/x.c", '"core/base/a.h"'), ("core/node/x.c", '"core/raft/r.h"'),
                ("core/node/x.c", '"core/kv/k.h"'), ("core/raft/x.c", "<string.h>"),
                ("storage/wal/x.c", '"storage/file/f.h"'), ("storage/lmdb/x.c", "<lmdb.h>"),
                ("core/node/x_test.c", '"storage/mem/m.h"'), ("core/raft/x_test.c", "<stdlib.h>"),
                ("runtime/libev/x.c", "<ev.h>"), ("runtime/sim/x.c", '"core/node/n.h"'),
                ("engine/x.c", '"storage/lmdb/l.h"'), ("sim-tests/x.c", '"storage/wal/w.h"'),
                ("examples/x.c", "<dengine/dengine.h>"), ("server/x.c", '"engine/g.h"')):
            with self.subTest(name=name, target=target):
                self.including(name, "#include " + target)
                self.accepts(check_includes)
                os.remove(os.path.join(self.root, name))

    def test_rejects(self):
        for name, target in (
                ("core/base/x.c", '"core/raft/r.h"'), ("core/base/x.c", "<dengine/dengine.h>"),
                ("core/raft/x.c", '"core/kv/k.h"'), ("core/kv/x.c", '"core/raft/r.h"'),
                ("core/raft/x.c", '"core/node/n.h"'), ("core/kv/x.c", '"core/node/n.h"'),
                ("core/node/x.c", '"storage/mem/m.h"'), ("core/node/x.c", '"runtime/libev/e.h"'),
                ("core/node/x.c", "<time.h>"), ("core/node/x.c", "<pthread.h>"),
                ("core/raft/x.c", "<stdio.h>"), ("core/base/x.c", "<stdlib.h>"),
                ("storage/wal/x.c", '"core/raft/r.h"'), ("storage/wal/x.c", '"storage/lmdb/l.h"'),
                ("storage/wal/x.c", '"runtime/libev/e.h"'), ("storage/wal/x.c", "<lmdb.h>"),
                ("runtime/libev/x.c", '"storage/wal/w.h"'), ("runtime/sim/x.c", "<ev.h>"),
                ("runtime/sim/x.c", '"runtime/libev/e.h"'), ("runtime/sim/x.c", "<grpc/grpc.h>"),
                ("runtime/sim/x.c", '"storage/mem/m.h"'), ("client/x.c", '"core/raft/r.h"'),
                ("client/x.c", '"runtime/libev/e.h"'), ("client/x.c", '"storage/mem/m.h"'),
                ("engine/x.c", '"server/v.h"'), ("cli/x.c", '"engine/g.h"'),
                ("examples/x.c", '"engine/g.h"'), ("include/dengine/y.h", '"core/base/a.h"'),
                ("engine/x.c", "<cmocka.h>"), ("elsewhere/x.c", "<stdio.h>"),
                ("core/raft/x.c", '"r.h"'), ("core/raft/x.c", '"core/raft/gone.h"'),
                ("runtime/sim/x.c", '"dengine.pb-c.h"')):
            with self.subTest(name=name, target=target):
                self.including(name, "#  include " + target)
                self.rejects(name + ":1: ", check_includes)
                os.remove(os.path.join(self.root, name))


class Compiled(Fixture):
    """Archives and libraries of a few lines of C."""

    def archive(self, name, text):
        path = self.write(name, text)
        member = os.path.join(self.root, os.path.basename(name) + ".o")
        subprocess.run(["cc", "-c", "-fPIC", "-o", member, path], check=True)
        result = os.path.join(self.root, "lib.a")
        subprocess.run(["ar", "rcs", result, member], check=True)
        return result

    def shared(self, text):
        path = self.write("x.c", text)
        result = os.path.join(self.root, "libx.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", result, path], check=True)
        return result


class Purity(Compiled):
    def judge(self, name, text, *options):
        return (check_purity, *options, self.archive(name, text), self.root)

    def test_accepts_memcpy_and_constants(self):
        self.accepts(*self.judge(
            "core/raft/x.c", "#include <string.h>\nstatic const char *const names[] = {\"a\"};\n"
            "const char *f(char *a, const char *b, unsigned n) "
            "{ memcpy(a, b, n); return names[n]; }\n"))

    def test_accepts_formatting_in_node(self):
        self.accepts(*self.judge(
            "core/node/x.c", "#include <stdio.h>\nvoid f(char *a, int b) "
            "{ snprintf(a, 9, \"%d\", b); }\n"))

    def test_rejects_formatting_in_raft(self):
        self.rejects("snprintf", *self.judge(
            "core/raft/x.c", "#include <stdio.h>\nvoid f(char *a, int b) "
            "{ snprintf(a, 9, \"%d\", b); }\n"))

    def test_rejects_system_calls(self):
        for call in ("malloc(1)", "time(0)", "write(1, 0, 0)", "pthread_self()"):
            with self.subTest(call=call):
                self.rejects(call.split("(")[0], *self.judge(
                    "core/node/x.c", "#include <pthread.h>\n#include <stdlib.h>\n#include <time.h>"
                    "\n#include <unistd.h>\nlong f(void) { return (long)%s; }\n" % call))

    def test_rejects_variables(self):
        for variable in ("int x = 1;", "int x;", "static int x; int f(void) { return ++x; }",
                         "int f(void) { static int x = 3; return ++x; }", "_Thread_local int x;"):
            with self.subTest(variable=variable):
                self.rejects("variables", *self.judge("core/raft/x.c", variable + "\n"))

    def test_leaves_variables_of_instrumentation_alone(self):
        self.accepts(*self.judge("core/raft/x.c", "int x = 1;\n", "--instrumented"))


class Symbols(Compiled):
    def test_accepts_our_names(self):
        self.accepts(check_symbols, self.archive(
            "x.c", "int de_f(void) { return 0; }\nint dengine_g(void) { return 0; }\n"
            "static int h(void) { return 1; }\nint de_h(void) { return h(); }\n"))

    def test_rejects_other_names(self):
        self.rejects("helper", check_symbols, self.archive(
            "x.c", "int helper(void) { return 0; }\n"))

    def test_rejects_names_like_generated_ones(self):
        self.rejects("a__b", check_symbols, self.archive("x.c", "int a__b(void) { return 0; }\n"))

    def test_accepts_generated_names_in_generated_code(self):
        self.accepts(check_symbols, self.archive("x.pb-c.c", "int a__b(void) { return 0; }\n"))

    def test_rejects_variables(self):
        self.rejects("mutable globals", check_symbols, self.archive("x.c", "int de_x = 1;\n"))

    def test_accepts_public_exports(self):
        self.accepts(check_symbols, self.shared("int dengine_f(void) { return 0; }\n"))

    def test_rejects_internal_exports(self):
        self.rejects("de_f", check_symbols, self.shared("int de_f(void) { return 0; }\n"))


class Headers(Fixture):
    def judge(self, name, body):
        self.header(name, body)
        commands = self.write("compile_commands.json", json.dumps([]))
        return check_headers, self.root, commands, "gcc"

    def test_accepts(self):
        self.accepts(*self.judge("core/a.h", "#include <stdint.h>\nuint8_t de_f(void);"))

    def test_rejects_what_lacks_an_include(self):
        check, *arguments = self.judge("core/a.h", "uint8_t de_f(void);")
        with contextlib.redirect_stdout(io.StringIO()):
            violations, _ = check.run(arguments)
        self.assertEqual(len(violations), 2)  # as C and as C++

    def test_rejects_what_only_c_understands(self):
        self.rejects("g++", *self.judge("core/a.h", "void de_f(int class);"))

    def test_accepts_atomics_in_private_headers_only(self):
        atomics = "#include <stdatomic.h>\nstruct de_a { atomic_uint n; };"
        self.accepts(*self.judge("engine/a.h", atomics))
        os.remove(os.path.join(self.root, "engine/a.h"))
        self.rejects("g++", *self.judge("core/a.h", atomics))

    def test_rejects_what_only_cxx_understands(self):
        self.rejects("gcc", *self.judge("core/a.h", "struct a {}; inline void f(a) {}"))


class Tidy(Fixture):
    def setUp(self):
        super().setUp()
        self.write("CMakeLists.txt", "add_library(x a.c a_test.c)\n")

    def test_accepts(self):
        self.write("a.c", "int de_a(void)\n{\n    return 0; /* time() */\n}\n")
        self.accepts(check_tidy)

    def test_rejects_text(self):
        for text, complaint in (
                ("int a;" + " " * 90 + "int b;\n", "columns"), ("int a; \n", "white space"),
                ("\tint a;\n", "a tab"), ("int a;\r\n", "carriage"), ("int a;", "no newline"),
                ("/* TO" + "DO */\n", "unfinished"), ("/* X" + "XX: why */\n", "unfinished"),
                ('const char *a = "/wo' + 'rk/x";\n', "one machine"),
                ("int a;\n" * 801, "801 lines"),
                ("void a(char *b)\n{\n    strcpy(b, \"\");\n}\n", "strcpy() is banned"),
                ("int a(void)\n{\n    return rand();\n}\n", "rand() is banned"),
                ("typedef struct a b;\n", "typedef"), ("typedef struct {\n    int a;\n} b;\n",
                                                       "typedef"),
                ("int a(void) {\n    return 0;\n}\n", "brace"),
                ("int a(int b,\n      int c)\n{\n" + "    b++;\n" * 68 + "}\n",
                 "function of 72 lines")):
            with self.subTest(complaint=complaint):
                self.write("a.c", text)
                with contextlib.redirect_stdout(io.StringIO()):
                    violations, _ = check_tidy.run([self.root])
                self.assertTrue(any(complaint in v for v in violations), violations)

    def test_accepts_a_function_of_70_lines(self):
        self.write("a.c", "int a(int b)\n{\n" + "    b++;\n" * 67 + "}\n")
        self.accepts(check_tidy)

    def test_accepts_a_function_type(self):
        self.write("a.c", "typedef struct a *(*b)(struct a *);\n")
        self.accepts(check_tidy)

    def test_rejects_sleep_in_tests_only(self):
        text = "void a(void)\n{\n    usleep(1);\n}\n"
        self.write("a.c", text)
        self.accepts(check_tidy)
        self.write("a_test.c", text)
        self.rejects("usleep() is banned", check_tidy)

    def test_rejects_memory_in_core_only(self):
        text = "void *a(void)\n{\n    return malloc(1);\n}\n"
        self.write("a.c", text)
        self.accepts(check_tidy)
        asserts = "    DE_ASSERT(1);\n" * 2
        self.write("core/a.c", text.replace("    return", asserts + "    return"))
        self.rejects("malloc() is banned", check_tidy)

    def test_rejects_a_source_that_is_not_built(self):
        self.write("b.c", "int b;\n")
        self.rejects("b.c: nothing uses", check_tidy)

    def test_rejects_a_header_that_is_not_included(self):
        self.header("b.h")
        self.rejects("b.h: nothing uses", check_tidy)

    def test_rejects_a_script_that_is_not_called(self):
        self.write("b.py", "pass\n")
        self.rejects("b.py: nothing uses", check_tidy)

    def test_rejects_a_missing_guard(self):
        self.write("b.h", "int b(void);\n")
        self.write("a.c", '#include "b.h"\n')
        self.rejects("no include guard", check_tidy)

    def test_rejects_a_guard_used_twice(self):
        self.write("b.h", GUARDED % ("A", "A", ""))
        self.write("c.h", GUARDED % ("A", "A", ""))
        self.write("a.c", '#include "b.h"\n#include "c.h"\n')
        self.rejects("the guard of b.h", check_tidy)

    def test_rejects_too_few_asserts_in_core(self):
        self.write("core/a.c", "int a(int b)\n{\n    DE_ASSERT(b);\n    return b;\n}\n")
        self.rejects("fewer than 2.0 each", check_tidy)


if __name__ == "__main__":
    unittest.main()
