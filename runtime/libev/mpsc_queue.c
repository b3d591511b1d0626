#include "runtime/libev/mpsc_queue.h"

#include <stddef.h>

#include "core/base/assert.h"

bool de_mpsc_queue_push(struct de_mpsc_queue *queue, struct de_post *post)
{
    struct de_post *head = __atomic_load_n(&queue->head, __ATOMIC_RELAXED);

    DE_ASSERT(post->run != NULL);
    do {
        post->next = head;
    } while (!__atomic_compare_exchange_n(&queue->head, &head, post, true, __ATOMIC_RELEASE,
                                          __ATOMIC_RELAXED));
    return head == NULL;
}

struct de_post *de_mpsc_queue_take(struct de_mpsc_queue *queue)
{
    struct de_post *newest = __atomic_exchange_n(&queue->head, NULL, __ATOMIC_ACQUIRE);
    struct de_post *first = NULL;

    while (newest != NULL) {
        struct de_post *next = newest->next;

        newest->next = first;
        first = newest;
        newest = next;
    }
    return first;
}
