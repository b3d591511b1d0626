/* The public calls of a watch: waiting, a descriptor and a callback, around a feed that never waits
 * (client_ops.h). */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "client/client_ops.h"
#include "client/monotonic.h"
#include "core/base/assert.h"

struct dengine_watch {
    struct de_watch_feed *feed;
    void (*ready)(void *context);
    void *context;
    int fd;
};

static void notify(void *context)
{
    struct dengine_watch *watch = context;
    const uint64_t one = 1;
    ssize_t written;

    /* Full only after 2^64 - 2 of these, and then it can be read all the same. */
    written = write(watch->fd, &one, sizeof one);
    DE_ASSERT(written == (ssize_t)sizeof one || errno == EAGAIN);
    if (watch->ready != NULL) {
        watch->ready(watch->context);
    }
}

int dengine_watch_open(struct dengine_client *client, const struct dengine_watch_options *options,
                       struct dengine_watch **result)
{
    struct dengine_watch_options wanted;
    struct dengine_watch *watch;
    int err;

    de_client_set_last_error("%s", "");
    if (client == NULL || options == NULL || result == NULL) {
        return DENGINE_E_INVALID;
    }
    *result = NULL;
    watch = calloc(1, sizeof *watch);
    if (watch == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    watch->ready = options->ready;
    watch->context = options->context;
    watch->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (watch->fd < 0) {
        free(watch);
        return DENGINE_E_NO_MEMORY;
    }
    wanted = *options;
    wanted.ready = notify;
    wanted.context = watch;
    err = client->ops->watch(client, &wanted, &watch->feed);
    if (err != 0) {
        (void)close(watch->fd);
        free(watch);
        return err;
    }
    *result = watch;
    return 0;
}

/* Emptied first: what comes from now on makes it readable again. The end of a watch leaves it so,
 * for there is an end to be seen. */
static int take(struct dengine_watch *watch, struct dengine_event *event)
{
    uint64_t count;
    int err = watch->feed->ops->next(watch->feed, event);

    if (err == DENGINE_E_TIMEOUT) {
        (void)!read(watch->fd, &count, sizeof count); /* EAGAIN: it was empty */
        err = watch->feed->ops->next(watch->feed, event);
        if (err != DENGINE_E_TIMEOUT) {
            count = 1; /* something came in between: there may be more */
            (void)!write(watch->fd, &count, sizeof count);
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
        struct pollfd waiting = {.fd = watch->fd, .events = POLLIN};
        const int err = take(watch, event);
        const uint64_t now = de_monotonic_ns();
        uint64_t left_ms;

        if (err != DENGINE_E_TIMEOUT || now >= deadline_ns) {
            return err;
        }
        /* Rounded up: a wait of no length would be repeated in vain. */
        left_ms = (deadline_ns - now + DE_NS_PER_MS - 1) / DE_NS_PER_MS;
        (void)poll(&waiting, 1, left_ms < INT_MAX ? (int)left_ms : INT_MAX);
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

int dengine_watch_fd(const struct dengine_watch *watch)
{
    DE_ASSERT(watch != NULL);
    return watch->fd;
}

void dengine_watch_close(struct dengine_watch *watch)
{
    if (watch != NULL) {
        watch->feed->ops->close(watch->feed);
        (void)close(watch->fd);
        free(watch);
    }
}
