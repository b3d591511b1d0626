#include "runtime/sim/host_watch_range.h"

#include "core/base/assert.h"
#include "runtime/sim/range.h"
#include "runtime/sim/trace.h"

/* Registers and accounts, locks, keys of ranges: some ranges lie within others, or meet, and some
 * begin or end at a key that there is. */
static const struct {
    const char *from;
    const char *end;
} bounds[DE_WATCH_RANGES] = {
    {"", "k1"}, {"k", "lock1.0"}, {"k1", "l"}, {"lock1.0", "z"}, {"z", ""}, {"zb", "zd"},
};

/* A key of that version, for the sum. */
static uint64_t weight(struct dengine_slice key, uint64_t created, uint64_t version)
{
    const uint64_t name = de_trace_hash_bytes(key.data, key.size);

    return version == 0 ? 0 : de_trace_mix(de_trace_mix(name, created), version);
}

static int add_key(void *context, struct dengine_slice key, const struct de_kv_record *record)
{
    uint64_t *sum = context;

    *sum += weight(key, record->create_revision, record->version);
    return 0;
}

/* The sum over the state; returns of which revision that is. */
static uint64_t sum_up(const struct de_watch_range *range, struct de_kv *kv, uint64_t *sum)
{
    const struct de_kv_scan scan = {.from = range->from, .end = range->end};
    struct de_kv_view view;
    uint64_t count;
    uint64_t revision;
    bool more;
    int err = de_kv_view_open(kv, &view);

    DE_ASSERT(err == 0);
    *sum = 0;
    err = de_kv_view_scan(&view, &scan, add_key, sum, &count, &more);
    DE_ASSERT(err == 0 && !more);
    revision = view.revision;
    de_kv_view_close(&view);
    return revision;
}

static void begin(struct de_watch_range *range, uint32_t number, struct de_watch_hub *hub,
                  struct de_kv *kv)
{
    struct de_watch_options options = {.context = range};
    int err;

    DE_ASSERT(number < DE_WATCH_RANGES);
    range->from = dengine_str(bounds[number].from);
    range->end = dengine_str(bounds[number].end);
    if (range->next == 0) {
        range->begun = sum_up(range, kv, &range->sum);
        range->seen = 0;
        range->next = range->begun + 1;
    }
    options.from = range->from;
    options.end = range->end;
    options.from_revision = range->next;
    err = de_watch_add(hub, &options, &range->watcher);
    /* It is forgotten, or the state is being rebuilt: from a look at the state, later. */
    DE_ASSERT(err == 0 || err == DENGINE_E_COMPACTED || err == DENGINE_E_NO_MEMORY);
    DE_ASSERT(err != 0 || de_watch_context(range->watcher) == range);
    range->next = err == DENGINE_E_NO_MEMORY ? range->next : 0;
}

static const char *take_event(struct de_watch_range *range, const struct de_kv_event *event)
{
    if (de_range_order(event->key, range->from) < 0 ||
        (range->end.size > 0 && de_range_order(event->key, range->end) >= 0)) {
        return "of a range sees a key outside of it";
    }
    if (event->revision <= range->begun || event->revision < range->seen) {
        return "of a range goes back in time";
    }
    range->seen = event->revision;
    if (event->type == DE_KV_EVENT_DELETE) {
        range->sum -= weight(event->key, event->create_revision, event->version);
    } else {
        range->sum -= weight(event->key, event->create_revision, event->version - 1);
        range->sum += weight(event->key, event->create_revision, event->version);
    }
    return NULL;
}

/* It has seen all. */
static const char *compare(const struct de_watch_range *range, struct de_kv *kv, uint64_t progress)
{
    uint64_t sum = 0;

    if (sum_up(range, kv, &sum) == progress && sum != range->sum) {
        return "of a range has missed something, or seen it twice,";
    }
    return NULL;
}

const char *de_watch_range_look(struct de_watch_range *range, uint32_t number,
                                struct de_watch_hub *hub, struct de_kv *kv, uint64_t count,
                                uint64_t *revision)
{
    const char *wrong = NULL;

    if (range->watcher == NULL) {
        begin(range, number, hub, kv);
    }
    while (count-- > 0 && range->watcher != NULL && wrong == NULL) {
        struct de_watch_next next;

        de_watch_take(hub, range->watcher, &next);
        *revision = next.revision;
        switch (next.kind) {
        case DE_WATCH_EVENT:
            *revision = next.event->revision;
            wrong = take_event(range, next.event);
            de_watch_done(hub, next.event);
            break;
        case DE_WATCH_NOTHING:
            return compare(range, kv, next.revision);
        case DE_WATCH_OVERFLOW:
        case DE_WATCH_RESET:
            de_watch_remove(hub, range->watcher);
            range->watcher = NULL;
            /* Behind what it has seen, unless the state has been replaced. */
            range->next = next.kind == DE_WATCH_OVERFLOW ? next.revision : 0;
            break;
        }
    }
    return wrong;
}
