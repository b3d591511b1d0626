/* core/node/node_state.h - the object behind struct de_node; for the files of core/node only.
 *
 * How one input is handled: de_node_enter; step the core (step.c), carry out its update (update.c);
 * then de_node_turn (turn.c) does what has become possible: tell the core of completions, propose,
 * start reads, apply, read back, arm the timer.
 *
 * Memory: whatever a step may ask for is reserved before the step (de_node_reserve), because a step
 * cannot be taken back. Without memory an event from the network is dropped, a request is refused,
 * and a completion is told later, after a retry. */
#ifndef DE_CORE_NODE_NODE_STATE_H
#define DE_CORE_NODE_NODE_STATE_H

#include "core/base/site.h"
#include "core/node/book.h"
#include "core/node/entry_cache.h"
#include "core/node/forward.h"
#include "core/node/node.h"
#include "core/node/requests.h"
#include "core/node/snapshots.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_NODE_REASON_BYTES 256
#define DE_NODE_NEVER        UINT64_MAX
#define DE_NODE_SECOND_NS    UINT64_C(1000000000)

/* An APPEND whose entries are not (all) in the cache, or that must not overtake one. */
struct de_backlog_item {
    struct de_raft_message message;
    struct de_backlog_item *next;
};

/* Whether to do the rare thing here; see core/base/site.h. */
#define DE_NODE_SITE(node, name) de_site((node)->raft_options.sites, DE_SITE_##name)

/* A persist job with what it holds. */
struct de_persist_work {
    struct de_persist_job job;
    bool own; /* carries a proposal of this node: counts against persist_jobs_max */
    uint32_t capacity;
    uint32_t count;
    struct dengine_entry *entries;    /* capacity of them */
    struct de_entry_buffer **buffers; /* capacity of them; a reference to each of count */
};

enum de_log_read_purpose {
    DE_LOG_READ_FOR_APPLY = 1,
    DE_LOG_READ_FOR_PEER = 2,
};

#define DE_JOB_MESSAGE_BYTES 128

struct de_log_read_job {
    uint32_t purpose;
    uint64_t first;
    uint64_t last;
    /* Filled by the run: entries first .. first + count - 1, payloads in data. */
    int status;
    uint32_t count;
    uint32_t count_max;
    size_t size;
    size_t capacity;
    size_t needed; /* count 0: the first entry alone needs a capacity like this */
    struct dengine_entry *entries;
    uint8_t *data;
    char message[DE_JOB_MESSAGE_BYTES];
};

struct de_apply_entry {
    uint64_t index;
    struct dengine_entry entry;
    struct de_entry_buffer *buffer; /* holds the payload; NULL: the job's log read does */
    struct de_proposal *proposal;   /* who waits for it; NULL: nobody here */
};

struct de_apply_job {
    struct dengine_state_machine machine;
    struct de_log_read_job *source;
    int status;
    uint32_t count;
    uint64_t time_ns;                   /* cluster time of the entry before */
    uint32_t done;                      /* entries that are applied, committed and answered */
    struct dengine_machine_clock clock; /* after the last commit */
    struct de_apply_entry *entries;
    char message[DE_JOB_MESSAGE_BYTES];
};

/* A change of the membership that the core has taken. */
struct de_change_under_way {
    struct de_request *request; /* NULL: none */
    uint64_t index;             /* of the first CONFIG entry that it takes */
    uint64_t term;
    uint64_t deadline_ns; /* leadership was lost: when to give up; else NEVER */
    bool committed;       /* that first entry is */
};

struct de_transfer_under_way {
    struct de_request *request; /* NULL: none */
    uint64_t target;            /* 0: whoever it will be */
    uint64_t term;              /* that we led when it began */
    uint64_t deadline_ns;       /* leadership has ended: when to give up; else NEVER */
};

/* Time since this node last became leader (clock.c). */
struct de_node_office {
    uint64_t term;          /* 0 = has never led */
    uint64_t since_ns;      /* own clock */
    uint64_t time_ns;       /* cluster time then */
    uint64_t stamp_ns;      /* newest stamp given */
    uint64_t wake_index;    /* newest entry with a wake command */
    uint64_t wake_retry_ns; /* the last one could not be proposed: not before this */
};

/* What the log store is told once the core is no longer recovering (whole.c). */
struct de_log_whole {
    struct de_node_task task;
    struct dengine_log_store log;
    bool wanted; /* it said `recovering` at boot and has not been told */
    int status;
};

struct de_node {
    struct de_node_limits limits;
    struct de_node_env env;
    struct de_allocator allocator;
    struct dengine_state_machine machine;
    struct dengine_log_store log; /* for tasks of the log writer */
    struct de_raft_options raft_options;

    void *raft_memory;
    struct de_raft *raft;
    struct de_raft_update update; /* of the last step */
    struct de_raft_view view;     /* after the last step */

    bool inside; /* an input is being handled: no callback may come back in */
    bool stopped;
    enum dengine_log_room log_room;
    bool machine_full; /* see de_node_machine_full */
    int halt_err;      /* 0 = running */
    char halt_reason[DE_NODE_REASON_BYTES];
    struct de_node_status told; /* what env.changed said last */
    bool config_changed;        /* since then */

    uint64_t raft_deadline_ns; /* published by the core */
    uint64_t retry_ns;         /* something failed for lack of memory: look again then */
    uint64_t armed_ns;         /* what env.arm said last; NEVER: nothing */

    struct de_entry_cache cache;
    uint64_t commit;
    uint64_t applied;                   /* by the state machine */
    uint64_t applied_told;              /* ... as far as the core knows */
    struct dengine_machine_clock clock; /* of the state machine, as of applied */
    /* The newest stamp that the log had at boot, and of which entry; 0 when that was truncated. */
    uint64_t boot_stamp_ns;
    uint64_t boot_stamp_index;
    struct de_node_office office;
    uint64_t persisted;      /* newest ticket that is durable */
    uint64_t persisted_told; /* ... as far as the core knows */

    struct de_book book;         /* the memberships that the log needs */
    struct de_membership target; /* what a change asks for */
    bool target_in_use;          /* while the core takes it up */
    struct de_membership scratch;
    struct de_change_under_way change;
    struct de_transfer_under_way transfer;
    bool told_removed;          /* a member has said that we were removed */
    struct de_node_lease lease; /* as published */

    /* Jobs with the environment. */
    uint32_t persist_jobs;
    uint32_t own_persist_jobs;
    uint32_t log_reads;
    bool applying;
    uint64_t applying_to; /* the last entry that was given to the applier */
    bool applier_task;    /* the applier has a task: no apply job meanwhile */
    bool reading_for_apply;
    bool reading_for_peer;

    /* Reserved before a step. */
    struct de_persist_work *spare_work;
    struct de_entry_buffer *spare_core; /* for an entry that the core makes */
    /* The entries of the event of the step under way, a reference to each. */
    struct de_entry_buffer **staged;
    uint32_t staged_count;
    uint32_t staged_capacity;

    /* Scratch. */
    struct dengine_entry *send_entries; /* raft_options.append_entries_max */
    struct de_raft_entry *metas;        /* staged_capacity */

    struct de_backlog_item *backlog_first;
    struct de_backlog_item *backlog_last;
    uint32_t backlog_count;
    size_t read_bytes; /* room for entries in a log read */

    uint32_t pending_requests;
    uint64_t pending_bytes;
    uint64_t dropped_messages;
    struct de_request_list waiting_writes;
    struct de_proposal_list proposals;    /* of the present term as leader, ascending */
    struct de_proposal_list orphans;      /* of lost terms, ascending by deadline */
    struct de_request_list waiting_admin; /* changes and transfers */
    struct de_request_list waiting_reads;
    struct de_request_list asked_reads;     /* ascending by ticket */
    struct de_request_list confirmed_reads; /* ticket = read index */

    struct de_forwarding forwarding;
    struct de_snapshots snapshots;
    struct de_log_whole whole;
};

/* Whether new writes are refused for lack of room. */
static inline bool de_node_short_of_space(const struct de_node *node)
{
    return node->log_room != DENGINE_LOG_ROOM || node->machine_full;
}

static inline bool de_node_running(const struct de_node *node)
{
    return !node->stopped && node->halt_err == 0;
}

/* ---- incoming.c ---- */

/* Whether the core is to be told when its deadline passes. */
bool de_node_heeds_deadline(const struct de_node *node);

/* ---- turn.c ---- */

/* Brackets of every input. */
void de_node_enter(struct de_node *node);
void de_node_leave(struct de_node *node);
/* Does whatever has become possible. */
void de_node_turn(struct de_node *node, uint64_t now_ns);
/* Something failed for lack of memory: have another turn after a while. */
void de_node_retry(struct de_node *node, uint64_t now_ns);
/* Have another turn at at_ns; to be said again by each turn until then. */
void de_node_wake_at(struct de_node *node, uint64_t at_ns);

/* ---- clock.c ---- */

/* Notes when this node has become leader. */
void de_node_take_office(struct de_node *node, uint64_t now_ns);
/* The state machine has been replaced: time does not go on from before it. */
void de_node_clock_moved(struct de_node *node, uint64_t now_ns);
/* Cluster time now, for an entry of this leader. */
uint64_t de_node_stamp(struct de_node *node, uint64_t now_ns);
/* When this leader has to propose the state machine's wake command, by its own clock; NEVER. */
uint64_t de_node_wake_deadline(const struct de_node *node);
/* Proposes it if it is time. */
void de_node_wake(struct de_node *node, uint64_t now_ns);

/* ---- step.c ---- */

/* Memory for a step with that many entries in its event; false when there is none. */
bool de_node_reserve(struct de_node *node, uint32_t entries);
/* Steps the core; node->update and node->view are then those after it. Needs a reserve. */
int de_node_step(struct de_node *node, const struct de_raft_event *event);
/* Steps with an event that needs nothing else and carries out the update; false: no memory. */
bool de_node_step_simple(struct de_node *node, const struct de_raft_event *event);
void de_node_drop_staged(struct de_node *node);
/* What a node answers that is not the leader. */
int de_node_not_leader(const struct de_node *node);

/* ---- update.c ---- */

/* Carries out node->update. own: its entries are a proposal of this node. */
void de_node_execute(struct de_node *node, bool own, uint64_t now_ns);

/* ---- persist.c ---- */

struct de_persist_work *de_persist_work_new(const struct de_allocator *allocator,
                                            uint32_t capacity);
/* Gives the write of node->update to the environment and brings the cache up to it. */
void de_node_persist(struct de_node *node, bool own);

/* ---- submit.c: the ends of requests ---- */

void de_node_end_request(struct de_node *node, struct de_request *request, int status);
void de_node_end_list(struct de_node *node, struct de_request_list *list, int status);
/* Frees proposal. */
void de_node_end_proposal(struct de_node *node, struct de_proposal *proposal, int status);
/* Ends all that is not with the applier: unproposed ones with status, the others as UNKNOWN. */
void de_node_end_all(struct de_node *node, int status);

/* ---- propose.c ---- */

/* Proposes what waits, as far as the limit on jobs in flight allows; when not leader, forwards or
 * refuses it. */
void de_node_propose(struct de_node *node, uint64_t now_ns);
/* A proposal of the writes that wait first, and its entry as a buffer; NULL, and they are ended,
 * without memory. */
struct de_proposal *de_node_make_batch(struct de_node *node, uint64_t stamp_ns,
                                       struct de_entry_buffer **buffer);
/* Steps with the one staged entry; then proposal (NULL: nobody waits) is in the log, or ended.
 * Returns what the core said. */
int de_node_propose_staged(struct de_node *node, struct de_proposal *proposal, uint64_t now_ns);
/* Leadership of the proposals' term is lost: they become orphans. */
void de_node_orphan_proposals(struct de_node *node, uint64_t now_ns);
/* Ends the orphans, and what was forwarded, that commit has decided against. */
void de_node_resolve_orphans(struct de_node *node);
/* Gives up the orphans whose time has come. */
void de_node_expire_orphans(struct de_node *node, uint64_t now_ns);

/* ---- forward.c ---- */

void de_node_forward_init(struct de_node *node, bool off, uint64_t now_ns);
/* Whether writes and reads of this node may go to a leader. */
bool de_node_can_forward(const struct de_node *node);
/* Sends the writes that wait, as far as the limit on batches without an answer allows. */
void de_node_forward(struct de_node *node, uint64_t now_ns);
/* Whether no batch is to be sent before the leader has answered another one. */
bool de_node_forward_is_held(const struct de_node *node);
/* What has come; false: dropped. */
bool de_node_forward_answered(struct de_node *node, const struct de_raft_message *reply);
bool de_node_forward_arrived(struct de_node *node, const struct de_peer_message *message);
/* Ends what waits in vain. */
void de_node_forward_turn(struct de_node *node, uint64_t now_ns);
/* Proposes the first of the batches that followers have sent; refuses all of them. */
void de_node_propose_forwarded(struct de_node *node, uint64_t now_ns);
void de_node_refuse_forwarded(struct de_node *node, int err);
void de_node_forward_end(struct de_node *node);

/* ---- reads.c ---- */

void de_node_ask_reads(struct de_node *node, uint64_t now_ns);
/* Looks at released and lost tickets of node->update. */
void de_node_update_reads(struct de_node *node);
/* Ends the reads that the applier has caught up with. */
void de_node_finish_reads(struct de_node *node);

/* ---- change.c ---- */

/* The request is under way then, or ended. */
void de_node_start_change(struct de_node *node, struct de_request *request, uint64_t now_ns);
/* Looks at what has become of the change under way. */
void de_node_settle_change(struct de_node *node, uint64_t now_ns);
void de_node_expire_change(struct de_node *node, uint64_t now_ns);
/* Ends the one under way, if there is one. */
void de_node_end_change(struct de_node *node, int status, const char *reason);

/* ---- transfer.c: the same for transfers ---- */

void de_node_start_transfer(struct de_node *node, struct de_request *request, uint64_t now_ns);
void de_node_settle_transfer(struct de_node *node, uint64_t now_ns);
void de_node_expire_transfer(struct de_node *node, uint64_t now_ns);
void de_node_end_transfer(struct de_node *node, int status, const char *reason);

/* ---- removed.c ---- */

bool de_node_is_removed(const struct de_node *node);
/* A vote request has come: tells its sender if it was removed. */
void de_node_tell_removed(struct de_node *node, const struct de_raft_message *request);

/* ---- lease.c ---- */

/* Publishes the lease as it is after the step. */
void de_node_update_lease(struct de_node *node);
/* The node has stopped or halted. */
void de_node_end_lease(struct de_node *node);

/* ---- apply.c ---- */

void de_node_start_apply(struct de_node *node, uint64_t now_ns);
/* What the state machine knows of time; outside any job. */
struct dengine_machine_clock de_node_machine_clock(struct dengine_state_machine machine);
/* Makes and starts an apply job from what was read back; takes the read job when true. */
bool de_node_apply_read(struct de_node *node, struct de_log_read_job *read);

/* ---- outgoing.c ---- */

/* Sends the messages of node->update. */
void de_node_send_messages(struct de_node *node);
/* Sends as much of the range as the cache holds from its start, in pieces; true when that was
 * all. Moves the message's prev forward. */
bool de_node_send_cached(struct de_node *node, struct de_raft_message *message);
/* Rule R3. */
bool de_node_range_valid(const struct de_node *node, const struct de_raft_message *message);
/* Sends entries first .. of a range in pieces; moves the message's prev forward. */
void de_node_send_pieces(struct de_node *node, struct de_raft_message *message,
                         const struct dengine_entry *entries, uint32_t count);

/* ---- backlog.c ---- */

/* Queues the message when it has to wait for a log read; false: send it now. */
bool de_node_backlog_take(struct de_node *node, const struct de_raft_message *message);
/* Sends what can be sent, starts a log read for the rest. */
void de_node_backlog_turn(struct de_node *node, uint64_t now_ns);
/* Entries for the head of the backlog were read. */
void de_node_backlog_read(struct de_node *node, const struct de_log_read_job *read);
void de_node_backlog_clear(struct de_node *node);

/* ---- log_read.c ---- */

/* Starts reading [first, last]; false when out of memory. */
bool de_node_read_log(struct de_node *node, uint32_t purpose, uint64_t first, uint64_t last);

/* ---- status.c ---- */

void de_node_notify(struct de_node *node);
/* Ends everything and says so, once. */
void de_node_halt(struct de_node *node, int err, const char *what, const char *detail);

/* ---- snapshots.c ---- */

/* Hands a task of this node to a worker. */
void de_node_run_task(struct de_node *node, struct de_node_task *task, uint32_t worker);
/* Counts a failure that will be retried. */
void de_node_snapshot_failed(struct de_node *node, int err);
/* The configuration as of the applied index; takes over the reference. */
void de_node_applied_configuration(struct de_node *node, struct de_entry_buffer *configuration);
/* A CHUNK or CHUNK_REPLY; false: dropped. */
bool de_node_receive_chunk(struct de_node *node, const struct de_peer_message *message,
                           uint64_t now_ns);
void de_node_snapshots_turn(struct de_node *node, uint64_t now_ns);
/* The node runs no longer: requests end with status, what is open is closed by further tasks. */
void de_node_snapshots_end(struct de_node *node, int status);
void de_node_snapshots_deinit(struct de_node *node);
void de_node_snapshots_status(const struct de_node *node, struct de_node_snapshot_status *status);

/* ---- snapshot_take.c ---- */

/* Term changes will soon find no room in the core. */
bool de_node_few_runs(const struct de_node *node);
/* Lets the core know from where on it has to keep its log. */
void de_node_tell_taken(struct de_node *node, uint64_t now_ns);
void de_node_take_turn(struct de_node *node, uint64_t now_ns);
void de_node_compact_turn(struct de_node *node, uint64_t now_ns);

/* whole.c */
void de_node_whole_turn(struct de_node *node);

/* ---- snapshot_send.c ---- */

/* The core wants peer to get the newest snapshot. */
void de_node_send_snapshot(struct de_node *node, uint64_t peer);
void de_node_send_turn(struct de_node *node, uint64_t now_ns);
void de_node_on_chunk_reply(struct de_node *node, const struct de_peer_message *message,
                            uint64_t now_ns);
void de_node_end_sends(struct de_node *node);
/* Transfers under way. */
uint32_t de_node_sends(const struct de_node *node);

/* ---- snapshot_receive.c ---- */

/* Copies the configuration of a snapshot, which must be the one at (index, term), into buffer;
 * CORRUPT when it is none. Any thread. */
int de_node_take_configuration(const struct dengine_snapshot_meta *meta, uint64_t index,
                               uint64_t term, struct de_entry_buffer *buffer);
void de_node_receive_turn(struct de_node *node, uint64_t now_ns);
void de_node_on_chunk(struct de_node *node, const struct de_peer_message *message, uint64_t now_ns);
void de_node_end_receive(struct de_node *node);

/* ---- snapshot_install.c ---- */

/* Tells the core of what was received. */
void de_node_tell_staged(struct de_node *node, uint64_t now_ns);
/* Makes work the one that empties the log, as node->update asks. */
void de_node_install(struct de_node *node, struct de_persist_work *work);
void de_node_install_turn(struct de_node *node, uint64_t now_ns);
/* Restores the state machine at once, on this thread; for boot. */
int de_node_restore_now(struct de_node *node, uint64_t index, uint64_t term, uint64_t *image_bytes,
                        struct de_entry_buffer *configuration, char *message, size_t message_size);

/* ---- boot.c ---- */

/* Reads the stores and makes the core of an otherwise initialised node; node->update is then to be
 * carried out. On failure message says why. */
int de_node_boot(struct de_node *node, const struct de_node_options *options, uint64_t now_ns,
                 char *message, size_t message_size);

#ifdef __cplusplus
}
#endif

#endif
