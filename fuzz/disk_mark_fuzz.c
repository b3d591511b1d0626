/* Fuzz target: the two small files beside log and state, `dengine.id` and `state.mark`. Any bytes
 * are refused, or say what is written again as the same bytes. The first byte says which; the bytes
 * are tried as they are, and with the checksums put right. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/base/crc32c.h"
#include "fuzz/fuzz_target.h"
#include "storage/lmdb/lmdb_mark.h"
#include "storage/posix/data_dir.h"
#include "storage/posix/posix_dir.h"

#define DIRECTORY "disk_mark_fuzz.data"
#define IDENTITY  DIRECTORY "/dengine.id"
#define MARK      DIRECTORY "/state.mark"

#define IDENTITY_BYTES 36u
#define MARK_BYTES     68u
#define FILE_BYTES_MAX 4096u

static void store(const char *path, const uint8_t *bytes, size_t size)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    DE_ASSERT(fd >= 0);
    DE_ASSERT(write(fd, bytes, size) == (ssize_t)size);
    DE_ASSERT(close(fd) == 0);
}

static size_t load(const char *path, uint8_t *bytes)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t size = read(fd, bytes, FILE_BYTES_MAX);

    DE_ASSERT(fd >= 0 && size >= 0);
    DE_ASSERT(close(fd) == 0);
    return (size_t)size;
}

static void try_identity(const uint8_t *bytes, size_t size)
{
    const struct de_identity any = {0, 0};
    struct de_identity identity;
    struct de_data_dir dir;
    char message[512];
    uint8_t again[FILE_BYTES_MAX];
    int err;

    store(IDENTITY, bytes, size);
    err = de_data_dir_open(DIRECTORY, &any, &dir, message, sizeof message);
    if (err != 0) {
        DE_ASSERT(err == DENGINE_E_CORRUPT || err == DENGINE_E_VERSION);
        DE_ASSERT(message[0] != '\0');
        return;
    }
    DE_ASSERT(size == IDENTITY_BYTES && !dir.created);
    identity = dir.identity;
    err = de_data_dir_set_identity(&dir, &identity);
    DE_ASSERT(err == 0);
    de_data_dir_close(&dir);
    DE_ASSERT(load(IDENTITY, again) == size && memcmp(again, bytes, size) == 0);
}

static void try_mark(const uint8_t *bytes, size_t size)
{
    struct de_lmdb_mark mark;
    struct de_lmdb_mark second;
    struct dengine_dir dir;
    char message[512];
    int err;

    store(MARK, bytes, size);
    err = de_posix_dir_open(DIRECTORY, false, &dir, message, sizeof message);
    DE_ASSERT(err == 0);
    err = de_lmdb_mark_read(dir, &mark);
    if (err == 0) {
        err = de_lmdb_mark_write(dir, &mark);
        DE_ASSERT(err == 0);
        err = de_lmdb_mark_read(dir, &second);
        DE_ASSERT(err == 0 && mark.state == second.state);
        DE_ASSERT(mark.data_bytes == second.data_bytes);
        DE_ASSERT(memcmp(mark.boot_id, second.boot_id, sizeof(mark.boot_id)) == 0);
        (void)de_lmdb_mark_distrust(&mark, mark.data_bytes, mark.boot_id);
    } else {
        DE_ASSERT(err == DENGINE_E_CORRUPT || err == DENGINE_E_VERSION);
    }
    de_posix_dir_close(dir);
}

static void remove_directory(void)
{
    (void)unlink(IDENTITY);
    (void)unlink(MARK);
    (void)unlink(DIRECTORY "/LOCK");
    (void)rmdir(DIRECTORY);
}

/* Once; it goes when the process ends. */
static void make_directory(void)
{
    static bool made = false;

    if (!made) {
        DE_ASSERT(mkdir(DIRECTORY, 0700) == 0 || access(DIRECTORY, W_OK) == 0);
        DE_ASSERT(atexit(remove_directory) == 0);
        made = true;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t sealed[MARK_BYTES];

    if (size < 1 || size > FILE_BYTES_MAX) {
        return 0;
    }
    make_directory();
    if (data[0] % 2 == 0) {
        try_identity(data + 1, size - 1);
        if (size > IDENTITY_BYTES) {
            memcpy(sealed, data + 1, IDENTITY_BYTES);
            de_store_u32(sealed + 12, de_crc32c(0, sealed, 12));
            de_store_u32(sealed + 32, de_crc32c(0, sealed, 32));
            try_identity(sealed, IDENTITY_BYTES);
        }
        return 0;
    }
    try_mark(data + 1, size - 1);
    if (size > MARK_BYTES) {
        memcpy(sealed, data + 1, MARK_BYTES);
        de_store_u32(sealed + 64, de_crc32c(0, sealed, 64));
        try_mark(sealed, MARK_BYTES);
    }
    return 0;
}
