/* Several thousand short lives of small clusters: messages lost, repeated and reordered, writes
 * that complete late or never, crashes, memory lost, changes of the configuration, snapshots; then
 * peace, in which everything must converge. The checks are those of test/world.h.
 *
 * DENGINE_RAFT_SEED_FIRST and DENGINE_RAFT_SEEDS choose the seeds; with DENGINE_RAFT_TRACE every
 * update is printed to standard error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/random.h"
#include "core/raft/test/world.h"

#define MS UINT64_C(1000000)

static uint64_t draw(void *context, uint64_t bound)
{
    return de_random_below(context, bound);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 0) : otherwise;
}

static void vary_options(struct de_world *world, struct de_random *random)
{
    /* Short time-outs mean many elections, long ones much replication. */
    uint64_t timeout_ns = (15 + de_random_below(random, 90)) * MS;

    for (uint32_t i = 0; i < world->server_count; i++) {
        struct de_raft_options *options = &world->servers[i].options;
        /* Members need not agree on it. */
        options->election_timeout_min_ns = timeout_ns + de_random_below(random, timeout_ns);
        options->election_timeout_max_ns = options->election_timeout_min_ns * 2;
        options->heartbeat_interval_ns = timeout_ns / 4;
        options->append_entries_max = 1 + (uint32_t)de_random_below(random, 8);
        options->append_bytes_max = 1 + (uint32_t)de_random_below(random, 1000);
        options->window_messages_max = 1 + (uint32_t)de_random_below(random, 6);
        options->window_bytes_max = 1 + de_random_below(random, 3000);
        options->seed = de_random_next(random);
        options->size_ring = UINT32_C(1) << de_random_below(random, 8);
        options->hold_entries_max = de_random_below(random, 2) * de_random_below(random, 50);
        options->term_runs_max = 16 + (uint32_t)de_random_below(random, 64);
        world->servers[i].drift_ppm = (int32_t)de_random_below(random, 2001) - 1000;
    }
}

/* What the seeds got done: chaos in which nothing happens tests nothing. */
struct work {
    uint64_t committed;
    uint64_t overwritten;
    uint64_t reads;
    uint64_t steps;
};

static void run(uint64_t seed, uint64_t actions, struct work *work)
{
    static struct de_world world;
    struct de_random random;

    de_random_init(&random, seed);
    de_world_init(&world);
    world.context = "seed";
    world.context_number = seed;
    world.out = getenv("DENGINE_RAFT_TRACE") != NULL ? stderr : NULL;
    world.lazy = de_random_below(&random, 2) == 0;
    world.forgets = (uint32_t)de_random_below(&random, 3);
    world.removed_stay_away = seed % 2 == 0;
    uint32_t voters = 1 + (uint32_t)de_random_below(&random, 5);
    if (world.forgets == DE_WORLD_FORGETS_ONE && voters == 1) {
        voters = 2;
    }
    uint32_t strangers = (uint32_t)de_random_below(&random, 3);
    struct de_raft_configuration initial = de_world_voters(voters);
    struct de_raft_configuration none = {0};
    for (uint32_t i = 0; i < voters + strangers; i++) {
        de_world_add(&world, i + 1, i < voters ? &initial : &none);
    }
    vary_options(&world, &random);
    for (uint32_t i = 0; i < world.server_count; i++) {
        de_world_start(&world, &world.servers[i]);
    }
    for (uint64_t i = 0; i < actions; i++) {
        de_world_chaos(&world, draw, &random);
    }
    DE_WORLD_CHECK(&world, de_world_heal(&world, 10000 * MS), "the cluster does not recover");
    work->committed += world.proposals_committed;
    work->overwritten += world.proposals_overwritten;
    work->reads += world.reads_served;
    work->steps += world.steps;
    de_world_deinit(&world);
}

static void test_promises_hold_and_peace_returns(void **state)
{
    uint64_t first = from_environment("DENGINE_RAFT_SEED_FIRST", 1);
    uint64_t count = from_environment("DENGINE_RAFT_SEEDS", 4000);

    struct work work = {0};

    (void)state;
    for (uint64_t seed = first; seed < first + count; seed++) {
        run(seed, 600 + seed % 5 * 600, &work);
    }
    print_message("%" PRIu64 " proposals committed, %" PRIu64 " overwritten, %" PRIu64
                  " reads, %" PRIu64 " steps\n",
                  work.committed, work.overwritten, work.reads, work.steps);
    assert_true(work.committed > 10 * count && work.overwritten > count / 4);
    assert_true(work.reads > count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_promises_hold_and_peace_returns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
