#include "core/node/node_test_snapshots.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/base/crc32c.h"

#define HEAD_BYTES 28

struct dengine_snapshot_writer {
    struct harness_image *image;
};

struct dengine_snapshot_receiver {
    int unused;
};

struct dengine_snapshot_reader {
    struct harness_image *image;
    size_t at; /* in the stream */
};

static void *make(size_t size)
{
    void *memory = calloc(1, size);

    DE_ASSERT(memory != NULL);
    return memory;
}

static void release(struct harness_image *image)
{
    if (--image->references == 0) {
        free(image->bytes);
        free(image);
    }
}

static void append(struct harness_image *image, const void *data, size_t size)
{
    image->bytes = realloc(image->bytes, image->size + size + 1);
    DE_ASSERT(image->bytes != NULL);
    if (size > 0) {
        memcpy(image->bytes + image->size, data, size);
    }
    image->size += size;
}

static int failure(struct harness_snapshots *snapshots)
{
    if (snapshots->error == 0) {
        return 0;
    }
    if (snapshots->error_in > 0) {
        snapshots->error_in--;
        return 0;
    }
    return snapshots->error;
}

static uint64_t index_of(const struct harness_image *image)
{
    return de_load_u64(image->bytes + 8);
}

static void meta_of(const struct harness_image *image, struct dengine_snapshot_meta *meta)
{
    meta->cluster_id = de_load_u64(image->bytes);
    meta->index = index_of(image);
    meta->term = de_load_u64(image->bytes + 16);
    meta->configuration =
        dengine_bytes(image->bytes + HEAD_BYTES, de_load_u32(image->bytes + HEAD_BYTES - 4));
}

static size_t stream_start(const struct harness_image *image)
{
    return HEAD_BYTES + de_load_u32(image->bytes + HEAD_BYTES - 4);
}

/* Takes the image over. */
static void add(struct harness_snapshots *snapshots, struct harness_image *image)
{
    size_t at = snapshots->count;

    if (snapshots->count == HARNESS_SNAPSHOTS_MAX) {
        release(snapshots->images[0]);
        memmove(&snapshots->images[0], &snapshots->images[1],
                (HARNESS_SNAPSHOTS_MAX - 1) * sizeof snapshots->images[0]);
        snapshots->count--;
        at--;
    }
    while (at > 0 && index_of(snapshots->images[at - 1]) > index_of(image)) {
        snapshots->images[at] = snapshots->images[at - 1];
        at--;
    }
    snapshots->images[at] = image;
    snapshots->count++;
}

static int store_newest(void *object, struct dengine_snapshot_meta *meta)
{
    struct harness_snapshots *snapshots = object;
    const int err = failure(snapshots);

    if (err != 0) {
        return err;
    }
    if (snapshots->count == 0) {
        return DENGINE_E_NOT_FOUND;
    }
    meta_of(snapshots->images[snapshots->count - 1], meta);
    return 0;
}

static int store_create(void *object, const struct dengine_snapshot_meta *meta,
                        struct dengine_snapshot_writer **writer)
{
    struct harness_snapshots *snapshots = object;
    const int err = failure(snapshots);
    uint8_t head[HEAD_BYTES];

    if (err != 0) {
        return err;
    }
    *writer = make(sizeof **writer);
    (*writer)->image = make(sizeof *(*writer)->image);
    (*writer)->image->references = 1;
    de_store_u64(head, meta->cluster_id);
    de_store_u64(head + 8, meta->index);
    de_store_u64(head + 16, meta->term);
    de_store_u32(head + 24, (uint32_t)meta->configuration.size);
    append((*writer)->image, head, sizeof head);
    append((*writer)->image, meta->configuration.data, meta->configuration.size);
    snapshots->opened++;
    return 0;
}

static int store_write(void *object, struct dengine_snapshot_writer *writer,
                       struct dengine_slice bytes)
{
    const int err = failure(object);

    if (err == 0) {
        append(writer->image, bytes.data, bytes.size);
    }
    return err;
}

static void store_abort(void *object, struct dengine_snapshot_writer *writer)
{
    struct harness_snapshots *snapshots = object;

    release(writer->image);
    free(writer);
    snapshots->opened--;
}

static int store_commit(void *object, struct dengine_snapshot_writer *writer)
{
    struct harness_snapshots *snapshots = object;
    const int err = failure(snapshots);
    uint8_t crc[4];

    if (err != 0) {
        store_abort(object, writer);
        return err;
    }
    de_store_u32(crc, de_crc32c(0, writer->image->bytes, writer->image->size));
    append(writer->image, crc, sizeof crc);
    add(snapshots, writer->image);
    free(writer);
    snapshots->opened--;
    return 0;
}

static int store_receive(void *object, uint64_t index, uint64_t term, uint64_t image_bytes,
                         struct dengine_snapshot_receiver **receiver, uint64_t *have_bytes)
{
    struct harness_snapshots *snapshots = object;
    const int err = failure(snapshots);

    if (err != 0) {
        return err;
    }
    if (snapshots->partial_index != index || snapshots->partial_term != term ||
        snapshots->partial_size != image_bytes) {
        free(snapshots->partial);
        snapshots->partial = make((size_t)image_bytes);
        snapshots->partial_have = 0;
        snapshots->partial_index = index;
        snapshots->partial_term = term;
        snapshots->partial_size = image_bytes;
    }
    *receiver = make(sizeof **receiver);
    *have_bytes = snapshots->partial_have;
    snapshots->opened++;
    return 0;
}

static int store_receive_write(void *object, struct dengine_snapshot_receiver *receiver,
                               struct dengine_slice bytes)
{
    struct harness_snapshots *snapshots = object;
    const int err = failure(snapshots);

    DE_ASSERT(receiver != NULL);
    if (err != 0) {
        return err;
    }
    if (snapshots->damage > 0) {
        snapshots->damage--;
        snapshots->partial_index = 0; /* thrown away */
        return DENGINE_E_CORRUPT;
    }
    DE_ASSERT(snapshots->partial_have + bytes.size <= snapshots->partial_size);
    memcpy(snapshots->partial + snapshots->partial_have, bytes.data, bytes.size);
    snapshots->partial_have += bytes.size;
    snapshots->received += bytes.size;
    return 0;
}

static void store_suspend(void *object, struct dengine_snapshot_receiver *receiver)
{
    struct harness_snapshots *snapshots = object;

    free(receiver);
    snapshots->opened--;
}

static int store_finish(void *object, struct dengine_snapshot_receiver *receiver,
                        struct dengine_snapshot_meta *meta)
{
    struct harness_snapshots *snapshots = object;
    const int err = failure(snapshots);
    struct harness_image *image;
    size_t size = snapshots->partial_have;

    store_suspend(object, receiver);
    if (err != 0) {
        return err;
    }
    DE_ASSERT(size == snapshots->partial_size && size > HEAD_BYTES + 4);
    image = make(sizeof *image);
    image->bytes = snapshots->partial;
    image->size = size;
    image->references = 1;
    snapshots->partial = NULL;
    snapshots->partial_index = 0;
    snapshots->partial_have = 0;
    if (de_crc32c(0, image->bytes, size - 4) != de_load_u32(image->bytes + size - 4)) {
        release(image);
        return DENGINE_E_CORRUPT;
    }
    add(snapshots, image);
    meta_of(image, meta);
    return 0;
}

static int store_open(void *object, uint64_t index, struct dengine_snapshot_reader **reader,
                      struct dengine_snapshot_meta *meta, uint64_t *image_bytes)
{
    struct harness_snapshots *snapshots = object;
    const int err = failure(snapshots);

    for (size_t i = snapshots->count; i > 0 && err == 0; i--) {
        struct harness_image *image = snapshots->images[i - 1];

        if (index == 0 || index_of(image) == index) {
            *reader = make(sizeof **reader);
            (*reader)->image = image;
            (*reader)->at = stream_start(image);
            image->references++;
            meta_of(image, meta);
            *image_bytes = image->size;
            snapshots->opened++;
            return 0;
        }
    }
    return err != 0 ? err : DENGINE_E_NOT_FOUND;
}

static int store_read(void *object, struct dengine_snapshot_reader *reader, void *buffer,
                      size_t capacity, size_t *size)
{
    const int err = failure(object);

    if (err != 0) {
        return err;
    }
    *size = reader->image->size - 4 - reader->at;
    *size = *size < capacity ? *size : capacity;
    memcpy(buffer, reader->image->bytes + reader->at, *size);
    reader->at += *size;
    return 0;
}

static int store_read_image(void *object, struct dengine_snapshot_reader *reader, uint64_t offset,
                            void *buffer, size_t capacity, size_t *size)
{
    const int err = failure(object);

    if (err != 0) {
        return err;
    }
    *size = reader->image->size - (size_t)offset;
    *size = *size < capacity ? *size : capacity;
    memcpy(buffer, reader->image->bytes + offset, *size);
    return 0;
}

static void store_close_reader(void *object, struct dengine_snapshot_reader *reader)
{
    struct harness_snapshots *snapshots = object;

    release(reader->image);
    free(reader);
    snapshots->opened--;
}

static const char *store_message(void *object)
{
    (void)object;
    return "the test store was told to fail";
}

struct dengine_snapshot_store harness_snapshot_store(struct harness_snapshots *snapshots)
{
    static const struct dengine_snapshot_store_ops ops = {
        .newest = store_newest,
        .create = store_create,
        .write = store_write,
        .commit = store_commit,
        .abort = store_abort,
        .receive = store_receive,
        .receive_write = store_receive_write,
        .receive_finish = store_finish,
        .receive_suspend = store_suspend,
        .open = store_open,
        .read = store_read,
        .read_image = store_read_image,
        .close_reader = store_close_reader,
        .message = store_message,
    };
    struct dengine_snapshot_store store = {&ops, snapshots};

    return store;
}

void harness_snapshots_free(struct harness_snapshots *snapshots)
{
    DE_ASSERT(snapshots->opened == 0);
    for (size_t i = 0; i < snapshots->count; i++) {
        DE_ASSERT(snapshots->images[i]->references == 1);
        release(snapshots->images[i]);
    }
    free(snapshots->partial);
    snapshots->count = 0;
    snapshots->partial = NULL;
}

uint64_t harness_snapshots_newest(const struct harness_snapshots *snapshots)
{
    return snapshots->count == 0 ? 0 : index_of(snapshots->images[snapshots->count - 1]);
}
