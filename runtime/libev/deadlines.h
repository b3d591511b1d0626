/* runtime/libev/deadlines.h - the deadlines of the requests under way: a hashed timing wheel.
 *
 * Nearly all requests end long before their deadline, so adding and removing must cost next to
 * nothing, and the loop should wake up for a deadline only when one may be due. A deadline is kept
 * in the slot of its tick (4.2 ms); a slot also holds those of later turns of the wheel (1.07 s),
 * which are passed over until their time.
 *
 * Threads: one at a time. */
#ifndef DE_RUNTIME_LIBEV_DEADLINES_H
#define DE_RUNTIME_LIBEV_DEADLINES_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DE_DEADLINE_TICK_SHIFT 22 /* 2^22 ns */
#define DE_DEADLINE_SLOTS      256

/* In its owner's memory; starts as zeros. */
struct de_deadline {
    uint64_t at_ns;
    struct de_deadline *next;
    struct de_deadline **previous; /* NULL when in no wheel */
};

struct de_deadlines {
    struct de_deadline *slots[DE_DEADLINE_SLOTS];
    uint64_t tick;  /* all deadlines of ticks before it are gone */
    uint32_t count; /* in the wheel */
};

/* Starts an empty wheel. Nothing to deinit: empty it first. */
void de_deadlines_init(struct de_deadlines *wheel, uint64_t now_ns);

/* Adds deadline for at_ns; a time that has passed is due at once. */
void de_deadlines_add(struct de_deadlines *wheel, struct de_deadline *deadline, uint64_t at_ns);

/* Takes deadline out; it may be in no wheel. */
void de_deadlines_remove(struct de_deadlines *wheel, struct de_deadline *deadline);

/* Takes out and returns one deadline that is due at now_ns, NULL when there is none (any more). */
struct de_deadline *de_deadlines_expire(struct de_deadlines *wheel, uint64_t now_ns);

/* When to call de_deadlines_expire next: not after the earliest deadline's tick has ended, maybe
 * before it; UINT64_MAX when the wheel is empty. */
uint64_t de_deadlines_next_ns(const struct de_deadlines *wheel);

#ifdef __cplusplus
}
#endif

#endif
