#include "storage/wal/wal_group.h"

#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/base/crc32c.h"
#include "storage/base/log_check.h"

/* Data from this size on is written from where it is; below, copying is cheaper than a slice. */
#define DIRECT_BYTES 16384u

/* Buffers above this size are given back after the group. */
#define KEEP_BYTES (4u << 20)

#define RESET_BYTES      40u
#define HARD_STATE_BYTES 24u
#define TRUNCATE_BYTES   8u
#define COMPACT_BYTES    16u

DE_STATIC_ASSERT(HARD_STATE_BYTES == sizeof(struct dengine_hard_state), "all of it is stored");
DE_STATIC_ASSERT(RESET_BYTES == COMPACT_BYTES + HARD_STATE_BYTES, "index, term, hard state");
DE_STATIC_ASSERT(DE_WAL_ENTRY_BYTES == 8 + 8 + 4 + 4, "index, term, type, zero");
DE_STATIC_ASSERT(HARD_STATE_BYTES <= DE_WAL_ENTRY_BYTES, "one buffer serves all but RESET");
DE_STATIC_ASSERT(DIRECT_BYTES > DE_WAL_PAGE_BYTES, "a slice is worth its place");
DE_STATIC_ASSERT(DE_LOG_DATA_MAX <= UINT32_MAX - DE_WAL_ENTRY_BYTES, "a length fits 32 bits");

/* The group while it is laid out. */
struct layout {
    struct de_wal_group *group;
    struct de_wal_place *place;
    size_t used;        /* of group->bytes */
    size_t slice_start; /* bytes not yet in a slice begin here */
    uint64_t records;   /* in all */
    uint32_t number;    /* of the next one */
};

void de_wal_group_init(struct de_wal_group *group, const struct de_allocator *allocator)
{
    DE_ASSERT(group != NULL);
    DE_ASSERT(allocator != NULL);
    memset(group, 0, sizeof(*group));
    group->allocator = allocator;
}

void de_wal_group_deinit(struct de_wal_group *group)
{
    DE_ASSERT(group != NULL);
    de_release(group->allocator, group->bytes);
    de_release(group->allocator, group->slices);
    group->bytes = NULL;
    group->slices = NULL;
}

static void add_record(uint64_t data_bytes, uint64_t *records, uint64_t *bytes)
{
    DE_ASSERT(*records < UINT32_MAX);
    DE_ASSERT(*bytes % 8 == 0);
    (*records)++;
    *bytes += de_wal_record_span(data_bytes);
}

void de_wal_plan_measure(struct de_wal_plan *plan)
{
    uint64_t *records = &plan->records;
    uint64_t *bytes = &plan->bytes;

    *records = 0;
    *bytes = 0;
    DE_ASSERT(plan->type == 0 || plan->write_count == 0);
    DE_ASSERT(plan->writes != NULL || plan->write_count == 0);
    if (plan->type != 0) {
        DE_ASSERT(plan->type == DE_WAL_COMPACT || plan->type == DE_WAL_RESET);
        add_record(plan->type == DE_WAL_COMPACT ? COMPACT_BYTES : RESET_BYTES, records, bytes);
    }
    for (size_t i = 0; i < plan->write_count; i++) {
        const struct dengine_log_write *write = &plan->writes[i];

        if (write->set_hard_state) {
            add_record(HARD_STATE_BYTES, records, bytes);
        }
        if (write->truncate_from != 0) {
            add_record(TRUNCATE_BYTES, records, bytes);
        }
        for (size_t j = 0; j < write->entry_count; j++) {
            add_record(DE_WAL_ENTRY_BYTES + write->entries[j].data.size, records, bytes);
        }
    }
}

/* Buffers for the worst case: every byte copied, every large entry three slices. */
static int reserve(struct de_wal_group *group, uint64_t records, uint64_t bytes)
{
    uint64_t wanted = DE_WAL_HEADER_BYTES + bytes + DE_WAL_PAGE_BYTES;
    uint64_t slices = 2 * (bytes / DIRECT_BYTES) + 2;

    DE_ASSERT(records > 0);
    DE_ASSERT(bytes >= records * DE_WAL_RECORD_BYTES);
    if (group->bytes_capacity > KEEP_BYTES && wanted < KEEP_BYTES) {
        de_release(group->allocator, group->bytes);
        group->bytes = NULL;
        group->bytes_capacity = 0;
    }
    if (wanted > group->bytes_capacity) {
        uint8_t *memory = de_reallocate(group->allocator, group->bytes, (size_t)wanted);

        if (memory == NULL) {
            return DENGINE_E_NO_MEMORY;
        }
        group->bytes = memory;
        group->bytes_capacity = (size_t)wanted;
    }
    if (slices > group->slices_capacity) {
        struct dengine_slice *memory =
            de_reallocate(group->allocator, group->slices, (size_t)slices * sizeof(*memory));

        if (memory == NULL) {
            return DENGINE_E_NO_MEMORY;
        }
        group->slices = memory;
        group->slices_capacity = (size_t)slices;
    }
    DE_ASSERT(group->bytes_capacity >= wanted && group->slices_capacity >= slices);
    return 0;
}

static void add_slice(struct de_wal_group *group, const void *data, size_t size)
{
    if (size > 0) {
        DE_ASSERT(data != NULL);
        DE_ASSERT(group->slice_count < group->slices_capacity);
        group->slices[group->slice_count++] = dengine_bytes(data, size);
        group->size += size;
    }
}

/* Makes a slice of the bytes that are in none yet. */
static void cut_slice(struct layout *layout)
{
    struct de_wal_group *group = layout->group;

    DE_ASSERT(layout->slice_start <= layout->used);
    add_slice(group, group->bytes + layout->slice_start, layout->used - layout->slice_start);
    layout->slice_start = layout->used;
}

static inline uint8_t *take(struct layout *layout, size_t size)
{
    uint8_t *at = layout->group->bytes + layout->used;

    DE_ASSERT(layout->used <= layout->group->bytes_capacity);
    DE_ASSERT(size <= layout->group->bytes_capacity - layout->used);
    layout->used += size;
    return at;
}

/* Begins a record: its header and so many bytes of data, which the caller fills in, where they will
 * be written from. */
static uint8_t *open_record(struct layout *layout, uint32_t head_size)
{
    uint8_t *header;

    DE_ASSERT(layout->number < layout->records);
    DE_ASSERT(head_size <= RESET_BYTES);
    header = take(layout, DE_WAL_RECORD_BYTES);
    (void)take(layout, head_size);
    return header + DE_WAL_RECORD_BYTES;
}

/* Ends the record whose first bytes of data are `head`; behind them comes `tail`. */
static void close_record(struct layout *layout, uint8_t type, uint8_t *head, uint32_t head_size,
                         struct dengine_slice tail)
{
    struct de_wal_record record = {
        .length = head_size + (uint32_t)tail.size,
        .type = type,
        .flags = layout->number + 1 == layout->records ? DE_WAL_FLAG_LAST : 0,
        .group = layout->place->number,
        .number = layout->number,
        .previous_crc = layout->place->chain,
    };
    uint64_t span = de_wal_record_span(record.length);
    size_t padding = (size_t)(span - DE_WAL_RECORD_BYTES - record.length);

    DE_ASSERT(padding < 8);
    DE_ASSERT(tail.size <= DE_LOG_DATA_MAX);
    DE_ASSERT(head_size % 8 == 0 && head == layout->group->bytes + layout->used - head_size);
    /* Over the data where it is: in a copy just made, loads that straddle two stores wait until
     * these have left the store buffer. That took a third of the whole layout. */
    record.data_crc = de_crc32c(de_crc32c(0, head, head_size), tail.data, tail.size);
    if (tail.size >= DIRECT_BYTES) {
        cut_slice(layout);
        add_slice(layout->group, tail.data, tail.size);
        memset(take(layout, padding), 0, padding);
    } else if (tail.size > 0) {
        uint8_t *to = take(layout, tail.size + padding);

        /* Eight zeros at the end, and then all but the padding is copied over: one store. */
        de_wal_put_u64(to + tail.size + padding - 8, 0);
        memcpy(to, tail.data, tail.size);
    }
    de_wal_record_encode(&record, layout->place->salt, head - DE_WAL_RECORD_BYTES);
    layout->place->chain = record.header_crc;
    layout->number++;
}

static void put_hard_state(uint8_t *at, const struct dengine_hard_state *hard_state)
{
    DE_ASSERT(at != NULL && hard_state != NULL);
    de_wal_put_u64(at, hard_state->term);
    de_wal_put_u64(at + 8, hard_state->vote);
    de_wal_put_u64(at + 16, hard_state->commit);
}

static void put_write(struct layout *layout, const struct dengine_log_write *write)
{
    const struct dengine_slice none = {NULL, 0};
    uint8_t *head;

    if (write->set_hard_state) {
        head = open_record(layout, HARD_STATE_BYTES);
        put_hard_state(head, &write->hard_state);
        close_record(layout, DE_WAL_HARD_STATE, head, HARD_STATE_BYTES, none);
    }
    if (write->truncate_from != 0) {
        head = open_record(layout, TRUNCATE_BYTES);
        de_wal_put_u64(head, write->truncate_from);
        close_record(layout, DE_WAL_TRUNCATE, head, TRUNCATE_BYTES, none);
    }
    DE_ASSERT(write->entries != NULL || write->entry_count == 0);
    DE_ASSERT(write->first_index > 0 || write->entry_count == 0);
    for (size_t i = 0; i < write->entry_count; i++) {
        const struct dengine_entry *entry = &write->entries[i];

        head = open_record(layout, DE_WAL_ENTRY_BYTES);
        de_wal_put_u64(head, write->first_index + i);
        de_wal_put_u64(head + 8, entry->term);
        de_wal_put_u64(head + 16, entry->type);
        close_record(layout, DE_WAL_ENTRY, head, DE_WAL_ENTRY_BYTES, entry->data);
    }
}

static void put_single(struct layout *layout, const struct de_wal_plan *plan)
{
    const struct dengine_slice none = {NULL, 0};
    const uint32_t size = plan->type == DE_WAL_RESET ? RESET_BYTES : COMPACT_BYTES;
    uint8_t *head = open_record(layout, size);

    DE_ASSERT(plan->type == DE_WAL_COMPACT || plan->type == DE_WAL_RESET);
    de_wal_put_u64(head, plan->index);
    de_wal_put_u64(head + 8, plan->term);
    if (plan->type == DE_WAL_RESET) {
        DE_ASSERT(plan->hard_state != NULL);
        put_hard_state(head + 16, plan->hard_state);
    }
    close_record(layout, plan->type, head, size, none);
}

int de_wal_group_encode(struct de_wal_group *group, const struct de_wal_plan *plan,
                        struct de_wal_place *place, uint64_t offset, uint64_t limit)
{
    struct layout layout = {.group = group, .place = place, .records = plan->records};
    const uint64_t bytes = plan->bytes;
    uint64_t end;
    int error = reserve(group, plan->records, plan->bytes);

    if (error != 0) {
        return error;
    }
    DE_ASSERT(offset % DE_WAL_ALIGN_BYTES == 0);
    DE_ASSERT(place->number > 0);
    DE_ASSERT_IMPLIES(place->header != NULL, offset == 0);
    group->slice_count = 0;
    group->size = 0;
    if (place->header != NULL) {
        de_wal_header_encode(place->header, take(&layout, DE_WAL_HEADER_BYTES));
    }
    if (plan->type != 0) {
        put_single(&layout, plan);
    }
    for (size_t i = 0; i < plan->write_count; i++) {
        put_write(&layout, &plan->writes[i]);
    }
    DE_ASSERT(layout.number == layout.records);
    cut_slice(&layout);
    DE_ASSERT(group->size == bytes + (place->header != NULL ? DE_WAL_HEADER_BYTES : 0));
    end = de_wal_align(offset + group->size, DE_WAL_PAGE_BYTES);
    end = end < limit ? end : limit;
    if (end > offset + group->size) {
        size_t padding = (size_t)(end - offset - group->size);

        memset(take(&layout, padding), 0, padding);
        cut_slice(&layout);
    }
    DE_ASSERT(layout.slice_start == layout.used);
    DE_ASSERT(offset + group->size <= limit);
    return 0;
}
