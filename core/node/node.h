/* core/node/node.h - one replica: requests in, answers out, consensus in between.
 *
 * The node owns a Raft core, the cache of recent log entries and the requests under way. It reaches
 * the world through an environment (send, timer, persist, apply), so the same files run on libev
 * threads and in the simulator.
 *
 * How a write goes: submit -> flush makes one entry of all commands that wait -> the core accepts
 * it -> the log writer makes it durable while peers get it -> committed -> the applier runs the
 * state machine and calls done. How a linearizable read goes: submit -> a read round -> done says
 * that a state that has applied at least read_index may be read. Reads by lease need no request:
 * the environment publishes the lease (de_node_env.lease), and lease.h says how to use it.
 *
 * Any node takes requests. A follower sends its writes to the leader (forward.h) and answers them
 * when it has applied them itself; for a read it asks the leader how far it has to have applied.
 *
 * A member that was removed stops standing for election and says so (de_node_status.removed). A
 * server that was never a member, with an empty membership, waits for a leader to tell it.
 *
 * Threads: everything here is called on one thread (the loop), except de_persist_job_run,
 * de_log_read_job_run (log writer) and de_apply_job_run (applier), which touch only their job.
 * No function of the node may be called from inside a callback of the environment or from
 * request->done: post it and call later.
 *
 * Time: monotonic nanoseconds, given with each call. */
#ifndef DE_CORE_NODE_NODE_H
#define DE_CORE_NODE_NODE_H

#include <dengine/log_store.h>
#include <dengine/snapshot_store.h>
#include <dengine/state_machine.h>

#include "core/base/allocator.h"
#include "core/node/lease.h"
#include "core/node/membership.h"
#include "core/raft/raft.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_node;

/* ---- what travels between nodes ---- */

/* Messages that nodes exchange without their cores, beside enum de_raft_message_type. Of the flat
 * struct they use cluster_id, from, to, term, and last_index and last_term: which snapshot. */
enum de_node_message_type {
    /* Bytes of the snapshot's image at an offset. None: asks how much of it the receiver has. */
    DE_NODE_MSG_CHUNK = 32,
    /* The receiver's answer: how it stands with that image. */
    DE_NODE_MSG_CHUNK_REPLY = 33,
    /* A follower's writes, for the leader of `term` to propose (core/node/forward.h): one entry
     * with a batch of commands, whose number is `round`, of the run `sent_ns` of its sender, which
     * knew `commit` to be committed when it began. */
    DE_NODE_MSG_FORWARD = 34,
    /* It is the entry (last_index, last_term) of the leader's log; or rejected, and hint_index is
     * an error without its sign. */
    DE_NODE_MSG_FORWARD_REPLY = 35,
};

enum de_chunk_answer {
    DE_CHUNK_WANTED = 1,  /* the next piece is the one at offset; all before it is here */
    DE_CHUNK_GAP = 2,     /* the same, and what came just now lay behind it */
    DE_CHUNK_DONE = 3,    /* all of it is here, or is not needed any more */
    DE_CHUNK_DAMAGED = 4, /* what came is not of a good image */
    DE_CHUNK_NEWER = 5,   /* another one, of hint_index, is being received */
};

/* CHUNK: image_bytes, offset and data. CHUNK_REPLY: image_bytes, offset and answer. */
struct de_peer_chunk {
    uint64_t image_bytes; /* of the whole image; never 0 */
    uint64_t offset;
    uint32_t answer;           /* enum de_chunk_answer */
    struct dengine_slice data; /* at most DE_CHUNK_BYTES_MAX */
};

#define DE_CHUNK_BYTES_MAX (1024u * 1024)

/* A Raft message with the payloads of its entries (APPEND only; raft.entry_count of them), or a
 * message between nodes with its chunk. */
struct de_peer_message {
    struct de_raft_message raft;
    const struct dengine_entry *entries;
    struct de_peer_chunk chunk;
};

/* ---- requests ---- */

enum de_request_type {
    DE_REQUEST_WRITE = 1,
    DE_REQUEST_READ = 2,
    DE_REQUEST_CHANGE = 3,   /* of the membership */
    DE_REQUEST_TRANSFER = 4, /* of leadership */
    DE_REQUEST_SNAPSHOT = 5, /* of this node's state, whatever its role */
};

/* A request. Its memory belongs to the submitter and must stay valid, with the command bytes, until
 * done has been called, which happens exactly once (rule R8). */
struct de_request {
    uint32_t type;                  /* enum de_request_type */
    struct dengine_slice command;   /* WRITE: for the state machine */
    const struct de_change *change; /* CHANGE; valid until done, like the command */
    uint64_t target;                /* TRANSFER: to whom; 0 = to whom the leader likes */
    /* CHANGE, TRANSFER: when done is called with an error, what was wrong: one static sentence, or
     * "" where the error says it all. */
    const char *reason;
    /* WRITE: status 0 and the result, on the applier; or an error and result NULL, on the loop:
     * NOT_LEADER, NO_LEADER, BUSY, NO_SPACE, TOO_LARGE, NO_MEMORY, SHUTDOWN, HALTED (only when the
     * command was never proposed, so it is not done and never will be); SUPERSEDED (another entry
     * was committed in its place); UNKNOWN (proposed, and then the node stopped or halted, or lost
     * its leadership and heard of no decision within one maximum election timeout; or forwarded,
     * and the leader did not answer).
     * READ: status 0 (the state machine has applied all that the read must see), or NOT_LEADER,
     * NO_LEADER, BUSY, NO_MEMORY, SHUTDOWN, HALTED; on the loop; result NULL.
     * CHANGE: status 0 when the configuration asked for is committed and in use, and no joint one
     * is on the way there any more; INVALID (it makes no sense, see reason); BUSY (another change
     * or a transfer is under way, the leader is new, or a learner has not caught up); SUPERSEDED;
     * UNKNOWN; or as for a WRITE that was not proposed. On the loop; result NULL.
     * TRANSFER: status 0 when another node (the target, if one was named) leads; INVALID (the
     * target is no voter, or leads already); BUSY (another one is under way); TIMEOUT (the target
     * did not take over within one maximum election time-out; this node leads on); SUPERSEDED
     * (another node was elected); UNKNOWN (this node leads no more and hears of no leader); or
     * NOT_LEADER, NO_LEADER, NO_MEMORY, SHUTDOWN, HALTED. On the loop; result NULL.
     * SNAPSHOT: status 0 and the index of a durable snapshot, not below what had been applied when
     * it was asked for, as result->revision; or INVALID (no store for snapshots), NOT_FOUND (there
     * is no state yet), BUSY, SHUTDOWN, HALTED, or what the store said, and result NULL. On the
     * loop.
     * May free the request. Must not block. */
    void (*done)(struct de_request *request, int status, const struct dengine_result *result);
    /* The node's, from submit to done. */
    struct de_request *next;
    uint64_t ticket;
};

/* ---- jobs: work that the environment runs elsewhere ---- */

/* One atomic write to the log store. */
struct de_persist_job {
    struct dengine_log_write write;
    /* The log is emptied and goes on after the snapshot at (install_index, install_term), which is
     * durable; write has the hard state only. 0 = no. */
    uint64_t install_index;
    uint64_t install_term;
    uint64_t ticket;
    struct de_persist_job *next; /* free for the environment's queue while it has the job */
};

/* Entries to apply, in order, with the requests they answer. */
struct de_apply_job;

/* Entries to read back from the log store, for a peer that is behind the cache. */
struct de_log_read_job;

/* Who runs tasks: the log writer (beside persist and log read jobs), the applier (beside apply
 * jobs), and one for snapshots alone. */
enum de_node_worker {
    DE_WORKER_LOG = 0,
    DE_WORKER_APPLIER = 1,
    DE_WORKER_SNAPSHOTS = 2,
    DE_WORKERS = 3,
};

/* A short piece of other work: compaction, a slice of a snapshot. */
struct de_node_task {
    uint32_t worker;                        /* enum de_node_worker */
    void (*run)(struct de_node_task *task); /* the node's; see de_node_task_run */
    void (*done)(struct de_node *node, struct de_node_task *task, uint64_t now_ns); /* the node's */
    struct de_node_task *next; /* free for the environment's queue while it has the task */
};

/* ---- the environment ---- */

struct de_node_status;

struct de_node_env {
    void *context;
    /* Encodes and sends (or drops) message; borrows it for the call. */
    void (*send)(void *context, const struct de_peer_message *message);
    /* de_node_timer is to be called at this time or soon after; replaces the previous one. */
    void (*arm)(void *context, uint64_t deadline_ns);
    /* Runs de_persist_jobs_run on the log writer, later and in order, until all jobs are carried
     * out; then posts de_node_persisted for each, in order. A job that the store refuses with
     * NO_SPACE has written nothing: it is kept, in its place, and tried again when there may be
     * room, until the node is stopped; de_node_log_room is told meanwhile. */
    void (*persist)(void *context, struct de_persist_job *job);
    /* Runs de_apply_job_run on the applier, in order; then posts de_node_applied. At most one job
     * is under way at a time. A run that gives NO_SPACE is repeated when there may be room, until
     * the node is stopped; de_node_machine_full is told meanwhile. */
    void (*apply)(void *context, struct de_apply_job *job);
    /* Runs de_log_read_job_run where the log store may be used; then posts de_node_log_read. */
    void (*read_log)(void *context, struct de_log_read_job *job);
    /* Runs de_node_task_run on the worker that the task names, in order for each worker; then posts
     * de_node_task_done. The applier has at most one apply job or task at a time. */
    void (*run_task)(void *context, struct de_node_task *task);
    /* Role, term, leader, readiness or configuration changed. Borrows status. */
    void (*changed)(void *context, const struct de_node_status *status);
    /* The lease changed. Must be visible to all threads when this returns: messages that may end
     * what the old one promised leave after it. */
    void (*lease)(void *context, const struct de_node_lease *lease);
    /* The node has halted for good; every request has been or is being answered. */
    void (*halted)(void *context, int err, const char *reason);
};

/* ---- making one ---- */

struct de_node_limits {
    uint32_t pending_requests_max; /* writes and reads not yet answered */
    uint64_t pending_bytes_max;    /* command bytes of the writes among them */
    uint32_t batch_commands_max;   /* commands in one entry */
    uint32_t batch_bytes_max;      /* command bytes in one entry; one command may be at most this */
    uint64_t cache_bytes_max;      /* recent entries kept in memory */
    uint32_t apply_entries_max;    /* entries in one apply job */
    uint32_t persist_jobs_max;     /* persist jobs of own proposals in flight */
    uint64_t promotion_lag_max;    /* entries that a learner may lack and still be promoted */
    /* A snapshot is taken when the entries applied since the last one take more bytes than this and
     * than half of that one: so what is copied stays in proportion to what is written. */
    uint64_t snapshot_log_bytes_min;
    /* Entries that stay in the log behind a snapshot, so that a peer that is a little slow is fed
     * from the log. */
    uint64_t snapshot_trailing_entries;
    uint32_t snapshot_chunk_bytes;      /* in one message, 1 .. DE_CHUNK_BYTES_MAX */
    uint64_t snapshot_window_bytes;     /* sent to one peer and not acknowledged */
    uint64_t snapshot_bytes_per_second; /* sent to all peers together; 0 = no limit */
};

/* Sensible values for production. */
void de_node_limits_default(struct de_node_limits *limits);

struct de_node_options {
    struct de_raft_options raft;
    struct de_node_limits limits;
    /* The membership of a new cluster; used while the log holds none. Put together with
     * de_membership_add; empty: a server that waits to be added to a cluster. */
    struct de_membership initial_membership;
    struct de_node_env env;
    struct de_allocator allocator; /* used on the loop only */
    struct dengine_state_machine machine;
    /* Used during de_node_new, and then in persist jobs, log reads and tasks of the log writer. */
    struct dengine_log_store log;
    /* The same, with tasks of the snapshot worker and the applier. ops NULL: none are taken, sent
     * or received, and the log is kept for ever. */
    struct dengine_snapshot_store snapshots;
    /* A follower refuses writes and reads with NOT_LEADER, instead of turning to the leader. */
    bool no_forwarding;
};

/* Boots a replica from its stores: finishes what a crash has left of a snapshot's installation,
 * restores a state machine that is behind the newest snapshot, scans the log, compares it with what
 * the state machine has applied (a state machine ahead of the log is CORRUPT, and so is a log that
 * begins after what any snapshot covers) and starts. When the log is `recovering`, the state
 * machine may well be ahead of it: whoever calls this gives an empty one then. The environment's
 * functions may be called before this returns. On failure nothing was made, and message (of
 * message_size bytes) says what was wrong. */
int de_node_new(const struct de_node_options *options, uint64_t now_ns, struct de_node **node,
                char *message, size_t message_size);

/* Ends all requests (SHUTDOWN when never proposed, else UNKNOWN) and takes no more. Jobs under way
 * must still be completed through de_node_persisted and so on before de_node_free. */
void de_node_stop(struct de_node *node);

/* True when no job is with the environment. */
bool de_node_idle(const struct de_node *node);

/* Frees a stopped and idle node. */
void de_node_free(struct de_node *node);

/* ---- inputs ---- */

/* Takes a request. It is carried out by the next flush; done may be called from here when it is
 * refused. */
void de_node_submit(struct de_node *node, struct de_request *request, uint64_t now_ns);

/* Ends a burst of submits: proposes what waits (unless enough is in flight; then the next
 * completion does it) and starts a read round. */
void de_node_flush(struct de_node *node, uint64_t now_ns);

/* A message from a peer, decoded and bounds-checked; borrowed for the call. */
void de_node_receive(struct de_node *node, const struct de_peer_message *message, uint64_t now_ns);

void de_node_timer(struct de_node *node, uint64_t now_ns);

/* The log store's room has changed. While it is low, new writes are refused with NO_SPACE, so that
 * what is under way still fits, here and at the peers. While there is none, commands of a leader
 * are not taken either. Terms, votes, a new leader's first entry and reads go on. */
void de_node_log_room(struct de_node *node, enum dengine_log_room room, uint64_t now_ns);

/* The log store has failed for good in what it does between the jobs: the node halts. */
void de_node_log_failed(struct de_node *node, int err, const char *message, uint64_t now_ns);

/* The state machine finds no room for what is committed (full), or does again. New writes are
 * refused with NO_SPACE meanwhile. */
void de_node_machine_full(struct de_node *node, bool full, uint64_t now_ns);

/* Messages to peer are being lost. */
void de_node_unreachable(struct de_node *node, uint64_t peer, uint64_t now_ns);

/* Completions of jobs. status is what the store said; a failure halts the node. The node frees the
 * job. */
void de_node_persisted(struct de_node *node, struct de_persist_job *job, int status,
                       const char *message, uint64_t now_ns);
void de_node_applied(struct de_node *node, struct de_apply_job *job, uint64_t now_ns);
void de_node_log_read(struct de_node *node, struct de_log_read_job *job, uint64_t now_ns);
void de_node_task_done(struct de_node *node, struct de_node_task *task, uint64_t now_ns);

/* ---- running jobs, on whatever thread the environment chose ---- */

/* Carries out first and as many behind it (next) as can share a flush with it; *count says how many
 * that are. The store's answer holds for all of them. */
int de_persist_jobs_run(const struct de_persist_job *first, struct dengine_log_store log,
                        size_t *count);

void de_node_task_run(struct de_node_task *task);

/* Applies all entries of the job in one state machine transaction and calls done of each request
 * after commit. 0; NO_SPACE: what is left of it has not happened, and it may be run again; other
 * failures are final. */
int de_apply_job_run(struct de_apply_job *job);

/* Reads the entries of the job into memory that came with it: as many from the start as there is
 * room for. Allocates nothing. */
void de_log_read_job_run(struct de_log_read_job *job, struct dengine_log_store log);
/* The greatest index that job is to read. */
uint64_t de_log_read_job_last(const struct de_log_read_job *job);

/* ---- looking ---- */

struct de_node_snapshot_status {
    uint64_t index;       /* of the newest durable one; 0 = none */
    uint64_t image_bytes; /* its size */
    uint64_t taken;       /* since the start, as the following */
    uint64_t sent;        /* transfers that a peer has confirmed */
    uint64_t received;
    uint64_t installed;
    uint64_t failures;      /* of saving, sending, receiving and installing; all are retried */
    int last_error;         /* of the last failure; 0 = none yet */
    bool saving;            /* one is being written */
    bool installing;        /* the state machine is being replaced */
    uint32_t sending;       /* transfers under way */
    uint64_t receive_index; /* of what is being received; 0 = nothing */
    uint64_t receive_bytes; /* of it that are here */
    uint64_t receive_of_bytes;
};

struct de_node_status {
    struct de_raft_view raft;
    uint64_t applied;
    uint32_t pending_requests;
    uint64_t pending_bytes;
    uint64_t dropped_messages; /* by the node: no memory, a bad payload, a stale range */
    /* In use; lives until the next input, as the following one. */
    const struct de_membership *membership;
    /* The one before, which may come back; NULL: the one in use is committed. */
    const struct de_membership *membership_before;
    bool removed;  /* was a member and is none any more, for good */
    bool no_space; /* writes are refused: see de_node_log_room, de_node_machine_full */
    bool stopped;
    int halt_err; /* 0 = has not halted */
    struct de_node_snapshot_status snapshot;
};

void de_node_get_status(const struct de_node *node, struct de_node_status *status);

/* The raft core inside, for oracles and tests. */
const struct de_raft *de_node_raft(const struct de_node *node);

/* The entry at index as far as it is in memory (payload borrowed until the next input); NOT_FOUND
 * else. For oracles and tests. */
int de_node_peek_entry(const struct de_node *node, uint64_t index, struct dengine_entry *entry);

#ifdef __cplusplus
}
#endif

#endif
