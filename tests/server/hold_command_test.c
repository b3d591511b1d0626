/* dengine-cli lock and elect as processes: who holds what, what a command that is run under a lock
 * is told, and what all of them exit with. */
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dengine/election.h>

#include "engine/engine_test_support.h"
#include "tests/processes/process.h"
#include "tests/server/one_server.h"

#define TIMEOUT_MS 30000
#define DIRECTORY  "hold_command_test.data"
/* Runs until it is told to end, and says so. */
#define PATIENT "trap 'echo told; exit 0' TERM; echo held; while :; do sleep 0.05; done"

static char endpoint[64];
static struct de_process *server;
static struct dengine_client *client;

static int setup(void **state)
{
    (void)state;
    server = de_one_server_start(DIRECTORY, endpoint);
    assert_int_equal(dengine_connect(endpoint, NULL, &client), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    dengine_disconnect(client);
    de_one_server_stop(server, DIRECTORY);
    return 0;
}

static struct de_process *start(const char *const *words)
{
    const char *argv[16] = {DE_TEST_CLI, "--endpoints", endpoint};
    size_t i;

    for (i = 0; words[i] != NULL; i++) {
        argv[3 + i] = words[i];
    }
    return de_process_start(argv, NULL);
}
#define START(...) start((const char *const[]){__VA_ARGS__, NULL})

static const char *output(struct de_process *process)
{
    size_t size;

    return de_process_output(process, &size);
}

static void wait_for(struct de_process *process, const char *text)
{
    const uint64_t until_ms = de_now_ms() + TIMEOUT_MS;

    while (strstr(output(process), text) == NULL) {
        if (de_now_ms() >= until_ms) {
            fail_msg("\"%s\" does not come: %s / %s", text, output(process),
                     de_process_errors(process));
        }
        (void)sched_yield();
    }
}

/* It ends, with this status; NULL: whatever it has printed. */
static void finish(struct de_process *process, int status, const char *printed, const char *said)
{
    assert_int_equal(de_process_wait(process, TIMEOUT_MS), status);
    if (printed != NULL) {
        assert_string_equal(output(process), printed);
    }
    if (said != NULL) {
        assert_non_null(strstr(de_process_errors(process), said));
    }
    de_process_free(process);
}

/* Waits until so many stand in the queue of name. */
static void wait_for_queue(const char *name, uint64_t length)
{
    char from[32];
    char end[32];
    const uint64_t until_ms = de_now_ms() + TIMEOUT_MS;
    uint64_t total = UINT64_MAX;

    (void)snprintf(from, sizeof from, "%s/", name);
    (void)snprintf(end, sizeof end, "%s0", name);
    while (total != length) {
        const struct dengine_scan scan = {
            .from = dengine_str(from), .end = dengine_str(end), .count_only = true};
        struct dengine_page page;

        assert_int_equal(dengine_scan(client, &scan, NULL, &page), 0);
        total = page.total;
        dengine_page_free(&page);
        assert_true(de_now_ms() < until_ms);
    }
}

/* As if its holder had not been heard of. */
static void end_lease_of(const char *name)
{
    struct dengine_leader_info info = {0};

    assert_int_equal(dengine_election_observe(client, dengine_str(name), TIMEOUT_MS, &info), 0);
    assert_int_not_equal(info.lease, 0);
    assert_int_equal(dengine_lease_revoke(client, info.lease, NULL), 0);
    dengine_leader_info_free(&info);
}

/* ---- lock ---- */

static void a_command_runs_under_the_lock_and_its_status_is_ours(void **state)
{
    (void)state;
    finish(START("lock", "l", "sh", "-c", "exit 7"), 7, "", NULL);
    finish(START("lock", "l", "--", "echo", "--limit", "3", "--help"), 0, "--limit 3 --help\n",
           NULL);
    finish(START("lock", "--ttl", "3", "l", "sh", "-c", "kill -KILL $$"), 128 + SIGKILL, "", NULL);
    finish(START("lock", "l", "no such program"), 127, "", "no such program: No such file");
    finish(START("lock", "l", "/dev/null"), 126, "", "/dev/null: Permission denied");
    finish(START("lock", "l"), 2, "", "something is missing");
    finish(START("lock", "l", "--ttl", "99999999", "true"), 2, "", "--ttl: must be 1 to 4294967");
    wait_for_queue("l", 0);
}

/* The key and its revision are the guard of a transaction, the token grows. */
static void a_command_can_show_that_it_holds_the_lock(void **state)
{
    struct dengine_leader_info info = {0};
    struct de_process *process = START("lock", "l", "sh", "-c",
                                       "echo $DENGINE_LOCK_TOKEN $DENGINE_LOCK_KEY "
                                       "$DENGINE_LOCK_REVISION.; " PATIENT);
    unsigned long long token;
    unsigned long long revision;
    struct dengine_value value;
    char key[64];

    (void)state;
    wait_for(process, "held");
    assert_int_equal(sscanf(output(process), "%llu %63s %llu.", &token, key, &revision), 3);
    assert_int_equal(dengine_election_observe(client, DENGINE_STR("l"), TIMEOUT_MS, &info), 0);
    assert_int_equal(info.revision, token);
    dengine_leader_info_free(&info);
    assert_true(revision > 0 && revision < token);
    assert_int_equal(dengine_get(client, dengine_str(key), DENGINE_LINEARIZABLE, NULL, &value), 0);
    dengine_value_free(&value);
    de_process_signal(process, SIGTERM);
    wait_for(process, "told");
    finish(process, 0, NULL, NULL);
    wait_for_queue("l", 0);
}

static void who_waits_for_a_lock_gets_it_or_gives_up(void **state)
{
    struct de_process *holder = START("lock", "l", "sh", "-c", PATIENT);
    struct de_process *next;
    struct de_process *interrupted;

    (void)state;
    wait_for(holder, "held");
    finish(START("lock", "l", "--timeout", "300", "true"), 1, "", "others have the lock");
    finish(START("lock", "l", "--timeout", "300", "--output=json", "true"), 1, "{\"held\":false}\n",
           NULL);
    next = START("lock", "l", "echo", "mine");
    wait_for_queue("l", 2);
    interrupted = START("lock", "l", "echo", "never");
    wait_for_queue("l", 3);
    de_process_signal(interrupted, SIGINT);
    finish(interrupted, 128 + SIGINT, "", NULL);
    wait_for_queue("l", 2);
    assert_string_equal(output(next), "");
    de_process_signal(holder, SIGHUP); /* kills the shell, which has no trap for it */
    finish(holder, 128 + SIGHUP, NULL, NULL);
    finish(next, 0, "mine\n", NULL);
}

static void a_command_is_told_when_the_lock_is_lost(void **state)
{
    struct de_process *holder = START("lock", "l", "--ttl", "1", "--", "sh", "-c", PATIENT);
    struct de_process *as_json;

    (void)state;
    wait_for(holder, "held");
    end_lease_of("l");
    finish(holder, 125, "held\ntold\n", "the lock may be lost");
    as_json = START("--output", "json", "lock", "l", "--ttl", "1", "sh", "-c", PATIENT);
    wait_for(as_json, "held");
    end_lease_of("l");
    wait_for(as_json, "{\"lost\":true}\n");
    finish(as_json, 125, NULL, NULL);
}

/* Nobody keeps the lock for it any more. */
static void a_command_is_told_when_its_holder_is_killed(void **state)
{
    struct de_process *holder = START("lock", "l", "--ttl", "1", "--", "sh", "-c", PATIENT);

    (void)state;
    wait_for(holder, "held");
    de_process_signal(holder, SIGKILL);
    wait_for(holder, "told");
    finish(holder, DE_PROCESS_SIGNALLED + SIGKILL, "held\ntold\n", NULL);
    wait_for_queue("l", 0);
}

static void a_cluster_that_is_not_there_is_not_waited_for(void **state)
{
    static const char *const argv[] = {
        DE_TEST_CLI, "--endpoints", "127.0.0.1:1", "--timeout", "300", "lock", "l", "true", NULL};
    struct de_process *process;
    int status;

    (void)state;
    process = de_process_run(argv, NULL, TIMEOUT_MS, &status);
    assert_int_equal(status, 3);
    de_process_free(process);
}

/* ---- elect ---- */

static void leaders_follow_each_other_and_are_seen(void **state)
{
    struct de_process *observer = START("elect", "e");
    struct de_process *as_json = START("elect", "e", "--output", "json");
    struct de_process *anna = START("elect", "e", "anna");
    struct de_process *bela;

    (void)state;
    wait_for(anna, "elected\t");
    wait_for(anna, "\tanna\n");
    wait_for(observer, "\tanna\n");
    wait_for(as_json, "\"value\":\"anna\"}\n");
    bela = START("elect", "e", "bela", "--ttl", "1", "--output=json");
    wait_for(bela, "\"value\":\"anna\"}\n");
    wait_for_queue("e", 2);
    de_process_signal(anna, SIGTERM);
    finish(anna, 0, NULL, NULL);
    wait_for(bela, "{\"type\":\"elected\",\"token\":");
    wait_for(observer, "\tbela\n");
    end_lease_of("e");
    wait_for(bela, "{\"type\":\"lost\"}\n");
    finish(bela, 1, NULL, NULL);
    wait_for(observer, "nobody\n");
    wait_for(as_json, "{\"type\":\"nobody\"}\n");
    de_process_signal(observer, SIGINT);
    finish(observer, 0, NULL, NULL);
    de_process_signal(as_json, SIGTERM);
    finish(as_json, 0, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_runs_under_the_lock_and_its_status_is_ours),
        cmocka_unit_test(a_command_can_show_that_it_holds_the_lock),
        cmocka_unit_test(who_waits_for_a_lock_gets_it_or_gives_up),
        cmocka_unit_test(a_command_is_told_when_the_lock_is_lost),
        cmocka_unit_test(a_command_is_told_when_its_holder_is_killed),
        cmocka_unit_test(a_cluster_that_is_not_there_is_not_waited_for),
        cmocka_unit_test(leaders_follow_each_other_and_are_seen),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
