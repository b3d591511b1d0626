#include "core/kv/watch.h"

#include "core/base/assert.h"
#include "core/base/sometimes.h"
#include "core/kv/command.h"
#include "core/kv/watch_index.h"

struct queued {
    struct queued *next;
    struct de_kv_event *event;
};

struct de_watcher {
    struct de_watch_node node;
    struct de_watch_options options;
    struct queued *first;
    struct queued *last;
    size_t count;
    size_t count_max;
    enum de_watch_kind end; /* what comes after the queue; NOTHING: more events */
    uint64_t end_revision;
    bool ended; /* it was told so */
    bool indexed;
    struct de_watcher *previous_watcher;
    struct de_watcher *next_watcher;
};

struct de_watch_hub {
    struct de_watch_limits limits;
    struct de_allocator allocator;
    struct de_watch_index index;
    void (*ready)(void *context, struct de_watcher *watcher);
    void *context;
    struct de_watcher *watchers;
    size_t watcher_count;
    struct de_kv_event *oldest_event; /* the ring, through event->next */
    struct de_kv_event *newest_event;
    size_t ring_events;
    size_t ring_bytes;
    uint64_t oldest;
    uint64_t revision;
    uint64_t began;   /* at this revision */
    uint64_t refused; /* for de_watch_usage, as the next one */
    uint64_t overflows;
};

int de_watch_hub_new(const struct de_watch_limits *limits, const struct de_allocator *allocator,
                     uint64_t revision, void (*ready)(void *context, struct de_watcher *watcher),
                     void *context, struct de_watch_hub **hub)
{
    struct de_watch_hub *made = de_allocate(allocator, sizeof *made);

    DE_ASSERT(limits->queue_events_max > 0);
    DE_ASSERT(ready != NULL);
    *hub = NULL;
    if (made == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    memset(made, 0, sizeof *made);
    made->limits = *limits;
    made->allocator = *allocator;
    made->ready = ready;
    made->context = context;
    made->revision = revision;
    made->began = revision;
    made->oldest = revision + 1;
    de_watch_index_init(&made->index, &made->allocator);
    *hub = made;
    return 0;
}

static void unref(struct de_watch_hub *hub, struct de_kv_event *event)
{
    DE_ASSERT(event != NULL);
    DE_ASSERT(event->references >= 1);
    de_kv_event_unref(&hub->allocator, event);
}

/* ---- the ring ---- */

static void drop_oldest(struct de_watch_hub *hub)
{
    struct de_kv_event *event = hub->oldest_event;

    DE_ASSERT(event != NULL && hub->ring_events > 0);
    DE_ASSERT(hub->ring_bytes >= de_kv_event_bytes(event));
    /* The others of that revision are still there, but of no use without this one. */
    hub->oldest = event->revision + 1;
    hub->oldest_event = event->next;
    if (hub->oldest_event == NULL) {
        hub->newest_event = NULL;
    }
    hub->ring_events--;
    hub->ring_bytes -= de_kv_event_bytes(event);
    event->next = NULL;
    unref(hub, event);
}

/* Takes over the reference. */
static void keep(struct de_watch_hub *hub, struct de_kv_event *event)
{
    DE_ASSERT(event->next == NULL);
    DE_ASSERT(event->revision >= hub->oldest);
    if (hub->newest_event != NULL) {
        DE_ASSERT(hub->newest_event->revision <= event->revision);
        hub->newest_event->next = event;
    } else {
        hub->oldest_event = event;
    }
    hub->newest_event = event;
    hub->ring_events++;
    hub->ring_bytes += de_kv_event_bytes(event);
}

static void trim(struct de_watch_hub *hub)
{
    const bool forget = de_site(hub->limits.sites, DE_SITE_SHORT_RING);

    while (hub->ring_events > hub->limits.ring_events_max ||
           hub->ring_bytes > hub->limits.ring_bytes_max || (forget && hub->ring_events > 0)) {
        drop_oldest(hub);
    }
    DE_ASSERT((hub->oldest_event == NULL) == (hub->ring_events == 0));
    DE_ASSERT_IMPLIES(hub->ring_events == 0, hub->ring_bytes == 0);
}

/* ---- queues ---- */

static void drop_queue(struct de_watch_hub *hub, struct de_watcher *watcher)
{
    while (watcher->first != NULL) {
        struct queued *queued = watcher->first;

        DE_ASSERT(watcher->count > 0);
        watcher->first = queued->next;
        watcher->count--;
        unref(hub, queued->event);
        de_release(&hub->allocator, queued);
    }
    watcher->last = NULL;
    DE_ASSERT(watcher->count == 0);
}

/* Takes the events of revision back, which nobody has seen any of yet. */
static void drop_revision(struct de_watch_hub *hub, struct de_watcher *watcher, uint64_t revision)
{
    struct queued **at = &watcher->first;
    struct queued *last = NULL;

    DE_ASSERT(revision > 0);
    while (*at != NULL && (*at)->event->revision < revision) {
        last = *at;
        at = &last->next;
    }
    while (*at != NULL) {
        struct queued *queued = *at;

        *at = queued->next;
        watcher->count--;
        unref(hub, queued->event);
        de_release(&hub->allocator, queued);
    }
    watcher->last = last;
    DE_ASSERT((watcher->first == NULL) == (watcher->count == 0));
}

static void cancel(struct de_watch_hub *hub, struct de_watcher *watcher, enum de_watch_kind why,
                   uint64_t revision)
{
    DE_ASSERT(why == DE_WATCH_OVERFLOW || why == DE_WATCH_RESET);
    DE_ASSERT(watcher->end == DE_WATCH_NOTHING);
    watcher->end = why;
    watcher->end_revision = revision;
    if (watcher->count == 0) {
        hub->ready(hub->context, watcher);
    }
}

static bool wants(const struct de_watcher *watcher, const struct de_kv_event *event)
{
    const struct de_watch_options *options = &watcher->options;

    DE_ASSERT(event->revision > 0);
    if (watcher->end != DE_WATCH_NOTHING || event->revision < options->from_revision) {
        return false;
    }
    return event->type == DE_KV_EVENT_PUT ? !options->no_puts : !options->no_deletes;
}

/* False without memory. */
static bool push(struct de_watch_hub *hub, struct de_watcher *watcher, struct de_kv_event *event)
{
    struct queued *queued = de_allocate(&hub->allocator, sizeof *queued);

    DE_ASSERT(event->references > 0);
    if (queued == NULL) {
        return false;
    }
    queued->next = NULL;
    queued->event = event;
    event->references++;
    if (watcher->last != NULL) {
        DE_ASSERT(watcher->last->event->revision <= event->revision);
        watcher->last->next = queued;
    } else {
        watcher->first = queued;
    }
    watcher->last = queued;
    watcher->count++;
    return true;
}

struct offer {
    struct de_watch_hub *hub;
    struct de_kv_event *event;
};

static void offer_to(void *context, struct de_watch_node *node)
{
    const struct offer *offer = context;
    struct de_watcher *watcher = DE_CONTAINER_OF(node, struct de_watcher, node);
    struct de_kv_event *event = offer->event;
    bool whole; /* all that is queued is of this revision: it may be as long as it is */

    DE_ASSERT(watcher->indexed);
    if (!wants(watcher, event)) {
        return;
    }
    whole = watcher->first == NULL || watcher->first->event->revision == event->revision;
    if ((!whole && (watcher->count >= watcher->count_max ||
                    de_site(offer->hub->limits.sites, DE_SITE_FULL_QUEUE))) ||
        !push(offer->hub, watcher, event)) {
        drop_revision(offer->hub, watcher, event->revision);
        cancel(offer->hub, watcher, DE_WATCH_OVERFLOW, event->revision);
        offer->hub->overflows++;
    } else if (watcher->count == 1) {
        offer->hub->ready(offer->hub->context, watcher);
    }
}

void de_watch_publish(struct de_watch_hub *hub, struct de_kv_event *first, uint64_t revision)
{
    struct offer offer = {hub, NULL};

    DE_ASSERT(revision >= hub->revision);
    while (first != NULL) {
        struct de_kv_event *event = first;

        DE_ASSERT(event->revision > hub->revision && event->revision <= revision);
        first = event->next;
        event->next = NULL;
        offer.event = event;
        de_watch_index_find(&hub->index, event->key, offer_to, &offer);
        keep(hub, event);
    }
    hub->revision = revision;
    trim(hub);
}

void de_watch_recall(struct de_watch_hub *hub, struct de_kv_event *first, uint64_t oldest)
{
    DE_ASSERT(hub->watchers == NULL && hub->ring_events == 0);
    DE_ASSERT(oldest > 0 && oldest <= hub->revision + 1);
    hub->oldest = oldest;
    while (first != NULL) {
        struct de_kv_event *event = first;

        DE_ASSERT(event->revision >= oldest && event->revision <= hub->revision);
        first = event->next;
        event->next = NULL;
        keep(hub, event);
    }
    trim(hub);
}

void de_watch_reset(struct de_watch_hub *hub, uint64_t revision)
{
    DE_ASSERT(hub != NULL);
    while (hub->oldest_event != NULL) {
        drop_oldest(hub);
    }
    for (struct de_watcher *watcher = hub->watchers; watcher != NULL;
         watcher = watcher->next_watcher) {
        if (watcher->end == DE_WATCH_NOTHING) {
            cancel(hub, watcher, DE_WATCH_RESET, revision);
        } else if (watcher->end == DE_WATCH_RESET) {
            watcher->end_revision = revision; /* it has not been told yet, or does not care */
        }
    }
    hub->revision = revision;
    hub->oldest = revision + 1;
    DE_ASSERT(hub->ring_events == 0);
}

/* ---- watchers ---- */

static int check(struct de_watch_hub *hub, const struct de_watch_options *options)
{
    const struct dengine_slice from = options->from;
    const struct dengine_slice end = options->end;
    const size_t size = from.size < end.size ? from.size : end.size;

    DE_ASSERT(from.data != NULL || from.size == 0);
    DE_ASSERT(end.data != NULL || end.size == 0);
    if (from.size > DE_KV_USER_KEY_MAX || end.size > DE_KV_USER_KEY_MAX) {
        return DENGINE_E_TOO_LARGE;
    }
    if (options->one_key ? from.size == 0 || end.size > 0 : end.size > 0) {
        const int order = size > 0 ? memcmp(from.data, end.data, size) : 0;

        if (options->one_key || order > 0 || (order == 0 && from.size >= end.size)) {
            return DENGINE_E_INVALID;
        }
    }
    if (hub->watcher_count >= hub->limits.watchers_max) {
        hub->refused++;
        return DENGINE_E_BUSY;
    }
    return options->from_revision != 0 && options->from_revision < hub->oldest ? DENGINE_E_COMPACTED
                                                                               : 0;
}

static bool in_range(const struct de_watcher *watcher, struct dengine_slice key)
{
    const struct dengine_slice from = watcher->node.from;
    const struct dengine_slice end = watcher->node.end;
    const size_t from_size = key.size < from.size ? key.size : from.size;
    const size_t end_size = key.size < end.size ? key.size : end.size;
    const int from_order = from_size > 0 ? memcmp(key.data, from.data, from_size) : 0;
    const int end_order = end_size > 0 ? memcmp(key.data, end.data, end_size) : 0;

    DE_ASSERT(key.size >= 1);
    if (watcher->node.one_key) {
        return from_order == 0 && key.size == from.size;
    }
    if (from_order < 0 || (from_order == 0 && key.size < from.size)) {
        return false;
    }
    return end.size == 0 || end_order < 0 || (end_order == 0 && key.size < end.size);
}

/* Queues what the ring has for it; as much as that is, and no more, may then be queued. */
static bool replay(struct de_watch_hub *hub, struct de_watcher *watcher)
{
    struct de_kv_event *event = hub->oldest_event;

    DE_ASSERT(watcher->count == 0);
    for (; event != NULL && watcher->options.from_revision != 0; event = event->next) {
        if (in_range(watcher, event->key) && wants(watcher, event) && !push(hub, watcher, event)) {
            return false;
        }
    }
    if (watcher->count > watcher->count_max) {
        watcher->count_max = watcher->count;
    }
    return true;
}

static struct de_watcher *new_watcher(struct de_watch_hub *hub,
                                      const struct de_watch_options *options)
{
    const size_t keys = options->from.size + options->end.size;
    struct de_watcher *watcher = de_allocate(&hub->allocator, sizeof *watcher + keys);
    uint8_t *at;

    DE_ASSERT(keys <= 2 * (size_t)DE_KV_USER_KEY_MAX);
    if (watcher == NULL) {
        return NULL;
    }
    memset(watcher, 0, sizeof *watcher);
    at = (uint8_t *)(watcher + 1);
    watcher->options = *options;
    watcher->count_max = hub->limits.queue_events_max;
    watcher->node.one_key = options->one_key;
    watcher->node.from = dengine_bytes(at, options->from.size);
    watcher->node.end = dengine_bytes(at + options->from.size, options->end.size);
    if (options->from.size > 0) {
        memcpy(at, options->from.data, options->from.size);
    }
    if (options->end.size > 0) {
        memcpy(at + options->from.size, options->end.data, options->end.size);
    }
    watcher->options.from = watcher->node.from;
    watcher->options.end = watcher->node.end;
    return watcher;
}

int de_watch_add(struct de_watch_hub *hub, const struct de_watch_options *options,
                 struct de_watcher **watcher)
{
    struct de_watcher *made;
    int rc = check(hub, options);

    DE_ASSERT(watcher != NULL);
    *watcher = NULL;
    if (rc != 0) {
        return rc;
    }
    made = new_watcher(hub, options);
    if (made == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    if (!replay(hub, made) || de_watch_index_add(&hub->index, &made->node) != 0) {
        drop_queue(hub, made);
        de_release(&hub->allocator, made);
        return DENGINE_E_NO_MEMORY;
    }
    made->indexed = true;
    DE_SOMETIMES(options->from_revision != 0 && options->from_revision <= hub->began,
                 "a watch begins in the time before the start");
    made->next_watcher = hub->watchers;
    if (hub->watchers != NULL) {
        hub->watchers->previous_watcher = made;
    }
    hub->watchers = made;
    hub->watcher_count++;
    *watcher = made;
    if (made->count > 0) {
        hub->ready(hub->context, made);
    }
    return 0;
}

void de_watch_remove(struct de_watch_hub *hub, struct de_watcher *watcher)
{
    DE_ASSERT(watcher->indexed && hub->watcher_count > 0);
    DE_ASSERT_IMPLIES(watcher->previous_watcher == NULL, hub->watchers == watcher);
    de_watch_index_remove(&hub->index, &watcher->node);
    drop_queue(hub, watcher);
    if (watcher->previous_watcher != NULL) {
        watcher->previous_watcher->next_watcher = watcher->next_watcher;
    } else {
        hub->watchers = watcher->next_watcher;
    }
    if (watcher->next_watcher != NULL) {
        watcher->next_watcher->previous_watcher = watcher->previous_watcher;
    }
    hub->watcher_count--;
    de_release(&hub->allocator, watcher);
}

void *de_watch_context(const struct de_watcher *watcher)
{
    DE_ASSERT(watcher != NULL);
    DE_ASSERT(watcher->options.from.data == watcher->node.from.data);
    return watcher->options.context;
}

void de_watch_take(struct de_watch_hub *hub, struct de_watcher *watcher, struct de_watch_next *next)
{
    struct queued *queued = watcher->first;

    DE_ASSERT((watcher->first == NULL) == (watcher->count == 0));
    *next = (struct de_watch_next){.kind = DE_WATCH_NOTHING, .revision = hub->revision};
    if (queued != NULL) {
        watcher->first = queued->next;
        watcher->last = watcher->first == NULL ? NULL : watcher->last;
        watcher->count--;
        next->kind = DE_WATCH_EVENT;
        next->event = queued->event;
        next->revision = queued->event->revision;
        de_release(&hub->allocator, queued);
    } else if (watcher->end != DE_WATCH_NOTHING) {
        next->kind = watcher->ended ? DE_WATCH_NOTHING : watcher->end;
        next->revision = watcher->end_revision;
        watcher->ended = true;
    }
    DE_ASSERT((next->kind == DE_WATCH_EVENT) == (next->event != NULL));
}

void de_watch_done(struct de_watch_hub *hub, struct de_kv_event *event)
{
    DE_ASSERT(hub != NULL);
    DE_ASSERT(event != NULL);
    unref(hub, event);
}

void de_watch_hub_free(struct de_watch_hub *hub)
{
    struct de_allocator allocator;

    if (hub == NULL) {
        return;
    }
    DE_ASSERT(hub->watchers == NULL && hub->watcher_count == 0);
    while (hub->oldest_event != NULL) {
        drop_oldest(hub);
    }
    de_watch_index_deinit(&hub->index);
    allocator = hub->allocator;
    de_release(&allocator, hub);
}

uint64_t de_watch_oldest(const struct de_watch_hub *hub)
{
    DE_ASSERT(hub->oldest <= hub->revision + 1);
    DE_ASSERT(hub->oldest > 0);
    return hub->oldest;
}

uint64_t de_watch_revision(const struct de_watch_hub *hub)
{
    DE_ASSERT(hub != NULL);
    DE_ASSERT(hub->oldest <= hub->revision + 1);
    return hub->revision;
}

size_t de_watch_count(const struct de_watch_hub *hub)
{
    DE_ASSERT(hub != NULL);
    DE_ASSERT((hub->watchers == NULL) == (hub->watcher_count == 0));
    return hub->watcher_count;
}

void de_watch_usage(const struct de_watch_hub *hub, struct de_watch_usage *usage)
{
    DE_ASSERT(hub != NULL);
    DE_ASSERT(hub->watcher_count <= hub->limits.watchers_max);
    *usage = (struct de_watch_usage){.watchers = hub->watcher_count,
                                     .events = hub->ring_events,
                                     .event_bytes = hub->ring_bytes,
                                     .refused = hub->refused,
                                     .overflows = hub->overflows,
                                     .looks = hub->index.looks};
}
