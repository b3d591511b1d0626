#include "sim-tests/tool/stores.h"

#include "storage/mem/mem_kv.h"
#include "storage/memfirst/memfirst.h"
#include "storage/snapshot/snapshot.h"
#include "storage/wal/wal.h"

static int open_wal(void *context, struct dengine_dir dir, const struct de_sim_log_options *wanted,
                    struct dengine_log_store *store, char *message, size_t message_size)
{
    const struct de_memfirst_options early = {wanted->flush_interval_ms, wanted->flush_bytes, NULL};
    struct de_wal_options options;
    int err;

    (void)context;
    de_wal_options_init(&options, wanted->node_id, wanted->cluster_id);
    options.segment_bytes = wanted->segment_bytes;
    options.sites = wanted->sites;
    err = de_wal_open(dir, &options, store, message, message_size);
    return err != 0 ? err : de_memfirst_open(dir, &early, store, message, message_size);
}

static int new_mem_kv(void *context, struct dengine_kv_store *store)
{
    (void)context;
    return de_mem_kv_open(NULL, store);
}

static int open_snapshots(void *context, struct dengine_dir dir,
                          const struct de_allocator *allocator, struct de_sites *sites,
                          struct dengine_snapshot_store *store, char *message, size_t message_size)
{
    const struct de_snapshot_options options = {.allocator = allocator, .sites = sites};

    (void)context;
    return de_snapshot_store_open(dir, &options, store, message, message_size);
}

struct de_sim_stores de_tool_stores(void)
{
    struct de_sim_stores stores = {NULL, open_wal, new_mem_kv, open_snapshots};

    return stores;
}
