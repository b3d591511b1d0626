/* dengine/snapshot_store.h - what keeps the snapshots of a replica.
 *
 * A snapshot is the whole state at one log index, as a stream of bytes that the state machine
 * wrote (dengine/state_machine.h), with what consensus has to know about it. It replaces the log up
 * to its index (Raft section 7), brings a follower up to date that has fallen behind the log, and
 * is what a backup is. Together with the log behind it, the newest snapshot is the truth; a store
 * keeps at least the newest two that it finished.
 *
 * The bytes of a finished snapshot (its image) are the same on every replica that saved the same
 * state at the same index: they can be sent as they are, and a transfer can go on with another
 * sender. Whatever comes out of read has been verified; a damaged image gives CORRUPT, never wrong
 * bytes.
 *
 * Threads: writers, receivers, newest and remove are used by one thread (the snapshot worker).
 * Readers may be opened, used and closed by any thread beside it, each by one thread at a time.
 *
 * Errors: NOT_FOUND, NO_SPACE, IO, CORRUPT, VERSION (written by a newer dengine), NO_MEMORY,
 * INVALID. A writer or receiver that has failed can only be aborted; what it wrote does not
 * count. */
#ifndef DENGINE_SNAPSHOT_STORE_H
#define DENGINE_SNAPSHOT_STORE_H

#include <stdbool.h>

#include <dengine/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of the configuration in a snapshot, at most. */
#define DENGINE_SNAPSHOT_CONFIGURATION_MAX 65536

/* What a snapshot says about itself. */
struct dengine_snapshot_meta {
    uint64_t cluster_id;
    uint64_t index; /* the last log entry that it covers, never 0 */
    uint64_t term;  /* of that entry */
    /* The cluster's configuration as of index, encoded as in a CONFIG entry. Borrowed. */
    struct dengine_slice configuration;
};

struct dengine_snapshot_writer;
struct dengine_snapshot_receiver;
struct dengine_snapshot_reader;

struct dengine_snapshot_store_ops {
    /* The newest finished snapshot; NOT_FOUND when there is none. meta's configuration lives until
     * the next call on the store. */
    int (*newest)(void *store, struct dengine_snapshot_meta *meta);

    /* Saving: create, write the stream in pieces of any size, commit. After commit the snapshot is
     * durable and is the newest one; older ones beyond those kept are removed. At the index of the
     * newest it takes that one's place: it was damaged. commit and abort free the writer. At most
     * one writer at a time. */
    int (*create)(void *store, const struct dengine_snapshot_meta *meta,
                  struct dengine_snapshot_writer **writer);
    int (*write)(void *store, struct dengine_snapshot_writer *writer, struct dengine_slice bytes);
    int (*commit)(void *store, struct dengine_snapshot_writer *writer);
    void (*abort)(void *store, struct dengine_snapshot_writer *writer);

    /* Receiving the image of (index, term) from elsewhere, in order, in pieces of any size. When an
     * earlier attempt at the same image was broken off, *have_bytes says how much of it is there:
     * the next piece is the one at that offset. finish verifies the whole image, makes it durable,
     * and says in meta what it is (as newest does). CORRUPT, of a write that sees it early or of
     * finish: it is thrown away, begin again at 0.
     * finish and suspend free the receiver; suspend keeps what came. At most one receiver at a
     * time; beginning one for another image forgets what was kept. */
    int (*receive)(void *store, uint64_t index, uint64_t term, uint64_t image_bytes,
                   struct dengine_snapshot_receiver **receiver, uint64_t *have_bytes);
    int (*receive_write)(void *store, struct dengine_snapshot_receiver *receiver,
                         struct dengine_slice bytes);
    int (*receive_finish)(void *store, struct dengine_snapshot_receiver *receiver,
                          struct dengine_snapshot_meta *meta);
    void (*receive_suspend)(void *store, struct dengine_snapshot_receiver *receiver);

    /* Reading a finished snapshot; index 0: the newest. It stays readable until close, also when it
     * is pruned meanwhile. meta's configuration lives until close. */
    int (*open)(void *store, uint64_t index, struct dengine_snapshot_reader **reader,
                struct dengine_snapshot_meta *meta, uint64_t *image_bytes);
    /* The next bytes of the state machine's stream; *size 0: that was all, and all of it is as it
     * was written. */
    int (*read)(void *store, struct dengine_snapshot_reader *reader, void *buffer, size_t capacity,
                size_t *size);
    /* Bytes of the image at offset; *size 0 at its end. Checked by the receiver, not here. */
    int (*read_image)(void *store, struct dengine_snapshot_reader *reader, uint64_t offset,
                      void *buffer, size_t capacity, size_t *size);
    void (*close_reader)(void *store, struct dengine_snapshot_reader *reader);

    /* One sentence about the last error of the calling thread's last call, "" when there was none;
     * lives until its next call. Calls that return nothing leave it as it is. */
    const char *(*message)(void *store);
    /* Frees everything. No writer, receiver or reader may be open. */
    void (*close)(void *store);
};

/* A snapshot store: an implementation and its object. Passed by value. */
struct dengine_snapshot_store {
    const struct dengine_snapshot_store_ops *ops;
    void *object;
};

#ifdef __cplusplus
}
#endif

#endif
