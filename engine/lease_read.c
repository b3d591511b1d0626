#include "engine/lease_read.h"

#include "core/base/assert.h"
#include "core/node/lease.h"

/* What the state says of itself: 0 when it cannot be looked at now. */
static uint64_t applied_by_state(struct de_kv *kv)
{
    struct de_kv_view view;
    uint64_t applied = 0;

    DE_ASSERT(kv != NULL);
    if (de_kv_view_open(kv, &view) == 0) {
        applied = view.revision;
        de_kv_view_close(&view);
    }
    return applied;
}

bool de_lease_read_begin(const struct de_replica *replica, struct de_kv *kv, uint64_t *until_ns)
{
    struct de_node_lease lease;
    uint64_t applied;

    DE_ASSERT(replica != NULL);
    de_replica_lease(replica, &lease);
    applied = de_replica_applied(replica);
    /* The applier answers writers first and tells the loop then, which tells us: whoever reads what
     * it has just written may be earlier than that. */
    if (applied < lease.index && lease.until_ns > 0) {
        applied = applied_by_state(kv);
    }
    *until_ns = lease.until_ns;
    return de_node_lease_covers(&lease, applied, 0);
}

bool de_lease_read_covered(const struct de_replica *replica, struct de_kv *kv)
{
    uint64_t until_ns;

    return de_lease_read_begin(replica, kv, &until_ns) && de_lease_read_end(until_ns);
}
