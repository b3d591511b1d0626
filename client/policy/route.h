/* client/policy/route.h - to whom a client turns: who leads, whom to connect to or to ask, and
 * when.
 *
 * What a client knows of the members of a cluster, without their addresses and connections: those
 * are its owner's, who says which members are ready (have a connection that stands), does what
 * de_route_pursue() wants, and tells how it went. The production client and the simulated ones have
 * the same policy.
 *
 * Times are nanoseconds of a monotonic clock. Members are numbers, 0 .. count - 1; sets of them are
 * bit masks. Threads: none of its own; one at a time. */
#ifndef DE_CLIENT_POLICY_ROUTE_H
#define DE_CLIENT_POLICY_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/random.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_ROUTE_PEERS_MAX 64u
/* In the place of a member: none. */
#define DE_ROUTE_NOBODY UINT32_MAX

struct de_route_peer {
    uint32_t failures; /* in a row, of connecting and of asking */
    uint64_t next_ns;  /* not to be tried sooner */
};

struct de_route {
    struct de_random random;
    struct de_route_peer peers[DE_ROUTE_PEERS_MAX];
    uint32_t count;
    uint32_t leader; /* or DE_ROUTE_NOBODY */
    uint32_t turn;   /* where a call that may go anywhere looks first */
};

/* Knows nobody. */
void de_route_init(struct de_route *route, uint64_t seed);

/* One member more; its number, or NOBODY when there are PEERS_MAX. */
uint32_t de_route_add(struct de_route *route);

/* Somebody says that peer leads. */
void de_route_lead(struct de_route *route, uint32_t peer);

/* peer is not to be taken for the leader any more, if it was: all others may be asked at once.
 * Returns whether it was. */
bool de_route_doubt(struct de_route *route, uint32_t peer);

/* To connect to peer, or to ask it, has failed: the next attempt has to wait, longer each time. */
void de_route_failed(struct de_route *route, uint32_t peer, uint64_t now_ns);

/* There is a connection to peer. */
void de_route_connected(struct de_route *route, uint32_t peer);

/* peer has been asked who leads, and names `named` (NOBODY: it knows none). Returns whether that
 * helped; if not, that was a failure of peer's. */
bool de_route_heard(struct de_route *route, uint32_t peer, uint32_t named, uint64_t ready,
                    uint64_t now_ns);

/* Whether there is a leader that can be sent to. */
bool de_route_led(const struct de_route *route, uint64_t ready);

/* Where a call can be sent right now: to the leader, or anywhere; NOBODY: nowhere yet. */
uint32_t de_route_choose(struct de_route *route, uint64_t ready, bool anywhere);

/* While calls wait: whether members are to be asked who leads. */
bool de_route_must_ask(const struct de_route *route, uint64_t ready);

/* Whether a member that is ready was asked who leads, and knew nobody who can be reached. A read is
 * then better sent to anybody than not at all: the server's own policy may be to answer it from
 * what it has, and if it is not, it says so. */
bool de_route_leaderless(const struct de_route *route, uint64_t ready);

enum de_route_step {
    DE_ROUTE_REST,    /* nothing, or not yet: then *due_ns has become earlier */
    DE_ROUTE_CONNECT, /* get a connection to it */
    DE_ROUTE_ASK,     /* ask it who leads */
};

/* What to do about peer, which is neither being connected to nor being asked. ask: see must_ask. */
enum de_route_step de_route_pursue(const struct de_route *route, uint32_t peer, uint64_t ready,
                                   bool ask, uint64_t now_ns, uint64_t *due_ns);

#ifdef __cplusplus
}
#endif

#endif
