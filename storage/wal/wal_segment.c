#include "storage/wal/wal_internal.h"

#include "core/base/assert.h"

/* Of the next segment, filled and synced at a time. */
#define FILL_BYTES (1u << 20)

static const uint8_t zeros[65536];

DE_STATIC_ASSERT(FILL_BYTES % sizeof(zeros) == 0, "a slice is whole buffers");
DE_STATIC_ASSERT(sizeof(zeros) % DE_WAL_PAGE_BYTES == 0, "and whole pages");

int de_wal_break(struct de_wal *wal, int error, const char *what)
{
    DE_ASSERT(error < 0);
    DE_ASSERT(wal->error == 0);
    wal->error = error;
    de_message_set(wal->message, sizeof(wal->message),
                   "the write-ahead log failed for good: %s: %s; nothing is retried, because data "
                   "may have been dropped: check the disk and start the node again",
                   what, dengine_strerror(error));
    return error;
}

static int segments_reserve(struct de_wal *wal)
{
    size_t capacity = wal->segments_capacity == 0 ? 8 : 2 * wal->segments_capacity;
    struct de_wal_segment *segments;

    DE_ASSERT(wal->segment_count <= wal->segments_capacity);
    if (wal->segment_count < wal->segments_capacity) {
        return 0;
    }
    segments = de_reallocate(&wal->allocator, wal->segments, capacity * sizeof(*segments));
    if (segments == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    wal->segments = segments;
    wal->segments_capacity = capacity;
    DE_ASSERT(wal->segment_count < wal->segments_capacity);
    return 0;
}

int de_wal_segment_add(struct de_wal *wal, uint64_t sequence)
{
    struct de_wal_segment segment = {.sequence = sequence};
    char name[DE_WAL_NAME_BYTES];
    int error = segments_reserve(wal);

    DE_ASSERT(wal->segment_count == 0 ||
              wal->segments[wal->segment_count - 1].sequence + 1 == sequence);
    if (error != 0) {
        return error;
    }
    de_wal_name(sequence, name);
    error = wal->dir.ops->open(wal->dir.object, name, DENGINE_FILE_WRITE, &segment.file);
    if (error != 0) {
        return error;
    }
    error = wal->dir.ops->size(wal->dir.object, segment.file, &segment.size);
    if (error != 0) {
        wal->dir.ops->close(wal->dir.object, segment.file);
        return error;
    }
    DE_ASSERT(segment.file != NULL);
    DE_ASSERT(wal->segment_count < wal->segments_capacity);
    wal->segments[wal->segment_count++] = segment;
    return 0;
}

/* The durable, complete file under DE_WAL_NEXT_NAME becomes segment `sequence`. */
static int adopt_next(struct de_wal *wal, uint64_t sequence)
{
    char name[DE_WAL_NAME_BYTES];
    int error;

    DE_ASSERT(wal->next_file == NULL);
    DE_ASSERT(wal->segment_count == 0 || wal->next_bytes == wal->options.segment_bytes);
    de_wal_name(sequence, name);
    error = wal->dir.ops->rename(wal->dir.object, DE_WAL_NEXT_NAME, name);
    if (error == 0) {
        error = wal->dir.ops->sync_dir(wal->dir.object);
    }
    return error != 0 ? error : de_wal_segment_add(wal, sequence);
}

/* A file left from an earlier start or a failed attempt may be there. */
static int create_next(struct de_wal *wal)
{
    int error = wal->dir.ops->remove(wal->dir.object, DE_WAL_NEXT_NAME);

    DE_ASSERT(wal->next_file == NULL);
    if (error != 0 && error != DENGINE_E_NOT_FOUND) {
        return error;
    }
    DE_ASSERT(wal->used == wal->segment_count);
    wal->next_bytes = 0;
    error =
        wal->dir.ops->open(wal->dir.object, DE_WAL_NEXT_NAME, DENGINE_FILE_CREATE, &wal->next_file);
    if (error != 0) {
        wal->next_file = NULL;
    }
    return error;
}

static void close_next(struct de_wal *wal)
{
    if (wal->next_file != NULL) {
        wal->dir.ops->close(wal->dir.object, wal->next_file);
        wal->next_file = NULL;
    }
}

int de_wal_spare_abandon(struct de_wal *wal)
{
    int error;

    if (wal->next_file == NULL) {
        return 0;
    }
    DE_ASSERT(wal->error == 0);
    close_next(wal);
    error = wal->dir.ops->remove(wal->dir.object, DE_WAL_NEXT_NAME);
    return error == 0 ? 0 : de_wal_break(wal, error, "removing " DE_WAL_NEXT_NAME);
}

int de_wal_segment_first(struct de_wal *wal)
{
    struct de_wal_header header = {
        .sequence = 1,
        .cluster_id = wal->options.cluster_id,
        .node_id = wal->options.node_id,
        .first_group = 1,
    };
    uint8_t bytes[DE_WAL_HEADER_BYTES];
    struct dengine_slice slice = {bytes, sizeof(bytes)};
    struct dengine_dir dir = wal->dir;
    int error = create_next(wal);

    DE_ASSERT(wal->segment_count == 0);
    de_wal_header_encode(&header, bytes);
    if (error == 0) {
        error = dir.ops->allocate(dir.object, wal->next_file, wal->options.segment_bytes);
    }
    if (error == 0) {
        error = dir.ops->write(dir.object, wal->next_file, 0, &slice, 1);
    }
    if (error == 0) {
        error = dir.ops->sync(dir.object, wal->next_file);
    }
    close_next(wal);
    if (error == 0) {
        error = adopt_next(wal, 1);
    }
    if (error != 0) {
        (void)dir.ops->remove(dir.object, DE_WAL_NEXT_NAME);
        return error;
    }
    wal->used = 1;
    return 0;
}

/* Gives up on the spare being made for lack of room. */
static int out_of_space(struct de_wal *wal)
{
    int error = de_wal_spare_abandon(wal);

    if (error != 0) {
        return error;
    }
    wal->low_on_space = true;
    de_message_set(wal->message, sizeof(wal->message),
                   "no space is left for the next segment of the write-ahead log (%llu bytes), or "
                   "too many files are open; free some, the log then goes on",
                   (unsigned long long)wal->options.segment_bytes);
    return DENGINE_E_NO_SPACE;
}

/* Fills the next slice of the spare being made. */
static int fill_slice(struct de_wal *wal, uint64_t bytes_max)
{
    struct dengine_slice slices[FILL_BYTES / sizeof(zeros)];
    uint64_t left = wal->options.segment_bytes - wal->next_bytes;
    uint64_t size = left < bytes_max ? left : bytes_max;
    size_t count = 0;
    int error;

    DE_ASSERT(wal->next_file != NULL);
    DE_ASSERT(wal->next_bytes < wal->options.segment_bytes);
    DE_ASSERT(bytes_max <= FILL_BYTES);
    for (uint64_t done = 0; done < size; count++) {
        uint64_t part = size - done < sizeof(zeros) ? size - done : sizeof(zeros);

        slices[count] = dengine_bytes(zeros, (size_t)part);
        done += part;
    }
    DE_ASSERT(size > 0 && size <= left);
    DE_ASSERT(count > 0 && count <= DE_ARRAY_SIZE(slices));
    error = wal->dir.ops->write(wal->dir.object, wal->next_file, wal->next_bytes, slices, count);
    if (error == 0) {
        error = wal->dir.ops->sync(wal->dir.object, wal->next_file);
    }
    wal->next_bytes += size;
    return error;
}

/* One slice; at the last one the spare takes its place. */
static int advance(struct de_wal *wal)
{
    uint64_t sequence = wal->segments[wal->segment_count - 1].sequence + 1;
    int error = wal->next_file == NULL ? create_next(wal) : 0;

    if (error == 0) {
        error = fill_slice(wal, FILL_BYTES);
    }
    DE_ASSERT(wal->used == wal->segment_count);
    DE_ASSERT_IMPLIES(error == 0, wal->next_bytes <= wal->options.segment_bytes);
    if (error == DENGINE_E_NO_SPACE) {
        return out_of_space(wal);
    }
    if (error == 0 && wal->next_bytes == wal->options.segment_bytes) {
        close_next(wal);
        error = adopt_next(wal, sequence);
        wal->low_on_space = false;
    }
    return error == 0 ? 0 : de_wal_break(wal, error, "preparing the next segment");
}

int de_wal_spare_provide(struct de_wal *wal, uint64_t size_bytes)
{
    struct de_wal_segment *spare;
    int error = 0;

    DE_ASSERT(wal->error == 0);
    while (wal->used == wal->segment_count && error == 0) {
        /* What is not needed any more gives room, or is the spare. */
        error = de_wal_can_retire(wal) ? de_wal_retire(wal) : advance(wal);
    }
    if (error != 0) {
        return error;
    }
    DE_ASSERT(wal->used < wal->segment_count);
    spare = &wal->segments[wal->used];
    if (spare->size >= size_bytes) {
        wal->low_on_space = false;
        return 0;
    }
    /* A group larger than a segment gets a segment of its own size. */
    size_bytes = de_wal_align(size_bytes, DE_WAL_PAGE_BYTES);
    error = wal->dir.ops->allocate(wal->dir.object, spare->file, size_bytes);
    if (error == DENGINE_E_NO_SPACE) {
        wal->low_on_space = true;
        de_message_set(wal->message, sizeof(wal->message),
                       "no space is left for a write of %llu bytes to the write-ahead log; free "
                       "some, the log then goes on",
                       (unsigned long long)size_bytes);
        return error;
    }
    if (error != 0) {
        return de_wal_break(wal, error, "enlarging a segment");
    }
    DE_ASSERT(spare->size < size_bytes && size_bytes % DE_WAL_PAGE_BYTES == 0);
    spare->size = size_bytes;
    wal->low_on_space = false;
    return 0;
}

/* While the second half of the current segment fills, the next one is filled with zeros in step. */
bool de_wal_spare_is_due(const struct de_wal *wal)
{
    uint64_t half = de_wal_current(wal)->size / 2;

    DE_ASSERT(wal->error == 0);
    DE_ASSERT(wal->offset <= de_wal_current(wal)->size);
    if (wal->low_on_space) {
        return true;
    }
    return wal->used == wal->segment_count && wal->offset > half &&
           (wal->next_file == NULL || wal->next_bytes < 2 * (wal->offset - half));
}

int de_wal_spare_advance(struct de_wal *wal)
{
    int error;

    DE_ASSERT(wal->error == 0);
    DE_ASSERT(de_wal_spare_is_due(wal));
    error = wal->low_on_space ? de_wal_spare_provide(wal, 0) : advance(wal);
    DE_ASSERT_IMPLIES(error == DENGINE_E_NO_SPACE, wal->low_on_space);
    return error == DENGINE_E_NO_SPACE ? 0 : error;
}

/* The oldest segment becomes the last spare. */
static int recycle_oldest(struct de_wal *wal)
{
    uint64_t sequence = wal->segments[wal->segment_count - 1].sequence + 1;
    char from[DE_WAL_NAME_BYTES];
    char to[DE_WAL_NAME_BYTES];
    int error;

    DE_ASSERT(wal->segments[0].file == NULL);
    DE_ASSERT(wal->segments[0].sequence < sequence);
    de_wal_name(wal->segments[0].sequence, from);
    de_wal_name(sequence, to);
    error = wal->dir.ops->rename(wal->dir.object, from, to);
    if (error == 0) {
        error = wal->dir.ops->sync_dir(wal->dir.object);
    }
    return error != 0 ? error : de_wal_segment_add(wal, sequence);
}

static int remove_oldest(struct de_wal *wal)
{
    char name[DE_WAL_NAME_BYTES];
    int error;

    DE_ASSERT(wal->segments[0].file == NULL);
    DE_ASSERT(wal->used > 1);
    de_wal_name(wal->segments[0].sequence, name);
    error = wal->dir.ops->remove(wal->dir.object, name);
    return error != 0 ? error : wal->dir.ops->sync_dir(wal->dir.object);
}

bool de_wal_can_retire(const struct de_wal *wal)
{
    uint64_t needed = de_wal_current(wal)->sequence;

    DE_ASSERT(wal->used > 0);
    if (wal->index.count > 0) {
        needed = de_wal_index_at(&wal->index, wal->index.first)->sequence;
    }
    DE_ASSERT(wal->segments[0].sequence <= needed);
    return wal->segments[0].sequence < needed;
}

/* Each step is made durable before the next, oldest first: whatever a crash undoes, the segments
 * that are left have no gap. */
int de_wal_retire(struct de_wal *wal)
{
    struct de_wal_segment *oldest = &wal->segments[0];
    size_t spares = wal->segment_count - wal->used;
    bool recycle = spares < wal->options.spares_max && oldest->size == wal->options.segment_bytes &&
                   !de_site(wal->options.sites, DE_SITE_NO_RECYCLING);
    int error;

    DE_ASSERT(de_wal_can_retire(wal));
    DE_ASSERT(wal->used > 1 && oldest->file != NULL);
    DE_ASSERT(wal->index.count == 0 ||
              de_wal_index_at(&wal->index, wal->index.first)->sequence > oldest->sequence);
    wal->dir.ops->close(wal->dir.object, oldest->file);
    oldest->file = NULL;
    error = recycle ? recycle_oldest(wal) : remove_oldest(wal);
    if (error != 0) {
        return de_wal_break(wal, error, "removing a segment that is not needed any more");
    }
    wal->segment_count--;
    wal->used--;
    memmove(wal->segments, wal->segments + 1, wal->segment_count * sizeof(*wal->segments));
    DE_ASSERT(wal->segments[0].sequence + wal->segment_count - 1 ==
              wal->segments[wal->segment_count - 1].sequence);
    wal->low_on_space = wal->low_on_space && !recycle;
    return recycle ? de_wal_spare_abandon(wal) : 0;
}

void de_wal_segments_close(struct de_wal *wal)
{
    DE_ASSERT(wal->segment_count <= wal->segments_capacity);
    DE_ASSERT(wal->used <= wal->segment_count);
    close_next(wal);
    for (size_t i = 0; i < wal->segment_count; i++) {
        if (wal->segments[i].file != NULL) {
            wal->dir.ops->close(wal->dir.object, wal->segments[i].file);
        }
    }
    de_release(&wal->allocator, wal->segments);
    wal->segments = NULL;
    wal->segment_count = 0;
}
