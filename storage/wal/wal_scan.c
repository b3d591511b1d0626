#include "storage/wal/wal_scan.h"

#include "core/base/assert.h"
#include "storage/base/message.h"

/* What to do about damage; every such message ends with it. */
#define REBUILD DE_MESSAGE_REBUILD "; if it is the only copy, restore a backup"

/* Of a spare that looks untouched only so much is searched for proof that it is not. */
#define SPARE_SEARCH_BYTES 65536u

DE_STATIC_ASSERT(SPARE_SEARCH_BYTES % DE_WAL_PAGE_BYTES == 0, "whole pages are searched");
DE_STATIC_ASSERT(2 * DE_WAL_HEADER_BYTES <= DE_WAL_PAGE_BYTES, "a page holds a header and a group");

struct found_segment {
    uint64_t sequence;
    uint64_t size;
    struct de_wal_header header;
    int decoded; /* what decoding the header gave */
    bool begun;  /* the header is good and this segment's own */
    bool plain;  /* not begun, and looks like a spare: zero, or recycled from an older segment */
};

struct scan {
    const struct de_wal_scan_options *options;
    const struct de_wal_visitor *visitor;
    struct de_wal_scan_result *result;
    struct de_wal_window window;
    struct found_segment *segments;
    size_t count;
    size_t capacity;
    size_t begun; /* segments[0..begun) are begun */
    uint64_t node_id;
    uint64_t cluster_id;
    char *message;
    size_t message_size;
};

static int damage(struct scan *scan, uint64_t sequence, uint64_t offset, const char *what)
{
    char name[DE_WAL_NAME_BYTES];

    DE_ASSERT(what != NULL && what[0] != '\0');
    DE_ASSERT(sequence > 0);
    de_wal_name(sequence, name);
    de_message_set(scan->message, scan->message_size,
                   "the write-ahead log is damaged: file %s, byte offset %llu: %s; " REBUILD, name,
                   (unsigned long long)offset, what);
    return DENGINE_E_CORRUPT;
}

static int unreadable(struct scan *scan, uint64_t sequence, int error)
{
    char name[DE_WAL_NAME_BYTES];

    DE_ASSERT(error < 0);
    de_wal_name(sequence, name);
    de_message_set(
        scan->message, scan->message_size,
        "cannot read file %s of the write-ahead log: %s; check the disk, and if the file "
        "stays unreadable: " REBUILD,
        name, dengine_strerror(error));
    return error;
}

static int note_name(void *context, const char *name)
{
    struct scan *scan = context;
    uint64_t sequence;

    if (!de_wal_name_parse(name, &sequence)) {
        return 0;
    }
    if (scan->count == scan->capacity) {
        size_t capacity = scan->capacity == 0 ? 8 : 2 * scan->capacity;
        struct found_segment *segments =
            de_reallocate(scan->options->allocator, scan->segments, capacity * sizeof(*segments));

        if (segments == NULL) {
            return DENGINE_E_NO_MEMORY;
        }
        scan->segments = segments;
        scan->capacity = capacity;
    }
    DE_ASSERT(scan->count < scan->capacity);
    DE_ASSERT(sequence > 0 && sequence < DE_WAL_FOUND_MAX);
    memset(&scan->segments[scan->count], 0, sizeof(scan->segments[0]));
    scan->segments[scan->count++].sequence = sequence;
    return 0;
}

/* Names come in ascending byte order, which for these names is the order of the sequences. */
static int find_segments(struct scan *scan)
{
    struct dengine_dir dir = scan->options->dir;
    int error = dir.ops->list(dir.object, note_name, scan);

    DE_ASSERT(scan->count <= scan->capacity);
    if (error != 0) {
        de_message_set(scan->message, scan->message_size,
                       "cannot list the directory of the write-ahead log: %s",
                       dengine_strerror(error));
        return error;
    }
    for (size_t i = 1; i < scan->count; i++) {
        uint64_t expected = scan->segments[i - 1].sequence + 1;
        char name[DE_WAL_NAME_BYTES];

        DE_ASSERT(scan->segments[i].sequence >= expected);
        if (scan->segments[i].sequence != expected) {
            de_wal_name(expected, name);
            de_message_set(
                scan->message, scan->message_size,
                "the write-ahead log is damaged: segment file %s is missing though later "
                "ones exist; put it back, or " REBUILD,
                name);
            return DENGINE_E_CORRUPT;
        }
    }
    return 0;
}

static int refuse_owner(struct scan *scan, const struct found_segment *segment)
{
    char name[DE_WAL_NAME_BYTES];

    DE_ASSERT(segment->decoded == 0);
    DE_ASSERT(!scan->options->any_owner || segment != scan->segments);
    de_wal_name(segment->sequence, name);
    de_message_set(scan->message, scan->message_size,
                   "file %s belongs to node %llu of cluster %016llx, not to node %llu of cluster "
                   "%016llx; give this node a directory of its own",
                   name, (unsigned long long)segment->header.node_id,
                   (unsigned long long)segment->header.cluster_id,
                   (unsigned long long)scan->node_id, (unsigned long long)scan->cluster_id);
    return DENGINE_E_FOREIGN;
}

static bool all_zero(const uint8_t *bytes, size_t size)
{
    uint8_t any = 0;

    DE_ASSERT(bytes != NULL);
    DE_ASSERT(size > 0);
    for (size_t i = 0; i < size; i++) {
        any |= bytes[i];
    }
    return any == 0;
}

static int read_header(struct scan *scan, struct found_segment *segment)
{
    char name[DE_WAL_NAME_BYTES];
    const uint8_t *bytes;
    int error;

    DE_ASSERT(segment->sequence > 0);
    DE_ASSERT(scan->window.file == NULL);
    de_wal_name(segment->sequence, name);
    error = de_wal_window_open(&scan->window, name);
    if (error != 0) {
        return unreadable(scan, segment->sequence, error);
    }
    segment->size = scan->window.file_size;
    if (segment->size < 2 * DE_WAL_HEADER_BYTES || segment->size % DE_WAL_PAGE_BYTES != 0) {
        /* Segments get their name only once they have their full, durable size: whole pages. */
        error = damage(scan, segment->sequence, segment->size, "the file is cut short");
        goto out;
    }
    error = de_wal_window_peek(&scan->window, 0, DE_WAL_HEADER_BYTES, &bytes);
    if (error != 0) {
        error = unreadable(scan, segment->sequence, error);
        goto out;
    }
    segment->decoded = de_wal_header_decode(bytes, &segment->header);
    segment->plain = all_zero(bytes, DE_WAL_HEADER_BYTES);
out:
    de_wal_window_close(&scan->window);
    return error;
}

/* Decides whether a segment was begun. */
static int judge_header(struct scan *scan, size_t position)
{
    struct found_segment *segment = &scan->segments[position];
    char name[DE_WAL_NAME_BYTES];
    int error = read_header(scan, segment);

    DE_ASSERT(position < scan->count);
    DE_ASSERT(!segment->begun);
    if (error != 0) {
        return error;
    }
    if (segment->decoded == DENGINE_E_VERSION) {
        de_wal_name(segment->sequence, name);
        de_message_set(scan->message, scan->message_size,
                       "file %s is of another version of the log format than %u; use the program "
                       "version that wrote it",
                       name, DE_WAL_VERSION);
        return DENGINE_E_VERSION;
    }
    if (segment->decoded == 0) {
        if (position == 0 && scan->options->any_owner) {
            scan->node_id = segment->header.node_id;
            scan->cluster_id = segment->header.cluster_id;
        }
        if (segment->header.node_id != scan->node_id ||
            segment->header.cluster_id != scan->cluster_id) {
            return refuse_owner(scan, segment);
        }
        segment->begun = segment->header.sequence == segment->sequence;
        segment->plain = segment->header.sequence < segment->sequence;
        DE_ASSERT(!(segment->begun && segment->plain));
    }
    return 0;
}

/* Reads all headers; the begun segments must be the first ones. */
static int judge_headers(struct scan *scan)
{
    for (size_t i = 0; i < scan->count; i++) {
        int error = judge_header(scan, i);

        if (error != 0) {
            return error;
        }
        if (scan->segments[i].begun) {
            if (scan->begun != i) {
                return damage(scan, scan->segments[scan->begun].sequence, 0,
                              "the segment header is damaged though a later segment was begun");
            }
            scan->begun++;
        }
    }
    DE_ASSERT(scan->count > 0 && scan->begun <= scan->count);
    if (scan->begun == 0) {
        return damage(scan, scan->segments[0].sequence, 0, "the segment header is damaged");
    }
    return 0;
}

static int visit_item(struct scan *scan, uint64_t sequence, const struct de_wal_item *item)
{
    const struct de_wal_visitor *visitor = scan->visitor;
    int result = 0;

    DE_ASSERT(item->offset >= DE_WAL_HEADER_BYTES);
    DE_ASSERT(sequence >= scan->segments[0].sequence);
    if (visitor->record != NULL) {
        result = visitor->record(visitor->context, sequence, item);
    }
    if (result == 0 && item->record.flags == DE_WAL_FLAG_LAST && visitor->group != NULL) {
        result = visitor->group(visitor->context);
    }
    return result;
}

/* Reads the records of a segment whose file is open, as far as they are good. */
static int read_records(struct scan *scan, const struct found_segment *segment, uint64_t limit,
                        struct de_wal_reader *reader)
{
    struct de_wal_item item;
    int got;

    de_wal_reader_init(reader, &scan->window,
                       de_wal_salt(scan->cluster_id, scan->node_id, segment->sequence), limit,
                       segment->header.first_group, segment->header.previous_crc);
    if (scan->visitor->segment != NULL) {
        int result =
            scan->visitor->segment(scan->visitor->context, &segment->header, segment->size);

        if (result == DENGINE_E_CORRUPT) {
            return damage(scan, segment->sequence, 64,
                          "the state in the segment header contradicts the segments before it");
        }
        if (result != 0) {
            return result;
        }
    }
    DE_ASSERT(segment->begun && segment->decoded == 0);
    DE_ASSERT(limit <= segment->size);
    while ((got = de_wal_reader_next(reader, &item)) == 1) {
        int result = visit_item(scan, segment->sequence, &item);

        if (result == DENGINE_E_CORRUPT) {
            return damage(scan, segment->sequence, item.offset,
                          "the record contradicts the ones before it");
        }
        if (result != 0) {
            return result;
        }
    }
    return got < 0 ? unreadable(scan, segment->sequence, got) : 0;
}

/* A segment that is not the last: all of it must be good, and lead to the next one's header. */
static int read_inner(struct scan *scan, const struct found_segment *segment)
{
    const struct de_wal_header *next = &segment[1].header;
    struct de_wal_reader reader;
    int error;

    DE_ASSERT(segment->begun && segment[1].begun);
    DE_ASSERT(segment[1].sequence == segment->sequence + 1);
    if (next->previous_end < DE_WAL_HEADER_BYTES || next->previous_end > segment->size ||
        next->previous_end % DE_WAL_ALIGN_BYTES != 0) {
        return damage(scan, segment[1].sequence, 48,
                      "it says that the log before it ends outside "
                      "of the segment");
    }
    error = read_records(scan, segment, next->previous_end, &reader);
    if (error != 0) {
        return error;
    }
    DE_ASSERT(reader.group_offset <= next->previous_end);
    if (reader.group_offset != next->previous_end) {
        return damage(scan, segment->sequence, reader.offset, reader.why);
    }
    if (reader.group != next->first_group || reader.group_chain != next->previous_crc) {
        return damage(scan, segment[1].sequence, 40, "it does not continue the segment before it");
    }
    return 0;
}

/* Whether the last group's SYNCED mark stands where the next group goes. */
static int find_mark(struct scan *scan, const struct found_segment *segment, uint32_t salt)
{
    struct de_wal_scan_result *result = scan->result;
    const uint8_t *bytes;
    struct de_wal_record mark;
    int error;

    DE_ASSERT(result->end_offset >= DE_WAL_HEADER_BYTES);
    DE_ASSERT(result->end_offset <= segment->size);
    DE_ASSERT(!result->marked);
    if (segment->size - result->end_offset < DE_WAL_RECORD_BYTES) {
        return 0;
    }
    error = de_wal_window_peek(&scan->window, result->end_offset, DE_WAL_RECORD_BYTES, &bytes);
    if (error == 0 && de_wal_record_decode(bytes, salt, &mark)) {
        result->marked = mark.type == DE_WAL_SYNCED && mark.group == result->next_group - 1;
    }
    return error;
}

/* What stands behind the end of the last segment that was begun. */
static int read_tail(struct scan *scan, const struct found_segment *segment,
                     const struct de_wal_reader *reader)
{
    struct de_wal_scan_result *result = scan->result;
    uint64_t from = result->end_offset;
    uint64_t proof = 0;
    int got = find_mark(scan, segment, reader->salt);

    if (got == 0) {
        from += result->marked ? DE_WAL_RECORD_BYTES : 0;
        got = de_wal_find_end(&scan->window, from, &result->dirty_end);
    }
    if (got == 0) {
        got = de_wal_find_proof(&scan->window, reader->salt, from, result->dirty_end,
                                result->next_group, &proof);
    }
    if (got == 1) {
        return damage(scan, segment->sequence, reader->offset, reader->why);
    }
    DE_ASSERT(from >= result->end_offset);
    DE_ASSERT_IMPLIES(got == 0, result->dirty_end >= from);
    if (result->dirty_end == from) {
        result->dirty_end = result->end_offset;
    }
    return got == 0 ? 0 : unreadable(scan, segment->sequence, got);
}

/* A segment that looks unused: is there proof that the group that would begin it was synced? And if
 * not, is something left of it? */
static int check_spare(struct scan *scan, const struct found_segment *spare)
{
    const uint32_t salt = de_wal_salt(scan->cluster_id, scan->node_id, spare->sequence);
    uint64_t to = spare->size;
    uint64_t proof = 0;
    uint64_t left = 0;
    char name[DE_WAL_NAME_BYTES];
    int got;

    if (spare->plain && to > SPARE_SEARCH_BYTES) {
        to = SPARE_SEARCH_BYTES;
    }
    DE_ASSERT(!spare->begun);
    DE_ASSERT(to >= DE_WAL_HEADER_BYTES && to <= spare->size);
    de_wal_name(spare->sequence, name);
    got = de_wal_window_open(&scan->window, name);
    if (got != 0) {
        return unreadable(scan, spare->sequence, got);
    }
    got = de_wal_find_proof(&scan->window, salt, DE_WAL_HEADER_BYTES, to, scan->result->next_group,
                            &proof);
    if (got == 1) {
        de_wal_window_close(&scan->window);
        return damage(scan, spare->sequence, 0,
                      "the segment header is damaged though good records follow it");
    }
    if (got == 0) {
        got = de_wal_find_group(&scan->window, salt, DE_WAL_HEADER_BYTES, to,
                                scan->result->next_group, &left);
    }
    de_wal_window_close(&scan->window);
    scan->result->spare_dirty = got == 1;
    return got >= 0 ? 0 : unreadable(scan, spare->sequence, got);
}

static int read_last(struct scan *scan, const struct found_segment *segment)
{
    struct de_wal_reader reader;
    int error = read_records(scan, segment, segment->size, &reader);

    DE_ASSERT(segment->begun);
    if (error != 0) {
        return error;
    }
    DE_ASSERT(reader.group_offset <= reader.offset);
    DE_ASSERT(reader.group_offset <= segment->size);
    DE_ASSERT(reader.group_offset % DE_WAL_ALIGN_BYTES == 0);
    scan->result->end_offset = reader.group_offset;
    scan->result->next_group = reader.group;
    scan->result->chain = reader.group_chain;
    return read_tail(scan, segment, &reader);
}

static int read_segments(struct scan *scan)
{
    int error = 0;

    DE_ASSERT(scan->begun > 0 && scan->begun <= scan->count);
    for (size_t i = 0; i < scan->begun && error == 0; i++) {
        const struct found_segment *segment = &scan->segments[i];
        char name[DE_WAL_NAME_BYTES];

        de_wal_name(segment->sequence, name);
        error = de_wal_window_open(&scan->window, name);
        if (error != 0) {
            return unreadable(scan, segment->sequence, error);
        }
        error = i + 1 < scan->begun ? read_inner(scan, segment) : read_last(scan, segment);
        de_wal_window_close(&scan->window);
    }
    if (error == 0 && scan->begun < scan->count) {
        error = check_spare(scan, &scan->segments[scan->begun]);
    }
    return error;
}

int de_wal_scan(const struct de_wal_scan_options *options, const struct de_wal_visitor *visitor,
                struct de_wal_scan_result *result, char *message, size_t message_size)
{
    struct scan scan = {.options = options, .visitor = visitor, .result = result};
    int error;

    DE_ASSERT(options->allocator != NULL);
    DE_ASSERT(visitor != NULL);
    memset(result, 0, sizeof(*result));
    scan.node_id = options->node_id;
    scan.cluster_id = options->cluster_id;
    scan.message = message;
    scan.message_size = message_size;
    de_message_set(message, message_size, "%s", "");
    de_wal_window_init(&scan.window, options->dir, options->allocator);
    error = find_segments(&scan);
    if (error == 0 && scan.count > 0) {
        result->first_sequence = scan.segments[0].sequence;
        result->last_sequence = scan.segments[scan.count - 1].sequence;
        error = judge_headers(&scan);
        if (error == 0) {
            result->used_sequence = scan.segments[scan.begun - 1].sequence;
            error = read_segments(&scan);
        }
    }
    if (error == DENGINE_E_NO_MEMORY) {
        de_message_set(message, message_size, "out of memory while reading the write-ahead log");
    }
    DE_ASSERT_IMPLIES(error == 0, result->first_sequence <= result->used_sequence);
    DE_ASSERT_IMPLIES(error == 0, result->used_sequence <= result->last_sequence);
    de_wal_window_deinit(&scan.window);
    de_release(options->allocator, scan.segments);
    return error;
}
