/* client/policy/numbers.h - the numbers of a session's writes (thesis 6.3).
 *
 * Each write has a number of its own and keeps it through all its attempts: the cluster carries out
 * each number once. With every attempt it is told up to where all numbers have their results, and
 * may forget those. A number that has ended is never sent again.
 *
 * Threads: none of its own; one at a time. */
#ifndef DE_CLIENT_POLICY_NUMBERS_H
#define DE_CLIENT_POLICY_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* So far may numbers be beyond what is acknowledged: the results that the cluster remembers. */
#define DE_NUMBERS_WINDOW 64u

struct de_numbers {
    uint64_t next;         /* the first is 1 */
    uint64_t acknowledged; /* all up to here have ended */
    uint64_t ended;        /* bit i: so has acknowledged + 1 + i */
};

void de_numbers_init(struct de_numbers *numbers);

/* Whether there is room for one more. */
bool de_numbers_room(const struct de_numbers *numbers);

/* The number of the next write; there must be room. */
uint64_t de_numbers_take(struct de_numbers *numbers);

/* The write of this number has ended, once. */
void de_numbers_end(struct de_numbers *numbers, uint64_t number);

#ifdef __cplusplus
}
#endif

#endif
