/* Writing a snapshot from the state machine's stream. */
#include <dengine/error.h>

#include "core/base/crc32c.h"
#include "storage/snapshot/snapshot_internal.h"

struct dengine_snapshot_writer {
    struct de_snapshot_file file;
    uint64_t index;
    uint64_t blocks;       /* written */
    uint64_t stream_bytes; /* in them */
    uint32_t crc;
    int failed;  /* 0, or the first failure */
    size_t fill; /* bytes of data in block */
    uint8_t block[DE_SNAPSHOT_BLOCK_BYTES];
};

/* Appends what the end vouches for, and the data behind it, which its head vouches for. */
static int append(struct de_snapshot_store *store, struct dengine_snapshot_writer *writer,
                  struct dengine_slice bytes, struct dengine_slice data)
{
    const struct dengine_slice buffers[2] = {bytes, data};

    DE_ASSERT(writer->failed == 0);
    DE_ASSERT(writer->file.file != NULL);
    writer->crc = de_crc32c(writer->crc, bytes.data, bytes.size);
    writer->failed = de_snapshot_file_append(store, &writer->file, buffers, data.size > 0 ? 2 : 1);
    return writer->failed;
}

static int check_meta(struct de_snapshot_store *store, const struct dengine_snapshot_meta *meta)
{
    const uint64_t newest = de_snapshot_kept_newest(store);

    DE_ASSERT(meta->configuration.data != NULL || meta->configuration.size == 0);
    if (meta->index == 0 || meta->term == 0) {
        return de_snapshot_say(store, DENGINE_E_INVALID, "a snapshot needs an index and a term");
    }
    if (meta->index < newest) {
        return de_snapshot_say(store, DENGINE_E_INVALID,
                               "there is a newer snapshot, at index %llu, than this one, at %llu",
                               (unsigned long long)newest, (unsigned long long)meta->index);
    }
    if (meta->configuration.size > DENGINE_SNAPSHOT_CONFIGURATION_MAX) {
        return de_snapshot_say(store, DENGINE_E_INVALID,
                               "the configuration has %zu bytes, a snapshot takes %d",
                               meta->configuration.size, DENGINE_SNAPSHOT_CONFIGURATION_MAX);
    }
    return 0;
}

static void end(struct de_snapshot_store *store, struct dengine_snapshot_writer *writer)
{
    DE_ASSERT(store->writer == writer);
    de_snapshot_file_drop(store, &writer->file);
    de_release(&store->allocator, writer);
    store->writer = NULL;
}

int de_snapshot_create(void *object, const struct dengine_snapshot_meta *meta,
                       struct dengine_snapshot_writer **writer)
{
    struct de_snapshot_store *store = object;
    struct dengine_snapshot_writer *made;
    const struct dengine_slice none = {NULL, 0};
    uint8_t header[DE_SNAPSHOT_HEADER_BYTES];
    int error;

    DE_ASSERT(store->writer == NULL);
    DE_ASSERT(meta != NULL && writer != NULL);
    de_snapshot_say_nothing(store);
    error = check_meta(store, meta);
    if (error != 0) {
        return error;
    }
    made = de_allocate(&store->allocator, sizeof(*made));
    if (made == NULL) {
        return de_snapshot_say(store, DENGINE_E_NO_MEMORY, "no memory for writing a snapshot");
    }
    memset(made, 0, offsetof(struct dengine_snapshot_writer, block)); /* which is filled later */
    made->index = meta->index;
    store->writer = made;
    error = de_snapshot_file_create(store, &made->file, DE_SNAPSHOT_WRITE_NAME);
    if (error == 0) {
        de_snapshot_header_encode(meta, DE_SNAPSHOT_BLOCK_BYTES, header);
        error = append(store, made, dengine_bytes(header, sizeof(header)), none);
    }
    if (error == 0 && meta->configuration.size > 0) {
        error = append(store, made, meta->configuration, none);
    }
    if (error != 0) {
        end(store, made);
        return error;
    }
    *writer = made;
    return 0;
}

static int write_block(struct de_snapshot_store *store, struct dengine_snapshot_writer *writer,
                       struct dengine_slice data)
{
    uint8_t head[DE_SNAPSHOT_BLOCK_HEAD_BYTES];
    int error;

    DE_ASSERT(data.size > 0 && data.size <= DE_SNAPSHOT_BLOCK_BYTES);
    de_snapshot_block_head(writer->blocks, data, head);
    error = append(store, writer, dengine_bytes(head, sizeof(head)), data);
    writer->blocks++;
    writer->stream_bytes += data.size;
    DE_ASSERT(writer->stream_bytes >= writer->blocks);
    return error;
}

/* Puts bytes into the block, as many as there is room for; returns how many. */
static size_t gather(struct dengine_snapshot_writer *writer, struct dengine_slice bytes)
{
    const size_t left = DE_SNAPSHOT_BLOCK_BYTES - writer->fill;
    const size_t size = bytes.size < left ? bytes.size : left;

    DE_ASSERT(writer->fill < DE_SNAPSHOT_BLOCK_BYTES);
    memcpy(writer->block + writer->fill, bytes.data, size);
    writer->fill += size;
    return size;
}

int de_snapshot_write(void *object, struct dengine_snapshot_writer *writer,
                      struct dengine_slice bytes)
{
    struct de_snapshot_store *store = object;

    DE_ASSERT(store->writer == writer && writer != NULL);
    DE_ASSERT(bytes.data != NULL || bytes.size == 0);
    de_snapshot_say_nothing(store);
    while (bytes.size > 0 && writer->failed == 0) {
        size_t size = DE_SNAPSHOT_BLOCK_BYTES;

        if (writer->fill == 0 && bytes.size >= size) {
            (void)write_block(store, writer, dengine_bytes(bytes.data, size));
        } else {
            size = gather(writer, bytes);
        }
        bytes = dengine_bytes((const uint8_t *)bytes.data + size, bytes.size - size);
        if (writer->fill == DE_SNAPSHOT_BLOCK_BYTES) {
            (void)write_block(store, writer, dengine_bytes(writer->block, writer->fill));
            writer->fill = 0;
        }
    }
    return writer->failed;
}

int de_snapshot_commit(void *object, struct dengine_snapshot_writer *writer)
{
    struct de_snapshot_store *store = object;
    uint8_t bytes[DE_SNAPSHOT_END_BYTES];
    int error = writer->failed;

    DE_ASSERT(store->writer == writer);
    DE_ASSERT(writer->fill < DE_SNAPSHOT_BLOCK_BYTES);
    de_snapshot_say_nothing(store);
    if (error != 0) {
        (void)de_snapshot_say(store, error, "the snapshot had failed before: %s",
                              dengine_strerror(error));
    }
    if (error == 0 && writer->fill > 0) {
        error = write_block(store, writer, dengine_bytes(writer->block, writer->fill));
    }
    if (error == 0) {
        de_snapshot_end_encode(writer->blocks, writer->stream_bytes, writer->crc, bytes);
        error = append(store, writer, dengine_bytes(bytes, sizeof(bytes)), dengine_bytes(NULL, 0));
    }
    if (error == 0) {
        error = de_snapshot_file_finish(store, &writer->file, writer->index);
    }
    end(store, writer);
    if (error == 0) {
        /* The new one is there, whatever becomes of the old. */
        (void)de_snapshot_kept_prune(store);
    }
    DE_ASSERT(store->writer == NULL);
    return error;
}

void de_snapshot_abort(void *object, struct dengine_snapshot_writer *writer)
{
    struct de_snapshot_store *store = object;

    DE_ASSERT(writer != NULL);
    DE_ASSERT(store->writer == writer);
    end(store, writer);
}
