#include "storage/wal/wal_internal.h"

#include "core/base/assert.h"
#include "storage/base/log_check.h"
#include "storage/wal/wal_scan.h"

/* A record of a group that is not known to be whole yet. */
struct pending {
    uint8_t type;
    uint64_t sequence;
    uint64_t offset;
    uint32_t length;
    uint64_t index;
    uint64_t term;
    struct dengine_hard_state hard_state;
};

/* The log as it grows while its records are read. */
struct replay {
    struct de_wal *wal;
    struct pending *records;
    size_t count;
    size_t capacity;
    bool started; /* a segment header was seen */
};

static bool same_hard_state(const struct dengine_hard_state *a, const struct dengine_hard_state *b)
{
    return a->term == b->term && a->vote == b->vote && a->commit == b->commit;
}

/* The first header gives the state to start from, the later ones must agree with the records. */
static int replay_segment(void *context, const struct de_wal_header *header, uint64_t size_bytes)
{
    struct replay *replay = context;
    struct de_wal *wal = replay->wal;
    struct dengine_log_state *state = &wal->state;

    DE_ASSERT(size_bytes >= DE_WAL_HEADER_BYTES);
    DE_ASSERT_IMPLIES(!replay->started, wal->index.count == 0);
    DE_ASSERT(header->last_index >= header->base_index);
    replay->count = 0;
    if (!replay->started) {
        replay->started = true;
        state->hard_state = header->hard_state;
        state->first_index = header->base_index + 1;
        state->base_term = header->base_term;
        state->last_index = header->last_index;
        /* Entries before this segment are compacted by a record still to come, or missing. */
        de_wal_index_drop(&wal->index, header->last_index + 1);
        return 0;
    }
    return same_hard_state(&state->hard_state, &header->hard_state) &&
                   state->first_index == header->base_index + 1 &&
                   state->base_term == header->base_term && state->last_index == header->last_index
               ? 0
               : DENGINE_E_CORRUPT;
}

static int replay_record(void *context, uint64_t sequence, const struct de_wal_item *item)
{
    struct replay *replay = context;
    struct pending record = {
        .type = item->record.type,
        .sequence = sequence,
        .offset = item->offset,
        .length = item->record.length,
        .index = item->index,
        .term = item->term,
        .hard_state = item->hard_state,
    };

    DE_ASSERT(replay->started);
    DE_ASSERT(item->record.type != DE_WAL_SYNCED);
    DE_ASSERT(replay->count <= replay->capacity);
    if (item->record.number == 0) {
        replay->count = 0;
    }
    if (replay->count == replay->capacity) {
        size_t capacity = replay->capacity == 0 ? 32 : 2 * replay->capacity;
        struct pending *records =
            de_reallocate(&replay->wal->allocator, replay->records, capacity * sizeof(*records));

        if (records == NULL) {
            return DENGINE_E_NO_MEMORY;
        }
        replay->records = records;
        replay->capacity = capacity;
    }
    DE_ASSERT(replay->count == item->record.number);
    replay->records[replay->count++] = record;
    return 0;
}

static int replay_entry(struct de_wal *wal, const struct pending *record)
{
    struct de_wal_location location = {record->sequence, (uint32_t)(record->offset / 8),
                                       record->length};
    int error;

    DE_ASSERT(record->type == DE_WAL_ENTRY && record->sequence > 0);
    DE_ASSERT(wal->index.first + wal->index.count == wal->state.last_index + 1);
    if (record->index != wal->state.last_index + 1 || record->index > DE_LOG_INDEX_MAX ||
        record->offset / 8 > UINT32_MAX) {
        return DENGINE_E_CORRUPT;
    }
    error = de_wal_index_reserve(&wal->index, 1);
    if (error != 0) {
        return error;
    }
    de_wal_index_add(&wal->index, location);
    wal->state.last_index++;
    return 0;
}

static int replay_compact(struct de_wal *wal, const struct pending *record)
{
    DE_ASSERT(wal->state.first_index > 0);
    DE_ASSERT(record->type == DE_WAL_COMPACT);
    if (record->index < wal->state.first_index || record->index > wal->state.last_index) {
        return DENGINE_E_CORRUPT;
    }
    wal->state.first_index = record->index + 1;
    wal->state.base_term = record->term;
    de_wal_index_drop(&wal->index, record->index + 1);
    DE_ASSERT(wal->state.last_index >= wal->state.first_index - 1);
    return 0;
}

static void replay_reset(struct de_wal *wal, const struct pending *record)
{
    DE_ASSERT(record->type == DE_WAL_RESET);
    DE_ASSERT(record->index <= DE_LOG_INDEX_MAX);
    wal->state.hard_state = record->hard_state;
    wal->state.first_index = record->index + 1;
    wal->state.last_index = record->index;
    wal->state.base_term = record->term;
    de_wal_index_truncate(&wal->index, 1);
    de_wal_index_drop(&wal->index, record->index + 1);
    DE_ASSERT(wal->index.count == 0);
    DE_ASSERT(wal->index.first == wal->state.first_index);
}

/* The same steps as apply_write() and its neighbours, but nothing read from a disk is trusted. */
static int replay_one(struct de_wal *wal, const struct pending *record)
{
    DE_ASSERT(record->offset >= DE_WAL_HEADER_BYTES);
    DE_ASSERT(record->sequence > 0);
    switch ((enum de_wal_type)record->type) {
    case DE_WAL_HARD_STATE:
        wal->state.hard_state = record->hard_state;
        return 0;
    case DE_WAL_TRUNCATE:
        if (record->index < wal->state.first_index) {
            return DENGINE_E_CORRUPT;
        }
        if (record->index <= wal->state.last_index) {
            de_wal_index_truncate(&wal->index, record->index);
            wal->state.last_index = record->index - 1;
        }
        return 0;
    case DE_WAL_ENTRY:
        return replay_entry(wal, record);
    case DE_WAL_COMPACT:
        return replay_compact(wal, record);
    case DE_WAL_RESET:
        if (record->index > DE_LOG_INDEX_MAX) {
            return DENGINE_E_CORRUPT;
        }
        replay_reset(wal, record);
        return 0;
    case DE_WAL_SYNCED:
        break;
    }
    return DENGINE_E_CORRUPT;
}

static int replay_group(void *context)
{
    struct replay *replay = context;
    int error = 0;

    DE_ASSERT(replay->count > 0);
    DE_ASSERT(replay->count <= replay->capacity);
    for (size_t i = 0; i < replay->count && error == 0; i++) {
        error = replay_one(replay->wal, &replay->records[i]);
    }
    replay->count = 0;
    return error;
}

static int open_segments(struct de_wal *wal, const struct de_wal_scan_result *found)
{
    DE_ASSERT(wal->segment_count == 0 && wal->used == 0);
    DE_ASSERT(found->first_sequence <= found->used_sequence);
    DE_ASSERT(found->used_sequence <= found->last_sequence);
    for (uint64_t sequence = found->first_sequence; sequence <= found->last_sequence; sequence++) {
        int error = de_wal_segment_add(wal, sequence);

        if (error != 0) {
            return error;
        }
        wal->used += sequence <= found->used_sequence ? 1 : 0;
    }
    wal->offset = found->end_offset;
    wal->next_group = found->next_group;
    wal->chain = found->chain;
    wal->salt = de_wal_salt(wal->options.cluster_id, wal->options.node_id, found->used_sequence);
    DE_ASSERT(de_wal_current(wal)->sequence == found->used_sequence);
    return 0;
}

/* Zeros: what is left of a torn group must never meet the records written next. */
static int clear(struct de_wal *wal, const struct de_wal_segment *segment, uint64_t offset,
                 uint64_t end)
{
    static const uint8_t zeros[65536];

    DE_ASSERT(end > offset);
    DE_ASSERT(offset % DE_WAL_ALIGN_BYTES == 0);
    end = de_wal_align(end, DE_WAL_PAGE_BYTES);
    end = end < segment->size ? end : segment->size;
    while (offset < end) {
        struct dengine_slice slice = {zeros, sizeof(zeros)};
        int error;

        if (end - offset < slice.size) {
            slice.size = (size_t)(end - offset);
        }
        error = wal->dir.ops->write(wal->dir.object, segment->file, offset, &slice, 1);
        if (error != 0) {
            return error;
        }
        offset += slice.size;
    }
    return 0;
}

/* A group that begins a segment is lost with the segment's header, be it that this did not arrive
 * or that the group was taken back. Under the next header, which may well be the same, its records
 * would count again, should those of the new group not arrive. Also a spare that looks clean is
 * made durable: an earlier recovery may have cleared it and ended before its sync. */
static int settle_spare(struct de_wal *wal, bool dirty)
{
    const struct de_wal_segment *spare = &wal->segments[wal->used];
    int error = 0;

    DE_ASSERT(wal->used <= wal->segment_count);
    DE_ASSERT_IMPLIES(dirty, wal->used < wal->segment_count);
    if (wal->used == wal->segment_count) {
        return 0;
    }
    if (dirty) {
        error = clear(wal, spare, DE_WAL_HEADER_BYTES, spare->size);
    }
    return error == 0 ? wal->dir.ops->sync(wal->dir.object, spare->file) : error;
}

/* What was read may be in the page cache only; before anybody relies on it, it is made durable. */
static int settle(struct de_wal *wal, const struct de_wal_scan_result *found)
{
    bool dirty = found->dirty_end > found->end_offset;
    int error = wal->dir.ops->remove(wal->dir.object, DE_WAL_NEXT_NAME);

    DE_ASSERT(wal->offset == found->end_offset);
    DE_ASSERT(wal->next_file == NULL);
    if (error == DENGINE_E_NOT_FOUND) {
        error = 0;
    }
    if (error == 0) {
        error = wal->dir.ops->sync_dir(wal->dir.object);
    }
    if (error == 0 && dirty) {
        error = clear(wal, de_wal_current(wal), wal->offset, found->dirty_end);
    }
    if (error == 0) {
        error = settle_spare(wal, found->spare_dirty);
    }
    if (error == 0) {
        error = wal->dir.ops->sync(wal->dir.object, de_wal_current(wal)->file);
    }
    wal->marked = found->marked && !dirty;
    if (error == 0 && !wal->marked) {
        error = de_wal_mark(wal);
    }
    /* Only now is it what was found on disk that is relied on. */
    DE_ASSERT_IMPLIES(error == 0, wal->error == 0);
    while (error == 0 && de_wal_can_retire(wal)) {
        error = de_wal_retire(wal);
    }
    return error;
}

static int create(struct de_wal *wal, char *message, size_t message_size)
{
    int error;

    if (wal->options.must_exist) {
        de_message_set(
            message, message_size,
            "the write-ahead log is gone: there is no segment file (wal-*.seg) though "
            "this node has written one, and with it the votes of this node; put the files "
            "back, or remove the node from the cluster and let an empty one join under "
            "a new id");
        return DENGINE_E_CORRUPT;
    }
    DE_ASSERT(wal->segment_count == 0 && wal->index.count == 0);
    DE_ASSERT(wal->state.last_index == 0);
    wal->offset = DE_WAL_HEADER_BYTES;
    wal->next_group = 1;
    wal->salt = de_wal_salt(wal->options.cluster_id, wal->options.node_id, 1);
    wal->marked = true;
    wal->state.created = true;
    error = de_wal_segment_first(wal);
    if (error != 0) {
        de_message_set(message, message_size,
                       "cannot make the write-ahead log: %s; the directory must be writable and "
                       "have room for a segment of %u bytes",
                       dengine_strerror(error), wal->options.segment_bytes);
    }
    return error;
}

int de_wal_recover(struct de_wal *wal, char *message, size_t message_size)
{
    struct replay replay = {.wal = wal};
    struct de_wal_visitor visitor = {&replay, replay_segment, replay_record, replay_group};
    struct de_wal_scan_options options = {wal->dir, &wal->allocator, false, wal->options.node_id,
                                          wal->options.cluster_id};
    struct de_wal_scan_result found;
    char name[DE_WAL_NAME_BYTES];
    int error = de_wal_scan(&options, &visitor, &found, message, message_size);

    de_release(&wal->allocator, replay.records);
    if (error != 0) {
        return error;
    }
    if (found.first_sequence == 0) {
        DE_ASSERT(!replay.started);
        return create(wal, message, message_size);
    }
    if (wal->index.first > wal->state.first_index) {
        de_wal_name(found.first_sequence, name);
        de_message_set(
            message, message_size,
            "the write-ahead log is damaged: entries %llu to %llu were in segments before "
            "%s, which are missing; put the files back, or, " DE_MESSAGE_REBUILD,
            (unsigned long long)wal->state.first_index, (unsigned long long)wal->index.first - 1,
            name);
        return DENGINE_E_CORRUPT;
    }
    DE_ASSERT(wal->index.first == wal->state.first_index);
    DE_ASSERT(wal->index.first + wal->index.count == wal->state.last_index + 1);
    error = open_segments(wal, &found);
    if (error == 0) {
        error = settle(wal, &found);
    }
    if (error != 0) {
        de_message_set(message, message_size,
                       "cannot open the write-ahead log to write: %s; check the disk and the "
                       "permissions",
                       dengine_strerror(error));
    }
    return error;
}
