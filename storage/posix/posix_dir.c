#include "storage/posix/posix_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "storage/base/message.h"

struct posix_dir {
    int fd;
};

struct posix_file {
    int fd;
};

/* Buffers handed to one pwritev; enough that a group of a thousand entries takes a few calls. */
#define BUFFERS_PER_CALL 64
#define ZERO_BYTES       65536

DE_STATIC_ASSERT(BUFFERS_PER_CALL <= 1024, "IOV_MAX is at least 1024 on Linux");
DE_STATIC_ASSERT(ZERO_BYTES % 4096 == 0, "zeros are written in whole pages");
DE_STATIC_ASSERT(sizeof(off_t) == sizeof(uint64_t), "every offset up to INT64_MAX can be said");
DE_STATIC_ASSERT((uint64_t)BUFFERS_PER_CALL *ZERO_BYTES <= INT32_MAX, "one call takes it all");

static const uint8_t zeros[ZERO_BYTES];

int de_posix_error(int errno_value)
{
    DE_ASSERT(errno_value >= 0);
    switch (errno_value) {
    case 0:
        return 0;
    case ENOENT:
        return DENGINE_E_NOT_FOUND;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return DENGINE_E_NO_SPACE;
    case EACCES:
    case EPERM:
        return DENGINE_E_PERMISSION;
    case EROFS:
        return DENGINE_E_READ_ONLY;
    case ENOMEM:
        return DENGINE_E_NO_MEMORY;
    case EINVAL:
    case EEXIST:
    case EISDIR:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP:
        return DENGINE_E_INVALID;
    default:
        return DENGINE_E_IO;
    }
}

static int dir_fd(void *dir)
{
    const struct posix_dir *posix = dir;

    DE_ASSERT(posix != NULL);
    DE_ASSERT(posix->fd >= 0);
    return posix->fd;
}

static int file_fd(struct dengine_file *file)
{
    const struct posix_file *posix = (const struct posix_file *)(void *)file;

    DE_ASSERT(posix != NULL);
    DE_ASSERT(posix->fd >= 0);
    return posix->fd;
}

static bool name_is_plain(const char *name)
{
    return name != NULL && name[0] != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

/* openat and fdatasync may be interrupted before they did anything; only opening is repeated. */
static int open_retrying(int dir, const char *name, int flags)
{
    int fd;

    DE_ASSERT(name != NULL && name[0] != '\0');
    DE_ASSERT(dir >= 0 || dir == AT_FDCWD);
    do {
        fd = openat(dir, name, flags | O_CLOEXEC, 0600);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

/* Too many files are open for another one, as too many bytes are stored: that passes, and nothing
 * was dropped. A new file can be waited for; one that is there is needed now. */
static int open_error(int errno_value, enum dengine_file_mode mode)
{
    const bool many = errno_value == EMFILE || errno_value == ENFILE;

    DE_ASSERT(errno_value > 0);
    return many && mode == DENGINE_FILE_CREATE ? DENGINE_E_NO_SPACE : de_posix_error(errno_value);
}

static int posix_open(void *dir, const char *name, enum dengine_file_mode mode,
                      struct dengine_file **file)
{
    struct posix_file *posix;
    int flags = O_RDONLY;

    DE_ASSERT(file != NULL);
    DE_ASSERT(name_is_plain(name));
    switch (mode) {
    case DENGINE_FILE_READ:
        break;
    case DENGINE_FILE_WRITE:
        flags = O_RDWR;
        break;
    case DENGINE_FILE_CREATE:
        flags = O_RDWR | O_CREAT | O_EXCL;
        break;
    }
    posix = malloc(sizeof(*posix));
    if (posix == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    posix->fd = open_retrying(dir_fd(dir), name, flags | O_NOFOLLOW);
    if (posix->fd < 0) {
        int error = open_error(errno, mode);

        free(posix);
        return error;
    }
    *file = (struct dengine_file *)(void *)posix;
    return 0;
}

static void posix_close(void *dir, struct dengine_file *file)
{
    DE_ASSERT(dir != NULL);
    (void)close(file_fd(file));
    free(file);
}

static int posix_read(void *dir, struct dengine_file *file, uint64_t offset, void *data,
                      size_t size)
{
    uint8_t *at = data;

    DE_ASSERT(dir != NULL);
    DE_ASSERT(size <= INT64_MAX && offset <= INT64_MAX - size);
    DE_ASSERT(data != NULL || size == 0);
    while (size > 0) {
        ssize_t got = pread(file_fd(file), at, size, (off_t)offset);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return de_posix_error(errno);
        }
        if (got == 0) {
            return DENGINE_E_IO;
        }
        DE_ASSERT((size_t)got <= size);
        at += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return 0;
}

/* Writes count vectors, changing them. A short write is continued, not retried: what was taken is
 * taken. */
static int write_vectors(int fd, struct iovec *vectors, int count, uint64_t *offset)
{
    DE_ASSERT(vectors != NULL);
    DE_ASSERT(count > 0 && count <= BUFFERS_PER_CALL);
    while (count > 0) {
        ssize_t put = pwritev(fd, vectors, count, (off_t)*offset);

        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return de_posix_error(errno);
        }
        *offset += (uint64_t)put;
        while (count > 0 && (size_t)put >= vectors->iov_len) {
            put -= (ssize_t)vectors->iov_len;
            vectors++;
            count--;
        }
        /* Never more is taken than was offered. */
        DE_ASSERT(count > 0 || put == 0);
        if (count > 0) {
            vectors->iov_base = (uint8_t *)vectors->iov_base + put;
            vectors->iov_len -= (size_t)put;
        }
    }
    return 0;
}

static int posix_write(void *dir, struct dengine_file *file, uint64_t offset,
                       const struct dengine_slice *buffers, size_t count)
{
    struct iovec vectors[BUFFERS_PER_CALL];
    int error = 0;

    DE_ASSERT(dir != NULL);
    DE_ASSERT(offset <= INT64_MAX);
    DE_ASSERT(buffers != NULL || count == 0);
    while (count > 0 && error == 0) {
        int used = 0;

        while (count > 0 && used < BUFFERS_PER_CALL) {
            DE_ASSERT(buffers->data != NULL || buffers->size == 0);
            /* pwritev only reads; its interface has no const. */
            vectors[used].iov_base = (void *)(uintptr_t)buffers->data;
            vectors[used].iov_len = buffers->size;
            used++;
            buffers++;
            count--;
        }
        DE_ASSERT(used > 0);
        error = write_vectors(file_fd(file), vectors, used, &offset);
    }
    return error;
}

/* Nothing depends on it, so nothing is to be done when it fails: an error of the device is kept for
 * the sync. */
static void posix_begin_sync(void *dir, struct dengine_file *file)
{
    DE_ASSERT(dir != NULL);
    DE_ASSERT(file_fd(file) >= 0);
    (void)sync_file_range(file_fd(file), 0, 0, SYNC_FILE_RANGE_WRITE);
}

static int posix_sync(void *dir, struct dengine_file *file)
{
    DE_ASSERT(dir != NULL);
    return fdatasync(file_fd(file)) == 0 ? 0 : de_posix_error(errno);
}

static int posix_size(void *dir, struct dengine_file *file, uint64_t *size_bytes)
{
    struct stat status;

    DE_ASSERT(dir != NULL);
    DE_ASSERT(size_bytes != NULL);
    if (fstat(file_fd(file), &status) != 0) {
        return de_posix_error(errno);
    }
    if (!S_ISREG(status.st_mode)) {
        return DENGINE_E_INVALID;
    }
    DE_ASSERT(status.st_size >= 0);
    *size_bytes = (uint64_t)status.st_size;
    return 0;
}

static int posix_truncate(void *dir, struct dengine_file *file, uint64_t size_bytes)
{
    DE_ASSERT(dir != NULL);
    DE_ASSERT(size_bytes <= INT64_MAX);
    return ftruncate(file_fd(file), (off_t)size_bytes) == 0 ? 0 : de_posix_error(errno);
}

static int zero_fill(int fd, uint64_t size_bytes)
{
    struct iovec vectors[BUFFERS_PER_CALL];
    uint64_t offset = 0;

    DE_ASSERT(size_bytes <= INT64_MAX);
    while (offset < size_bytes) {
        uint64_t ahead = offset;
        int used = 0;
        int error;

        while (ahead < size_bytes && used < BUFFERS_PER_CALL) {
            uint64_t left = size_bytes - ahead;

            vectors[used].iov_base = (void *)(uintptr_t)zeros;
            vectors[used].iov_len = left < ZERO_BYTES ? (size_t)left : ZERO_BYTES;
            ahead += vectors[used].iov_len;
            used++;
        }
        DE_ASSERT(used > 0 && ahead <= size_bytes);
        error = write_vectors(fd, vectors, used, &offset);
        if (error != 0) {
            return error;
        }
        DE_ASSERT(offset == ahead);
    }
    DE_ASSERT(offset == size_bytes);
    return 0;
}

/* The zeros are really written: an extent that is only reserved turns every first write inside it
 * into a metadata update, and fdatasync then costs a journal commit. */
static int posix_allocate(void *dir, struct dengine_file *file, uint64_t size_bytes)
{
    int error;

    DE_ASSERT(dir != NULL);
    DE_ASSERT(size_bytes > 0 && size_bytes <= INT64_MAX);
    do {
        error = posix_fallocate(file_fd(file), 0, (off_t)size_bytes);
    } while (error == EINTR);
    /* A file system that cannot reserve still gets the zeros, and runs out of space there. */
    if (error != 0 && error != EOPNOTSUPP && error != EINVAL) {
        return de_posix_error(error);
    }
    return zero_fill(file_fd(file), size_bytes);
}

static int posix_rename(void *dir, const char *from, const char *to)
{
    DE_ASSERT(name_is_plain(from));
    DE_ASSERT(name_is_plain(to));
    DE_ASSERT(strcmp(from, to) != 0);
    return renameat(dir_fd(dir), from, dir_fd(dir), to) == 0 ? 0 : de_posix_error(errno);
}

static int posix_remove(void *dir, const char *name)
{
    DE_ASSERT(name_is_plain(name));
    return unlinkat(dir_fd(dir), name, 0) == 0 ? 0 : de_posix_error(errno);
}

static int posix_sync_dir(void *dir)
{
    return fsync(dir_fd(dir)) == 0 ? 0 : de_posix_error(errno);
}

/* The names of a directory, gathered so that they can be sorted. */
struct name_list {
    char **names;
    size_t count;
    size_t capacity;
};

static void name_list_deinit(struct name_list *list)
{
    DE_ASSERT(list->count <= list->capacity);
    for (size_t i = 0; i < list->count; i++) {
        free(list->names[i]);
    }
    free(list->names);
}

static int name_list_add(struct name_list *list, const char *name)
{
    DE_ASSERT(name_is_plain(name));
    DE_ASSERT(list->count <= list->capacity);
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 16 : 2 * list->capacity;
        char **names = realloc(list->names, capacity * sizeof(*names));

        if (names == NULL) {
            return DENGINE_E_NO_MEMORY;
        }
        list->names = names;
        list->capacity = capacity;
    }
    DE_ASSERT(list->count < list->capacity);
    list->names[list->count] = strdup(name);
    if (list->names[list->count] == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    list->count++;
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int gather_names(int dir, struct name_list *list)
{
    int fd = open_retrying(dir, ".", O_RDONLY | O_DIRECTORY);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    int error = 0;

    DE_ASSERT(list->count == 0);
    if (stream == NULL) {
        error = de_posix_error(errno);
        if (fd >= 0) {
            (void)close(fd);
        }
        return error;
    }
    while (error == 0) {
        const struct dirent *entry;

        errno = 0;
        entry = readdir(stream);
        if (entry == NULL) {
            error = de_posix_error(errno);
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            error = name_list_add(list, entry->d_name);
        }
    }
    (void)closedir(stream);
    return error;
}

static int posix_list(void *dir, int (*visit)(void *context, const char *name), void *context)
{
    struct name_list list = {NULL, 0, 0};
    int result;

    DE_ASSERT(visit != NULL);
    result = gather_names(dir_fd(dir), &list);
    if (result == 0 && list.count > 0) {
        qsort(list.names, list.count, sizeof(*list.names), compare_names);
        for (size_t i = 0; i < list.count && result == 0; i++) {
            DE_ASSERT(i == 0 || strcmp(list.names[i - 1], list.names[i]) <= 0);
            result = visit(context, list.names[i]);
        }
    }
    name_list_deinit(&list);
    return result;
}

static const struct dengine_dir_ops posix_ops = {
    .open = posix_open,
    .close = posix_close,
    .read = posix_read,
    .write = posix_write,
    .sync = posix_sync,
    .begin_sync = posix_begin_sync,
    .size = posix_size,
    .truncate = posix_truncate,
    .allocate = posix_allocate,
    .rename = posix_rename,
    .remove = posix_remove,
    .sync_dir = posix_sync_dir,
    .list = posix_list,
};

/* Opens the directory that holds the last component of path and syncs it. */
static int sync_parent(const char *path)
{
    char parent[PATH_MAX];
    size_t length = strlen(path);
    int fd;
    int error = 0;

    DE_ASSERT(length > 0);
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    while (length > 0 && path[length - 1] != '/') {
        length--;
    }
    DE_ASSERT(length == 0 || path[length - 1] == '/');
    if (length >= sizeof(parent)) {
        return DENGINE_E_INVALID;
    }
    memcpy(parent, path, length);
    parent[length] = '\0';
    fd = open_retrying(AT_FDCWD, length == 0 ? "." : parent, O_RDONLY | O_DIRECTORY);
    if (fd < 0) {
        return de_posix_error(errno);
    }
    if (fsync(fd) != 0) {
        error = de_posix_error(errno);
    }
    (void)close(fd);
    return error;
}

int de_posix_make_dir(const char *path, char *message, size_t message_size)
{
    int error;

    DE_ASSERT(path != NULL);
    DE_ASSERT(message != NULL || message_size == 0);
    if (path[0] == '\0') {
        de_message_set(message, message_size, "the path of the directory is empty; give one");
        return DENGINE_E_INVALID;
    }
    if (mkdir(path, 0700) == 0) {
        error = sync_parent(path);
        if (error != 0) {
            de_message_set(message, message_size, "cannot make directory %s durable: %s", path,
                           dengine_strerror(error));
        }
        return error;
    }
    if (errno == EEXIST) {
        return 0;
    }
    error = de_posix_error(errno);
    if (errno == ENOENT) {
        de_message_set(message, message_size,
                       "cannot create directory %s: the directory above it does not exist; "
                       "create that first or choose another path",
                       path);
    } else {
        de_message_set(message, message_size,
                       "cannot create directory %s: %s; check the path and its permissions", path,
                       strerror(errno));
    }
    return error;
}

int de_posix_dir_open(const char *path, bool create, struct dengine_dir *dir, char *message,
                      size_t message_size)
{
    struct posix_dir *posix;
    int error;

    DE_ASSERT(path != NULL);
    DE_ASSERT(dir != NULL);
    dir->ops = &posix_ops;
    dir->object = NULL;
    if (create) {
        error = de_posix_make_dir(path, message, message_size);
        if (error != 0) {
            return error;
        }
    }
    posix = malloc(sizeof(*posix));
    if (posix == NULL) {
        de_message_set(message, message_size, "out of memory while opening %s", path);
        return DENGINE_E_NO_MEMORY;
    }
    posix->fd = open_retrying(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
    if (posix->fd < 0) {
        error = de_posix_error(errno);
        de_message_set(message, message_size,
                       "cannot open directory %s: %s; check the path and its permissions", path,
                       strerror(errno));
        free(posix);
        return error;
    }
    DE_ASSERT(posix->fd >= 0);
    dir->object = posix;
    return 0;
}

void de_posix_dir_close(struct dengine_dir dir)
{
    DE_ASSERT(dir.object == NULL || dir.ops == &posix_ops);
    if (dir.object != NULL) {
        (void)close(dir_fd(dir.object));
        free(dir.object);
    }
}

int de_posix_dir_fd(struct dengine_dir dir)
{
    DE_ASSERT(dir.ops == &posix_ops);
    return dir_fd(dir.object);
}
