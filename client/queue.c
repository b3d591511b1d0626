#include "client/queue.h"

#include <stdio.h>
#include <stdlib.h>

#include "client/calling_back.h"
#include "client/client_ops.h"
#include "client/monotonic.h"
#include "client/waiter.h"
#include "core/base/assert.h"

#define LEASE_MS_INITIAL 10000

/* ---- carrying out wishes ---- */

static struct de_wish *next_wish(struct de_queue *queue)
{
    struct de_wish *wish;

    (void)pthread_mutex_lock(&queue->mutex);
    wish = queue->first_wish;
    if (wish != NULL) {
        queue->first_wish = wish->next;
    }
    queue->wish = wish; /* under the lock: cancel() looks for it */
    (void)pthread_mutex_unlock(&queue->mutex);
    DE_ASSERT(queue->then == NULL && !queue->resting);
    return wish;
}

void de_queue_wish_done(struct de_queue *queue, int err)
{
    struct de_wish *wish = queue->wish;
    struct dengine_reply reply = {.status = err, .succeeded = err == 0};

    DE_ASSERT(wish != NULL && queue->then == NULL && !queue->resting);
    if (err == 0 && wish->kind == DE_WISH_JOIN) {
        reply.revision = queue->turn.token;
    }
    (void)pthread_mutex_lock(&queue->mutex);
    queue->wish = NULL;
    /* A cancel that came too late is for the next one. */
    queue->canceled = queue->canceled || (wish->canceled && err == 0);
    (void)pthread_mutex_unlock(&queue->mutex);
    wish->callback(wish->context, &reply);
    free(wish);
}

static void begin(struct de_queue *queue, enum de_wish_kind kind)
{
    switch (kind) {
    case DE_WISH_JOIN:
        de_queue_begin_join(queue);
        break;
    case DE_WISH_LEAVE:
        de_queue_begin_leave(queue);
        break;
    case DE_WISH_SAY:
        de_queue_begin_say(queue);
        break;
    case DE_WISH_CLOSE:
        de_queue_begin_close(queue);
        break;
    }
}

/* The last thing that happens to a queue. */
static void destroy(struct de_queue *queue)
{
    struct de_wish *wish = queue->wish;
    struct dengine_reply reply = {.status = queue->ends_with};
    char text[sizeof queue->text];

    DE_ASSERT(queue->keeper == NULL && queue->then == NULL && queue->first_wish == NULL);
    memcpy(text, queue->text, sizeof text);
    de_task_deinit(&queue->task);
    (void)pthread_mutex_destroy(&queue->mutex);
    free(queue->memory);
    de_client_set_last_error("%s", text);
    wish->callback(wish->context, &reply);
    free(wish);
}

/* From the helper. May free the queue. */
static void run(struct de_task *task)
{
    struct de_queue *queue = DE_CONTAINER_OF(task, struct de_queue, task);
    void (*then)(struct de_queue *, struct dengine_reply *) = queue->then;
    struct dengine_reply reply;

    if (then != NULL && de_task_take(task, &reply)) {
        queue->then = NULL;
        then(queue, &reply);
    } else if (queue->resting && de_queue_rest_over(queue)) {
        de_queue_go_on(queue);
    }
    while (queue->wish == NULL && next_wish(queue) != NULL) {
        begin(queue, queue->wish->kind);
    }
    if (queue->wish != NULL && queue->wish->kind == DE_WISH_CLOSE && queue->then == NULL) {
        destroy(queue);
    }
}

/* ---- beginning ---- */

int de_queue_init(struct de_queue *queue, void *memory, struct dengine_client *client,
                  struct dengine_slice name, uint32_t lease_ms, void (*lost)(void *context),
                  void *context)
{
    int err;

    queue->memory = memory;
    queue->lost = lost;
    queue->context = context;
    queue->lease_ms = lease_ms != 0 ? lease_ms : LEASE_MS_INITIAL;
    if (client == NULL || queue->lease_ms < DENGINE_KEEPER_TTL_MS_MIN) {
        de_client_set_last_error(client == NULL ? "there is no client"
                                                : "a lease lasts at least 100 ms");
        return DENGINE_E_INVALID;
    }
    err = de_queue_name_init(&queue->name, name);
    if (err != 0) {
        return err;
    }
    queue->closing = calloc(1, sizeof *queue->closing);
    if (queue->closing == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    de_turn_init(&queue->turn);
    err = pthread_mutex_init(&queue->mutex, NULL);
    DE_ASSERT(err == 0);
    err = de_task_init(&queue->task, client, run);
    if (err != 0) {
        (void)pthread_mutex_destroy(&queue->mutex);
        free(queue->closing);
    }
    return err;
}

/* ---- wishing ---- */

/* Under the lock. */
static void withdraw_joins(struct de_queue *queue)
{
    struct de_wish *wish;

    if (queue->wish != NULL && queue->wish->kind == DE_WISH_JOIN) {
        queue->wish->withdrawn = true;
    }
    for (wish = queue->first_wish; wish != NULL; wish = wish->next) {
        wish->withdrawn = wish->kind == DE_WISH_JOIN;
    }
}

static void submit(struct de_queue *queue, struct de_wish *wish)
{
    struct de_wish **at = &queue->first_wish;
    struct de_helper *helper;

    (void)pthread_mutex_lock(&queue->mutex);
    DE_ASSERT(queue->closing != NULL || wish->kind == DE_WISH_CLOSE);
    if (wish->kind == DE_WISH_LEAVE || wish->kind == DE_WISH_CLOSE) {
        withdraw_joins(queue);
    }
    if (wish->kind == DE_WISH_JOIN) {
        wish->canceled = queue->canceled;
        queue->canceled = false;
    }
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = wish;
    helper = de_task_due(&queue->task);
    (void)pthread_mutex_unlock(&queue->mutex);
    de_helper_go(helper);
}

static int wish_for(struct de_queue *queue, enum de_wish_kind kind, struct dengine_slice value,
                    uint32_t timeout_ms, dengine_callback *callback, void *context)
{
    struct de_wish *wish;

    if (callback == NULL || (value.data == NULL && value.size > 0)) {
        de_client_set_last_error("there is no %s", callback == NULL ? "callback" : "value");
        return DENGINE_E_INVALID;
    }
    wish = calloc(1, sizeof *wish + value.size);
    if (wish == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    wish->kind = kind;
    wish->deadline_ns = de_monotonic_ns() + timeout_ms * DE_NS_PER_MS;
    wish->callback = callback;
    wish->context = context;
    wish->size = value.size;
    if (value.size > 0) {
        memcpy(wish->value, value.data, value.size);
    }
    submit(queue, wish);
    return 0;
}

int de_queue_join_async(struct de_queue *queue, struct dengine_slice value, uint32_t timeout_ms,
                        dengine_callback *callback, void *context)
{
    return wish_for(queue, DE_WISH_JOIN, value, timeout_ms, callback, context);
}

int de_queue_leave_async(struct de_queue *queue, dengine_callback *callback, void *context)
{
    return wish_for(queue, DE_WISH_LEAVE, dengine_bytes(NULL, 0), 0, callback, context);
}

int de_queue_say_async(struct de_queue *queue, struct dengine_slice value,
                       dengine_callback *callback, void *context)
{
    return wish_for(queue, DE_WISH_SAY, value, 0, callback, context);
}

void de_queue_close_async(struct de_queue *queue, dengine_callback *callback, void *context)
{
    struct de_wish *wish;

    DE_ASSERT(callback != NULL);
    (void)pthread_mutex_lock(&queue->mutex);
    wish = queue->closing;
    queue->closing = NULL;
    (void)pthread_mutex_unlock(&queue->mutex);
    DE_ASSERT(wish != NULL); /* closed twice */
    wish->kind = DE_WISH_CLOSE;
    wish->callback = callback;
    wish->context = context;
    submit(queue, wish);
}

void de_queue_cancel(struct de_queue *queue)
{
    struct de_helper *helper;
    struct de_wish *wish;

    (void)pthread_mutex_lock(&queue->mutex);
    wish = queue->wish != NULL ? queue->wish : queue->first_wish;
    while (wish != NULL && wish->kind != DE_WISH_JOIN) {
        wish = wish == queue->wish ? queue->first_wish : wish->next;
    }
    if (wish != NULL) {
        wish->canceled = true;
    } else {
        queue->canceled = true;
    }
    helper = de_task_due(&queue->task);
    (void)pthread_mutex_unlock(&queue->mutex);
    de_helper_go(helper);
}

/* ---- waiting ---- */

int de_queue_join(struct de_queue *queue, struct dengine_slice value, uint32_t timeout_ms)
{
    struct de_waiter waiter;
    struct dengine_reply reply;
    int err = de_may_wait();

    if (err != 0) {
        return err;
    }
    de_waiter_init(&waiter);
    err = de_queue_join_async(queue, value, timeout_ms, de_waiter_wake, &waiter);
    return de_waiter_end(&waiter, err, &reply);
}

int de_queue_leave(struct de_queue *queue)
{
    struct de_waiter waiter;
    struct dengine_reply reply;
    int err = de_may_wait();

    if (err != 0) {
        return err;
    }
    de_waiter_init(&waiter);
    err = de_queue_leave_async(queue, de_waiter_wake, &waiter);
    return de_waiter_end(&waiter, err, &reply);
}

int de_queue_say(struct de_queue *queue, struct dengine_slice value)
{
    struct de_waiter waiter;
    struct dengine_reply reply;
    int err = de_may_wait();

    if (err != 0) {
        return err;
    }
    de_waiter_init(&waiter);
    err = de_queue_say_async(queue, value, de_waiter_wake, &waiter);
    return de_waiter_end(&waiter, err, &reply);
}

int de_queue_close(struct de_queue *queue)
{
    struct de_waiter waiter;
    struct dengine_reply reply;
    const int err = de_may_wait();

    if (err != 0) {
        return err;
    }
    de_waiter_init(&waiter);
    de_queue_close_async(queue, de_waiter_wake, &waiter);
    return de_waiter_end(&waiter, 0, &reply);
}

/* ---- asking what is so ---- */

bool de_queue_is_sure(const struct de_queue *queue)
{
    return queue->keeper != NULL && dengine_keeper_left_ms(queue->keeper) > 0;
}

struct dengine_slice de_queue_own_key(const struct de_queue *queue)
{
    return dengine_bytes(queue->key, queue->name.size + DE_PLACE_DIGITS);
}

struct dengine_compare de_queue_created_at(const struct de_queue *queue, uint64_t revision)
{
    struct dengine_compare compare = {.target = DENGINE_COMPARE_CREATE_REVISION,
                                      .relation = DENGINE_EQUAL,
                                      .key = de_queue_own_key(queue),
                                      .number = revision};

    DE_ASSERT(compare.key.size <= DE_QUEUE_KEY_MAX);
    return compare;
}

bool de_queue_is_first(struct de_queue *queue)
{
    bool result;

    (void)pthread_mutex_lock(&queue->mutex);
    DE_ASSERT_IMPLIES(queue->turn.token != 0, queue->keeper != NULL);
    result = de_turn_leads(&queue->turn, de_queue_is_sure(queue));
    (void)pthread_mutex_unlock(&queue->mutex);
    return result;
}

uint64_t de_queue_token(struct de_queue *queue)
{
    uint64_t token;

    (void)pthread_mutex_lock(&queue->mutex);
    token = queue->turn.token;
    (void)pthread_mutex_unlock(&queue->mutex);
    return token;
}

struct dengine_compare de_queue_guard(struct de_queue *queue)
{
    struct dengine_compare guard;

    (void)pthread_mutex_lock(&queue->mutex);
    guard = de_queue_created_at(queue, de_turn_guard(&queue->turn));
    DE_ASSERT(guard.number != 0);
    (void)pthread_mutex_unlock(&queue->mutex);
    return guard;
}
