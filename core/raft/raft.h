/* core/raft/raft.h - consensus: event in, update out.
 *
 * One Raft server as a pure state machine after Ongaro and Ousterhout, "In Search of an
 * Understandable Consensus Algorithm (Extended Version)" (below: Raft), and Ongaro's thesis
 * "Consensus: Bridging Theory and Practice" (below: thesis). It does no input or output, reads no
 * clock, allocates nothing and never calls back. Whoever owns it feeds it events through
 * de_raft_step() and carries out the update that comes back.
 *
 * The rules:
 *
 * R1  One mutator, de_raft_step(), not re-entrant. Completions are events of their own, later.
 * R2  The core borrows what an event points to for the length of the step and owns no payload. Its
 *     memory is handed in at init. No step allocates, so no step fails half-way.
 * R3  An outgoing APPEND is a range (prev_index, last_index, last_term). The owner fills in the
 *     payloads when it sends, and drops the message if its entry at last_index does not have
 *     last_term any more. By Log Matching that one comparison validates the whole range.
 * R4  Nothing inside one update is ordered against anything else in it: messages may leave before
 *     the persist part is durable. What must wait for the disk is withheld by the core and comes
 *     out of the step that is told PERSISTED: every message of a term until that term is durable; a
 *     vote request until the own vote is; a granted vote until it is; an append acknowledgement
 *     above the durable and verified prefix; the leader's own match.
 * R5  PERSISTED carries a ticket, never an index: the late completion of a write that has been
 *     truncated since acknowledges nothing newer (the ABA problem).
 * R6  Boot state, options and the list of events determine every byte of every update: seeded
 *     generator in the object, members sorted by id, no pointer order, no floating point.
 * R7  An error return answers the local caller and leaves everything as it was. Bad network input
 *     is dropped and counted. A contradiction with the committed prefix halts the server for good,
 *     with the reason.
 * R8  Each proposal that was accepted at (term, index) ends exactly once: committed there, or
 *     overwritten (a later update truncates index), or given up by the owner as unknown (it stops,
 *     or an update installs a snapshot in place of the log).
 *
 * Always on: pre-vote (thesis 9.6), check-quorum (thesis 6.2), leader stickiness (Raft 6), no vote
 * for one maximum election timeout after a restart (a lease may be outstanding). A leader steps
 * aside when none of its writes under way has completed for one maximum election timeout.
 *
 * Time is monotonic nanoseconds of the owner's one clock, given with each event and never going
 * back. Only differences are used.
 *
 * Threads: one object is used by one thread at a time. */
#ifndef DE_CORE_RAFT_RAFT_H
#define DE_CORE_RAFT_RAFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <dengine/error.h>
#include <dengine/log_store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Members of a configuration, learners and both halves of a joint one together. */
#define DE_RAFT_MEMBERS_MAX 32

/* What an entry takes beside its payload: so a limit in bytes also limits how many there are. */
#define DE_RAFT_ENTRY_OVERHEAD 64

/* What a member is; a voter of both halves has both voter bits. */
enum de_raft_member_flag {
    DE_RAFT_VOTER = 1,     /* votes in the (new) configuration */
    DE_RAFT_VOTER_OLD = 2, /* votes in the outgoing half of a joint configuration */
    DE_RAFT_LEARNER = 4,   /* replicates, never counts, may be promoted */
    DE_RAFT_READ_ONLY = 8, /* with LEARNER: is never promoted */
};

struct de_raft_member {
    uint64_t id; /* never 0, never used again after removal */
    uint32_t flags;
    uint32_t reserved; /* 0 */
};

/* Members ascending by id. Joint (thesis 4.3) when any member has VOTER_OLD. */
struct de_raft_configuration {
    uint32_t count;
    uint32_t reserved; /* 0 */
    struct de_raft_member members[DE_RAFT_MEMBERS_MAX];
};

enum de_raft_role {
    DE_RAFT_FOLLOWER = 1,
    DE_RAFT_PRE_CANDIDATE = 2,
    DE_RAFT_CANDIDATE = 3,
    DE_RAFT_LEADER = 4,
};

/* What the core has to know of a log entry. */
struct de_raft_entry {
    uint64_t term;
    uint32_t type;  /* enum dengine_entry_type */
    uint32_t bytes; /* of payload */
    /* CONFIG entries: what the payload means, decoded by the owner; else NULL. */
    const struct de_raft_configuration *configuration;
};

enum de_raft_message_type {
    DE_RAFT_MSG_VOTE_REQUEST = 1, /* also pre-votes */
    DE_RAFT_MSG_VOTE_REPLY = 2,   /* also pre-votes */
    DE_RAFT_MSG_APPEND = 3,       /* an empty one is a heartbeat */
    DE_RAFT_MSG_APPEND_REPLY = 4,
    DE_RAFT_MSG_TIMEOUT_NOW = 5,  /* leadership transfer (thesis 3.10) */
    DE_RAFT_MSG_READ_REQUEST = 6, /* a follower asks the leader for a read index */
    DE_RAFT_MSG_READ_REPLY = 7,
    /* The leader's stream of a snapshot has ended (SNAPSHOT_SENT was given with ok and index). Its
     * receiver adds the configuration when it has staged that snapshot; or says SNAPSHOT_STAGED,
     * then this message is a heartbeat. */
    DE_RAFT_MSG_SNAPSHOT = 8,
    /* "You were removed": among owners; the core drops it. */
    DE_RAFT_MSG_REMOVED = 9,
};

/* One message, all kinds in one flat struct; members a kind does not use are 0. On the wire the
 * payloads of an APPEND travel with it. */
struct de_raft_message {
    uint32_t type;
    bool pre_vote; /* VOTE_REQUEST, VOTE_REPLY */
    bool granted;  /* VOTE_REPLY */
    bool rejected; /* APPEND_REPLY: prev did not match; READ_REPLY: not served */
    bool transfer; /* VOTE_REQUEST: asked for by the leader, so stickiness does not apply */
    /* VOTE_REPLY: by a server that may have forgotten entries; counts only if all voters grant. */
    bool recovering;
    bool has_config; /* VOTE_REPLY, granted: the voter has that CONFIG entry of the candidate too */
    uint64_t cluster_id;
    uint64_t from;
    uint64_t to;
    uint64_t term; /* a pre-vote request carries the term it would campaign in */

    /* VOTE_REQUEST: the candidate's last entry. APPEND: the entry before the range. */
    uint64_t prev_index;
    uint64_t prev_term;
    /* APPEND: the last entry of the range; equal to prev for a heartbeat. SNAPSHOT: the last entry
     * that the snapshot covers. READ_REPLY: last_index is the end of the leader's log. VOTE_REPLY:
     * last_term is the term of the entry `commit`. */
    uint64_t last_index;
    uint64_t last_term;
    /* APPEND: the leader's commit index. READ_REPLY: the read index. VOTE_REPLY: the voter's commit
     * index, which the candidate may have and not know of. */
    uint64_t commit;
    /* VOTE_REQUEST: the CONFIG entry that the candidate's configuration in use comes from; 0: none
     * in its log. */
    uint64_t config_index;
    uint64_t config_term;
    /* APPEND: the newest read round; the reply echoes it. READ_REQUEST: the follower's own ticket,
     * echoed by READ_REPLY. */
    uint64_t round;
    /* APPEND: the leader's clock when it sent; the reply echoes it (for the lease). */
    uint64_t sent_ns;
    /* APPEND_REPLY: highest index known durable here and equal to the leader's log. When rejected:
     * where the follower's log could match at the latest, and its term there. */
    uint64_t match;
    uint64_t hint_index;
    uint64_t hint_term;
    /* APPEND_REPLY: for so long after it got what it echoes its sender votes for nobody (lease). */
    uint64_t promise_ns;

    /* APPEND, received: metas of the entries prev_index + 1 .. last_index, borrowed. An outgoing
     * APPEND has none: it is a range (R3). */
    const struct de_raft_entry *entries;
    uint32_t entry_count;
    /* SNAPSHOT, received: the configuration in the snapshot, borrowed. */
    const struct de_raft_configuration *configuration;
};

enum de_raft_event_type {
    DE_RAFT_EV_MESSAGE = 1,
    DE_RAFT_EV_PROPOSE = 2,
    /* A new configuration is asked for; or the one in use once more, when its owner has something
     * else to write into that entry. */
    DE_RAFT_EV_CHANGE = 3,
    DE_RAFT_EV_TRANSFER = 4,    /* leadership is to go to `peer` (0: to whom the leader likes) */
    DE_RAFT_EV_UNREACHABLE = 5, /* messages to `peer` are being lost */
    DE_RAFT_EV_DEADLINE = 6,    /* the published deadline has passed */
    DE_RAFT_EV_PERSISTED = 7,   /* the persist parts up to `ticket` are durable, in order */
    DE_RAFT_EV_APPLIED = 8,     /* the state machine has applied up to `index` */
    /* A snapshot is durable that covers (index, term) at least: compact the log up to there, or as
     * far as hold_entries_max allows. `configuration` is the one as of index; INVALID without one
     * (a new server may not know any yet). */
    DE_RAFT_EV_SNAPSHOT_TAKEN = 9,
    /* A received snapshot at (index, term) with `configuration` is durable: install it, unless it
     * has been overtaken. It is committed, so it does not matter who sent it. */
    DE_RAFT_EV_SNAPSHOT_STAGED = 10,
    /* The stream to `peer` ended, `ok` or not; (index, term) of what was sent, or 0. */
    DE_RAFT_EV_SNAPSHOT_SENT = 11,
    DE_RAFT_EV_READ = 12, /* a linearizable read is asked for */
};

struct de_raft_event {
    uint64_t now_ns;
    uint32_t type; /* enum de_raft_event_type */
    bool ok;       /* SNAPSHOT_SENT */
    uint64_t peer;
    uint64_t ticket;
    uint64_t index;
    uint64_t term;
    const struct de_raft_message *message;             /* MESSAGE */
    const struct de_raft_entry *entries;               /* PROPOSE; their term is ignored */
    uint32_t entry_count;                              /* PROPOSE */
    const struct de_raft_configuration *configuration; /* CHANGE; SNAPSHOT_TAKEN, _STAGED */
};

/* Where the entries of a persist part come from. */
enum de_raft_entry_source {
    DE_RAFT_NO_ENTRIES = 0,
    DE_RAFT_FROM_EVENT = 1, /* event entries [skip, skip + count), of PROPOSE or of an APPEND */
    DE_RAFT_FROM_CORE = 2,  /* one entry made by the core: a NOOP, or a CONFIG */
};

/* One atomic write to the log store. */
struct de_raft_persist {
    uint64_t ticket;                      /* 0: nothing to write; else greater than all before */
    struct dengine_hard_state hard_state; /* always the current one; write it with the rest */
    bool hard_state_changed;              /* term or vote differ from the last persist part */
    uint64_t truncate_from;               /* remove entries >= this first; 0 = none */
    uint32_t source;                      /* enum de_raft_entry_source */
    uint32_t skip;
    uint32_t count;
    uint64_t first_index; /* of the first new entry */
    uint64_t term;        /* FROM_CORE and PROPOSE: the term of the new entries */
    uint32_t core_type;   /* FROM_CORE: enum dengine_entry_type */
    /* FROM_CORE and CONFIG: what to encode as payload; lives until the next step. */
    const struct de_raft_configuration *configuration;
    /* The staged snapshot at (index, term) replaces log and state machine; 0 = no. */
    uint64_t install_index;
    uint64_t install_term;
};

/* What one step asks its owner to do. Arrays belong to the core and live until the next step. */
struct de_raft_update {
    struct de_raft_persist persist;

    const struct de_raft_message *messages;
    uint32_t message_count;

    /* Entries up to here are committed, and durable in our own log: apply them. Never shrinks. */
    uint64_t commit;

    /* PROPOSE, CHANGE: where the (first) entry stands. */
    uint64_t proposed_index;
    uint64_t proposed_term;

    /* READ: the ticket of this read. Then, in this or a later update: all tickets up to
     * reads_released may be answered from a state that has applied read_index; all tickets up to
     * reads_lost (not released before) are lost: leadership ended, ask again elsewhere. Tickets
     * grow with each READ event that is accepted and are never used again: after a restart they
     * begin anywhere. A follower asks its leader for the read index. The core takes a ticket of its
     * own while it is recovering. */
    uint64_t read_ticket;
    uint64_t reads_released;
    uint64_t read_index;
    uint64_t reads_lost;

    /* The peer whose log ends before ours begins: stream it the newest snapshot, then report
     * SNAPSHOT_SENT; 0 = none. */
    uint64_t snapshot_to;
    /* The log may be cut up to here (a snapshot is durable); 0 = no. */
    uint64_t compact_to;

    bool role_changed;   /* role, term or leader differ from before the step */
    bool config_changed; /* the configuration in use differs from before the step */
    bool halted;         /* for good; de_raft_view.halt_reason says why */

    uint64_t deadline_ns; /* give DEADLINE at this time or later; UINT64_MAX = never */
};

/* Options, fixed for the life of the object. Times in nanoseconds. */
struct de_raft_options {
    uint64_t id;
    uint64_t cluster_id;
    uint64_t seed; /* of the election jitter */
    uint64_t election_timeout_min_ns;
    uint64_t election_timeout_max_ns; /* >= min; time-outs are drawn from [min, max] */
    uint64_t heartbeat_interval_ns;   /* < min / 2 */
    uint32_t drift_ppm;           /* promised bound on clock drift between members, for the lease */
    uint32_t append_entries_max;  /* entries in one APPEND */
    uint32_t append_bytes_max;    /* payload in one APPEND, as far as entry sizes are known */
    uint32_t window_messages_max; /* APPENDs in flight to one peer */
    uint64_t window_bytes_max;    /* payload in flight to one peer */
    /* Payload of uncommitted entries, and DE_RAFT_ENTRY_OVERHEAD for each of them. Beyond it
     * proposals are refused as BUSY. */
    uint64_t uncommitted_bytes_max;
    /* The leader keeps at most so many entries for members that it is feeding, although they might
     * be compacted; 0 = none. Else one that is slow would be sent one snapshot after the other. */
    uint64_t hold_entries_max;
    uint32_t term_runs_max; /* how many term changes the log in memory may hold; >= 16 */
    uint32_t size_ring;     /* entries whose sizes are remembered; a power of two */
    /* Where a simulator may have rare things done (core/base/site.h); NULL: nowhere. Borrowed. */
    struct de_sites *sites;
};

/* Entries [first_index, next run's first_index) have this term. */
struct de_raft_term_run {
    uint64_t first_index;
    uint64_t term;
};

/* A CONFIG entry found in the log at boot. */
struct de_raft_boot_configuration {
    uint64_t index;
    const struct de_raft_configuration *configuration;
};

/* What was found on disk. Borrowed during init. */
struct de_raft_boot {
    uint64_t now_ns;
    struct dengine_hard_state hard_state;
    uint64_t base_index; /* entry before the log: a snapshot covers it, or it is 0 */
    uint64_t base_term;
    uint64_t last_index;                 /* >= base_index */
    uint64_t applied;                    /* what the state machine has applied already */
    const struct de_raft_term_run *runs; /* of the entries base_index + 1 .. last_index */
    uint32_t run_count;
    /* As of base_index: the initial one, or one from a snapshot that covers base_index. That may be
     * a later one, whose entry is in the log as well: it is committed then. May be empty: then the
     * server waits for a leader to tell it. */
    const struct de_raft_configuration *configuration;
    const struct de_raft_boot_configuration *log_configurations; /* ascending */
    uint32_t log_configuration_count;
    bool first_boot; /* the store was created now, so no promise of an earlier life is out */
    /* The server may have acknowledged entries that are not in the log any more: its owner had
     * reported writes as PERSISTED that were not, and they are lost. See recovery.c for what the
     * server may do until it is whole again.
     *
     * What is lost may only be the log's end. So an owner that reports early does so only for
     * writes that append plain entries. One that changes the hard state (hard_state_changed),
     * truncates, installs a snapshot or has a CONFIG entry is reported when it and all before it
     * are durable.
     *
     * Then the hint hard_state.commit may lie beyond last_index. Not so `applied`: when the state
     * machine is ahead of the log, the owner rebuilds it, for if the whole cluster forgot, other
     * entries come in the place of those.
     *
     * Whoever stops before de_raft_view.recovering is false has to say `recovering` again. */
    bool recovering;
};

/* What can be seen from outside; for status, oracles and tests. */
struct de_raft_peer_view {
    uint64_t id;
    uint64_t match;
    uint64_t next;
    uint32_t state; /* 1 probe, 2 replicate, 3 snapshot */
    uint32_t in_flight;
    bool recent_active;
};

struct de_raft_view {
    uint64_t id;
    uint64_t term;
    uint64_t vote;
    uint64_t leader; /* 0 = unknown */
    uint32_t role;
    bool ready;      /* leader: an entry of the own term is committed */
    bool recovering; /* may have forgotten what it acknowledged, see struct de_raft_boot */
    bool halted;
    const char *halt_reason; /* static text; "" unless halted */
    uint64_t base_index;
    uint64_t last_index;
    uint64_t last_term;
    uint64_t durable_index; /* own log is durable up to here */
    uint64_t durable_term;  /* hard state that is durable */
    uint64_t durable_vote;
    uint64_t commit;
    uint64_t applied;
    uint64_t lease_until_ns; /* leader: lease reads are good before this; 0 = no lease */
    uint64_t transfer_to;    /* a transfer is under way; 0 = none */
    uint64_t config_index;   /* of the configuration in use */
    uint64_t dropped_messages;
    uint32_t term_runs_free; /* term changes the log has room for: take a snapshot before it is 0 */
    const struct de_raft_configuration *configuration; /* in use; lives until the next step */
};

struct de_raft;

/* Checks options; 0 or DENGINE_E_CONFIG, with a static sentence in *reason. */
int de_raft_check_options(const struct de_raft_options *options, const char **reason);

/* Bytes that an object with these (checked) options needs. */
size_t de_raft_size(const struct de_raft_options *options);

/* Makes the object in memory of de_raft_size() bytes, aligned as malloc() aligns; the object uses
 * it until the caller frees it (there is nothing else to release). The first update, with the first
 * deadline, goes to *update. CORRUPT when the boot state contradicts itself, CONFIG when its log
 * has more term changes than term_runs_max (nothing was made then). */
int de_raft_init(void *memory, const struct de_raft_options *options,
                 const struct de_raft_boot *boot, struct de_raft **raft,
                 struct de_raft_update *update);

/* The one function that changes state. Always fills *update (with nothing to do, where that is so).
 * Returns 0, or answers a local request: NOT_LEADER; NO_LEADER; BUSY (uncommitted_bytes_max; a
 * transfer is under way; for a change also: another one is not committed yet, or no entry of our
 * term is); INVALID (the request makes no sense, nor does a ticket that was never given out or an
 * index beyond what is committed); HALTED. */
int de_raft_step(struct de_raft *raft, const struct de_raft_event *event,
                 struct de_raft_update *update);

void de_raft_get_view(const struct de_raft *raft, struct de_raft_view *view);

/* The term of the entry at index; 0 when the log does not know it (compacted, or beyond the end).
 * The base index has its term. */
uint64_t de_raft_term_at(const struct de_raft *raft, uint64_t index);

/* Fills at most max views of the leader's peers, ascending by id; returns how many there are. */
uint32_t de_raft_get_peers(const struct de_raft *raft, struct de_raft_peer_view *views,
                           uint32_t max);

#ifdef __cplusplus
}
#endif

#endif
