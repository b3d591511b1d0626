#include "client/client_ops.h"
#include "client/monotonic.h"
#include "client/queue.h"
#include "core/base/assert.h"

/* A look now and then, in case that the watch is late. */
#define RECHECK_NS UINT64_C(1000000000)

/* From a thread of the library. */
static void wake(void *context)
{
    struct de_queue *queue = context;

    (void)pthread_mutex_lock(&queue->mutex);
    queue->woken = true;
    (void)pthread_cond_broadcast(&queue->changed);
    (void)pthread_mutex_unlock(&queue->mutex);
}

/* Watches the key of whoever the last look has found before us, from what that has seen on, so that
 * no change is missed in between. A watch that cannot be opened is none. */
static void watch_before(struct de_queue *queue, struct de_queue_wait *wait)
{
    const struct de_place *before = &queue->turn.before;
    uint8_t bytes[DE_QUEUE_KEY_MAX];
    struct dengine_watch_options options = {
        .one_key = true, .no_puts = true, .ready = wake, .context = queue};

    if (before->joined == 0 || memcmp(before, &wait->of, sizeof wait->of) == 0) {
        return;
    }
    de_queue_wait_end(wait);
    options.from = de_queue_key(&queue->name, before, bytes);
    options.from_revision = wait->seen != 0 ? wait->seen + 1 : 0;
    DE_ASSERT(wait->seen == 0 || wait->seen >= before->joined);
    if (dengine_watch_open(queue->client, &options, &wait->watch) != 0) {
        wait->watch = NULL;
    }
    wait->of = *before; /* not tried again either */
}

/* Whether the watch goes on; an end is as good a reason to look as an event. */
static bool watches(struct de_queue_wait *wait)
{
    struct dengine_event event;
    int err = 0;

    while (wait->watch != NULL && err == 0) {
        err = dengine_watch_next(wait->watch, 0, &event);
    }
    if (wait->watch != NULL && err != DENGINE_E_TIMEOUT) {
        dengine_watch_close(wait->watch);
        wait->watch = NULL;
    }
    DE_ASSERT(wait->watch == NULL || wait->of.joined != 0);
    return wait->watch != NULL;
}

bool de_queue_rest(struct de_queue *queue, struct de_queue_wait *wait, uint64_t deadline_ns)
{
    const uint64_t begin_ns = de_monotonic_ns();
    const uint64_t pause_ns = de_turn_pause(&queue->turn);
    uint64_t until_ns;
    bool go_on;

    DE_ASSERT(queue->client != NULL);
    if (begin_ns >= deadline_ns) {
        return false;
    }
    watch_before(queue, wait);
    until_ns = begin_ns + (watches(wait) && queue->turn.before.joined != 0 ? RECHECK_NS : pause_ns);
    until_ns = until_ns < deadline_ns ? until_ns : deadline_ns;
    (void)pthread_mutex_lock(&queue->mutex);
    while (!queue->canceled && !queue->woken && de_monotonic_ns() < until_ns) {
        de_monotonic_wait(&queue->changed, &queue->mutex, until_ns);
    }
    queue->woken = false;
    go_on = !queue->canceled;
    (void)pthread_mutex_unlock(&queue->mutex);
    return go_on;
}

void de_queue_wait_end(struct de_queue_wait *wait)
{
    DE_ASSERT(wait->watch == NULL || wait->of.joined != 0);
    dengine_watch_close(wait->watch);
    wait->watch = NULL;
}
