#include "storage/wal/wal_internal.h"

#include "core/base/assert.h"
#include "storage/base/log_check.h"

/* Kept free at the end of each segment for a compaction or a reset: these make room, so they must
 * not need any. */
#define RESERVE_BYTES (2 * DE_WAL_ALIGN_BYTES)

DE_STATIC_ASSERT(RESERVE_BYTES < DE_WAL_PAGE_BYTES, "the least segment has room for more");
DE_STATIC_ASSERT(RESERVE_BYTES % DE_WAL_ALIGN_BYTES == 0, "groups stay aligned");
DE_STATIC_ASSERT(DE_WAL_RECORD_BYTES + 40 <= DE_WAL_ALIGN_BYTES, "a RESET takes one unit of it");

/* Whether a group with so many bytes of records fits behind the log in the current segment. */
static bool fits(const struct de_wal *wal, const struct de_wal_plan *plan, uint64_t bytes)
{
    uint64_t size = de_wal_current(wal)->size;
    uint64_t reserve = plan->type == 0 ? RESERVE_BYTES : 0;

    DE_ASSERT(wal->offset % DE_WAL_ALIGN_BYTES == 0);
    DE_ASSERT(wal->offset <= size);
    return size - wal->offset >= bytes + reserve;
}

static void make_header(const struct de_wal *wal, uint64_t sequence, struct de_wal_header *header)
{
    DE_ASSERT(sequence == de_wal_current(wal)->sequence + 1);
    DE_ASSERT(wal->offset <= de_wal_current(wal)->size);
    memset(header, 0, sizeof(*header));
    header->sequence = sequence;
    header->cluster_id = wal->options.cluster_id;
    header->node_id = wal->options.node_id;
    header->first_group = wal->next_group;
    header->previous_end = wal->offset;
    header->previous_crc = wal->chain;
    header->hard_state = wal->state.hard_state;
    header->base_index = wal->state.first_index - 1;
    header->base_term = wal->state.base_term;
    header->last_index = wal->state.last_index;
}

int de_wal_mark(struct de_wal *wal)
{
    static const uint8_t zeros[DE_WAL_PAGE_BYTES];
    struct de_wal_record record = {.type = DE_WAL_SYNCED, .group = wal->next_group - 1};
    uint8_t bytes[DE_WAL_RECORD_BYTES];
    struct dengine_slice slices[2] = {{bytes, sizeof(bytes)}, {zeros, 0}};
    const struct de_wal_segment *current = de_wal_current(wal);
    uint64_t room = current->size - wal->offset;
    int error;

    DE_ASSERT(!wal->marked);
    wal->marked = true;
    if (room < DE_WAL_ALIGN_BYTES || record.group == 0) {
        return 0;
    }
    DE_ASSERT(wal->offset % DE_WAL_ALIGN_BYTES == 0);
    DE_ASSERT(record.group < wal->next_group);
    de_wal_record_encode(&record, wal->salt, bytes);
    /* At the start of a page the whole page is written, so that it need not be read first. */
    if (wal->offset % DE_WAL_PAGE_BYTES == 0 && room >= DE_WAL_PAGE_BYTES) {
        slices[1].size = DE_WAL_PAGE_BYTES - sizeof(bytes);
    } else {
        slices[1].size = DE_WAL_ALIGN_BYTES - sizeof(bytes);
    }
    DE_ASSERT(slices[0].size + slices[1].size <= room);
    error = wal->dir.ops->write(wal->dir.object, current->file, wal->offset, slices, 2);
    return error == 0 ? 0 : de_wal_break(wal, error, "writing to a segment");
}

/* After a failed sync the group may be nowhere but in the page cache, in pages that count as clean:
 * the next start would read it there, no sync would ever write it, and a power cut would take it
 * away after it was relied on (Rebello et al., "Can Applications Recover from fsync Failures?", ATC
 * 2020). Nobody was told that it is durable, so its first sector is taken back in the cache too; on
 * the medium the group is then torn, whole or missing, and the next start can live with each. */
static void take_back(struct de_wal *wal, const struct de_wal_segment *segment, uint64_t offset)
{
    static const uint8_t zeros[DE_WAL_ALIGN_BYTES];
    struct dengine_slice slice = {zeros, sizeof(zeros)};

    DE_ASSERT(offset % DE_WAL_ALIGN_BYTES == 0);
    DE_ASSERT(offset + slice.size <= segment->size);
    /* Should this fail too, the error that is reported says already that the disk is bad. */
    (void)wal->dir.ops->write(wal->dir.object, segment->file, offset, &slice, 1);
}

/* Writes the encoded group at the log's end, or at the start of the spare when that is begun. */
static int write_group(struct de_wal *wal, const struct de_wal_segment *segment, uint64_t offset)
{
    struct dengine_dir dir = wal->dir;
    int error = dir.ops->write(dir.object, segment->file, offset, wal->group.slices,
                               wal->group.slice_count);

    DE_ASSERT(wal->group.slice_count > 0);
    DE_ASSERT(offset + wal->group.size <= segment->size);
    if (error != 0) {
        return de_wal_break(wal, error, "writing to a segment");
    }
    error = dir.ops->sync(dir.object, segment->file);
    if (error == 0) {
        return 0;
    }
    take_back(wal, segment, offset);
    return de_wal_break(wal, error, "syncing a segment");
}

int de_wal_append(struct de_wal *wal, const struct de_wal_plan *plan, uint64_t *offset)
{
    struct de_wal_header header;
    struct de_wal_place place = {NULL, wal->salt, wal->next_group, wal->chain};
    const struct de_wal_segment *segment = de_wal_current(wal);
    const uint64_t bytes = plan->bytes;
    uint64_t at = wal->offset;
    int error;

    DE_ASSERT(wal->error == 0);
    DE_ASSERT(plan->records > 0 && plan->records <= UINT32_MAX);
    *offset = at;
    if (!fits(wal, plan, bytes) || (plan->type == 0 && wal->offset > DE_WAL_HEADER_BYTES &&
                                    de_site(wal->options.sites, DE_SITE_EARLY_SEGMENT))) {
        error = de_wal_spare_provide(wal, DE_WAL_HEADER_BYTES + bytes + RESERVE_BYTES);
        if (error != 0) {
            return error;
        }
        segment = &wal->segments[wal->used];
        make_header(wal, segment->sequence, &header);
        place.header = &header;
        place.salt = de_wal_salt(header.cluster_id, header.node_id, header.sequence);
        at = 0;
        *offset = DE_WAL_HEADER_BYTES;
    }
    error = de_wal_group_encode(&wal->group, plan, &place, at, segment->size);
    if (error != 0) {
        return error;
    }
    error = write_group(wal, segment, at);
    if (error != 0) {
        return error;
    }
    DE_ASSERT(*offset >= DE_WAL_HEADER_BYTES && *offset % DE_WAL_ALIGN_BYTES == 0);
    DE_ASSERT(place.number == wal->next_group);
    wal->used += place.header != NULL ? 1 : 0;
    wal->salt = place.salt;
    wal->chain = place.chain;
    wal->next_group++;
    wal->marked = false;
    wal->offset = de_wal_align(*offset + bytes, DE_WAL_ALIGN_BYTES);
    DE_ASSERT(wal->offset <= de_wal_current(wal)->size);
    return 0;
}

/* Carries out in memory what is durable; *offset runs along the records on disk. */
static void apply_write(struct de_wal *wal, const struct dengine_log_write *write, uint64_t *offset)
{
    if (write->set_hard_state) {
        wal->state.hard_state = write->hard_state;
        *offset += de_wal_record_span(24);
    }
    DE_ASSERT_IMPLIES(write->truncate_from != 0, write->truncate_from >= wal->state.first_index);
    if (write->truncate_from != 0) {
        if (write->truncate_from <= wal->state.last_index) {
            de_wal_index_truncate(&wal->index, write->truncate_from);
            wal->state.last_index = write->truncate_from - 1;
        }
        *offset += de_wal_record_span(8);
    }
    for (size_t i = 0; i < write->entry_count; i++) {
        uint32_t length = DE_WAL_ENTRY_BYTES + (uint32_t)write->entries[i].data.size;
        struct de_wal_location location = {de_wal_current(wal)->sequence, (uint32_t)(*offset / 8),
                                           length};

        DE_ASSERT(*offset / 8 <= UINT32_MAX);
        DE_ASSERT(*offset % 8 == 0);
        de_wal_index_add(&wal->index, location);
        wal->state.last_index++;
        *offset += de_wal_record_span(length);
    }
    DE_ASSERT(wal->index.first + wal->index.count == wal->state.last_index + 1);
}

/* The mark waits until no write does: the next group says the same. */
int de_wal_tidy(void *store, bool idle)
{
    struct de_wal *wal = store;
    int error = wal->error;

    if (error != 0) {
        return error;
    }
    de_wal_check(wal);
    if (de_site(wal->options.sites, DE_SITE_LATE_TIDY)) {
        return 0;
    }
    if (idle && !wal->marked) {
        error = de_wal_mark(wal);
    }
    if (error == 0 && de_wal_can_retire(wal)) {
        error = de_wal_retire(wal);
    } else if (error == 0 && de_wal_spare_is_due(wal) && (idle || !wal->low_on_space)) {
        error = de_wal_spare_advance(wal);
    }
    DE_ASSERT_IMPLIES(error == 0, wal->error == 0);
    if (error != 0) {
        return error;
    }
    return de_wal_can_retire(wal) || (de_wal_spare_is_due(wal) && !wal->low_on_space) ? 1 : 0;
}

/* Refuses without changing anything. */
static int refuse(struct de_wal *wal, int error, const char *what)
{
    DE_ASSERT(error < 0);
    DE_ASSERT(wal->error == 0);
    de_message_set(wal->message, sizeof(wal->message), "%s: %s; nothing was written", what,
                   dengine_strerror(error));
    return error;
}

int de_wal_write(void *store, const struct dengine_log_write *writes, size_t count)
{
    struct de_wal *wal = store;
    struct de_wal_plan plan = {.writes = writes, .write_count = count};
    uint64_t last = wal->state.last_index;
    uint64_t offset;
    size_t entries = 0;
    int error;

    if (wal->error != 0) {
        return wal->error;
    }
    de_wal_check(wal);
    error = de_log_check_writes(wal->state.first_index, &last, writes, count);
    if (error != 0) {
        return refuse(wal, error, "the write does not fit the log");
    }
    de_wal_plan_measure(&plan);
    if (plan.records == 0) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        entries += writes[i].entry_count;
    }
    error = de_wal_index_reserve(&wal->index, entries);
    if (error == 0) {
        error = de_wal_append(wal, &plan, &offset);
    }
    if (error == DENGINE_E_NO_MEMORY && wal->error == 0) {
        return refuse(wal, error, "writing to the log");
    }
    if (error != 0) {
        return error;
    }
    for (size_t i = 0; i < count; i++) {
        apply_write(wal, &writes[i], &offset);
    }
    DE_ASSERT(wal->state.last_index == last);
    de_wal_check(wal);
    return 0;
}

int de_wal_compact(void *store, uint64_t index, uint64_t term)
{
    struct de_wal *wal = store;
    struct de_wal_plan plan = {.type = DE_WAL_COMPACT, .index = index, .term = term};
    uint64_t offset;
    int error;

    if (wal->error != 0) {
        return wal->error;
    }
    de_wal_check(wal);
    if (index > wal->state.last_index) {
        return refuse(wal, DENGINE_E_INVALID, "cannot compact beyond the end of the log");
    }
    if (index < wal->state.first_index) {
        return 0;
    }
    de_wal_plan_measure(&plan);
    error = de_wal_append(wal, &plan, &offset);
    if (error != 0) {
        return error;
    }
    wal->state.first_index = index + 1;
    wal->state.base_term = term;
    de_wal_index_drop(&wal->index, index + 1);
    DE_ASSERT(wal->index.first == wal->state.first_index);
    de_wal_check(wal);
    return 0;
}

int de_wal_reset(void *store, uint64_t index, uint64_t term,
                 const struct dengine_hard_state *hard_state)
{
    struct de_wal *wal = store;
    struct de_wal_plan plan = {
        .type = DE_WAL_RESET, .index = index, .term = term, .hard_state = hard_state};
    uint64_t offset;
    int error;

    DE_ASSERT(hard_state != NULL);
    if (wal->error != 0) {
        return wal->error;
    }
    de_wal_check(wal);
    if (index > DE_LOG_INDEX_MAX) {
        return refuse(wal, DENGINE_E_INVALID, "cannot reset the log to so large an index");
    }
    de_wal_plan_measure(&plan);
    error = de_wal_append(wal, &plan, &offset);
    if (error != 0) {
        return error;
    }
    wal->state.hard_state = *hard_state;
    wal->state.first_index = index + 1;
    wal->state.last_index = index;
    wal->state.base_term = term;
    de_wal_index_truncate(&wal->index, 1);
    de_wal_index_drop(&wal->index, index + 1);
    DE_ASSERT(wal->index.count == 0 && wal->index.first == index + 1);
    de_wal_check(wal);
    return 0;
}
