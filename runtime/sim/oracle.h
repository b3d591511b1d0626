/* runtime/sim/oracle.h - the white-box invariants, checked after every step of every node.
 *
 * Each check looks only at what the step changed. The oracle keeps its own books: what every node
 * gave its log store (the log in memory), what of it is durable, who led which term, which votes
 * were seen on the wire, and one committed log for the whole cluster. It trusts nothing that a core
 * says of itself when it can be had from outside.
 *
 *   election-safety      at most one leader in a term (Raft figure 3)
 *   single-vote          at most one vote per (node, term) on the wire, across restarts
 *   vote-durable         no vote leaves before it is durable (Raft 5.2, rule R4)
 *   log-matching         equal (index, term) means equal entry and equal predecessor's term
 *   leader-completeness  who is elected has all that lower terms committed
 *   committed            the committed prefix never changes, whoever looks at it
 *   commit-quorum        what is committed is durable on a quorum of the voters
 *   election-quorum      who leads has the votes of a quorum of the voters
 *   commit-monotonic     no node's commit index shrinks within a life
 *   ack-prefix           an acknowledged prefix is the leader's, and durable (rule R4)
 *   durable-view         no core takes for durable what is not; its log is what it wrote
 *   durability           after a restart the log is what was durable, plus whole writes under way;
 *                        a log that says so may lack plain entries at its end that were not flushed
 *   term-monotonic       no node's term shrinks within a life; what was durable, never
 *   apply-committed      only committed entries are applied, in order, none twice
 *   state-digest         equal applied index, equal state
 *   event-digest         equal revision, equal events, whether told when they happened or after a
 *                        restart
 *   acknowledged         an acknowledged write stands at its revision in the committed log
 *   installed            a snapshot takes the place of committed entries only
 *   covered              the log forgets only what a durable snapshot covers
 *   leader-votes         who is elected is a voter, unless what makes it none is not committed
 *   one-change           a configuration is appended only once the one before is committed
 *   own-term-first       ... and once its leader has committed an entry of its own term
 *   configuration        each committed configuration follows from the one before: at most one
 *                        voter differs, or it is joint, or ends the joint one; quorums overlap;
 *                        no id returns; only learners become voters
 *   changed              a change that is said to be done is committed
 *   removed              who says that it was removed, was
 *   halted               no node halts: there is no fault in a run that allows it
 *
 * A failure goes to the verdict; later checks are then meaningless and the run ends. One thread. */
#ifndef DE_RUNTIME_SIM_ORACLE_H
#define DE_RUNTIME_SIM_ORACLE_H

#include "core/node/node.h"
#include "runtime/sim/log_mirror.h"
#include "runtime/sim/verdict.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Nodes that there ever are in a run; ids are never used again, and fit a bit mask. */
#define DE_ORACLE_NODES_MAX 14u

/* An entry once seen at (index, term) anywhere; chained per index. */
struct de_known_entry {
    uint64_t term;
    uint64_t hash;
    uint64_t prev_term;
    uint8_t *data; /* owned copy of the payload */
    size_t data_size;
    uint32_t type;
    size_t next; /* position + 1; 0 = none */
};

struct de_committed_entry {
    struct de_mirror_entry entry;
    uint64_t commit_term; /* of the node that was first to call it committed */
};

struct de_oracle_node {
    bool up;
    struct de_log_mirror memory;    /* everything given to the store in this life and before */
    struct de_log_mirror durable;   /* what the store has acknowledged */
    uint64_t floor;                 /* ... and what of it no crash may take away */
    bool forgetful;                 /* the store says at boot that its end may be missing */
    struct de_log_mirror forgotten; /* what was acknowledged before that */
    struct de_mirror_write *writes; /* given, not acknowledged; oldest first */
    size_t write_count;
    size_t write_capacity;
    uint64_t term;   /* last seen */
    uint64_t commit; /* in this life */
    uint32_t role;
    uint64_t applied; /* by the state machine that exists now */
    uint64_t *votes;  /* votes[term] = candidate seen on the wire; 0 = none */
    size_t votes_capacity;
    uint64_t *configs; /* indexes of the CONFIG entries in memory, ascending */
    size_t config_count;
    size_t config_capacity;
    bool config_unchecked; /* the last of them is new */
    uint64_t sent_to;      /* a bit mask: what it has sent in the step under way went to these */
};

/* A committed configuration. */
struct de_oracle_config {
    uint64_t index;
    uint64_t highest_id;
    struct de_raft_configuration configuration;
    uint64_t addresses[DE_RAFT_MEMBERS_MAX]; /* for clients, of configuration.members[i], hashed */
};

struct de_oracle {
    struct de_verdict *verdict;
    uint32_t node_count;
    struct de_oracle_node nodes[DE_ORACLE_NODES_MAX + 1]; /* by id, from 1 */
    uint64_t *leaders;                                    /* leaders[term]; 0 = none */
    size_t leaders_capacity;
    size_t *known_first; /* by index: position + 1 in known; 0 = none */
    size_t known_first_capacity;
    struct de_known_entry *known;
    size_t known_count;
    size_t known_capacity;
    struct de_committed_entry *committed; /* committed[index - 1] */
    size_t committed_count;
    size_t committed_capacity;
    uint64_t *digests; /* by applied index; 0 = none yet */
    size_t digests_capacity;
    uint64_t *events; /* digests of them, by revision; 0 = none yet */
    size_t events_capacity;
    uint64_t elections; /* terms that had a leader */
    struct de_raft_configuration initial;
    struct de_oracle_config first_config; /* the initial one, as if committed at 0 */
    struct de_oracle_config *configs;     /* committed, in order */
    size_t config_count;
    size_t config_capacity;
    uint64_t used; /* a bit mask: ids that were ever members, by what is committed */
};

void de_oracle_init(struct de_oracle *oracle, struct de_verdict *verdict, uint32_t node_count);
void de_oracle_deinit(struct de_oracle *oracle);

/* Nodes 1 to members are the cluster at first; after init all are. */
void de_oracle_set_initial(struct de_oracle *oracle, uint32_t members);

/* ---- configurations (oracle_member.c) ---- */

/* The CONFIG entries in the log of node: some leave, one enters, all are looked for. */
void de_oracle_config_truncate(struct de_oracle *oracle, uint32_t node, uint64_t from);
void de_oracle_config_append(struct de_oracle *oracle, uint32_t node, uint64_t index);
void de_oracle_config_booted(struct de_oracle *oracle, uint32_t node);
/* Checks of a step, of a commit, of an election. */
void de_oracle_config_stepped(struct de_oracle *oracle, uint64_t now_ns, uint32_t node);
void de_oracle_config_committed(struct de_oracle *oracle, uint64_t now_ns, uint64_t index);
void de_oracle_check_quorum(struct de_oracle *oracle, uint64_t now_ns, uint32_t node,
                            uint64_t index);
void de_oracle_check_votes(struct de_oracle *oracle, uint64_t now_ns, uint32_t node, uint64_t term);

/* node says that it was removed. */
void de_oracle_removed(struct de_oracle *oracle, uint64_t now_ns, uint32_t node);
/* node says that change is done. */
void de_oracle_changed(struct de_oracle *oracle, uint64_t now_ns, uint32_t node,
                       const struct de_change *change);

/* The newest committed one; the initial one when there is none. */
const struct de_oracle_config *de_oracle_last_config(const struct de_oracle *oracle);
/* The one that node goes by. */
void de_oracle_config_of(const struct de_oracle *oracle, uint32_t node,
                         struct de_raft_configuration *configuration);
/* nodes: a bit mask of ids. */
bool de_oracle_is_quorum(const struct de_raft_configuration *configuration, uint64_t nodes);
/* Whether these nodes, when well, must be able to elect and commit whatever the others do. */
bool de_oracle_may_recover(const struct de_oracle *oracle, uint64_t nodes);
/* Whether one of these nodes can be elected by them, with the logs that they have. A quorum is not
 * enough for that: one node goes by a change that makes a voter of another, which has since been
 * told otherwise by a leader that is not among these, has a longer log, refuses its vote, and does
 * not stand itself. */
bool de_oracle_may_elect(const struct de_oracle *oracle, uint64_t nodes);
/* Whether these nodes may have forgotten the ends of their logs, and nothing committed is lost: of
 * every quorum somebody remembers. */
bool de_oracle_may_forget(const struct de_oracle *oracle, uint64_t nodes);

/* ---- what happens to logs (oracle_log.c) ---- */

/* node hands its log store a write. */
void de_oracle_submitted(struct de_oracle *oracle, uint64_t now_ns, uint32_t node,
                         const struct dengine_log_write *write);
/* The store has acknowledged the oldest count writes. */
void de_oracle_durable(struct de_oracle *oracle, uint64_t now_ns, uint32_t node, size_t count);
/* node hands its log store a reset: the log goes on after the snapshot at (index, term). */
void de_oracle_installing(struct de_oracle *oracle, uint64_t now_ns, uint32_t node,
                          const struct dengine_hard_state *hard_state, uint64_t index,
                          uint64_t term);
/* The log store of node is to forget entries up to (index, term), or has a snapshot of that. */
void de_oracle_compacting(struct de_oracle *oracle, uint64_t now_ns, uint32_t node, uint64_t index,
                          uint64_t term, uint64_t snapshot_index);
/* node has made, or received, a durable snapshot at (index, term). */
void de_oracle_snapshot(struct de_oracle *oracle, uint64_t now_ns, uint32_t node, uint64_t index,
                        uint64_t term);
/* Fills an empty mirror with what a snapshot at (index, term) takes the place of. */
void de_oracle_prefix(struct de_oracle *oracle, uint64_t now_ns, uint32_t node, uint64_t index,
                      uint64_t term, struct de_log_mirror *mirror);
/* The store of node has flushed all that it had acknowledged. */
void de_oracle_flushed(struct de_oracle *oracle, uint32_t node);
/* The store of node says that the end of its log may be missing; before booted. */
void de_oracle_forgetful(struct de_oracle *oracle, uint32_t node);
void de_oracle_crashed(struct de_oracle *oracle, uint32_t node);
/* node boots and has found this on its disk. */
void de_oracle_booted(struct de_oracle *oracle, uint64_t now_ns, uint32_t node,
                      const struct de_log_mirror *found);

/* ---- what nodes do (oracle.c) ---- */

/* node is about to send message. */
void de_oracle_message(struct de_oracle *oracle, uint64_t now_ns,
                       const struct de_raft_message *message);
/* A step of node is over. */
void de_oracle_stepped(struct de_oracle *oracle, uint64_t now_ns, uint32_t node,
                       const struct de_raft_view *view);

/* ---- what becomes of entries (oracle_state.c) ---- */

/* node calls everything up to commit committed (part of stepped). */
void de_oracle_committed(struct de_oracle *oracle, uint64_t now_ns, uint32_t node,
                         const struct de_raft_view *view);
/* The state machine of node was opened and says that it has applied up to index. */
void de_oracle_machine_opened(struct de_oracle *oracle, uint64_t now_ns, uint32_t node,
                              uint64_t index, uint64_t digest);
/* What the entry at index did, as node has it; 0 is not a digest. */
void de_oracle_events(struct de_oracle *oracle, uint64_t now_ns, uint32_t node, uint64_t index,
                      uint64_t digest);
/* The state machine of node is given a command of the entry (index, term). */
void de_oracle_applying(struct de_oracle *oracle, uint64_t now_ns, uint32_t node, uint64_t index,
                        uint64_t term, struct dengine_slice command);
/* The state machine of node has committed (index, term). */
void de_oracle_applied(struct de_oracle *oracle, uint64_t now_ns, uint32_t node, uint64_t index,
                       uint64_t digest);
/* node tells client that command was done at revision. */
void de_oracle_acknowledged(struct de_oracle *oracle, uint64_t now_ns, uint32_t node,
                            uint64_t client, uint64_t revision, struct dengine_slice command);

/* The entry seen at (index, term); NULL when there was none. Lives until the next write. */
const struct de_known_entry *de_oracle_known(const struct de_oracle *oracle, uint64_t index,
                                             uint64_t term);

/* A zero-filled element of a growing array of u64 by number. */
uint64_t *de_oracle_cell(uint64_t **array, size_t *capacity, uint64_t number);

#ifdef __cplusplus
}
#endif

#endif
