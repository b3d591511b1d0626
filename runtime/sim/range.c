#include "runtime/sim/range.h"

#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "runtime/sim/memory.h"

enum {
    FROM_EXCLUDED = 1,
    REVERSE = 2,
    KEYS_ONLY = 4,
    COUNT_ONLY = 8,
    NAMED = 16,
    PAGE_HEAD_BYTES = 8 + 8 + 1 + 4,
};

#define FOUR(stem)                                                                                 \
    {stem, sizeof(stem) - 1}, {stem "\0", sizeof(stem)}, {stem "1", sizeof(stem)},                 \
    {                                                                                              \
        stem "\xff", sizeof(stem)                                                                  \
    }

static const struct dengine_slice keys[DE_RANGE_KEYS] = {
    {"z", 1}, FOUR("za"), FOUR("zb"), FOUR("zc"), FOUR("zd"), {"z\xff", 2}, {"z\xff\xff", 3},
};

struct dengine_slice de_range_key(uint32_t number)
{
    DE_ASSERT(number < DE_RANGE_KEYS);
    return keys[number];
}

int de_range_order(struct dengine_slice a, struct dengine_slice b)
{
    const size_t size = a.size < b.size ? a.size : b.size;
    const int order = size > 0 ? memcmp(a.data, b.data, size) : 0;

    DE_ASSERT(a.data != NULL || a.size == 0);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

uint32_t de_range_number(struct dengine_slice key)
{
    uint32_t number = 0;

    DE_ASSERT(key.data != NULL || key.size == 0);
    while (number < DE_RANGE_KEYS && de_range_order(keys[number], key) != 0) {
        number++;
    }
    return number;
}

const char *de_range_text(struct dengine_slice key, char text[DE_RANGE_TEXT_MAX])
{
    const uint8_t *bytes = key.data;
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < key.size && used + 5 < DE_RANGE_TEXT_MAX; i++) {
        const bool plain = bytes[i] > ' ' && bytes[i] < 0x7f;

        used += (size_t)snprintf(text + used, DE_RANGE_TEXT_MAX - used, plain ? "%c" : "\\x%02x",
                                 (unsigned)bytes[i]);
    }
    DE_ASSERT(used < DE_RANGE_TEXT_MAX);
    return text;
}

/* ---- queries ---- */

size_t de_range_query_encode(const struct de_range_query *query, uint8_t *buffer)
{
    struct de_writer writer;

    DE_ASSERT(query->name_count <= DE_RANGE_NAMED_MAX);
    de_writer_init(&writer, buffer, DE_RANGE_QUERY_BYTES);
    de_write_u8(&writer,
                (uint8_t)((query->from_excluded ? FROM_EXCLUDED : 0) |
                          (query->reverse ? REVERSE : 0) | (query->keys_only ? KEYS_ONLY : 0) |
                          (query->count_only ? COUNT_ONLY : 0) | (query->named ? NAMED : 0)));
    de_write_u32(&writer, query->limit);
    de_write_slice(&writer, query->from);
    de_write_slice(&writer, query->end);
    de_write_u32(&writer, query->name_count);
    for (uint32_t i = 0; i < query->name_count; i++) {
        de_write_slice(&writer, query->names[i]);
    }
    DE_ASSERT(!writer.failed);
    return writer.size;
}

bool de_range_query_decode(struct dengine_slice bytes, struct de_range_query *query)
{
    struct de_reader reader;
    uint8_t flags;

    memset(query, 0, sizeof(*query));
    de_reader_init(&reader, bytes.data, bytes.size);
    flags = de_read_u8(&reader);
    query->from_excluded = (flags & FROM_EXCLUDED) != 0;
    query->reverse = (flags & REVERSE) != 0;
    query->keys_only = (flags & KEYS_ONLY) != 0;
    query->count_only = (flags & COUNT_ONLY) != 0;
    query->named = (flags & NAMED) != 0;
    query->limit = de_read_u32(&reader);
    query->from = de_read_slice(&reader);
    query->end = de_read_slice(&reader);
    query->name_count = de_read_u32(&reader);
    if (query->name_count > DE_RANGE_NAMED_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < query->name_count; i++) {
        query->names[i] = de_read_slice(&reader);
    }
    return !reader.failed && de_reader_left(&reader) == 0;
}

/* ---- pages ---- */

static void write_page(const struct de_kv_view *view, const struct de_kv_page *page,
                       uint8_t **bytes, size_t *size)
{
    struct de_writer writer;

    *size = PAGE_HEAD_BYTES;
    for (size_t i = 0; i < page->count; i++) {
        *size += de_kv_pair_size(page->pairs[i].key, page->pairs[i].record.value);
    }
    *bytes = de_sim_allocate(*size);
    de_writer_init(&writer, *bytes, *size);
    de_write_u64(&writer, view->revision);
    de_write_u64(&writer, page->total);
    de_write_u8(&writer, page->more ? 1 : 0);
    de_write_u32(&writer, (uint32_t)page->count);
    for (size_t i = 0; i < page->count; i++) {
        de_kv_pair_write(&writer, &page->pairs[i]);
    }
    DE_ASSERT(!writer.failed && writer.size == *size);
}

/* Those of the keys named that are there, in the order in which they are named. */
static void read_named(struct de_kv_view *view, const struct de_range_query *query,
                       struct de_kv_page *page)
{
    DE_ASSERT(query->name_count <= DE_RANGE_NAMED_MAX);
    for (uint32_t i = 0; i < query->name_count; i++) {
        struct de_kv_pair *pair = &page->pairs[page->count];
        int err = de_kv_view_get(view, query->names[i], &pair->record);

        DE_ASSERT(err == 0 || err == DENGINE_E_NOT_FOUND);
        pair->key = query->names[i];
        page->count += err == 0 ? 1 : 0;
    }
    page->total = page->count;
}

void de_range_read(struct de_kv_view *view, const struct de_range_query *query, uint8_t **bytes,
                   size_t *size)
{
    const struct de_kv_scan scan = {.from = query->from,
                                    .end = query->end,
                                    .from_excluded = query->from_excluded,
                                    .reverse = query->reverse,
                                    .limit = query->limit};
    struct de_kv_page page = {.keys_only = query->keys_only, .count_only = query->count_only};

    page.pairs = de_sim_allocate(DE_KV_PAGE_PAIRS_MAX * sizeof(*page.pairs));
    if (query->named) {
        read_named(view, query, &page);
    } else {
        int err = de_kv_view_page(view, &scan, &page);

        DE_ASSERT(err == 0);
    }
    write_page(view, &page, bytes, size);
    de_sim_free(page.pairs);
}

bool de_range_page_decode(struct dengine_slice bytes, struct de_range_page *page)
{
    struct de_reader reader;

    memset(page, 0, sizeof(*page));
    de_reader_init(&reader, bytes.data, bytes.size);
    page->revision = de_read_u64(&reader);
    page->total = de_read_u64(&reader);
    page->more = de_read_u8(&reader) != 0;
    page->count = de_read_u32(&reader);
    if (reader.failed || page->count > DE_RANGE_KEYS) {
        return false;
    }
    for (uint32_t i = 0; i < page->count; i++) {
        if (!de_kv_pair_read(&reader, &page->pairs[i])) {
            return false;
        }
    }
    return de_reader_left(&reader) == 0;
}
