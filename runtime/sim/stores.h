/* runtime/sim/stores.h - where the simulator gets its stores from.
 *
 * The simulator knows no storage engine: whoever runs it says how to open a log store over a
 * (simulated) directory, how to make an empty key-value store, and how to open a snapshot store
 * beside the log. */
#ifndef DE_RUNTIME_SIM_STORES_H
#define DE_RUNTIME_SIM_STORES_H

#include <dengine/file.h>
#include <dengine/kv_store.h>
#include <dengine/log_store.h>
#include <dengine/snapshot_store.h>

#include "core/base/allocator.h"
#include "core/base/site.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whose log it is, and how it is to be laid out. */
struct de_sim_log_options {
    uint64_t node_id;
    uint64_t cluster_id;
    uint32_t segment_bytes;
    uint32_t flush_interval_ms;
    uint64_t flush_bytes; /* 0: nothing is reported before it is durable */
    struct de_sites *sites;
};

struct de_sim_stores {
    void *context;
    /* Opens or makes the log in dir. On failure says why in message. */
    int (*log_open)(void *context, struct dengine_dir dir, const struct de_sim_log_options *options,
                    struct dengine_log_store *store, char *message, size_t message_size);
    /* Makes an empty key-value store. It outlives crashes of the process, as memory-mapped data
     * does: what was committed is there, what was not is not. */
    int (*kv_new)(void *context, struct dengine_kv_store *store);
    /* Opens the snapshots in dir, with memory that is thrown away when the process crashes. On
     * failure says why in message. NULL: there are none. */
    int (*snapshots_open)(void *context, struct dengine_dir dir,
                          const struct de_allocator *allocator, struct de_sites *sites,
                          struct dengine_snapshot_store *store, char *message, size_t message_size);
};

#ifdef __cplusplus
}
#endif

#endif
