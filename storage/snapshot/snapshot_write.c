/* Writing a snapshot from the state machine's stream. */
#include <dengine/error.h>

#include "core/base/crc32c.h"
#include "storage/snapshot/snapshot_internal.h"

struct dengine_snapshot_writer {
    struct de_snapshot_file file;
    uint64_t index;
    uint64_t blocks;       /* written */
    uint64_t stream_bytes; /* in them */
    uint32_t crc_all;
    int failed;  /* 0, or the first failure */
    size_t fill; /* bytes of data in block */
    uint8_t block[DE_SNAPSHOT_BLOCK_HEAD_BYTES + DE_SNAPSHOT_BLOCK_BYTES];
};

static int append(struct de_snapshot_store *store, struct dengine_snapshot_writer *writer,
                  struct dengine_slice bytes)
{
    DE_ASSERT(writer->failed == 0);
    DE_ASSERT(writer->file.file != NULL);
    if (bytes.size == 0) {
        return 0;
    }
    writer->crc_all = de_crc32c(writer->crc_all, bytes.data, bytes.size);
    writer->failed = de_snapshot_file_append(store, &writer->file, bytes);
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
    memset(made, 0, sizeof(*made));
    made->index = meta->index;
    store->writer = made;
    error = de_snapshot_file_create(store, &made->file, DE_SNAPSHOT_WRITE_NAME);
    if (error == 0) {
        de_snapshot_header_encode(meta, DE_SNAPSHOT_BLOCK_BYTES, header);
        error = append(store, made, dengine_bytes(header, sizeof(header)));
    }
    if (error == 0) {
        error = append(store, made, meta->configuration);
    }
    if (error != 0) {
        end(store, made);
        return error;
    }
    *writer = made;
    return 0;
}

static int write_block(struct de_snapshot_store *store, struct dengine_snapshot_writer *writer)
{
    uint8_t *data = writer->block + DE_SNAPSHOT_BLOCK_HEAD_BYTES;
    int error;

    DE_ASSERT(writer->fill > 0 && writer->fill <= DE_SNAPSHOT_BLOCK_BYTES);
    de_snapshot_block_head(writer->blocks, dengine_bytes(data, writer->fill), writer->block);
    error = append(store, writer,
                   dengine_bytes(writer->block, DE_SNAPSHOT_BLOCK_HEAD_BYTES + writer->fill));
    writer->blocks++;
    writer->stream_bytes += writer->fill;
    writer->fill = 0;
    DE_ASSERT(writer->stream_bytes >= writer->blocks);
    return error;
}

int de_snapshot_write(void *object, struct dengine_snapshot_writer *writer,
                      struct dengine_slice bytes)
{
    struct de_snapshot_store *store = object;

    DE_ASSERT(store->writer == writer && writer != NULL);
    DE_ASSERT(bytes.data != NULL || bytes.size == 0);
    de_snapshot_say_nothing(store);
    while (bytes.size > 0 && writer->failed == 0) {
        const size_t left = DE_SNAPSHOT_BLOCK_BYTES - writer->fill;
        const size_t size = bytes.size < left ? bytes.size : left;

        memcpy(writer->block + DE_SNAPSHOT_BLOCK_HEAD_BYTES + writer->fill, bytes.data, size);
        writer->fill += size;
        bytes = dengine_bytes((const uint8_t *)bytes.data + size, bytes.size - size);
        if (writer->fill == DE_SNAPSHOT_BLOCK_BYTES) {
            (void)write_block(store, writer);
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
        error = write_block(store, writer);
    }
    if (error == 0) {
        de_snapshot_end_encode(writer->blocks, writer->stream_bytes, writer->crc_all, bytes);
        error = append(store, writer, dengine_bytes(bytes, sizeof(bytes)));
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
