/* Fuzz target: the image of a snapshot, as a peer sends it and as a disk gives it back. Any bytes
 * are refused; or they are the one image of the meta and the stream in it. Who checks them as they
 * come in, cut anywhere, and who reads the file, agree. The first byte says how they are cut. */
#include <stdlib.h>
#include <string.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/base/crc32c.h"
#include "fuzz/fuzz_target.h"
#include "storage/base/heap.h"
#include "storage/mem/mem_dir.h"
#include "storage/snapshot/snapshot.h"
#include "storage/snapshot/snapshot_scan.h"

/* Puts all checksums right, as far as the bytes look like an image. */
static void seal(uint8_t *image, size_t size)
{
    uint64_t stream_bytes = 0;
    uint64_t number = 0;
    uint32_t crc;
    size_t at;

    if (size < DE_SNAPSHOT_HEADER_BYTES) {
        return;
    }
    at = DE_SNAPSHOT_HEADER_BYTES + (size_t)de_load_u32(image + 40);
    if (at > size) {
        return;
    }
    de_store_u32(image + 44, de_crc32c(de_crc32c(0, image, 44), image + DE_SNAPSHOT_HEADER_BYTES,
                                       at - DE_SNAPSHOT_HEADER_BYTES));
    crc = de_crc32c(0, image, at);
    while (size - at >= DE_SNAPSHOT_BLOCK_HEAD_BYTES) {
        const uint32_t data = de_load_u32(image + at);

        if (data == 0 && size - at >= DE_SNAPSHOT_END_BYTES) {
            de_snapshot_end_encode(number, stream_bytes, crc, image + at);
            return;
        }
        if (data == 0 || data > size - at - DE_SNAPSHOT_BLOCK_HEAD_BYTES ||
            data > DE_SNAPSHOT_BLOCK_BYTES_MAX) {
            return;
        }
        de_snapshot_block_head(
            number++, dengine_bytes(image + at + DE_SNAPSHOT_BLOCK_HEAD_BYTES, data), image + at);
        crc = de_crc32c(crc, image + at, DE_SNAPSHOT_BLOCK_HEAD_BYTES);
        stream_bytes += data;
        at += DE_SNAPSHOT_BLOCK_HEAD_BYTES + (size_t)data;
    }
}

/* What the scan says of the image, fed in pieces; *index is what it names. */
static int scan_it(const uint8_t *image, size_t size, size_t piece, uint64_t *index)
{
    const struct de_allocator *heap = de_heap_allocator();
    struct dengine_snapshot_meta meta;
    struct de_snapshot_scan scan;
    int error = 0;

    de_snapshot_scan_init(&scan);
    for (size_t at = 0; at < size && error == 0; at += piece) {
        const size_t left = size - at < piece ? size - at : piece;

        error = de_snapshot_scan_feed(&scan, heap, dengine_bytes(image + at, left));
    }
    if (error == 0) {
        error = de_snapshot_scan_finish(&scan);
    }
    DE_ASSERT(error == 0 || error == DENGINE_E_CORRUPT || error == DENGINE_E_VERSION);
    DE_ASSERT((error != 0) == (scan.message[0] != '\0'));
    *index = 0;
    if (error == 0) {
        DE_ASSERT(de_snapshot_scan_meta(&scan, &meta));
        DE_ASSERT(scan.offset == size && meta.index > 0);
        *index = meta.index;
    }
    de_snapshot_scan_deinit(&scan, heap);
    return error;
}

static void put_file(struct dengine_dir dir, const char *name, const uint8_t *image, size_t size)
{
    const struct dengine_slice bytes = dengine_bytes(image, size);
    struct dengine_file *file;
    int error = dir.ops->open(dir.object, name, DENGINE_FILE_CREATE, &file);

    DE_ASSERT(error == 0);
    error = dir.ops->write(dir.object, file, 0, &bytes, 1);
    DE_ASSERT(error == 0);
    dir.ops->close(dir.object, file);
}

/* Reads the whole stream of the newest one. */
static int read_it(struct dengine_snapshot_store store)
{
    struct dengine_snapshot_reader *reader;
    struct dengine_snapshot_meta meta;
    uint64_t image_bytes;
    uint8_t buffer[777];
    size_t got = 1;
    int error = store.ops->open(store.object, 0, &reader, &meta, &image_bytes);

    if (error != 0) {
        return error;
    }
    while (error == 0 && got > 0) {
        error = store.ops->read(store.object, reader, buffer, sizeof(buffer), &got);
    }
    store.ops->close_reader(store.object, reader);
    return error;
}

static void try_image(const uint8_t *image, size_t size, size_t piece)
{
    struct de_snapshot_summary summary;
    struct dengine_snapshot_store store;
    struct dengine_dir dir;
    char message[DE_MESSAGE_BYTES];
    char name[DE_SNAPSHOT_NAME_BYTES];
    uint64_t index;
    const int verdict = scan_it(image, size, piece, &index);
    int error = de_mem_dir_open(NULL, &dir);

    DE_ASSERT(error == 0);
    de_snapshot_name(index > 0 ? index : 1, name);
    put_file(dir, name, image, size);
    error = de_snapshot_check(dir, name, &summary, message, sizeof(message));
    DE_ASSERT(error == verdict);
    error = de_snapshot_store_open(dir, NULL, &store, message, sizeof(message));
    DE_ASSERT(error == 0);
    error = read_it(store);
    /* A file that is bad in two ways may be called either. */
    DE_ASSERT((error == 0) == (verdict == 0));
    DE_ASSERT((error == 0) == (store.ops->message(store.object)[0] == '\0'));
    store.ops->close(store.object);
    de_mem_dir_close(dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *image;

    if (size < 1 || size > 1u << 20) {
        return 0;
    }
    image = malloc(size);
    DE_ASSERT(image != NULL);
    memcpy(image, data + 1, size - 1);
    try_image(image, size - 1, 1u + data[0]);
    seal(image, size - 1);
    try_image(image, size - 1, 1u + data[0]);
    free(image);
    return 0;
}
