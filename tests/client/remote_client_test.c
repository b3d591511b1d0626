/* The remote client against nodes that behave as the test says: routing, hints, fail-over, and what
 * is and is not sent twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include <dengine/client.h>

#include "client/monotonic.h"
#include "tests/client/fake_node.h"

#define KEY   DENGINE_STR("k")
#define VALUE DENGINE_STR("v")

static struct de_fake_node nodes[3];
static struct dengine_client *client;

/* Starts count nodes led by leader, and a client that knows those from first on. */
static void start(uint32_t count, uint32_t leader, uint32_t first)
{
    char endpoints[256] = "";
    uint32_t i;

    for (i = 0; i < count; i++) {
        de_fake_start(&nodes[i], i + 1, "127.0.0.1:0");
    }
    de_fake_cluster(nodes, count, leader);
    for (i = first; i < count; i++) {
        const size_t at = strlen(endpoints);

        (void)snprintf(endpoints + at, sizeof endpoints - at, "%s%s", at > 0 ? "," : "",
                       nodes[i].address);
    }
    assert_int_equal(dengine_connect(endpoints, NULL, &client), 0);
}

static void stop(uint32_t count)
{
    uint32_t i;

    dengine_disconnect(client);
    for (i = 0; i < count; i++) {
        de_fake_stop(&nodes[i]);
    }
}

static void script(struct de_fake_node *node, enum de_fake_answer answer, int32_t error,
                   uint32_t errors)
{
    (void)pthread_mutex_lock(&node->mutex);
    node->answer = answer;
    node->error = error;
    node->errors_left = errors;
    (void)pthread_mutex_unlock(&node->mutex);
}

/* What goes with an error. */
static void hint(struct de_fake_node *node, const char *address, uint64_t retry_after_ms)
{
    (void)pthread_mutex_lock(&node->mutex);
    node->hint_address = address;
    node->retry_after_ms = retry_after_ms;
    (void)pthread_mutex_unlock(&node->mutex);
}

static int get_status(enum dengine_consistency consistency,
                      const struct dengine_call_options *options)
{
    struct dengine_value value;
    const int err = dengine_get(client, KEY, consistency, options, &value);

    dengine_value_free(&value);
    return err;
}

static void test_finds_the_leader(void **state)
{
    (void)state;
    start(3, 3, 0);
    assert_int_equal(dengine_put(client, KEY, VALUE, NULL), 0);
    assert_int_equal(dengine_delete(client, KEY, NULL), 0);
    assert_int_equal(get_status(DENGINE_LINEARIZABLE, NULL), 0);
    assert_int_equal(de_fake_writes(&nodes[2]), 2);
    assert_int_equal(de_fake_reads(&nodes[2]), 1);
    assert_int_equal(de_fake_writes(&nodes[0]) + de_fake_writes(&nodes[1]), 0);
    stop(3);
}

static void test_learns_of_a_leader_it_was_not_given(void **state)
{
    (void)state;
    start(3, 1, 2); /* knows node 3 only */
    assert_int_equal(dengine_put(client, KEY, VALUE, NULL), 0);
    assert_int_equal(de_fake_writes(&nodes[0]), 1);
    stop(3);
}

static void test_a_missing_key(void **state)
{
    (void)state;
    start(1, 1, 0);
    script(&nodes[0], DE_FAKE_MISSING, 0, 0);
    assert_int_equal(get_status(DENGINE_DEFAULT, NULL), DENGINE_E_NOT_FOUND);
    stop(1);
}

static void test_eventual_reads_need_no_leader(void **state)
{
    int i;

    (void)state;
    start(3, 0, 0); /* no leader at all */
    for (i = 0; i < 9; i++) {
        assert_int_equal(get_status(DENGINE_EVENTUAL, NULL), 0);
    }
    assert_int_equal(de_fake_reads(&nodes[0]) + de_fake_reads(&nodes[1]) + de_fake_reads(&nodes[2]),
                     9);
    stop(3);
}

static void test_says_that_a_read_waited_for_a_leader(void **state)
{
    const struct dengine_call_options options = {.timeout_ms = 500};

    (void)state;
    start(1, 0, 0);
    script(&nodes[0], DE_FAKE_HOLD, 0, 0);
    assert_int_equal(get_status(DENGINE_LINEARIZABLE, &options), DENGINE_E_TIMEOUT);
    assert_non_null(strstr(dengine_last_error(client), "knows no leader"));
    stop(1);
}

static void test_follows_a_hint(void **state)
{
    (void)state;
    start(3, 1, 0);
    script(&nodes[0], DE_FAKE_ERROR, 4001, 0);
    hint(&nodes[0], nodes[1].address, 0);
    assert_int_equal(dengine_put(client, KEY, VALUE, NULL), 0);
    assert_int_equal(dengine_put(client, KEY, VALUE, NULL), 0);
    assert_int_equal(de_fake_writes(&nodes[0]), 1); /* once; then it knows */
    assert_int_equal(de_fake_writes(&nodes[1]), 2);
    stop(3);
}

static void test_without_a_hint_it_asks_again(void **state)
{
    (void)state;
    start(2, 1, 0);
    script(&nodes[0], DE_FAKE_ERROR, 4001, 1); /* not the leader, this once */
    assert_int_equal(dengine_put(client, KEY, VALUE, NULL), 0);
    assert_int_equal(de_fake_writes(&nodes[0]), 2);
    stop(2);
}

static void test_busy_is_tried_again(void **state)
{
    (void)state;
    start(1, 1, 0);
    script(&nodes[0], DE_FAKE_ERROR, 4004, 3);
    hint(&nodes[0], NULL, 1);
    assert_int_equal(dengine_put(client, KEY, VALUE, NULL), 0);
    assert_int_equal(de_fake_writes(&nodes[0]), 4);
    stop(1);
}

static void test_busy_to_the_end_is_told(void **state)
{
    const struct dengine_call_options options = {.timeout_ms = 200};

    (void)state;
    start(1, 1, 0);
    script(&nodes[0], DE_FAKE_ERROR, 4004, 0);
    hint(&nodes[0], NULL, 30);
    assert_int_equal(dengine_put(client, KEY, VALUE, &options), DENGINE_E_BUSY);
    assert_non_null(strstr(dengine_last_error(client), nodes[0].address));
    stop(1);
}

static void test_an_unknown_outcome_is_not_tried_again(void **state)
{
    bool succeeded = true;

    (void)state;
    start(1, 1, 0);
    script(&nodes[0], DE_FAKE_ERROR, 4006, 1);
    assert_int_equal(dengine_compare_and_swap(client, KEY, NULL, VALUE, NULL, &succeeded),
                     DENGINE_E_UNKNOWN);
    assert_false(succeeded);
    assert_int_equal(de_fake_writes(&nodes[0]), 1);
    script(&nodes[0], DE_FAKE_GARBAGE, 0, 0);
    assert_int_equal(dengine_put(client, KEY, VALUE, NULL), DENGINE_E_UNKNOWN);
    assert_int_equal(de_fake_writes(&nodes[0]), 2);
    stop(1);
}

static void test_a_write_without_answer_is_unknown(void **state)
{
    const struct dengine_call_options options = {.timeout_ms = 1000}; /* to have it sent, too */

    (void)state;
    start(1, 1, 0);
    script(&nodes[0], DE_FAKE_HOLD, 0, 0);
    assert_int_equal(dengine_put(client, KEY, VALUE, &options), DENGINE_E_UNKNOWN);
    assert_int_equal(de_fake_writes(&nodes[0]), 1);
    assert_int_equal(get_status(DENGINE_LINEARIZABLE, &options), DENGINE_E_TIMEOUT);
    stop(1);
}

static void test_no_leader_and_nobody(void **state)
{
    const struct dengine_call_options options = {.timeout_ms = 1000}; /* to have them asked, too */
    char address[64];

    (void)state;
    start(2, 0, 0);
    assert_int_equal(dengine_put(client, KEY, VALUE, &options), DENGINE_E_NO_LEADER);
    assert_int_equal(de_fake_writes(&nodes[0]) + de_fake_writes(&nodes[1]), 0);
    (void)snprintf(address, sizeof address, "%s", nodes[0].address);
    stop(2);
    assert_int_equal(dengine_connect(address, NULL, &client), 0);
    assert_int_equal(dengine_put(client, KEY, VALUE, &options), DENGINE_E_UNAVAILABLE);
    assert_non_null(strstr(dengine_last_error(client), address));
    dengine_disconnect(client);
}

/* ---- with calls under way ---- */

struct answers {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int count;
    int last_status;
};

#define ANSWERS_INIT                                                                               \
    {                                                                                              \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 1                                  \
    }

static void answered(void *context, struct dengine_reply *reply)
{
    struct answers *answers = context;

    (void)pthread_mutex_lock(&answers->mutex);
    answers->count++;
    answers->last_status = reply->status;
    (void)pthread_cond_broadcast(&answers->changed);
    (void)pthread_mutex_unlock(&answers->mutex);
    dengine_value_free(&reply->value);
}

static void wait_answers(struct answers *answers, int count)
{
    (void)pthread_mutex_lock(&answers->mutex);
    while (answers->count < count) {
        (void)pthread_cond_wait(&answers->changed, &answers->mutex);
    }
    (void)pthread_mutex_unlock(&answers->mutex);
}

/* Each names the other. (That such a call ends with its deadline, and how, is shown where time is a
 * number: client/policy/route_test.c. Here the last attempt may be under way by then.) */
static void test_hints_that_go_round_are_followed_with_pauses(void **state)
{
    const struct dengine_call_options options = {.timeout_ms = 60000};
    struct answers answers = ANSWERS_INIT;
    uint64_t began_ns;

    (void)state;
    start(2, 1, 0);
    script(&nodes[0], DE_FAKE_ERROR, 4001, 0);
    script(&nodes[1], DE_FAKE_ERROR, 4001, 0);
    hint(&nodes[0], nodes[1].address, 0);
    hint(&nodes[1], nodes[0].address, 0);
    began_ns = de_monotonic_ns();
    assert_int_equal(dengine_put_async(client, KEY, VALUE, &options, answered, &answers), 0);
    de_fake_wait_writes(&nodes[0], 3);
    de_fake_wait_writes(&nodes[1], 3);
    /* Six attempts: the first three hints are followed at once, then come 40 and 80 ms at least. */
    assert_true(de_monotonic_ns() - began_ns >= 120 * UINT64_C(1000000));
    script(&nodes[0], DE_FAKE_SERVE, 0, 0);
    wait_answers(&answers, 1);
    assert_int_equal(answers.last_status, 0);
    stop(2);
}

static void test_the_leader_dies_with_a_write(void **state)
{
    struct answers answers = ANSWERS_INIT;

    (void)state;
    start(2, 1, 0);
    script(&nodes[0], DE_FAKE_HOLD, 0, 0);
    assert_int_equal(dengine_put_async(client, KEY, VALUE, NULL, answered, &answers), 0);
    de_fake_wait_writes(&nodes[0], 1);
    de_fake_cluster(nodes, 2, 2);
    de_fake_stop(&nodes[0]);
    wait_answers(&answers, 1);
    assert_int_equal(answers.last_status, DENGINE_E_UNKNOWN);
    /* It was not sent to the new one; the next write is. */
    assert_int_equal(de_fake_writes(&nodes[1]), 0);
    assert_int_equal(dengine_put(client, KEY, VALUE, NULL), 0);
    assert_int_equal(de_fake_writes(&nodes[1]), 1);
    dengine_disconnect(client);
    de_fake_stop(&nodes[1]);
}

static void test_the_leader_dies_with_a_read(void **state)
{
    struct answers answers = ANSWERS_INIT;

    (void)state;
    start(2, 1, 0);
    script(&nodes[0], DE_FAKE_HOLD, 0, 0);
    assert_int_equal(dengine_get_async(client, KEY, DENGINE_LINEARIZABLE, NULL, answered, &answers),
                     0);
    de_fake_wait_reads(&nodes[0], 1);
    de_fake_cluster(nodes, 2, 2);
    de_fake_stop(&nodes[0]);
    wait_answers(&answers, 1);
    assert_int_equal(answers.last_status, 0); /* asked again, of the new one */
    assert_int_equal(de_fake_reads(&nodes[1]), 1);
    dengine_disconnect(client);
    de_fake_stop(&nodes[1]);
}

/* What a cluster looks like between the death of its leader and the end of its election. */
static void test_a_dead_leader_that_others_still_name(void **state)
{
    struct answers answers = ANSWERS_INIT;
    uint32_t asked;

    (void)state;
    start(2, 1, 0);
    assert_int_equal(dengine_put(client, KEY, VALUE, NULL), 0);
    (void)pthread_mutex_lock(&nodes[1].mutex);
    asked = nodes[1].metadata_calls;
    (void)pthread_mutex_unlock(&nodes[1].mutex);
    de_fake_stop(&nodes[0]);
    assert_int_equal(dengine_get_async(client, KEY, DENGINE_LINEARIZABLE, NULL, answered, &answers),
                     0);
    (void)pthread_mutex_lock(&nodes[1].mutex);
    while (nodes[1].metadata_calls < asked + 2) { /* and it said "node 1" */
        (void)pthread_cond_wait(&nodes[1].changed, &nodes[1].mutex);
    }
    nodes[1].leader = 2;
    (void)pthread_mutex_unlock(&nodes[1].mutex);
    wait_answers(&answers, 1);
    assert_int_equal(answers.last_status, 0);
    assert_int_equal(de_fake_reads(&nodes[1]), 1);
    dengine_disconnect(client);
    de_fake_stop(&nodes[1]);
}

static void test_a_node_that_comes_back_is_found(void **state)
{
    struct answers answers = ANSWERS_INIT;
    char address[64];

    (void)state;
    start(1, 1, 0);
    assert_int_equal(dengine_put(client, KEY, VALUE, NULL), 0);
    (void)snprintf(address, sizeof address, "%s", nodes[0].address);
    de_fake_stop(&nodes[0]);
    assert_int_equal(dengine_get_async(client, KEY, DENGINE_LINEARIZABLE, NULL, answered, &answers),
                     0);
    de_fake_start(&nodes[0], 1, address);
    de_fake_cluster(nodes, 1, 1);
    wait_answers(&answers, 1);
    assert_int_equal(answers.last_status, 0);
    stop(1);
}

struct said {
    struct answers answers;
    char text[256];
};

static void note_text(void *context, struct dengine_reply *reply)
{
    struct said *said = context;

    (void)snprintf(said->text, sizeof said->text, "%s", dengine_last_error(client));
    answered(&said->answers, reply);
}

static void test_what_was_wrong_before_is_not_said_of_the_answer(void **state)
{
    struct said said = {.answers = ANSWERS_INIT};

    (void)state;
    start(1, 1, 0);
    script(&nodes[0], DE_FAKE_ERROR, 4004, 0); /* busy, until */
    hint(&nodes[0], NULL, 1);
    assert_int_equal(dengine_get_async(client, KEY, DENGINE_LINEARIZABLE, NULL, note_text, &said),
                     0);
    de_fake_wait_reads(&nodes[0], 2);
    script(&nodes[0], DE_FAKE_MISSING, 0, 0); /* it says that there is no such key */
    wait_answers(&said.answers, 1);
    assert_int_equal(said.answers.last_status, DENGINE_E_NOT_FOUND);
    assert_null(strstr(said.text, nodes[0].address));
    stop(1);
}

static void test_disconnect_ends_what_is_under_way(void **state)
{
    struct answers sent = ANSWERS_INIT;
    struct answers read = ANSWERS_INIT;

    (void)state;
    start(1, 1, 0);
    script(&nodes[0], DE_FAKE_HOLD, 0, 0);
    assert_int_equal(dengine_put_async(client, KEY, VALUE, NULL, answered, &sent), 0);
    assert_int_equal(dengine_get_async(client, KEY, DENGINE_LINEARIZABLE, NULL, answered, &read),
                     0);
    de_fake_wait_writes(&nodes[0], 1);
    de_fake_wait_reads(&nodes[0], 1);
    stop(1);
    assert_int_equal(sent.count, 1);
    assert_int_equal(sent.last_status, DENGINE_E_UNKNOWN);
    assert_int_equal(read.count, 1);
    assert_int_equal(read.last_status, DENGINE_E_SHUTDOWN);
}

/* gRPC would end the process. */
static void test_a_process_without_files_gets_no_client(void **state)
{
    struct rlimit before;
    struct rlimit few;
    int err;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    err = dengine_connect("127.0.0.1:1", NULL, &client);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(err, DENGINE_E_NO_MEMORY);
    assert_non_null(strstr(dengine_last_error(NULL), "may open no more files"));
    assert_null(client);
}

static void test_disconnect_ends_what_waits(void **state)
{
    struct answers answers = ANSWERS_INIT;

    (void)state;
    start(2, 0, 0); /* nobody to send it to */
    assert_int_equal(dengine_put_async(client, KEY, VALUE, NULL, answered, &answers), 0);
    stop(2);
    assert_int_equal(answers.count, 1);
    assert_int_equal(answers.last_status, DENGINE_E_SHUTDOWN);
}

static void test_a_thousand_calls_end_once_each(void **state)
{
    struct answers answers = ANSWERS_INIT;
    int i;

    (void)state;
    start(3, 2, 0);
    for (i = 0; i < 1000; i++) {
        assert_int_equal(
            i % 2 == 0 ? dengine_put_async(client, KEY, VALUE, NULL, answered, &answers)
                       : dengine_get_async(client, KEY, DENGINE_EVENTUAL, NULL, answered, &answers),
            0);
    }
    wait_answers(&answers, 1000);
    stop(3);
    assert_int_equal(answers.count, 1000);
}

static void test_cluster_status(void **state)
{
    struct dengine_cluster_status status;

    (void)state;
    start(3, 2, 0);
    assert_int_equal(dengine_cluster_status(client, NULL, &status), 0);
    assert_int_equal(status.leader, 2);
    assert_int_equal(status.member_count, 3);
    assert_string_equal(status.members[1].address, nodes[1].address);
    assert_true(status.members[1].leader);
    assert_false(status.members[0].leader);
    stop(3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_the_leader),
        cmocka_unit_test(test_learns_of_a_leader_it_was_not_given),
        cmocka_unit_test(test_a_missing_key),
        cmocka_unit_test(test_eventual_reads_need_no_leader),
        cmocka_unit_test(test_says_that_a_read_waited_for_a_leader),
        cmocka_unit_test(test_follows_a_hint),
        cmocka_unit_test(test_hints_that_go_round_are_followed_with_pauses),
        cmocka_unit_test(test_without_a_hint_it_asks_again),
        cmocka_unit_test(test_busy_is_tried_again),
        cmocka_unit_test(test_busy_to_the_end_is_told),
        cmocka_unit_test(test_an_unknown_outcome_is_not_tried_again),
        cmocka_unit_test(test_a_write_without_answer_is_unknown),
        cmocka_unit_test(test_no_leader_and_nobody),
        cmocka_unit_test(test_the_leader_dies_with_a_write),
        cmocka_unit_test(test_the_leader_dies_with_a_read),
        cmocka_unit_test(test_a_dead_leader_that_others_still_name),
        cmocka_unit_test(test_a_node_that_comes_back_is_found),
        cmocka_unit_test(test_what_was_wrong_before_is_not_said_of_the_answer),
        cmocka_unit_test(test_disconnect_ends_what_is_under_way),
        cmocka_unit_test(test_disconnect_ends_what_waits),
        cmocka_unit_test(test_a_process_without_files_gets_no_client),
        cmocka_unit_test(test_a_thousand_calls_end_once_each),
        cmocka_unit_test(test_cluster_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
