/* storage/wal/wal_internal.h - the open log, shared by the files that make it up. */
#ifndef DE_STORAGE_WAL_WAL_INTERNAL_H
#define DE_STORAGE_WAL_WAL_INTERNAL_H

#include "storage/base/message.h"
#include "storage/wal/wal.h"
#include "storage/wal/wal_group.h"
#include "storage/wal/wal_index.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_wal_segment {
    uint64_t sequence;
    uint64_t size;
    struct dengine_file *file;
};

/* The spare being made ahead, under a name of its own until it is complete and durable. */
#define DE_WAL_NEXT_NAME "wal-next.tmp"

struct de_wal {
    struct dengine_dir dir;
    struct de_allocator allocator;
    struct de_wal_options options;
    struct dengine_log_state state;
    struct de_wal_index index;

    /* Consecutive sequences: `used` segments of the log, the last of them current, then spares. */
    struct de_wal_segment *segments;
    size_t segment_count;
    size_t segments_capacity;
    size_t used;

    uint64_t offset; /* in the current segment: where the next group goes */
    uint64_t next_group;
    uint32_t chain;
    uint32_t salt; /* of the current segment */
    bool marked;   /* the mark that the last group was synced stands, or there is none to write */

    struct dengine_file *next_file; /* the spare being made; NULL: none */
    uint64_t next_bytes;            /* of it, filled so far */
    bool low_on_space;

    struct de_wal_group group;
    uint8_t *read_buffer;
    size_t read_capacity;
    int error; /* of the write that broke the log; 0: it is sound */
    char message[DE_MESSAGE_BYTES];
};

/* Asserts what holds whenever the open log is entered or left. */
void de_wal_check(const struct de_wal *wal);

/* Marks the log as broken for good; returns error. */
int de_wal_break(struct de_wal *wal, int error, const char *what);

/* wal_segment.c */

static inline struct de_wal_segment *de_wal_current(const struct de_wal *wal)
{
    DE_ASSERT(wal->used > 0 && wal->used <= wal->segment_count);
    return &wal->segments[wal->used - 1];
}

/* Opens the file of a sequence and puts it behind the known segments. */
int de_wal_segment_add(struct de_wal *wal, uint64_t sequence);

/* Makes the first segment of a new log, with its header. */
int de_wal_segment_first(struct de_wal *wal);

/* Makes sure that a spare of at least size_bytes stands behind the current segment. NO_SPACE leaves
 * the log usable; all other errors break it. */
int de_wal_spare_provide(struct de_wal *wal, uint64_t size_bytes);

/* Whether a slice of work on the next spare is due. */
bool de_wal_spare_is_due(const struct de_wal *wal);

/* Does that slice; all that is left of the spare while room is short. Errors break the log, except
 * for a lack of room, which it notes in low_on_space. */
int de_wal_spare_advance(struct de_wal *wal);

/* Removes a spare that was not completed. */
int de_wal_spare_abandon(struct de_wal *wal);

/* Whether the oldest segment holds nothing that the log needs. */
bool de_wal_can_retire(const struct de_wal *wal);

/* Removes or recycles that segment. */
int de_wal_retire(struct de_wal *wal);

void de_wal_segments_close(struct de_wal *wal);

/* wal_write.c */

/* Appends the plan as one group and syncs it; on 0 it is durable, but the state is not changed. */
int de_wal_append(struct de_wal *wal, const struct de_wal_plan *plan, uint64_t *offset);

/* Writes the mark that says that the last group has been synced. */
int de_wal_mark(struct de_wal *wal);

/* dengine_log_store_ops.tidy */
int de_wal_tidy(void *store, bool idle);

int de_wal_write(void *store, const struct dengine_log_write *writes, size_t count);
int de_wal_compact(void *store, uint64_t index, uint64_t term);
int de_wal_reset(void *store, uint64_t index, uint64_t term,
                 const struct dengine_hard_state *hard_state);

/* wal_recover.c */

/* Reads what is in the directory into a fresh struct de_wal and repairs its end. */
int de_wal_recover(struct de_wal *wal, char *message, size_t message_size);

#ifdef __cplusplus
}
#endif

#endif
