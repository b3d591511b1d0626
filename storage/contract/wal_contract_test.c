/* The write-ahead log under the contract, on real files in the test's scratch directory. Segments
 * are small so that the cases rotate, recycle and remove them. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "storage/contract/contract_runner.h"
#include "storage/posix/posix_dir.h"
#include "storage/wal/wal.h"
#include "tests/support/test_support.h"

struct bench {
    char path[64];
    struct dengine_dir dir;
    struct de_test_heap heap;
};

static int open_wal(struct bench *bench, struct dengine_log_store *store)
{
    struct de_wal_options options;
    char message[512] = "";
    int error;

    de_wal_options_init(&options, 1, 2);
    options.segment_bytes = 16384;
    options.allocator = &bench->heap.allocator;
    error = de_wal_open(bench->dir, &options, store, message, sizeof(message));
    if (error != 0) {
        (void)fprintf(stderr, "%s\n", message);
    }
    return error;
}

static int create(void *context, struct dengine_log_store *store)
{
    struct bench *bench = context;

    (void)snprintf(bench->path, sizeof(bench->path), "wal_XXXXXX");
    if (mkdtemp(bench->path) == NULL) {
        return DENGINE_E_IO;
    }
    if (de_posix_dir_open(bench->path, false, &bench->dir, NULL, 0) != 0) {
        return DENGINE_E_IO;
    }
    return open_wal(bench, store);
}

static int reopen(void *context, struct dengine_log_store *store)
{
    store->ops->close(store->object);
    return open_wal(context, store);
}

static int remove_name(void *context, const char *name)
{
    const struct dengine_dir *dir = context;

    return dir->ops->remove(dir->object, name);
}

static void destroy(void *context, struct dengine_log_store *store)
{
    struct bench *bench = context;

    store->ops->close(store->object);
    DE_ASSERT(bench->heap.blocks == 0);
    (void)bench->dir.ops->list(bench->dir.object, remove_name, &bench->dir);
    de_posix_dir_close(bench->dir);
    (void)rmdir(bench->path);
}

int main(void)
{
    struct bench bench = {{0}, {NULL, NULL}, {{0}, 0, 0, 0}};
    struct dengine_log_contract contract = {&bench, create, reopen, destroy};

    de_test_heap_init(&bench.heap);
    return de_run_log_contract(&contract);
}
