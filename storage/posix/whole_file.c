#include "storage/posix/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/assert.h"

static int failed(const char *what, const char *path, char *message, size_t message_size)
{
    const int reason = errno;

    DE_ASSERT(reason != 0);
    DE_ASSERT(what != NULL && path != NULL);
    (void)snprintf(message, message_size, "cannot %s %s: %s", what, path, strerror(reason));
    switch (reason) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return DENGINE_E_NO_SPACE;
    case EACCES:
    case EPERM:
        return DENGINE_E_PERMISSION;
    case EROFS:
        return DENGINE_E_READ_ONLY;
    case ENOENT:
        return DENGINE_E_NOT_FOUND;
    default:
        return DENGINE_E_IO;
    }
}

/* A name in whose place no file can be written, or read as a whole: a device that is replaced would
 * be missed by more than us. What is not there yet is none of them. */
static bool refuse_others(const char *path, char *message, size_t message_size)
{
    struct stat there;

    DE_ASSERT(path != NULL);
    DE_ASSERT(message != NULL || message_size == 0);
    if (path[0] == '\0') {
        (void)snprintf(message, message_size, "the name of the file is empty");
        return true;
    }
    if (stat(path, &there) != 0 || S_ISREG(there.st_mode)) {
        return false;
    }
    (void)snprintf(message, message_size, "%.200s is %s: name a file", path,
                   S_ISDIR(there.st_mode) ? "a directory" : "a device, pipe or socket");
    return true;
}

int de_whole_file_split(const char *path, char directory[DE_WHOLE_FILE_PATH_BYTES],
                        const char **name, char *message, size_t message_size)
{
    const char *slash = strrchr(path, '/');
    int size;

    DE_ASSERT(path != NULL && name != NULL);
    if (refuse_others(path, message, message_size)) {
        return DENGINE_E_INVALID;
    }
    *name = slash == NULL ? path : slash + 1;
    if (slash == NULL) {
        size = snprintf(directory, DE_WHOLE_FILE_PATH_BYTES, ".");
    } else if (slash == path) {
        size = snprintf(directory, DE_WHOLE_FILE_PATH_BYTES, "/");
    } else {
        size = snprintf(directory, DE_WHOLE_FILE_PATH_BYTES, "%.*s", (int)(slash - path), path);
    }
    if (size < 0 || size >= DE_WHOLE_FILE_PATH_BYTES || (*name)[0] == '\0') {
        (void)snprintf(message, message_size, "%.200s does not name a file", path);
        return DENGINE_E_INVALID;
    }
    return 0;
}

int de_whole_file_create(struct de_whole_file *file, const char *path, char *message,
                         size_t message_size)
{
    int size = snprintf(file->path, sizeof(file->path), "%s", path);

    DE_ASSERT(path != NULL);
    DE_ASSERT(message != NULL || message_size == 0);
    file->fd = -1;
    if (refuse_others(path, message, message_size)) {
        return DENGINE_E_INVALID;
    }
    if (size >= 0 && (size_t)size < sizeof(file->path)) {
        size = snprintf(file->temporary, sizeof(file->temporary), "%s.part", path);
    }
    if (size < 0 || (size_t)size >= sizeof(file->temporary)) {
        (void)snprintf(message, message_size, "the name of the file is too long");
        return DENGINE_E_INVALID;
    }
    file->fd = open(file->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    return file->fd < 0 ? failed("write", file->temporary, message, message_size) : 0;
}

int de_whole_file_write(struct de_whole_file *file, struct dengine_slice bytes, char *message,
                        size_t message_size)
{
    const char *at = bytes.data;
    size_t left = bytes.size;

    DE_ASSERT(file->fd >= 0);
    DE_ASSERT(bytes.data != NULL || bytes.size == 0);
    while (left > 0) {
        ssize_t written = write(file->fd, at, left);

        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return failed("write", file->temporary, message, message_size);
        }
        at += written;
        left -= (size_t)written;
    }
    return 0;
}

/* A name counts when its directory is on the disk. */
static int sync_directory(const struct de_whole_file *file, char *message, size_t message_size)
{
    char directory[DE_WHOLE_FILE_PATH_BYTES];
    const char *name;
    int err = de_whole_file_split(file->path, directory, &name, message, message_size);
    int fd;

    if (err != 0) {
        return err;
    }
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        err = failed("sync", directory, message, message_size);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    DE_ASSERT(err <= 0);
    return err;
}

int de_whole_file_commit(struct de_whole_file *file, char *message, size_t message_size)
{
    int err = 0;

    DE_ASSERT(file->fd >= 0);
    DE_ASSERT(file->path[0] != '\0');
    if (fsync(file->fd) != 0) {
        err = failed("sync", file->temporary, message, message_size);
    }
    if (err == 0 && rename(file->temporary, file->path) != 0) {
        err = failed("rename", file->temporary, message, message_size);
    }
    if (err != 0) {
        de_whole_file_abort(file);
        return err;
    }
    (void)close(file->fd);
    file->fd = -1;
    return sync_directory(file, message, message_size);
}

void de_whole_file_abort(struct de_whole_file *file)
{
    if (file->fd >= 0) {
        (void)close(file->fd);
        file->fd = -1;
        (void)unlink(file->temporary);
    }
    DE_ASSERT(file->fd == -1);
}
