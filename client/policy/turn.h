/* client/policy/turn.h - one member of a fair queue (place.h), from its end to its front: what to
 * ask the cluster next, and what the answers mean.
 *
 * The fencing token is the revision of one more put of the key, made when its owner has seen that
 * it is the first. The create revision would not do: two may share it. The next one's put is made
 * after the first's key was seen to be gone, so it stands in a later log entry, and is greater.
 *
 * Why a lease of its own for each member: a put whose outcome was unknown may come true at any
 * time, even after its owner has left; what stops it is that its lease has ended. So a member with
 * such a put behind it leaves by ending its lease, else by removing its key.
 *
 * The owner does what a step says and tells how it went; an error that passes is a reason to rest
 * and to begin again, any other to leave. The production client and the simulated ones have the
 * same policy. Threads: none of its own; one at a time. */
#ifndef DE_CLIENT_POLICY_TURN_H
#define DE_CLIENT_POLICY_TURN_H

#include "client/policy/place.h"

#ifdef __cplusplus
extern "C" {
#endif

enum de_turn_step {
    DE_TURN_ENTER = 1,   /* put the key if it is absent, and read it if it is not: entered() */
    DE_TURN_LOOK_BEFORE, /* read only the key of `before`: looked_before() */
    DE_TURN_LOOK,        /* look at all with `own` as place: looked() */
    DE_TURN_TAKE_OFFICE, /* put the key if its create revision is place.joined: took_office() */
    DE_TURN_REST,        /* until the key of `before` is gone, or for pause(); then begin() */
    DE_TURN_FIRST,
};

struct de_turn {
    struct de_place place;
    struct de_place before; /* whom we wait for; none: not known */
    uint64_t token;         /* 0: not in office */
    uint64_t pause_ns;
    enum de_turn_step step; /* what is next */
    bool tainted;           /* a put of the key may still come true */
    bool lost;              /* after having been first */
};

void de_turn_init(struct de_turn *turn);

/* Wants a place at the end; has none. */
void de_turn_join(struct de_turn *turn);

/* The first step, and the first after a rest. sure: the own lease lives for certain. */
void de_turn_begin(struct de_turn *turn, bool sure);

/* How a put of the own key went. */
struct de_turn_put {
    int err; /* 0 or DENGINE_E_* of the transaction */
    bool succeeded;
    uint64_t revision; /* when succeeded */
    uint64_t found;    /* when not: the create revision of the key that is there; 0: none */
};

/* Each returns 0, or what went wrong; NO_LEASE: the place is gone. digits: as the key ends. */
int de_turn_entered(struct de_turn *turn, const struct de_turn_put *put,
                    const uint8_t digits[DE_PLACE_DIGITS]);
void de_turn_looked_before(struct de_turn *turn, bool there);
int de_turn_looked(struct de_turn *turn, const struct de_look *look);
/* TIMEOUT when it is not sure that the own lease lives: then we may be first, and do not lead. */
int de_turn_took_office(struct de_turn *turn, const struct de_turn_put *put, bool sure);

/* Another put of the key while first, as for take_office. */
int de_turn_said(struct de_turn *turn, const struct de_turn_put *put);

/* Whether err may be gone when the call is made again. */
bool de_turn_passes(int err);

/* How long to rest when nothing wakes; grows. */
uint64_t de_turn_pause(struct de_turn *turn);

/* It is not sure any more that the own lease lives. True: and we were first. */
bool de_turn_lose(struct de_turn *turn);

/* Whether we are first for certain. */
bool de_turn_leads(const struct de_turn *turn, bool sure);

/* The create revision that the key has as long as we are first; never that of a key if we are not.
 */
uint64_t de_turn_guard(const struct de_turn *turn);

enum de_turn_leave {
    DE_TURN_STAYS_OUT, /* nothing is to be done; the lease serves the next time, too */
    DE_TURN_DELETE,    /* remove the key; after an error end the lease */
    DE_TURN_END_LEASE,
};

/* What is known of the place is over, whatever the cluster still has. */
enum de_turn_leave de_turn_leave(struct de_turn *turn, bool sure);

/* The lease was ended, or has: a late put finds none. */
void de_turn_lease_ended(struct de_turn *turn);

#ifdef __cplusplus
}
#endif

#endif
