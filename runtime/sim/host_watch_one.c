#include "runtime/sim/host_watch_one.h"

#include <string.h>

#include "core/base/assert.h"

void de_watch_one_begin(struct de_watch_one *one, struct de_watch_hub *hub,
                        const struct de_kv_event *event)
{
    struct de_watch_options options = {.one_key = true, .from_revision = event->revision};
    int err;

    if (one->watcher != NULL) {
        return;
    }
    DE_ASSERT(event->key.size > 0 && event->key.size <= sizeof(one->key));
    memcpy(one->key, event->key.data, event->key.size);
    one->size = event->key.size;
    one->no_puts = one->rounds % 3 == 1;
    one->no_deletes = one->rounds % 3 == 2;
    one->rounds++;
    one->from = event->revision;
    one->seen = 0;
    one->last_put = 0;
    one->last_delete = 0;
    options.from = dengine_bytes(one->key, one->size);
    options.no_puts = one->no_puts;
    options.no_deletes = one->no_deletes;
    err = de_watch_add(hub, &options, &one->watcher);
    /* Then another one will do. */
    DE_ASSERT(err == 0 || err == DENGINE_E_COMPACTED || err == DENGINE_E_NO_MEMORY);
}

static const char *take_event(struct de_watch_one *one, const struct de_kv_event *event)
{
    const bool is_put = event->type == DE_KV_EVENT_PUT;

    if (event->key.size != one->size || memcmp(event->key.data, one->key, one->size) != 0) {
        return "of one key sees another";
    }
    if (is_put ? one->no_puts : one->no_deletes) {
        return "sees a kind of event that it did not ask for";
    }
    if (event->revision < one->from || event->revision < one->seen) {
        return "of one key goes back in time";
    }
    one->seen = event->revision;
    *(is_put ? &one->last_put : &one->last_delete) = event->revision;
    return NULL;
}

/* It has seen all: the key is as its last event left it. */
static const char *compare(const struct de_watch_one *one, struct de_kv *kv, uint64_t progress)
{
    struct de_kv_record record;
    struct de_kv_view view;
    const char *wrong = NULL;
    int err = de_kv_view_open(kv, &view);

    DE_ASSERT(err == 0);
    if (view.revision == progress) { /* else the state is being rebuilt */
        err = de_kv_view_get(&view, dengine_bytes(one->key, one->size), &record);
        if (err == 0 && record.mod_revision >= one->from && !one->no_puts &&
            record.mod_revision != one->last_put) {
            wrong = "of one key has missed its last put";
        } else if (err == DENGINE_E_NOT_FOUND && !one->no_puts && !one->no_deletes &&
                   one->last_delete < one->last_put) {
            wrong = "of one key has missed that it was deleted";
        }
    }
    de_kv_view_close(&view);
    return wrong;
}

const char *de_watch_one_look(struct de_watch_one *one, struct de_watch_hub *hub, struct de_kv *kv,
                              uint64_t count, uint64_t *revision)
{
    const char *wrong = NULL;

    while (count-- > 0 && one->watcher != NULL && wrong == NULL) {
        struct de_watch_next next;

        de_watch_take(hub, one->watcher, &next);
        *revision = next.revision;
        switch (next.kind) {
        case DE_WATCH_EVENT:
            wrong = take_event(one, next.event);
            de_watch_done(hub, next.event);
            break;
        case DE_WATCH_NOTHING:
            return compare(one, kv, next.revision);
        case DE_WATCH_OVERFLOW:
        case DE_WATCH_RESET:
            de_watch_remove(hub, one->watcher);
            one->watcher = NULL;
            break;
        }
    }
    return wrong;
}
