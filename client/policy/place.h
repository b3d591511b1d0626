/* client/policy/place.h - places in the fair queue that locks and elections are made of, and what
 * one look at all of them shows.
 *
 * Who waits puts a key "name/" + its lease in hexadecimal, which ends with the lease. The order of
 * the queue is that of the create revisions; of two with the same one, which were put by commands
 * of one log entry, that of the keys. Whoever comes later has a greater create revision than all
 * that are there, so who has once seen, in a state that holds its own key, that none before it is
 * left, is the first until its key is gone; and that goes only with its owner's will or its lease.
 *
 * The keys stand in the order of leases, not of the queue, so a look reads all of them, in pages. A
 * page is as of its own revision, but whoever is before `own` for good was there when own joined
 * and is there in every page, so it is not missed.
 *
 * Threads: none of its own; one at a time. */
#ifndef DE_CLIENT_POLICY_PLACE_H
#define DE_CLIENT_POLICY_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DE_PLACE_DIGITS 16

struct de_place {
    uint64_t joined; /* the key's create revision; 0: none */
    uint8_t digits[DE_PLACE_DIGITS];
};

/* How the key of whoever has this lease ends. */
void de_place_digits(uint64_t lease, uint8_t digits[DE_PLACE_DIGITS]);

/* Whether a stands before b; none stands before nobody. */
bool de_place_is_before(const struct de_place *a, const struct de_place *b);

/* One key of a queue. */
struct de_place_key {
    struct de_place place;
    uint64_t version;
    uint64_t revision; /* of its last change */
    uint64_t lease;
};

/* What a look shows: begins with own set, and the rest zero. */
struct de_look {
    struct de_place own;    /* whose place is looked at; none: behind the last */
    uint64_t seen;          /* up to this revision; 0: the server does not tell */
    bool there;             /* own is */
    struct de_place before; /* the last one before it */
    struct de_place first;
    bool in_office;    /* the first knows that it is */
    uint64_t revision; /* of the last change of the first's key */
    uint64_t lease;    /* of the first */
};

/* A page as of this revision (0: not told) comes next. UNAVAILABLE: it is of before own joined, as
 * where a server forces eventual reads on everybody, and shows nothing. */
int de_look_page(struct de_look *look, uint64_t revision);

/* One key of the page. True: it is the first of all so far. */
bool de_look_key(struct de_look *look, const struct de_place_key *key);

/* After the last page: when who leads took office, or last said something. 0: nobody leads, or
 * whoever is first does not know it yet. */
uint64_t de_look_leader(const struct de_look *look);

#ifdef __cplusplus
}
#endif

#endif
