#include "engine/watches.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "runtime/libev/clock.h"
#include "storage/base/heap.h"

#define NS_PER_MS UINT64_C(1000000)

struct de_watches {
    pthread_mutex_t mutex;
    /* Guarded by mutex: */
    struct de_watch_hub *hub;
    uint32_t users; /* the engine, and each watch */
    bool ended;
    struct dengine_watch *first; /* all of them */
};

struct dengine_watch {
    struct de_watches *watches;
    struct de_watcher *watcher;
    struct dengine_watch *next;
    struct dengine_watch **link;
    struct de_kv_event *held; /* what the caller looks at */
    void (*ready)(void *context);
    void *context;
    uint64_t revision;
    int result; /* what it has ended with; 0: it goes on */
    int fd;
};

/* ---- being told ---- */

static void notify(struct dengine_watch *watch)
{
    const uint64_t one = 1;
    ssize_t written;

    /* Full only after 2^64 - 2 of these, and then it can be read all the same. */
    written = write(watch->fd, &one, sizeof one);
    DE_ASSERT(written == (ssize_t)sizeof one || errno == EAGAIN);
    if (watch->ready != NULL) {
        watch->ready(watch->context);
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
    if (err != 0) {
        free(watches);
        return err;
    }
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
    struct dengine_watch *watch;

    if (watches == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&watches->mutex);
    watches->ended = true;
    for (watch = watches->first; watch != NULL; watch = watch->next) {
        notify(watch);
    }
    leave(watches);
}

static struct dengine_watch *new_watch(const struct dengine_watch_options *options)
{
    struct dengine_watch *watch = calloc(1, sizeof *watch);

    if (watch == NULL) {
        return NULL;
    }
    watch->ready = options->ready;
    watch->context = options->context;
    watch->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (watch->fd < 0) {
        free(watch);
        return NULL;
    }
    return watch;
}

int de_watches_open(struct de_watches *watches, const struct dengine_watch_options *options,
                    struct dengine_watch **result)
{
    struct de_watch_options wanted = {.from = options->from,
                                      .end = options->end,
                                      .one_key = options->one_key,
                                      .from_revision = options->from_revision,
                                      .no_puts = options->no_puts,
                                      .no_deletes = options->no_deletes};
    struct dengine_watch *watch = new_watch(options);
    int err;

    *result = NULL;
    if (watch == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    wanted.context = watch;
    watch->watches = watches;
    (void)pthread_mutex_lock(&watches->mutex);
    err = de_watch_add(watches->hub, &wanted, &watch->watcher);
    if (err == 0) {
        watches->users++;
        watch->next = watches->first;
        watch->link = &watches->first;
        if (watch->next != NULL) {
            watch->next->link = &watch->next;
        }
        watches->first = watch;
        *result = watch;
    }
    (void)pthread_mutex_unlock(&watches->mutex);
    if (err != 0) {
        (void)close(watch->fd);
        free(watch);
    }
    return err;
}

void dengine_watch_close(struct dengine_watch *watch)
{
    struct de_watches *watches;

    if (watch == NULL) {
        return;
    }
    watches = watch->watches;
    (void)pthread_mutex_lock(&watches->mutex);
    if (watch->held != NULL) {
        de_watch_done(watches->hub, watch->held);
    }
    de_watch_remove(watches->hub, watch->watcher);
    *watch->link = watch->next;
    if (watch->next != NULL) {
        watch->next->link = watch->link;
    }
    leave(watches);
    (void)close(watch->fd);
    free(watch);
}

/* ---- getting ---- */

static void show(const struct de_kv_event *from, struct dengine_event *event)
{
    event->type = (enum dengine_event_type)from->type;
    event->expired = from->expired;
    event->had_previous = from->had_previous;
    event->revision = from->revision;
    event->create_revision = from->create_revision;
    event->version = from->version;
    event->lease = from->lease;
    event->key = from->key;
    event->value = from->value;
    event->previous = from->previous;
}

/* Under the lock. TIMEOUT: there is nothing now. */
static int take(struct dengine_watch *watch, struct dengine_event *event)
{
    struct de_watches *watches = watch->watches;
    struct de_watch_next next;
    uint64_t count;

    if (watch->held != NULL) {
        de_watch_done(watches->hub, watch->held);
        watch->held = NULL;
    }
    if (watch->result != 0) {
        return watch->result;
    }
    de_watch_take(watches->hub, watch->watcher, &next);
    switch (next.kind) {
    case DE_WATCH_EVENT:
        watch->held = next.event;
        show(next.event, event);
        return 0;
    case DE_WATCH_OVERFLOW:
        watch->result = DENGINE_E_CANCELED;
        break;
    case DE_WATCH_RESET:
        watch->result = DENGINE_E_COMPACTED;
        break;
    case DE_WATCH_NOTHING:
        watch->result = watches->ended ? DENGINE_E_SHUTDOWN : 0;
        break;
    }
    watch->revision = next.revision;
    if (watch->result != 0) {
        return watch->result; /* the descriptor stays readable: there is an end to be seen */
    }
    (void)!read(watch->fd, &count, sizeof count); /* EAGAIN: it was empty */
    return DENGINE_E_TIMEOUT;
}

int dengine_watch_next(struct dengine_watch *watch, uint32_t timeout_ms,
                       struct dengine_event *event)
{
    const uint64_t deadline_ns = de_clock_now_ns() + timeout_ms * NS_PER_MS;

    DE_ASSERT(watch != NULL && event != NULL);
    for (;;) {
        struct pollfd waiting = {.fd = watch->fd, .events = POLLIN};
        uint64_t now_ns;
        uint64_t left_ms;
        int err;

        (void)pthread_mutex_lock(&watch->watches->mutex);
        err = take(watch, event);
        (void)pthread_mutex_unlock(&watch->watches->mutex);
        now_ns = de_clock_now_ns();
        if (err != DENGINE_E_TIMEOUT || now_ns >= deadline_ns) {
            return err;
        }
        /* Rounded up: a wait of no length would be repeated in vain. */
        left_ms = (deadline_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
        (void)poll(&waiting, 1, left_ms < INT_MAX ? (int)left_ms : INT_MAX);
    }
}

uint64_t dengine_watch_revision(const struct dengine_watch *watch)
{
    DE_ASSERT(watch != NULL);
    return watch->revision;
}

int dengine_watch_fd(const struct dengine_watch *watch)
{
    DE_ASSERT(watch != NULL);
    return watch->fd;
}
