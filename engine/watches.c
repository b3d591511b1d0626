#include "engine/watches.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/base/assert.h"
#include "storage/base/heap.h"

struct de_watches {
    pthread_mutex_t mutex;
    /* Guarded by mutex: */
    struct de_watch_hub *hub;
    uint32_t users; /* the engine, and each feed */
    bool ended;
    struct feed *first; /* all of them */
};

struct feed {
    struct de_watch_feed feed;
    struct de_watches *watches;
    struct de_watcher *watcher; /* NULL: what it was to begin from is compacted */
    struct feed *next;
    struct feed **link;
    struct de_kv_event *held; /* what the caller looks at */
    void (*ready)(void *context);
    void *context;
    uint64_t revision;
    int result; /* what it has ended with; 0: it goes on */
};

/* ---- being told ---- */

static void notify(struct feed *feed)
{
    DE_ASSERT(feed->watches != NULL);
    if (feed->ready != NULL) {
        feed->ready(feed->context);
    }
}

/* Under the lock, from inside the hub. */
static void watcher_ready(void *context, struct de_watcher *watcher)
{
    (void)context;
    notify(de_watch_context(watcher));
}

static void publish(void *context, struct de_kv_event *first, uint64_t revision)
{
    struct de_watches *watches = context;

    (void)pthread_mutex_lock(&watches->mutex);
    de_watch_publish(watches->hub, first, revision);
    (void)pthread_mutex_unlock(&watches->mutex);
}

static void reset(void *context, uint64_t revision)
{
    struct de_watches *watches = context;

    (void)pthread_mutex_lock(&watches->mutex);
    de_watch_reset(watches->hub, revision);
    (void)pthread_mutex_unlock(&watches->mutex);
}

/* ---- beginning and end ---- */

int de_watches_new(const struct de_watch_limits *limits, struct de_kv *kv,
                   struct de_watches **result)
{
    struct de_watches *watches = calloc(1, sizeof *watches);
    struct de_kv_event *past = NULL;
    uint64_t oldest = 0;
    struct de_kv_view view;
    int err = DENGINE_E_NO_MEMORY;

    *result = NULL;
    if (watches != NULL) {
        err = de_kv_view_open(kv, &view);
    }
    if (err == 0) {
        de_kv_view_close(&view);
        err = de_watch_hub_new(limits, de_heap_allocator(), view.revision, watcher_ready, watches,
                               &watches->hub);
    }
    if (err == 0) {
        err = de_kv_recall(kv, limits->ring_events_max, limits->ring_bytes_max, &past, &oldest);
    }
    if (err != 0) {
        if (watches != NULL) {
            de_watch_hub_free(watches->hub);
        }
        free(watches);
        return err;
    }
    de_watch_recall(watches->hub, past, oldest);
    err = pthread_mutex_init(&watches->mutex, NULL);
    DE_ASSERT(err == 0);
    watches->users = 1;
    de_kv_set_sink(kv, (struct de_kv_sink){watches, publish, reset});
    *result = watches;
    return 0;
}

/* Gives up the lock and one use. */
static void leave(struct de_watches *watches)
{
    bool last;

    DE_ASSERT(watches->users > 0);
    watches->users--;
    last = watches->users == 0;
    (void)pthread_mutex_unlock(&watches->mutex);
    if (last) {
        de_watch_hub_free(watches->hub);
        (void)pthread_mutex_destroy(&watches->mutex);
        free(watches);
    }
}

void de_watches_end(struct de_watches *watches)
{
    struct feed *feed;

    if (watches == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&watches->mutex);
    watches->ended = true;
    for (feed = watches->first; feed != NULL; feed = feed->next) {
        notify(feed);
    }
    leave(watches);
}

static void feed_close(struct de_watch_feed *base)
{
    struct feed *feed = DE_CONTAINER_OF(base, struct feed, feed);
    struct de_watches *watches = feed->watches;

    (void)pthread_mutex_lock(&watches->mutex);
    if (feed->held != NULL) {
        de_watch_done(watches->hub, feed->held);
    }
    if (feed->watcher != NULL) {
        de_watch_remove(watches->hub, feed->watcher);
    }
    *feed->link = feed->next;
    if (feed->next != NULL) {
        feed->next->link = feed->link;
    }
    leave(watches);
    free(feed);
}

/* ---- getting ---- */

static void show(const struct de_kv_event *from, struct dengine_event *event)
{
    *event = (struct dengine_event){.type = (enum dengine_event_type)from->type,
                                    .expired = from->expired,
                                    .had_previous = from->had_previous,
                                    .revision = from->revision,
                                    .create_revision = from->create_revision,
                                    .version = from->version,
                                    .lease = from->lease,
                                    .key = from->key,
                                    .value = from->value,
                                    .previous = from->previous};
}

/* Under the lock. */
static int take(struct feed *feed, struct dengine_event *event)
{
    struct de_watches *watches = feed->watches;
    struct de_watch_next next;

    if (feed->held != NULL) {
        de_watch_done(watches->hub, feed->held);
        feed->held = NULL;
    }
    if (feed->result != 0) {
        return feed->result;
    }
    de_watch_take(watches->hub, feed->watcher, &next);
    feed->revision = next.revision;
    switch (next.kind) {
    case DE_WATCH_EVENT:
        feed->held = next.event;
        show(next.event, event);
        return 0;
    case DE_WATCH_OVERFLOW:
        feed->result = DENGINE_E_CANCELED;
        break;
    case DE_WATCH_RESET:
        feed->result = DENGINE_E_COMPACTED;
        feed->revision++;
        break;
    case DE_WATCH_NOTHING:
        feed->result = watches->ended ? DENGINE_E_SHUTDOWN : 0;
        break;
    }
    return feed->result != 0 ? feed->result : DENGINE_E_TIMEOUT;
}

static int feed_next(struct de_watch_feed *base, struct dengine_event *event)
{
    struct feed *feed = DE_CONTAINER_OF(base, struct feed, feed);
    int err;

    (void)pthread_mutex_lock(&feed->watches->mutex);
    err = take(feed, event);
    (void)pthread_mutex_unlock(&feed->watches->mutex);
    return err;
}

static uint64_t feed_revision(const struct de_watch_feed *base)
{
    return DE_CONTAINER_OF(base, const struct feed, feed)->revision;
}

static const struct de_watch_feed_ops feed_ops = {feed_next, feed_revision, NULL, feed_close};

/* Under the lock. */
static int begin(struct de_watches *watches, const struct dengine_watch_options *options,
                 struct feed *feed)
{
    const struct de_watch_options wanted = {.from = options->from,
                                            .end = options->end,
                                            .one_key = options->one_key,
                                            .from_revision = options->from_revision,
                                            .no_puts = options->no_puts,
                                            .no_deletes = options->no_deletes,
                                            .context = feed};
    int err = de_watch_add(watches->hub, &wanted, &feed->watcher);

    feed->revision =
        options->from_revision != 0 ? options->from_revision - 1 : de_watch_revision(watches->hub);
    if (err == DENGINE_E_COMPACTED) {
        feed->result = err;
        feed->revision = de_watch_oldest(watches->hub);
        notify(feed);
        err = 0;
    }
    if (err == 0) {
        watches->users++;
        feed->next = watches->first;
        feed->link = &watches->first;
        if (feed->next != NULL) {
            feed->next->link = &feed->next;
        }
        watches->first = feed;
    }
    return err;
}

int de_watches_open(struct de_watches *watches, const struct dengine_watch_options *options,
                    struct de_watch_feed **result)
{
    struct feed *feed = calloc(1, sizeof *feed);
    int err;

    DE_ASSERT(watches != NULL && options != NULL);
    *result = NULL;
    if (feed == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    feed->feed.ops = &feed_ops;
    feed->watches = watches;
    feed->ready = options->ready;
    feed->context = options->context;
    (void)pthread_mutex_lock(&watches->mutex);
    err = begin(watches, options, feed);
    (void)pthread_mutex_unlock(&watches->mutex);
    if (err != 0) {
        free(feed);
        return err;
    }
    *result = &feed->feed;
    return 0;
}

void de_watches_usage(struct de_watches *watches, struct de_watch_usage *usage)
{
    DE_ASSERT(watches != NULL);
    (void)pthread_mutex_lock(&watches->mutex);
    de_watch_usage(watches->hub, usage);
    (void)pthread_mutex_unlock(&watches->mutex);
}
