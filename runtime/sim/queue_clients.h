/* runtime/sim/queue_clients.h - simulated clients of locks and elections, by the rules of the
 * production client's recipes (client/policy: place.h, turn.h, keep.h), with what they check.
 *
 * Each of them gets a lease and keeps it alive, takes a place in a queue, waits until it is first,
 * writes to what the lock guards, in transactions with its guard, says something as a leader would,
 * leaves, and begins again; now and then it is held up for longer than its lease lasts. The last of
 * them observes. Only threads are missing, and the watch that wakes who waits: here a look now and
 * then does, as in production where there is none. What must hold, with the names of the oracles:
 *
 *   queue-overlap  two are first for certain at one time
 *   queue-order    somebody is first before another who stands before it, or with a token that is
 *                  not greater than all before it
 *   queue-lost     who is first for certain finds its place gone
 *   queue-left     who has left, as was acknowledged, stands first again without having come back
 *   queue-fence    a guarded write is done after that of a later holder
 *   queue-leader   an observer sees somebody who does not lead, or who led before another one whom
 *                  it has seen, or who was known to lead when it began to look
 *
 * After the healing somebody must come first again (recovers), and when the run ends no place may
 * be left (immortal, see world.c). One thread. */
#ifndef DE_RUNTIME_SIM_QUEUE_CLIENTS_H
#define DE_RUNTIME_SIM_QUEUE_CLIENTS_H

#include "client/policy/keep.h"
#include "client/policy/turn.h"
#include "runtime/sim/load.h"
#include "runtime/sim/queue_call.h"
#include "runtime/sim/verdict.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_QUEUE_CLIENTS_MAX 6u
#define DE_QUEUES            2u
/* These clients are the endpoints and kernel entities from here. */
#define DE_QUEUE_ENDPOINT 36u
/* A key of a queue: "lockq", its number, "/", the digits. */
#define DE_QUEUE_STEM_BYTES 7u
#define DE_QUEUE_KEY_BYTES  (DE_QUEUE_STEM_BYTES + DE_PLACE_DIGITS)
#define DE_QUEUE_VALUE_MAX  40u

/* Kinds of kernel events that these clients use, beside those of calls. */
enum de_queue_event {
    DE_QUEUE_NEXT = 43,
    DE_QUEUE_KEEP = 44,
};

struct de_queue_options {
    uint32_t clients; /* 0, or two at least */
    uint64_t think_ns;
    uint64_t ttl_ns;
    bool together; /* they often begin at one time */
};

/* What the call under way is for. */
enum de_queue_aim {
    DE_QUEUE_GRANT,
    DE_QUEUE_ENTER,
    DE_QUEUE_LOOK_BEFORE,
    DE_QUEUE_LOOK,
    DE_QUEUE_TAKE_OFFICE,
    DE_QUEUE_USE,
    DE_QUEUE_SAY,
    DE_QUEUE_DELETE,
    DE_QUEUE_REVOKE,
    DE_QUEUE_OBSERVE,
};

struct de_queue_client {
    uint32_t endpoint;
    bool observes;
    bool queues;    /* it is in a round, which goes on with the next event */
    uint64_t draws; /* where it is in its dice */
    uint64_t next;  /* the number of its next event */
    uint32_t queue;
    enum de_queue_aim aim;
    struct de_queue_call call;
    struct de_queue_call keeping;
    struct de_turn turn;
    struct de_keep keep;
    uint64_t lease; /* 0 = none */
    uint64_t join_until_ns;
    uint64_t held_up_until_ns;
    uint64_t first_ns;           /* since when it is first */
    uint32_t uses;               /* before it leaves */
    uint64_t left_ns[DE_QUEUES]; /* when it was told that its key is gone; 0: it has come back */
    struct de_look look;
    uint64_t look_ns;                      /* when that began */
    char value[DE_QUEUE_VALUE_MAX];        /* of the first that the look shows */
    uint64_t floor;                        /* what was known of leaders when it began */
    uint64_t seen[DE_QUEUES];              /* the newest leader that it has seen */
    uint8_t page_from[DE_QUEUE_KEY_BYTES]; /* behind which the page begins; size 0: at the first */
    size_t page_from_size;
};

struct de_queue_clients {
    struct de_queue_caller caller;
    struct de_verdict *verdict;
    struct de_queue_options options;
    struct de_load *load; /* of the world */
    struct de_queue_client clients[DE_QUEUE_CLIENTS_MAX];
    /* Of each queue: the newest holder's token and place, and the newest that a leader has said. */
    uint64_t tokens[DE_QUEUES];
    struct de_place holders[DE_QUEUES];
    uint64_t said[DE_QUEUES];
    bool stopped;
    uint64_t firsts; /* how often somebody became first */
    uint64_t last_first_ns;
    uint64_t guarded; /* writes */
    uint64_t observed;
};

struct de_workload_options;

void de_queue_clients_init(struct de_queue_clients *queues, struct de_kernel *kernel,
                           struct de_network *network, struct de_verdict *verdict,
                           const struct de_queue_options *options,
                           const struct de_workload_options *workload, struct de_load *load);

/* A packet for one of these clients. */
void de_queue_clients_receive(struct de_queue_clients *queues, uint32_t endpoint,
                              struct dengine_slice bytes);

/* No client begins another round. */
void de_queue_clients_stop(struct de_queue_clients *queues);
bool de_queue_clients_idle(const struct de_queue_clients *queues);

/* ---- queue_books.c: what must hold ---- */

void de_queue_books_fail(struct de_queue_clients *queues, const struct de_queue_client *client,
                         const char *oracle, const char *what);
/* Whether its lease lives for certain, as it knows. */
bool de_queue_books_sure(const struct de_queue_clients *queues,
                         const struct de_queue_client *client);
/* It has become first; its lease was renewed; it has done a guarded write, where `before` was the
 * token of the one before (0: none); its place was said to be gone; it has looked at all of a
 * queue, and as an observer. */
void de_queue_books_first(struct de_queue_clients *queues, struct de_queue_client *client);
void de_queue_books_renewed(struct de_queue_clients *queues, const struct de_queue_client *client);
void de_queue_books_used(struct de_queue_clients *queues, const struct de_queue_client *client,
                         uint64_t before);
void de_queue_books_gone(struct de_queue_clients *queues, const struct de_queue_client *client);
void de_queue_books_looked(struct de_queue_clients *queues, const struct de_queue_client *client);
void de_queue_books_seen(struct de_queue_clients *queues, struct de_queue_client *client);
/* Whoever leads there has said something at this revision, as was acknowledged. */
void de_queue_books_said(struct de_queue_clients *queues, uint32_t queue, uint64_t revision);

#ifdef __cplusplus
}
#endif

#endif
