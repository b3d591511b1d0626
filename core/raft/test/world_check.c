/* core/raft/test/world_check.c - what must hold after every step (Raft, figure 3). */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/raft/configuration.h"
#include "core/raft/quorum.h"
#include "core/raft/test/world.h"

void de_world_fail(const struct de_world *world, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "%s %llu, step %llu: ", world->context,
            (unsigned long long)world->context_number, (unsigned long long)world->steps);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
    abort();
}

/* R4: an acknowledgement covers entries that are on the disk and equal to the leader's. */
static void check_acknowledgement(struct de_world *world, const struct de_world_server *server,
                                  const struct de_raft_message *reply)
{
    const struct de_world_log *disk = &server->disk.log;
    struct de_world_server *leader = de_world_find(world, reply->to);
    struct de_raft_view view;

    DE_WORLD_CHECK(world, reply->match <= disk->base_index + disk->count,
                   "R4: server %llu acknowledges %llu, its disk ends at %llu",
                   (unsigned long long)server->id, (unsigned long long)reply->match,
                   (unsigned long long)(disk->base_index + disk->count));
    if (leader == NULL || !leader->up) {
        return;
    }
    de_raft_get_view(leader->raft, &view);
    if (view.term != reply->term || view.role != DE_RAFT_LEADER) {
        return;
    }
    uint64_t ours = de_world_term_at(disk, reply->match);
    uint64_t theirs = de_world_term_at(&leader->log, reply->match);
    DE_WORLD_CHECK(world, ours == theirs || ours == 0 || theirs == 0,
                   "server %llu acknowledges %llu with term %llu, the leader's has %llu",
                   (unsigned long long)server->id, (unsigned long long)reply->match,
                   (unsigned long long)ours, (unsigned long long)theirs);
}

/* What comes from a leader goes to members of a committed configuration, and to new voters. */
static void check_addressee(struct de_world *world, const struct de_world_server *server,
                            const struct de_raft_message *message)
{
    struct de_raft_view view;
    int at;

    de_raft_get_view(server->raft, &view);
    if (message->type != DE_RAFT_MSG_APPEND || view.role != DE_RAFT_LEADER ||
        view.config_index <= view.commit) {
        return;
    }
    at = de_configuration_find(view.configuration, message->to);
    if (at >= 0 && view.configuration->members[at].flags == DE_RAFT_LEARNER) {
        const struct de_raft_configuration *before =
            de_world_configuration_at(&server->log, view.config_index - 1);
        DE_WORLD_CHECK(world, before != NULL && de_configuration_find(before, message->to) >= 0,
                       "server %llu feeds the learner %llu, which no committed configuration has",
                       (unsigned long long)server->id, (unsigned long long)message->to);
    }
}

void de_world_check_messages(struct de_world *world, const struct de_world_server *server,
                             const struct de_raft_update *update)
{
    const struct dengine_hard_state *durable = &server->disk.hard_state;

    if (world->is_hostile) {
        return;
    }
    for (uint32_t i = 0; i < update->message_count; i++) {
        const struct de_raft_message *message = &update->messages[i];
        bool is_pre =
            message->pre_vote && (message->type == DE_RAFT_MSG_VOTE_REQUEST ||
                                  (message->type == DE_RAFT_MSG_VOTE_REPLY && message->granted));
        DE_WORLD_CHECK(world, is_pre || message->term <= durable->term,
                       "R4: server %llu speaks in term %llu, its disk is in %llu",
                       (unsigned long long)server->id, (unsigned long long)message->term,
                       (unsigned long long)durable->term);
        if (message->type == DE_RAFT_MSG_VOTE_REQUEST && !message->pre_vote) {
            DE_WORLD_CHECK(world, durable->vote == server->id,
                           "R4: server %llu campaigns before its own vote is durable",
                           (unsigned long long)server->id);
        }
        if (message->type == DE_RAFT_MSG_VOTE_REPLY && message->granted && !message->pre_vote) {
            DE_WORLD_CHECK(world, durable->vote == message->to,
                           "R4: server %llu grants a vote that is not durable",
                           (unsigned long long)server->id);
        }
        if (message->type == DE_RAFT_MSG_APPEND_REPLY && !message->rejected) {
            check_acknowledgement(world, server, message);
        }
        check_addressee(world, server, message);
        DE_WORLD_CHECK(world, message->cluster_id == 77 && message->from == server->id,
                       "a message has a wrong header");
    }
}

/* Election Safety: at most one leader in a term. */
static void check_election(struct de_world *world, const struct de_raft_view *view)
{
    if (view->role != DE_RAFT_LEADER) {
        return;
    }
    if (view->term >= world->leader_capacity) {
        uint64_t capacity = view->term * 2 + 16;
        world->leaders = realloc(world->leaders, capacity * sizeof(uint64_t));
        DE_ASSERT(world->leaders != NULL);
        memset(world->leaders + world->leader_capacity, 0,
               (capacity - world->leader_capacity) * sizeof(uint64_t));
        world->leader_capacity = capacity;
    }
    uint64_t *leader = &world->leaders[view->term];
    DE_WORLD_CHECK(world, *leader == 0 || *leader == view->id,
                   "two leaders in term %llu: %llu and %llu", (unsigned long long)view->term,
                   (unsigned long long)*leader, (unsigned long long)view->id);
    *leader = view->id;
}

/* Log Matching: the same index and term mean the same entry, after the same entry. And the core's
 * idea of the log is the log. */
static void check_log(struct de_world *world, const struct de_world_server *server,
                      const struct de_raft_view *view)
{
    const struct de_world_log *log = &server->log;
    uint64_t last = log->base_index + log->count;

    DE_WORLD_CHECK(world, view->last_index == last && view->base_index == log->base_index,
                   "the core of server %llu thinks its log is (%llu, %llu], it is (%llu, %llu]",
                   (unsigned long long)server->id, (unsigned long long)view->base_index,
                   (unsigned long long)view->last_index, (unsigned long long)log->base_index,
                   (unsigned long long)last);
    uint64_t from = last > 12 ? last - 12 : 0; /* older entries were looked at when they came */
    if (from < log->base_index) {
        from = log->base_index;
    }
    for (uint64_t index = from; index <= last; index++) {
        DE_WORLD_CHECK(world, de_raft_term_at(server->raft, index) == de_world_term_at(log, index),
                       "the core of server %llu has a wrong term at %llu",
                       (unsigned long long)server->id, (unsigned long long)index);
    }
    for (uint32_t i = 0; i < world->server_count; i++) {
        const struct de_world_log *other = &world->servers[i].log;
        for (uint64_t index = from + 1; index <= last; index++) {
            const struct de_world_entry *a = de_world_entry_at(log, index);
            const struct de_world_entry *b = de_world_entry_at(other, index);
            if (a == NULL || b == NULL || a->term != b->term) {
                continue;
            }
            DE_WORLD_CHECK(world, a->value == b->value,
                           "log matching: two entries at %llu in term %llu",
                           (unsigned long long)index, (unsigned long long)a->term);
            uint64_t before = de_world_term_at(log, index - 1);
            uint64_t other_before = de_world_term_at(other, index - 1);
            DE_WORLD_CHECK(world, before == other_before || before == 0 || other_before == 0,
                           "log matching: logs differ before %llu", (unsigned long long)index);
        }
    }
}

/* A leader's newest commit stands on the disks of a quorum. */
static void check_durable(struct de_world *world, const struct de_raft_view *view)
{
    uint64_t durable[DE_RAFT_MEMBERS_MAX] = {0};
    uint64_t term = de_world_term_at(&de_world_find(world, view->id)->log, view->commit);

    if (view->role != DE_RAFT_LEADER || term != view->term || !view->ready) {
        return;
    }
    for (uint32_t i = 0; i < view->configuration->count; i++) {
        const struct de_world_server *member =
            de_world_find(world, view->configuration->members[i].id);
        if (member != NULL) {
            durable[i] = view->commit <= member->disk.log.base_index ||
                         view->commit <= member->disk.forgotten_to ||
                         de_world_term_at(&member->disk.log, view->commit) == term;
        }
    }
    DE_WORLD_CHECK(world, de_quorum_reached(view->configuration, durable) == 1,
                   "server %llu commits %llu, which is not on the disks of a quorum",
                   (unsigned long long)view->id, (unsigned long long)view->commit);
}

/* State Machine Safety: what is committed at an index is so for ever. */
static void check_commit(struct de_world *world, struct de_world_server *server,
                         const struct de_raft_view *view)
{
    DE_WORLD_CHECK(world, view->commit >= server->known_commit, "commit shrinks");
    if (view->commit > world->committed_count) {
        check_durable(world, view);
    }
    while (world->committed_capacity < view->commit) {
        world->committed_capacity = world->committed_capacity * 2 + 64;
        world->committed =
            realloc(world->committed, world->committed_capacity * sizeof(world->committed[0]));
        DE_ASSERT(world->committed != NULL);
    }
    for (uint64_t index = server->known_commit + 1; index <= view->commit; index++) {
        const struct de_world_entry *entry = de_world_entry_at(&server->log, index);
        if (entry == NULL) {
            continue; /* in the snapshot */
        }
        while (index > world->committed_count) { /* a script may start in the middle */
            memset(&world->committed[world->committed_count++], 0, sizeof(*entry));
        }
        struct de_world_entry *first = &world->committed[index - 1];
        if (first->value == 0) {
            *first = *entry;
            first->committed_in = view->term;
        }
        DE_WORLD_CHECK(world, first->value == entry->value && first->term == entry->term,
                       "server %llu commits another entry at %llu: term %llu, was %llu",
                       (unsigned long long)server->id, (unsigned long long)index,
                       (unsigned long long)entry->term, (unsigned long long)first->term);
    }
    server->known_commit = view->commit;
}

/* Leader Completeness: a leader has everything that is committed. */
static void check_leader(struct de_world *world, const struct de_world_server *server,
                         const struct de_raft_view *view)
{
    if (view->role != DE_RAFT_LEADER) {
        return;
    }
    for (uint64_t index = world->committed_count; index > server->log.base_index; index--) {
        const struct de_world_entry *entry = de_world_entry_at(&server->log, index);
        const struct de_world_entry *committed = &world->committed[index - 1];
        if (committed->committed_in > view->term || committed->value == 0) {
            continue; /* a deposed leader that does not know yet */
        }
        if (committed->term == view->term) {
            break; /* its own: checked when it was committed */
        }
        DE_WORLD_CHECK(world, entry != NULL && entry->value == committed->value,
                       "leader %llu of term %llu misses the committed entry %llu",
                       (unsigned long long)server->id, (unsigned long long)view->term,
                       (unsigned long long)index);
        if (index + 8 < world->committed_count) {
            break;
        }
    }
}

/* While a lease lasts on its holder's clock, there is no newer leader. */
static void check_lease(struct de_world *world)
{
    struct de_raft_view view;
    struct de_raft_view other;

    for (uint32_t i = 0; i < world->server_count; i++) {
        const struct de_world_server *server = &world->servers[i];
        if (!server->up) {
            continue;
        }
        de_raft_get_view(server->raft, &view);
        if (view.role != DE_RAFT_LEADER || de_world_clock(world, server) >= view.lease_until_ns) {
            continue;
        }
        for (uint32_t j = 0; j < world->server_count; j++) {
            if (!world->servers[j].up) {
                continue;
            }
            de_raft_get_view(world->servers[j].raft, &other);
            DE_WORLD_CHECK(world, other.role != DE_RAFT_LEADER || other.term <= view.term,
                           "server %llu holds a lease in term %llu, %llu leads term %llu",
                           (unsigned long long)view.id, (unsigned long long)view.term,
                           (unsigned long long)other.id, (unsigned long long)other.term);
        }
    }
}

void de_world_check_server(struct de_world *world, struct de_world_server *server)
{
    struct de_raft_view view;

    de_raft_get_view(server->raft, &view);
    DE_WORLD_CHECK(world, world->halt_is_expected || world->is_hostile || !view.halted,
                   "server %llu halted: %s", (unsigned long long)server->id, view.halt_reason);
    if (view.halted || world->is_hostile) {
        return;
    }
    check_election(world, &view);
    check_log(world, server, &view);
    check_commit(world, server, &view);
    check_leader(world, server, &view);
    if (world->lease_is_checked && view.role == DE_RAFT_LEADER) {
        check_lease(world);
    }
    DE_WORLD_CHECK(world, view.durable_index <= view.last_index, "durable beyond the log");
    DE_WORLD_CHECK(world, server->commit <= view.commit, "published commit beyond commit");
}
