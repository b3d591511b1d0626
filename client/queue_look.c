/* Looking at a queue. Its keys stand in the order of leases, not of the queue, so all are read. A
 * page is as of its own revision, but whoever is before `own` for good was there when own joined
 * and is there in every page, so it is not missed. */
#include "client/client_ops.h"
#include "client/queue.h"
#include "core/base/assert.h"

int de_queue_name_init(struct de_queue_name *name, struct dengine_slice from)
{
    if (from.size == 0 || from.data == NULL) {
        de_client_set_last_error("the name is empty");
        return DENGINE_E_INVALID;
    }
    if (from.size > DENGINE_LOCK_NAME_MAX) {
        de_client_set_last_error("the name has %zu bytes, at most %d are allowed", from.size,
                                 DENGINE_LOCK_NAME_MAX);
        return DENGINE_E_TOO_LARGE;
    }
    memcpy(name->prefix, from.data, from.size);
    name->prefix[from.size] = '/';
    name->size = from.size + 1;
    DE_ASSERT(name->size <= DE_QUEUE_PREFIX_MAX);
    return 0;
}

bool de_queue_passes(int err)
{
    DE_ASSERT(err <= 0);
    switch (err) {
    case DENGINE_E_BUSY:
    case DENGINE_E_TIMEOUT:
    case DENGINE_E_UNKNOWN:
    case DENGINE_E_NOT_LEADER:
    case DENGINE_E_NO_LEADER:
    case DENGINE_E_UNAVAILABLE:
    case DENGINE_E_SUPERSEDED:
    case DENGINE_E_NO_SPACE:
        return true;
    default:
        return false;
    }
}

struct dengine_slice de_queue_key(const struct de_queue_name *name,
                                  const struct de_queue_place *place, uint8_t *bytes)
{
    DE_ASSERT(place->joined != 0);
    memcpy(bytes, name->prefix, name->size);
    memcpy(bytes + name->size, place->digits, DE_QUEUE_DIGITS);
    return dengine_bytes(bytes, name->size + DE_QUEUE_DIGITS);
}

/* Whether a stands before b; none stands before nobody. */
static bool is_before(const struct de_queue_place *a, const struct de_queue_place *b)
{
    DE_ASSERT(a->joined != 0);
    if (a->joined != b->joined) {
        return a->joined < b->joined;
    }
    return memcmp(a->digits, b->digits, DE_QUEUE_DIGITS) < 0;
}

static int take_pair(const struct dengine_pair *pair, bool with_value, struct de_queue_look *look)
{
    struct de_queue_place place = {.joined = pair->create_revision};

    DE_ASSERT(pair->key.size > DE_QUEUE_DIGITS);
    memcpy(place.digits, (const uint8_t *)pair->key.data + pair->key.size - DE_QUEUE_DIGITS,
           DE_QUEUE_DIGITS);
    if (look->first.joined == 0 || is_before(&place, &look->first)) {
        look->first = place;
        look->in_office = pair->version > 1;
        look->revision = pair->mod_revision;
        look->lease = pair->lease;
        dengine_value_free(&look->value);
        if (with_value &&
            de_client_value_copy(&look->value, pair->value, pair->mod_revision) != 0) {
            return DENGINE_E_NO_MEMORY;
        }
    }
    if (look->own.joined == 0) {
        return 0;
    }
    if (is_before(&place, &look->own)) {
        if (look->before.joined == 0 || is_before(&look->before, &place)) {
            look->before = place;
        }
    } else {
        look->there = look->there || !is_before(&look->own, &place);
    }
    return 0;
}

int de_queue_look(struct dengine_client *client, const struct de_queue_name *name, bool with_value,
                  struct de_queue_look *look)
{
    const struct dengine_slice prefix = dengine_bytes(name->prefix, name->size);
    uint8_t end[DE_QUEUE_PREFIX_MAX];
    struct dengine_scan scan = {.from = prefix, .consistency = DENGINE_LINEARIZABLE};
    struct dengine_page last = {0};
    bool more = true;
    int err = 0;

    DE_ASSERT(look->first.joined == 0 && !look->there);
    scan.end = dengine_prefix_end(prefix, end);
    scan.keys_only = !with_value;
    while (err == 0 && more) {
        struct dengine_page page;

        err = dengine_scan(client, &scan, NULL, &page);
        /* Where the server forces eventual reads on everybody, they may be of before we joined. */
        if (err == 0 && page.revision < look->own.joined) {
            err = DENGINE_E_UNAVAILABLE;
        }
        look->seen = err == 0 && look->seen == 0 ? page.revision : look->seen;
        for (size_t i = 0; err == 0 && i < page.count; i++) {
            if (page.pairs[i].key.size == name->size + DE_QUEUE_DIGITS) {
                err = take_pair(&page.pairs[i], with_value, look);
            }
        }
        more = err == 0 && dengine_scan_next(&scan, &page);
        dengine_page_free(&last); /* which the last scan began with */
        last = page;
    }
    dengine_page_free(&last);
    if (err != 0) {
        dengine_value_free(&look->value);
    }
    return err;
}
