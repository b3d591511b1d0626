#!/usr/bin/env python3
"""Tests dengine-sim from outside: arguments, exit statuses, output.

usage: tool_test.py DIRECTORY_OF_PROGRAMS SOURCE_ROOT
"""
import json
import os
import pathlib
import pty
import re
import subprocess
import sys
import tempfile
import unittest

PROGRAMS = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
SOURCE = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else ".")


def run(*arguments, program="dengine-sim"):
    """Runs a program; returns (exit status, stdout, stderr)."""
    command = [str(PROGRAMS / program), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.returncode, result.stdout, result.stderr


class Arguments(unittest.TestCase):
    def test_help_names_every_command_and_status(self):
        status, out, _ = run("--help")
        self.assertEqual(status, 0)
        for word in ("run", "minimize", "list", "--seed", "--scenario", "127", "131"):
            self.assertIn(word, out)

    def test_version(self):
        status, out, _ = run("--version")
        self.assertEqual(status, 0)
        self.assertRegex(out, r"^dengine-sim \d+\.\d+\.\d+\n$")

    def test_list_names_the_scenarios(self):
        status, out, _ = run("list")
        self.assertEqual(status, 0)
        names = [line.split()[0] for line in out.splitlines()]
        self.assertEqual(names, ["elect", "replicate", "register", "snapshot", "ttl-lock",
                                 "stale-leader", "disk", "disk-snapshot", "memfirst",
                                 "chaos", "member",
                                 "member-memfirst",
                                 "transfer", "retry", "lease-read", "forward", "txn", "watch",
                                 "scan", "recipe", "upgrade", "beyond-budget",
                                 "negative-unfenced-lock",
                                 "negative-nosync",
                                 "negative-memfirst", "negative-lease-drift"])

    def test_bad_usage_is_one_sentence_and_status_1(self):
        for arguments in (
            [], ["walk"], ["run"], ["run", "--seed"], ["run", "--seed", "x"],
            ["run", "--seeds", "9..3"], ["run", "--seed", "1", "--scenario", "none"],
            ["run", "--seed", "1", "--speed"], ["run", "--seed", "1", "--until", "soon"],
            ["run", "--seeds", "1..2", "--history", "x"], ["run", "--seed", "1", "--jobs", "-1"],
            ["run", "--seeds", "1..2", "--save", "x"], ["run", "--seeds", "1..9", "--shard", "3/2"],
            ["run", "--seed", "1", "--schedule", "x"], ["faults", "all"],
            ["minimize"], ["minimize", "--seeds", "1..2"], ["minimize", "--seed", "1", "--json"],
            ["run", "--seed", "1", "--budget-s", "0"], ["run", "--seed", "1", "--budget-s", "1m"],
        ):  # fmt: skip
            status, out, err = run(*arguments)
            self.assertEqual((status, out), (1, ""), arguments)
            self.assertEqual(len(err.splitlines()), 1, err)

    def test_which_run_is_asked_for_as_the_command_takes_it(self):
        for command, wanted in (("run", "--seed N, --seeds A..B or --schedule FILE"),
                                ("minimize", "--seed N or --schedule FILE")):
            self.assertIn(f"which seed: give {wanted}", run(command)[2])
            for flag, value in (("--seed", "1"), ("--scenario", "chaos")):
                status, out, err = run(command, flag, value, "--schedule", "x")
                self.assertEqual((status, out), (1, ""))
                self.assertIn(f"has its scenario and its seed in it: leave out: {flag} ", err)

    def test_every_scenario_is_a_test_of_the_suite(self):
        text = (SOURCE / "sim-tests" / "CMakeLists.txt").read_text()
        smoked = {name for names in re.findall(r"foreach\(scenario IN ITEMS ([^)]*)\)", text)
                  for name in names.split()}
        for line in run("list")[1].splitlines():
            name = line.split()[0]
            self.assertTrue(name in smoked or f"NAME sim-{name}\n" in text, name)


class Runs(unittest.TestCase):
    def test_the_same_seed_is_the_same_run_on_any_number_of_processes(self):
        outputs = {}
        for jobs in ("0", "1", "3"):
            status, out, _ = run("run", "--seeds", "1..4", "--jobs", jobs, "--json")
            self.assertEqual(status, 0)
            outputs[jobs] = sorted(out.splitlines())
            for line in outputs[jobs]:
                json.loads(line)
        self.assertEqual(outputs["0"], outputs["1"])
        self.assertEqual(outputs["1"], outputs["3"])

    def test_other_seeds_are_other_runs(self):
        _, out, _ = run("run", "--seeds", "1..4", "--json")
        hashes = {json.loads(line)["trace_hash"] for line in out.splitlines()}
        self.assertEqual(len(hashes), 4)

    def test_until_stops_there(self):
        status, out, _ = run("run", "--seed", "3", "--until", "1500ms", "--json")
        self.assertEqual(status, 0)
        self.assertEqual(json.loads(out)["time_ns"], 1500000000)

    def test_seeds_may_be_hexadecimal(self):
        _, decimal, _ = run("run", "--seed", "31", "--json", "--until", "1")
        _, hexadecimal, _ = run("run", "--seed", "0x1f", "--json", "--until", "1")
        self.assertEqual(decimal, hexadecimal)

    def test_history_is_what_clients_did(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "history.jsonl"
            status, out, _ = run("run", "--seed", "3", "--json", "--history", str(path))
            self.assertEqual(status, 0)
            events = [json.loads(line) for line in path.read_text().splitlines()]
        result = json.loads(out)
        ended_ok = sum(event["type"] == "ok" for event in events)
        self.assertEqual(ended_ok, result["ok"])
        self.assertTrue(all("process" in event and "time" in event for event in events))

    def test_a_history_in_edn_says_the_same(self):
        check = PROGRAMS.parent / "cli" / "check" / "dengine-check"
        with tempfile.TemporaryDirectory() as directory:
            lines = []
            for name in ("history.jsonl", "history.edn"):
                path = pathlib.Path(directory) / name
                self.assertEqual(run("run", "--seed", "3", "--history", str(path))[0], 0)
                lines.append(path.read_text().splitlines())
                done = subprocess.run([check, "--model", "cas-register", path], check=False)
                self.assertEqual(done.returncode, 0)
        self.assertEqual(len(lines[0]), len(lines[1]))
        self.assertTrue(lines[1][0].startswith("{:type :invoke, :f "))

    def test_a_history_that_cannot_be_written_is_said(self):
        status, _, err = run("run", "--seed", "3", "--history", "/nonexistent/x")
        self.assertEqual(status, 1)
        self.assertIn("/nonexistent/x", err)


class Schedules(unittest.TestCase):
    def test_a_saved_schedule_is_the_run_of_its_seed(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "chaos.schedule"
            arguments = ("run", "--scenario", "chaos", "--seed", "5", "--json")
            status, drawn, _ = run(*arguments, "--save", str(path))
            self.assertEqual(status, 0)
            status, read, _ = run("run", "--schedule", str(path), "--json")
            self.assertEqual((status, read), (0, drawn))
            lines = path.read_text().splitlines()
            kept = [line for line in lines if not line.startswith("fault ")] + ["faults none"]
            path.write_text("\n".join(kept))
            status, quiet, _ = run("run", "--schedule", str(path), "--json")
            self.assertEqual((status, json.loads(quiet)["faults"]), (0, 0))

    def test_what_is_wrong_in_a_file_is_said_with_its_line(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "bad.schedule"
            path.write_text("dengine-schedule 1\nscenario elect\nseed 1\nfault x\n")
            status, out, err = run("run", "--schedule", str(path))
        self.assertEqual((status, out), (1, ""))
        self.assertIn("bad.schedule: line 4: ", err)
        status, _, err = run("run", "--schedule", "/nonexistent/x")
        self.assertEqual(status, 1)
        self.assertIn("/nonexistent/x", err)

    def test_every_kind_of_fault_is_listed(self):
        status, out, _ = run("faults")
        self.assertEqual(status, 0)
        self.assertGreaterEqual(len(out.splitlines()), 39)
        self.assertIn("swizzle", out)

    def test_shards_are_the_seeds_divided(self):
        seeds = []
        for part in ("1/3", "2/3", "3/3"):
            arguments = ("run", "--seeds", "4..10", "--until", "1", "--json", "--shard", part)
            status, out, _ = run(*arguments)
            self.assertEqual(status, 0)
            seeds += [json.loads(line)["seed"] for line in out.splitlines()]
        self.assertEqual(sorted(seeds), list(range(4, 11)))

    def test_a_budget_ends_a_sweep_without_a_failure(self):
        for jobs in ("0", "2"):
            arguments = ("run", "--seeds", "1..1000000", "--budget-s", "1", "--jobs", jobs)
            status, out, _ = run(*arguments)
            self.assertEqual(status, 0)
            self.assertRegex(out, r"^[1-9]\d* seeds, 0 failed, ")
            self.assertIn("the time of --budget-s was over before the seeds were\n", out)
        status, out, _ = run("run", "--seeds", "1..2", "--budget-s", "3600")
        self.assertEqual(status, 0)
        self.assertRegex(out, r"^2 seeds, 0 failed, .*\n$")

    def test_a_sweep_shows_how_far_it_is_on_a_terminal_only(self):
        arguments = [str(PROGRAMS / "dengine-sim"), "run", "--seeds", "1..3", "--until", "1"]
        screen, terminal = pty.openpty()
        subprocess.run(arguments, stdout=subprocess.DEVNULL, stderr=terminal, check=True)
        os.close(terminal)
        shown = os.read(screen, 4096).decode()
        os.close(screen)
        self.assertRegex(shown, r"\r3/3 seeds, 0 failed, 0 s left")
        self.assertEqual(run("run", "--seeds", "1..3", "--until", "1")[2], "")


class Marks(unittest.TestCase):
    """What of the core a campaign reaches."""

    def setUp(self):
        if not (PROGRAMS / "dengine-sim-marks").exists():
            self.skipTest("no marks under sanitizers")

    def test_marks_are_counted_over_all_processes(self):
        lines = {}
        for jobs in ("0", "2"):
            status, out, _ = run("run", "--scenario", "chaos", "--seeds", "1..2", "--jobs", jobs,
                                 "--marks", program="dengine-sim-marks")
            self.assertEqual(status, 0)
            lines[jobs] = [line for line in out.splitlines() if " (core/" in line]
        self.assertEqual(lines["0"], lines["2"])
        self.assertGreater(len(lines["0"]), 50)

    def test_a_mark_that_is_never_reached_fails_where_all_are_expected(self):
        status, out, _ = run("run", "--seed", "1", "--until", "1", "--expect-marks", "0",
                             program="dengine-sim-marks")
        self.assertEqual(status, 1)
        self.assertRegex(out, r"\d+ marks, [1-9]\d* of them never reached")

    def test_marks_change_nothing(self):
        arguments = ("run", "--scenario", "chaos", "--seed", "7", "--json")
        self.assertEqual(run(*arguments), run(*arguments, program="dengine-sim-marks"))

    def test_a_program_without_marks_says_so(self):
        status, _, err = run("run", "--seed", "1", "--marks")
        self.assertEqual(status, 1)
        self.assertIn("dengine-sim-marks", err)


class Failures(unittest.TestCase):
    def test_a_violation_fills_one_screen_and_can_be_replayed(self):
        program = "dengine-sim-mutant-31-leader-counts-before-fsync"
        arguments = ("run", "--scenario", "all", "--seeds", "1..500", "--jobs", "2")
        status, out, _ = run(*arguments, program=program)
        self.assertEqual(status, 129)
        self.assertLessEqual(len(out.splitlines()), 30)
        for word in ("FAILED: correctness", "oracle", "node", "seed", "trace", "build", "replay"):
            self.assertIn(word, out)
        which = re.search(r"replay   dengine-sim run (.*)", out).group(1)
        self.assertIn(f"smaller  dengine-sim minimize {which}\n", out)
        replay = next(line for line in out.splitlines() if "replay" in line).split()[2:]
        again, second, _ = run(*replay, program=program)
        self.assertEqual(again, 129)
        trace = [line for line in out.splitlines() if "  trace " in line]
        self.assertEqual(trace, [line for line in second.splitlines() if "  trace " in line])

    def test_expect_failure_turns_the_status_round(self):
        program = "dengine-sim-mutant-31-leader-counts-before-fsync"
        arguments = ("run", "--scenario", "all", "--seeds", "1..500", "--expect-failure")
        self.assertEqual(run(*arguments, program=program)[0], 0)
        status, out, _ = run("run", "--seeds", "1..2", "--expect-failure")
        self.assertEqual(status, 1)
        self.assertIn("NOT FOUND in 2 seeds", out)

    def test_a_crash_is_caught_and_named(self):
        status, out, _ = run("run", "--seeds", "1..3", program="dengine-sim-control-crash")
        self.assertEqual(status, 127)
        self.assertIn("reached < 20", out)
        self.assertIn("--seed 1", out)

    def test_a_sweep_survives_crashes(self):
        arguments = ("run", "--seeds", "1..4", "--jobs", "2", "--keep-going", "--json")
        status, out, _ = run(*arguments, program="dengine-sim-control-crash")
        self.assertEqual(status, 127)
        seeds = sorted(json.loads(line)["seed"] for line in out.splitlines())
        self.assertEqual(seeds, [1, 2, 3, 4])

    def test_a_healthy_quorum_that_does_nothing_is_a_liveness_failure(self):
        arguments = ("run", "--seeds", "1..10")
        status, out, _ = run(*arguments, program="dengine-sim-control-liveness")
        self.assertEqual(status, 128)
        self.assertIn("healthy nodes", out)

    def test_an_unknown_verdict_is_not_ok(self):
        status, out, _ = run("run", "--seed", "5", program="dengine-sim-control-unknown")
        self.assertEqual(status, 130)
        self.assertIn("gave up", out)

    def test_unknown_keys_are_counted_over_all_seeds(self):
        program = "dengine-sim-control-unknown"
        status, out, _ = run("run", "--seeds", "5..7", "--jobs", "1", program=program)
        self.assertEqual(status, 130)
        self.assertRegex(out, r"3 seeds, 1 failed, [1-9]\d* of \d+ keys without a verdict")
        status, out, _ = run("run", "--seeds", "5..6", "--jobs", "1", "--expect-failure",
                             program=program)
        self.assertEqual(status, 1)
        self.assertIn("NOT FOUND", out)

    def test_nondeterminism_is_seen_and_the_event_named(self):
        program = "dengine-sim-control-nondeterminism"
        status, out, _ = run("run", "--seed", "1", "--check-determinism", program=program)
        self.assertEqual(status, 131)
        self.assertRegex(out, r"event \d+ differs: first \S+ of \d+ at \d+ ns")


class Minimizing(unittest.TestCase):
    """From a failure to the smallest schedule that fails in the same way."""

    def minimize(self, program, *which, most_faults, most_operations=None):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "small.schedule"
            status, out, err = run("minimize", *which, "--save", str(path), program=program)
            self.assertEqual(status, 0, err)
            again, second, _ = run("run", "--schedule", str(path), "--json", program=program)
        faults, operations = re.search(
            r"(\d+) of \d+ faults, \d+ of \d+ sites(?:, (\d+) of \d+ operations)?",
            out).groups()
        result = json.loads(second)
        self.assertLessEqual(int(faults), most_faults)
        if most_operations is None:
            self.assertIsNone(operations)  # who crashes does not say
        else:
            self.assertLessEqual(int(operations), most_operations)
            self.assertEqual(result["begun"], int(operations))
        self.assertEqual(again, result["status"])
        self.assertIn(f"oracle   {result['oracle']}\n", out)
        return result

    def test_a_violation_becomes_a_few_faults_and_operations(self):
        result = self.minimize("dengine-sim-mutant-51-cas-blind-to-its-batch", "--scenario",
                               "transfer", "--seed", "121", most_faults=5, most_operations=20)
        self.assertEqual((result["status"], result["oracle"]), (129, "linearizability"))

    def test_it_ends_in_time_with_what_it_has(self):
        program = "dengine-sim-mutant-51-cas-blind-to-its-batch"
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "small.schedule"
            status, out, err = run("minimize", "--scenario", "transfer", "--seed", "121",
                                   "--budget-s", "1", "--save", str(path), program=program)
            self.assertEqual((status, "written to" in out), (0, True), err)
            again, second, _ = run("run", "--schedule", str(path), "--json", program=program)
        self.assertEqual((again, json.loads(second)["oracle"]), (129, "linearizability"))

    def test_a_crash_stays_the_same_crash(self):
        result = self.minimize("dengine-sim-control-crash", "--seed", "1", most_faults=0)
        self.assertEqual(result["status"], 127)
        self.assertIn("reached < 20", result["sentence"])

    def test_a_schedule_can_be_made_smaller_too(self):
        program = "dengine-sim-control-crash"
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "large.schedule"
            run("run", "--seed", "2", "--save", str(path), program=program)
            self.minimize(program, "--schedule", str(path), most_faults=0)

    def test_what_does_not_fail_cannot_be_minimized(self):
        status, out, err = run("minimize", "--seed", "1")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("does not fail", err)

    def test_a_schedule_that_cannot_be_written_is_said(self):
        status, out, err = run("minimize", "--seed", "1", "--save", "/nonexistent/x",
                               program="dengine-sim-control-crash")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("/nonexistent/x", err.splitlines()[-1])


class Mutating(unittest.TestCase):
    def mutate(self, old):
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            (root / "a.c").write_text("int one;\nint two;\nint two;\n")
            head = "number: 1\ntitle: t\npath: a.c\nreason: r\n"
            (root / "m").write_text(f"{head}<<<<\n{old}\n====\nint three;\n>>>>\n")
            script = SOURCE / "sim-tests" / "scripts" / "mutate.py"
            command = [sys.executable, str(script), str(root / "m"), str(root), str(root / "out.c")]
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            out = root / "out.c"
            return result.returncode, out.read_text() if out.exists() else result.stderr

    def test_a_text_that_is_there_once_is_replaced(self):
        status, text = self.mutate("int one;")
        self.assertEqual(status, 0)
        self.assertIn("int three;\nint two;", text)

    def test_a_text_that_is_gone_fails_loudly(self):
        status, text = self.mutate("int zero;")
        self.assertEqual(status, 1)
        self.assertIn("stands 0 times", text)

    def test_a_text_that_is_there_twice_fails_loudly(self):
        status, text = self.mutate("int two;")
        self.assertEqual(status, 1)
        self.assertIn("stands 2 times", text)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
