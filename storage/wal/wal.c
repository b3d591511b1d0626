#include "storage/wal/wal.h"

#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/base/crc32c.h"
#include "storage/base/heap.h"
#include "storage/wal/wal_internal.h"
#include "storage/wal/wal_reader.h"

/* Entries that stand one behind the other are read together up to this size. */
#define READ_BYTES (256u << 10)

DE_STATIC_ASSERT(DE_WAL_SEGMENT_BYTES_MIN >= 2 * DE_WAL_PAGE_BYTES, "a header and a group fit");
DE_STATIC_ASSERT(DE_WAL_SEGMENT_BYTES_MIN % DE_WAL_PAGE_BYTES == 0, "the least is allowed");
DE_STATIC_ASSERT(DE_WAL_SEGMENT_BYTES_MAX % DE_WAL_PAGE_BYTES == 0, "the most is allowed");
DE_STATIC_ASSERT(DE_WAL_SEGMENT_BYTES_DEFAULT % DE_WAL_PAGE_BYTES == 0, "the default is allowed");
DE_STATIC_ASSERT(DE_WAL_SEGMENT_BYTES_DEFAULT <= DE_WAL_SEGMENT_BYTES_MAX, "within the limits");
DE_STATIC_ASSERT(DE_WAL_SEGMENT_BYTES_MAX / 8 <= UINT32_MAX, "a location holds every offset");

void de_wal_check(const struct de_wal *wal)
{
    const struct dengine_log_state *state = &wal->state;

    DE_ASSERT(wal->used > 0 && wal->used <= wal->segment_count);
    DE_ASSERT(wal->segment_count <= wal->segments_capacity);
    DE_ASSERT(state->first_index > 0 && state->last_index >= state->first_index - 1);
    DE_ASSERT(wal->index.first == state->first_index);
    DE_ASSERT(wal->index.count == state->last_index + 1 - state->first_index);
    DE_ASSERT(wal->offset >= DE_WAL_HEADER_BYTES && wal->offset <= de_wal_current(wal)->size);
    DE_ASSERT(wal->offset % DE_WAL_ALIGN_BYTES == 0);
    DE_ASSERT(wal->next_group > 0);
    /* Only one spare is being made, and only while there is none. */
    DE_ASSERT_IMPLIES(wal->next_file != NULL, wal->next_bytes <= wal->options.segment_bytes);
    DE_ASSERT_IMPLIES(wal->error != 0, wal->message[0] != '\0');
}

void de_wal_options_init(struct de_wal_options *options, uint64_t node_id, uint64_t cluster_id)
{
    DE_ASSERT(options != NULL);
    memset(options, 0, sizeof(*options));
    options->node_id = node_id;
    options->cluster_id = cluster_id;
    options->segment_bytes = DE_WAL_SEGMENT_BYTES_DEFAULT;
    options->spares_max = DE_WAL_SPARES_DEFAULT;
}

static void wal_state(void *store, struct dengine_log_state *state)
{
    const struct de_wal *wal = store;

    de_wal_check(wal);
    DE_ASSERT(state != NULL);
    *state = wal->state;
}

/* A run of entries in one segment. */
struct run {
    const struct de_wal_segment *segment;
    uint64_t offset;
    uint64_t end;
    uint64_t first;
    uint64_t last;
};

static uint64_t location_offset(const struct de_wal_location *location)
{
    return (uint64_t)location->offset_units * 8;
}

static uint64_t location_end(const struct de_wal_location *location)
{
    return location_offset(location) + DE_WAL_RECORD_BYTES + location->length;
}

/* The entries from first on that one read fetches. */
static void find_run(const struct de_wal *wal, uint64_t first, uint64_t last, struct run *run)
{
    const struct de_wal_location *location = de_wal_index_at(&wal->index, first);
    uint64_t position = location->sequence - wal->segments[0].sequence;
    const bool alone = de_site(wal->options.sites, DE_SITE_SHORT_RUN);

    DE_ASSERT(position < wal->used);
    DE_ASSERT(wal->segments[position].sequence == location->sequence);
    run->segment = &wal->segments[position];
    run->offset = location_offset(location);
    run->end = location_end(location);
    run->first = first;
    run->last = first;
    while (run->last < last && !alone) {
        location = de_wal_index_at(&wal->index, run->last + 1);
        if (location->sequence != run->segment->sequence ||
            location_end(location) - run->offset > READ_BYTES) {
            break;
        }
        DE_ASSERT(location_offset(location) >= run->end);
        run->end = location_end(location);
        run->last++;
    }
    DE_ASSERT(run->end <= run->segment->size);
}

static int load_run(struct de_wal *wal, const struct run *run)
{
    size_t size = (size_t)(run->end - run->offset);

    DE_ASSERT(run->end > run->offset);
    DE_ASSERT(run->segment->file != NULL);
    if (size > wal->read_capacity) {
        uint8_t *buffer = de_reallocate(&wal->allocator, wal->read_buffer, size);

        if (buffer == NULL) {
            de_message_set(wal->message, sizeof(wal->message),
                           "out of memory while reading the "
                           "log");
            return DENGINE_E_NO_MEMORY;
        }
        wal->read_buffer = buffer;
        wal->read_capacity = size;
    }
    return wal->dir.ops->read(wal->dir.object, run->segment->file, run->offset, wal->read_buffer,
                              size);
}

/* The record was good when it was written or recovered; it may have rotted since. */
static bool decode_entry(const struct de_wal *wal, const struct run *run, uint64_t index,
                         struct de_wal_item *item)
{
    const struct de_wal_location *location = de_wal_index_at(&wal->index, index);
    const uint8_t *bytes = wal->read_buffer + (location_offset(location) - run->offset);
    uint32_t salt;

    DE_ASSERT(location->sequence == run->segment->sequence);
    DE_ASSERT(location_end(location) - run->offset <= wal->read_capacity);
    salt = de_wal_salt(wal->options.cluster_id, wal->options.node_id, location->sequence);

    return de_wal_record_decode(bytes, salt, &item->record) &&
           item->record.length == location->length &&
           item->record.data_crc ==
               de_crc32c(0, bytes + DE_WAL_RECORD_BYTES, item->record.length) &&
           de_wal_item_decode(item, bytes + DE_WAL_RECORD_BYTES) &&
           item->record.type == DE_WAL_ENTRY && item->index == index;
}

static int read_failed(struct de_wal *wal, const struct run *run, uint64_t index, int error)
{
    const struct de_wal_location *location = de_wal_index_at(&wal->index, index);
    char name[DE_WAL_NAME_BYTES];

    DE_ASSERT(error < 0);
    DE_ASSERT(index >= run->first && index <= run->last);
    de_wal_name(run->segment->sequence, name);
    de_message_set(
        wal->message, sizeof(wal->message),
        "entry %llu of the log cannot be read: file %s, byte offset %llu: %s; " DE_MESSAGE_REBUILD,
        (unsigned long long)index, name, (unsigned long long)location_offset(location),
        dengine_strerror(error));
    return error;
}

static int wal_read(void *store, uint64_t first, uint64_t last,
                    int (*visit)(void *context, uint64_t index, const struct dengine_entry *entry),
                    void *context)
{
    struct de_wal *wal = store;

    DE_ASSERT(visit != NULL);
    if (first < wal->state.first_index || last > wal->state.last_index || first > last) {
        return DENGINE_E_INVALID;
    }
    while (first <= last) {
        struct run run;
        int error;

        find_run(wal, first, last, &run);
        DE_ASSERT(run.first == first && run.last >= first && run.last <= last);
        error = load_run(wal, &run);
        if (error != 0) {
            return error == DENGINE_E_NO_MEMORY ? error : read_failed(wal, &run, first, error);
        }
        for (; first <= run.last; first++) {
            struct de_wal_item item;
            struct dengine_entry entry;
            int result;

            if (!decode_entry(wal, &run, first, &item)) {
                return read_failed(wal, &run, first, DENGINE_E_CORRUPT);
            }
            entry.term = item.term;
            entry.type = item.entry_type;
            entry.data = item.data;
            DE_ASSERT(entry.data.size + DE_WAL_ENTRY_BYTES == item.record.length);
            result = visit(context, first, &entry);
            if (result != 0) {
                return result;
            }
        }
    }
    return 0;
}

static enum dengine_log_room wal_room(void *store)
{
    const struct de_wal *wal = store;
    uint64_t size = de_wal_current(wal)->size;

    de_wal_check(wal);
    DE_ASSERT_IMPLIES(wal->low_on_space, wal->message[0] != '\0');
    if (!wal->low_on_space) {
        return DENGINE_LOG_ROOM;
    }
    return size - wal->offset > size / 4 ? DENGINE_LOG_ROOM_LOW : DENGINE_LOG_ROOM_NONE;
}

static const char *wal_message(void *store)
{
    const struct de_wal *wal = store;

    DE_ASSERT(wal != NULL);
    return wal->message;
}

static void wal_close(void *store)
{
    struct de_wal *wal = store;
    struct de_allocator allocator = wal->allocator;

    de_wal_segments_close(wal);
    de_wal_group_deinit(&wal->group);
    de_wal_index_deinit(&wal->index);
    DE_ASSERT(wal->segment_count == 0 && wal->next_file == NULL);
    de_release(&allocator, wal->read_buffer);
    de_release(&allocator, wal);
}

static const struct dengine_log_store_ops wal_ops = {
    .state = wal_state,
    .write = de_wal_write,
    .read = wal_read,
    .compact = de_wal_compact,
    .reset = de_wal_reset,
    .tidy = de_wal_tidy,
    .room = wal_room,
    .message = wal_message,
    .close = wal_close,
};

static int check_options(struct de_wal_options *options, char *message, size_t message_size)
{
    if (options->segment_bytes == 0) {
        options->segment_bytes = DE_WAL_SEGMENT_BYTES_DEFAULT;
    }
    if (options->segment_bytes < DE_WAL_SEGMENT_BYTES_MIN ||
        options->segment_bytes > DE_WAL_SEGMENT_BYTES_MAX ||
        options->segment_bytes % DE_WAL_PAGE_BYTES != 0) {
        de_message_set(message, message_size,
                       "the segment size of the write-ahead log is %u bytes; it must be a multiple "
                       "of %u from %u to %u",
                       options->segment_bytes, DE_WAL_PAGE_BYTES, DE_WAL_SEGMENT_BYTES_MIN,
                       DE_WAL_SEGMENT_BYTES_MAX);
        return DENGINE_E_INVALID;
    }
    DE_ASSERT(options->segment_bytes > 2 * DE_WAL_HEADER_BYTES);
    return 0;
}

int de_wal_open(struct dengine_dir dir, const struct de_wal_options *options,
                struct dengine_log_store *store, char *message, size_t message_size)
{
    const struct de_allocator *allocator = options->allocator;
    struct de_wal_options checked = *options;
    struct de_wal *wal;
    int error = check_options(&checked, message, message_size);

    DE_ASSERT(dir.ops != NULL);
    DE_ASSERT(store != NULL);
    if (error != 0) {
        return error;
    }
    allocator = allocator == NULL ? de_heap_allocator() : allocator;
    wal = de_allocate(allocator, sizeof(*wal));
    if (wal == NULL) {
        de_message_set(message, message_size, "out of memory while opening the write-ahead log");
        return DENGINE_E_NO_MEMORY;
    }
    memset(wal, 0, sizeof(*wal));
    wal->dir = dir;
    wal->allocator = *allocator;
    wal->options = checked;
    wal->options.allocator = NULL;
    wal->state.first_index = 1;
    de_wal_index_init(&wal->index, &wal->allocator, 1);
    de_wal_group_init(&wal->group, &wal->allocator);
    error = de_wal_recover(wal, message, message_size);
    if (error != 0) {
        wal_close(wal);
        return error;
    }
    de_wal_check(wal);
    DE_ASSERT(wal->error == 0);
    store->ops = &wal_ops;
    store->object = wal;
    return 0;
}

void de_wal_usage(struct dengine_log_store store, struct de_wal_usage *usage)
{
    const struct de_wal *wal = store.object;

    DE_ASSERT(store.ops == &wal_ops);
    DE_ASSERT(usage != NULL);
    de_wal_check(wal);
    memset(usage, 0, sizeof(*usage));
    usage->segments = wal->used;
    usage->spares = wal->segment_count - wal->used;
    for (size_t i = 0; i < wal->segment_count; i++) {
        usage->segment_bytes += wal->segments[i].size;
    }
    usage->bytes_left = de_wal_current(wal)->size - wal->offset;
    usage->low_on_space = wal->low_on_space;
}
