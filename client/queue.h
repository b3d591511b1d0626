/* client/queue.h - the fair queue that locks and elections are made of.
 *
 * Who waits puts a key "name/" + its lease in hexadecimal, which ends with the lease. The order of
 * the queue is that of the create revisions; of two with the same one, which were put by commands
 * of one log entry, that of the keys. Whoever comes later has a greater create revision than all
 * that are there, so who has once seen, in a state that holds its own key, that none before it is
 * left, is the first until its key is gone; and that goes only with its owner's will or its lease.
 *
 * The fencing token is the revision of one more put of the key, made when its owner has seen that
 * it is the first. The create revision would not do: two may share it. The next one's put is made
 * after the first's key was seen to be gone, so it stands in a later log entry, and is greater.
 *
 * Why a lease of its own for each object: a put whose outcome was unknown may come true at any
 * time, even after its owner has left; what stops it is that its lease has ended. So an object with
 * such a put behind it leaves by ending its lease, else by removing its key.
 *
 * Threads: join and leave one at a time; the rest from any thread. */
#ifndef DE_CLIENT_QUEUE_H
#define DE_CLIENT_QUEUE_H

#include <dengine/keeper.h>
#include <dengine/lock.h>
#include <dengine/watch.h>

#include <pthread.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DE_QUEUE_DIGITS     16
#define DE_QUEUE_PREFIX_MAX (DENGINE_LOCK_NAME_MAX + 1)
#define DE_QUEUE_KEY_MAX    (DE_QUEUE_PREFIX_MAX + DE_QUEUE_DIGITS)

/* All keys of a queue begin with "name/". */
struct de_queue_name {
    uint8_t prefix[DE_QUEUE_PREFIX_MAX];
    size_t size;
};

/* A place in a queue. */
struct de_queue_place {
    uint64_t joined; /* the key's create revision; 0: none */
    uint8_t digits[DE_QUEUE_DIGITS];
};

struct de_queue {
    struct dengine_client *client;
    struct de_queue_name name;
    uint32_t lease_ms;
    void (*lost)(void *context);
    void *context;
    /* Of the thread that joins and leaves: */
    uint8_t key[DE_QUEUE_KEY_MAX];
    bool tainted; /* a put of key may still come true */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* Guarded by mutex: */
    struct dengine_keeper *keeper; /* NULL: none yet */
    struct de_queue_place place;
    uint64_t token; /* 0: not the first */
    bool is_lost;   /* after having been first */
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

/* What one look at a queue shows. */
struct de_queue_look {
    uint64_t seen;                /* up to this revision; 0: the server does not tell */
    struct de_queue_place own;    /* whose place is looked at; none: behind the last */
    bool there;                   /* own is */
    struct de_queue_place before; /* the last one before it */
    struct de_queue_place first;
    bool in_office;             /* the first knows that it is */
    uint64_t revision;          /* of the last change of the first's key */
    uint64_t lease;             /* of the first */
    struct dengine_value value; /* of the first's key, when with_value; the caller's */
};

/* Looks, with own set by the caller and the rest zero. Errors of dengine_scan. */
int de_queue_look(struct dengine_client *client, const struct de_queue_name *name, bool with_value,
                  struct de_queue_look *look);

/* Waiting for the one before us to go: a watch of its key says when to look again. Where there is
 * none, and in case it is late, a look now and then does. */
struct de_queue_wait {
    uint64_t pause_ns;           /* until the next look without a watch; grows */
    struct dengine_watch *watch; /* NULL: none */
    struct de_queue_place of;    /* whom it watches */
};
#define DE_QUEUE_PAUSE_LEAST_NS UINT64_C(1000000)

/* Waits until it is time for another look. False: canceled, or the deadline has come. */
bool de_queue_rest(struct de_queue *queue, struct de_queue_wait *wait,
                   const struct de_queue_look *look, uint64_t deadline_ns);
void de_queue_wait_end(struct de_queue_wait *wait);

/* The key of a place, in bytes of DE_QUEUE_KEY_MAX. */
struct dengine_slice de_queue_key(const struct de_queue_name *name,
                                  const struct de_queue_place *place, uint8_t *bytes);

/* Whether err may be gone when the call is made again. */
bool de_queue_passes(int err);

#ifdef __cplusplus
}
#endif

#endif
