/* core/node/snapshots.h - the jobs of a node that have to do with snapshots.
 *
 * Each is a row of tasks: the loop hands one to a worker, looks at what came of it, and hands on
 * the next. One task moves at most DE_SNAPSHOT_SLICE_BYTES, so that one worker serves them all in
 * turn and a crash may fall between any two.
 *
 *   SAVE     applier: save_begin          worker: create, write ..., commit      then COMPACT
 *   SEND     worker: open, read a chunk ..., close                               for each peer
 *   RECEIVE  worker: receive, write ..., finish                                  then staged
 *   RESTORE  applier: restore_begin, write ..., commit                           then applied
 *   COMPACT  log writer: compact
 *
 * An installation goes: staged (durable in the snapshot store); the core decides (it may have been
 * overtaken) and asks for a persist job that empties the log; when that is durable, the state
 * machine lacks entries that the log does not have any more, and RESTORE follows. A crash between
 * any two leaves what boot can go on from (boot_snapshot.c).
 *
 * All failures are retried after a while, save one of restoring: a log without the state before it
 * is of no use, so that what is not a lack of memory or space halts the node. */
#ifndef DE_CORE_NODE_SNAPSHOTS_H
#define DE_CORE_NODE_SNAPSHOTS_H

#include "core/node/config_codec.h"
#include "core/node/entry_cache.h"
#include "core/node/node.h"
#include "core/node/requests.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_SNAPSHOT_SLICE_BYTES (512u * 1024)
/* Given to save_read and read at a time. */
#define DE_SNAPSHOT_BUFFER_BYTES (64u * 1024)
#define DE_SNAPSHOT_MESSAGE      128

enum de_save_stage {
    DE_SAVE_BEGIN = 1,
    DE_SAVE_WRITE = 2,
    DE_SAVE_ABORT = 3,
};

struct de_save {
    struct de_node_task task;
    struct dengine_state_machine machine;
    struct dengine_snapshot_store store;
    uint32_t stage; /* enum de_save_stage */
    int status;
    bool finished; /* committed */
    uint64_t cluster_id;
    uint64_t index;
    uint64_t term;
    uint64_t image_bytes; /* once finished */
    struct de_entry_buffer *configuration;
    struct dengine_machine_save *save;
    struct dengine_snapshot_writer *writer;
    char message[DE_SNAPSHOT_MESSAGE];
    uint8_t buffer[DE_SNAPSHOT_BUFFER_BYTES];
};

enum de_send_stage {
    DE_SEND_FREE = 0,
    DE_SEND_WANTED = 1, /* the core has asked for it */
    DE_SEND_OPEN = 2,
    DE_SEND_STREAM = 3,
    DE_SEND_REPORT = 4, /* it is over; the core has to be told */
    DE_SEND_CLOSE = 5,
};

/* One for each peer that is being sent a snapshot. */
struct de_send {
    struct de_node_task task;
    struct dengine_snapshot_store store;
    uint32_t stage; /* enum de_send_stage */
    bool busy;      /* the task is with the environment */
    bool known;     /* the peer has said how much it has */
    bool ok;        /* REPORT */
    bool again;     /* asked for once more, after the report */
    int status;     /* of the task */
    uint64_t peer;
    uint64_t term; /* of the leadership */
    struct dengine_snapshot_reader *reader;
    uint64_t index;
    uint64_t snapshot_term;
    uint64_t image_bytes;
    uint64_t acknowledged; /* offset */
    uint64_t next;         /* offset of the next chunk */
    uint64_t gap_at;       /* offset of the last gap that was seen to */
    uint64_t deadline_ns;  /* nothing was heard until then: ask */
    uint32_t silences;
    uint64_t read_offset; /* the task's */
    uint32_t read_most;
    uint32_t read_size;
    uint32_t capacity;
    uint8_t *buffer;
};

enum de_receive_stage {
    DE_RECEIVE_OPEN = 1,
    DE_RECEIVE_WRITE = 2,
    DE_RECEIVE_FINISH = 3,
    DE_RECEIVE_SUSPEND = 4,
};

/* A chunk that waits for the worker; its bytes follow. */
struct de_received_chunk {
    struct de_received_chunk *next;
    uint32_t size;
};

struct de_receive {
    struct de_node_task task;
    struct dengine_snapshot_store store;
    uint32_t stage; /* enum de_receive_stage */
    bool busy;      /* the task is with the environment */
    bool unwanted;  /* give it up */
    int status;
    uint64_t from; /* who is answered */
    uint64_t index;
    uint64_t term;
    uint64_t image_bytes;
    uint64_t heard_ns; /* when a chunk of it came last */
    uint64_t opened;   /* bytes with the store when it was opened; the task's */
    uint64_t have;     /* bytes with the store; the node's */
    uint64_t expected; /* have and what is queued */
    struct dengine_snapshot_receiver *receiver;
    struct de_received_chunk *queue_first;
    struct de_received_chunk *queue_last;
    struct de_received_chunk *writing;     /* the task's */
    struct de_entry_buffer *configuration; /* filled by finish */
};

/* A received snapshot that is durable, until the core has been told. */
struct de_staged {
    uint64_t index; /* 0 = none */
    uint64_t term;
    struct de_entry_buffer *configuration;
};

struct de_restore {
    struct de_node_task task;
    struct dengine_state_machine machine;
    struct dengine_snapshot_store store;
    int status;
    bool begun;
    bool finished;
    bool abort;                         /* the node stops */
    struct dengine_machine_clock clock; /* once finished */
    uint64_t index;
    uint64_t term;
    uint64_t image_bytes;
    struct dengine_snapshot_reader *reader;
    struct de_entry_buffer *configuration; /* filled by the first slice */
    char message[DE_SNAPSHOT_MESSAGE];
    uint8_t buffer[DE_SNAPSHOT_BUFFER_BYTES];
};

struct de_compact {
    struct de_node_task task;
    struct dengine_log_store log;
    int status;
    uint64_t index;
    uint64_t term;
    char message[DE_SNAPSHOT_MESSAGE];
};

/* What a node knows about snapshots. */
struct de_snapshots {
    struct dengine_snapshot_store store; /* ops NULL: none */
    uint32_t tasks;                      /* with the environment */
    uint64_t index;                      /* of the newest; 0 = none */
    uint64_t image_bytes;
    uint64_t log_bytes; /* of entries applied since */
    /* The configuration as of the applied index, encoded; NULL: none is known. */
    struct de_entry_buffer *configuration;

    struct de_save *save; /* NULL: none is under way */
    bool wanted;          /* whatever the log's size */
    uint64_t save_after_ns;
    struct de_request_list asked;  /* for a snapshot */
    struct de_request_list saving; /* will be answered by the save under way */

    uint64_t cut_told; /* the core was told that it may cut its log here */
    uint64_t cut_after_ns;
    struct de_compact compact;
    bool compacting;
    uint64_t compact_after_ns;
    uint64_t compacted; /* the log store has forgotten entries up to here */

    struct de_send sends[DE_RAFT_MEMBERS_MAX];
    uint32_t sends_taken;   /* of them, that are not free */
    uint64_t send_after_ns; /* the bandwidth limit */

    struct de_receive *receive; /* NULL: nothing is being received */
    uint64_t receive_after_ns;
    struct de_staged staged;

    struct de_restore *restore; /* NULL: none is under way */
    uint64_t restore_after_ns;

    struct de_node_snapshot_status count; /* taken .. last_error */
};

#ifdef __cplusplus
}
#endif

#endif
