#include "storage/snapshot/snapshot.h"

#include <dengine/error.h>

#include "storage/base/heap.h"
#include "storage/snapshot/snapshot_internal.h"

int de_snapshot_keep_meta(struct de_snapshot_store *store, struct dengine_snapshot_meta *meta)
{
    const size_t size = meta->configuration.size;

    DE_ASSERT(size <= DENGINE_SNAPSHOT_CONFIGURATION_MAX);
    DE_ASSERT(meta->configuration.data != NULL || size == 0);
    if (size > store->configuration_capacity) {
        uint8_t *grown = de_reallocate(&store->allocator, store->configuration, size);

        if (grown == NULL) {
            return de_snapshot_say(store, DENGINE_E_NO_MEMORY, "no memory for a configuration");
        }
        store->configuration = grown;
        store->configuration_capacity = size;
    }
    if (size > 0) {
        memcpy(store->configuration, meta->configuration.data, size);
    }
    meta->configuration = dengine_bytes(store->configuration, size);
    return 0;
}

static void free_store(struct de_snapshot_store *store)
{
    struct de_allocator allocator = store->allocator;

    DE_ASSERT(store->writer == NULL && store->receiver == NULL);
    de_snapshot_free_notes(store);
    de_release(&allocator, store->kept);
    de_release(&allocator, store->configuration);
    (void)pthread_mutex_destroy(&store->lock);
    de_release(&allocator, store);
}

static void store_close(void *object)
{
    struct de_snapshot_store *store = object;
    const struct dengine_dir dir = store->dir;
    void (*const close_dir)(struct dengine_dir) = store->close_dir;

    DE_ASSERT(store->writer == NULL);
    for (size_t i = 0; i < store->kept_count; i++) {
        DE_ASSERT(store->kept[i].readers == 0);
    }
    de_snapshot_receive_forget(store);
    free_store(store);
    if (close_dir != NULL) {
        close_dir(dir);
    }
}

static int note_name(void *context, const char *name)
{
    struct de_snapshot_store *store = context;
    uint64_t index;
    int error;

    DE_ASSERT(name != NULL);
    if (!de_snapshot_name_index(name, &index)) {
        return 0;
    }
    error = de_snapshot_kept_reserve(store);
    if (error == 0) {
        de_snapshot_kept_add(store, index);
    }
    return error;
}

/* Removes what a crash has left and finds what was finished. */
static int load(struct de_snapshot_store *store)
{
    const struct dengine_dir dir = store->dir;
    static const char *const temporary[] = {DE_SNAPSHOT_WRITE_NAME, DE_SNAPSHOT_RECEIVE_NAME};
    int error;

    DE_ASSERT(store->kept_count == 0);
    for (size_t i = 0; i < DE_ARRAY_SIZE(temporary); i++) {
        error = dir.ops->remove(dir.object, temporary[i]);
        if (error != 0 && error != DENGINE_E_NOT_FOUND) {
            return error;
        }
    }
    error = dir.ops->list(dir.object, note_name, store);
    if (error != 0) {
        return error;
    }
    /* A process may have died between giving a snapshot its name and making that durable. What is
     * reported as there must stay there. */
    error = dir.ops->sync_dir(dir.object);
    return error == 0 ? de_snapshot_kept_prune(store) : error;
}

static const struct dengine_snapshot_store_ops store_ops = {
    .newest = de_snapshot_newest,
    .create = de_snapshot_create,
    .write = de_snapshot_write,
    .commit = de_snapshot_commit,
    .abort = de_snapshot_abort,
    .receive = de_snapshot_receive,
    .receive_write = de_snapshot_receive_write,
    .receive_finish = de_snapshot_receive_finish,
    .receive_suspend = de_snapshot_receive_suspend,
    .open = de_snapshot_open_reader,
    .read = de_snapshot_read,
    .read_image = de_snapshot_read_image,
    .close_reader = de_snapshot_close_reader,
    .message = de_snapshot_said,
    .close = store_close,
};

int de_snapshot_store_open(struct dengine_dir dir, const struct de_snapshot_options *options,
                           struct dengine_snapshot_store *store, char *message, size_t message_size)
{
    const struct de_allocator *allocator = de_heap_allocator();
    struct de_snapshot_store *made;
    int error = DENGINE_E_NO_MEMORY;

    DE_ASSERT(dir.ops != NULL);
    DE_ASSERT(store != NULL);
    de_message_set(message, message_size, "%s", "");
    if (options != NULL && options->allocator != NULL) {
        allocator = options->allocator;
    }
    made = de_allocate(allocator, sizeof(*made));
    if (made != NULL) {
        memset(made, 0, sizeof(*made));
        made->dir = dir;
        made->close_dir = options == NULL ? NULL : options->close_dir;
        made->allocator = *allocator;
        made->sites = options == NULL ? NULL : options->sites;
        if (pthread_mutex_init(&made->lock, NULL) == 0) {
            error = load(made);
            if (error != 0) {
                free_store(made);
            }
        } else {
            de_release(allocator, made);
        }
    }
    if (error != 0) {
        de_message_set(message, message_size,
                       "cannot open the snapshots: %s; check the directory, its permissions and "
                       "the disk",
                       dengine_strerror(error));
        return error;
    }
    store->ops = &store_ops;
    store->object = made;
    return 0;
}
