/* Waiting for the one before us. */
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
    (void)pthread_mutex_unlock(&queue->mutex);
    de_task_poke(&queue->task);
}

/* Watches the key of whoever the last look has found before us, from what that has seen on, so that
 * no change is missed in between. A watch that cannot be opened is none. */
static void watch_before(struct de_queue *queue)
{
    const struct de_place *before = &queue->turn.before;
    struct de_queue_rest *rest = &queue->rest;
    uint8_t bytes[DE_QUEUE_KEY_MAX];
    struct dengine_watch_options options = {
        .one_key = true, .no_puts = true, .ready = wake, .context = queue};

    if (before->joined == 0 || memcmp(before, &rest->of, sizeof rest->of) == 0) {
        return;
    }
    de_queue_rest_end(queue);
    options.from = de_queue_key(&queue->name, before, bytes);
    options.from_revision = rest->seen != 0 ? rest->seen + 1 : 0;
    DE_ASSERT(rest->seen == 0 || rest->seen >= before->joined);
    if (dengine_watch_open(de_task_client(&queue->task), &options, &rest->watch) != 0) {
        rest->watch = NULL;
    }
    rest->of = *before; /* not tried again either */
}

/* Whether the watch goes on; an end is as good a reason to look as an event. */
static bool watches(struct de_queue_rest *rest)
{
    struct dengine_event event;
    int err = 0;

    while (rest->watch != NULL && err == 0) {
        err = dengine_watch_next(rest->watch, 0, &event);
    }
    if (rest->watch != NULL && err != DENGINE_E_TIMEOUT) {
        dengine_watch_close(rest->watch);
        rest->watch = NULL;
    }
    DE_ASSERT(rest->watch == NULL || rest->of.joined != 0);
    return rest->watch != NULL;
}

bool de_queue_rest_begin(struct de_queue *queue)
{
    const uint64_t begin_ns = de_monotonic_ns();
    const uint64_t pause_ns = de_turn_pause(&queue->turn);
    uint64_t until_ns;
    bool woken;

    if (begin_ns >= queue->wish->deadline_ns) {
        return false;
    }
    DE_ASSERT(!queue->resting && queue->then == NULL);
    watch_before(queue);
    until_ns = begin_ns +
               (watches(&queue->rest) && queue->turn.before.joined != 0 ? RECHECK_NS : pause_ns);
    queue->rest_until_ns =
        until_ns < queue->wish->deadline_ns ? until_ns : queue->wish->deadline_ns;
    queue->resting = true;
    de_task_at(&queue->task, queue->rest_until_ns);
    (void)pthread_mutex_lock(&queue->mutex);
    woken = queue->woken;
    (void)pthread_mutex_unlock(&queue->mutex);
    if (woken) { /* before it began to rest */
        de_task_poke(&queue->task);
    }
    return true;
}

bool de_queue_rest_over(struct de_queue *queue)
{
    bool over;

    DE_ASSERT(queue->resting && queue->wish != NULL);
    (void)pthread_mutex_lock(&queue->mutex);
    over = queue->woken || queue->wish->canceled || queue->wish->withdrawn;
    queue->woken = false;
    (void)pthread_mutex_unlock(&queue->mutex);
    over = over || de_task_orphaned(&queue->task) || de_monotonic_ns() >= queue->rest_until_ns;
    if (over) {
        queue->resting = false;
        de_task_at(&queue->task, UINT64_MAX);
    }
    return over;
}

void de_queue_rest_end(struct de_queue *queue)
{
    struct de_queue_rest *rest = &queue->rest;

    DE_ASSERT(rest->watch == NULL || rest->of.joined != 0);
    dengine_watch_close(rest->watch);
    rest->watch = NULL;
    rest->of = (struct de_place){0};
}
