/* Loaded in front of libc into a process under test: makes its disk fail while a file exists.
 *
 *   DE_FAULT_DIRECTORY  only calls on files below this path are touched
 *   DE_FAULT_FILE       the faults are on while this file exists; it holds their names:
 *     sync    fdatasync and fsync fail with EIO, and what they covered is not written
 *     read    pread fails with EIO
 *     space   what would make a file longer fails with ENOSPC
 *     rofs    files cannot be made or opened to write: EROFS
 *     access  the same with EACCES */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static bool below(const char *path)
{
    const char *directory = getenv("DE_FAULT_DIRECTORY");

    return directory != NULL && strncmp(path, directory, strlen(directory)) == 0;
}

/* Whether the named fault is on. */
static bool is_on(const char *name)
{
    const char *path = getenv("DE_FAULT_FILE");
    char text[64] = "";
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return false;
    }
    if (read(fd, text, sizeof(text) - 1) < 0) {
        text[0] = '\0';
    }
    (void)close(fd);
    return strstr(text, name) != NULL;
}

/* Whether fd is one of the files concerned. */
static bool concerns(int fd)
{
    char link[64];
    char path[PATH_MAX];
    ssize_t size;

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    size = readlink(link, path, sizeof(path) - 1);
    if (size < 0) {
        return false;
    }
    path[size] = '\0';
    return below(path);
}

static bool grows(int fd, off_t end)
{
    struct stat status;

    return fstat(fd, &status) == 0 && end > status.st_blocks * 512 && concerns(fd);
}

#define REAL(name, type) ((type)(uintptr_t)dlsym(RTLD_NEXT, name))

static int fail(int err)
{
    errno = err;
    return -1;
}

int fdatasync(int fd)
{
    return concerns(fd) && is_on("sync") ? fail(EIO) : REAL("fdatasync", int (*)(int))(fd);
}

int fsync(int fd)
{
    return concerns(fd) && is_on("sync") ? fail(EIO) : REAL("fsync", int (*)(int))(fd);
}

ssize_t pread(int fd, void *data, size_t size, off_t offset)
{
    if (concerns(fd) && is_on("read")) {
        return fail(EIO);
    }
    return REAL("pread", ssize_t(*)(int, void *, size_t, off_t))(fd, data, size, offset);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    if (grows(fd, offset + (off_t)size) && is_on("space")) {
        return fail(ENOSPC);
    }
    return REAL("pwrite", ssize_t(*)(int, const void *, size_t, off_t))(fd, data, size, offset);
}

ssize_t pwritev(int fd, const struct iovec *vectors, int count, off_t offset)
{
    off_t end = offset;

    for (int i = 0; i < count; i++) {
        end += (off_t)vectors[i].iov_len;
    }
    if (grows(fd, end) && is_on("space")) {
        return fail(ENOSPC);
    }
    return REAL("pwritev", ssize_t(*)(int, const struct iovec *, int, off_t))(fd, vectors, count,
                                                                              offset);
}

int fallocate(int fd, int mode, off_t offset, off_t size)
{
    if (grows(fd, offset + size) && is_on("space")) {
        return fail(ENOSPC);
    }
    return REAL("fallocate", int (*)(int, int, off_t, off_t))(fd, mode, offset, size);
}

int posix_fallocate(int fd, off_t offset, off_t size)
{
    if (grows(fd, offset + size) && is_on("space")) {
        return ENOSPC;
    }
    return REAL("posix_fallocate", int (*)(int, off_t, off_t))(fd, offset, size);
}

int openat(int at, const char *path, int flags, ...)
{
    mode_t mode = 0;
    va_list list;

    if ((flags & O_CREAT) != 0) {
        va_start(list, flags);
        mode = (mode_t)va_arg(list, unsigned);
        va_end(list);
    }
    if ((flags & O_ACCMODE) != O_RDONLY && (below(path) || concerns(at))) {
        if (is_on("rofs")) {
            return fail(EROFS);
        }
        if (is_on("access")) {
            return fail(EACCES);
        }
    }
    return REAL("openat", int (*)(int, const char *, int, ...))(at, path, flags, mode);
}
