/* dengine-server and dengine-cli as processes: what users do first, end to end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>

#include <dengine/client.h>
#include <dengine/session.h>

#include "engine/engine_test_support.h"
#include "tests/processes/process.h"

#define TIMEOUT_MS 20000

#define DIRECTORY "server_test.data"

/* A cluster of one in DIRECTORY, on a port that the system chose. */
static struct de_process *start_server_with(char endpoint[64], const char *first,
                                            const char *second)
{
    const char *argv[] = {DE_TEST_SERVER, "--data-dir", DIRECTORY, "--listen", "127.0.0.1:0",
                          NULL,           first,        "--set",   second,     NULL};
    struct de_process *server;
    uint16_t port;

    argv[5] = first != NULL ? "--set" : NULL;
    server = de_process_start(argv, NULL);
    port = de_process_listening(server, TIMEOUT_MS);
    assert_int_not_equal(port, 0);
    (void)snprintf(endpoint, 64, "127.0.0.1:%u", (unsigned)port);
    return server;
}

static struct de_process *start_server(char endpoint[64])
{
    return start_server_with(endpoint, NULL, NULL);
}

static void stop_server(struct de_process *server)
{
    de_process_signal(server, SIGTERM);
    assert_int_equal(de_process_wait(server, TIMEOUT_MS), 0);
    assert_non_null(strstr(de_process_errors(server), "INFO stopped"));
    de_process_free(server);
}

/* Runs dengine-cli against endpoint; checks its exit status and standard output. */
static void assert_cli(const char *endpoint, const char *input, int status, const char *output,
                       const char *const *words)
{
    const char *argv[16] = {DE_TEST_CLI, "--endpoints", endpoint, "--timeout", "20000"};
    struct de_process *cli;
    size_t size;
    size_t i;
    int got;

    for (i = 0; words[i] != NULL; i++) {
        argv[5 + i] = words[i];
    }
    cli = de_process_run(argv, input, TIMEOUT_MS, &got);
    assert_string_equal(de_process_output(cli, &size), output);
    assert_int_equal(got, status);
    de_process_free(cli);
}

#define CLI(endpoint, input, status, output, ...)                                                  \
    do {                                                                                           \
        static const char *const words_[] = {__VA_ARGS__, NULL};                                   \
        assert_cli((endpoint), (input), (status), (output), words_);                               \
    } while (0)

static int clean(void **state)
{
    (void)state;
    de_test_remove_tree(DIRECTORY);
    return 0;
}

static void test_commands_and_their_exit_status(void **state)
{
    char endpoint[64];
    struct de_process *server = start_server(endpoint);

    (void)state;
    CLI(endpoint, NULL, 1, "", "get", "k");
    CLI(endpoint, NULL, 0, "ok\n", "put", "k", "v");
    CLI(endpoint, NULL, 0, "v", "get", "k");
    CLI(endpoint, NULL, 0, "v", "get", "k", "--consistency", "eventual");
    CLI(endpoint, NULL, 0, "v", "get", "k", "--consistency", "lease");
    CLI(endpoint, NULL, 0, "ok\n", "cas", "k", "--expect", "v", "w");
    CLI(endpoint, NULL, 1, "comparison false, nothing changed\n", "cas", "k", "--expect", "v", "x");
    CLI(endpoint, NULL, 1, "{\"succeeded\":false}\n", "cas", "k", "--absent", "x", "--output",
        "json");
    CLI(endpoint, "from input\n", 0, "ok\n", "put", "k", "-");
    CLI(endpoint, NULL, 0, "{\"found\":true,\"key\":\"k\",\"value\":\"from input\\n\"}\n", "get",
        "k", "--output=json");
    CLI(endpoint, NULL, 0, "ok\n", "put", "bytes", "\xff\xfe");
    CLI(endpoint, NULL, 0, "{\"found\":true,\"key\":\"bytes\",\"value_base64\":\"//4=\"}\n", "get",
        "bytes", "--output=json");
    CLI(endpoint, NULL, 0, "ok\n", "put", "empty", "");
    CLI(endpoint, NULL, 0, "", "get", "empty");
    CLI(endpoint, NULL, 1, "comparison false, nothing changed\n", "cas", "empty", "--absent", "x");
    CLI(endpoint, NULL, 0, "ok\n", "cas", "empty", "--expect", "", "full");
    CLI(endpoint, NULL, 0, "ok\n", "del", "k");
    CLI(endpoint, NULL, 0, "{\"ok\":true}\n", "del", "k", "--output", "json");
    CLI(endpoint, NULL, 1, "{\"found\":false,\"key\":\"k\"}\n", "get", "k", "--output", "json");
    stop_server(server);
}

static void test_swapping_by_revision(void **state)
{
    char endpoint[64];
    struct de_process *server = start_server(endpoint);

    (void)state;
    CLI(endpoint, NULL, 0, "ok\n", "put", "k", "v");
    CLI(endpoint, NULL, 0, "2\tv", "get", "k", "--revision");
    CLI(endpoint, NULL, 0, "{\"found\":true,\"key\":\"k\",\"value\":\"v\",\"revision\":2}\n", "get",
        "k", "--revision", "--output", "json");
    CLI(endpoint, NULL, 1, "comparison false, nothing changed\n", "cas", "k", "--mod-revision", "3",
        "w");
    CLI(endpoint, "w", 0, "ok\n", "cas", "k", "--mod-revision", "2", "-");
    CLI(endpoint, NULL, 0, "w", "get", "k");
    CLI(endpoint, NULL, 1, "{\"succeeded\":false}\n", "cas", "k", "--mod-revision", "2", "x",
        "--output", "json");
    CLI(endpoint, NULL, 1, "comparison false, nothing changed\n", "cas", "none", "--mod-revision",
        "2", "x");
    stop_server(server);
}

/* What it measures is not judged; that it ends, says everything, and leaves nothing behind is. */
static void test_a_short_load(void **state)
{
    static const char *const lines[] = {
        "write  1 at a time: ", "write 32 at a time: ", "read   1 at a time: ",
        "read  32 at a time: ", "32 at a time, ",
    };
    char endpoint[64];
    struct de_process *server = start_server(endpoint);
    const char *const argv[] = {DE_TEST_CLI, "--endpoints", endpoint, "check", "perf", NULL};
    int status;
    struct de_process *cli = de_process_run(argv, NULL, TIMEOUT_MS, &status);
    size_t size;
    const char *at = de_process_output(cli, &size);

    (void)state;
    assert_int_equal(status, 0);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        at = strstr(at, lines[i]);
        assert_non_null(at);
    }
    de_process_free(cli);
    CLI(endpoint, NULL, 0, "0\n", "scan", "", "--count");
    CLI(endpoint, NULL, 0, "", "lease", "list", "0");
    stop_server(server);
}

static void test_watching(void **state)
{
    char endpoint[64];
    struct de_process *server = start_server(endpoint);

    (void)state;
    CLI(endpoint, NULL, 0, "ok\n", "put", "w1", "a");
    CLI(endpoint, NULL, 0, "ok\n", "put", "w1", "b");
    CLI(endpoint, NULL, 0, "ok\n", "put", "w2", "c");
    CLI(endpoint, NULL, 0, "ok\n", "del", "w1");
    CLI(endpoint, NULL, 0, "2\tput\tw1\ta\n3\tput\tw1\tb\twas a\n5\tdelete\tw1\twas b\n", "watch",
        "w1", "--from-revision", "1", "--limit", "3", "--prev");
    CLI(endpoint, NULL, 0,
        "{\"type\":\"put\",\"revision\":4,\"key\":\"w2\",\"value\":\"c\",\"create_revision\":4,"
        "\"version\":1}\n"
        "{\"type\":\"delete\",\"revision\":5,\"key\":\"w1\",\"expired\":false,"
        "\"create_revision\":2,\"version\":2}\n",
        "watch", "w", "--prefix", "--from-revision=4", "--limit=2", "--output", "json");
    stop_server(server);
}

static void wait_absent(struct dengine_client *client, const char *key)
{
    struct dengine_value value;
    int err;

    do {
        err = dengine_get(client, dengine_str(key), DENGINE_LINEARIZABLE, NULL, &value);
        dengine_value_free(&value);
    } while (err == 0);
    assert_int_equal(err, DENGINE_E_NOT_FOUND);
}

static void test_keys_that_end(void **state)
{
    char endpoint[64];
    struct de_process *server = start_server(endpoint);
    struct dengine_put_options put = {.ttl_ms = 50};
    struct dengine_client *client;
    uint64_t lease = 0;
    uint64_t first = 0;
    uint64_t second = 0;
    char text[32];

    (void)state;
    assert_int_equal(dengine_connect(endpoint, NULL, &client), 0);
    assert_int_equal(
        dengine_put_with(client, DENGINE_STR("a"), DENGINE_STR("v"), &put, NULL, &first), 0);
    wait_absent(client, "a");
    assert_int_equal(dengine_lease_grant(client, 3600000, NULL, &lease), 0);
    assert_int_not_equal(lease, 0);
    put = (struct dengine_put_options){.lease = lease};
    assert_int_equal(
        dengine_put_with(client, DENGINE_STR("a"), DENGINE_STR("v"), &put, NULL, &second), 0);
    assert_true(first != 0 && second > first);
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)lease);
    {
        const char *const with[] = {"put", "b", "v", "--lease", text, NULL};
        const char *const keep[] = {"lease", "keep-alive", text, NULL};
        const char *const revoke[] = {"lease", "revoke", text, "--output", "json", NULL};

        assert_cli(endpoint, NULL, 0, "ok\n", with);
        assert_cli(endpoint, NULL, 0, "ok\n", keep);
        assert_cli(endpoint, NULL, 0, "{\"ok\":true}\n", revoke);
        assert_cli(endpoint, NULL, 1, "", keep);
        assert_cli(endpoint, NULL, 1, "", with);
    }
    assert_int_equal(dengine_lease_keep_alive(client, lease, NULL), DENGINE_E_NO_LEASE);
    CLI(endpoint, NULL, 1, "", "get", "a");
    CLI(endpoint, NULL, 1, "", "get", "b");
    CLI(endpoint, NULL, 0, "ok\n", "put", "c", "v", "--ttl", "1");
    wait_absent(client, "c");
    dengine_disconnect(client);
    stop_server(server);
}

static void test_leases_are_looked_at(void **state)
{
    char endpoint[64];
    struct de_process *server = start_server(endpoint);
    const struct dengine_put_options life = {.ttl_ms = 3600000};
    struct dengine_lease_page page;
    struct dengine_lease_info info;
    struct dengine_client *client;
    uint64_t lease = 0;

    (void)state;
    assert_int_equal(dengine_connect(endpoint, NULL, &client), 0);
    assert_int_equal(dengine_lease_list(client, 0, DENGINE_DEFAULT, NULL, &page), 0);
    assert_int_equal(page.count, 0);
    dengine_lease_page_free(&page);
    assert_int_equal(dengine_lease_grant(client, 7200000, NULL, &lease), 0);
    assert_int_equal(
        dengine_put_with(client, DENGINE_STR("k"), DENGINE_STR("v"), &life, NULL, NULL), 0);
    assert_int_equal(dengine_lease_look(client, lease, DENGINE_EVENTUAL, NULL, &info), 0);
    assert_int_equal(info.lease, lease);
    assert_int_equal(info.ttl_ms, 7200000);
    assert_int_equal(info.keys, 0);
    assert_int_equal(dengine_lease_list(client, lease + 1, DENGINE_LINEARIZABLE, NULL, &page), 0);
    assert_int_equal(page.count, 1);
    assert_int_equal(page.leases[0].ttl_ms, 3600000);
    assert_int_equal(page.leases[0].keys, 1);
    assert_true(page.leases[0].of_one_key);
    assert_true(page.leases[0].left_ms <= 3600000);
    assert_true(page.revision > 0);
    dengine_lease_page_free(&page);
    assert_int_equal(dengine_lease_look(client, lease + 99, DENGINE_DEFAULT, NULL, &info),
                     DENGINE_E_NO_LEASE);
    CLI(endpoint, NULL, 1, "", "lease", "ttl", "1000000");
    CLI(endpoint, NULL, 0, "", "lease", "list", "1000000");
    dengine_disconnect(client);
    stop_server(server);
}

static void note_value(void *context, const struct dengine_value *value)
{
    uint64_t *revision = context;

    assert_int_equal(value->size, 1);
    assert_memory_equal(value->data, "c", 1);
    *revision = value->revision;
}

static bool count_pair(void *context, const struct dengine_pair *pair)
{
    uint32_t *left = context;

    assert_int_equal(pair->value.size, 1);
    (*left)--;
    return *left > 0;
}

/* The same calls as of an engine in the process (engine/read_test.c). */
static void test_several_keys_are_read(void **state)
{
    const struct dengine_slice keys[] = {DENGINE_STR("c"), DENGINE_STR("missing"),
                                         DENGINE_STR("a")};
    char endpoint[64];
    struct de_process *server = start_server(endpoint);
    struct dengine_client *client;
    struct dengine_page page;
    uint64_t revision = 0;
    uint64_t shown = 0;

    (void)state;
    assert_int_equal(dengine_connect(endpoint, NULL, &client), 0);
    assert_int_equal(dengine_put(client, DENGINE_STR("a"), DENGINE_STR("a"), NULL), 0);
    assert_int_equal(
        dengine_put_with(client, DENGINE_STR("c"), DENGINE_STR("c"), NULL, NULL, &revision), 0);
    assert_int_equal(dengine_get_multi(client, keys, 3, DENGINE_LINEARIZABLE, NULL, &page), 0);
    assert_int_equal(page.count, 2);
    assert_int_equal(page.total, 2);
    assert_int_equal(page.revision, revision);
    assert_memory_equal(page.pairs[0].value.data, "c", 1);
    assert_int_equal(page.pairs[0].mod_revision, revision);
    assert_memory_equal(page.pairs[1].key.data, "a", 1);
    dengine_page_free(&page);
    assert_int_equal(dengine_get_multi(client, keys + 1, 1, DENGINE_EVENTUAL, NULL, &page), 0);
    assert_int_equal(page.count, 0);
    dengine_page_free(&page);
    assert_int_equal(dengine_get_in_place(client, keys[0], DENGINE_LEASE, NULL, note_value, &shown),
                     0);
    assert_int_equal(shown, revision);
    {
        struct dengine_scan scan = {.consistency = DENGINE_EVENTUAL};
        uint32_t left = 9;

        assert_int_equal(dengine_scan_in_place(client, &scan, NULL, count_pair, &left), 0);
        assert_int_equal(left, 7);
        scan.limit = 1;
        assert_int_equal(dengine_scan_in_place(client, &scan, NULL, count_pair, &left), 0);
        assert_int_equal(left, 6);
    }
    dengine_disconnect(client);
    stop_server(server);
}

static void test_a_range_is_deleted(void **state)
{
    char endpoint[64];
    struct de_process *server = start_server(endpoint);

    (void)state;
    CLI(endpoint, NULL, 0, "ok\n", "put", "p/1", "v");
    CLI(endpoint, NULL, 0, "ok\n", "put", "p/2", "v");
    CLI(endpoint, NULL, 0, "ok\n", "put", "q", "v");
    CLI(endpoint, NULL, 0, "2\n", "del", "p/", "--prefix");
    CLI(endpoint, NULL, 0, "{\"count\":0}\n", "del", "p/", "--prefix", "--output", "json");
    CLI(endpoint, NULL, 0, "v", "get", "q");
    stop_server(server);
}

static void test_sessions(void **state)
{
    char endpoint[64];
    struct de_process *server = start_server(endpoint);
    struct dengine_session *session;
    struct dengine_client *client;
    struct dengine_client *once;
    struct dengine_lease_info info;
    const struct dengine_slice expected = DENGINE_STR("1");
    bool succeeded = false;

    (void)state;
    assert_int_equal(dengine_connect(endpoint, NULL, &client), 0);
    assert_int_equal(dengine_session_open(client, 5000, NULL, NULL, &session), 0);
    once = dengine_session_client(session);
    assert_int_equal(dengine_put(once, DENGINE_STR("k"), DENGINE_STR("1"), NULL), 0);
    assert_int_equal(dengine_compare_and_swap(once, DENGINE_STR("k"), &expected, DENGINE_STR("2"),
                                              NULL, &succeeded),
                     0);
    assert_true(succeeded);
    assert_int_equal(
        dengine_lease_look(once, dengine_session_lease(session), DENGINE_LINEARIZABLE, NULL, &info),
        0);
    assert_int_equal(info.ttl_ms, 5000);
    assert_int_equal(dengine_lease_revoke(client, info.lease, NULL), 0);
    assert_int_equal(dengine_put(once, DENGINE_STR("k"), DENGINE_STR("3"), NULL),
                     DENGINE_E_NO_SESSION);
    assert_int_equal(dengine_session_close(session), 0);
    dengine_disconnect(client);
    stop_server(server);
}

static void test_scans(void **state)
{
    char endpoint[64];
    struct de_process *server = start_server(endpoint);
    struct dengine_scan scan = {.from = DENGINE_STR("p/1"), .keys_only = true};
    struct dengine_client *client;
    struct dengine_page page;
    struct dengine_value value;

    (void)state;
    CLI(endpoint, NULL, 0, "ok\n", "put", "p/2", "w");
    CLI(endpoint, NULL, 0, "ok\n", "put", "p/1", "v");
    CLI(endpoint, NULL, 0, "ok\n", "put", "q", "x");
    CLI(endpoint, NULL, 0, "p/1\tv\np/2\tw\n", "scan", "p/");
    CLI(endpoint, NULL, 0, "q\np/2\n", "scan", "", "--reverse", "--keys-only", "--limit", "2");
    CLI(endpoint, NULL, 0, "3\n", "scan", "", "--count", "--consistency", "eventual");
    CLI(endpoint, NULL, 0, "{\"count\":0}\n", "scan", "z", "--count", "--output", "json");
    CLI(endpoint, NULL, 0, "", "scan", "z");
    assert_int_equal(dengine_connect(endpoint, NULL, &client), 0);
    assert_int_equal(dengine_scan(client, &scan, NULL, &page), 0);
    assert_int_equal(page.count, 3);
    assert_int_equal(page.total, 3);
    assert_memory_equal(page.pairs[2].key.data, "q", 1);
    assert_int_equal(page.pairs[2].value.size, 0);
    assert_int_equal(page.pairs[2].version, 1);
    assert_int_equal(page.pairs[2].create_revision, page.pairs[2].mod_revision);
    assert_true(page.pairs[2].mod_revision <= page.revision);
    assert_false(page.more);
    assert_int_equal(dengine_get(client, DENGINE_STR("q"), DENGINE_DEFAULT, NULL, &value), 0);
    assert_int_equal(value.revision, page.pairs[2].mod_revision);
    dengine_value_free(&value);
    dengine_page_free(&page);
    scan.limit = 1;
    assert_int_equal(dengine_scan(client, &scan, NULL, &page), 0);
    assert_true(dengine_scan_next(&scan, &page));
    dengine_page_free(&page);
    dengine_disconnect(client);
    stop_server(server);
}

static void test_transactions(void **state)
{
    const struct dengine_compare compares[] = {
        {.target = DENGINE_COMPARE_VALUE,
         .relation = DENGINE_LESS,
         .key = DENGINE_STR("a"),
         .value = DENGINE_STR("2")},
        {.target = DENGINE_COMPARE_VERSION,
         .relation = DENGINE_EQUAL,
         .key = DENGINE_STR("a"),
         .number = 1},
    };
    const struct dengine_op then_ops[] = {
        {.type = DENGINE_OP_PUT,
         .key = DENGINE_STR("a"),
         .value = DENGINE_STR("3"),
         .previous = true},
        {.type = DENGINE_OP_RANGE, .key = DENGINE_STR("a"), .end = DENGINE_STR("c")},
        {.type = DENGINE_OP_RANGE, .key = DENGINE_STR(""), .count_only = true},
    };
    const struct dengine_op else_ops[] = {
        {.type = DENGINE_OP_DELETE_RANGE, .key = DENGINE_STR("a"), .previous = true}};
    const struct dengine_txn txn = {compares, 2, then_ops, 3, else_ops, 1};
    struct dengine_op bad = {.type = DENGINE_OP_PUT, .key = DENGINE_STR("k"), .lease = 99};
    const struct dengine_txn bad_txn = {.then_ops = &bad, .then_count = 1};
    char endpoint[64];
    struct de_process *server = start_server(endpoint);
    struct dengine_txn_result result;
    struct dengine_client *client;

    (void)state;
    assert_int_equal(dengine_connect(endpoint, NULL, &client), 0);
    assert_int_equal(dengine_put(client, DENGINE_STR("a"), DENGINE_STR("1"), NULL), 0);
    assert_int_equal(dengine_put(client, DENGINE_STR("b"), DENGINE_STR(""), NULL), 0);
    assert_int_equal(dengine_txn(client, &txn, NULL, &result), 0);
    assert_true(result.succeeded);
    assert_true(result.revision > 0);
    assert_int_equal(result.op_count, 3);
    assert_int_equal(result.ops[0].pair_count, 1);
    assert_memory_equal(result.ops[0].pairs[0].value.data, "1", 1);
    assert_int_equal(result.ops[1].pair_count, 2);
    assert_memory_equal(result.ops[1].pairs[0].value.data, "3", 1);
    assert_int_equal(result.ops[1].pairs[0].version, 2);
    assert_int_equal(result.ops[2].count, 2);
    assert_int_equal(result.ops[2].pair_count, 0);
    dengine_txn_result_free(&result);
    assert_int_equal(dengine_txn(client, &txn, NULL, &result), 0);
    assert_false(result.succeeded);
    assert_int_equal(result.op_count, 1);
    assert_int_equal(result.ops[0].type, DENGINE_OP_DELETE_RANGE);
    assert_int_equal(result.ops[0].count, 2);
    assert_int_equal(result.ops[0].pair_count, 2);
    dengine_txn_result_free(&result);
    assert_int_equal(dengine_txn(client, &bad_txn, NULL, &result), DENGINE_E_NO_LEASE);
    bad.ttl_ms = 1;
    assert_int_equal(dengine_txn(client, &bad_txn, NULL, &result), DENGINE_E_INVALID);
    CLI(endpoint, NULL, 0, "", "scan", "");
    dengine_disconnect(client);
    stop_server(server);
}

static void test_a_transaction_as_text(void **state)
{
    static const char script[] = "absent k   # the first time\n"
                                 "put k \"a value\"\n"
                                 "range \"\" \"\"\n"
                                 "else\n"
                                 "get k\n"
                                 "del k\n";
    char endpoint[64];
    struct de_process *server = start_server(endpoint);

    (void)state;
    CLI(endpoint, script, 0, "then\nput 0\nrange 1\nk\ta value\n", "txn");
    CLI(endpoint, script, 1, "else\nget 1\nk\ta value\ndel 1\n", "txn");
    CLI(endpoint, "fetch k\n", 2, "", "txn");
    CLI(endpoint, "put k v lease 77\n", 1, "", "txn");
    CLI(endpoint, "", 0, "then\n", "txn");
    CLI(endpoint, NULL, 0, "", "scan", "");
    stop_server(server);
}

static void test_transactions_in_json(void **state)
{
    char endpoint[64];
    struct de_process *server = start_server(endpoint);
    struct dengine_client *client;
    uint64_t revision = 0;
    char expected[300];

    (void)state;
    assert_int_equal(dengine_connect(endpoint, NULL, &client), 0);
    assert_int_equal(
        dengine_put_with(client, DENGINE_STR("k"), DENGINE_STR("v"), NULL, NULL, &revision), 0);
    dengine_disconnect(client);
    /* Nothing else writes, so the transaction has the next revision. */
    (void)snprintf(
        expected, sizeof expected,
        "{\"succeeded\":true,\"revision\":%llu,\"results\":[{\"op\":\"get\",\"count\":1,"
        "\"more\":false,\"pairs\":[{\"key\":\"k\",\"value\":\"v\",\"revision\":%llu}]}]}\n",
        (unsigned long long)revision + 1, (unsigned long long)revision);
    {
        static const char *const words[] = {"txn", "--output", "json", NULL};

        assert_cli(endpoint, "exists k\nget k\n", 0, expected, words);
    }
    stop_server(server);
}

static void test_status_names_the_leader(void **state)
{
    char endpoint[64];
    struct de_process *server = start_server(endpoint);
    char expected[200];

    (void)state;
    CLI(endpoint, NULL, 0, "ok\n", "put", "k", "v"); /* then it leads */
    (void)snprintf(expected, sizeof expected, "1 %s leader\n", endpoint);
    {
        static const char *const words[] = {"status", NULL};

        assert_cli(endpoint, NULL, 0, expected, words);
    }
    stop_server(server);
}

static void test_nobody_there(void **state)
{
    (void)state;
    CLI("127.0.0.1:1", NULL, 3, "", "get", "k", "--timeout", "200");
    CLI("127.0.0.1:1", NULL, 3, "", "put", "k", "v", "--timeout", "200");
    CLI("127.0.0.1:1", NULL, 3, "", "watch", "k", "--timeout", "200");
    CLI("127.0.0.1:1", NULL, 2, "", "watch", "");
    CLI("http://127.0.0.1:1", NULL, 2, "", "get", "k");
}

static void test_what_was_written_outlives_a_kill(void **state)
{
    char endpoint[64];
    struct de_process *server = start_server(endpoint);

    (void)state;
    CLI(endpoint, NULL, 0, "ok\n", "put", "k", "kept");
    de_process_signal(server, SIGKILL);
    assert_int_equal(de_process_wait(server, TIMEOUT_MS), DE_PROCESS_SIGNALLED + SIGKILL);
    de_process_free(server);
    server = start_server(endpoint);
    CLI(endpoint, NULL, 0, "kept", "get", "k");
    stop_server(server);
}

/* ---- through the library ---- */

static void test_limits_are_told_apart(void **state)
{
    char endpoint[64];
    struct de_process *server = start_server(endpoint);
    struct dengine_client *client;
    char *large = calloc(1, 1024 * 1024 + 1);
    struct dengine_value value;

    (void)state;
    assert_non_null(large);
    assert_int_equal(dengine_connect(endpoint, NULL, &client), 0);
    assert_int_equal(dengine_put(client, DENGINE_STR("k"), DENGINE_BYTES(large, 1024 * 1024), NULL),
                     0);
    assert_int_equal(dengine_get(client, DENGINE_STR("k"), DENGINE_LINEARIZABLE, NULL, &value), 0);
    assert_int_equal(value.size, 1024 * 1024);
    dengine_value_free(&value);
    assert_int_equal(
        dengine_put(client, DENGINE_STR("k"), DENGINE_BYTES(large, 1024 * 1024 + 1), NULL),
        DENGINE_E_TOO_LARGE);
    assert_non_null(strstr(dengine_last_error(client), "limits.value_bytes_max"));
    dengine_disconnect(client);
    free(large);
    stop_server(server);
}

/* Runs `dengine-cli lease WORDS`, which prints one lease in this format, all numbers. */
static struct dengine_lease_info printed_lease(const char *endpoint, const char *format,
                                               const char *const *words)
{
    const char *argv[16] = {DE_TEST_CLI, "--endpoints", endpoint, "lease"};
    unsigned long long numbers[4] = {0};
    struct de_process *cli;
    int used = 0;
    size_t size;
    int got;

    for (size_t i = 0; words[i] != NULL; i++) {
        argv[4 + i] = words[i];
    }
    cli = de_process_run(argv, NULL, TIMEOUT_MS, &got);
    assert_int_equal(got, 0);
    assert_int_equal(sscanf(de_process_output(cli, &size), format, &numbers[0], &numbers[1],
                            &numbers[2], &numbers[3], &used),
                     4);
    assert_int_equal(used, size); /* and nothing else */
    de_process_free(cli);
    return (struct dengine_lease_info){
        .lease = numbers[0], .ttl_ms = numbers[1], .left_ms = numbers[2], .keys = numbers[3]};
}

static void test_leases_are_printed_as_text_and_json(void **state)
{
    static const char text[] = "%llu %llu %llu %llu\n%n";
    static const char json[] =
        "{\"lease\":%llu,\"ttl_ms\":%llu,\"left_ms\":%llu,\"keys\":%llu}\n%n";
    static const char *const words[][4] = {
        {"ttl", "1", NULL},
        {"list", "0", NULL},
        {"ttl", "1", "--output=json", NULL},
        {"list", "0", "--output=json", NULL},
    };
    char endpoint[64];
    struct de_process *server = start_server(endpoint);

    (void)state;
    CLI(endpoint, NULL, 0, "1\n", "lease", "grant", "3600");
    CLI(endpoint, NULL, 0, "ok\n", "put", "k", "v", "--lease", "1");
    for (size_t i = 0; i < 4; i++) {
        const struct dengine_lease_info info =
            printed_lease(endpoint, i < 2 ? text : json, words[i]);

        assert_int_equal(info.lease, 1);
        assert_int_equal(info.ttl_ms, 3600000);
        assert_true(info.left_ms > 0 && info.left_ms <= info.ttl_ms);
        assert_int_equal(info.keys, 1);
    }
    CLI(endpoint, NULL, 0, "{\"lease\":2}\n", "lease", "grant", "3600", "--output", "json");
    CLI(endpoint, NULL, 0, "{\"ok\":true}\n", "lease", "keep-alive", "1", "--output", "json");
    stop_server(server);
}

/* As of an engine in the process (engine/bounds_test.c), where a server says so. */
static void test_bounds_are_configured(void **state)
{
    char endpoint[64];
    struct de_process *server =
        start_server_with(endpoint, "limits.leases_max=1", "limits.key_bytes_max=4");
    const struct dengine_call_options brief = {.timeout_ms = 500};
    const struct dengine_op longer = {.type = DENGINE_OP_PUT, .key = DENGINE_STR("12345")};
    const struct dengine_txn txn = {.then_ops = &longer, .then_count = 1};
    struct dengine_txn_result result;
    struct dengine_client *client;
    uint64_t lease;
    uint64_t more;

    (void)state;
    assert_int_equal(dengine_connect(endpoint, NULL, &client), 0);
    assert_int_equal(dengine_put(client, DENGINE_STR("1234"), DENGINE_STR(""), NULL), 0);
    assert_int_equal(dengine_put(client, DENGINE_STR("12345"), DENGINE_STR(""), NULL),
                     DENGINE_E_TOO_LARGE);
    assert_non_null(strstr(dengine_last_error(client), "limits.key_bytes_max"));
    assert_int_equal(dengine_txn(client, &txn, NULL, &result), DENGINE_E_TOO_LARGE);
    assert_int_equal(dengine_lease_grant(client, 3600000, NULL, &lease), 0);
    assert_int_equal(dengine_lease_grant(client, 3600000, &brief, &more), DENGINE_E_BUSY);
    assert_non_null(strstr(dengine_last_error(client), "limits.leases_max"));
    assert_int_equal(dengine_lease_revoke(client, lease, NULL), 0);
    assert_int_equal(dengine_lease_grant(client, 3600000, NULL, &more), 0);
    dengine_disconnect(client);
    stop_server(server);
}

static void test_sessions_are_bounded(void **state)
{
    char endpoint[64];
    struct de_process *server =
        start_server_with(endpoint, "limits.sessions_max=1", "limits.leases_max=9");
    const struct dengine_call_options brief = {.timeout_ms = 500};
    struct dengine_session *session;
    struct dengine_session *more;
    struct dengine_client *client;

    (void)state;
    assert_int_equal(dengine_connect(endpoint, NULL, &client), 0);
    assert_int_equal(dengine_session_open(client, 3600000, NULL, NULL, &session), 0);
    assert_int_equal(dengine_session_open(client, 3600000, NULL, &brief, &more), DENGINE_E_BUSY);
    assert_non_null(strstr(dengine_last_error(client), "limits.sessions_max"));
    assert_int_equal(dengine_session_close(session), 0);
    assert_int_equal(dengine_session_open(client, 3600000, NULL, NULL, &more), 0);
    assert_int_equal(dengine_session_close(more), 0);
    dengine_disconnect(client);
    stop_server(server);
}

#define IN_FLIGHT 500

struct tally {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int answered;
    int good;
};

static void count(void *context, struct dengine_reply *reply)
{
    struct tally *tally = context;

    (void)pthread_mutex_lock(&tally->mutex);
    tally->answered++;
    tally->good += reply->status == 0 ? 1 : 0;
    (void)pthread_cond_signal(&tally->changed);
    (void)pthread_mutex_unlock(&tally->mutex);
    dengine_value_free(&reply->value);
}

static void test_many_calls_in_flight(void **state)
{
    struct tally tally = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};
    char endpoint[64];
    struct de_process *server = start_server(endpoint);
    struct dengine_client *client;
    int i;

    (void)state;
    assert_int_equal(dengine_connect(endpoint, NULL, &client), 0);
    for (i = 0; i < IN_FLIGHT; i++) {
        char key[16];

        (void)snprintf(key, sizeof key, "k%d", i % 50);
        assert_int_equal(i % 2 == 0 ? dengine_put_async(client, dengine_str(key), DENGINE_STR("v"),
                                                        NULL, count, &tally)
                                    : dengine_get_async(client, DENGINE_STR("k0"), DENGINE_EVENTUAL,
                                                        NULL, count, &tally),
                         0);
    }
    (void)pthread_mutex_lock(&tally.mutex);
    while (tally.answered < IN_FLIGHT) {
        (void)pthread_cond_wait(&tally.changed, &tally.mutex);
    }
    (void)pthread_mutex_unlock(&tally.mutex);
    assert_true(tally.good >= IN_FLIGHT / 2); /* an early read may find nothing */
    dengine_disconnect(client);
    assert_int_equal(tally.answered, IN_FLIGHT);
    stop_server(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_commands_and_their_exit_status, clean, clean),
        cmocka_unit_test_setup_teardown(test_swapping_by_revision, clean, clean),
        cmocka_unit_test_setup_teardown(test_a_short_load, clean, clean),
        cmocka_unit_test_setup_teardown(test_watching, clean, clean),
        cmocka_unit_test_setup_teardown(test_keys_that_end, clean, clean),
        cmocka_unit_test_setup_teardown(test_sessions, clean, clean),
        cmocka_unit_test_setup_teardown(test_scans, clean, clean),
        cmocka_unit_test_setup_teardown(test_transactions, clean, clean),
        cmocka_unit_test_setup_teardown(test_a_transaction_as_text, clean, clean),
        cmocka_unit_test_setup_teardown(test_transactions_in_json, clean, clean),
        cmocka_unit_test_setup_teardown(test_leases_are_looked_at, clean, clean),
        cmocka_unit_test_setup_teardown(test_leases_are_printed_as_text_and_json, clean, clean),
        cmocka_unit_test_setup_teardown(test_several_keys_are_read, clean, clean),
        cmocka_unit_test_setup_teardown(test_a_range_is_deleted, clean, clean),
        cmocka_unit_test_setup_teardown(test_status_names_the_leader, clean, clean),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test_setup_teardown(test_what_was_written_outlives_a_kill, clean, clean),
        cmocka_unit_test_setup_teardown(test_limits_are_told_apart, clean, clean),
        cmocka_unit_test_setup_teardown(test_bounds_are_configured, clean, clean),
        cmocka_unit_test_setup_teardown(test_sessions_are_bounded, clean, clean),
        cmocka_unit_test_setup_teardown(test_many_calls_in_flight, clean, clean),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
