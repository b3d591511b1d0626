#include "storage/wal/wal_reader.h"

#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/base/crc32c.h"

/* Read at a time; a longer record makes the buffer grow to its length. */
#define WINDOW_BYTES (1u << 20)

/* No log has so many groups that a number this far ahead is anything but noise. */
#define GROUPS_AHEAD_MAX (UINT64_C(1) << 40)

DE_STATIC_ASSERT(WINDOW_BYTES % DE_WAL_PAGE_BYTES == 0, "read in whole pages");
DE_STATIC_ASSERT(GROUPS_AHEAD_MAX < DE_WAL_COUNT_MAX, "adding it to a group cannot overflow");

void de_wal_window_init(struct de_wal_window *window, struct dengine_dir dir,
                        const struct de_allocator *allocator)
{
    DE_ASSERT(dir.ops != NULL);
    DE_ASSERT(allocator != NULL);
    memset(window, 0, sizeof(*window));
    window->dir = dir;
    window->allocator = allocator;
}

void de_wal_window_deinit(struct de_wal_window *window)
{
    DE_ASSERT(window->file == NULL);
    de_release(window->allocator, window->buffer);
    window->buffer = NULL;
}

int de_wal_window_open(struct de_wal_window *window, const char *name)
{
    struct dengine_dir dir = window->dir;
    int error;

    DE_ASSERT(window->file == NULL);
    DE_ASSERT(name != NULL);
    error = dir.ops->open(dir.object, name, DENGINE_FILE_READ, &window->file);
    if (error != 0) {
        window->file = NULL;
        return error;
    }
    DE_ASSERT(window->file != NULL);
    window->start = 0;
    window->filled = 0;
    error = dir.ops->size(dir.object, window->file, &window->file_size);
    if (error != 0) {
        de_wal_window_close(window);
    }
    return error;
}

void de_wal_window_close(struct de_wal_window *window)
{
    DE_ASSERT(window->file != NULL);
    window->dir.ops->close(window->dir.object, window->file);
    window->file = NULL;
}

static int window_reserve(struct de_wal_window *window, size_t size)
{
    DE_ASSERT(size > 0);
    if (size > window->capacity) {
        uint8_t *buffer = de_reallocate(window->allocator, window->buffer, size);

        if (buffer == NULL) {
            return DENGINE_E_NO_MEMORY;
        }
        window->buffer = buffer;
        window->capacity = size;
    }
    DE_ASSERT(window->buffer != NULL && window->capacity >= size);
    return 0;
}

int de_wal_window_peek(struct de_wal_window *window, uint64_t offset, size_t size,
                       const uint8_t **bytes)
{
    uint64_t ahead = window->file_size - offset;
    size_t wanted = ahead < WINDOW_BYTES ? (size_t)ahead : WINDOW_BYTES;
    int error;

    DE_ASSERT(offset <= window->file_size);
    DE_ASSERT(window->file != NULL);
    DE_ASSERT(size <= window->file_size - offset);
    if (offset >= window->start && offset + size <= window->start + window->filled) {
        *bytes = window->buffer + (offset - window->start);
        return 0;
    }
    wanted = wanted < size ? size : wanted;
    window->filled = 0;
    error = window_reserve(window, wanted);
    if (error == 0) {
        error =
            window->dir.ops->read(window->dir.object, window->file, offset, window->buffer, wanted);
    }
    if (error != 0) {
        return error;
    }
    DE_ASSERT(wanted >= size && offset + wanted <= window->file_size);
    window->start = offset;
    window->filled = wanted;
    *bytes = window->buffer;
    return 0;
}

static void load_hard_state(const uint8_t *at, struct dengine_hard_state *hard_state)
{
    DE_ASSERT(at != NULL && hard_state != NULL);
    hard_state->term = de_load_u64(at);
    hard_state->vote = de_load_u64(at + 8);
    hard_state->commit = de_load_u64(at + 16);
}

bool de_wal_item_decode(struct de_wal_item *item, const uint8_t *data)
{
    uint32_t length = item->record.length;

    DE_ASSERT(data != NULL || length == 0);
    DE_ASSERT(item->record.type >= DE_WAL_HARD_STATE && item->record.type <= DE_WAL_SYNCED);
    item->index = 0;
    item->term = 0;
    memset(&item->hard_state, 0, sizeof(item->hard_state));
    item->entry_type = 0;
    item->data = dengine_bytes(NULL, 0);
    switch ((enum de_wal_type)item->record.type) {
    case DE_WAL_HARD_STATE:
        if (length == 24) {
            load_hard_state(data, &item->hard_state);
        }
        return length == 24;
    case DE_WAL_TRUNCATE:
        item->index = length == 8 ? de_load_u64(data) : 0;
        return length == 8;
    case DE_WAL_ENTRY:
        if (length < DE_WAL_ENTRY_BYTES) {
            return false;
        }
        item->index = de_load_u64(data);
        item->term = de_load_u64(data + 8);
        item->entry_type = de_load_u32(data + 16);
        item->data = dengine_bytes(data + DE_WAL_ENTRY_BYTES, length - DE_WAL_ENTRY_BYTES);
        return true;
    case DE_WAL_COMPACT:
    case DE_WAL_RESET:
        if (length != (item->record.type == DE_WAL_COMPACT ? 16u : 40u)) {
            return false;
        }
        item->index = de_load_u64(data);
        item->term = de_load_u64(data + 8);
        if (item->record.type == DE_WAL_RESET) {
            load_hard_state(data + 16, &item->hard_state);
        }
        return true;
    case DE_WAL_SYNCED:
        break;
    }
    return false;
}

void de_wal_reader_init(struct de_wal_reader *reader, struct de_wal_window *window, uint32_t salt,
                        uint64_t limit, uint64_t group, uint32_t chain)
{
    DE_ASSERT(limit >= DE_WAL_HEADER_BYTES && limit <= window->file_size);
    DE_ASSERT(group > 0);
    DE_ASSERT(limit % DE_WAL_ALIGN_BYTES == 0);
    memset(reader, 0, sizeof(*reader));
    reader->window = window;
    reader->salt = salt;
    reader->limit = limit;
    reader->offset = DE_WAL_HEADER_BYTES;
    reader->group = group;
    reader->chain = chain;
    reader->group_offset = reader->offset;
    reader->group_chain = chain;
    reader->why = "";
}

/* Whether the record at the reader's place is the one that must come next. */
static bool record_follows(struct de_wal_reader *reader, const uint8_t *bytes,
                           struct de_wal_record *record)
{
    if (!de_wal_record_decode(bytes, reader->salt, record)) {
        reader->why = "the record header does not match its checksum";
        return false;
    }
    if (record->type == DE_WAL_SYNCED) {
        reader->why = "end of the log";
        return false;
    }
    if (record->group != reader->group || record->number != reader->number ||
        record->previous_crc != reader->chain) {
        reader->why = "the record is not the one that must follow";
        return false;
    }
    DE_ASSERT(reader->limit - reader->offset >= DE_WAL_RECORD_BYTES);
    if (record->length > reader->limit - reader->offset - DE_WAL_RECORD_BYTES) {
        reader->why = "the record runs past the end of the segment";
        return false;
    }
    return true;
}

int de_wal_reader_next(struct de_wal_reader *reader, struct de_wal_item *item)
{
    const uint8_t *bytes;
    size_t size;
    int error;

    DE_ASSERT(item != NULL);
    DE_ASSERT(reader->offset % 8 == 0);
    DE_ASSERT((reader->number == 0) == (reader->offset == reader->group_offset));
    if (reader->offset > reader->limit || reader->limit - reader->offset < DE_WAL_RECORD_BYTES) {
        reader->why = "the segment ends";
        return 0;
    }
    error = de_wal_window_peek(reader->window, reader->offset, DE_WAL_RECORD_BYTES, &bytes);
    if (error != 0) {
        return error;
    }
    if (!record_follows(reader, bytes, &item->record)) {
        return 0;
    }
    size = DE_WAL_RECORD_BYTES + (size_t)item->record.length;
    error = de_wal_window_peek(reader->window, reader->offset, size, &bytes);
    if (error != 0) {
        return error;
    }
    if (item->record.data_crc != de_crc32c(0, bytes + DE_WAL_RECORD_BYTES, item->record.length)) {
        reader->why = "the record's data does not match its checksum";
        return 0;
    }
    item->offset = reader->offset;
    if (!de_wal_item_decode(item, bytes + DE_WAL_RECORD_BYTES)) {
        reader->why = "the record's data does not fit its type";
        return 0;
    }
    reader->offset += de_wal_record_span(item->record.length);
    reader->chain = item->record.header_crc;
    reader->number++;
    if (item->record.flags == DE_WAL_FLAG_LAST) {
        reader->offset = de_wal_align(reader->offset, DE_WAL_ALIGN_BYTES);
        reader->group++;
        reader->number = 0;
        reader->group_offset = reader->offset;
        reader->group_chain = reader->chain;
    }
    DE_ASSERT(reader->offset >= item->offset + DE_WAL_RECORD_BYTES + item->record.length);
    DE_ASSERT(reader->group_offset % DE_WAL_ALIGN_BYTES == 0);
    return 1;
}

/* 1: a record that is wanted begins at *offset; 0: none does in [from, to); negative: an error. */
static int find_record(struct de_wal_window *window, uint32_t salt, uint64_t from, uint64_t to,
                       bool (*wanted)(const struct de_wal_record *record, uint64_t group),
                       uint64_t group, uint64_t *offset)
{
    DE_ASSERT(from % 8 == 0);
    DE_ASSERT(to <= window->file_size);
    for (uint64_t at = from; at + DE_WAL_RECORD_BYTES <= to; at += 8) {
        struct de_wal_record record;
        const uint8_t *bytes;
        int error = de_wal_window_peek(window, at, DE_WAL_RECORD_BYTES, &bytes);

        if (error != 0) {
            return error;
        }
        if (de_wal_record_decode(bytes, salt, &record) && wanted(&record, group)) {
            *offset = at;
            return 1;
        }
    }
    return 0;
}

static bool is_proof(const struct de_wal_record *record, uint64_t group)
{
    DE_ASSERT(group > 0 && group <= DE_WAL_COUNT_MAX);
    return record->group < group + GROUPS_AHEAD_MAX &&
           (record->group > group || (record->group == group && record->type == DE_WAL_SYNCED));
}

int de_wal_find_proof(struct de_wal_window *window, uint32_t salt, uint64_t from, uint64_t to,
                      uint64_t group, uint64_t *offset)
{
    return find_record(window, salt, from, to, is_proof, group, offset);
}

static bool is_of_group(const struct de_wal_record *record, uint64_t group)
{
    DE_ASSERT(group > 0 && group <= DE_WAL_COUNT_MAX);
    return record->group == group;
}

int de_wal_find_group(struct de_wal_window *window, uint32_t salt, uint64_t from, uint64_t to,
                      uint64_t group, uint64_t *offset)
{
    return find_record(window, salt, from, to, is_of_group, group, offset);
}

int de_wal_find_end(struct de_wal_window *window, uint64_t from, uint64_t *end)
{
    static const uint8_t zeros[4096];

    *end = from;
    DE_ASSERT(from <= window->file_size);
    while (from < window->file_size) {
        uint64_t left = window->file_size - from;
        size_t size = left < sizeof(zeros) ? (size_t)left : sizeof(zeros);
        const uint8_t *bytes;
        int error = de_wal_window_peek(window, from, size, &bytes);

        if (error != 0) {
            return error;
        }
        if (memcmp(bytes, zeros, size) != 0) {
            *end = from + size;
        }
        from += size;
    }
    DE_ASSERT(*end <= window->file_size);
    DE_ASSERT(from == window->file_size);
    return 0;
}
