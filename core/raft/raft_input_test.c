/* What must not get in: messages that no honest peer sends, requests that make no sense, each
 * spoiled in one place only. Nothing may come of them but a count, or an error to the caller (R7).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/assert.h"
#include "core/raft/raft_internal.h"
#include "core/raft/test/world.h"

#define MS UINT64_C(1000000)

static struct de_world world;

static struct de_world_server *make_cluster(uint32_t count)
{
    struct de_raft_configuration voters = de_world_voters(count);

    de_world_init(&world);
    world.context = "input";
    for (uint32_t i = 0; i < count; i++) {
        de_world_add(&world, i + 1, &voters);
    }
    for (uint32_t i = 0; i < count; i++) {
        de_world_start(&world, &world.servers[i]);
    }
    return &world.servers[0];
}

static struct de_raft_view view_of(const struct de_world_server *server)
{
    struct de_raft_view view;

    de_raft_get_view(server->raft, &view);
    return view;
}

/* Server 1 leads three, and has nothing under way. */
static struct de_world_server *make_leader(void)
{
    struct de_world_server *server = make_cluster(3);

    world.servers[1].options.election_timeout_min_ns *= 10;
    for (int i = 0; i < 100 && view_of(server).role != DE_RAFT_LEADER; i++) {
        world.now_ns = server->deadline_ns;
        de_world_deadline(&world, server);
        for (int round = 0; round < 20; round++) {
            for (uint32_t j = 0; j < 3; j++) {
                while (de_world_disk_write(&world, &world.servers[j])) {
                }
                de_world_disk_tell(&world, &world.servers[j], 0);
            }
            while (world.message_count > 0) {
                de_world_deliver(&world, 0, false);
            }
        }
    }
    assert_int_equal(view_of(server).role, DE_RAFT_LEADER);
    assert_int_equal(view_of(server).commit, 1);
    return server;
}

/* Nothing but the count of what was dropped differs afterwards. */
static void expect_dropped(struct de_world_server *server, struct de_raft_message message,
                           const char *what)
{
    struct de_raft_event event = {.type = DE_RAFT_EV_MESSAGE, .message = &message};
    struct de_raft_view before = view_of(server);
    struct de_raft_view after;
    struct de_raft_update update;

    event.now_ns = world.now_ns;
    assert_int_equal(de_raft_step(server->raft, &event, &update), 0);
    after = view_of(server);
    if (after.dropped_messages != before.dropped_messages + 1) {
        fail_msg("taken, not dropped: %s", what);
    }
    assert_int_equal(update.persist.ticket, 0);
    assert_int_equal(update.message_count, 0);
    before.dropped_messages = after.dropped_messages;
    assert_memory_equal(&before, &after, sizeof(after));
}

#define TO_1 .cluster_id = 77, .from = 2, .to = 1

static void test_headers(void **state)
{
    struct de_world_server *server = make_cluster(3);
    const struct de_raft_message good = {.type = DE_RAFT_MSG_APPEND, TO_1, .term = 3};

    (void)state;
#define DROPPED(change, what)                                                                      \
    do {                                                                                           \
        struct de_raft_message bad = good;                                                         \
        change;                                                                                    \
        expect_dropped(server, bad, what);                                                         \
    } while (0)
    DROPPED(bad.type = 0, "no type");
    DROPPED(bad.type = DE_RAFT_MSG_REMOVED, "a type that is not for the core");
    DROPPED(bad.cluster_id = 78, "another cluster");
    DROPPED(bad.to = 3, "for somebody else");
    DROPPED(bad.from = 0, "from nobody");
    DROPPED(bad.from = 1, "from ourselves");
    DROPPED(bad.term = 0, "no term");
    DROPPED(bad.term = DE_INDEX_MAX, "a term beyond the last");
    DROPPED(bad.last_index = DE_INDEX_MAX, "an index beyond the last");
    DROPPED(bad.prev_index = DE_INDEX_MAX, "an index beyond the last");
#undef DROPPED
    de_world_deinit(&world);
}

static void test_vote_requests(void **state)
{
    struct de_world_server *server = make_cluster(3);
    const struct de_raft_message good = {
        .type = DE_RAFT_MSG_VOTE_REQUEST, TO_1, .term = 3, .prev_index = 4, .prev_term = 2};

    (void)state;
#define DROPPED(change, what)                                                                      \
    do {                                                                                           \
        struct de_raft_message bad = good;                                                         \
        change;                                                                                    \
        expect_dropped(server, bad, what);                                                         \
    } while (0)
    DROPPED(bad.prev_term = 3, "an entry of the term that is asked for");
    DROPPED(bad.prev_term = 0, "an index without a term");
    DROPPED(bad.prev_index = 0, "a term without an index");
    DROPPED(bad.pre_vote = bad.transfer = true, "a pre-vote for a transfer");
    DROPPED(bad.config_index = 5, "a configuration beyond the last entry");
    DROPPED(bad.config_term = 3, "a configuration of a term after the last entry's");
#undef DROPPED
    de_world_deinit(&world);
}

static void test_appends(void **state)
{
    struct de_world_server *server = make_cluster(3);
    struct de_raft_configuration voters = de_world_voters(3);
    struct de_raft_entry entries[] = {
        {.term = 2, .type = DENGINE_ENTRY_COMMAND, .bytes = 1},
        {.term = 3, .type = DENGINE_ENTRY_CONFIG, .configuration = &voters},
    };
    const struct de_raft_message good = {.type = DE_RAFT_MSG_APPEND,
                                         TO_1,
                                         .term = 3,
                                         .prev_index = 4,
                                         .prev_term = 2,
                                         .last_index = 6,
                                         .last_term = 3,
                                         .entries = entries,
                                         .entry_count = 2};

    (void)state;
#define DROPPED(change, what)                                                                      \
    do {                                                                                           \
        struct de_raft_message bad = good;                                                         \
        struct de_raft_entry save[] = {entries[0], entries[1]};                                    \
        change;                                                                                    \
        expect_dropped(server, bad, what);                                                         \
        memcpy(entries, save, sizeof(save));                                                       \
    } while (0)
    DROPPED(bad.last_index = 3, "a range that goes backwards");
    DROPPED(bad.last_index = 7, "fewer entries than the range has");
    DROPPED(bad.last_index = 5, "more entries than the range has");
    DROPPED(bad.entries = NULL, "entries that are not there");
    DROPPED(bad.prev_index = 0; bad.last_index = 2, "a term without an index");
    DROPPED(bad.prev_term = 0, "an index without a term");
    DROPPED(bad.prev_term = 3, "terms that fall");
    DROPPED(bad.last_term = 2, "another last term than the entries have");
    DROPPED(bad.term = 2, "entries of a term that its sender has not seen");
    DROPPED(entries[1].term = 1, "terms that fall");
    DROPPED(entries[0].type = 0, "an entry without a type");
    DROPPED(entries[1].type = DENGINE_ENTRY_CONFIG + 1, "an unknown type of entry");
    DROPPED(entries[1].configuration = NULL, "a configuration that is none");
    voters.count = 0;
    DROPPED((void)bad, "a configuration without voters");
    voters = de_world_voters(3);
    voters.members[1].reserved = 1;
    DROPPED((void)bad, "a configuration with unknown fields");
#undef DROPPED
    de_world_deinit(&world);
}

static void test_snapshot_messages(void **state)
{
    struct de_world_server *server = make_cluster(3);
    struct de_raft_configuration nobody = {0};
    const struct de_raft_message good = {
        .type = DE_RAFT_MSG_SNAPSHOT, TO_1, .term = 3, .last_index = 4, .last_term = 2};

    (void)state;
#define DROPPED(change, what)                                                                      \
    do {                                                                                           \
        struct de_raft_message bad = good;                                                         \
        change;                                                                                    \
        expect_dropped(server, bad, what);                                                         \
    } while (0)
    DROPPED(bad.last_index = 0, "a snapshot of nothing");
    DROPPED(bad.last_term = 0, "a snapshot without a term");
    DROPPED(bad.last_term = 4, "a snapshot of a term that its sender has not seen");
    DROPPED(bad.configuration = &nobody, "a snapshot without voters");
#undef DROPPED
    de_world_deinit(&world);
}

/* Whoever is no member answers nothing and asks for nothing; also while a change is under way. */
static void test_strangers(void **state)
{
    static const uint32_t types[] = {DE_RAFT_MSG_VOTE_REPLY, DE_RAFT_MSG_APPEND_REPLY,
                                     DE_RAFT_MSG_READ_REQUEST, DE_RAFT_MSG_READ_REPLY};
    struct de_world_server *server = make_leader();
    struct de_raft_configuration target = de_world_voters(4);

    (void)state;
    for (size_t i = 0; i < 2 * DE_ARRAY_SIZE(types); i++) {
        struct de_raft_message bad = {.type = types[i % DE_ARRAY_SIZE(types)],
                                      .cluster_id = 77,
                                      .from = 9,
                                      .to = 1,
                                      .term = view_of(server).term + 1};
        expect_dropped(server, bad, "from a stranger");
        if (i + 1 == DE_ARRAY_SIZE(types)) {
            assert_int_equal(de_world_change(&world, server, &target), 0);
        }
    }
    de_world_deinit(&world);
}

/* An answer to nothing that the leader has sent. */
static void test_answers_to_nothing(void **state)
{
    struct de_world_server *server = make_leader();
    struct de_raft_message good = {
        .type = DE_RAFT_MSG_APPEND_REPLY, TO_1, .term = view_of(server).term, .match = 1};

    (void)state;
#define DROPPED(change, what)                                                                      \
    do {                                                                                           \
        struct de_raft_message bad = good;                                                         \
        change;                                                                                    \
        expect_dropped(server, bad, what);                                                         \
    } while (0)
    DROPPED(bad.round = 1, "a round that was not begun");
    DROPPED(bad.sent_ns = world.now_ns + 1, "sent in the future");
    DROPPED(bad.match = 2, "more than the leader has");
    DROPPED(bad.promise_ns = DE_INDEX_MAX, "a promise beyond all time");
    good.type = DE_RAFT_MSG_READ_REQUEST;
    DROPPED(bad.round = 0, "a question without a number");
#undef DROPPED
    de_world_deinit(&world);
}

static int step(struct de_world_server *server, struct de_raft_event event)
{
    return de_world_step(&world, server, &event);
}

static void test_requests(void **state)
{
    struct de_world_server *server = make_leader();
    struct de_raft_configuration joint = de_world_voters(3);
    struct de_raft_configuration voters = de_world_voters(3);
    struct de_raft_configuration nobody = {0};
    struct de_raft_event taken = {
        .type = DE_RAFT_EV_SNAPSHOT_TAKEN, .index = 1, .term = 1, .configuration = &voters};
    struct de_raft_event staged = taken;

    (void)state;
    joint.members[0].flags |= DE_RAFT_VOTER_OLD;
    assert_int_equal(de_world_change(&world, server, &joint), DENGINE_E_INVALID);
    assert_int_equal(
        step(server, (struct de_raft_event){.type = DE_RAFT_EV_PROPOSE, .entry_count = 1}),
        DENGINE_E_INVALID);
    assert_int_equal(step(server, (struct de_raft_event){.type = DE_RAFT_EV_APPLIED, .index = 1}),
                     0);
    assert_int_equal(de_world_propose(&world, server, 1, 1), 0); /* in the log, and not applied */
#define REFUSED(event, change)                                                                     \
    do {                                                                                           \
        struct de_raft_event bad = event;                                                          \
        change;                                                                                    \
        assert_int_equal(step(server, bad), DENGINE_E_INVALID);                                    \
    } while (0)
    REFUSED(taken, bad.index = 2);
    REFUSED(taken, bad.index = 3);
    REFUSED(taken, bad.term = 2);
    REFUSED(taken, bad.configuration = NULL);
    REFUSED(taken, bad.configuration = &nobody);
    staged.type = DE_RAFT_EV_SNAPSHOT_STAGED;
    staged.index = 5;
    REFUSED(staged, bad.index = 0);
    REFUSED(staged, bad.index = DE_INDEX_MAX);
    REFUSED(staged, bad.term = 0);
    REFUSED(staged, bad.term = DE_INDEX_MAX);
    REFUSED(staged, bad.configuration = NULL);
    REFUSED(staged, bad.configuration = &nobody);
#undef REFUSED
    /* A leader has all that is committed in its log, so it needs no snapshot of its own term. */
    assert_int_equal(step(server, staged), 0);
    assert_int_equal(view_of(server).last_index, 2);
    assert_int_equal(view_of(server).role, DE_RAFT_LEADER);
    de_world_deinit(&world);
}

/* Its callers hear why; nothing else is done. */
static void test_who_has_halted_answers_requests_only(void **state)
{
    struct de_world_server *server = make_leader();
    struct de_raft_entry entry = {.type = DENGINE_ENTRY_COMMAND};

    (void)state;
    server->raft->halt_reason = "for this test";
    server->twin->halt_reason = "for this test";
    for (uint32_t type = DE_RAFT_EV_MESSAGE; type <= DE_RAFT_EV_READ; type++) {
        bool is_request = type == DE_RAFT_EV_PROPOSE || type == DE_RAFT_EV_CHANGE ||
                          type == DE_RAFT_EV_TRANSFER || type == DE_RAFT_EV_READ;
        struct de_raft_event event = {.type = type, .entries = &entry, .entry_count = 1};
        struct de_raft_update update;

        assert_int_equal(de_raft_step(server->raft, &event, &update),
                         is_request ? DENGINE_E_HALTED : 0);
        assert_true(update.halted);
        assert_int_equal(update.message_count, 0);
        assert_int_equal(update.persist.ticket, 0);
        assert_true(update.role_changed == (type == DE_RAFT_EV_MESSAGE));
        assert_true(update.deadline_ns == UINT64_MAX);
    }
    de_world_deinit(&world);
}

static void test_a_short_list_of_peers(void **state)
{
    struct de_raft_peer_view peers[2] = {{0}};
    struct de_world_server *server = make_leader();

    (void)state;
    assert_int_equal(de_raft_get_peers(server->raft, peers, 1), 2);
    assert_int_equal(peers[0].id, 2);
    assert_int_equal(peers[1].id, 0);
    assert_int_equal(de_raft_get_peers(server->raft, NULL, 0), 2);
    assert_int_equal(de_raft_get_peers(world.servers[1].raft, peers, 2), 0);
    de_world_deinit(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_vote_requests),
        cmocka_unit_test(test_appends),
        cmocka_unit_test(test_snapshot_messages),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_answers_to_nothing),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_who_has_halted_answers_requests_only),
        cmocka_unit_test(test_a_short_list_of_peers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
