/* Waiting for an engine without being blocked: the callback comes once, when there is something to
 * tell, when time is over, or when the engine is closed. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <dengine/cluster.h>
#include <dengine/snapshot.h>

#include "engine/engine_test_support.h"

#define DIRECTORY   "wait.data"
#define PATIENCE_MS 20000

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

struct tally {
    int calls;
    int status;
    uint64_t revision;
    struct dengine_cluster_status cluster;
};

static void tell(void *context, struct dengine_reply *reply)
{
    struct tally *tally = context;

    (void)pthread_mutex_lock(&mutex);
    tally->calls++;
    tally->status = reply->status;
    tally->revision = reply->revision;
    if (reply->cluster != NULL) {
        tally->cluster = *reply->cluster;
    }
    (void)pthread_cond_broadcast(&changed);
    (void)pthread_mutex_unlock(&mutex);
}

static void expect(struct tally *tally, int status)
{
    (void)pthread_mutex_lock(&mutex);
    while (tally->calls == 0) {
        (void)pthread_cond_wait(&changed, &mutex);
    }
    (void)pthread_mutex_unlock(&mutex);
    assert_int_equal(tally->calls, 1);
    assert_int_equal(tally->status, status);
}

/* A cluster of one that others could join. */
static struct dengine *open_member(void)
{
    struct dengine_config *config;
    struct dengine *engine;
    uint16_t port;

    de_test_remove_tree(DIRECTORY);
    de_test_free_ports(&port, 1);
    config = de_test_cluster_config(1, &port, 1, DIRECTORY);
    engine = de_test_open(config);
    dengine_config_free(config);
    return engine;
}

static void an_engine_says_when_it_is_ready(void **state)
{
    struct dengine *engine = open_member();
    struct tally ready = {0};
    struct tally again = {0};

    (void)state;
    assert_int_equal(dengine_wait_ready_async(engine, 0, NULL, NULL), DENGINE_E_INVALID);
    assert_int_equal(dengine_wait_ready_async(engine, PATIENCE_MS, tell, &ready), 0);
    expect(&ready, 0);
    assert_int_equal(ready.cluster.leader, 1);
    assert_int_equal(dengine_wait_ready_async(engine, 0, tell, &again), 0);
    expect(&again, 0);
    de_test_close_and_remove(engine, DIRECTORY);
    assert_int_equal(ready.calls + again.calls, 2);
}

static void a_change_of_the_members_is_told(void **state)
{
    const struct dengine_addresses addresses = {.peer = "127.0.0.1:9"};
    struct dengine *engine = open_member();
    struct dengine_cluster_status now;
    struct tally nothing = {0};
    struct tally more = {0};
    struct tally over = {0};

    (void)state;
    assert_int_equal(dengine_wait_ready(engine, PATIENCE_MS, NULL), 0);
    assert_int_equal(dengine_cluster_status(dengine_client_of(engine), NULL, &now), 0);
    assert_int_equal(dengine_wait_members_async(engine, now.version, 20, tell, &nothing), 0);
    expect(&nothing, DENGINE_E_TIMEOUT);
    assert_int_equal(nothing.cluster.member_count, 1);
    assert_int_equal(dengine_wait_members_async(engine, now.version, PATIENCE_MS, tell, &more), 0);
    assert_int_equal(more.calls, 0);
    assert_int_equal(dengine_member_add(dengine_client_of(engine), 2, &addresses, false, NULL), 0);
    expect(&more, 0);
    assert_int_equal(more.cluster.member_count, 2);
    assert_true(more.cluster.version > now.version);
    assert_int_equal(
        dengine_wait_members_async(engine, more.cluster.version, PATIENCE_MS, tell, &over), 0);
    de_test_close_and_remove(engine, DIRECTORY);
    expect(&over, DENGINE_E_SHUTDOWN);
}

static void a_snapshot_says_what_it_covers(void **state)
{
    struct dengine *engine = open_member();
    struct dengine_status status;
    struct tally taken = {0};

    (void)state;
    assert_int_equal(dengine_wait_ready(engine, PATIENCE_MS, NULL), 0);
    assert_int_equal(
        dengine_put(dengine_client_of(engine), DENGINE_STR("k"), DENGINE_STR("v"), NULL), 0);
    assert_int_equal(dengine_snapshot_take_async(engine, PATIENCE_MS, tell, &taken), 0);
    expect(&taken, 0);
    dengine_status(engine, &status);
    assert_true(taken.revision > 0 && taken.revision <= status.applied_index);
    de_test_close_and_remove(engine, DIRECTORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_engine_says_when_it_is_ready),
        cmocka_unit_test(a_change_of_the_members_is_told),
        cmocka_unit_test(a_snapshot_says_what_it_covers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
