#include "storage/wal/wal_inspect.h"

#include "core/base/assert.h"
#include "storage/base/heap.h"
#include "storage/base/message.h"
#include "storage/wal/wal_scan.h"

struct inspection {
    int (*print)(void *context, const char *line);
    void *context;
    struct de_wal_verdict *verdict;
};

static int inspect_segment(void *context, const struct de_wal_header *header, uint64_t size_bytes)
{
    struct inspection *inspection = context;
    char name[DE_WAL_NAME_BYTES];
    char line[256];

    DE_ASSERT(header->sequence > 0);
    DE_ASSERT(size_bytes >= DE_WAL_HEADER_BYTES);
    inspection->verdict->node_id = header->node_id;
    inspection->verdict->cluster_id = header->cluster_id;
    if (inspection->print == NULL) {
        return 0;
    }
    de_wal_name(header->sequence, name);
    de_message_set(
        line, sizeof(line),
        "%s  %llu bytes, node %llu, cluster %016llx, first group %llu, term %llu, vote "
        "%llu, commit %llu, compacted to %llu (term %llu), last index %llu",
        name, (unsigned long long)size_bytes, (unsigned long long)header->node_id,
        (unsigned long long)header->cluster_id, (unsigned long long)header->first_group,
        (unsigned long long)header->hard_state.term, (unsigned long long)header->hard_state.vote,
        (unsigned long long)header->hard_state.commit, (unsigned long long)header->base_index,
        (unsigned long long)header->base_term, (unsigned long long)header->last_index);
    return inspection->print(inspection->context, line);
}

static const char *entry_type_name(uint32_t type)
{
    switch (type) {
    case DENGINE_ENTRY_COMMAND:
        return "command";
    case DENGINE_ENTRY_NOOP:
        return "noop";
    case DENGINE_ENTRY_CONFIG:
        return "config";
    default:
        return "unknown type";
    }
}

static void describe(const struct de_wal_item *item, char *text, size_t size)
{
    const struct dengine_hard_state *hard = &item->hard_state;

    DE_ASSERT(text != NULL && size > 0);
    DE_ASSERT(item->record.type >= DE_WAL_HARD_STATE && item->record.type < DE_WAL_SYNCED);
    switch ((enum de_wal_type)item->record.type) {
    case DE_WAL_HARD_STATE:
        de_message_set(text, size, "hard state: term %llu, vote %llu, commit %llu",
                       (unsigned long long)hard->term, (unsigned long long)hard->vote,
                       (unsigned long long)hard->commit);
        break;
    case DE_WAL_TRUNCATE:
        de_message_set(text, size, "truncate from %llu", (unsigned long long)item->index);
        break;
    case DE_WAL_ENTRY:
        de_message_set(text, size, "entry %llu: term %llu, %s, %llu bytes",
                       (unsigned long long)item->index, (unsigned long long)item->term,
                       entry_type_name(item->entry_type), (unsigned long long)item->data.size);
        break;
    case DE_WAL_COMPACT:
        de_message_set(text, size, "compact to %llu (term %llu)", (unsigned long long)item->index,
                       (unsigned long long)item->term);
        break;
    case DE_WAL_RESET:
        de_message_set(text, size, "reset to %llu (term %llu), term %llu, vote %llu, commit %llu",
                       (unsigned long long)item->index, (unsigned long long)item->term,
                       (unsigned long long)hard->term, (unsigned long long)hard->vote,
                       (unsigned long long)hard->commit);
        break;
    case DE_WAL_SYNCED:
        de_message_set(text, size, "synced");
        break;
    }
}

static int inspect_record(void *context, uint64_t sequence, const struct de_wal_item *item)
{
    struct inspection *inspection = context;
    char text[160] = "";
    char line[256];

    DE_ASSERT(sequence > 0);
    DE_ASSERT(item->record.type != DE_WAL_SYNCED);
    DE_ASSERT(item->offset >= DE_WAL_HEADER_BYTES);
    inspection->verdict->records++;
    inspection->verdict->entries += item->record.type == DE_WAL_ENTRY;
    if (inspection->print == NULL) {
        return 0;
    }
    describe(item, text, sizeof(text));
    de_message_set(line, sizeof(line), "  %10llu  group %llu.%u%s  %s",
                   (unsigned long long)item->offset, (unsigned long long)item->record.group,
                   item->record.number, item->record.flags == DE_WAL_FLAG_LAST ? " end" : "", text);
    return inspection->print(inspection->context, line);
}

static int inspect_group(void *context)
{
    struct inspection *inspection = context;

    DE_ASSERT(inspection->verdict->records > 0);
    inspection->verdict->groups++;
    DE_ASSERT(inspection->verdict->groups <= inspection->verdict->records);
    return 0;
}

int de_wal_inspect(struct dengine_dir dir, int (*print)(void *context, const char *line),
                   void *context, struct de_wal_verdict *verdict, char *message,
                   size_t message_size)
{
    struct inspection inspection = {print, context, verdict};
    struct de_wal_visitor visitor = {&inspection, inspect_segment, inspect_record, inspect_group};
    struct de_wal_scan_options options = {
        .dir = dir, .allocator = de_heap_allocator(), .any_owner = true};
    struct de_wal_scan_result found;
    int error;

    DE_ASSERT(verdict != NULL);
    memset(verdict, 0, sizeof(*verdict));
    error = de_wal_scan(&options, &visitor, &found, message, message_size);
    if (error == 0 && found.first_sequence == 0) {
        de_message_set(message, message_size,
                       "there is no write-ahead log: no file wal-*.seg in this directory");
        return DENGINE_E_NOT_FOUND;
    }
    if (error == 0) {
        DE_ASSERT(found.first_sequence <= found.used_sequence);
        DE_ASSERT(found.used_sequence <= found.last_sequence);
        DE_ASSERT(found.end_offset % DE_WAL_ALIGN_BYTES == 0);
        verdict->segments = found.used_sequence - found.first_sequence + 1;
        verdict->spares = found.last_sequence - found.used_sequence;
        verdict->end_sequence = found.used_sequence;
        verdict->end_offset = found.end_offset;
        verdict->torn = !found.marked && found.dirty_end > found.end_offset;
        verdict->marked = found.marked;
    }
    DE_ASSERT_IMPLIES(error == 0, verdict->groups <= verdict->records);
    DE_ASSERT_IMPLIES(error == 0, verdict->entries <= verdict->records);
    return error;
}
