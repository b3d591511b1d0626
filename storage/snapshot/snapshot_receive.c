/* Receiving an image from another replica. It is checked as it comes in, so that damage is known at
 * once, and every byte that counts has been checked before the image counts. */
#include <dengine/error.h>

#include "storage/snapshot/snapshot_internal.h"

struct dengine_snapshot_receiver {
    struct de_snapshot_file file;
    struct de_snapshot_scan scan;
    uint64_t index;
    uint64_t term;
    uint64_t image_bytes;
    bool suspended;
    int failed; /* 0, or the first failure: what came is thrown away */
};

void de_snapshot_receive_forget(struct de_snapshot_store *store)
{
    struct dengine_snapshot_receiver *receiver = store->receiver;

    if (receiver == NULL) {
        return;
    }
    DE_ASSERT(receiver->suspended);
    DE_ASSERT(receiver->file.bytes <= receiver->image_bytes);
    de_snapshot_file_drop(store, &receiver->file);
    de_snapshot_scan_deinit(&receiver->scan, &store->allocator);
    de_release(&store->allocator, receiver);
    store->receiver = NULL;
}

static int begin(struct de_snapshot_store *store, uint64_t index, uint64_t term,
                 uint64_t image_bytes)
{
    struct dengine_snapshot_receiver *made = de_allocate(&store->allocator, sizeof(*made));
    int error;

    DE_ASSERT(store->receiver == NULL);
    DE_ASSERT(index > 0 && term > 0);
    if (made == NULL) {
        return de_snapshot_say(store, DENGINE_E_NO_MEMORY, "no memory for receiving a snapshot");
    }
    memset(made, 0, sizeof(*made));
    de_snapshot_scan_init(&made->scan);
    made->index = index;
    made->term = term;
    made->image_bytes = image_bytes;
    made->suspended = true;
    store->receiver = made;
    error = de_snapshot_file_create(store, &made->file, DE_SNAPSHOT_RECEIVE_NAME);
    if (error != 0) {
        de_snapshot_receive_forget(store);
    }
    return error;
}

int de_snapshot_receive(void *object, uint64_t index, uint64_t term, uint64_t image_bytes,
                        struct dengine_snapshot_receiver **receiver, uint64_t *have_bytes)
{
    struct de_snapshot_store *store = object;
    struct dengine_snapshot_receiver *old = store->receiver;
    const uint64_t newest = de_snapshot_kept_newest(store);

    DE_ASSERT(receiver != NULL && have_bytes != NULL);
    DE_ASSERT_IMPLIES(old != NULL, old->suspended);
    de_snapshot_say_nothing(store);
    if (index == 0 || term == 0 || index < newest) {
        return de_snapshot_say(store, DENGINE_E_INVALID,
                               "a snapshot at index %llu of term %llu is of no use here: there is "
                               "one at index %llu",
                               (unsigned long long)index, (unsigned long long)term,
                               (unsigned long long)newest);
    }
    if (old != NULL &&
        (old->index != index || old->term != term || old->image_bytes != image_bytes)) {
        de_snapshot_receive_forget(store);
    }
    if (store->receiver == NULL) {
        int error = begin(store, index, term, image_bytes);

        if (error != 0) {
            return error;
        }
    }
    DE_ASSERT(store->receiver->file.bytes == store->receiver->scan.offset);
    store->receiver->suspended = false;
    *receiver = store->receiver;
    *have_bytes = store->receiver->file.bytes;
    return 0;
}

static int fail_scan(struct de_snapshot_store *store,
                     const struct dengine_snapshot_receiver *receiver)
{
    DE_ASSERT(receiver->scan.failed != 0);
    DE_ASSERT(receiver->scan.message[0] != '\0');
    return de_snapshot_say(store, receiver->scan.failed,
                           "the image that was received for the snapshot at index %llu cannot be "
                           "used: %s; it has to be sent again",
                           (unsigned long long)receiver->index, receiver->scan.message);
}

int de_snapshot_receive_write(void *object, struct dengine_snapshot_receiver *receiver,
                              struct dengine_slice bytes)
{
    struct de_snapshot_store *store = object;

    DE_ASSERT(store->receiver == receiver && !receiver->suspended);
    DE_ASSERT(bytes.data != NULL || bytes.size == 0);
    de_snapshot_say_nothing(store);
    if (receiver->failed != 0 || bytes.size == 0) {
        return receiver->failed;
    }
    if (bytes.size > receiver->image_bytes - receiver->file.bytes) {
        receiver->failed = de_snapshot_say(store, DENGINE_E_CORRUPT,
                                           "more is sent than the %llu bytes of the image",
                                           (unsigned long long)receiver->image_bytes);
    } else if (de_snapshot_scan_feed(&receiver->scan, &store->allocator, bytes) != 0) {
        receiver->failed = fail_scan(store, receiver);
    } else {
        receiver->failed = de_snapshot_file_append(store, &receiver->file, &bytes, 1);
    }
    return receiver->failed;
}

/* Whether all has come, and is what was announced. */
static int check(struct de_snapshot_store *store, struct dengine_snapshot_receiver *receiver,
                 struct dengine_snapshot_meta *meta)
{
    int error = receiver->failed;

    DE_ASSERT(!receiver->suspended);
    DE_ASSERT(meta != NULL);
    if (error != 0) {
        return de_snapshot_say(store, error, "receiving the snapshot had failed before: %s",
                               dengine_strerror(error));
    }
    if (de_snapshot_scan_finish(&receiver->scan) != 0) {
        return fail_scan(store, receiver);
    }
    if (!de_snapshot_scan_meta(&receiver->scan, meta) || meta->index != receiver->index ||
        meta->term != receiver->term || receiver->file.bytes != receiver->image_bytes) {
        return de_snapshot_say(store, DENGINE_E_CORRUPT,
                               "the image that was received is of another snapshot than the one "
                               "at index %llu that was announced; it has to be sent again",
                               (unsigned long long)receiver->index);
    }
    return 0;
}

int de_snapshot_receive_finish(void *object, struct dengine_snapshot_receiver *receiver,
                               struct dengine_snapshot_meta *meta)
{
    struct de_snapshot_store *store = object;
    int error;

    DE_ASSERT(store->receiver == receiver && !receiver->suspended);
    DE_ASSERT(receiver->file.bytes <= receiver->image_bytes);
    de_snapshot_say_nothing(store);
    error = check(store, receiver, meta);
    if (error == 0) {
        error = de_snapshot_keep_meta(store, meta);
    }
    if (error == 0) {
        error = de_snapshot_file_finish(store, &receiver->file, receiver->index);
    }
    receiver->suspended = true;
    de_snapshot_receive_forget(store);
    if (error == 0) {
        /* The new one is there, whatever becomes of the old. */
        (void)de_snapshot_kept_prune(store);
    }
    DE_ASSERT(store->receiver == NULL);
    return error;
}

void de_snapshot_receive_suspend(void *object, struct dengine_snapshot_receiver *receiver)
{
    struct de_snapshot_store *store = object;

    DE_ASSERT(store->receiver == receiver);
    DE_ASSERT(!receiver->suspended);
    receiver->suspended = true;
    if (receiver->failed != 0) {
        de_snapshot_receive_forget(store);
    }
}
