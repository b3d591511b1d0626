/* Leaving, for a while or for good, and saying something while first; and the put of the own key,
 * which joining does, too. */
#include <stdio.h>

#include "client/client_ops.h"
#include "client/queue.h"
#include "core/base/assert.h"

/* ---- the own key ---- */

void de_queue_put_key(struct de_queue *queue, const struct dengine_compare *condition,
                      struct dengine_slice value)
{
    const struct dengine_op put = {.type = DENGINE_OP_PUT,
                                   .key = de_queue_own_key(queue),
                                   .value = value,
                                   .lease = dengine_keeper_lease(queue->keeper)};
    const struct dengine_op get = {.type = DENGINE_OP_GET, .key = put.key};
    const struct dengine_txn txn = {condition, 1, &put, 1, &get, 1};
    struct de_task *task = &queue->task;

    DE_ASSERT(queue->then != NULL);
    de_task_ask(task);
    de_task_asked(task, dengine_txn_async(de_task_client(task), &txn, NULL, de_task_answer, task));
}

void de_queue_put_took(struct dengine_reply *reply, struct de_turn_put *done)
{
    struct dengine_txn_result *result = &reply->txn;

    *done = (struct de_turn_put){.err = reply->status};
    if (done->err == 0) {
        DE_ASSERT(result->op_count == 1);
        done->succeeded = result->succeeded;
        if (result->succeeded) {
            done->revision = result->revision;
        } else if (result->ops[0].pair_count == 1) {
            done->found = result->ops[0].pairs[0].create_revision;
        }
    }
    dengine_txn_result_free(result);
}

int de_queue_lost_place(int err)
{
    if (err == DENGINE_E_NO_LEASE) {
        de_client_set_last_error("the place in the queue is gone: its lease has ended");
    }
    return err;
}

/* ---- the lease ---- */

static void keeper_closed(void *context, struct dengine_reply *reply)
{
    struct de_queue *queue = context;

    de_task_answer(&queue->task, reply);
}

void de_queue_end_keeper(struct de_queue *queue)
{
    struct dengine_keeper *keeper;

    DE_ASSERT(queue->then != NULL && queue->keeper != NULL);
    (void)pthread_mutex_lock(&queue->mutex);
    keeper = queue->keeper;
    queue->keeper = NULL;
    de_turn_lease_ended(&queue->turn);
    (void)pthread_mutex_unlock(&queue->mutex);
    de_task_ask(&queue->task);
    dengine_keeper_close_async(keeper, keeper_closed, queue);
}

/* ---- leaving ---- */

static enum de_turn_leave forget(struct de_queue *queue)
{
    enum de_turn_leave what;

    (void)pthread_mutex_lock(&queue->mutex);
    what = de_turn_leave(&queue->turn, de_queue_is_sure(queue));
    DE_ASSERT(queue->turn.token == 0);
    (void)pthread_mutex_unlock(&queue->mutex);
    return what;
}

/* The queue is left. What the wish was to end with from the beginning goes before err. */
static void left(struct de_queue *queue, int err)
{
    if (queue->ends_with != 0) {
        err = queue->ends_with;
        de_client_set_last_error("%s", queue->text);
    }
    de_queue_wish_done(queue, err);
}

static void lease_ended(struct de_queue *queue, struct dengine_reply *reply)
{
    left(queue, reply->status);
}

static void end_lease(struct de_queue *queue)
{
    queue->then = lease_ended;
    de_queue_end_keeper(queue);
}

static void deleted(struct de_queue *queue, struct dengine_reply *reply)
{
    /* A place that is gone is known here before the keeper has heard of it. */
    if (reply->status != 0 || queue->ends_with == DENGINE_E_NO_LEASE) {
        end_lease(queue);
    } else {
        left(queue, 0); /* the lease serves the next time, too */
    }
}

void de_queue_leave_with(struct de_queue *queue, int err)
{
    const enum de_turn_leave what = forget(queue);
    struct de_task *task = &queue->task;

    DE_ASSERT_IMPLIES(what == DE_TURN_DELETE, queue->keeper != NULL);
    queue->ends_with = err;
    (void)snprintf(queue->text, sizeof queue->text, "%.255s", de_client_get_last_error());
    if (queue->keeper == NULL) {
        left(queue, 0);
    } else if (what == DE_TURN_DELETE) {
        queue->then = deleted;
        de_task_ask(task);
        de_task_asked(task, dengine_delete_async(de_task_client(task), de_queue_own_key(queue),
                                                 NULL, de_task_answer, task));
    } else if (what == DE_TURN_END_LEASE || err == DENGINE_E_NO_LEASE) {
        end_lease(queue);
    } else {
        left(queue, 0);
    }
}

void de_queue_begin_leave(struct de_queue *queue)
{
    de_client_clear_last_error();
    de_queue_leave_with(queue, 0);
}

/* ---- for good ---- */

/* The end of the wish frees the queue: see run() in queue.c. */
static void closed(struct de_queue *queue, struct dengine_reply *reply)
{
    queue->ends_with = reply->status;
    (void)snprintf(queue->text, sizeof queue->text, "%.255s",
                   reply->status == 0 ? "" : de_client_get_last_error());
}

void de_queue_begin_close(struct de_queue *queue)
{
    (void)forget(queue);
    queue->ends_with = 0;
    queue->text[0] = '\0';
    if (queue->keeper != NULL) {
        queue->then = closed;
        de_queue_end_keeper(queue);
    }
}

/* ---- saying something ---- */

static void said(struct de_queue *queue, struct dengine_reply *reply)
{
    struct de_turn_put put;
    int err;

    de_queue_put_took(reply, &put);
    (void)pthread_mutex_lock(&queue->mutex);
    err = de_turn_said(&queue->turn, &put);
    (void)pthread_mutex_unlock(&queue->mutex);
    de_queue_wish_done(queue, de_queue_lost_place(err));
}

void de_queue_begin_say(struct de_queue *queue)
{
    const struct dengine_compare guard = de_queue_guard(queue);

    if (!de_queue_is_first(queue)) {
        de_client_set_last_error("it is not held");
        de_queue_wish_done(queue, DENGINE_E_NO_LEASE);
        return;
    }
    queue->then = said;
    de_queue_put_key(queue, &guard, dengine_bytes(queue->wish->value, queue->wish->size));
}
