#include "benches/disk_limit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "benches/load.h"

enum { FILE_BYTES = 64 * 1024 * 1024, ZERO_BYTES = 1024 * 1024 };

static int error_of(int number)
{
    switch (number) {
    case ENOSPC:
        return DENGINE_E_NO_SPACE;
    case EACCES:
    case EPERM:
        return DENGINE_E_PERMISSION;
    default:
        return DENGINE_E_IO;
    }
}

static int write_all(int fd, const char *data, size_t size, off_t offset)
{
    while (size > 0) {
        ssize_t written = pwrite(fd, data, size, offset);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return error_of(written < 0 ? errno : EIO);
        }
        data += written;
        size -= (size_t)written;
        offset += written;
    }
    return 0;
}

static int zero_fill(int fd)
{
    char *zeros = calloc(1, ZERO_BYTES);
    if (zeros == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    int err = 0;
    for (off_t offset = 0; offset < FILE_BYTES && err == 0; offset += ZERO_BYTES) {
        err = write_all(fd, zeros, ZERO_BYTES, offset);
    }
    if (err == 0 && fsync(fd) != 0) {
        err = error_of(errno);
    }
    free(zeros);
    return err;
}

static int measure(int fd, const struct de_disk_limit *limit, struct de_disk_limit_result *result)
{
    size_t batch_bytes = (size_t)limit->record_bytes * limit->batch;
    if (batch_bytes == 0 || batch_bytes > FILE_BYTES) {
        return DENGINE_E_INVALID;
    }
    char *batch = malloc(batch_bytes);
    if (batch == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    memset(batch, 0x5a, batch_bytes);
    int err = 0;
    off_t offset = 0;
    uint64_t start_ns = de_bench_now_ns();
    uint64_t now_ns = start_ns;
    while (err == 0 && now_ns - start_ns < limit->duration_ns) {
        uint64_t before_ns = now_ns;
        if (offset + (off_t)batch_bytes > FILE_BYTES) {
            offset = 0;
        }
        err = write_all(fd, batch, batch_bytes, offset);
        if (err == 0 && fdatasync(fd) != 0) {
            err = error_of(errno);
        }
        offset += (off_t)batch_bytes;
        now_ns = de_bench_now_ns();
        de_histogram_record(&result->latency_ns, now_ns - before_ns);
        result->operations += limit->batch;
    }
    result->elapsed_ns = now_ns - start_ns;
    free(batch);
    return err;
}

int de_disk_limit_run(const struct de_disk_limit *limit, struct de_disk_limit_result *result)
{
    char path[PATH_MAX];
    memset(result, 0, sizeof *result);
    de_histogram_init(&result->latency_ns);
    int length = snprintf(path, sizeof path, "%s/disk-limit.%ld", limit->directory, (long)getpid());
    if (length < 0 || (size_t)length >= sizeof path) {
        return DENGINE_E_INVALID;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return error_of(errno);
    }
    unlink(path);
    int err = zero_fill(fd);
    if (err == 0) {
        err = measure(fd, limit, result);
    }
    close(fd);
    return err;
}
