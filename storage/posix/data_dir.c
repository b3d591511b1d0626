#include "storage/posix/data_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/base/crc32c.h"
#include "storage/base/message.h"
#include "storage/posix/posix_dir.h"

/* dengine.id, all little-endian:
 *
 *   offset  size
 *        0     8  magic "DENGINEI"
 *        8     4  version, 1
 *       12     4  CRC-32C of bytes 0..11: tells another version from damage
 *       16     8  node id
 *       24     8  cluster id
 *       32     4  CRC-32C of bytes 0..31
 *       36        end */
#define IDENTITY_NAME    "dengine.id"
#define IDENTITY_TMP     "dengine.id.tmp"
#define IDENTITY_VERSION 1u
#define IDENTITY_BYTES   36u
#define LOCK_NAME        "LOCK"

static const uint8_t identity_magic[8] = {'D', 'E', 'N', 'G', 'I', 'N', 'E', 'I'};

enum {
    AT_VERSION = 8,
    AT_PREAMBLE_CRC = 12,
    AT_NODE_ID = 16,
    AT_CLUSTER_ID = 24,
    AT_CRC = 32,
};

DE_STATIC_ASSERT(AT_VERSION == sizeof(identity_magic), "the version follows the magic");
DE_STATIC_ASSERT(AT_PREAMBLE_CRC == AT_VERSION + 4, "the preamble is magic and version");
DE_STATIC_ASSERT(AT_NODE_ID == AT_PREAMBLE_CRC + 4, "no gap behind the preamble");
DE_STATIC_ASSERT(AT_CLUSTER_ID == AT_NODE_ID + 8, "no gap behind the node id");
DE_STATIC_ASSERT(AT_CRC == AT_CLUSTER_ID + 8, "no gap behind the cluster id");
DE_STATIC_ASSERT(IDENTITY_BYTES == AT_CRC + 4, "the checksum ends it");
DE_STATIC_ASSERT(sizeof(struct de_identity) == AT_CRC - AT_NODE_ID, "every member is stored");

static void identity_encode(const struct de_identity *identity, uint8_t *bytes)
{
    DE_ASSERT(identity != NULL);
    DE_ASSERT(bytes != NULL);
    memcpy(bytes, identity_magic, sizeof(identity_magic));
    de_store_u32(bytes + AT_VERSION, IDENTITY_VERSION);
    de_store_u32(bytes + AT_PREAMBLE_CRC, de_crc32c(0, bytes, AT_PREAMBLE_CRC));
    de_store_u64(bytes + AT_NODE_ID, identity->node_id);
    de_store_u64(bytes + AT_CLUSTER_ID, identity->cluster_id);
    de_store_u32(bytes + AT_CRC, de_crc32c(0, bytes, AT_CRC));
}

static int identity_decode(const uint8_t *bytes, size_t size, struct de_identity *identity)
{
    DE_ASSERT(bytes != NULL);
    DE_ASSERT(identity != NULL);
    if (size < AT_NODE_ID || memcmp(bytes, identity_magic, sizeof(identity_magic)) != 0 ||
        de_load_u32(bytes + AT_PREAMBLE_CRC) != de_crc32c(0, bytes, AT_PREAMBLE_CRC)) {
        return DENGINE_E_CORRUPT;
    }
    if (de_load_u32(bytes + AT_VERSION) != IDENTITY_VERSION) {
        return DENGINE_E_VERSION;
    }
    if (size != IDENTITY_BYTES || de_load_u32(bytes + AT_CRC) != de_crc32c(0, bytes, AT_CRC)) {
        return DENGINE_E_CORRUPT;
    }
    identity->node_id = de_load_u64(bytes + AT_NODE_ID);
    identity->cluster_id = de_load_u64(bytes + AT_CLUSTER_ID);
    return 0;
}

static bool identity_equal(const struct de_identity *a, const struct de_identity *b)
{
    return a->node_id == b->node_id && a->cluster_id == b->cluster_id;
}

/* NOT_FOUND when there is none. */
static int identity_read(struct dengine_dir dir, struct de_identity *identity)
{
    uint8_t bytes[2 * IDENTITY_BYTES];
    struct dengine_file *file = NULL;
    uint64_t size = 0;
    int error = dir.ops->open(dir.object, IDENTITY_NAME, DENGINE_FILE_READ, &file);

    if (error != 0) {
        return error;
    }
    DE_ASSERT(file != NULL);
    error = dir.ops->size(dir.object, file, &size);
    if (error == 0) {
        /* A later version may be longer; its preamble is enough to say so. */
        size = size < sizeof(bytes) ? size : sizeof(bytes);
        error = dir.ops->read(dir.object, file, 0, bytes, (size_t)size);
    }
    DE_ASSERT_IMPLIES(error == 0, size <= sizeof(bytes));
    dir.ops->close(dir.object, file);
    return error != 0 ? error : identity_decode(bytes, (size_t)size, identity);
}

/* Write beside, sync, rename, sync the directory: after a crash the old or the new one is there. */
static int identity_write(struct dengine_dir dir, const struct de_identity *identity)
{
    uint8_t bytes[IDENTITY_BYTES];
    struct dengine_slice slice = {bytes, sizeof(bytes)};
    struct dengine_file *file;
    struct de_identity again;
    int error = dir.ops->remove(dir.object, IDENTITY_TMP);

    if (error != 0 && error != DENGINE_E_NOT_FOUND) {
        return error;
    }
    identity_encode(identity, bytes);
    /* What is about to be written is what will be read. */
    DE_ASSERT(identity_decode(bytes, sizeof(bytes), &again) == 0);
    DE_ASSERT(identity_equal(identity, &again));
    error = dir.ops->open(dir.object, IDENTITY_TMP, DENGINE_FILE_CREATE, &file);
    if (error != 0) {
        return error;
    }
    error = dir.ops->write(dir.object, file, 0, &slice, 1);
    if (error == 0) {
        error = dir.ops->sync(dir.object, file);
    }
    dir.ops->close(dir.object, file);
    if (error == 0) {
        error = dir.ops->rename(dir.object, IDENTITY_TMP, IDENTITY_NAME);
    }
    return error != 0 ? error : dir.ops->sync_dir(dir.object);
}

/* What a crash between the steps of a first open leaves behind, and what mkfs puts into a mount
 * point, may be there in a new directory. */
static int refuse_stranger(void *context, const char *name)
{
    char *stranger = context;

    DE_ASSERT(stranger != NULL);
    DE_ASSERT(name != NULL && name[0] != '\0');
    if (strcmp(name, IDENTITY_TMP) == 0 || strcmp(name, LOCK_NAME) == 0 ||
        strcmp(name, "lost+found") == 0) {
        return 0;
    }
    (void)snprintf(stranger, 64, "%.60s", name);
    return DENGINE_E_FOREIGN;
}

/* Looks before anything is created: 0 when there is a good identity (then *found) or when one may
 * be made. */
static int inspect(struct dengine_dir dir, const char *path, struct de_identity *identity,
                   bool *found, char *message, size_t message_size)
{
    char stranger[64] = "";
    int error = identity_read(dir, identity);

    DE_ASSERT(path != NULL);
    DE_ASSERT(message != NULL || message_size == 0);
    *found = error == 0;
    switch (error) {
    case 0:
        return 0;
    case DENGINE_E_NOT_FOUND:
        error = dir.ops->list(dir.object, refuse_stranger, stranger);
        if (error == DENGINE_E_FOREIGN && identity_read(dir, identity) == 0) {
            /* Another process has made it a data directory since; its lock decides. */
            *found = true;
            return 0;
        }
        if (error == DENGINE_E_FOREIGN) {
            de_message_set(message, message_size,
                           "directory %s holds other files (such as %s) and no " IDENTITY_NAME
                           ", so it is no data directory; nothing was touched: give an empty or a "
                           "new directory",
                           path, stranger);
            return error;
        }
        break;
    case DENGINE_E_VERSION:
        de_message_set(message, message_size,
                       "%s/" IDENTITY_NAME " was written by another version of the format than %u; "
                       "use the program version that wrote it",
                       path, IDENTITY_VERSION);
        return error;
    case DENGINE_E_CORRUPT:
        de_message_set(message, message_size,
                       "%s/" IDENTITY_NAME
                       " is damaged; restore it from a backup, or, " DE_MESSAGE_REBUILD,
                       path);
        return error;
    default:
        break;
    }
    if (error != 0) {
        de_message_set(message, message_size,
                       "cannot read data directory %s: %s; check the disk and the permissions",
                       path, dengine_strerror(error));
    }
    return error;
}

static int compare_identity(const char *path, const struct de_identity *expected,
                            const struct de_identity *stored, char *message, size_t message_size)
{
    DE_ASSERT(expected != stored);
    DE_ASSERT(message != NULL || message_size == 0);
    if (expected->node_id != 0 && stored->node_id != expected->node_id) {
        de_message_set(message, message_size,
                       "data directory %s belongs to node %llu, not to node %llu; give this node a "
                       "directory of its own",
                       path, (unsigned long long)stored->node_id,
                       (unsigned long long)expected->node_id);
        return DENGINE_E_FOREIGN;
    }
    if (expected->cluster_id != 0 && stored->cluster_id != expected->cluster_id) {
        de_message_set(message, message_size,
                       "data directory %s belongs to cluster %016llx, not to cluster %016llx; name "
                       "the initial members and the cluster as at its first start, or give this "
                       "node a directory of its own",
                       path, (unsigned long long)stored->cluster_id,
                       (unsigned long long)expected->cluster_id);
        return DENGINE_E_FOREIGN;
    }
    return 0;
}

/* The number in the LOCK file; 0 when there is none. */
static long lock_holder(int fd)
{
    char text[24] = "";
    ssize_t got = pread(fd, text, sizeof(text) - 1, 0);
    long pid;

    DE_ASSERT(fd >= 0);
    DE_ASSERT(got < (ssize_t)sizeof(text));
    if (got <= 0) {
        return 0;
    }
    pid = strtol(text, NULL, 10);
    return pid > 0 ? pid : 0;
}

static int lock(struct dengine_dir dir, const char *path, int *lock_fd, char *message,
                size_t message_size)
{
    char text[24];
    int length;
    int error;
    int fd =
        openat(de_posix_dir_fd(dir), LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    DE_ASSERT(lock_fd != NULL && *lock_fd < 0);
    if (fd < 0) {
        error = de_posix_error(errno);
        de_message_set(message, message_size,
                       "cannot lock data directory %s: %s; it must be writable by this user", path,
                       strerror(errno));
        return error;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        long pid = errno == EWOULDBLOCK ? lock_holder(fd) : 0;

        error = errno == EWOULDBLOCK ? DENGINE_E_LOCKED : de_posix_error(errno);
        if (pid > 0) {
            de_message_set(message, message_size,
                           "data directory %s is in use by process %ld; stop that process or give "
                           "another directory",
                           path, pid);
        } else {
            de_message_set(message, message_size,
                           "data directory %s cannot be locked: %s; stop the process that uses it "
                           "or give another directory",
                           path, dengine_strerror(error));
        }
        (void)close(fd);
        return error;
    }
    /* The number is for people only; the lock is what counts, so a failure here is none. */
    length = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    DE_ASSERT(length > 0 && (size_t)length < sizeof(text));
    if (ftruncate(fd, 0) == 0) {
        ssize_t ignored = pwrite(fd, text, (size_t)length, 0);
        (void)ignored;
    }
    *lock_fd = fd;
    return 0;
}

static int create_identity(struct de_data_dir *data_dir, const char *path,
                           const struct de_identity *expected, char *message, size_t message_size)
{
    int error = identity_write(data_dir->dir, expected);

    DE_ASSERT(data_dir->lock_fd >= 0);
    DE_ASSERT(!data_dir->created);
    if (error != 0) {
        de_message_set(message, message_size,
                       "cannot write %s/" IDENTITY_NAME
                       ": %s; the directory must be writable by this user and have room",
                       path, dengine_strerror(error));
        return error;
    }
    data_dir->identity = *expected;
    data_dir->created = true;
    return 0;
}

int de_data_dir_open(const char *path, const struct de_identity *expected,
                     struct de_data_dir *data_dir, char *message, size_t message_size)
{
    bool found;
    int error;

    DE_ASSERT(expected != NULL);
    DE_ASSERT(data_dir != NULL);
    memset(data_dir, 0, sizeof(*data_dir));
    data_dir->lock_fd = -1;
    error = de_posix_dir_open(path, true, &data_dir->dir, message, message_size);
    if (error != 0) {
        return error;
    }
    error = inspect(data_dir->dir, path, &data_dir->identity, &found, message, message_size);
    if (error != 0) {
        goto fail;
    }
    error = lock(data_dir->dir, path, &data_dir->lock_fd, message, message_size);
    if (error != 0) {
        goto fail;
    }
    /* Once more under the lock: another process may have been through here meanwhile. */
    error = inspect(data_dir->dir, path, &data_dir->identity, &found, message, message_size);
    if (error == 0 && found) {
        error = compare_identity(path, expected, &data_dir->identity, message, message_size);
    } else if (error == 0) {
        error = create_identity(data_dir, path, expected, message, message_size);
    }
    if (error == 0) {
        DE_ASSERT(data_dir->lock_fd >= 0);
        DE_ASSERT(found != data_dir->created);
        DE_ASSERT_IMPLIES(expected->node_id != 0, expected->node_id == data_dir->identity.node_id);
        DE_ASSERT_IMPLIES(expected->cluster_id != 0,
                          expected->cluster_id == data_dir->identity.cluster_id);
        return 0;
    }
fail:
    de_data_dir_close(data_dir);
    return error;
}

int de_data_dir_hold(const char *path, int *lock_fd, char *message, size_t message_size)
{
    char name[PATH_MAX];
    int length = snprintf(name, sizeof(name), "%s/" LOCK_NAME, path);
    int error;

    DE_ASSERT(lock_fd != NULL);
    DE_ASSERT(length > 0);
    *lock_fd = -1;
    if ((size_t)length >= sizeof(name)) {
        return DENGINE_E_INVALID;
    }
    *lock_fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (*lock_fd < 0) {
        return errno == ENOENT || errno == ENOTDIR ? 0 : de_posix_error(errno);
    }
    if (flock(*lock_fd, LOCK_SH | LOCK_NB) == 0) {
        return 0;
    }
    error = errno == EWOULDBLOCK ? DENGINE_E_LOCKED : de_posix_error(errno);
    de_message_set(message, message_size,
                   "data directory %s is in use by process %ld; stop that process, or copy the "
                   "directory and give the copy",
                   path, lock_holder(*lock_fd));
    (void)close(*lock_fd);
    *lock_fd = -1;
    return error;
}

int de_data_dir_set_identity(struct de_data_dir *data_dir, const struct de_identity *identity)
{
    int error;

    DE_ASSERT(data_dir != NULL && data_dir->lock_fd >= 0);
    DE_ASSERT(identity != NULL);
    DE_ASSERT(data_dir->dir.object != NULL);
    error = identity_write(data_dir->dir, identity);
    if (error == 0) {
        data_dir->identity = *identity;
    }
    return error;
}

void de_data_dir_close(struct de_data_dir *data_dir)
{
    DE_ASSERT(data_dir != NULL);
    DE_ASSERT_IMPLIES(data_dir->lock_fd >= 0, data_dir->dir.object != NULL);
    if (data_dir->lock_fd >= 0) {
        (void)close(data_dir->lock_fd);
        data_dir->lock_fd = -1;
    }
    de_posix_dir_close(data_dir->dir);
    data_dir->dir.object = NULL;
}
