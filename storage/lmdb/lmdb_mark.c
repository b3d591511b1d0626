#include "storage/lmdb/lmdb_mark.h"

#include <stdio.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/base/crc32c.h"

#define MARK_NAME    "state.mark"
#define MARK_TMP     "state.mark.tmp"
#define MARK_VERSION 1u
#define MARK_BYTES   68u

static const uint8_t mark_magic[8] = {'D', 'E', 'N', 'G', 'S', 'T', 'A', 'T'};

enum {
    AT_VERSION = 8,
    AT_STATE = 12,
    AT_DATA_BYTES = 16,
    AT_BOOT_ID = 24,
    AT_CRC = 64,
};

DE_STATIC_ASSERT(AT_VERSION == sizeof(mark_magic), "the version follows the magic");
DE_STATIC_ASSERT(AT_STATE == AT_VERSION + 4, "no gap behind the version");
DE_STATIC_ASSERT(AT_DATA_BYTES == AT_STATE + 4, "no gap behind the state");
DE_STATIC_ASSERT(AT_BOOT_ID == AT_DATA_BYTES + 8, "no gap behind the size");
DE_STATIC_ASSERT(AT_CRC == AT_BOOT_ID + DE_LMDB_BOOT_ID_BYTES, "no gap behind the boot id");
DE_STATIC_ASSERT(MARK_BYTES == AT_CRC + 4, "the checksum ends it");
DE_STATIC_ASSERT(DE_LMDB_BOOT_ID_BYTES > 36, "the text of a UUID and its end fit");
DE_STATIC_ASSERT((int)DE_LMDB_MARK_OPEN != (int)DE_LMDB_MARK_CLEAN, "two states");

void de_lmdb_boot_id(const char *path, char boot_id[DE_LMDB_BOOT_ID_BYTES])
{
    FILE *file;
    size_t size = 0;

    DE_ASSERT(path != NULL);
    DE_ASSERT(boot_id != NULL);
    file = fopen(path, "re");
    memset(boot_id, 0, DE_LMDB_BOOT_ID_BYTES);
    if (file != NULL) {
        size = fread(boot_id, 1, DE_LMDB_BOOT_ID_BYTES - 1, file);
        (void)fclose(file);
    }
    while (size > 0 && (boot_id[size - 1] == '\n' || boot_id[size - 1] == '\0')) {
        boot_id[--size] = '\0';
    }
    DE_ASSERT(size < DE_LMDB_BOOT_ID_BYTES);
    DE_ASSERT(boot_id[DE_LMDB_BOOT_ID_BYTES - 1] == '\0');
}

static int decode(const uint8_t *bytes, uint64_t size, struct de_lmdb_mark *mark)
{
    uint32_t state;

    DE_ASSERT(bytes != NULL);
    DE_ASSERT(mark != NULL);
    if (size != MARK_BYTES || memcmp(bytes, mark_magic, sizeof(mark_magic)) != 0 ||
        de_load_u32(bytes + AT_CRC) != de_crc32c(0, bytes, AT_CRC) ||
        de_load_u32(bytes + AT_VERSION) < MARK_VERSION) {
        return DENGINE_E_CORRUPT;
    }
    if (de_load_u32(bytes + AT_VERSION) > MARK_VERSION) {
        return DENGINE_E_VERSION;
    }
    state = de_load_u32(bytes + AT_STATE);
    if (state != DE_LMDB_MARK_OPEN && state != DE_LMDB_MARK_CLEAN) {
        return DENGINE_E_CORRUPT;
    }
    mark->state = state == DE_LMDB_MARK_OPEN ? DE_LMDB_MARK_OPEN : DE_LMDB_MARK_CLEAN;
    mark->data_bytes = de_load_u64(bytes + AT_DATA_BYTES);
    memcpy(mark->boot_id, bytes + AT_BOOT_ID, sizeof(mark->boot_id));
    mark->boot_id[sizeof(mark->boot_id) - 1] = '\0';
    return 0;
}

static void encode(const struct de_lmdb_mark *mark, uint8_t *bytes)
{
    struct de_lmdb_mark again;

    DE_ASSERT(mark->state == DE_LMDB_MARK_OPEN || mark->state == DE_LMDB_MARK_CLEAN);
    DE_ASSERT(mark->boot_id[sizeof(mark->boot_id) - 1] == '\0');
    memcpy(bytes, mark_magic, sizeof(mark_magic));
    de_store_u32(bytes + AT_VERSION, MARK_VERSION);
    de_store_u32(bytes + AT_STATE, mark->state);
    de_store_u64(bytes + AT_DATA_BYTES, mark->data_bytes);
    memcpy(bytes + AT_BOOT_ID, mark->boot_id, sizeof(mark->boot_id));
    de_store_u32(bytes + AT_CRC, de_crc32c(0, bytes, AT_CRC));
    /* What is about to be written is what will be read. */
    DE_ASSERT(decode(bytes, MARK_BYTES, &again) == 0);
    DE_ASSERT(again.state == mark->state && again.data_bytes == mark->data_bytes);
    DE_ASSERT(memcmp(again.boot_id, mark->boot_id, sizeof(again.boot_id)) == 0);
}

int de_lmdb_mark_read(struct dengine_dir dir, struct de_lmdb_mark *mark)
{
    uint8_t bytes[MARK_BYTES];
    struct dengine_file *file;
    uint64_t size = 0;
    int error;

    DE_ASSERT(mark != NULL);
    error = dir.ops->open(dir.object, MARK_NAME, DENGINE_FILE_READ, &file);
    if (error != 0) {
        return error;
    }
    error = dir.ops->size(dir.object, file, &size);
    if (error == 0 && size == MARK_BYTES) {
        error = dir.ops->read(dir.object, file, 0, bytes, sizeof(bytes));
    }
    dir.ops->close(dir.object, file);
    return error != 0 ? error : decode(bytes, size, mark);
}

int de_lmdb_mark_write(struct dengine_dir dir, const struct de_lmdb_mark *mark)
{
    uint8_t bytes[MARK_BYTES];
    struct dengine_slice slice = {bytes, sizeof(bytes)};
    struct dengine_file *file;
    int error = dir.ops->remove(dir.object, MARK_TMP);

    DE_ASSERT(mark != NULL);
    if (error != 0 && error != DENGINE_E_NOT_FOUND) {
        return error;
    }
    encode(mark, bytes);
    error = dir.ops->open(dir.object, MARK_TMP, DENGINE_FILE_CREATE, &file);
    if (error != 0) {
        return error;
    }
    error = dir.ops->write(dir.object, file, 0, &slice, 1);
    if (error == 0) {
        error = dir.ops->sync(dir.object, file);
    }
    dir.ops->close(dir.object, file);
    if (error == 0) {
        error = dir.ops->rename(dir.object, MARK_TMP, MARK_NAME);
    }
    return error != 0 ? error : dir.ops->sync_dir(dir.object);
}

const char *de_lmdb_mark_distrust(const struct de_lmdb_mark *mark, uint64_t data_bytes,
                                  const char *boot_id)
{
    DE_ASSERT(boot_id != NULL);
    if (mark == NULL) {
        return "its state.mark is missing, damaged or of an older version";
    }
    DE_ASSERT(mark->state == DE_LMDB_MARK_OPEN || mark->state == DE_LMDB_MARK_CLEAN);
    if (mark->state == DE_LMDB_MARK_CLEAN) {
        return data_bytes == mark->data_bytes ? NULL
                                              : "data.mdb has not the size it was closed with";
    }
    if (data_bytes < mark->data_bytes) {
        return "data.mdb is cut short";
    }
    /* Same boot: what the process wrote into the map is in the page cache, whole. */
    if (boot_id[0] == '\0' || strcmp(boot_id, mark->boot_id) != 0) {
        return "it was not closed cleanly and the machine was booted since";
    }
    return NULL;
}
