/* core/raft/test/world_print.c - updates as text, for the golden scripts. */
#include <inttypes.h>

#include "core/raft/test/world.h"

static const char *role_name(uint32_t role)
{
    static const char *const names[] = {"?", "follower", "pre-candidate", "candidate", "leader"};

    return names[role <= DE_RAFT_LEADER ? role : 0];
}

const char *de_world_message_name(const struct de_raft_message *message)
{
    switch (message->type) {
    case DE_RAFT_MSG_VOTE_REQUEST:
        return message->pre_vote ? "pre-vote-request" : "vote-request";
    case DE_RAFT_MSG_VOTE_REPLY:
        return message->pre_vote ? "pre-vote-reply" : "vote-reply";
    case DE_RAFT_MSG_APPEND:
        return message->prev_index == message->last_index ? "heartbeat" : "append";
    case DE_RAFT_MSG_APPEND_REPLY:
        return "append-reply";
    case DE_RAFT_MSG_TIMEOUT_NOW:
        return "timeout-now";
    case DE_RAFT_MSG_READ_REQUEST:
        return "read-request";
    case DE_RAFT_MSG_READ_REPLY:
        return "read-reply";
    case DE_RAFT_MSG_SNAPSHOT:
        return "snapshot";
    default:
        return "?";
    }
}

static void print_milliseconds(FILE *out, uint64_t ns)
{
    fprintf(out, "%" PRIu64, ns / 1000000);
    if (ns % 1000000 != 0) {
        fprintf(out, ".%06" PRIu64, ns % 1000000);
    }
    fprintf(out, " ms");
}

static void print_members(FILE *out, const struct de_raft_configuration *configuration)
{
    const char *separator = "";

    fprintf(out, "{");
    for (uint32_t i = 0; i < configuration->count; i++) {
        uint32_t flags = configuration->members[i].flags;
        fprintf(
            out, "%s%" PRIu64 "%s%s%s%s", separator, configuration->members[i].id,
            (flags & DE_RAFT_VOTER) != 0 ? "v" : "", (flags & DE_RAFT_VOTER_OLD) != 0 ? "o" : "",
            (flags & DE_RAFT_LEARNER) != 0 ? "l" : "", (flags & DE_RAFT_READ_ONLY) != 0 ? "r" : "");
        separator = " ";
    }
    fprintf(out, "}");
}

static void print_message(FILE *out, const struct de_world *world,
                          const struct de_raft_message *message)
{
    fprintf(out, "%" PRIu64 " -> %" PRIu64 ": %s term %" PRIu64, message->from, message->to,
            de_world_message_name(message), message->term);
    switch (message->type) {
    case DE_RAFT_MSG_VOTE_REQUEST:
        fprintf(out, " last %" PRIu64 "/%" PRIu64 "%s", message->prev_index, message->prev_term,
                message->transfer ? " for the leader" : "");
        if (message->config_index != 0) {
            fprintf(out, ", config %" PRIu64 "/%" PRIu64, message->config_index,
                    message->config_term);
        }
        break;
    case DE_RAFT_MSG_VOTE_REPLY:
        fprintf(out, message->granted ? " granted" : " refused");
        fprintf(out, message->recovering ? ", recovering" : "");
        fprintf(out, message->has_config ? ", has its config" : "");
        if (message->commit != 0) {
            fprintf(out, ", commit %" PRIu64 "/%" PRIu64, message->commit, message->last_term);
        }
        break;
    case DE_RAFT_MSG_APPEND:
        fprintf(out, " prev %" PRIu64 "/%" PRIu64, message->prev_index, message->prev_term);
        if (message->last_index > message->prev_index) {
            fprintf(out, " last %" PRIu64 "/%" PRIu64, message->last_index, message->last_term);
        }
        fprintf(out, " commit %" PRIu64, message->commit);
        break;
    case DE_RAFT_MSG_APPEND_REPLY:
        if (message->rejected) {
            fprintf(out, " refused, hint %" PRIu64 "/%" PRIu64, message->hint_index,
                    message->hint_term);
        } else {
            fprintf(out, " match %" PRIu64, message->match);
        }
        break;
    case DE_RAFT_MSG_READ_REPLY:
        if (message->rejected) {
            fprintf(out, " refused");
        } else {
            fprintf(out, " index %" PRIu64 " of %" PRIu64, message->commit, message->last_index);
        }
        break;
    case DE_RAFT_MSG_SNAPSHOT:
        fprintf(out, " last %" PRIu64 "/%" PRIu64, message->last_index, message->last_term);
        break;
    default:
        break;
    }
    if (message->round != 0) {
        fprintf(out, " round %" PRIu64, message->round);
    }
    if (message->type == DE_RAFT_MSG_APPEND_REPLY && message->sent_ns != 0 &&
        message->sent_ns < world->now_ns) {
        fprintf(out, ", sent ");
        print_milliseconds(out, world->now_ns - message->sent_ns);
        fprintf(out, " ago");
    }
    fprintf(out, "\n");
}

static void print_persist(FILE *out, const struct de_raft_persist *persist)
{
    fprintf(out, "  write #%" PRIu64 ":", persist->ticket);
    if (persist->hard_state_changed) {
        fprintf(out, " term %" PRIu64 " vote %" PRIu64, persist->hard_state.term,
                persist->hard_state.vote);
    }
    if (!persist->hard_state_changed && persist->install_index == 0 && persist->count == 0 &&
        persist->truncate_from == 0) {
        fprintf(out, " commit %" PRIu64, persist->hard_state.commit);
    }
    if (persist->install_index != 0) {
        fprintf(out, " install %" PRIu64 "/%" PRIu64, persist->install_index,
                persist->install_term);
    }
    if (persist->truncate_from != 0) {
        fprintf(out, " truncate %" PRIu64, persist->truncate_from);
    }
    if (persist->count > 0) {
        fprintf(out, " entries %" PRIu64 "..%" PRIu64, persist->first_index,
                persist->first_index + persist->count - 1);
    }
    if (persist->source == DE_RAFT_FROM_CORE) {
        fprintf(out, persist->core_type == DENGINE_ENTRY_NOOP ? " noop" : " config ");
        if (persist->configuration != NULL) {
            print_members(out, persist->configuration);
        }
    }
    fprintf(out, "\n");
}

void de_world_print_update(const struct de_world *world, const struct de_world_server *server,
                           int rc, const struct de_raft_update *update, bool deadline_moved)
{
    FILE *out = world->out;
    struct de_raft_view view;

    de_raft_get_view(server->raft, &view);
    fprintf(out, "%" PRIu64 ": %s term %" PRIu64, server->id, role_name(view.role), view.term);
    if (view.leader != 0 && view.leader != view.id) {
        fprintf(out, " of %" PRIu64, view.leader);
    }
    fprintf(out, rc != 0 ? ", %s\n" : "%s\n", rc != 0 ? dengine_error_name(rc) : "");
    if (update->halted) {
        fprintf(out, "  halted: %s\n", view.halt_reason);
    }
    if (update->config_changed) {
        fprintf(out, "  members of %" PRIu64 ": ", view.config_index);
        print_members(out, view.configuration);
        fprintf(out, "\n");
    }
    if (update->persist.ticket != 0) {
        print_persist(out, &update->persist);
    }
    if (update->proposed_index != 0) {
        fprintf(out, "  proposed at %" PRIu64 "/%" PRIu64 "\n", update->proposed_index,
                update->proposed_term);
    }
    if (update->commit > server->commit) {
        fprintf(out, "  apply to %" PRIu64 "\n", update->commit);
    }
    if (update->read_ticket != 0) {
        fprintf(out, "  read ticket %" PRIu64 "\n", update->read_ticket);
    }
    if (update->reads_released != 0) {
        fprintf(out, "  reads to %" PRIu64 " released at index %" PRIu64 "\n",
                update->reads_released, update->read_index);
    }
    if (update->reads_lost != 0) {
        fprintf(out, "  reads to %" PRIu64 " lost\n", update->reads_lost);
    }
    if (update->snapshot_to != 0) {
        fprintf(out, "  stream a snapshot to %" PRIu64 "\n", update->snapshot_to);
    }
    if (update->compact_to != 0) {
        fprintf(out, "  compact to %" PRIu64 "\n", update->compact_to);
    }
    for (uint32_t i = 0; i < update->message_count; i++) {
        fprintf(out, "  ");
        print_message(out, world, &update->messages[i]);
    }
    if (deadline_moved) {
        if (update->deadline_ns == UINT64_MAX) {
            fprintf(out, "  deadline never\n");
        } else {
            fprintf(out, "  deadline in ");
            uint64_t now_ns = de_world_clock(world, server);
            print_milliseconds(out,
                               update->deadline_ns > now_ns ? update->deadline_ns - now_ns : 0);
            fprintf(out, "\n");
        }
    }
}

void de_world_print_state(struct de_world *world)
{
    for (uint32_t i = 0; i < world->server_count; i++) {
        const struct de_world_server *server = &world->servers[i];
        struct de_raft_peer_view peers[DE_RAFT_MEMBERS_MAX];
        struct de_raft_view view;

        if (!server->up) {
            fprintf(world->out, "%" PRIu64 ": down\n", server->id);
            continue;
        }
        de_raft_get_view(server->raft, &view);
        fprintf(world->out,
                "%" PRIu64 ": %s term %" PRIu64 " vote %" PRIu64 " log (%" PRIu64 ", %" PRIu64
                "] durable %" PRIu64 " commit %" PRIu64 " members ",
                server->id, role_name(view.role), view.term, view.vote, view.base_index,
                view.last_index, view.durable_index, view.commit);
        print_members(world->out, view.configuration);
        fprintf(world->out, view.recovering ? " recovering" : "");
        if (view.dropped_messages != 0) {
            fprintf(world->out, " dropped %" PRIu64, view.dropped_messages);
        }
        if (view.lease_until_ns == UINT64_MAX) {
            fprintf(world->out, " lease for ever");
        } else if (view.lease_until_ns > de_world_clock(world, server)) {
            fprintf(world->out, " lease for ");
            print_milliseconds(world->out, view.lease_until_ns - de_world_clock(world, server));
        }
        fprintf(world->out, "\n");
        uint32_t count = de_raft_get_peers(server->raft, peers, DE_RAFT_MEMBERS_MAX);
        for (uint32_t j = 0; j < count; j++) {
            static const char *const states[] = {"?", "probe", "replicate", "snapshot"};
            fprintf(world->out,
                    "  %" PRIu64 ": %s match %" PRIu64 " next %" PRIu64 " in flight %u%s\n",
                    peers[j].id, states[peers[j].state], peers[j].match, peers[j].next,
                    peers[j].in_flight, peers[j].recent_active ? "" : " silent");
        }
    }
}

void de_world_print_log(const struct de_world *world, const struct de_world_server *server)
{
    fprintf(world->out, "%" PRIu64 ": base %" PRIu64 "/%" PRIu64 " terms", server->id,
            server->log.base_index, server->log.base_term);
    for (uint64_t i = 0; i < server->log.count; i++) {
        fprintf(world->out, " %" PRIu64, server->log.entries[i].term);
    }
    fprintf(world->out, "\n");
}

void de_world_print_messages(const struct de_world *world)
{
    for (size_t i = 0; i < world->message_count; i++) {
        print_message(world->out, world, &world->messages[i].message);
    }
    if (world->message_count == 0) {
        fprintf(world->out, "nothing on its way\n");
    }
}
