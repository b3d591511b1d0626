#include "storage/mem/mem_snapshot.h"

#include <dengine/error.h>

#include "core/base/assert.h"
#include "storage/mem/mem_dir.h"
#include "storage/snapshot/snapshot.h"

int de_mem_snapshot_open(const struct de_allocator *allocator, struct dengine_snapshot_store *store)
{
    const struct de_snapshot_options options = {.allocator = allocator,
                                                .close_dir = de_mem_dir_close};
    struct dengine_dir dir;
    int error = de_mem_dir_open(allocator, &dir);

    DE_ASSERT(store != NULL);
    if (error != 0) {
        return error;
    }
    error = de_snapshot_store_open(dir, &options, store, NULL, 0);
    if (error != 0) {
        de_mem_dir_close(dir);
    }
    DE_ASSERT(error == 0 || error == DENGINE_E_NO_MEMORY);
    return error;
}
