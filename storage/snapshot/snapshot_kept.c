/* Which snapshots are finished, and which of them are being read. */
#include <dengine/error.h>

#include "storage/snapshot/snapshot_internal.h"

static void lock(struct de_snapshot_store *store)
{
    int code = pthread_mutex_lock(&store->lock);

    DE_ASSERT(code == 0);
}

static void unlock(struct de_snapshot_store *store)
{
    int code = pthread_mutex_unlock(&store->lock);

    DE_ASSERT(code == 0);
}

int de_snapshot_kept_reserve(struct de_snapshot_store *store)
{
    size_t capacity = store->kept_capacity == 0 ? 8 : 2 * store->kept_capacity;
    struct de_snapshot_kept *grown;

    DE_ASSERT(store->kept_count <= store->kept_capacity);
    if (store->kept_count < store->kept_capacity) {
        return 0;
    }
    lock(store);
    grown = de_reallocate(&store->allocator, store->kept, capacity * sizeof(*grown));
    if (grown != NULL) {
        store->kept = grown;
        store->kept_capacity = capacity;
    }
    unlock(store);
    return grown != NULL ? 0
                         : de_snapshot_say(store, DENGINE_E_NO_MEMORY, "no memory for a snapshot");
}

void de_snapshot_kept_add(struct de_snapshot_store *store, uint64_t index)
{
    size_t at;

    DE_ASSERT(index > 0);
    DE_ASSERT(store->kept_count < store->kept_capacity);
    lock(store);
    for (at = store->kept_count; at > 0 && store->kept[at - 1].index >= index; at--) {
    }
    /* Received anew, in the place of one that was damaged: readers go on with the old file. */
    if (at == store->kept_count || store->kept[at].index != index) {
        memmove(&store->kept[at + 1], &store->kept[at],
                (store->kept_count - at) * sizeof(store->kept[0]));
        store->kept[at] = (struct de_snapshot_kept){index, 0};
        store->kept_count++;
    }
    unlock(store);
}

/* The oldest one that may go; 0: there is none. */
static uint64_t superfluous(struct de_snapshot_store *store)
{
    uint64_t index = 0;

    lock(store);
    for (size_t i = 0; index == 0 && i + DE_SNAPSHOTS_KEPT < store->kept_count; i++) {
        if (store->kept[i].readers == 0) {
            index = store->kept[i].index;
            /* From now on nobody finds it. */
            memmove(&store->kept[i], &store->kept[i + 1],
                    (store->kept_count - i - 1) * sizeof(store->kept[0]));
            store->kept_count--;
        }
    }
    unlock(store);
    return index;
}

int de_snapshot_kept_prune(struct de_snapshot_store *store)
{
    uint64_t index;

    DE_ASSERT(store->kept_count <= store->kept_capacity);
    if (de_site(store->sites, DE_SITE_LATE_PRUNING)) {
        return 0;
    }
    index = superfluous(store);
    while (index != 0) {
        char name[DE_SNAPSHOT_NAME_BYTES];
        int error;

        de_snapshot_name(index, name);
        error = store->dir.ops->remove(store->dir.object, name);
        if (error != 0 && error != DENGINE_E_NOT_FOUND) {
            de_snapshot_kept_add(store, index);
            return error;
        }
        index = superfluous(store);
    }
    DE_ASSERT(store->kept_count <= store->kept_capacity);
    return 0;
}

uint64_t de_snapshot_kept_newest(struct de_snapshot_store *store)
{
    uint64_t index;

    lock(store);
    index = store->kept_count == 0 ? 0 : store->kept[store->kept_count - 1].index;
    unlock(store);
    return index;
}

static struct de_snapshot_kept *find(struct de_snapshot_store *store, uint64_t index)
{
    for (size_t i = 0; i < store->kept_count; i++) {
        DE_ASSERT(i == 0 || store->kept[i].index > store->kept[i - 1].index);
        if (store->kept[i].index == index) {
            return &store->kept[i];
        }
    }
    return NULL;
}

bool de_snapshot_kept_pin(struct de_snapshot_store *store, uint64_t *index)
{
    struct de_snapshot_kept *kept;

    DE_ASSERT(index != NULL);
    lock(store);
    if (*index == 0 && store->kept_count > 0) {
        *index = store->kept[store->kept_count - 1].index;
    }
    kept = find(store, *index);
    if (kept != NULL) {
        DE_ASSERT(kept->readers < UINT32_MAX);
        kept->readers++;
    }
    unlock(store);
    return kept != NULL;
}

void de_snapshot_kept_unpin(struct de_snapshot_store *store, uint64_t index)
{
    struct de_snapshot_kept *kept;

    lock(store);
    kept = find(store, index);
    DE_ASSERT(kept != NULL);
    DE_ASSERT(kept->readers > 0);
    kept->readers--;
    unlock(store);
}
