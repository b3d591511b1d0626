#include "runtime/sim/lease_look.h"

#include <string.h>

#include "core/base/assert.h"

static int count_key(void *context, struct dengine_slice key)
{
    uint64_t *count = context;

    DE_ASSERT(key.size > 0);
    (*count)++;
    return 0;
}

static int take_first(void *context, uint64_t id, const struct de_kv_lease *lease)
{
    uint64_t *first = context;

    DE_ASSERT(lease->ttl_ns > 0);
    *first = *first == 0 ? id : *first;
    return 0;
}

/* The prefixes asked for are digits and letters, so the next byte always ends them. */
static uint64_t count_held(struct de_kv_view *view, struct dengine_slice prefix)
{
    uint8_t end[DE_LEASE_LOOK_PREFIX_MAX];
    struct de_kv_scan scan = {.from = prefix, .end = {end, prefix.size}};
    uint64_t count = 0;
    bool more = false;
    int err;

    DE_ASSERT(prefix.size <= sizeof(end));
    if (prefix.size == 0) {
        return 0;
    }
    memcpy(end, prefix.data, prefix.size);
    DE_ASSERT(end[prefix.size - 1] < UINT8_MAX);
    end[prefix.size - 1]++;
    err = de_kv_view_scan(view, &scan, NULL, NULL, &count, &more);
    DE_ASSERT(err == 0 && !more);
    return count;
}

void de_lease_look_read(struct de_kv_view *view, struct dengine_slice question,
                        uint8_t bytes[DE_LEASE_LOOK_BYTES])
{
    struct de_kv_lease lease = {.ttl_ns = 0};
    struct de_reader reader;
    struct de_writer writer;
    struct dengine_slice prefix;
    uint64_t listed = 0;
    uint64_t first = 0;
    uint64_t id;
    int found;
    int err;

    de_reader_init(&reader, question.data, question.size);
    id = de_read_u64(&reader);
    DE_ASSERT(!reader.failed && id != 0);
    prefix = dengine_bytes((const uint8_t *)question.data + sizeof(id), de_reader_left(&reader));
    found = de_kv_view_lease(view, id, &lease);
    DE_ASSERT(found == 0 || found == DENGINE_E_NO_LEASE);
    err = de_kv_view_lease_keys(view, id, count_key, &listed);
    DE_ASSERT(err == 0);
    err = de_kv_view_leases(view, id, take_first, &first);
    DE_ASSERT(err == 0);
    de_writer_init(&writer, bytes, DE_LEASE_LOOK_BYTES);
    de_write_u8(&writer, found == 0 ? 1 : 0);
    de_write_u8(&writer, lease.session ? 1 : 0);
    de_write_u8(&writer, lease.ending ? 1 : 0);
    de_write_u64(&writer, lease.ttl_ns);
    de_write_u64(&writer, lease.deadline_ns);
    de_write_u64(&writer, view->time_ns);
    de_write_u64(&writer, lease.keys);
    de_write_u64(&writer, listed);
    de_write_u64(&writer, first);
    de_write_u64(&writer, count_held(view, prefix));
    DE_ASSERT(!writer.failed && writer.size == DE_LEASE_LOOK_BYTES);
}

bool de_lease_look_decode(struct dengine_slice bytes, struct de_lease_look *look)
{
    struct de_reader reader;

    memset(look, 0, sizeof(*look));
    de_reader_init(&reader, bytes.data, bytes.size);
    look->found = de_read_u8(&reader) != 0;
    look->session = de_read_u8(&reader) != 0;
    look->ending = de_read_u8(&reader) != 0;
    look->ttl_ns = de_read_u64(&reader);
    look->deadline_ns = de_read_u64(&reader);
    look->time_ns = de_read_u64(&reader);
    look->keys = de_read_u64(&reader);
    look->listed = de_read_u64(&reader);
    look->first = de_read_u64(&reader);
    look->held = de_read_u64(&reader);
    return !reader.failed && de_reader_left(&reader) == 0;
}

const char *de_lease_look_wrong(const struct de_lease_look *look, uint64_t lease, uint64_t ttl_ns,
                                bool session)
{
    DE_ASSERT(look->found && lease != 0);
    if (look->session != session || look->ttl_ns != ttl_ns) {
        return "finds its lease with another time to live, or without its session";
    }
    if (look->first != lease || look->keys != look->listed) {
        return "finds its lease listed with other keys than it has, or not at all";
    }
    /* A renewal goes from the stamp of its entry, which the state has seen. */
    if (!look->ending && look->deadline_ns > look->time_ns + ttl_ns) {
        return "finds its lease with a deadline beyond its time to live";
    }
    return NULL;
}
