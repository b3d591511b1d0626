/* Looking at a queue: page by page, what is there goes to the rules of client/policy/place.h. */
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

struct dengine_slice de_queue_key(const struct de_queue_name *name, const struct de_place *place,
                                  uint8_t *bytes)
{
    DE_ASSERT(place->joined != 0);
    memcpy(bytes, name->prefix, name->size);
    memcpy(bytes + name->size, place->digits, DE_PLACE_DIGITS);
    return dengine_bytes(bytes, name->size + DE_PLACE_DIGITS);
}

static int take_pair(const struct dengine_pair *pair, bool with_value, struct de_queue_look *look)
{
    struct de_place_key key = {.place = {.joined = pair->create_revision},
                               .version = pair->version,
                               .revision = pair->mod_revision,
                               .lease = pair->lease};

    DE_ASSERT(pair->key.size > DE_PLACE_DIGITS);
    memcpy(key.place.digits, (const uint8_t *)pair->key.data + pair->key.size - DE_PLACE_DIGITS,
           DE_PLACE_DIGITS);
    if (!de_look_key(&look->keys, &key)) {
        return 0;
    }
    dengine_value_free(&look->value);
    return with_value ? de_client_value_copy(&look->value, pair->value, pair->mod_revision) : 0;
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

    DE_ASSERT(look->keys.first.joined == 0 && !look->keys.there);
    scan.end = dengine_prefix_end(prefix, end);
    scan.keys_only = !with_value;
    while (err == 0 && more) {
        struct dengine_page page;

        err = dengine_scan(client, &scan, NULL, &page);
        err = err != 0 ? err : de_look_page(&look->keys, page.revision);
        for (size_t i = 0; err == 0 && i < page.count; i++) {
            if (page.pairs[i].key.size == name->size + DE_PLACE_DIGITS) {
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
