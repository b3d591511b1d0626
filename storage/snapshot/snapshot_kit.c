#include "storage/snapshot/snapshot_kit.h"

#include <stdlib.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "core/base/random.h"

#define CLUSTER 9
#define TERM    4

void de_snapshot_kit_init(struct de_snapshot_kit *kit)
{
    memset(kit, 0, sizeof(*kit));
    kit->fault = de_fault_dir_new();
    kit->stream = malloc(DE_SNAPSHOT_KIT_STREAM_MAX);
    DE_ASSERT(kit->stream != NULL);
}

void de_snapshot_kit_deinit(struct de_snapshot_kit *kit)
{
    de_snapshot_kit_close(kit);
    de_fault_dir_free(kit->fault);
    free(kit->stream);
}

int de_snapshot_kit_open(struct de_snapshot_kit *kit)
{
    const struct de_snapshot_options options = {.allocator = kit->allocator};
    int error;

    DE_ASSERT(!kit->open);
    error = de_snapshot_store_open(de_fault_dir_dir(kit->fault), &options, &kit->store,
                                   kit->message, sizeof(kit->message));
    kit->open = error == 0;
    return error;
}

void de_snapshot_kit_close(struct de_snapshot_kit *kit)
{
    if (kit->open) {
        kit->store.ops->close(kit->store.object);
        kit->open = false;
    }
}

size_t de_snapshot_kit_size(uint64_t index)
{
    /* Nothing, a part of a block, exactly one block, several of them. */
    static const size_t sizes[] = {0, 777, 65536, 150000, 65537, 3};

    DE_ASSERT(index > 0);
    return sizes[index % DE_ARRAY_SIZE(sizes)];
}

static void fill(uint64_t index, uint8_t *stream)
{
    const size_t size = de_snapshot_kit_size(index);
    struct de_random random;

    de_random_init(&random, index);
    for (size_t i = 0; i < size; i += 8) {
        const uint64_t word = de_random_next(&random);

        memcpy(stream + i, &word, size - i < 8 ? size - i : 8);
    }
}

static struct dengine_snapshot_meta meta_of(uint64_t index)
{
    static const char configuration[] = "a configuration of some length";
    struct dengine_snapshot_meta meta = {CLUSTER, index, TERM,
                                         dengine_bytes(configuration, (size_t)(index % 20))};

    return meta;
}

static int save(struct dengine_snapshot_store store, uint64_t index, uint8_t *stream)
{
    const struct dengine_snapshot_meta meta = meta_of(index);
    const size_t size = de_snapshot_kit_size(index);
    struct dengine_snapshot_writer *writer;
    int error = store.ops->create(store.object, &meta, &writer);

    if (error != 0) {
        return error;
    }
    fill(index, stream);
    for (size_t at = 0; at < size && error == 0; at += 30000) {
        const size_t left = size - at < 30000 ? size - at : 30000;

        error = store.ops->write(store.object, writer, dengine_bytes(stream + at, left));
    }
    if (error != 0) {
        store.ops->abort(store.object, writer);
        return error;
    }
    return store.ops->commit(store.object, writer);
}

int de_snapshot_kit_save(struct de_snapshot_kit *kit, uint64_t index)
{
    DE_ASSERT(kit->open);
    return save(kit->store, index, kit->stream);
}

/* The image as another replica has it; the caller frees it. */
static uint8_t *image_of(uint64_t index, uint8_t *stream, size_t *size)
{
    struct dengine_snapshot_store other;
    struct dengine_snapshot_reader *reader;
    struct dengine_snapshot_meta meta;
    uint64_t bytes = 0;
    struct de_fault_dir *fault = de_fault_dir_new();
    uint8_t *image;
    int error = de_snapshot_store_open(de_fault_dir_dir(fault), NULL, &other, NULL, 0);

    DE_ASSERT(error == 0);
    error = save(other, index, stream);
    DE_ASSERT(error == 0);
    error = other.ops->open(other.object, 0, &reader, &meta, &bytes);
    DE_ASSERT(error == 0);
    image = malloc((size_t)bytes);
    DE_ASSERT(image != NULL);
    error = other.ops->read_image(other.object, reader, 0, image, (size_t)bytes, size);
    DE_ASSERT(error == 0 && *size == bytes);
    other.ops->close_reader(other.object, reader);
    other.ops->close(other.object);
    de_fault_dir_free(fault);
    return image;
}

int de_snapshot_kit_receive(struct de_snapshot_kit *kit, uint64_t index, uint64_t most, bool *whole)
{
    const struct dengine_snapshot_store store = kit->store;
    struct dengine_snapshot_receiver *receiver;
    struct dengine_snapshot_meta meta;
    uint64_t have = 0;
    size_t size = 0;
    uint8_t *image = image_of(index, kit->stream, &size);
    int error = store.ops->receive(store.object, index, TERM, size, &receiver, &have);

    DE_ASSERT(kit->open);
    *whole = false;
    if (error != 0) {
        free(image);
        return error;
    }
    *whole = most >= size - have;
    most = *whole ? size - have : most;
    for (uint64_t at = 0; at < most && error == 0; at += 40000) {
        const uint64_t left = most - at < 40000 ? most - at : 40000;

        error = store.ops->receive_write(store.object, receiver,
                                         dengine_bytes(image + have + at, (size_t)left));
    }
    free(image);
    if (error != 0 || !*whole) {
        store.ops->receive_suspend(store.object, receiver);
        return error;
    }
    return store.ops->receive_finish(store.object, receiver, &meta);
}

/* Whether the reader's stream is that of the snapshot at index. */
static int check_stream(struct de_snapshot_kit *kit, struct dengine_snapshot_reader *reader,
                        uint64_t index)
{
    const struct dengine_snapshot_store store = kit->store;
    const size_t size = de_snapshot_kit_size(index);
    uint8_t buffer[7001];
    size_t total = 0;
    size_t more = 1;

    fill(index, kit->stream);
    while (more > 0) {
        int error = store.ops->read(store.object, reader, buffer, sizeof(buffer), &more);

        if (error != 0) {
            return error;
        }
        if (more > size - total || memcmp(buffer, kit->stream + total, more) != 0) {
            return DENGINE_E_INTERNAL;
        }
        total += more;
    }
    return total == size ? 0 : DENGINE_E_INTERNAL;
}

int de_snapshot_kit_check(struct de_snapshot_kit *kit, uint64_t index, uint64_t *found)
{
    const struct dengine_snapshot_store store = kit->store;
    struct dengine_snapshot_meta wanted;
    struct dengine_snapshot_reader *reader;
    struct dengine_snapshot_meta meta;
    uint64_t image_bytes;
    int error = store.ops->open(store.object, index, &reader, &meta, &image_bytes);

    DE_ASSERT(kit->open && found != NULL);
    if (error != 0) {
        return error;
    }
    *found = meta.index;
    wanted = meta_of(meta.index);
    if (meta.cluster_id != wanted.cluster_id || meta.term != wanted.term ||
        meta.configuration.size != wanted.configuration.size ||
        memcmp(meta.configuration.data, wanted.configuration.data, meta.configuration.size) != 0) {
        error = DENGINE_E_INTERNAL;
    } else {
        error = check_stream(kit, reader, meta.index);
    }
    store.ops->close_reader(store.object, reader);
    return error;
}
