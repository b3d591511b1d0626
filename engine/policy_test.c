/* Which consistency a read of an embedded engine gets: that of the caller, or the node's own when
 * he names none or may not choose. On every way to read, for every default, with the choice allowed
 * and not.
 *
 * Two engines tell what a read got. In a cluster of one, which always holds its lease, LEASE and
 * EVENTUAL are answered in the calling thread, LINEARIZABLE in another. In one of three that never
 * meets the others, and so has no leader, only EVENTUAL is answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/engine_test_reads.h"
#include "engine/engine_test_support.h"

#define DIRECTORY   "policy.data"
#define PATIENCE_MS 20000
#define SHORT_MS    20

static const struct {
    const char *name;
    enum dengine_consistency consistency;
} policies[] = {
    {"LinearizableRead", DENGINE_LINEARIZABLE},
    {"LeaseRead", DENGINE_LEASE},
    {"EventualConsistency", DENGINE_EVENTUAL},
};

static void set(struct dengine_config *config, const char *key, const char *value)
{
    if (dengine_config_set(config, key, value) != 0) {
        fail_msg("%s", dengine_config_message(config));
    }
}

/* A node of a cluster of one or three. */
static struct dengine *open_node(uint32_t nodes, const char *policy, bool allow)
{
    struct dengine_config *config;
    struct dengine *engine;
    uint16_t ports[3];

    de_test_remove_tree(DIRECTORY);
    de_test_free_ports(ports, nodes);
    config = de_test_cluster_config(1, ports, nodes, DIRECTORY);
    set(config, "raft.read_consistency.default_policy", policy);
    set(config, "raft.read_consistency.allow_client_override", allow ? "true" : "false");
    engine = de_test_open(config);
    dengine_config_free(config);
    return engine;
}

static void close_node(struct dengine *engine)
{
    assert_int_equal(dengine_close(engine), 0);
    de_test_remove_tree(DIRECTORY);
}

static enum dengine_consistency expected(enum dengine_consistency policy, bool allow,
                                         enum dengine_consistency asked)
{
    return allow && asked != DENGINE_DEFAULT ? asked : policy;
}

/* Reads in every way, at every consistency. */
static void check_node(struct dengine *engine, bool leads, enum dengine_consistency policy,
                       bool allow)
{
    struct dengine_client *client = dengine_client_of(engine);
    size_t count;
    const struct de_test_read *reads = de_test_reads(&count);

    for (size_t i = 0; i < count; i++) {
        for (int asked = DENGINE_DEFAULT; asked <= DENGINE_EVENTUAL; asked++) {
            const enum dengine_consistency want =
                expected(policy, allow, (enum dengine_consistency)asked);
            bool here = false;
            const int err = reads[i].run(client, (enum dengine_consistency)asked,
                                         leads ? PATIENCE_MS : SHORT_MS, &here);
            const bool good =
                leads ? err == 0 && (!reads[i].tells || here == (want != DENGINE_LINEARIZABLE))
                      : (err == 0) == (want == DENGINE_EVENTUAL);

            if (!good) {
                fail_msg("%s, %s asked for %d of one that %s %d: %s, %s", reads[i].name,
                         leads ? "of a leader," : "without a leader,", asked,
                         allow ? "allows that, by default" : "always does", (int)policy,
                         dengine_strerror(err), here ? "in this thread" : "elsewhere");
            }
        }
    }
}

static void a_node_that_leads_reads_as_it_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        for (int allow = 0; allow <= 1; allow++) {
            struct dengine *engine = open_node(1, policies[i].name, allow != 0);

            assert_int_equal(dengine_wait_ready(engine, PATIENCE_MS, NULL), 0);
            check_node(engine, true, policies[i].consistency, allow != 0);
            close_node(engine);
        }
    }
}

static void a_node_without_a_leader_has_only_what_it_has(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        for (int allow = 0; allow <= 1; allow++) {
            struct dengine *engine = open_node(3, policies[i].name, allow != 0);

            check_node(engine, false, policies[i].consistency, allow != 0);
            close_node(engine);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_that_leads_reads_as_it_is_told),
        cmocka_unit_test(a_node_without_a_leader_has_only_what_it_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
