/* The public calls of a watch: waiting, a descriptor and a callback, around a feed that never waits
 * (client_ops.h). The descriptor is made when it is asked for: ten thousand watches do not take ten
 * thousand of them. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "client/client_ops.h"
#include "client/monotonic.h"
#include "client/watch_resync.h"
#include "core/base/assert.h"

struct dengine_watch {
    struct de_watch_feed *feed;
    void (*ready)(void *context);
    void *context;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* Guarded by mutex: */
    bool due; /* there may be something to get */
    int fd;   /* readable when due; -1: not asked for yet */
};

/* Under the lock. */
static void mark_due(struct dengine_watch *watch)
{
    const uint64_t one = 1;

    watch->due = true;
    if (watch->fd >= 0) {
        const ssize_t written = write(watch->fd, &one, sizeof one);

        /* Full only after 2^64 - 2 of these, and then it can be read all the same. */
        DE_ASSERT(written == (ssize_t)sizeof one || errno == EAGAIN);
    }
    (void)pthread_cond_signal(&watch->changed);
}

static void mark_empty(struct dengine_watch *watch)
{
    uint64_t count;

    (void)pthread_mutex_lock(&watch->mutex);
    watch->due = false;
    if (watch->fd >= 0) {
        (void)!read(watch->fd, &count, sizeof count); /* EAGAIN: it was empty */
    }
    (void)pthread_mutex_unlock(&watch->mutex);
    DE_ASSERT(watch->feed != NULL);
}

static void notify(void *context)
{
    struct dengine_watch *watch = context;

    (void)pthread_mutex_lock(&watch->mutex);
    mark_due(watch);
    (void)pthread_mutex_unlock(&watch->mutex);
    if (watch->ready != NULL) {
        watch->ready(watch->context);
    }
}

static struct dengine_watch *new_watch(const struct dengine_watch_options *options)
{
    struct dengine_watch *watch = calloc(1, sizeof *watch);
    int err;

    if (watch == NULL) {
        return NULL;
    }
    watch->ready = options->ready;
    watch->context = options->context;
    watch->fd = -1;
    err = pthread_mutex_init(&watch->mutex, NULL);
    DE_ASSERT(err == 0);
    de_monotonic_condition_init(&watch->changed);
    return watch;
}

static void free_watch(struct dengine_watch *watch)
{
    DE_ASSERT(watch != NULL);
    if (watch->fd >= 0) {
        (void)close(watch->fd);
    }
    (void)pthread_cond_destroy(&watch->changed);
    (void)pthread_mutex_destroy(&watch->mutex);
    free(watch);
}

static int check_options(const struct dengine_watch_options *options)
{
    const struct dengine_slice from = options->from;
    const struct dengine_slice end = options->end;
    const size_t common = from.size < end.size ? from.size : end.size;
    int order;

    if ((from.data == NULL && from.size > 0) || (end.data == NULL && end.size > 0)) {
        de_client_set_last_error("a key has a size but no bytes");
        return DENGINE_E_INVALID;
    }
    order = common > 0 ? memcmp(from.data, end.data, common) : 0;
    if (from.size > DE_CLIENT_KEY_BYTES_MAX || end.size > DE_CLIENT_KEY_BYTES_MAX) {
        de_client_set_last_error("a key has at most %d bytes", DE_CLIENT_KEY_BYTES_MAX);
        return DENGINE_E_TOO_LARGE;
    }
    if (options->one_key && from.size == 0) {
        de_client_set_last_error("the key is empty");
        return DENGINE_E_INVALID;
    }
    if (options->one_key && end.size > 0) {
        de_client_set_last_error("a watch of one key has no end");
        return DENGINE_E_INVALID;
    }
    if (end.size > 0 && (order > 0 || (order == 0 && from.size >= end.size))) {
        de_client_set_last_error("the range ends before it begins");
        return DENGINE_E_INVALID;
    }
    return 0;
}

int dengine_watch_open(struct dengine_client *client, const struct dengine_watch_options *options,
                       struct dengine_watch **result)
{
    struct dengine_watch_options wanted;
    struct dengine_watch *watch;
    int err;

    de_client_set_last_error("%s", "");
    if (client == NULL || options == NULL || result == NULL) {
        de_client_set_last_error("there is no client, nothing to watch, or no room for the watch");
        return DENGINE_E_INVALID;
    }
    *result = NULL;
    err = check_options(options);
    if (err != 0) {
        return err;
    }
    watch = new_watch(options);
    if (watch == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    wanted = *options;
    wanted.ready = notify;
    wanted.context = watch;
    err = options->resync ? de_watch_resync_open(client, &wanted, &watch->feed)
                          : client->ops->watch(client, &wanted, &watch->feed);
    if (err != 0) {
        free_watch(watch);
        return err;
    }
    *result = watch;
    return 0;
}

/* Emptied first: what comes from now on makes it due again. The end of a watch leaves it due, for
 * there is an end to be seen. */
static int take(struct dengine_watch *watch, struct dengine_event *event)
{
    int err = watch->feed->ops->next(watch->feed, event);

    DE_ASSERT(event != NULL);
    if (err == DENGINE_E_TIMEOUT) {
        mark_empty(watch);
        err = watch->feed->ops->next(watch->feed, event);
        if (err != DENGINE_E_TIMEOUT) { /* something came in between: there may be more */
            (void)pthread_mutex_lock(&watch->mutex);
            mark_due(watch);
            (void)pthread_mutex_unlock(&watch->mutex);
        }
    }
    return err;
}

int dengine_watch_next(struct dengine_watch *watch, uint32_t timeout_ms,
                       struct dengine_event *event)
{
    const uint64_t deadline_ns = de_monotonic_ns() + timeout_ms * DE_NS_PER_MS;

    DE_ASSERT(watch != NULL && event != NULL);
    for (;;) {
        const int err = take(watch, event);

        if (err != DENGINE_E_TIMEOUT || de_monotonic_ns() >= deadline_ns) {
            return err;
        }
        (void)pthread_mutex_lock(&watch->mutex);
        while (!watch->due && de_monotonic_ns() < deadline_ns) {
            de_monotonic_wait(&watch->changed, &watch->mutex, deadline_ns);
        }
        (void)pthread_mutex_unlock(&watch->mutex);
    }
}

uint64_t dengine_watch_revision(const struct dengine_watch *watch)
{
    DE_ASSERT(watch != NULL);
    return watch->feed->ops->revision(watch->feed);
}

void dengine_watch_progress(struct dengine_watch *watch)
{
    DE_ASSERT(watch != NULL);
    if (watch->feed->ops->progress != NULL) {
        watch->feed->ops->progress(watch->feed);
    }
}

int dengine_watch_fd(struct dengine_watch *watch)
{
    int fd;

    DE_ASSERT(watch != NULL);
    (void)pthread_mutex_lock(&watch->mutex);
    if (watch->fd < 0) {
        watch->fd = eventfd(watch->due ? 1 : 0, EFD_NONBLOCK | EFD_CLOEXEC);
    }
    fd = watch->fd;
    (void)pthread_mutex_unlock(&watch->mutex);
    return fd;
}

void dengine_watch_close(struct dengine_watch *watch)
{
    if (watch != NULL) {
        watch->feed->ops->close(watch->feed);
        free_watch(watch);
    }
}
