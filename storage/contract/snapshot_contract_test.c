/* The snapshot store under the contract: over files, in the test's scratch directory, and over a
 * directory in memory. Every block must be given back. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "storage/contract/contract_runner.h"
#include "storage/mem/mem_snapshot.h"
#include "storage/posix/posix_dir.h"
#include "storage/snapshot/snapshot.h"

#define STORES_MAX 4u

/* The stores that are open at a time. */
struct bench {
    struct {
        const void *object; /* NULL: free */
        char path[64];
        struct dengine_dir dir;
    } stores[STORES_MAX];
};

static size_t find(const struct bench *bench, const void *object)
{
    size_t at = 0;

    while (at < STORES_MAX && bench->stores[at].object != object) {
        at++;
    }
    DE_ASSERT(at < STORES_MAX);
    return at;
}

static int open_at(struct bench *bench, size_t at, struct dengine_snapshot_store *store)
{
    char message[512] = "";
    int error =
        de_snapshot_store_open(bench->stores[at].dir, NULL, store, message, sizeof(message));

    if (error != 0) {
        (void)fprintf(stderr, "%s\n", message);
    }
    bench->stores[at].object = store->object;
    return error;
}

static int create(void *context, struct dengine_snapshot_store *store)
{
    struct bench *bench = context;
    const size_t at = find(bench, NULL);

    (void)snprintf(bench->stores[at].path, sizeof(bench->stores[at].path), "snapshot_XXXXXX");
    if (mkdtemp(bench->stores[at].path) == NULL ||
        de_posix_dir_open(bench->stores[at].path, false, &bench->stores[at].dir, NULL, 0) != 0) {
        return DENGINE_E_IO;
    }
    return open_at(bench, at, store);
}

static int reopen(void *context, struct dengine_snapshot_store *store)
{
    struct bench *bench = context;
    const size_t at = find(bench, store->object);

    store->ops->close(store->object);
    return open_at(bench, at, store);
}

static int remove_name(void *context, const char *name)
{
    const struct dengine_dir *dir = context;

    /* Closed, a store leaves finished snapshots and nothing else. */
    DE_ASSERT(strstr(name, ".snap") != NULL);
    return dir->ops->remove(dir->object, name);
}

static void destroy(void *context, struct dengine_snapshot_store *store)
{
    struct bench *bench = context;
    const size_t at = find(bench, store->object);
    struct dengine_dir dir = bench->stores[at].dir;

    store->ops->close(store->object);
    (void)dir.ops->list(dir.object, remove_name, &dir);
    de_posix_dir_close(dir);
    (void)rmdir(bench->stores[at].path);
    bench->stores[at].object = NULL;
}

static int create_in_memory(void *context, struct dengine_snapshot_store *store)
{
    (void)context;
    return de_mem_snapshot_open(NULL, store);
}

static void destroy_in_memory(void *context, struct dengine_snapshot_store *store)
{
    (void)context;
    store->ops->close(store->object);
}

int main(void)
{
    struct bench bench;
    struct dengine_snapshot_contract files = {&bench, create, reopen, destroy};
    struct dengine_snapshot_contract memory = {NULL, create_in_memory, NULL, destroy_in_memory};

    memset(&bench, 0, sizeof(bench));
    return de_run_snapshot_contract(&files) + de_run_snapshot_contract(&memory);
}
