/* storage/snapshot/snapshot_kit.h - a snapshot store on a directory that can be broken, for tests.
 *
 * The snapshot at an index always has the same configuration and the same stream, so that what is
 * read can be checked without a record of what was written. */
#ifndef DE_STORAGE_SNAPSHOT_SNAPSHOT_KIT_H
#define DE_STORAGE_SNAPSHOT_SNAPSHOT_KIT_H

#include "storage/contract/fault_dir.h"
#include "storage/snapshot/snapshot.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_SNAPSHOT_KIT_STREAM_MAX 200000u

struct de_snapshot_kit {
    struct de_fault_dir *fault;
    struct dengine_snapshot_store store;
    bool open;
    const struct de_allocator *allocator; /* NULL: malloc */
    uint8_t *stream;                      /* scratch */
    char message[512];
};

void de_snapshot_kit_init(struct de_snapshot_kit *kit);
void de_snapshot_kit_deinit(struct de_snapshot_kit *kit);
int de_snapshot_kit_open(struct de_snapshot_kit *kit);
void de_snapshot_kit_close(struct de_snapshot_kit *kit);

/* Bytes of the stream of the snapshot at index. */
size_t de_snapshot_kit_size(uint64_t index);

/* Saves the snapshot at index; on an error nothing is left open. */
int de_snapshot_kit_save(struct de_snapshot_kit *kit, uint64_t index);

/* Receives the snapshot at index, as another replica would send it; at most `most` bytes in this
 * attempt, after which it is suspended. *whole: it is finished. */
int de_snapshot_kit_receive(struct de_snapshot_kit *kit, uint64_t index, uint64_t most,
                            bool *whole);

/* Reads the snapshot at index (0: the newest) whole and compares it; 0; INTERNAL when it is not as
 * it was written; or the error of the store. *found is its index. */
int de_snapshot_kit_check(struct de_snapshot_kit *kit, uint64_t index, uint64_t *found);

#ifdef __cplusplus
}
#endif

#endif
