/* client/queue_look.h - looking at a queue, page by page: what is there goes to the rules of
 * client/policy/place.h.
 *
 * Threads: one at a time; the calls are those of a task. */
#ifndef DE_CLIENT_QUEUE_LOOK_H
#define DE_CLIENT_QUEUE_LOOK_H

#include <dengine/lock.h>

#include "client/helper.h"
#include "client/policy/place.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_QUEUE_PREFIX_MAX (DENGINE_LOCK_NAME_MAX + 1)
#define DE_QUEUE_KEY_MAX    (DE_QUEUE_PREFIX_MAX + DE_PLACE_DIGITS)

/* All keys of a queue begin with "name/". */
struct de_queue_name {
    uint8_t prefix[DE_QUEUE_PREFIX_MAX];
    size_t size;
};

/* INVALID, TOO_LARGE. */
int de_queue_name_init(struct de_queue_name *name, struct dengine_slice from);

/* The key of a place, in bytes of DE_QUEUE_KEY_MAX. */
struct dengine_slice de_queue_key(const struct de_queue_name *name, const struct de_place *place,
                                  uint8_t *bytes);

struct de_queue_look {
    struct de_look keys;
    struct dengine_value value; /* of the first's key, when with_value */
    const struct de_queue_name *name;
    bool with_value;
    struct dengine_scan scan;
    uint8_t end[DE_QUEUE_PREFIX_MAX];
};

/* Begins to look, from whose place (none: 0), and asks for the first page. */
void de_queue_look_begin(struct de_queue_look *look, const struct de_queue_name *name,
                         const struct de_place *own, bool with_value, struct de_task *task);

/* The page has come. True: that was the last one, and *err is 0 or an error of dengine_scan; else
 * it has asked for the next one. */
bool de_queue_look_answered(struct de_queue_look *look, const struct dengine_reply *reply,
                            struct de_task *task, int *err);

/* Frees what a look that has ended holds. */
void de_queue_look_end(struct de_queue_look *look);

#ifdef __cplusplus
}
#endif

#endif
