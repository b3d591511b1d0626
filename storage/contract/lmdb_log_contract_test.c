/* The log store in LMDB under the contract, in the test's scratch directory; its map is small, so
 * that the cases make it grow. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "storage/contract/contract_runner.h"
#include "storage/lmdb/lmdb_log.h"
#include "storage/posix/posix_dir.h"

struct bench {
    char path[64];
};

static int open_store(struct bench *bench, struct dengine_log_store *store)
{
    const struct de_lmdb_log_options options = {1, 2, UINT64_C(1) << 16};
    char message[512] = "";
    int error = de_lmdb_log_open(bench->path, &options, store, message, sizeof(message));

    if (error != 0) {
        (void)fprintf(stderr, "%s\n", message);
    }
    return error;
}

static int create(void *context, struct dengine_log_store *store)
{
    struct bench *bench = context;

    (void)snprintf(bench->path, sizeof(bench->path), "lmdb_log_XXXXXX");
    return mkdtemp(bench->path) == NULL ? DENGINE_E_IO : open_store(bench, store);
}

static int reopen(void *context, struct dengine_log_store *store)
{
    int more = 1;

    /* What compaction left goes first. */
    while (more > 0) {
        more = store->ops->tidy(store->object, true);
    }
    store->ops->close(store->object);
    return more < 0 ? more : open_store(context, store);
}

static int remove_name(void *context, const char *name)
{
    const struct dengine_dir *dir = context;

    return dir->ops->remove(dir->object, name);
}

static void destroy(void *context, struct dengine_log_store *store)
{
    struct bench *bench = context;
    struct dengine_dir dir;

    store->ops->close(store->object);
    if (de_posix_dir_open(bench->path, false, &dir, NULL, 0) == 0) {
        (void)dir.ops->list(dir.object, remove_name, &dir);
        de_posix_dir_close(dir);
    }
    (void)rmdir(bench->path);
}

int main(void)
{
    struct bench bench = {""};
    struct dengine_log_contract contract = {&bench, create, reopen, destroy};

    return de_run_log_contract(&contract);
}
