/* client/queue.h - the fair queue that locks and elections are made of: who stands where, and what
 * is to be done next, is decided in client/policy/turn.h; here are the calls and the waiting, as a
 * task that never blocks.
 *
 *   queue.c        what users see: wishes come in, one after the other is carried out
 *   queue_join.c   one wish to join, from the end of the queue to its front
 *   queue_leave.c  the others: to leave, to say something, to close
 *   queue_rest.c   waiting for the one before us
 *   queue_look.c   looking at all that are there
 *
 * Threads: what only the helper touches has no lock; wishes, and questions of what is so, come from
 * any thread. */
#ifndef DE_CLIENT_QUEUE_H
#define DE_CLIENT_QUEUE_H

#include <dengine/keeper.h>
#include <dengine/lock.h>
#include <dengine/watch.h>

#include <pthread.h>

#include "client/helper.h"
#include "client/policy/turn.h"
#include "client/queue_look.h"

#ifdef __cplusplus
extern "C" {
#endif

enum de_wish_kind {
    DE_WISH_JOIN = 1,
    DE_WISH_LEAVE,
    DE_WISH_SAY,
    DE_WISH_CLOSE,
};

/* Something a user wants; ends with the callback. */
struct de_wish {
    enum de_wish_kind kind;
    struct de_wish *next;
    uint64_t deadline_ns; /* JOIN */
    /* JOIN; guarded by the queue's mutex: */
    bool canceled;  /* by cancel() */
    bool withdrawn; /* by a wish to leave that came after it */
    dengine_callback *callback;
    void *context;
    size_t size; /* JOIN, SAY: the value */
    uint8_t value[];
};

/* Waiting for the one before us to go: a watch of its key says when to look again. Where there is
 * none, and in case it is late, a look now and then does. */
struct de_queue_rest {
    uint64_t seen;               /* by the last look at the queue; 0: the server does not tell */
    struct dengine_watch *watch; /* NULL: none */
    struct de_place of;          /* whom it watches */
};

struct de_queue {
    struct de_task task;
    struct de_queue_name name;
    uint32_t lease_ms;
    void (*lost)(void *context);
    void *context;
    void *memory; /* that the queue lies in, freed at its close */
    /* Of the helper: */
    struct de_wish *wish; /* that is carried out; NULL: none */
    /* What to do with the answer of the call under way; NULL: none is. */
    void (*then)(struct de_queue *queue, struct dengine_reply *reply);
    bool resting;
    uint64_t rest_until_ns;
    struct de_queue_rest rest;
    struct de_queue_look look;
    struct dengine_keeper *opened; /* by the call under way */
    int ends_with;                 /* the wish, when the queue has been left */
    char text[256];                /* that goes with it */
    uint8_t key[DE_QUEUE_KEY_MAX];
    pthread_mutex_t mutex;
    /* Guarded by mutex: */
    struct de_wish *first_wish;    /* that wait for their turn */
    struct de_wish *closing;       /* the wish to close, made with the queue: it cannot fail */
    struct dengine_keeper *keeper; /* NULL: none yet */
    struct de_turn turn;           /* changed only by the helper */
    bool canceled;                 /* the next one who joins */
    bool woken;                    /* who is waited for may have gone */
};

/* *queue is zero, and lies in memory of malloc(), which is freed when the queue is closed, or by
 * the caller after an error. */
int de_queue_init(struct de_queue *queue, void *memory, struct dengine_client *client,
                  struct dengine_slice name, uint32_t lease_ms, void (*lost)(void *context),
                  void *context);

/* Errors of the wishes are those of dengine_lock_acquire and so on; a JOIN that was carried out has
 * its token as the reply's revision. After a close only its callback comes. */
int de_queue_join_async(struct de_queue *queue, struct dengine_slice value, uint32_t timeout_ms,
                        dengine_callback *callback, void *context);
int de_queue_leave_async(struct de_queue *queue, dengine_callback *callback, void *context);
int de_queue_say_async(struct de_queue *queue, struct dengine_slice value,
                       dengine_callback *callback, void *context);
void de_queue_close_async(struct de_queue *queue, dengine_callback *callback, void *context);

/* The same, and wait. INVALID from a callback. */
int de_queue_join(struct de_queue *queue, struct dengine_slice value, uint32_t timeout_ms);
int de_queue_leave(struct de_queue *queue);
int de_queue_say(struct de_queue *queue, struct dengine_slice value);
int de_queue_close(struct de_queue *queue);

void de_queue_cancel(struct de_queue *queue);
bool de_queue_is_first(struct de_queue *queue);
uint64_t de_queue_token(struct de_queue *queue);
struct dengine_compare de_queue_guard(struct de_queue *queue);

/* ---- of the helper: between the files ---- */

/* Each begins a wish, or goes on with it after a rest. It ends by asking something, by a rest, or
 * with de_queue_wish_done(). */
void de_queue_begin_join(struct de_queue *queue);
void de_queue_go_on(struct de_queue *queue);
void de_queue_begin_leave(struct de_queue *queue);
void de_queue_begin_say(struct de_queue *queue);
void de_queue_begin_close(struct de_queue *queue);

/* The wish ends with err and the thread's last error. */
void de_queue_wish_done(struct de_queue *queue, int err);

/* Leaves, and then ends the wish with err, whatever the leaving does; 0: with what it does. */
void de_queue_leave_with(struct de_queue *queue, int err);

/* Rests; false: the deadline of the wish has come. */
bool de_queue_rest_begin(struct de_queue *queue);
/* Whether the rest is over. */
bool de_queue_rest_over(struct de_queue *queue);
void de_queue_rest_end(struct de_queue *queue);

/* Whether our lease lives for certain. */
bool de_queue_is_sure(const struct de_queue *queue);
struct dengine_slice de_queue_own_key(const struct de_queue *queue);
/* The comparison that the own key was created at revision. */
struct dengine_compare de_queue_created_at(const struct de_queue *queue, uint64_t revision);

/* Asks to put value to the own key if condition is true, else to read it; and what came of it. */
void de_queue_put_key(struct de_queue *queue, const struct dengine_compare *condition,
                      struct dengine_slice value);
void de_queue_put_took(struct dengine_reply *reply, struct de_turn_put *done);
/* err, with a word about it if the place is gone. */
int de_queue_lost_place(int err);
/* Closes the keeper, which there is, when all else is done: then its answer comes. */
void de_queue_end_keeper(struct de_queue *queue);

#ifdef __cplusplus
}
#endif

#endif
