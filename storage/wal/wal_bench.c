/* wal-bench DIR [GROUPS]: append+sync through the write-ahead log against pwrite+fdatasync of as
 * many bytes into a file prepared the same way, in turns, at 1, 100 and 1000 entries a group. Then
 * how long recovery takes. DIR must be a new or an empty directory; its files are left there. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "storage/base/message.h"
#include "storage/posix/posix_dir.h"
#include "storage/wal/wal.h"
#include "storage/wal/wal_format.h"

#define DATA_BYTES 100u
#define BATCH_MAX  1000u

DE_STATIC_ASSERT(BATCH_MAX *(DE_WAL_RECORD_BYTES + DE_WAL_ENTRY_BYTES + DATA_BYTES + 7) <
                     DE_WAL_SEGMENT_BYTES_DEFAULT,
                 "the largest group fits a segment");

void de_assert_failed(const char *expression, const char *file, int line)
{
    (void)fprintf(stderr, "%s:%d: assert failed: %s\n", file, line, expression);
    abort();
}

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

struct series {
    uint64_t *times_ns;
    size_t count;
    uint64_t total_ns;
};

static void add(struct series *series, uint64_t time_ns)
{
    DE_ASSERT(series->times_ns != NULL);
    DE_ASSERT(time_ns < UINT64_MAX / 2);
    series->times_ns[series->count++] = time_ns;
    series->total_ns += time_ns;
}

static void report(const char *what, struct series *series)
{
    DE_ASSERT(series->count > 0);
    qsort(series->times_ns, series->count, sizeof(*series->times_ns), compare);
    (void)printf("  %-4s mean %8.1f us  p50 %8.1f  p99 %8.1f  max %8.1f\n", what,
                 (double)series->total_ns / (double)series->count / 1000,
                 (double)series->times_ns[series->count / 2] / 1000,
                 (double)series->times_ns[series->count * 99 / 100] / 1000,
                 (double)series->times_ns[series->count - 1] / 1000);
}

/* The other side: a preallocated, zero-filled file, begun anew when it is full. */
struct raw {
    int fd;
    uint64_t offset;
    uint8_t *bytes;
};

static int raw_group(struct raw *raw, size_t size)
{
    if (raw->offset + size > DE_WAL_SEGMENT_BYTES_DEFAULT) {
        raw->offset = 0;
    }
    if (pwrite(raw->fd, raw->bytes, size, (off_t)raw->offset) != (ssize_t)size ||
        fdatasync(raw->fd) != 0) {
        return DENGINE_E_IO;
    }
    raw->offset += size;
    DE_ASSERT(raw->offset <= DE_WAL_SEGMENT_BYTES_DEFAULT);
    return 0;
}

static int wal_group(struct dengine_log_store store, const uint8_t *data, size_t batch)
{
    static struct dengine_entry entries[BATCH_MAX];
    struct dengine_log_write write = {.entries = entries, .entry_count = batch};
    struct dengine_log_state state;

    DE_ASSERT(batch > 0 && batch <= BATCH_MAX);
    store.ops->state(store.object, &state);
    write.first_index = state.last_index + 1;
    for (size_t i = 0; i < batch; i++) {
        entries[i].term = 1;
        entries[i].type = DENGINE_ENTRY_COMMAND;
        entries[i].data = dengine_bytes(data + i, DATA_BYTES);
    }
    return store.ops->write(store.object, &write, 1);
}

static int measure(struct dengine_log_store store, struct raw *raw, size_t batch, size_t groups)
{
    struct series wal_series = {calloc(groups, sizeof(uint64_t)), 0, 0};
    struct series raw_series = {calloc(groups, sizeof(uint64_t)), 0, 0};
    size_t size = batch * (size_t)de_wal_record_span(DE_WAL_ENTRY_BYTES + DATA_BYTES);
    int error = wal_series.times_ns == NULL || raw_series.times_ns == NULL;

    DE_ASSERT(groups > 0 && size <= BATCH_MAX * 512);
    for (size_t i = 0; i < groups && error == 0; i++) {
        uint64_t start = now_ns();
        uint64_t middle;

        error = wal_group(store, raw->bytes, batch);
        middle = now_ns();
        while (error == 0 && store.ops->tidy(store.object, false) == 1) {
            continue; /* after the acknowledgement, and so not timed */
        }
        start += now_ns() - middle;
        middle = now_ns();
        if (error == 0) {
            error = raw_group(raw, size);
        }
        add(&wal_series, middle - start);
        add(&raw_series, now_ns() - middle);
    }
    if (error == 0) {
        (void)printf("%zu entries of %u bytes a group, %zu bytes on disk, %zu groups\n", batch,
                     DATA_BYTES, size, groups);
        report("wal", &wal_series);
        report("raw", &raw_series);
        (void)printf("  raw/wal: mean %.2f, p50 %.2f\n",
                     (double)raw_series.total_ns / (double)wal_series.total_ns,
                     (double)raw_series.times_ns[groups / 2] /
                         (double)wal_series.times_ns[groups / 2]);
    }
    free(wal_series.times_ns);
    free(raw_series.times_ns);
    return error;
}

static int open_raw(struct dengine_dir dir, struct raw *raw)
{
    struct dengine_file *file;
    int error = dir.ops->open(dir.object, "raw", DENGINE_FILE_CREATE, &file);

    if (error != 0) {
        return error;
    }
    error = dir.ops->allocate(dir.object, file, DE_WAL_SEGMENT_BYTES_DEFAULT);
    if (error == 0) {
        error = dir.ops->sync(dir.object, file);
    }
    dir.ops->close(dir.object, file);
    raw->fd = openat(de_posix_dir_fd(dir), "raw", O_RDWR | O_CLOEXEC);
    raw->bytes = calloc(BATCH_MAX, 512);
    if (raw->bytes != NULL) {
        memset(raw->bytes, 'x', BATCH_MAX * 512);
    }
    return error != 0 || raw->fd < 0 || raw->bytes == NULL ? DENGINE_E_IO : 0;
}

int main(int argc, char **argv)
{
    static const size_t batches[] = {1, 100, 1000};
    size_t groups = argc > 2 ? (size_t)strtoul(argv[2], NULL, 10) : 3000;
    char message[DE_MESSAGE_BYTES] = "";
    struct de_wal_options options;
    struct dengine_log_store store;
    struct dengine_dir dir;
    struct raw raw = {-1, 0, NULL};
    struct de_wal_usage usage;
    uint64_t start;
    int error;

    if (argc < 2 || groups == 0) {
        (void)fprintf(stderr, "usage: wal-bench DIR [GROUPS]\n");
        return 1;
    }
    de_wal_options_init(&options, 1, 1);
    error = de_posix_dir_open(argv[1], true, &dir, message, sizeof(message));
    if (error == 0) {
        error = de_wal_open(dir, &options, &store, message, sizeof(message));
    }
    if (error == 0) {
        error = open_raw(dir, &raw);
    }
    for (size_t i = 0; i < DE_ARRAY_SIZE(batches) && error == 0; i++) {
        error = measure(store, &raw, batches[i], groups);
    }
    if (error == 0) {
        de_wal_usage(store, &usage);
        store.ops->close(store.object);
        start = now_ns();
        error = de_wal_open(dir, &options, &store, message, sizeof(message));
        (void)printf("recovery of %.1f MiB in %llu segments: %.3f s\n",
                     (double)usage.segment_bytes / (1 << 20), (unsigned long long)usage.segments,
                     (double)(now_ns() - start) / 1e9);
    }
    if (error != 0) {
        (void)fprintf(stderr, "wal-bench: %s %s\n", dengine_strerror(error), message);
        return 1;
    }
    store.ops->close(store.object);
    free(raw.bytes);
    (void)close(raw.fd);
    de_posix_dir_close(dir);
    return 0;
}
