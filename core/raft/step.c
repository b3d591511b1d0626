/* core/raft/step.c - one event: check it, hand it to the file it belongs to, settle. */
#include "core/raft/raft_internal.h"

void de_drop(struct de_raft *raft)
{
    DE_ASSERT(raft->update != NULL);
    DE_ASSERT(raft->halt_reason == NULL);
    raft->dropped_messages++;
    DE_ASSERT(raft->dropped_messages > 0);
}

void de_halt(struct de_raft *raft, const char *reason)
{
    DE_ASSERT(reason != NULL && reason[0] != '\0');
    DE_ASSERT(raft->halt_reason == NULL);
    raft->halt_reason = reason;
}

/* Raft 5.1: a server that sees a higher term enters it; messages of a lower one are refused.
 * Returns whether the message is to be handled. */
static bool enter_term(struct de_raft *raft, const struct de_raft_message *message)
{
    bool is_promise =
        message->type == DE_RAFT_MSG_VOTE_REPLY && message->pre_vote && message->granted;

    DE_ASSERT(message->type != DE_RAFT_MSG_VOTE_REQUEST);
    if (is_promise) {
        return true; /* speaks of a term that nobody has entered yet */
    }
    if (message->term > raft->term) {
        de_become_follower(raft, message->term, 0);
    } else if (message->term < raft->term) {
        DE_SOMETIMES(message->type == DE_RAFT_MSG_APPEND && message->entry_count > 0,
                     "an old leader still sends entries");
        if (message->type == DE_RAFT_MSG_APPEND || message->type == DE_RAFT_MSG_SNAPSHOT) {
            de_append_refuse_old_term(raft, message->from);
        } else if (message->type == DE_RAFT_MSG_READ_REQUEST) {
            de_read_refuse(raft, message);
        } else if (message->type == DE_RAFT_MSG_VOTE_REPLY) {
            de_commit_learned(raft, message->commit, message->last_term); /* true in any term */
        }
        return false;
    }
    DE_ASSERT(message->term == raft->term);
    return true;
}

typedef void message_handler(struct de_raft *raft, const struct de_raft_message *message);

static message_handler *const message_handlers[] = {
    [DE_RAFT_MSG_VOTE_REQUEST] = de_vote_on_request,
    [DE_RAFT_MSG_VOTE_REPLY] = de_election_on_reply,
    [DE_RAFT_MSG_APPEND] = de_append_on_request,
    [DE_RAFT_MSG_APPEND_REPLY] = de_append_on_reply,
    [DE_RAFT_MSG_TIMEOUT_NOW] = de_transfer_on_timeout_now,
    [DE_RAFT_MSG_READ_REQUEST] = de_read_on_request,
    [DE_RAFT_MSG_READ_REPLY] = de_read_on_reply,
    [DE_RAFT_MSG_SNAPSHOT] = de_snapshot_on_message,
};

static int on_message(struct de_raft *raft, const struct de_raft_event *event)
{
    const struct de_raft_message *message = event->message;

    if (message == NULL || !de_message_is_good(raft, message)) {
        de_drop(raft);
        return 0;
    }
    DE_ASSERT(message->type < DE_ARRAY_SIZE(message_handlers));
    /* A refused vote request must not raise our term, so votes look at terms themselves. */
    if (message->type == DE_RAFT_MSG_VOTE_REQUEST || enter_term(raft, message)) {
        message_handlers[message->type](raft, message);
    }
    return 0;
}

static int on_deadline(struct de_raft *raft, const struct de_raft_event *event)
{
    DE_ASSERT(raft->now_ns >= event->now_ns);
    DE_ASSERT(raft->halt_reason == NULL);
    de_deadline_passed(raft);
    return 0;
}

/* R5: the ticket says what is durable, whatever has happened to the log since. */
static int on_persisted(struct de_raft *raft, const struct de_raft_event *event)
{
    uint32_t count = raft->tickets.count;
    bool was_issued = de_tickets_persisted(&raft->tickets, event->ticket);

    if (raft->tickets.count < count) {
        raft->disk_since_ns = raft->now_ns;
    }
    DE_ASSERT(raft->tickets.durable_index <= raft->log.last_index);
    DE_ASSERT(raft->tickets.durable_term <= raft->term);
    return was_issued ? 0 : DENGINE_E_INVALID;
}

static int on_applied(struct de_raft *raft, const struct de_raft_event *event)
{
    DE_ASSERT(raft->applied <= raft->commit);
    if (event->index > raft->commit) {
        return DENGINE_E_INVALID;
    }
    if (raft->applied < event->index) {
        raft->applied = event->index;
    }
    DE_ASSERT(raft->applied <= raft->commit);
    return 0;
}

typedef int event_handler(struct de_raft *raft, const struct de_raft_event *event);

static event_handler *const event_handlers[] = {
    [DE_RAFT_EV_MESSAGE] = on_message,
    [DE_RAFT_EV_PROPOSE] = de_propose,
    [DE_RAFT_EV_CHANGE] = de_change,
    [DE_RAFT_EV_TRANSFER] = de_transfer,
    [DE_RAFT_EV_UNREACHABLE] = de_replicate_on_unreachable,
    [DE_RAFT_EV_DEADLINE] = on_deadline,
    [DE_RAFT_EV_PERSISTED] = on_persisted,
    [DE_RAFT_EV_APPLIED] = on_applied,
    [DE_RAFT_EV_SNAPSHOT_TAKEN] = de_snapshot_taken,
    [DE_RAFT_EV_SNAPSHOT_STAGED] = de_snapshot_staged,
    [DE_RAFT_EV_SNAPSHOT_SENT] = de_snapshot_sent,
    [DE_RAFT_EV_READ] = de_read,
};

/* A halted server answers its callers and does nothing else. */
static int halted(uint32_t type)
{
    bool is_request = type == DE_RAFT_EV_PROPOSE || type == DE_RAFT_EV_CHANGE ||
                      type == DE_RAFT_EV_TRANSFER || type == DE_RAFT_EV_READ;

    DE_ASSERT(type != 0 && type < DE_ARRAY_SIZE(event_handlers));
    return is_request ? DENGINE_E_HALTED : 0;
}

int de_raft_step(struct de_raft *raft, const struct de_raft_event *event,
                 struct de_raft_update *update)
{
    int rc;

    DE_ASSERT(raft != NULL && event != NULL && update != NULL);
    DE_ASSERT(raft->update == NULL); /* R1: not re-entrant */
    de_update_begin(raft, update, event->now_ns);
    if (event->type == 0 || event->type >= DE_ARRAY_SIZE(event_handlers)) {
        rc = DENGINE_E_INVALID;
    } else if (raft->halt_reason != NULL) {
        rc = halted(event->type);
    } else {
        rc = event_handlers[event->type](raft, event);
        if (rc == 0 && raft->halt_reason == NULL) {
            de_settle(raft);
        }
    }
    de_update_end(raft);
    DE_ASSERT(raft->update == NULL);
    return rc;
}
