/* core/raft/progress.h - what the leader knows of one member's log (Raft 5.3).
 *
 * PROBE      the leader looks for the point where the logs agree: one append at a time, and each
 *            refusal leads further back. A heartbeat stands behind the append that is under way, so
 *            its refusal says less: unless that proves where the logs agree, it must not lead
 *            forward again, or two logs of many terms could be walked back and forth for ever.
 * REPLICATE  the logs agree; appends follow each other without waiting, up to a window.
 * SNAPSHOT   what the member needs has been compacted; it is being sent a snapshot.
 *
 * `next` runs ahead optimistically in every state: it is the index after the last one sent. A lost
 * append shows when the next one, or the next heartbeat, is refused. */
#ifndef DE_CORE_RAFT_PROGRESS_H
#define DE_CORE_RAFT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum de_progress_state {
    DE_PROGRESS_PROBE = 1,
    DE_PROGRESS_REPLICATE = 2,
    DE_PROGRESS_SNAPSHOT = 3,
};

struct de_progress {
    uint64_t id;
    uint64_t match; /* durable there and equal to our log; never shrinks in a term */
    uint64_t next;  /* first entry not sent yet; >= 1 */
    uint32_t state; /* enum de_progress_state */
    uint64_t probe; /* PROBE with an append under way: its first entry not acknowledged */
    bool lost;      /* messages are being lost: heartbeats only, until it answers */

    /* Appends under way: the last index of each, oldest at flight_first of a ring. */
    uint32_t flight_first;
    uint32_t flight_count;
    uint32_t flight_max;
    uint64_t *flight;

    uint64_t commit_sent;       /* commit index it was told last */
    uint64_t heard_ns;          /* when it last answered, on our clock */
    uint64_t echo_ns;           /* newest of our own send times that it echoed (lease) */
    uint64_t promise_ns;        /* how long after that it votes for nobody */
    uint64_t match_echo_ns;     /* the send time that it echoed when it acknowledged match */
    uint64_t echo_round;        /* newest read round that it echoed */
    uint64_t snapshot_until_ns; /* SNAPSHOT: patience ends */
    uint64_t read_ticket;       /* a read index it asked for, by its own ticket; 0 = none */
    uint64_t read_round;        /* the round that answers it */
    bool appended;              /* an append has gone to it in this step */
    bool withheld;              /* its configuration is not committed, so nothing has gone to it */
};

/* A member of which nothing is known but that it exists; keeps the borrowed ring. */
void de_progress_init(struct de_progress *progress, uint64_t id, uint64_t *flight,
                      uint32_t flight_max, uint64_t last_index, uint64_t now_ns);

/* Changes state; appends under way are given up. */
void de_progress_become(struct de_progress *progress, enum de_progress_state state);

/* Whether one more append may be sent, seen from state and messages under way. */
bool de_progress_may_send(const struct de_progress *progress);

/* The entries [next, last] have been sent. */
void de_progress_sent(struct de_progress *progress, uint64_t last);

/* It has everything up to match durable. */
void de_progress_acknowledged(struct de_progress *progress, uint64_t match);

/* It refused an append, and could agree up to index at the latest; agreed: it does up to there, so
 * what follows may go next. False when the refusal tells nothing new. */
bool de_progress_refused(struct de_progress *progress, uint64_t index, bool agreed);

/* Messages to it are being lost; the append of a probe will go again. */
void de_progress_unreachable(struct de_progress *progress);

#ifdef __cplusplus
}
#endif

#endif
