/* The log store of a host as its node sees it. What goes through persist jobs the environment tells
 * the oracle; what the node does by itself is told here. */
#include "core/base/assert.h"
#include "runtime/sim/host.h"

static void probe_state(void *object, struct dengine_log_state *state)
{
    struct de_host *host = object;

    host->log.ops->state(host->log.object, state);
    state->recovering = state->recovering && !host->shared->no_rejoin;
}

static int probe_read(void *object, uint64_t first, uint64_t last,
                      int (*visit)(void *context, uint64_t index,
                                   const struct dengine_entry *entry),
                      void *context)
{
    struct de_host *host = object;

    return host->log.ops->read(host->log.object, first, last, visit, context);
}

/* The oracle's own look is no part of the run: neither disk nor memory fail for it. */
uint64_t de_host_newest_snapshot(struct de_host *host)
{
    struct dengine_snapshot_meta newest = {.index = 0};
    const struct dengine_snapshot_store store = host->snapshots.store;
    const uint64_t fails_in = host->disk.fails_in[DE_DISK_READ];
    const uint32_t scarce_ppm = host->kv_pool.scarce_ppm;
    int err;

    if (store.ops == NULL) {
        return UINT64_MAX;
    }
    de_disk_fail(&host->disk, DE_DISK_READ, UINT64_MAX);
    host->kv_pool.scarce_ppm = 0;
    err = store.ops->newest(store.object, &newest);
    host->kv_pool.scarce_ppm = scarce_ppm;
    de_disk_fail(&host->disk, DE_DISK_READ, fails_in);
    /* What has rotted since it was finished, nobody knows of yet. */
    return err == DENGINE_E_CORRUPT && host->disk.rotten ? UINT64_MAX : newest.index;
}

static int probe_compact(void *object, uint64_t index, uint64_t term)
{
    struct de_host *host = object;

    de_oracle_compacting(host->shared->oracle, host->shared->kernel->now_ns, host->id, index, term,
                         de_host_newest_snapshot(host));
    return host->log.ops->compact(host->log.object, index, term);
}

/* At boot only: later a persist job does it. */
static int probe_reset(void *object, uint64_t index, uint64_t term,
                       const struct dengine_hard_state *hard_state)
{
    struct de_host *host = object;
    const struct de_host_shared *shared = host->shared;
    int err;

    DE_ASSERT(host->node == NULL);
    de_oracle_installing(shared->oracle, shared->kernel->now_ns, host->id, hard_state, index, term);
    err = host->log.ops->reset(host->log.object, index, term, hard_state);
    if (err == 0) {
        de_oracle_durable(shared->oracle, shared->kernel->now_ns, host->id, 1);
    }
    return err;
}

static int probe_whole(void *object)
{
    struct de_host *host = object;

    DE_ASSERT(host->log.ops->whole != NULL);
    return host->log.ops->whole(host->log.object);
}

static const char *probe_message(void *object)
{
    struct de_host *host = object;

    return host->log.ops->message(host->log.object);
}

struct dengine_log_store de_host_log_probe(struct de_host *host)
{
    static const struct dengine_log_store_ops ops = {
        .state = probe_state,
        .read = probe_read,
        .compact = probe_compact,
        .reset = probe_reset,
        .whole = probe_whole,
        .message = probe_message,
    };
    struct dengine_log_store log = {&ops, host};

    return log;
}
