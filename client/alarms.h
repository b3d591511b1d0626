/* client/alarms.h - points in time, the earliest first: a pairing heap (Fredman, Sedgewick,
 * Sleator, Tarjan: "The pairing heap: a new form of self-adjusting heap", 1986). The alarms lie in
 * their owners' memory, so that setting one cannot fail; thousands of them cost little.
 *
 * Threads: one at a time. */
#ifndef DE_CLIENT_ALARMS_H
#define DE_CLIENT_ALARMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Starts as zeros. */
struct de_alarm {
    uint64_t at_ns;
    bool set;
    struct de_alarm *child;    /* the first of those that are not earlier */
    struct de_alarm *next;     /* beside it */
    struct de_alarm *previous; /* beside it; of the first one: the parent. NULL: the earliest */
};

/* Starts as zeros: none is set. */
struct de_alarms {
    struct de_alarm *earliest;
};

/* Sets alarm, anew if it is set already. */
void de_alarms_set(struct de_alarms *alarms, struct de_alarm *alarm, uint64_t at_ns);

/* Nothing happens when it is not set. */
void de_alarms_clear(struct de_alarms *alarms, struct de_alarm *alarm);

#ifdef __cplusplus
}
#endif

#endif
