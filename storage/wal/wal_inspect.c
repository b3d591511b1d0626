#include "storage/wal/wal_inspect.h"

#include <stdio.h>

#include "core/base/assert.h"
#include "storage/base/heap.h"
#include "storage/base/message.h"
#include "storage/wal/wal_scan.h"

/* The longest line has room, and the static formats are checked by the tests. */
#define LINE_BYTES 512

struct inspection {
    enum de_wal_lines lines;
    int (*print)(void *context, const char *line);
    void *context;
    struct de_wal_verdict *verdict;
};

static const char *const segment_formats[] = {
    [DE_WAL_LINES_TEXT] =
        "%s  %llu bytes, node %llu, cluster %016llx, first group %llu, term %llu, vote %llu, "
        "commit %llu, compacted to %llu (term %llu), last index %llu",
    [DE_WAL_LINES_JSON] =
        "{\"segment\":\"%s\",\"bytes\":%llu,\"node_id\":%llu,\"cluster_id\":\"%016llx\","
        "\"first_group\":%llu,\"term\":%llu,\"vote\":%llu,\"commit\":%llu,"
        "\"compacted_index\":%llu,\"compacted_term\":%llu,\"last_index\":%llu}",
};

static int inspect_segment(void *context, const struct de_wal_header *header, uint64_t size_bytes)
{
    struct inspection *inspection = context;
    char name[DE_WAL_NAME_BYTES];
    char line[LINE_BYTES];

    DE_ASSERT(header->sequence > 0);
    DE_ASSERT(size_bytes >= DE_WAL_HEADER_BYTES);
    inspection->verdict->node_id = header->node_id;
    inspection->verdict->cluster_id = header->cluster_id;
    if (inspection->print == NULL) {
        return 0;
    }
    de_wal_name(header->sequence, name);
    (void)snprintf(
        line, sizeof(line), segment_formats[inspection->lines], name,
        (unsigned long long)size_bytes, (unsigned long long)header->node_id,
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

/* What the record says, as text or as members of an object. */
static void describe(const struct de_wal_item *item, bool json, char *text, size_t size)
{
    const unsigned long long index = item->index;
    const unsigned long long term = item->term;
    const unsigned long long bytes = item->data.size;
    char hard[120];

    DE_ASSERT(text != NULL && size > 0);
    DE_ASSERT(item->record.type >= DE_WAL_HARD_STATE && item->record.type < DE_WAL_SYNCED);
    de_message_set(hard, sizeof(hard),
                   json ? "\"hard_term\":%llu,\"vote\":%llu,\"commit\":%llu"
                        : "term %llu, vote %llu, commit %llu",
                   (unsigned long long)item->hard_state.term,
                   (unsigned long long)item->hard_state.vote,
                   (unsigned long long)item->hard_state.commit);
    switch ((enum de_wal_type)item->record.type) {
    case DE_WAL_HARD_STATE:
        de_message_set(text, size, json ? "\"type\":\"hard_state\",%s" : "hard state: %s", hard);
        break;
    case DE_WAL_TRUNCATE:
        de_message_set(text, size,
                       json ? "\"type\":\"truncate\",\"index\":%llu" : "truncate from %llu", index);
        break;
    case DE_WAL_ENTRY:
        de_message_set(text, size,
                       json ? "\"type\":\"entry\",\"index\":%llu,\"term\":%llu,"
                              "\"entry_type\":\"%s\",\"bytes\":%llu"
                            : "entry %llu: term %llu, %s, %llu bytes",
                       index, term, entry_type_name(item->entry_type), bytes);
        break;
    case DE_WAL_COMPACT:
        de_message_set(text, size,
                       json ? "\"type\":\"compact\",\"index\":%llu,\"term\":%llu"
                            : "compact to %llu (term %llu)",
                       index, term);
        break;
    case DE_WAL_RESET:
        de_message_set(text, size,
                       json ? "\"type\":\"reset\",\"index\":%llu,\"term\":%llu,%s"
                            : "reset to %llu (term %llu), %s",
                       index, term, hard);
        break;
    case DE_WAL_SYNCED:
        DE_UNREACHABLE("the scan does not show marks");
    }
}

static int inspect_record(void *context, uint64_t sequence, const struct de_wal_item *item)
{
    struct inspection *inspection = context;
    const bool json = inspection->lines == DE_WAL_LINES_JSON;
    const bool last = item->record.flags == DE_WAL_FLAG_LAST;
    char text[256] = "";
    char line[LINE_BYTES];

    DE_ASSERT(sequence > 0);
    DE_ASSERT(item->record.type != DE_WAL_SYNCED);
    DE_ASSERT(item->offset >= DE_WAL_HEADER_BYTES);
    inspection->verdict->records++;
    inspection->verdict->entries += item->record.type == DE_WAL_ENTRY;
    if (inspection->print == NULL) {
        return 0;
    }
    describe(item, json, text, sizeof(text));
    if (json) {
        de_message_set(line, sizeof(line),
                       "{\"offset\":%llu,\"group\":%llu,\"number\":%u,\"last\":%s,%s}",
                       (unsigned long long)item->offset, (unsigned long long)item->record.group,
                       item->record.number, last ? "true" : "false", text);
    } else {
        de_message_set(line, sizeof(line), "  %10llu  group %llu.%u%s  %s",
                       (unsigned long long)item->offset, (unsigned long long)item->record.group,
                       item->record.number, last ? " end" : "", text);
    }
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

int de_wal_inspect(struct dengine_dir dir, enum de_wal_lines lines,
                   int (*print)(void *context, const char *line), void *context,
                   struct de_wal_verdict *verdict, char *message, size_t message_size)
{
    struct inspection inspection = {lines, print, context, verdict};
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
