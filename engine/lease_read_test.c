/* A leader that still leads, but whose lease has run out, answers no read by lease out of its own
 * state, in whatever way it is asked: another may have been elected. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include <dengine/cluster.h>

#include "engine/engine_test_reads.h"
#include "engine/engine_test_support.h"

#define PATIENCE_MS 30000
#define SHORT_MS    20

/* For so long the leader goes on leading alone: all that follows is over by then. */
#define LEADS_ALONE_MS "600000"

static const char *const directories[] = {"lease_read.node1", "lease_read.node2"};

static struct dengine *open_node(const uint16_t *ports, uint32_t id)
{
    struct dengine_config *config = de_test_cluster_config(id, ports, 2, directories[id - 1]);
    struct dengine *engine;

    if (id == 2) {
        assert_int_equal(
            dengine_config_set(config, "raft.election.election_timeout_max", LEADS_ALONE_MS), 0);
    }
    engine = de_test_open(config);
    dengine_config_free(config);
    return engine;
}

static bool leads(struct dengine *engine)
{
    struct dengine_status status;

    dengine_status(engine, &status);
    return status.role == DENGINE_LEADER && status.ready;
}

/* The first node is elected, for it is in a hurry, and hands over. */
static void make_leader(struct dengine *first, struct dengine *second)
{
    const struct dengine_call_options options = {.timeout_ms = PATIENCE_MS};
    const time_t give_up = time(NULL) + PATIENCE_MS / 1000;

    assert_int_equal(dengine_wait_ready(first, PATIENCE_MS, NULL), 0);
    while (!leads(second)) {
        assert_true(time(NULL) < give_up);
        (void)dengine_transfer_leadership(dengine_client_of(first), 2, &options);
        (void)sched_yield();
    }
}

/* Whether one of all ways to read by lease is answered, or each; *name tells which. */
static bool answers(struct dengine *engine, bool each, const char **name)
{
    size_t count;
    const struct de_test_read *reads = de_test_reads(&count);
    size_t answered = 0;

    for (size_t i = 0; i < count; i++) {
        bool here;

        if (reads[i].run(dengine_client_of(engine), DENGINE_LEASE, SHORT_MS, &here) == 0) {
            *name = reads[i].name;
            answered++;
        }
    }
    return each ? answered == count : answered > 0;
}

/* Refused once, by the clock, they are for good: who could renew the lease is gone. */
static void a_lease_that_has_run_out_answers_nothing(void **state)
{
    const struct dengine_call_options brief = {.timeout_ms = SHORT_MS};
    const struct dengine_slice key = DENGINE_STR("k");
    const time_t give_up = time(NULL) + PATIENCE_MS / 1000;
    struct dengine *engines[2];
    const char *name = "none";
    struct dengine_page page;
    uint16_t ports[2];

    (void)state;
    de_test_remove_tree(directories[0]);
    de_test_remove_tree(directories[1]);
    de_test_free_ports(ports, 2);
    engines[0] = open_node(ports, 1);
    engines[1] = open_node(ports, 2);
    make_leader(engines[0], engines[1]);
    while (!answers(engines[1], true, &name)) {
        assert_true(time(NULL) < give_up);
    }
    assert_int_equal(dengine_close(engines[0]), 0);
    while (dengine_get_multi(dengine_client_of(engines[1]), &key, 1, DENGINE_LEASE, &brief,
                             &page) == 0) {
        dengine_page_free(&page);
        assert_true(time(NULL) < give_up);
    }
    if (answers(engines[1], false, &name)) {
        fail_msg("%s is answered without a lease", name);
    }
    assert_true(leads(engines[1]));
    engines[0] = open_node(ports, 1); /* to whom the leader hands over when it is closed */
    assert_int_equal(dengine_close(engines[1]), 0);
    assert_int_equal(dengine_close(engines[0]), 0);
    de_test_remove_tree(directories[0]);
    de_test_remove_tree(directories[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lease_that_has_run_out_answers_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
