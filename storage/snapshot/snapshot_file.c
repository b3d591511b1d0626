#include <dengine/error.h>

#include "storage/snapshot/snapshot_internal.h"

static int remove_if_there(struct dengine_dir dir, const char *name)
{
    int error = dir.ops->remove(dir.object, name);

    DE_ASSERT(name != NULL);
    return error == DENGINE_E_NOT_FOUND ? 0 : error;
}

static int fail(struct de_snapshot_store *store, int error, const char *doing, const char *name)
{
    DE_ASSERT(error != 0);
    DE_ASSERT(doing != NULL && name != NULL);
    return de_snapshot_say(store, error,
                           "%s %s failed: %s; the snapshots that are there are not touched", doing,
                           name, dengine_strerror(error));
}

int de_snapshot_file_create(struct de_snapshot_store *store, struct de_snapshot_file *file,
                            const char *name)
{
    const struct dengine_dir dir = store->dir;
    int error = remove_if_there(dir, name);

    DE_ASSERT(file->file == NULL);
    if (error != 0) {
        return fail(store, error, "removing an old", name);
    }
    file->name = name;
    file->bytes = 0;
    file->unsynced = 0;
    file->unbegun = 0;
    error = dir.ops->open(dir.object, name, DENGINE_FILE_CREATE, &file->file);
    if (error != 0) {
        file->file = NULL;
        return fail(store, error, "making", name);
    }
    DE_ASSERT(file->file != NULL);
    return 0;
}

int de_snapshot_file_append(struct de_snapshot_store *store, struct de_snapshot_file *file,
                            const struct dengine_slice *buffers, size_t count)
{
    const struct dengine_dir dir = store->dir;
    int error;

    DE_ASSERT(file->file != NULL);
    DE_ASSERT(file->unsynced <= file->bytes);
    error = dir.ops->write(dir.object, file->file, file->bytes, buffers, count);
    if (error != 0) {
        return fail(store, error, "writing", file->name);
    }
    for (size_t i = 0; i < count; i++) {
        file->bytes += buffers[i].size;
        file->unsynced += buffers[i].size;
        file->unbegun += buffers[i].size;
    }
    if (file->unsynced >= DE_SNAPSHOT_SYNC_BYTES) {
        error = dir.ops->sync(dir.object, file->file);
        file->unsynced = 0;
        file->unbegun = 0;
    } else if (file->unbegun >= DE_SNAPSHOT_BEGIN_BYTES && dir.ops->begin_sync != NULL) {
        dir.ops->begin_sync(dir.object, file->file);
        file->unbegun = 0;
    }
    return error == 0 ? 0 : fail(store, error, "syncing", file->name);
}

int de_snapshot_file_finish(struct de_snapshot_store *store, struct de_snapshot_file *file,
                            uint64_t index)
{
    const struct dengine_dir dir = store->dir;
    char name[DE_SNAPSHOT_NAME_BYTES];
    int error;

    DE_ASSERT(file->file != NULL);
    DE_ASSERT(index > 0);
    error = de_snapshot_kept_reserve(store);
    if (error != 0) {
        return error;
    }
    error = dir.ops->sync(dir.object, file->file);
    if (error != 0) {
        return fail(store, error, "syncing", file->name);
    }
    dir.ops->close(dir.object, file->file);
    file->file = NULL;
    de_snapshot_name(index, name);
    error = dir.ops->rename(dir.object, file->name, name);
    if (error != 0) {
        return fail(store, error, "renaming", file->name);
    }
    error = dir.ops->sync_dir(dir.object);
    if (error != 0) {
        /* It may or may not be there after a crash, and is whole in either case. */
        return fail(store, error, "syncing the directory of", name);
    }
    de_snapshot_kept_add(store, index);
    return 0;
}

void de_snapshot_file_drop(struct de_snapshot_store *store, struct de_snapshot_file *file)
{
    DE_ASSERT(store != NULL);
    DE_ASSERT(file->unsynced <= file->bytes);
    if (file->file != NULL) {
        store->dir.ops->close(store->dir.object, file->file);
        file->file = NULL;
    }
    if (file->name != NULL) {
        /* What cannot be removed now is removed by the next one, or when the store is opened. */
        (void)remove_if_there(store->dir, file->name);
        file->name = NULL;
    }
}
