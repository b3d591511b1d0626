/* core/raft/raft_internal.h - the object, and what its files call in each other.
 *
 * Reading order: step.c (an event comes in), then the file of the event: election.c and vote.c,
 * append.c and append_reply.c, propose.c, read.c, change.c, transfer.c, snapshot.c. Handlers only
 * change what the object knows. What follows from it (votes that decide, entries that commit,
 * messages that may go now) happens once, at the end of the step, in settle.c; update.c closes
 * the update. */
#ifndef DE_CORE_RAFT_RAFT_INTERNAL_H
#define DE_CORE_RAFT_RAFT_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/assert.h"
#include "core/base/random.h"
#include "core/base/site.h"
#include "core/base/sometimes.h"
#include "core/raft/configuration.h"
#include "core/raft/progress.h"
#include "core/raft/quorum.h"
#include "core/raft/raft.h"
#include "core/raft/sizes.h"
#include "core/raft/term_runs.h"
#include "core/raft/tickets.h"

#ifdef __cplusplus
extern "C" {
#endif

/* No log gets this long and no cluster this old; below it no sum of indexes or terms overflows. */
#define DE_INDEX_MAX (UINT64_MAX / 4)

/* Appends with entries that one step sends to one peer at most. The window grows by as many with
 * each answer, so this bounds an update, not the throughput. */
#define DE_BURST_MAX 8

/* Room for the messages of one step: appends and one heartbeat to each peer, an answer to each,
 * and a few single ones. */
#define DE_OUTBOX_MAX (DE_RAFT_MEMBERS_MAX * (DE_BURST_MAX + 2) + 8)

/* How long the stream of a snapshot may take without a report, in maximum election timeouts. */
#define DE_SNAPSHOT_PATIENCE 100

/* As the follower of a leader. Everything here belongs to the current term. */
struct de_following {
    uint64_t verified;      /* our log equals the leader's up to here */
    uint64_t acknowledged;  /* greatest match that we have told it */
    uint64_t echo_round;    /* newest read round seen in its appends */
    uint64_t echo_ns;       /* newest of its send times seen */
    uint64_t leader_commit; /* greatest commit index that it has told us */
    /* An answer that waits for our term to be durable. */
    bool answer_due;
    bool answer_rejects;
    uint64_t hint_index;
    uint64_t hint_term;
    /* Recovering: the end of the leader's log, as it said after our restart; 0 = not yet. */
    uint64_t recovery_index;
};

/* In an election, on both sides. */
struct de_elections {
    uint8_t ballots[DE_RAFT_MEMBERS_MAX]; /* of the members, for us; enum de_ballot */
    /* Of the members of the configuration before. Asked when a grant is conditional, and something
     * may have been committed without the one in use (recovery.c). */
    uint8_t previous_ballots[DE_RAFT_MEMBERS_MAX];
    bool previous_asked;
    /* Which members of the configuration before grant, and have the entry of the one in use. */
    bool has_config[DE_RAFT_MEMBERS_MAX];
    bool request_due;      /* vote requests wait for our own vote to be durable */
    bool by_transfer;      /* the leader told us to campaign */
    bool needed;           /* a learner: who asked for our vote cannot do without our log */
    uint64_t grant_due;    /* whom we voted for, while that is not durable; 0 = none */
    bool grant_has_config; /* we have the configuration that it asked with */
    /* Until then we vote for nobody: a leader was heard, whose lease may count on us. */
    uint64_t promised_until_ns;
};

/* As leader. */
struct de_leadership {
    uint64_t noop_index; /* our first entry in this term */
    uint64_t heartbeat_due_ns;
    bool heartbeat; /* every peer gets an append in this step */
    uint64_t transfer_to;
    uint64_t transfer_until_ns;
    bool transfer_due; /* (re)send TIMEOUT_NOW once the target has everything */
    bool timeout_sent; /* TIMEOUT_NOW has left in this term: no lease any more */
};

/* Linearizable reads that wait (thesis 6.4). */
struct de_reads {
    uint64_t ticket; /* newest given out */
    uint64_t done;   /* all up to here are released or lost */
    /* Leader: a round of confirmation is under way for all tickets up to round_ticket. */
    uint64_t round;
    uint64_t round_ticket;
    bool round_open;
    bool waiting; /* reads have come since that wait for the next round */
    /* Follower: all tickets up to asked have been put to the leader. */
    uint64_t asked;
    uint64_t ask_again_ns;
};

/* Before the step; decides what has changed at its end. */
struct de_before {
    uint32_t role;
    uint64_t term;
    uint64_t vote;
    uint64_t leader;
    uint64_t config_index;
};

struct de_raft {
    struct de_raft_options options;
    struct de_random random;
    uint64_t now_ns;

    /* Raft, figure 2: persistent state. The entries themselves are the owner's. */
    uint64_t term;
    uint64_t vote;
    struct de_term_runs log;

    /* More about the log. */
    struct de_sizes sizes;
    struct de_tickets tickets;
    struct de_configurations configurations;
    uint64_t disk_since_ns; /* writes are under way, and none has completed since then */

    /* Raft, figure 2: volatile state. */
    uint32_t role; /* enum de_raft_role */
    uint64_t leader;
    uint64_t commit;
    uint64_t applied;
    uint64_t election_due_ns;
    bool recovering; /* recovery.c */

    struct de_following following;
    struct de_elections elections;
    struct de_leadership leading;
    struct de_reads reads;
    struct de_progress peers[DE_RAFT_MEMBERS_MAX]; /* leader: beside configuration members */

    uint64_t dropped_messages;
    const char *halt_reason; /* NULL while running */

    struct de_before before;
    struct de_raft_update *update; /* under construction; NULL between steps */
    struct de_raft_message *outbox;
};

/* step.c: bad input from the network is counted and forgotten (R7). */
void de_drop(struct de_raft *raft);
/* step.c: a contradiction with the committed prefix; nothing may be done any more (R7). */
void de_halt(struct de_raft *raft, const char *reason);

/* message.c: whether a message from the network can be meant for us, and is well formed. */
bool de_message_is_good(const struct de_raft *raft, const struct de_raft_message *message);

/* update.c */
void de_update_begin(struct de_raft *raft, struct de_raft_update *update, uint64_t now_ns);
void de_update_end(struct de_raft *raft);
/* A new outgoing message of our term; R4: our term is durable. */
struct de_raft_message *de_update_message(struct de_raft *raft, uint32_t type, uint64_t to);
/* Appends one entry of the core's own. */
void de_update_append_own(struct de_raft *raft, uint32_t type,
                          const struct de_raft_configuration *configuration);
/* A configuration has entered or left the log: who our peers are. */
void de_update_members(struct de_raft *raft);

/* settle.c: everything that follows from what the event changed. */
void de_settle(struct de_raft *raft);

/* role.c: transitions between the roles (Raft, figure 4). */
void de_become_follower(struct de_raft *raft, uint64_t term, uint64_t leader);
void de_become_pre_candidate(struct de_raft *raft);
void de_become_candidate(struct de_raft *raft, bool by_transfer);
void de_become_leader(struct de_raft *raft);
bool de_term_is_durable(const struct de_raft *raft);

/* election.c */
bool de_election_may_stand(const struct de_raft *raft);
void de_election_start(struct de_raft *raft);
void de_election_timeout(struct de_raft *raft);
void de_election_arm(struct de_raft *raft);
void de_election_settle(struct de_raft *raft);
void de_election_on_reply(struct de_raft *raft, const struct de_raft_message *message);

/* vote.c */
void de_vote_on_request(struct de_raft *raft, const struct de_raft_message *message);
void de_vote_settle(struct de_raft *raft);

/* append.c: the follower's side of Raft 5.3. */
bool de_append_heard(struct de_raft *raft, uint64_t leader);
void de_append_on_request(struct de_raft *raft, const struct de_raft_message *message);
void de_append_refuse_old_term(struct de_raft *raft, uint64_t to);
void de_append_settle(struct de_raft *raft);

/* append_reply.c: the leader's side. */
void de_append_on_reply(struct de_raft *raft, const struct de_raft_message *message);

/* recovery.c: a server that may have forgotten what it acknowledged. */
void de_recovery_announced(struct de_raft *raft, uint64_t last_index);
void de_recovery_settle(struct de_raft *raft);
uint64_t de_recovery_deadline(const struct de_raft *raft);

/* replicate.c */
struct de_progress *de_peer(struct de_raft *raft, uint64_t id);
void de_replicate_settle(struct de_raft *raft);
void de_replicate_heartbeat(struct de_raft *raft);
int de_replicate_on_unreachable(struct de_raft *raft, const struct de_raft_event *event);

/* commit.c */
void de_commit_settle(struct de_raft *raft);
bool de_leader_is_ready(const struct de_raft *raft);
/* Somebody knows that the entry (index, term) is committed; maybe we have it. */
void de_commit_learned(struct de_raft *raft, uint64_t index, uint64_t term);

/* propose.c */
int de_propose(struct de_raft *raft, const struct de_raft_event *event);
/* The answer to a request that only a leader can carry out. */
int de_not_leader(const struct de_raft *raft);

/* read.c */
int de_read(struct de_raft *raft, const struct de_raft_event *event);
void de_read_on_request(struct de_raft *raft, const struct de_raft_message *message);
void de_read_on_reply(struct de_raft *raft, const struct de_raft_message *message);
void de_read_refuse(struct de_raft *raft, const struct de_raft_message *message);
void de_read_lose(struct de_raft *raft);
void de_read_settle(struct de_raft *raft);

/* lease.c */
uint64_t de_lease_until(const struct de_raft *raft);
void de_lease_promise(struct de_raft *raft);
/* When a leader that hears no more has to step down (thesis 6.2). */
uint64_t de_check_quorum_due(const struct de_raft *raft);

/* transfer.c */
int de_transfer(struct de_raft *raft, const struct de_raft_event *event);
void de_transfer_on_timeout_now(struct de_raft *raft, const struct de_raft_message *message);
void de_transfer_settle(struct de_raft *raft);
void de_transfer_abort(struct de_raft *raft);
/* Steps down, for somebody else to lead. */
void de_transfer_step_aside(struct de_raft *raft);

/* change.c */
int de_change(struct de_raft *raft, const struct de_raft_event *event);
void de_change_settle(struct de_raft *raft);
bool de_change_is_removed(const struct de_raft *raft);
bool de_change_withholds(const struct de_raft *raft, const struct de_raft_member *member);

/* snapshot.c */
int de_snapshot_taken(struct de_raft *raft, const struct de_raft_event *event);
int de_snapshot_staged(struct de_raft *raft, const struct de_raft_event *event);
int de_snapshot_sent(struct de_raft *raft, const struct de_raft_event *event);
void de_snapshot_on_message(struct de_raft *raft, const struct de_raft_message *message);
void de_snapshot_start(struct de_raft *raft, struct de_progress *peer);

/* deadline.c */
void de_deadline_passed(struct de_raft *raft);
uint64_t de_deadline_next(const struct de_raft *raft);

#ifdef __cplusplus
}
#endif

#endif
