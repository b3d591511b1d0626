/* Checking a snapshot file that no store has open, or any other than its own reader. */
#include <dengine/error.h>

#include "storage/base/heap.h"
#include "storage/snapshot/snapshot.h"
#include "storage/snapshot/snapshot_scan.h"

#define CHUNK_BYTES 65536u

struct check {
    struct dengine_dir dir;
    struct dengine_file *file;
    uint64_t size_bytes;
    struct de_snapshot_scan scan;
    uint8_t *chunk;
};

static int walk(struct check *check)
{
    DE_ASSERT(check->file != NULL);
    DE_ASSERT(check->scan.offset == 0);
    while (check->scan.offset < check->size_bytes) {
        const uint64_t left = check->size_bytes - check->scan.offset;
        const size_t size = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
        int error = check->dir.ops->read(check->dir.object, check->file, check->scan.offset,
                                         check->chunk, size);

        if (error == 0) {
            error = de_snapshot_scan_feed(&check->scan, de_heap_allocator(),
                                          dengine_bytes(check->chunk, size));
        }
        if (error != 0) {
            return error;
        }
    }
    return de_snapshot_scan_finish(&check->scan);
}

static void summarize(const struct check *check, struct de_snapshot_summary *summary)
{
    const struct de_snapshot_scan *scan = &check->scan;

    DE_ASSERT(scan->part == DE_SNAPSHOT_PART_NONE);
    DE_ASSERT(scan->offset == check->size_bytes);
    summary->cluster_id = scan->header.cluster_id;
    summary->index = scan->header.index;
    summary->term = scan->header.term;
    summary->image_bytes = scan->offset;
    summary->stream_bytes = scan->stream_bytes;
    summary->blocks = scan->blocks;
    summary->block_bytes = scan->header.block_bytes;
    summary->configuration_bytes = scan->header.configuration_bytes;
}

int de_snapshot_check(struct dengine_dir dir, const char *name, struct de_snapshot_summary *summary,
                      char *message, size_t message_size)
{
    const struct de_allocator *heap = de_heap_allocator();
    struct check check = {.dir = dir};
    int error;

    DE_ASSERT(name != NULL);
    DE_ASSERT(summary != NULL);
    memset(summary, 0, sizeof(*summary));
    de_message_set(message, message_size, "%s", "");
    de_snapshot_scan_init(&check.scan);
    check.chunk = de_allocate(heap, CHUNK_BYTES);
    error = check.chunk == NULL ? DENGINE_E_NO_MEMORY
                                : dir.ops->open(dir.object, name, DENGINE_FILE_READ, &check.file);
    if (error == 0) {
        error = dir.ops->size(dir.object, check.file, &check.size_bytes);
        if (error == 0) {
            error = walk(&check);
        }
        dir.ops->close(dir.object, check.file);
    }
    if (error == 0) {
        summarize(&check, summary);
    } else {
        de_message_set(message, message_size, "%s cannot be used: %s", name,
                       check.scan.failed != 0         ? check.scan.message
                       : error == DENGINE_E_NOT_FOUND ? "there is no such file"
                                                      : dengine_strerror(error));
    }
    de_snapshot_scan_deinit(&check.scan, heap);
    de_release(heap, check.chunk);
    return error;
}
