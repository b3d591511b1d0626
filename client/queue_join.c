/* Joining: from the end of the queue to its front, by the rules of client/policy/turn.h. */
#include "client/client_ops.h"
#include "client/monotonic.h"
#include "client/queue.h"
#include "core/base/assert.h"

static void step(struct de_queue *queue);

static bool is_canceled(struct de_queue *queue)
{
    bool canceled;

    (void)pthread_mutex_lock(&queue->mutex);
    canceled = queue->wish->canceled || queue->wish->withdrawn;
    (void)pthread_mutex_unlock(&queue->mutex);
    return canceled;
}

/* The joining is over: 0 when we are first. */
static void finish(struct de_queue *queue, int err)
{
    de_queue_rest_end(queue);
    if (is_canceled(queue)) {
        de_client_clear_last_error();
        err = DENGINE_E_CANCELED;
    }
    if (err != 0) {
        de_queue_leave_with(queue, err);
    } else {
        de_queue_wish_done(queue, 0);
    }
}

/* What a step ended with that is not the last one: most pass with time. */
static void stumble(struct de_queue *queue, int err)
{
    DE_ASSERT(err != 0);
    if (!de_turn_passes(err) || is_canceled(queue) || !de_queue_rest_begin(queue)) {
        finish(queue, err);
    }
}

/* Goes on after a step that ended with err. */
static void after(struct de_queue *queue, int err)
{
    if (err != 0) {
        stumble(queue, err);
    } else {
        step(queue);
    }
}

/* ---- the steps ---- */

static void entered(struct de_queue *queue, struct dengine_reply *reply)
{
    struct de_turn_put put;
    int err;

    de_queue_put_took(reply, &put);
    (void)pthread_mutex_lock(&queue->mutex);
    err = de_turn_entered(&queue->turn, &put, queue->key + queue->name.size);
    (void)pthread_mutex_unlock(&queue->mutex);
    after(queue, err);
}

static void enter(struct de_queue *queue)
{
    const struct dengine_compare absent = {.target = DENGINE_COMPARE_ABSENCE,
                                           .relation = DENGINE_EQUAL,
                                           .key = de_queue_own_key(queue)};

    queue->then = entered;
    de_queue_put_key(queue, &absent, dengine_bytes(queue->wish->value, queue->wish->size));
}

static void took_office(struct de_queue *queue, struct dengine_reply *reply)
{
    struct de_turn_put put;
    int err;

    de_queue_put_took(reply, &put);
    (void)pthread_mutex_lock(&queue->mutex);
    err = de_turn_took_office(&queue->turn, &put, de_queue_is_sure(queue));
    (void)pthread_mutex_unlock(&queue->mutex);
    after(queue, de_queue_lost_place(err));
}

static void take_office(struct de_queue *queue)
{
    const struct dengine_compare condition = de_queue_created_at(queue, queue->turn.place.joined);

    queue->then = took_office;
    de_queue_put_key(queue, &condition, dengine_bytes(queue->wish->value, queue->wish->size));
}

static void looked_before(struct de_queue *queue, struct dengine_reply *reply)
{
    const struct de_place *before = &queue->turn.before;
    const struct dengine_page *page = &reply->page;
    uint8_t bytes[DE_QUEUE_KEY_MAX];
    struct dengine_slice key;
    bool there;

    if (reply->status == 0) {
        key = de_queue_key(&queue->name, before, bytes);
        there = page->count == 1 && page->pairs[0].key.size == key.size &&
                memcmp(page->pairs[0].key.data, bytes, key.size) == 0 &&
                page->pairs[0].create_revision == before->joined;
        (void)pthread_mutex_lock(&queue->mutex);
        de_turn_looked_before(&queue->turn, there);
        (void)pthread_mutex_unlock(&queue->mutex);
    }
    dengine_page_free(&reply->page);
    after(queue, reply->status);
}

/* Whether the one before us is still there, without a look at all the others. */
static void look_before(struct de_queue *queue)
{
    const struct de_place *before = &queue->turn.before;
    uint8_t bytes[DE_QUEUE_KEY_MAX];
    const struct dengine_scan scan = {.from = de_queue_key(&queue->name, before, bytes),
                                      .keys_only = true,
                                      .limit = 1,
                                      .consistency = DENGINE_LINEARIZABLE};
    struct de_task *task = &queue->task;

    DE_ASSERT(before->joined != 0);
    queue->then = looked_before;
    de_task_ask(task);
    de_task_asked(task,
                  dengine_scan_async(de_task_client(task), &scan, NULL, de_task_answer, task));
}

static void looked(struct de_queue *queue, struct dengine_reply *reply)
{
    struct de_queue_look *look = &queue->look;
    int err;

    if (!de_queue_look_answered(look, reply, &queue->task, &err)) {
        queue->then = looked;
        return;
    }
    DE_ASSERT(look->value.owner == NULL);
    if (err == 0) {
        queue->rest.seen = look->keys.seen;
        (void)pthread_mutex_lock(&queue->mutex);
        err = de_queue_lost_place(de_turn_looked(&queue->turn, &look->keys));
        (void)pthread_mutex_unlock(&queue->mutex);
    }
    de_queue_look_end(look);
    after(queue, err);
}

static void look_at_all(struct de_queue *queue)
{
    queue->then = looked;
    de_queue_look_begin(&queue->look, &queue->name, &queue->turn.place, false, &queue->task);
}

/* The next step; a loop only in time. */
static void step(struct de_queue *queue)
{
    switch (queue->turn.step) {
    case DE_TURN_ENTER:
        enter(queue);
        break;
    case DE_TURN_LOOK_BEFORE:
        look_before(queue);
        break;
    case DE_TURN_LOOK:
        look_at_all(queue);
        break;
    case DE_TURN_TAKE_OFFICE:
        take_office(queue);
        break;
    case DE_TURN_REST:
        de_client_clear_last_error();
        stumble(queue, DENGINE_E_TIMEOUT); /* somebody is before us */
        break;
    case DE_TURN_FIRST:
        finish(queue, 0);
        break;
    }
}

/* ---- the lease that the key goes with ---- */

static void begin_steps(struct de_queue *queue)
{
    (void)pthread_mutex_lock(&queue->mutex);
    de_turn_begin(&queue->turn, de_queue_is_sure(queue));
    (void)pthread_mutex_unlock(&queue->mutex);
    step(queue);
}

/* From the helper, as everything here. */
static void keeper_lost(void *context)
{
    struct de_queue *queue = context;
    bool tell;

    (void)pthread_mutex_lock(&queue->mutex);
    tell = de_turn_lose(&queue->turn);
    (void)pthread_mutex_unlock(&queue->mutex);
    if (tell && queue->lost != NULL) {
        queue->lost(queue->context);
    }
}

static void keeper_opened(void *context, int status, struct dengine_keeper *keeper)
{
    struct de_queue *queue = context;

    queue->opened = keeper;
    de_task_answer(&queue->task, &(struct dengine_reply){.status = status});
}

static void have_keeper(struct de_queue *queue, struct dengine_reply *reply)
{
    if (reply->status != 0) {
        stumble(queue, reply->status);
        return;
    }
    DE_ASSERT(queue->opened != NULL && queue->keeper == NULL);
    memcpy(queue->key, queue->name.prefix, queue->name.size);
    (void)pthread_mutex_lock(&queue->mutex);
    de_place_digits(dengine_keeper_lease(queue->opened), queue->key + queue->name.size);
    queue->keeper = queue->opened;
    (void)pthread_mutex_unlock(&queue->mutex);
    queue->opened = NULL;
    begin_steps(queue);
}

void de_queue_go_on(struct de_queue *queue)
{
    const struct dengine_keeper_options options = {keeper_lost, queue};
    struct de_task *task = &queue->task;

    DE_ASSERT(queue->wish->kind == DE_WISH_JOIN);
    if (is_canceled(queue)) {
        finish(queue, DENGINE_E_CANCELED);
        return;
    }
    if (queue->keeper != NULL) {
        begin_steps(queue);
        return;
    }
    queue->then = have_keeper;
    de_task_ask(task);
    de_task_asked(task, dengine_keeper_open_async(de_task_client(task), queue->lease_ms, &options,
                                                  NULL, keeper_opened, queue));
}

void de_queue_begin_join(struct de_queue *queue)
{
    if (queue->turn.token != 0) {
        de_client_set_last_error("it is held already; give it back first");
        de_queue_wish_done(queue, DENGINE_E_INVALID);
        return;
    }
    (void)pthread_mutex_lock(&queue->mutex);
    de_turn_join(&queue->turn);
    (void)pthread_mutex_unlock(&queue->mutex);
    queue->rest = (struct de_queue_rest){0};
    de_queue_go_on(queue);
}
