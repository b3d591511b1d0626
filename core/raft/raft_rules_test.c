/* The rules R1 to R8 of raft.h, one test each at least. The steps of whole clusters run under a
 * heap that refuses everything (R2), each with a twin (R6); see test/world.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/assert.h"
#include "core/base/random.h"
#include "core/raft/raft_internal.h"
#include "core/raft/test/world.h"

#define MS UINT64_C(1000000)

/* The linker sends all calls through these (see CMakeLists.txt). */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
int __real_de_raft_step(struct de_raft *raft, const struct de_raft_event *event,
                        struct de_raft_update *update);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __wrap_free(void *memory);
int __wrap_de_raft_step(struct de_raft *raft, const struct de_raft_event *event,
                        struct de_raft_update *update);

static bool in_step;
static uint64_t steps;

static void count_heap_use(void)
{
    if (in_step) {
        fprintf(stderr, "R2: a step uses the heap\n");
        abort();
    }
}

void *__wrap_malloc(size_t size)
{
    count_heap_use();
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    count_heap_use();
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    count_heap_use();
    return __real_realloc(memory, size);
}

void __wrap_free(void *memory)
{
    count_heap_use();
    __real_free(memory);
}

int __wrap_de_raft_step(struct de_raft *raft, const struct de_raft_event *event,
                        struct de_raft_update *update)
{
    in_step = true;
    int rc = __real_de_raft_step(raft, event, update);
    in_step = false;
    steps++;
    return rc;
}

static uint64_t draw(void *context, uint64_t bound)
{
    return de_random_below(context, bound);
}

static struct de_world world;

static void make_cluster(uint32_t count)
{
    struct de_raft_configuration voters = de_world_voters(count);

    de_world_init(&world);
    world.context = "rules";
    for (uint32_t i = 0; i < count; i++) {
        de_world_add(&world, i + 1, &voters);
    }
    for (uint32_t i = 0; i < count; i++) {
        de_world_start(&world, &world.servers[i]);
    }
}

/* Chaos with five servers; the checks are in the world and in the wraps above. */
static void run_chaos(uint64_t seed, int actions)
{
    struct de_random random;

    de_random_init(&random, seed);
    make_cluster(5);
    for (uint32_t i = 0; i < 5; i++) { /* short time-outs: many elections */
        de_world_crash(&world, &world.servers[i], 0);
        world.servers[i].options.election_timeout_min_ns = 20 * MS;
        world.servers[i].options.election_timeout_max_ns = 40 * MS;
        world.servers[i].options.heartbeat_interval_ns = 5 * MS;
        de_world_start(&world, &world.servers[i]);
    }
    for (int i = 0; i < actions; i++) {
        de_world_chaos(&world, draw, &random);
    }
    assert_true(de_world_heal(&world, 10000 * MS));
}

static void test_r1_a_step_is_not_re_entered(void **state)
{
    struct de_raft_event event = {.type = DE_RAFT_EV_DEADLINE};
    struct de_raft_update update;

    (void)state;
    make_cluster(1);
    struct de_raft *raft = world.servers[0].raft;
    raft->update = &update; /* as if a step were going on */
    expect_assert_failure(de_raft_step(raft, &event, &update));
    in_step = false;
    raft->update = NULL;
    de_world_deinit(&world);
}

static void test_r2_no_step_uses_the_heap(void **state)
{
    uint64_t before = steps;

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        run_chaos(seed, 1500);
        de_world_deinit(&world);
    }
    assert_true(steps > before + 10000);
}

/* The range of a deposed leader: its last entry does not have its term any more. */
static void test_r3_an_overwritten_range_is_recognised(void **state)
{
    (void)state;
    make_cluster(3);
    world.lazy = true;
    assert_true(de_world_heal(&world, 1000 * MS));
    struct de_world_server *leader = NULL;
    struct de_raft_view view;
    for (uint32_t i = 0; i < 3; i++) {
        de_raft_get_view(world.servers[i].raft, &view);
        leader = view.role == DE_RAFT_LEADER ? &world.servers[i] : leader;
    }
    assert_non_null(leader);
    assert_int_equal(de_world_propose(&world, leader, 1, 1), 0);
    assert_true(world.message_count > 0);
    struct de_raft_message range = world.messages[0].message;
    assert_int_equal(range.type, DE_RAFT_MSG_APPEND);
    assert_int_equal(range.entry_count, 0);
    assert_int_equal(de_raft_term_at(leader->raft, range.last_index), range.last_term);

    struct de_raft_entry other = {.term = range.term + 1, .type = DENGINE_ENTRY_COMMAND};
    struct de_raft_message append = range;
    append.from = range.to;
    append.to = leader->id;
    append.term = other.term;
    append.last_term = other.term;
    append.entries = &other;
    append.entry_count = 1;
    struct de_raft_event event = {.type = DE_RAFT_EV_MESSAGE, .message = &append};
    uint64_t value = 1;
    world.delivering_values = &value;
    de_world_step(&world, leader, &event);
    assert_true(de_raft_term_at(leader->raft, range.last_index) != range.last_term);
    de_world_deinit(&world);
}

/* What waits for the disk comes out of the step that is told PERSISTED. */
static void test_r4_nothing_of_a_term_leaves_before_it_is_durable(void **state)
{
    struct de_raft_message request = {.type = DE_RAFT_MSG_VOTE_REQUEST,
                                      .cluster_id = 77,
                                      .from = 2,
                                      .to = 1,
                                      .term = 3,
                                      .prev_index = 1,
                                      .prev_term = 1};
    struct de_raft_message append = {
        .type = DE_RAFT_MSG_APPEND, .cluster_id = 77, .from = 2, .to = 1, .term = 3};
    struct de_raft_event event = {.type = DE_RAFT_EV_MESSAGE, .message = &request};

    (void)state;
    make_cluster(3);
    struct de_world_server *server = &world.servers[0];
    de_world_step(&world, server, &event);
    event.message = &append;
    de_world_step(&world, server, &event);
    assert_int_equal(world.message_count, 0);
    assert_true(de_world_disk_write(&world, server));
    de_world_disk_tell(&world, server, 0);
    assert_int_equal(world.message_count, 2);
    assert_int_equal(world.messages[0].message.type, DE_RAFT_MSG_VOTE_REPLY);
    assert_true(world.messages[0].message.granted);
    assert_int_equal(world.messages[1].message.type, DE_RAFT_MSG_APPEND_REPLY);
    de_world_deinit(&world);
}

/* A ticket that was never given out is the owner's mistake; an old one says nothing new. */
static void test_r5_completions_are_tickets(void **state)
{
    struct de_raft_event event = {.type = DE_RAFT_EV_PERSISTED, .ticket = 1};
    struct de_raft_view view;

    (void)state;
    make_cluster(1);
    struct de_world_server *server = &world.servers[0];
    assert_int_equal(de_world_step(&world, server, &event), DENGINE_E_INVALID);
    assert_true(de_world_heal(&world, 1000 * MS));
    assert_int_equal(de_world_propose(&world, server, 1, 1), 0);
    de_raft_get_view(server->raft, &view);
    assert_int_equal(view.durable_index, 1);
    event.ticket = server->told;
    assert_int_equal(de_world_step(&world, server, &event), 0);
    de_raft_get_view(server->raft, &view);
    assert_int_equal(view.durable_index, 1);
    de_world_deinit(&world);
}

/* de_world_step() feeds a second instance, in memory filled otherwise and at another address. */
static void test_r6_the_same_events_give_the_same_bytes(void **state)
{
    (void)state;
    for (uint64_t seed = 100; seed < 120; seed++) {
        run_chaos(seed, 1500);
        assert_true(world.servers[0].raft != world.servers[0].twin);
        de_world_deinit(&world);
    }
}

/* Requests and messages that make no sense, each refused. */
static void bother(struct de_raft *raft, uint64_t now_ns)
{
    struct de_raft_configuration strange = de_world_voters(2);
    struct de_raft_entry noop = {.type = DENGINE_ENTRY_NOOP};
    struct de_raft_update update;
    struct de_raft_event events[] = {
        {.type = DE_RAFT_EV_PROPOSE},
        {.type = DE_RAFT_EV_PROPOSE, .entries = &noop, .entry_count = 1},
        {.type = DE_RAFT_EV_CHANGE},
        {.type = DE_RAFT_EV_CHANGE, .configuration = &strange},
        {.type = DE_RAFT_EV_TRANSFER, .peer = 5},
        {.type = DE_RAFT_EV_PERSISTED, .ticket = 99},
        {.type = DE_RAFT_EV_APPLIED, .index = 99},
        {.type = DE_RAFT_EV_SNAPSHOT_TAKEN, .index = 99, .term = 1},
        {.type = DE_RAFT_EV_SNAPSHOT_STAGED, .index = 99},
        {.type = 0},
        {.type = 77},
    };

    strange.members[1].id = 1;
    for (size_t i = 0; i < DE_ARRAY_SIZE(events); i++) {
        events[i].now_ns = now_ns;
        assert_true(de_raft_step(raft, &events[i], &update) < 0);
        assert_int_equal(update.persist.ticket, 0);
        assert_int_equal(update.message_count, 0);
        assert_false(update.role_changed || update.config_changed || update.halted);
    }
}

/* One core is bothered between all its steps, its twin is not: they do not differ. */
static void test_r7_a_refused_request_changes_nothing(void **state)
{
    struct de_raft_entry entry = {.type = DENGINE_ENTRY_COMMAND, .bytes = 5};
    struct de_raft_event events[] = {
        {.type = DE_RAFT_EV_DEADLINE},
        {.type = DE_RAFT_EV_PERSISTED, .ticket = 1},
        {.type = DE_RAFT_EV_PERSISTED, .ticket = 2},
        {.type = DE_RAFT_EV_PROPOSE, .entries = &entry, .entry_count = 1},
        {.type = DE_RAFT_EV_READ},
        {.type = DE_RAFT_EV_PERSISTED, .ticket = 3},
    };
    struct de_raft_update one;
    struct de_raft_update two;

    (void)state;
    make_cluster(1);
    struct de_world_server *server = &world.servers[0];
    for (size_t i = 0; i < DE_ARRAY_SIZE(events); i++) {
        events[i].now_ns = world.now_ns + i * MS;
        bother(server->raft, events[i].now_ns);
        assert_int_equal(de_raft_step(server->raft, &events[i], &one),
                         de_raft_step(server->twin, &events[i], &two));
        two.messages = one.messages;
        assert_memory_equal(&one, &two, sizeof(one));
    }
    assert_int_equal(one.commit, 2);
    de_world_deinit(&world);
}

static void test_r7_bad_messages_are_counted(void **state)
{
    struct de_raft_message message = {
        .type = DE_RAFT_MSG_APPEND, .cluster_id = 78, .from = 2, .to = 1, .term = 9};
    struct de_raft_event event = {.type = DE_RAFT_EV_MESSAGE, .message = &message};
    struct de_raft_entry entry = {.type = DENGINE_ENTRY_CONFIG + 1};
    struct de_raft_view view;

    (void)state;
    make_cluster(2);
    assert_int_equal(de_world_step(&world, &world.servers[0], &event), 0);
    message.cluster_id = 77;
    message.entries = &entry;
    message.entry_count = 1;
    message.last_index = 1;
    assert_int_equal(de_world_step(&world, &world.servers[0], &event), 0);
    message.last_term = 1;
    entry.term = 1;
    assert_int_equal(de_world_step(&world, &world.servers[0], &event), 0);
    entry.type = DENGINE_ENTRY_CONFIG;
    assert_int_equal(de_world_step(&world, &world.servers[0], &event), 0);
    event.message = NULL;
    assert_int_equal(de_world_step(&world, &world.servers[0], &event), 0);
    de_raft_get_view(world.servers[0].raft, &view);
    assert_int_equal(view.dropped_messages, 5);
    assert_int_equal(view.term, 0);
    de_world_deinit(&world);
}

static int tell(struct de_raft *raft, uint32_t type, uint64_t term)
{
    struct de_raft_message message = {.type = type,
                                      .cluster_id = 77,
                                      .from = 9,
                                      .to = 1,
                                      .term = term,
                                      .last_index = type == DE_RAFT_MSG_SNAPSHOT,
                                      .last_term = type == DE_RAFT_MSG_SNAPSHOT};
    struct de_raft_event event = {
        .type = DE_RAFT_EV_MESSAGE, .message = &message, .now_ns = world.now_ns};
    struct de_raft_update update;

    return de_raft_step(raft, &event, &update);
}

/* A term so high that counting on from it could wrap is none of our cluster's. */
static void test_r7_terms_near_the_end_are_dropped(void **state)
{
    const uint32_t types[] = {DE_RAFT_MSG_VOTE_REQUEST, DE_RAFT_MSG_APPEND, DE_RAFT_MSG_TIMEOUT_NOW,
                              DE_RAFT_MSG_SNAPSHOT};
    const uint64_t terms[] = {DE_INDEX_MAX, UINT64_MAX / 2, UINT64_MAX - 1, UINT64_MAX};
    struct de_raft_view view;
    uint64_t sent = 0;

    (void)state;
    make_cluster(1);
    for (size_t i = 0; i < DE_ARRAY_SIZE(types); i++) {
        for (size_t j = 0; j < DE_ARRAY_SIZE(terms); j++) {
            assert_int_equal(tell(world.servers[0].raft, types[i], terms[j]), 0);
            sent++;
        }
    }
    de_raft_get_view(world.servers[0].raft, &view);
    assert_int_equal(view.dropped_messages, sent);
    assert_int_equal(view.term, 0);
    de_world_deinit(&world);
}

/* Nobody goes beyond the highest term that is let in: our own disk would not be believed with it,
 * nor our messages. */
static void test_the_last_term_is_not_left(void **state)
{
    struct de_raft_event event = {.type = DE_RAFT_EV_PERSISTED, .ticket = 1};
    struct de_raft_update update;
    struct de_raft_view view;

    (void)state;
    make_cluster(1);
    struct de_raft *raft = world.servers[0].raft;
    assert_int_equal(tell(raft, DE_RAFT_MSG_APPEND, DE_INDEX_MAX - 1), 0);
    event.now_ns = world.now_ns;
    assert_int_equal(de_raft_step(raft, &event, &update), 0);
    event.type = DE_RAFT_EV_DEADLINE;
    event.now_ns += 1000 * MS;
    assert_int_equal(de_raft_step(raft, &event, &update), 0);
    de_raft_get_view(raft, &view);
    assert_int_equal(view.term, DE_INDEX_MAX - 1);
    assert_int_equal(view.role, DE_RAFT_FOLLOWER);
    de_world_deinit(&world);
}

/* Whether the leader has it in its configuration. */
static bool is_member(uint64_t id)
{
    struct de_raft_view view;

    for (uint32_t i = 0; i < world.server_count; i++) {
        de_raft_get_view(world.servers[i].raft, &view);
        if (view.role == DE_RAFT_LEADER) {
            return de_configuration_find(view.configuration, id) >= 0;
        }
    }
    return false;
}

/* The world keeps the books, see carry_out_proposals(). */
static void test_r8_every_proposal_ends_once(void **state)
{
    uint64_t committed = 0;
    uint64_t overwritten = 0;

    (void)state;
    for (uint64_t seed = 200; seed < 260; seed++) {
        run_chaos(seed, 1500);
        for (uint32_t i = 0; i < world.server_count; i++) {
            /* Who was removed does not hear any more what became of its own; its owner gives up. */
            if (is_member(world.servers[i].id)) {
                assert_int_equal(world.servers[i].proposal_count, 0);
            }
        }
        committed += world.proposals_committed;
        overwritten += world.proposals_overwritten;
        de_world_deinit(&world);
    }
    assert_true(committed > 100 && overwritten > 0);
}

/* A leader of `term` has the entries NOOP and CONFIG, which is entry 2, and nothing else. */
static bool tell_configuration(uint64_t leader, uint64_t term, uint64_t learner)
{
    struct de_raft_configuration configuration = de_world_voters(3);
    configuration.members[configuration.count].id = learner;
    configuration.members[configuration.count++].flags = DE_RAFT_LEARNER;
    struct de_raft_entry entries[] = {
        {.term = term, .type = DENGINE_ENTRY_NOOP},
        {.term = term,
         .type = DENGINE_ENTRY_CONFIG,
         .configuration = de_world_keep(&world, &configuration)},
    };
    struct de_raft_message append = {.type = DE_RAFT_MSG_APPEND,
                                     .cluster_id = 77,
                                     .from = leader,
                                     .to = 1,
                                     .term = term,
                                     .last_index = 2,
                                     .last_term = term,
                                     .entries = entries,
                                     .entry_count = 2};
    struct de_raft_event event = {
        .type = DE_RAFT_EV_MESSAGE, .message = &append, .now_ns = world.now_ns};
    struct de_raft_update update;
    int rc = de_raft_step(world.servers[0].raft, &event, &update);

    assert_int_equal(rc, 0);
    return update.config_changed;
}

static void check_configuration(uint64_t index, uint64_t learner)
{
    struct de_raft_view view;

    de_raft_get_view(world.servers[0].raft, &view);
    assert_int_equal(view.config_index, index);
    assert_int_equal(view.configuration->members[3].id, learner);
}

/* One step truncates entry 2 and appends another: the index alone does not show it. */
static void test_a_configuration_replaced_by_an_append_is_published(void **state)
{
    (void)state;
    make_cluster(3);
    assert_true(tell_configuration(2, 1, 4));
    check_configuration(2, 4);
    assert_false(tell_configuration(2, 1, 4));
    assert_true(tell_configuration(3, 2, 5));
    check_configuration(2, 5);
    de_world_deinit(&world);
}

/* So does a snapshot that ends at the very index of the configuration it replaces. */
static void test_a_configuration_replaced_by_a_snapshot_is_published(void **state)
{
    struct de_raft_configuration configuration = de_world_voters(4);
    struct de_raft_event event = {
        .type = DE_RAFT_EV_SNAPSHOT_STAGED, .index = 2, .term = 2, .configuration = &configuration};
    struct de_raft_update update;

    (void)state;
    make_cluster(3);
    assert_true(tell_configuration(2, 1, 5));
    check_configuration(2, 5);
    event.now_ns = world.now_ns;
    assert_int_equal(de_raft_step(world.servers[0].raft, &event, &update), 0);
    assert_int_equal(update.persist.install_index, 2);
    assert_true(update.config_changed);
    check_configuration(2, 4);
    de_world_deinit(&world);
}

/* Our own snapshot may be done when the log begins after it already. */
static void test_an_old_snapshot_is_no_news(void **state)
{
    struct de_raft_event event = {.type = DE_RAFT_EV_SNAPSHOT_TAKEN};
    struct de_raft_view view;

    (void)state;
    make_cluster(1);
    struct de_world_server *server = &world.servers[0];
    assert_true(de_world_heal(&world, 1000 * MS));
    assert_int_equal(de_world_snapshot(&world, server), 0);
    de_raft_get_view(server->raft, &view);
    assert_int_equal(view.base_index, 1);
    event.index = 1;
    event.term = 1;
    assert_int_equal(de_world_step(&world, server, &event), 0);
    de_raft_get_view(server->raft, &view);
    assert_int_equal(view.base_index, 1);
    de_world_deinit(&world);
}

static void test_options_are_checked(void **state)
{
    struct de_raft_options good = de_world_options(1);
    const char *reason;

    (void)state;
    assert_int_equal(de_raft_check_options(&good, &reason), 0);
    assert_string_equal(reason, "");
#define REFUSED(member, value)                                                                     \
    do {                                                                                           \
        struct de_raft_options bad = good;                                                         \
        bad.member = (value);                                                                      \
        assert_int_equal(de_raft_check_options(&bad, &reason), DENGINE_E_CONFIG);                  \
        assert_true(strlen(reason) > 10);                                                          \
    } while (0)
    REFUSED(id, 0);
    REFUSED(election_timeout_min_ns, 0);
    REFUSED(election_timeout_max_ns, good.election_timeout_min_ns - 1);
    REFUSED(election_timeout_max_ns, UINT64_MAX);
    REFUSED(heartbeat_interval_ns, 0);
    REFUSED(heartbeat_interval_ns, good.election_timeout_min_ns / 2);
    REFUSED(drift_ppm, 500000);
    REFUSED(append_entries_max, 0);
    REFUSED(append_bytes_max, 0);
    REFUSED(window_messages_max, 0);
    REFUSED(window_messages_max, 1U << 20);
    REFUSED(window_bytes_max, 0);
    REFUSED(uncommitted_bytes_max, 0);
    REFUSED(term_runs_max, 15);
    REFUSED(term_runs_max, (1U << 24) + 1);
    REFUSED(size_ring, 0);
    REFUSED(size_ring, 48);
    REFUSED(size_ring, 1U << 29);
#undef REFUSED
}

static void test_contradictory_disks_are_refused(void **state)
{
    struct de_raft_options options = de_world_options(1);
    struct de_raft_configuration voters = de_world_voters(3);
    struct de_raft_term_run runs[] = {{4, 2}, {6, 3}};
    struct de_raft_boot_configuration found[] = {{5, &voters}, {5, &voters}};
    const struct de_raft_boot good = {.now_ns = 1,
                                      .hard_state = {.term = 3, .vote = 1, .commit = 5},
                                      .base_index = 3,
                                      .base_term = 2,
                                      .last_index = 7,
                                      .applied = 4,
                                      .runs = runs,
                                      .run_count = 2,
                                      .configuration = &voters,
                                      .log_configurations = found,
                                      .log_configuration_count = 1};
    void *memory = malloc(de_raft_size(&options));
    struct de_raft_update update;
    struct de_raft *raft;

    (void)state;
    assert_int_equal(de_raft_init(memory, &options, &good, &raft, &update), 0);
    assert_int_equal(update.commit, 5);
#define REFUSED(change)                                                                            \
    do {                                                                                           \
        struct de_raft_boot boot = good;                                                           \
        struct de_raft_term_run save[] = {runs[0], runs[1]};                                       \
        change;                                                                                    \
        assert_int_equal(de_raft_init(memory, &options, &boot, &raft, &update),                    \
                         DENGINE_E_CORRUPT);                                                       \
        memcpy(runs, save, sizeof(runs));                                                          \
    } while (0)
    REFUSED(boot.last_index = 2);
    REFUSED(boot.last_index = DE_INDEX_MAX);
    REFUSED(boot.base_term = 0);
    REFUSED(boot.base_index = 0);
    REFUSED(boot.hard_state.term = 2);
    REFUSED(boot.hard_state.term = UINT64_MAX / 2);
    REFUSED(boot.hard_state.term = UINT64_MAX);
    REFUSED(boot.hard_state.term = 0);
    REFUSED(boot.hard_state.commit = 8);
    REFUSED(boot.applied = 8);
    REFUSED(boot.run_count = 0);
    REFUSED(runs[0].first_index = 5);
    REFUSED(runs[1].first_index = 4);
    REFUSED(runs[1].first_index = 9);
    REFUSED(runs[1].term = 1);
    REFUSED(runs[0].term = 1);
    REFUSED(boot.base_term = runs[0].term = 0);
    REFUSED(boot.configuration = NULL);
    struct de_raft_configuration strange = voters;
    strange.members[0].flags = 0;
    REFUSED(boot.configuration = &strange);
    found[0].configuration = &strange;
    REFUSED((void)boot);
    found[0].configuration = NULL;
    REFUSED((void)boot);
    found[0].configuration = &voters;
    REFUSED(boot.log_configuration_count = 2);
    found[0].index = 8;
    REFUSED((void)boot);
    found[0].index = 3;
    REFUSED((void)boot);
    found[0].index = 5;
#undef REFUSED
    free(memory);
}

/* A snapshot covers what is committed, and so does what was applied; the hint may be behind. */
static void test_the_furthest_that_is_known_is_committed(void **state)
{
    static const struct {
        uint64_t hint, applied, commit;
    } cases[] = {{0, 0, 3}, {2, 0, 3}, {0, 3, 3}, {0, 5, 5}, {4, 6, 6}, {6, 4, 6}, {7, 7, 7}};
    struct de_raft_options options = de_world_options(1);
    struct de_raft_configuration voters = de_world_voters(3);
    struct de_raft_term_run run = {4, 2};
    struct de_raft_boot boot = {.now_ns = 1,
                                .hard_state = {.term = 2},
                                .base_index = 3,
                                .base_term = 2,
                                .last_index = 7,
                                .runs = &run,
                                .run_count = 1,
                                .configuration = &voters};
    void *memory = malloc(de_raft_size(&options));
    struct de_raft_update update;
    struct de_raft *raft;

    (void)state;
    assert_non_null(memory);
    for (size_t i = 0; i < DE_ARRAY_SIZE(cases); i++) {
        boot.hard_state.commit = cases[i].hint;
        boot.applied = cases[i].applied;
        assert_int_equal(de_raft_init(memory, &options, &boot, &raft, &update), 0);
        assert_int_equal(update.commit, cases[i].commit);
    }
    free(memory);
}

/* The log in memory has room for so many changes of the term. */
static void test_a_log_with_too_many_terms_is_refused(void **state)
{
    struct de_raft_options options = de_world_options(1);
    struct de_raft_configuration voters = de_world_voters(3);
    struct de_raft_term_run long_log[65];
    struct de_raft_boot boot = {.now_ns = 1,
                                .hard_state = {.term = 66},
                                .last_index = 65,
                                .runs = long_log,
                                .run_count = 65,
                                .configuration = &voters};
    void *memory = malloc(de_raft_size(&options));
    struct de_raft_update update;
    struct de_raft *raft;

    (void)state;
    assert_non_null(memory);
    for (uint64_t i = 0; i < 65; i++) {
        long_log[i].first_index = 1 + i;
        long_log[i].term = 2 + i;
    }
    assert_int_equal(de_raft_init(memory, &options, &boot, &raft, &update), DENGINE_E_CONFIG);
    boot.run_count = 64;
    assert_int_equal(de_raft_init(memory, &options, &boot, &raft, &update), 0);
    free(memory);
}

/* A server that knows that it has forgotten may know of commits it does not have any more. */
static void test_a_disk_that_has_forgotten_is_taken(void **state)
{
    struct de_raft_options options = de_world_options(1);
    struct de_raft_configuration voters = de_world_voters(3);
    struct de_raft_term_run run = {1, 2};
    struct de_raft_boot boot = {.now_ns = 1,
                                .hard_state = {.term = 3, .vote = 1, .commit = 8},
                                .last_index = 7,
                                .runs = &run,
                                .run_count = 1,
                                .configuration = &voters,
                                .recovering = true};
    void *memory = malloc(de_raft_size(&options));
    struct de_raft_update update;
    struct de_raft_view view;
    struct de_raft *raft;

    (void)state;
    assert_non_null(memory);
    assert_int_equal(de_raft_init(memory, &options, &boot, &raft, &update), 0);
    assert_int_equal(update.commit, 7);
    de_raft_get_view(raft, &view);
    assert_true(view.recovering);
    boot.applied = 8;
    assert_int_equal(de_raft_init(memory, &options, &boot, &raft, &update), DENGINE_E_CORRUPT);
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_r1_a_step_is_not_re_entered),
        cmocka_unit_test(test_r2_no_step_uses_the_heap),
        cmocka_unit_test(test_r3_an_overwritten_range_is_recognised),
        cmocka_unit_test(test_r4_nothing_of_a_term_leaves_before_it_is_durable),
        cmocka_unit_test(test_r5_completions_are_tickets),
        cmocka_unit_test(test_r6_the_same_events_give_the_same_bytes),
        cmocka_unit_test(test_r7_a_refused_request_changes_nothing),
        cmocka_unit_test(test_r7_bad_messages_are_counted),
        cmocka_unit_test(test_r7_terms_near_the_end_are_dropped),
        cmocka_unit_test(test_the_last_term_is_not_left),
        cmocka_unit_test(test_r8_every_proposal_ends_once),
        cmocka_unit_test(test_a_configuration_replaced_by_an_append_is_published),
        cmocka_unit_test(test_a_configuration_replaced_by_a_snapshot_is_published),
        cmocka_unit_test(test_an_old_snapshot_is_no_news),
        cmocka_unit_test(test_options_are_checked),
        cmocka_unit_test(test_contradictory_disks_are_refused),
        cmocka_unit_test(test_the_furthest_that_is_known_is_committed),
        cmocka_unit_test(test_a_log_with_too_many_terms_is_refused),
        cmocka_unit_test(test_a_disk_that_has_forgotten_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
