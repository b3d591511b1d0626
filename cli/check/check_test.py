#!/usr/bin/env python3
"""Runs dengine-check on the files of testdata: what it prints, where, and its exit status.

usage: check_test.py PROGRAM TESTDATA [--update]

--update writes the files in TESTDATA/golden anew; read the difference before it is committed.
"""
import json
import os
import subprocess
import sys
import unittest

PROGRAM, TESTDATA = sys.argv[1], sys.argv[2]
UPDATE = "--update" in sys.argv[3:]
SCREEN_LINES = 24


def run(*arguments, stdin=b""):
    done = subprocess.run([PROGRAM, *arguments], input=stdin, cwd=TESTDATA,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def check(*arguments, stdin=b""):
    return run("--model", "cas-register", *arguments, stdin=stdin)


class Verdicts(unittest.TestCase):
    def test_good_histories_are_linearizable(self):
        for name in ("good.jsonl", "no_key.jsonl"):
            self.assertEqual(check(name), (0, "linearizable\n", ""))

    def test_standard_input(self):
        with open(os.path.join(TESTDATA, "good.jsonl"), "rb") as file:
            self.assertEqual(check("-", stdin=file.read()), (0, "linearizable\n", ""))

    def test_last_line_needs_no_newline(self):
        line = b'{"process":0,"type":"invoke","f":"read","time":1}'
        self.assertEqual(check("-", stdin=line), (0, "linearizable\n", ""))

    def test_empty_history_is_linearizable_with_a_warning(self):
        self.assertEqual(check("empty.jsonl"),
                         (0, "linearizable\n",
                          "dengine-check: empty.jsonl: warning: no operations\n"))

    def test_stale_read_is_explained(self):
        self.assertEqual(check("stale_read.jsonl"), (
            129,
            'not linearizable: key "a": process 2 read 1 (0.005000000 s to 0.006000000 s) '
            'cannot be placed: the value there is 2 or 3\n'
            '  2: left by process 0 write 2 (0.003000000 s to 0.004000000 s)\n'
            '  3: left by process 1 cas [2,3], outcome unknown (0.003500000 s to any time)\n'
            '  1 is needed, and could only come from process 0 write 1 '
            '(0.001000000 s to 0.002000000 s)\n'
            '  overlapping it: 1 operation\n'
            '    process 1 cas [2,3], outcome unknown (0.003500000 s to any time)\n'
            '  longest prefix that can be placed: 2 operations, in this order; '
            'then the value there is 2\n'
            '    process 0 write 1 (0.001000000 s to 0.002000000 s)\n'
            '    process 0 write 2 (0.003000000 s to 0.004000000 s)\n', ""))

    def test_lost_update(self):
        status, out, _ = check("lost_update.jsonl")
        self.assertEqual(status, 129)
        self.assertRegex(out, r"^not linearizable: process 1 read 0 .* the value there is 1\n")

    def test_both_cas_succeed(self):
        status, out, _ = check("both_cas.jsonl")
        self.assertEqual(status, 129)
        self.assertRegex(out, r"^not linearizable: process 1 cas \[1,3\] .* the value there is 2\n")

    def test_failed_cas_says_that_the_comparison_was_false(self):
        status, out, _ = check("cas_false.jsonl")
        self.assertEqual(status, 129)
        self.assertIn("process 0 cas [1,2], comparison false", out)
        self.assertIn("the value there is 1\n", out)

    def test_unknown_when_the_budget_is_too_small(self):
        self.assertEqual(check("--budget", "1", "stale_read.jsonl"), (
            130, 'unknown: key "a": the budget of steps is used up (1 of 1 keys)\n', ""))
        self.assertEqual(check("--budget", "2", "two_keys.jsonl"), (
            130, 'unknown: key "b": the budget of steps is used up (1 of 2 keys)\n', ""))


class Golden(unittest.TestCase):
    """What a person reads, word for word."""

    def check_golden(self, model, name, *arguments):
        status, out, err = run("--model", model, *arguments, name)
        self.assertEqual((status, err), (129, ""))
        path = os.path.join(TESTDATA, "golden", name + ("".join(arguments)) + ".txt")
        if UPDATE:
            with open(path, "w", encoding="utf-8") as file:
                file.write(out)
        with open(path, encoding="utf-8") as file:
            self.assertEqual(out, file.read())
        return out

    def test_explanations(self):
        for model, name in (("cas-register", "stale_read.jsonl"), ("kv", "kv_lost_append.jsonl"),
                            ("kv", "kv_long.jsonl"), ("lock", "lock_two_holders.jsonl"),
                            ("cas-register", "jepsen_stale.edn"), ("cas-register", "phantom.jsonl"),
                            ("cas-register", "cas_false.jsonl"),
                            ("cas-register", "many_makers.jsonl"), ("cas-register", "absent.jsonl"),
                            ("cas-register", "untold.edn"), ("kv", "kv_absent.jsonl"),
                            ("kv", "kv_utf8.jsonl")):
            with self.subTest(name):
                out = self.check_golden(model, name)
                self.assertLessEqual(len(out.splitlines()), SCREEN_LINES)

    def test_json(self):
        out = self.check_golden("lock", "lock_two_holders.jsonl", "--json")
        self.assertEqual(json.loads(out)["failure"]["makers"][0]["f"], "expire")
        out = self.check_golden("cas-register", "phantom.jsonl", "--json")
        self.assertIn(None, json.loads(out)["failure"]["states_left_by"])
        out = self.check_golden("cas-register", "absent.jsonl", "--json")
        self.assertEqual(json.loads(out)["failure"]["overlapping"][0]["value"], [1, 2])
        out = self.check_golden("kv", "kv_long.jsonl", "--json")
        self.assertFalse(json.loads(out)["failure"]["states_complete"])


class Edn(unittest.TestCase):
    def test_jepsen_history_with_nemesis_and_keys(self):
        self.assertEqual(check("jepsen.edn"), (0, "linearizable\n", ""))
        status, out, _ = check("--json", "jepsen.edn")
        result = json.loads(out)
        self.assertEqual((status, result["operations"], result["keys"]), (0, 4, 1))

    def test_standard_input_needs_the_format(self):
        with open(os.path.join(TESTDATA, "jepsen.edn"), "rb") as file:
            text = file.read()
        self.assertEqual(check("--format", "edn", "-", stdin=text), (0, "linearizable\n", ""))
        status, _, err = check("-", stdin=text)
        self.assertEqual(status, 1)
        self.assertTrue(err.startswith("standard input:1: column 2: unexpected ':'"))

    def test_bad_input_names_line_and_column(self):
        self.assertEqual(check("bad_float.edn"), (
            1, "", "bad_float.edn:1: column 36: unexpected '.'; expected an integer\n"))
        self.assertEqual(check("--format=edn", "empty.jsonl")[:2], (0, "linearizable\n"))

    def test_unknown_words_are_named_with_their_line(self):
        for text, message in (
                (b"{:process 0 :type :done :f :read}",
                 "unknown :type :done; expected :invoke, :ok, :fail or :info"),
                (b"{:process 0 :type :ok :f :txn}", "unknown :f :txn; expected read, write, cas,")):
            status, out, err = check("--format", "edn", "-", stdin=b"\n" + text)
            self.assertEqual((status, out), (1, ""))
            self.assertRegex(err, r"^[^\n]*:2: column \d+: " + message)


class Models(unittest.TestCase):
    def test_expiry_lets_another_in(self):
        self.assertEqual(run("--model", "lock", "lock_expired.jsonl"), (0, "linearizable\n", ""))

    def test_a_model_refuses_the_functions_of_another(self):
        status, _, err = run("--model", "lock", "kv_long.jsonl")
        self.assertEqual(status, 1)
        self.assertEqual(err, "kv_long.jsonl:1: f append does not belong to the model lock; "
                         "expected acquire, release or expire\n")


class Json(unittest.TestCase):
    def test_linearizable(self):
        status, out, _ = check("--json", "good.jsonl")
        result = json.loads(out)
        self.assertEqual(status, 0)
        self.assertEqual(result["verdict"], "linearizable")
        self.assertEqual((result["operations"], result["keys"]), (9, 2))
        self.assertNotIn("failure", result)

    def test_not_linearizable(self):
        status, out, _ = check("--json", "stale_read.jsonl")
        failure = json.loads(out)["failure"]
        self.assertEqual(status, 129)
        self.assertEqual(failure["key"], "a")
        self.assertEqual(failure["operation"], {
            "process": 2, "f": "read", "outcome": "ok", "value": 1, "invoke": 6, "complete": 8,
            "invoke_time": 5000000, "complete_time": 6000000})
        self.assertEqual(sorted(failure["states"]), [2, 3])
        self.assertTrue(failure["states_complete"])
        self.assertEqual([o["value"] for o in failure["prefix"]], [1, 2])
        self.assertEqual([o["complete"] for o in failure["overlapping"]], [None])

    def test_unknown(self):
        status, out, _ = check("--json", "--budget=1", "stale_read.jsonl")
        self.assertEqual(status, 130)
        self.assertEqual(json.loads(out)["key_unknown"], "a")


class BadInput(unittest.TestCase):
    def expect(self, name, message):
        self.assertEqual(check(name), (1, "", message + "\n"))

    def test_messages_say_file_line_and_what_was_expected(self):
        self.expect("bad_type.jsonl", 'bad_type.jsonl:2: column 21: unknown type "okay"; '
                    'expected invoke, ok, fail or info')
        self.expect("bad_function.jsonl", 'bad_function.jsonl:1: f append does not belong to '
                    'the model cas-register; expected read, write, cas, delete or expire')
        self.expect("bad_missing_time.jsonl", 'bad_missing_time.jsonl:1: no "time" in this event; '
                    'expected process, type, f and time')
        self.expect("bad_missing_value.jsonl", 'bad_missing_value.jsonl:1: value in the invoke of '
                    'a write; expected an integer or a string')
        self.expect("bad_no_invoke.jsonl", 'bad_no_invoke.jsonl:2: ok of process 1 without an '
                    'invoke; expected an invoke by it before')
        self.expect("bad_two_invokes.jsonl", 'bad_two_invokes.jsonl:2: process 0 invokes read '
                    "while its write of line 1 is open; expected that one's completion first")
        self.expect("bad_reuse_after_info.jsonl", 'bad_reuse_after_info.jsonl:3: process 0 is used '
                    'again after its info of line 2; expected a new process number')
        self.expect("bad_order.jsonl", 'bad_order.jsonl:2: time 4 is before 5 of the event above; '
                    'expected events in the order of time')
        self.expect("bad_other_value.jsonl", 'bad_other_value.jsonl:2: ok of process 0 has another '
                    'value than its invoke of line 1; expected the same')
        self.expect("bad_json.jsonl", 'bad_json.jsonl:3: column 56: the line ends; '
                    "expected ',' or '}' after a member")
        self.expect("bad_float.jsonl", "bad_float.jsonl:1: column 51: unexpected '.'; "
                    'expected an integer')

    def test_missing_file_and_directory(self):
        self.assertEqual(check("nowhere.jsonl"), (
            1, "", "dengine-check: cannot open nowhere.jsonl: No such file or directory\n"))
        self.assertEqual(check("."), (1, "", "dengine-check: cannot read .: Is a directory\n"))

    def test_line_too_long(self):
        self.assertEqual(check("-", stdin=b"\n" + b" " * (1 << 20) + b"{}"), (
            1, "", "standard input:2: line too long; expected at most 1048576 bytes\n"))


class Usage(unittest.TestCase):
    def expect(self, arguments, message):
        self.assertEqual(run(*arguments), (1, "", "dengine-check: " + message + "\n"))

    def test_usage_errors(self):
        see = "; see dengine-check --help"
        self.expect([], "no --model given" + see)
        self.expect(["--model", "cas-register"], "no FILE given" + see)
        self.expect(["--model"], "a value must follow: --model" + see)
        self.expect(["--budget"], "a value must follow: --budget" + see)
        self.expect(["--model", "stack", "x"],
                    "unknown model: stack; expected one of: cas-register, kv, lock")
        self.expect(["--fast"], "unknown option: --fast" + see)
        self.expect(["--modelx", "a"], "unknown option: --modelx" + see)
        self.expect(["a", "b"], "more than one file: b" + see)
        self.expect(["--format", "xml", "x"], "--format expects jsonl or edn, not: xml" + see)
        for budget in ("0", "-1", "1x", "", "99999999999999999999999"):
            self.expect(["--budget", budget],
                        "--budget expects a number of steps, 1 or more, not: " + budget + see)

    def test_help_and_version(self):
        self.assertEqual(run("-h"), run("--help"))
        status, out, err = run("--help")
        self.assertEqual((status, err), (0, ""))
        self.assertTrue(out.startswith("usage: dengine-check --model MODEL"))
        for word in ("cas-register", "kv", "lock", "edn", "--json", "--budget", "129", "130"):
            self.assertIn(word, out)
        status, out, err = run("--version")
        self.assertEqual((status, err), (0, ""))
        self.assertRegex(out, r"^dengine-check \d+\.\d+\.\d+\n$")

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_result_that_cannot_be_written(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([PROGRAM, "--model", "cas-register", "good.jsonl"], cwd=TESTDATA,
                                  stdout=full, stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"cannot write the result", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
