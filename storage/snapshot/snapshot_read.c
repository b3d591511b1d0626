/* Reading finished snapshots: their streams, checked block by block, and their images as they are.
 * Any thread. */
#include <dengine/error.h>

#include "core/base/codec.h"
#include "storage/snapshot/snapshot_internal.h"

struct dengine_snapshot_reader {
    struct dengine_file *file;
    struct de_snapshot_scan scan;
    uint64_t index;
    uint64_t image_bytes;
    char name[DE_SNAPSHOT_NAME_BYTES];
    struct dengine_slice left; /* of the block in buffer: checked, and not yet handed out */
    uint8_t *buffer;           /* for a block; NULL until first used */
    size_t buffer_bytes;
};

static int fail(struct de_snapshot_store *store, const struct dengine_snapshot_reader *reader,
                int error)
{
    DE_ASSERT(error != 0);
    DE_ASSERT(reader->name[0] != '\0');
    if (error == DENGINE_E_CORRUPT || error == DENGINE_E_VERSION) {
        return de_snapshot_say(store, error,
                               "%s cannot be used: %s; remove the file, and the state is taken "
                               "from an older snapshot and the log, or from another member",
                               reader->name, reader->scan.message);
    }
    return de_snapshot_say(store, error, "reading %s failed: %s", reader->name,
                           dengine_strerror(error));
}

/* Reads the next size bytes of the image into buffer and checks them. A file that has not so many
 * ends too early. */
static int load(struct de_snapshot_store *store, struct dengine_snapshot_reader *reader,
                uint8_t *buffer, size_t size)
{
    const uint64_t offset = reader->scan.offset;
    const uint64_t left = reader->image_bytes - offset;
    int error;

    DE_ASSERT(offset <= reader->image_bytes);
    DE_ASSERT(buffer != NULL);
    if (left < size) {
        error = de_snapshot_scan_finish(&reader->scan);
        DE_ASSERT(error != 0);
        return fail(store, reader, error);
    }
    error = store->dir.ops->read(store->dir.object, reader->file, offset, buffer, size);
    if (error == 0) {
        error =
            de_snapshot_scan_feed(&reader->scan, &store->allocator, dengine_bytes(buffer, size));
    }
    return error == 0 ? 0 : fail(store, reader, error);
}

/* The header and the configuration. */
static int load_header(struct de_snapshot_store *store, struct dengine_snapshot_reader *reader,
                       struct dengine_snapshot_meta *meta)
{
    uint8_t fixed[DE_SNAPSHOT_HEADER_BYTES];
    uint8_t *configuration;
    int error = load(store, reader, fixed, sizeof(fixed));

    DE_ASSERT(meta != NULL);
    if (error == 0 && reader->scan.header.configuration_bytes > 0) {
        configuration = de_allocate(&store->allocator, reader->scan.header.configuration_bytes);
        if (configuration == NULL) {
            return de_snapshot_say(store, DENGINE_E_NO_MEMORY, "no memory for reading a snapshot");
        }
        error = load(store, reader, configuration, reader->scan.header.configuration_bytes);
        de_release(&store->allocator, configuration);
    }
    if (error == 0 &&
        (!de_snapshot_scan_meta(&reader->scan, meta) || meta->index != reader->index)) {
        (void)de_message_set(reader->scan.message, sizeof(reader->scan.message),
                             "it is the snapshot at another index than its name says");
        error = fail(store, reader, DENGINE_E_CORRUPT);
    }
    return error;
}

static void free_reader(struct de_snapshot_store *store, struct dengine_snapshot_reader *reader)
{
    DE_ASSERT(reader != NULL);
    DE_ASSERT(reader->index > 0);
    if (reader->file != NULL) {
        store->dir.ops->close(store->dir.object, reader->file);
    }
    de_snapshot_kept_unpin(store, reader->index);
    de_snapshot_scan_deinit(&reader->scan, &store->allocator);
    de_release(&store->allocator, reader->buffer);
    de_release(&store->allocator, reader);
}

static int open_file(struct de_snapshot_store *store, struct dengine_snapshot_reader *reader)
{
    const struct dengine_dir dir = store->dir;
    int error;

    DE_ASSERT(reader->file == NULL);
    de_snapshot_name(reader->index, reader->name);
    error = dir.ops->open(dir.object, reader->name, DENGINE_FILE_READ, &reader->file);
    if (error != 0) {
        reader->file = NULL;
        return fail(store, reader, error);
    }
    error = dir.ops->size(dir.object, reader->file, &reader->image_bytes);
    return error == 0 ? 0 : fail(store, reader, error);
}

int de_snapshot_open_reader(void *object, uint64_t index, struct dengine_snapshot_reader **reader,
                            struct dengine_snapshot_meta *meta, uint64_t *image_bytes)
{
    struct de_snapshot_store *store = object;
    struct dengine_snapshot_reader *made;
    int error;

    DE_ASSERT(reader != NULL);
    DE_ASSERT(meta != NULL && image_bytes != NULL);
    de_snapshot_say_nothing(store);
    if (!de_snapshot_kept_pin(store, &index)) {
        return de_snapshot_say(store, DENGINE_E_NOT_FOUND, "there is no such snapshot");
    }
    made = de_allocate(&store->allocator, sizeof(*made));
    if (made == NULL) {
        de_snapshot_kept_unpin(store, index);
        return de_snapshot_say(store, DENGINE_E_NO_MEMORY, "no memory for reading a snapshot");
    }
    memset(made, 0, sizeof(*made));
    made->index = index;
    de_snapshot_scan_init(&made->scan);
    error = open_file(store, made);
    if (error == 0) {
        error = load_header(store, made, meta);
    }
    if (error != 0) {
        free_reader(store, made);
        return error;
    }
    *reader = made;
    *image_bytes = made->image_bytes;
    return 0;
}

int de_snapshot_newest(void *object, struct dengine_snapshot_meta *meta)
{
    struct de_snapshot_store *store = object;
    struct dengine_snapshot_reader *reader;
    uint64_t image_bytes;
    int error = de_snapshot_open_reader(store, 0, &reader, meta, &image_bytes);

    DE_ASSERT(meta != NULL);
    if (error == 0) {
        error = de_snapshot_keep_meta(store, meta);
        free_reader(store, reader);
    }
    return error;
}

/* Memory for a block, and what is in front of it. */
static int need_buffer(struct de_snapshot_store *store, struct dengine_snapshot_reader *reader)
{
    const size_t bytes = DE_SNAPSHOT_BLOCK_HEAD_BYTES + (size_t)reader->scan.header.block_bytes;

    DE_ASSERT(reader->scan.header.block_bytes > 0);
    DE_ASSERT(reader->scan.header.block_bytes <= DE_SNAPSHOT_BLOCK_BYTES_MAX);
    if (reader->buffer != NULL) {
        return 0;
    }
    /* Never less than the end needs, which may be more than a small block. */
    reader->buffer_bytes = bytes < DE_SNAPSHOT_END_BYTES ? DE_SNAPSHOT_END_BYTES : bytes;
    reader->buffer = de_allocate(&store->allocator, reader->buffer_bytes);
    return reader->buffer != NULL
               ? 0
               : de_snapshot_say(store, DENGINE_E_NO_MEMORY, "no memory for reading a snapshot");
}

/* Whether the scan is between two blocks, or behind the end. */
static bool is_between(const struct de_snapshot_scan *scan)
{
    return scan->part == DE_SNAPSHOT_PART_NONE ||
           (scan->part == DE_SNAPSHOT_PART_HEAD && scan->have == 0);
}

/* Checks the block, or the end, at the start of the buffer, which has so many bytes of the file. */
static int scan_block(struct de_snapshot_store *store, struct dengine_snapshot_reader *reader,
                      size_t have)
{
    struct de_snapshot_scan *scan = &reader->scan;
    size_t size = have;
    int error;

    DE_ASSERT(have <= reader->buffer_bytes);
    DE_ASSERT(is_between(scan));
    if (have >= DE_SNAPSHOT_BLOCK_HEAD_BYTES) {
        const uint32_t data = de_load_u32(reader->buffer);

        size = data == 0 ? DE_SNAPSHOT_END_BYTES : DE_SNAPSHOT_BLOCK_HEAD_BYTES + (size_t)data;
        size = size < have ? size : have;
    }
    error = de_snapshot_scan_feed(scan, &store->allocator, dengine_bytes(reader->buffer, size));
    if (error == 0 && (size == 0 || !is_between(scan))) {
        error = de_snapshot_scan_finish(scan); /* the file has no more than that */
    }
    if (error == 0 && scan->part == DE_SNAPSHOT_PART_NONE && scan->offset < reader->image_bytes) {
        error = de_snapshot_scan_feed(scan, &store->allocator, dengine_bytes("", 1));
    }
    if (error == 0 && scan->part == DE_SNAPSHOT_PART_HEAD) {
        reader->left = dengine_bytes(reader->buffer + DE_SNAPSHOT_BLOCK_HEAD_BYTES,
                                     size - DE_SNAPSHOT_BLOCK_HEAD_BYTES);
    }
    return error;
}

/* The next block into the buffer, or the end. One read takes as much as a block may have. */
static int load_block(struct de_snapshot_store *store, struct dengine_snapshot_reader *reader)
{
    const uint64_t left = reader->image_bytes - reader->scan.offset;
    size_t size;
    int error = need_buffer(store, reader);

    DE_ASSERT(reader->left.size == 0);
    DE_ASSERT(reader->scan.offset <= reader->image_bytes);
    if (error != 0) {
        return error;
    }
    size = left < reader->buffer_bytes ? (size_t)left : reader->buffer_bytes;
    error = store->dir.ops->read(store->dir.object, reader->file, reader->scan.offset,
                                 reader->buffer, size);
    if (error == 0) {
        error = scan_block(store, reader, size);
    }
    return error == 0 ? 0 : fail(store, reader, error);
}

/* How much of so many bytes is handed out. */
static size_t shorten(struct de_snapshot_store *store, size_t size)
{
    DE_ASSERT(store != NULL);
    return size > 1 && de_site(store->sites, DE_SITE_SHORT_READ) ? size / 2 : size;
}

int de_snapshot_read(void *object, struct dengine_snapshot_reader *reader, void *buffer,
                     size_t capacity, size_t *size)
{
    struct de_snapshot_store *store = object;

    DE_ASSERT(reader != NULL && size != NULL);
    DE_ASSERT(buffer != NULL && capacity > 0);
    de_snapshot_say_nothing(store);
    *size = 0;
    if (reader->scan.failed != 0) {
        return fail(store, reader, reader->scan.failed);
    }
    if (reader->left.size == 0 && reader->scan.part != DE_SNAPSHOT_PART_NONE) {
        int error = load_block(store, reader);

        if (error != 0) {
            return error;
        }
    }
    *size = shorten(store, reader->left.size < capacity ? reader->left.size : capacity);
    if (*size > 0) {
        memcpy(buffer, reader->left.data, *size);
        reader->left =
            dengine_bytes((const uint8_t *)reader->left.data + *size, reader->left.size - *size);
    }
    return 0;
}

int de_snapshot_read_image(void *object, struct dengine_snapshot_reader *reader, uint64_t offset,
                           void *buffer, size_t capacity, size_t *size)
{
    struct de_snapshot_store *store = object;
    uint64_t left;
    int error;

    DE_ASSERT(reader != NULL && size != NULL);
    DE_ASSERT(buffer != NULL && capacity > 0);
    de_snapshot_say_nothing(store);
    left = offset < reader->image_bytes ? reader->image_bytes - offset : 0;
    *size = shorten(store, left < capacity ? (size_t)left : capacity);
    if (*size == 0) {
        return 0;
    }
    error = store->dir.ops->read(store->dir.object, reader->file, offset, buffer, *size);
    return error == 0 ? 0 : fail(store, reader, error);
}

void de_snapshot_close_reader(void *object, struct dengine_snapshot_reader *reader)
{
    struct de_snapshot_store *store = object;

    DE_ASSERT(store != NULL && reader != NULL);
    DE_ASSERT(reader->file != NULL);
    free_reader(store, reader);
}
