#include "core/raft/progress.h"

#include <string.h>

#include "core/base/assert.h"

void de_progress_init(struct de_progress *progress, uint64_t id, uint64_t *flight,
                      uint32_t flight_max, uint64_t last_index, uint64_t now_ns)
{
    DE_ASSERT(id != 0);
    DE_ASSERT(flight != NULL && flight_max > 0);
    memset(progress, 0, sizeof(*progress));
    progress->id = id;
    progress->next = last_index + 1;
    progress->state = DE_PROGRESS_PROBE;
    progress->flight = flight;
    progress->flight_max = flight_max;
    progress->heard_ns = now_ns;
}

void de_progress_become(struct de_progress *progress, enum de_progress_state state)
{
    DE_ASSERT(state >= DE_PROGRESS_PROBE && state <= DE_PROGRESS_SNAPSHOT);
    progress->state = state;
    progress->flight_first = 0;
    progress->flight_count = 0;
    progress->commit_sent = 0;
    DE_ASSERT(progress->next >= 1);
}

bool de_progress_may_send(const struct de_progress *progress)
{
    DE_ASSERT(progress->flight_count <= progress->flight_max);
    DE_ASSERT_IMPLIES(progress->state == DE_PROGRESS_PROBE, progress->flight_count <= 1);
    if (progress->lost || progress->state == DE_PROGRESS_SNAPSHOT) {
        return false;
    }
    uint32_t most = progress->state == DE_PROGRESS_PROBE ? 1 : progress->flight_max;
    return progress->flight_count < most;
}

void de_progress_sent(struct de_progress *progress, uint64_t last)
{
    DE_ASSERT(de_progress_may_send(progress));
    DE_ASSERT(last >= progress->next);
    uint32_t at = (progress->flight_first + progress->flight_count) % progress->flight_max;
    progress->flight[at] = last;
    progress->probe = progress->next;
    progress->flight_count++;
    progress->next = last + 1;
    DE_ASSERT(progress->flight_count <= progress->flight_max);
}

void de_progress_acknowledged(struct de_progress *progress, uint64_t match)
{
    DE_ASSERT(progress->next >= 1);
    progress->lost = false;
    if (progress->match < match) {
        progress->match = match;
    }
    if (progress->next <= match) {
        progress->next = match + 1;
    }
    if (progress->probe <= match) {
        progress->probe = match + 1;
    }
    while (progress->flight_count > 0 && progress->flight[progress->flight_first] <= match) {
        progress->flight_first = (progress->flight_first + 1) % progress->flight_max;
        progress->flight_count--;
    }
    /* Everything sent has arrived: the logs agree. Not its best match but this answer counts, so
     * that a member that lost its memory is probed to the end. */
    if (progress->state == DE_PROGRESS_PROBE && match + 1 >= progress->next) {
        de_progress_become(progress, DE_PROGRESS_REPLICATE);
    }
}

/* A probe under way counts as not sent. */
static void step_back(struct de_progress *progress)
{
    if (progress->state == DE_PROGRESS_PROBE && progress->flight_count > 0) {
        DE_ASSERT(progress->flight_count == 1 && progress->probe < progress->next);
        progress->next = progress->probe;
    }
    DE_ASSERT(progress->next >= 1);
}

bool de_progress_refused(struct de_progress *progress, uint64_t index, bool agreed)
{
    DE_ASSERT(progress->next >= 1);
    progress->lost = false;
    if (progress->state == DE_PROGRESS_SNAPSHOT || index + 1 >= progress->next) {
        return false; /* answers an append from before we stepped back */
    }
    /* A refusal below match is an old one that was overtaken, or the member has lost what it
     * acknowledged. While replicating we believe the former and probe at match; a probe that is
     * refused there means the latter, and the member is fed again. match itself never shrinks. */
    if (progress->state == DE_PROGRESS_REPLICATE && index < progress->match) {
        index = progress->match;
    }
    if (!agreed) {
        step_back(progress);
    }
    if (index + 1 < progress->next) {
        progress->next = index + 1;
    }
    de_progress_become(progress, DE_PROGRESS_PROBE);
    DE_ASSERT(progress->next >= 1 && progress->flight_count == 0);
    return true;
}

void de_progress_unreachable(struct de_progress *progress)
{
    DE_ASSERT(progress->next >= 1);
    DE_ASSERT(progress->state >= DE_PROGRESS_PROBE && progress->state <= DE_PROGRESS_SNAPSHOT);
    if (progress->state == DE_PROGRESS_REPLICATE && progress->match + 1 < progress->next) {
        progress->next = progress->match + 1;
    }
    step_back(progress);
    de_progress_become(progress, DE_PROGRESS_PROBE);
    progress->lost = true;
}
