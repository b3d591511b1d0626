/* The LMDB store under the contract, in the test's scratch directory. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "storage/contract/contract_runner.h"
#include "storage/lmdb/lmdb_kv.h"
#include "storage/posix/posix_dir.h"

struct bench {
    char path[64];
};

static int open_store(struct bench *bench, enum de_lmdb_found expected,
                      struct dengine_kv_store *store)
{
    char message[512] = "";
    enum de_lmdb_found found;
    int error = de_lmdb_kv_open(bench->path, NULL, store, &found, message, sizeof(message));

    if (error != 0) {
        (void)fprintf(stderr, "%s\n", message);
        return error;
    }
    return found == expected ? 0 : DENGINE_E_INTERNAL;
}

static int create(void *context, struct dengine_kv_store *store)
{
    struct bench *bench = context;

    (void)snprintf(bench->path, sizeof(bench->path), "lmdb_XXXXXX");
    return mkdtemp(bench->path) == NULL ? DENGINE_E_IO : open_store(bench, DE_LMDB_NEW, store);
}

static int reopen(void *context, struct dengine_kv_store *store)
{
    store->ops->close(store->object);
    return open_store(context, DE_LMDB_KEPT, store);
}

static int remove_name(void *context, const char *name)
{
    const struct dengine_dir *dir = context;

    return dir->ops->remove(dir->object, name);
}

static void destroy(void *context, struct dengine_kv_store *store)
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
    struct dengine_kv_contract contract = {&bench, create, reopen, destroy};

    return de_run_kv_contract(&contract);
}
