/* runtime/sim/check/read_check.h - reads that name their revision, held against what was committed.
 *
 * Reads of several keys (get_multi, scans) cannot be checked key by key: that each value was there
 * at some time says nothing of whether all were there at one. But each such read says at which
 * revision it was taken, and then there is nothing to search:
 *
 *   read-revision  the revision was committed
 *   read-value     every key has exactly the value of that revision, or is absent as it was then.
 *                  Changes of one revision (a batch, a transaction) are seen all or none
 *   read-range     a scan gives exactly the keys of its range, in order, up to its limit; it says
 *                  rightly whether there are more, and how many there are
 *   read-stale     the revision is not below the floor: whatever was told to anybody before the
 *                  read was called is in it
 *
 * What the floor is depends on the policy, and is the caller's to say. For a linearizable read, and
 * a lease read while all clocks keep their promise: the greatest revision that any client had been
 * told of, by an acknowledgement or by such a read, when this one was called (de_read_floor_raise).
 * For an eventual read, what its session promises, or 0. Pure; one thread. */
#ifndef DE_RUNTIME_SIM_CHECK_READ_CHECK_H
#define DE_RUNTIME_SIM_CHECK_READ_CHECK_H

#include "runtime/sim/check/change_log.h"
#include "runtime/sim/check/finding.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_read_pair {
    struct dengine_slice key;
    struct dengine_slice value; /* ignored if the read asked for keys only */
    uint64_t mod_revision;      /* 0: not told */
};

enum de_read_kind { DE_READ_KEYS, DE_READ_RANGE };

/* What was asked. */
struct de_read_request {
    enum de_read_kind kind;
    const struct dengine_slice *keys; /* KEYS, in any order, repetitions allowed */
    size_t keys_count;
    struct dengine_slice from; /* RANGE: from <= key < to; to.data == NULL: without an end */
    struct dengine_slice to;
    bool reverse;
    bool keys_only;
    bool count_only; /* no pairs, only count */
    uint64_t limit;  /* of pairs; 0: none */
    uint64_t floor;  /* what it must have seen at least; 0: anything committed */
};

/* What was answered. */
struct de_read_answer {
    int64_t process; /* who was told, for the sentence */
    uint64_t revision;
    const struct de_read_pair *pairs; /* KEYS: those that are there, in the order asked */
    size_t pairs_count;
    bool more;      /* RANGE with a limit: there are more keys */
    uint64_t count; /* count_only: keys in the range, whatever the limit */
};

/* Whether answer is right for request; otherwise says why in finding. */
bool de_read_check(const struct de_change_log *log, const struct de_read_request *request,
                   const struct de_read_answer *answer, struct de_finding *finding);

/* A client has been told of revision: linearizable reads that are called from now on must see it.
 */
static inline void de_read_floor_raise(uint64_t *floor, uint64_t revision)
{
    *floor = *floor < revision ? revision : *floor;
}

#ifdef __cplusplus
}
#endif

#endif
