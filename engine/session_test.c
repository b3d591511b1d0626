/* Sessions on an engine in the process, and on a client that loses answers on purpose. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dengine/dengine.h>
#include <dengine/session.h>

#include "client/client_ops.h"
#include "core/base/assert.h"
#include "engine/engine_test_support.h"

#define DIRECTORY "session.data"
#define WAIT_MS   20000

/* ---- a client whose answers are lost ---- */

/* Passes calls on, and says UNKNOWN or UNAVAILABLE instead of the answer to some of them. */
struct lossy {
    struct dengine_client base;
    struct dengine_client *below;
    pthread_mutex_t mutex;
    uint32_t lose_each;   /* the answer to one in so many writes is kept from the caller */
    uint32_t repeat_each; /* one in so many is sent twice */
    uint32_t writes;
    uint32_t lost;
};

struct lossy_call {
    bool lose;
    dengine_callback *callback;
    void *context;
};

static void lossy_answered(void *context, struct dengine_reply *reply)
{
    struct lossy_call *call = context;
    struct dengine_reply nothing = {.status = DENGINE_E_UNKNOWN};

    if (call->lose) {
        dengine_txn_result_free(&reply->txn);
        call->callback(call->context, &nothing);
    } else {
        call->callback(call->context, reply);
    }
    free(call);
}

static void ignore(void *context, struct dengine_reply *reply)
{
    (void)context;
    dengine_txn_result_free(&reply->txn);
}

static int lossy_start(struct dengine_client *client, const struct de_client_call *from)
{
    struct lossy *lossy = DE_CONTAINER_OF(client, struct lossy, base);
    struct lossy_call *call = calloc(1, sizeof *call);
    struct de_client_call passed = *from;
    bool twice = false;
    int err;

    assert_non_null(call);
    call->callback = from->callback;
    call->context = from->context;
    (void)pthread_mutex_lock(&lossy->mutex);
    if (from->session.id != 0) {
        lossy->writes++;
        call->lose = lossy->lose_each != 0 && lossy->writes % lossy->lose_each == 0;
        twice = lossy->repeat_each != 0 && lossy->writes % lossy->repeat_each == 0;
        lossy->lost += call->lose ? 1 : 0;
    }
    (void)pthread_mutex_unlock(&lossy->mutex);
    if (twice) {
        passed.callback = ignore;
        (void)lossy->below->ops->start(lossy->below, &passed);
    }
    passed.callback = lossy_answered;
    passed.context = call;
    err = lossy->below->ops->start(lossy->below, &passed);
    if (err != 0) {
        free(call);
    }
    return err;
}

static const struct de_client_ops lossy_ops = {.start = lossy_start};

struct fixture {
    struct dengine *engine;
    struct lossy lossy;
    struct dengine_session *session;
    struct dengine_client *client; /* of the session */
    struct dengine_client *plain;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    de_test_remove_tree(DIRECTORY);
    assert_int_equal(dengine_open(DIRECTORY, &f->engine), 0);
    assert_int_equal(dengine_wait_ready(f->engine, WAIT_MS, NULL), 0);
    f->plain = dengine_client_of(f->engine);
    f->lossy.base.ops = &lossy_ops;
    f->lossy.base.timeout_ms = f->plain->timeout_ms;
    f->lossy.base.helper = f->plain->helper;
    f->lossy.below = f->plain;
    assert_int_equal(pthread_mutex_init(&f->lossy.mutex, NULL), 0);
    assert_int_equal(dengine_session_open(&f->lossy.base, 10000, NULL, NULL, &f->session), 0);
    f->client = dengine_session_client(f->session);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(dengine_session_close(f->session), 0);
    assert_int_equal(dengine_close(f->engine), 0);
    (void)pthread_mutex_destroy(&f->lossy.mutex);
    de_test_remove_tree(DIRECTORY);
    free(f);
    return 0;
}

/* The version of key counts the times that it was put. */
static uint64_t version_of(struct dengine_client *client, const char *key)
{
    const struct dengine_op get = {.type = DENGINE_OP_GET, .key = dengine_str(key)};
    const struct dengine_txn txn = {.then_ops = &get, .then_count = 1};
    struct dengine_txn_result result;
    uint64_t version = 0;

    assert_int_equal(dengine_txn(client, &txn, NULL, &result), 0);
    if (result.ops[0].pair_count > 0) {
        version = result.ops[0].pairs[0].version;
    }
    dengine_txn_result_free(&result);
    return version;
}

/* ---- tests ---- */

static void writes_whose_answer_is_lost_are_done_once(void **state)
{
    struct fixture *f = *state;
    int i;

    f->lossy.lose_each = 2;
    f->lossy.repeat_each = 3;
    for (i = 0; i < 40; i++) {
        assert_int_equal(dengine_put(f->client, DENGINE_STR("k"), DENGINE_STR("v"), NULL), 0);
    }
    assert_true(f->lossy.lost >= 20);
    assert_int_equal(version_of(f->plain, "k"), 40);
}

static void a_comparison_says_what_it_found_the_first_time(void **state)
{
    struct fixture *f = *state;
    struct dengine_slice expected;
    bool succeeded = false;
    char before[16] = "0";
    char value[16];
    int i;

    f->lossy.lose_each = 2;
    assert_int_equal(dengine_put(f->plain, DENGINE_STR("n"), DENGINE_STR("0"), NULL), 0);
    for (i = 1; i <= 20; i++) {
        (void)snprintf(value, sizeof value, "%d", i);
        expected = dengine_str(before);
        assert_int_equal(dengine_compare_and_swap(f->client, DENGINE_STR("n"), &expected,
                                                  dengine_str(value), NULL, &succeeded),
                         0);
        assert_true(succeeded);
        assert_int_equal(dengine_compare_and_swap(f->client, DENGINE_STR("n"), &expected,
                                                  dengine_str(value), NULL, &succeeded),
                         0);
        assert_false(succeeded);
        (void)snprintf(before, sizeof before, "%s", value);
    }
}

static void a_transaction_finds_again_what_it_found(void **state)
{
    struct fixture *f = *state;
    const struct dengine_op ops[] = {
        {.type = DENGINE_OP_GET, .key = DENGINE_STR("t")},
        {.type = DENGINE_OP_PUT, .key = DENGINE_STR("t"), .value = DENGINE_STR("x")},
    };
    const struct dengine_compare absent = {
        .target = DENGINE_COMPARE_ABSENCE, .relation = DENGINE_EQUAL, .key = DENGINE_STR("t")};
    const struct dengine_txn txn = {.compares = &absent,
                                    .compare_count = 1,
                                    .then_ops = ops,
                                    .then_count = 2,
                                    .else_ops = ops,
                                    .else_count = 1};
    struct dengine_txn_result result;

    f->lossy.lose_each = 2;
    f->lossy.writes = 1; /* the next one is lost */
    assert_int_equal(dengine_txn(f->client, &txn, NULL, &result), 0);
    assert_int_equal(f->lossy.lost, 1);
    assert_true(result.succeeded);
    assert_int_equal(result.op_count, 2);
    assert_int_equal(result.ops[0].count, 0);
    dengine_txn_result_free(&result);
    assert_int_equal(version_of(f->plain, "t"), 1);
}

static void without_an_answer_by_the_deadline_it_is_unknown(void **state)
{
    const struct dengine_call_options soon = {.timeout_ms = 100};
    struct fixture *f = *state;

    f->lossy.lose_each = 1;
    assert_int_equal(dengine_put(f->client, DENGINE_STR("u"), DENGINE_STR("v"), &soon),
                     DENGINE_E_UNKNOWN);
    f->lossy.lose_each = 0;
    assert_int_equal(version_of(f->plain, "u"), 1);
    assert_int_equal(dengine_put(f->client, DENGINE_STR("u"), DENGINE_STR("v"), NULL), 0);
    assert_int_equal(version_of(f->plain, "u"), 2);
}

static void a_session_that_has_ended_says_so(void **state)
{
    struct fixture *f = *state;
    struct dengine_put_options with = {.lease = dengine_session_lease(f->session)};
    struct dengine_value value;

    assert_true(dengine_session_left_ms(f->session) > 1000);
    assert_int_equal(
        dengine_put_with(f->client, DENGINE_STR("e"), DENGINE_STR("v"), &with, NULL, NULL), 0);
    assert_int_equal(dengine_lease_revoke(f->plain, with.lease, NULL), 0);
    assert_int_equal(dengine_get(f->client, DENGINE_STR("e"), DENGINE_LINEARIZABLE, NULL, &value),
                     DENGINE_E_NOT_FOUND);
    assert_int_equal(dengine_put(f->client, DENGINE_STR("e"), DENGINE_STR("v"), NULL),
                     DENGINE_E_NO_SESSION);
    f->lossy.lose_each = 2;
    f->lossy.writes = 1; /* lost, and then it is open whether it was done before the end */
    assert_int_equal(dengine_put(f->client, DENGINE_STR("e"), DENGINE_STR("v"), NULL),
                     DENGINE_E_UNKNOWN);
}

struct tally {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int done;
    int failed;
};

static void count(void *context, struct dengine_reply *reply)
{
    struct tally *tally = context;

    (void)pthread_mutex_lock(&tally->mutex);
    tally->done++;
    tally->failed += reply->status != 0;
    (void)pthread_cond_signal(&tally->changed);
    (void)pthread_mutex_unlock(&tally->mutex);
}

static void many_at_a_time_are_each_done_once(void **state)
{
    struct tally tally = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};
    struct fixture *f = *state;
    int started = 0;
    int busy = 0;

    f->lossy.lose_each = 5;
    f->lossy.repeat_each = 7;
    while (started < 500) {
        const int err =
            dengine_put_async(f->client, DENGINE_STR("m"), DENGINE_STR("v"), NULL, count, &tally);

        if (err == 0) {
            started++;
            continue;
        }
        assert_int_equal(err, DENGINE_E_BUSY);
        busy++;
        (void)pthread_mutex_lock(&tally.mutex);
        while (tally.done + DENGINE_SESSION_CALLS_MAX / 2 < started) {
            (void)pthread_cond_wait(&tally.changed, &tally.mutex);
        }
        (void)pthread_mutex_unlock(&tally.mutex);
    }
    (void)pthread_mutex_lock(&tally.mutex);
    while (tally.done < started) {
        (void)pthread_cond_wait(&tally.changed, &tally.mutex);
    }
    (void)pthread_mutex_unlock(&tally.mutex);
    assert_true(busy > 0);
    assert_int_equal(tally.failed, 0);
    assert_int_equal(version_of(f->plain, "m"), 500);
}

/* ---- reads ---- */

static void note_value(void *context, const struct dengine_value *value)
{
    *(const void **)context = value->data;
}

static bool note_pair(void *context, const struct dengine_pair *pair)
{
    *(const void **)context = pair->value.data;
    return true;
}

/* A session hands on what shows the bytes of the state: not pages that were copied. */
static void reads_in_place_are_in_place_through_a_session(void **state)
{
    const struct dengine_scan scan = {.consistency = DENGINE_EVENTUAL};
    struct fixture *f = *state;
    struct dengine_session *session;
    struct dengine_client *client;
    const void *place = NULL;
    const void *got = NULL;
    const void *scanned = NULL;

    assert_int_equal(dengine_session_open(f->plain, 10000, NULL, NULL, &session), 0);
    client = dengine_session_client(session);
    assert_int_equal(dengine_put(client, DENGINE_STR("k"), DENGINE_STR("v"), NULL), 0);
    assert_int_equal(dengine_get_in_place(f->plain, DENGINE_STR("k"), DENGINE_EVENTUAL, NULL,
                                          note_value, (void *)&place),
                     0);
    assert_int_equal(dengine_get_in_place(client, DENGINE_STR("k"), DENGINE_EVENTUAL, NULL,
                                          note_value, (void *)&got),
                     0);
    assert_int_equal(dengine_scan_in_place(client, &scan, NULL, note_pair, (void *)&scanned), 0);
    assert_non_null(place);
    assert_ptr_equal(got, place);
    assert_ptr_equal(scanned, place);
    assert_int_equal(dengine_session_close(session), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(writes_whose_answer_is_lost_are_done_once),
        CASE(a_comparison_says_what_it_found_the_first_time),
        CASE(a_transaction_finds_again_what_it_found),
        CASE(without_an_answer_by_the_deadline_it_is_unknown),
        CASE(a_session_that_has_ended_says_so),
        CASE(many_at_a_time_are_each_done_once),
        CASE(reads_in_place_are_in_place_through_a_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
