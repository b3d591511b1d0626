/* runtime/sim/check/mirror.h - a map that a watcher keeps from a scan and from events.
 *
 * It believes what it is told and knows nothing of the committed log. At the end it must equal a
 * scan: that is what users build watches for. One thread. */
#ifndef DE_RUNTIME_SIM_CHECK_MIRROR_H
#define DE_RUNTIME_SIM_CHECK_MIRROR_H

#include "runtime/sim/check/finding.h"
#include "runtime/sim/check/read_check.h"
#include "runtime/sim/check/watch_check.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_mirror {
    struct de_read_pair *pairs; /* by their keys; the bytes are owned */
    size_t count;
    size_t capacity;
    uint64_t revision; /* of the last that it was told */
};

void de_mirror_init(struct de_mirror *mirror);
void de_mirror_deinit(struct de_mirror *mirror);

/* Begins anew with what a scan gave, in any order. */
void de_mirror_load(struct de_mirror *mirror, const struct de_read_pair *pairs, size_t count,
                    uint64_t revision);

/* Does what an event says. An event of the loaded revision or an older one is in there already. */
void de_mirror_apply(struct de_mirror *mirror, const struct de_watch_event *event);

/* Whether it holds exactly the pairs of a scan, ascending; otherwise a finding, watch-mirror. */
bool de_mirror_equals(const struct de_mirror *mirror, const struct de_read_pair *pairs,
                      size_t count, uint64_t revision, struct de_finding *finding);

#ifdef __cplusplus
}
#endif

#endif
