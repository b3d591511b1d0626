/* The same calls mean the same, of an engine in the process and of a server: one list of them is
 * run against both, and what they are answered is compared line by line (meaning.h). */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dengine/dengine.h>

#include "engine/engine_test_support.h"
#include "tests/processes/process.h"
#include "tests/server/meaning.h"

#define TIMEOUT_MS 20000
#define HERE       "meaning.here.data"
#define THERE      "meaning.there.data"

#define TEXT_OF(number)  TEXT_OF_(number)
#define TEXT_OF_(number) #number

static const char *const settings[][2] = {
    {"limits.value_bytes_max", TEXT_OF(DE_MEANING_VALUE_BYTES_MAX)},
    {"limits.key_bytes_max", TEXT_OF(DE_MEANING_KEY_BYTES_MAX)},
    {"limits.leases_max", TEXT_OF(DE_MEANING_LEASES_MAX)},
    {"limits.sessions_max", TEXT_OF(DE_MEANING_SESSIONS_MAX)},
    {"raft.watch.max_watchers", TEXT_OF(DE_MEANING_WATCHERS_MAX)},
    {"raft.watch.event_queue_size", TEXT_OF(DE_MEANING_EVENTS_MAX)},
};

#define SETTINGS (sizeof settings / sizeof settings[0])

typedef void list(struct de_meaning *meaning);

static void all_calls(struct de_meaning *meaning)
{
    de_meaning_writes(meaning);
    de_meaning_reads(meaning);
    de_meaning_txns(meaning);
    de_meaning_leases(meaning);
    de_meaning_callbacks(meaning);
    de_meaning_watches(meaning);
    de_meaning_locks(meaning);
    de_meaning_bad_calls(meaning);
    de_meaning_bounds(meaning);
}

static char *run_list(struct dengine_client *client, list *calls)
{
    struct de_meaning meaning;

    de_meaning_begin(&meaning, client);
    calls(&meaning);
    return de_meaning_end(&meaning);
}

/* One of this many nodes; the others are not there. */
static void members(uint32_t nodes, uint16_t *port, char text[128])
{
    uint16_t ports[3];

    de_test_free_ports(ports, 3);
    *port = ports[0];
    (void)snprintf(text, 128,
                   nodes == 1 ? "1=127.0.0.1:%u"
                              : "1=127.0.0.1:%u,2=127.0.0.1:%u,"
                                "3=127.0.0.1:%u",
                   (unsigned)ports[0], (unsigned)ports[1], (unsigned)ports[2]);
}

static char *run_here(uint32_t nodes, list *calls)
{
    struct dengine_config *config = dengine_config_new();
    struct dengine *engine;
    char initial[128];
    uint16_t port;
    char *text;

    de_test_remove_tree(HERE);
    members(nodes, &port, initial);
    assert_int_equal(dengine_config_set(config, "cluster.db_root_dir", HERE), 0);
    assert_int_equal(dengine_config_set(config, "cluster.node_id", "1"), 0);
    assert_int_equal(dengine_config_set(config, "cluster.initial_cluster", initial), 0);
    for (size_t i = 0; i < SETTINGS; i++) {
        assert_int_equal(dengine_config_set(config, settings[i][0], settings[i][1]), 0);
    }
    engine = de_test_open(config);
    dengine_config_free(config);
    if (nodes == 1) {
        assert_int_equal(dengine_wait_ready(engine, TIMEOUT_MS, NULL), 0);
    }
    text = run_list(dengine_client_of(engine), calls);
    de_test_close_and_remove(engine, HERE);
    return text;
}

static char *run_there(uint32_t nodes, list *calls)
{
    char initial[128];
    char endpoint[32];
    const char *argv[8 + 2 * SETTINGS] = {DE_TEST_SERVER, "--node-id",         "1",    "--data-dir",
                                          THERE,          "--initial-cluster", initial};
    char set[SETTINGS][64];
    struct dengine_client *client;
    struct de_process *server;
    uint16_t port;
    char *text;

    de_test_remove_tree(THERE);
    members(nodes, &port, initial);
    (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", (unsigned)port);
    for (size_t i = 0; i < SETTINGS; i++) {
        (void)snprintf(set[i], sizeof set[i], "%s=%s", settings[i][0], settings[i][1]);
        argv[7 + 2 * i] = "--set";
        argv[8 + 2 * i] = set[i];
    }
    server = de_process_start(argv, NULL);
    assert_int_equal(de_process_listening(server, TIMEOUT_MS), port);
    assert_int_equal(dengine_connect(endpoint, NULL, &client), 0);
    text = run_list(client, calls);
    dengine_disconnect(client);
    de_process_signal(server, SIGTERM);
    assert_int_equal(de_process_wait(server, TIMEOUT_MS), 0);
    de_process_free(server);
    de_test_remove_tree(THERE);
    return text;
}

static size_t length_of_line(const char *text)
{
    return strcspn(text, "\n");
}

/* The last line before `end` that names a call: the others are about what it gave. */
static const char *call_of(const char *text, const char *end)
{
    const char *call = text;

    for (const char *at = text; at <= end && *at != '\0'; at += length_of_line(at) + 1) {
        call = *at != ' ' ? at : call;
    }
    return call;
}

static void check_same(const char *here, const char *there)
{
    const char *a = here;
    const char *b = there;
    size_t differences = 0;

    while (*a != '\0' && *b != '\0') {
        const size_t size = length_of_line(a);
        const size_t other = length_of_line(b);

        if (size != other || memcmp(a, b, size) != 0) {
            const char *call = call_of(here, a);

            print_error("%.*s\n  here : %.*s\n  there: %.*s\n", (int)length_of_line(call), call,
                        (int)size, a, (int)other, b);
            differences++;
        }
        a += size + (a[size] != '\0');
        b += other + (b[other] != '\0');
    }
    assert_int_equal(*a, *b); /* one is longer: the first difference says why */
    assert_int_equal(differences, 0);
}

static void the_same_calls_mean_the_same(void **state)
{
    char *here = run_here(1, all_calls);
    char *there = run_there(1, all_calls);

    (void)state;
    check_same(here, there);
    assert_non_null(strstr(here, "DENGINE_E_BUSY")); /* it went to its end */
    free(here);
    free(there);
}

static void deadlines_mean_the_same(void **state)
{
    char *here = run_here(3, de_meaning_deadlines);
    char *there = run_there(3, de_meaning_deadlines);

    (void)state;
    check_same(here, there);
    assert_non_null(strstr(here, "put: not done"));
    assert_non_null(strstr(here, "get: no answer"));
    free(here);
    free(there);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_calls_mean_the_same),
        cmocka_unit_test(deadlines_mean_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
