/* runtime/libev/mpsc_queue.h - many threads put in, one takes all out. Lock-free.
 *
 * A stack with an atomic head that the consumer takes whole and turns round: so nobody ever pops
 * one item while others push (no ABA problem), and a producer knows whether the queue was empty,
 * which is when the consumer has to be woken. Items of one producer come out in its order. */
#ifndef DE_RUNTIME_LIBEV_MPSC_QUEUE_H
#define DE_RUNTIME_LIBEV_MPSC_QUEUE_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Something to be run by the consumer; embedded in the object it is about. It is in one queue at a
 * time, and the queue's until run is called, which may free it. */
struct de_post {
    struct de_post *next;
    void (*run)(struct de_post *post);
};

/* Starts as zeros; nothing to deinit. */
struct de_mpsc_queue {
    struct de_post *head; /* atomic; newest first */
};

/* Any thread. True when the queue was empty before. */
bool de_mpsc_queue_push(struct de_mpsc_queue *queue, struct de_post *post);

/* The consumer. Everything put in so far, oldest first, linked by next; NULL when there is nothing.
 */
struct de_post *de_mpsc_queue_take(struct de_mpsc_queue *queue);

#ifdef __cplusplus
}
#endif

#endif
