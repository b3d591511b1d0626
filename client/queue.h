/* client/queue.h - the fair queue that locks and elections are made of: who stands where, and what
 * is to be done next, is decided in client/policy/turn.h; here are the calls, the threads and the
 * waiting.
 *
 * Threads: join and leave one at a time; the rest from any thread. */
#ifndef DE_CLIENT_QUEUE_H
#define DE_CLIENT_QUEUE_H

#include <dengine/keeper.h>
#include <dengine/lock.h>
#include <dengine/watch.h>

#include <pthread.h>

#include "client/policy/turn.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_QUEUE_PREFIX_MAX (DENGINE_LOCK_NAME_MAX + 1)
#define DE_QUEUE_KEY_MAX    (DE_QUEUE_PREFIX_MAX + DE_PLACE_DIGITS)

/* All keys of a queue begin with "name/". */
struct de_queue_name {
    uint8_t prefix[DE_QUEUE_PREFIX_MAX];
    size_t size;
};

struct de_queue {
    struct dengine_client *client;
    struct de_queue_name name;
    uint32_t lease_ms;
    void (*lost)(void *context);
    void *context;
    /* Of the thread that joins and leaves: */
    uint8_t key[DE_QUEUE_KEY_MAX];
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* Guarded by mutex: */
    struct dengine_keeper *keeper; /* NULL: none yet */
    struct de_turn turn; /* changed only by the thread that joins and leaves, but for a loss */
    bool canceled;
    bool woken; /* who is waited for may have gone */
};

/* INVALID, TOO_LARGE. */
int de_queue_name_init(struct de_queue_name *name, struct dengine_slice from);

int de_queue_init(struct de_queue *queue, struct dengine_client *client, struct dengine_slice name,
                  uint32_t lease_ms, void (*lost)(void *context), void *context);

/* Errors as dengine_lock_acquire. */
int de_queue_join(struct de_queue *queue, struct dengine_slice value, uint32_t timeout_ms);
/* As dengine_lock_release. */
int de_queue_leave(struct de_queue *queue);
void de_queue_cancel(struct de_queue *queue);
bool de_queue_is_first(struct de_queue *queue);
uint64_t de_queue_token(struct de_queue *queue);
struct dengine_compare de_queue_guard(struct de_queue *queue);
/* Puts another value to the key of who is first. */
int de_queue_say(struct de_queue *queue, struct dengine_slice value);
/* Leaves for good. */
int de_queue_deinit(struct de_queue *queue);

struct de_queue_look {
    struct de_look keys;
    struct dengine_value value; /* of the first's key, when with_value; the caller's */
};

/* Looks, with keys.own set by the caller and the rest zero. Errors of dengine_scan. */
int de_queue_look(struct dengine_client *client, const struct de_queue_name *name, bool with_value,
                  struct de_queue_look *look);

/* Waiting for the one before us to go: a watch of its key says when to look again. Where there is
 * none, and in case it is late, a look now and then does. */
struct de_queue_wait {
    uint64_t seen;               /* by the last look at the queue; 0: the server does not tell */
    struct dengine_watch *watch; /* NULL: none */
    struct de_place of;          /* whom it watches */
};

/* Waits until it is time for another look. False: canceled, or the deadline has come. */
bool de_queue_rest(struct de_queue *queue, struct de_queue_wait *wait, uint64_t deadline_ns);
void de_queue_wait_end(struct de_queue_wait *wait);

/* The key of a place, in bytes of DE_QUEUE_KEY_MAX. */
struct dengine_slice de_queue_key(const struct de_queue_name *name, const struct de_place *place,
                                  uint8_t *bytes);

#ifdef __cplusplus
}
#endif

#endif
