/* The write-ahead log: what a group costs in write(), which is what a client waits for, against
 * pwrite and fdatasync of as many bytes into a file prepared the same way; how long a group may
 * have to wait where segments are begun, made, compacted and recycled all the time, against the
 * same of that file; and recovery against reading the files. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "benches/load.h"
#include "benches/store_bench.h"
#include "core/base/assert.h"
#include "storage/base/message.h"
#include "storage/posix/posix_dir.h"
#include "storage/wal/wal.h"
#include "storage/wal/wal_format.h"

#define DATA_BYTES 100u
#define BATCH_MAX  1000u
#define READ_BYTES (1u << 20)

/* Of the measurement of stalls: a segment has room for some thirty groups, so one in a thousand
 * that waits for a new segment, or for room made, would show thirty times over. */
#define STALL_BATCH         100u
#define STALL_SEGMENT_BYTES (512u << 10)
#define STALL_KEEP_ENTRIES  20000u
#define STALL_GROUPS_MAX    1000000u

/* Entries stay in the log up to so many, then all but a few are compacted away. */
#define KEEP_ENTRIES 200000u

DE_STATIC_ASSERT(BATCH_MAX *(DE_WAL_RECORD_BYTES + DE_WAL_ENTRY_BYTES + DATA_BYTES + 7) <
                     DE_WAL_SEGMENT_BYTES_DEFAULT,
                 "the largest group fits a segment");

/* The other side: a preallocated, zero-filled file, begun anew when it is full. */
struct raw {
    int fd;
    uint64_t offset;
    uint8_t *bytes;
};

struct log_bench {
    const struct de_store_bench *bench;
    struct dengine_dir dir;
    struct dengine_log_store log;
    struct raw raw;
    struct dengine_entry entries[BATCH_MAX];
    char message[DE_MESSAGE_BYTES];
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
    /* As the log does, so that no sector is written twice. */
    raw->offset = de_wal_align(raw->offset + size, DE_WAL_ALIGN_BYTES);
    DE_ASSERT(raw->offset <= DE_WAL_SEGMENT_BYTES_DEFAULT + DE_WAL_ALIGN_BYTES);
    return 0;
}

/* The same group again and again, only its index changes. */
static int log_group(struct log_bench *b, size_t batch)
{
    struct dengine_log_write write = {.entries = b->entries, .entry_count = batch};
    struct dengine_log_state state;

    DE_ASSERT(batch > 0 && batch <= BATCH_MAX);
    b->log.ops->state(b->log.object, &state);
    write.first_index = state.last_index + 1;
    return b->log.ops->write(b->log.object, &write, 1);
}

/* What follows the acknowledgement, and a compaction now and then, so that segments go round.
 * *longest_ns is what the longest step took: a group that comes meanwhile waits for one. */
static int log_rest(struct dengine_log_store log, uint64_t keep, uint64_t *longest_ns)
{
    struct dengine_log_state state;
    uint64_t start = de_bench_now_ns();
    int more = 1;

    log.ops->state(log.object, &state);
    if (state.last_index - state.first_index > keep) {
        int err = log.ops->compact(log.object, state.last_index - 10, 1);

        if (err != 0) {
            return err;
        }
    }
    *longest_ns = de_bench_now_ns() - start;
    while (more == 1) {
        uint64_t took;

        start = de_bench_now_ns();
        more = log.ops->tidy(log.object, false);
        took = de_bench_now_ns() - start;
        *longest_ns = took > *longest_ns ? took : *longest_ns;
    }
    return more;
}

static int measure_pair(struct log_bench *b, size_t batch, struct de_store_figure *figure)
{
    const size_t size = batch * (size_t)de_wal_record_span(DE_WAL_ENTRY_BYTES + DATA_BYTES);
    const uint32_t groups = b->bench->groups;
    uint64_t ours_ns = 0;
    uint64_t limit_ns = 0;
    uint64_t longest_ns;
    int err = 0;

    for (uint32_t i = 0; i < groups && err == 0; i++) {
        uint64_t start = de_bench_now_ns();

        err = log_group(b, batch);
        ours_ns += de_bench_now_ns() - start;
        err = err != 0 ? err : log_rest(b->log, KEEP_ENTRIES, &longest_ns);
        start = de_bench_now_ns();
        err = err != 0 ? err : raw_group(&b->raw, size);
        limit_ns += de_bench_now_ns() - start;
    }
    figure->ratio[figure->count] = (double)limit_ns / (double)ours_ns;
    figure->ours_us[figure->count] = (double)ours_ns / groups / 1000;
    figure->limit_us[figure->count] = (double)limit_ns / groups / 1000;
    figure->count++;
    return err;
}

static int measure_appends(struct log_bench *b)
{
    static const uint32_t batches[] = {1, 100, BATCH_MAX};
    int err = 0;

    for (size_t i = 0; i < DE_ARRAY_SIZE(batches) && err == 0; i++) {
        struct de_store_figure figure = {.name = "wal-append-sync", .batch = batches[i]};

        for (uint32_t pair = 0; pair < b->bench->pairs && err == 0; pair++) {
            err = measure_pair(b, batches[i], &figure);
        }
        if (err == 0) {
            de_store_figure_print(&figure, b->bench->json);
        }
    }
    return err;
}

static int open_log(struct log_bench *b, uint32_t segment_bytes)
{
    struct de_wal_options options;

    de_wal_options_init(&options, 1, 1);
    options.segment_bytes = segment_bytes;
    return de_wal_open(b->dir, &options, &b->log, b->message, sizeof(b->message));
}

/* Reads every byte of a file, as recovery does. */
static int read_file(void *context, const char *name)
{
    struct log_bench *b = context;
    struct dengine_file *file;
    uint64_t size = 0;
    int err;

    if (strncmp(name, "wal-", 4) != 0) {
        return 0;
    }
    err = b->dir.ops->open(b->dir.object, name, DENGINE_FILE_READ, &file);
    if (err != 0) {
        return err;
    }
    err = b->dir.ops->size(b->dir.object, file, &size);
    for (uint64_t at = 0; at < size && err == 0; at += READ_BYTES) {
        size_t part = size - at < READ_BYTES ? (size_t)(size - at) : READ_BYTES;

        err = b->dir.ops->read(b->dir.object, file, at, b->raw.bytes, part);
    }
    b->dir.ops->close(b->dir.object, file);
    return err;
}

static int measure_recovery(struct log_bench *b)
{
    struct de_store_figure figure = {.name = "wal-recovery-mib", .batch = b->bench->log_mib};
    struct de_wal_usage usage;
    int err = 0;

    do {
        err = log_group(b, BATCH_MAX);
        while (err == 0 && b->log.ops->tidy(b->log.object, false) == 1) {
            continue;
        }
        de_wal_usage(b->log, &usage);
    } while (err == 0 && usage.segment_bytes < (uint64_t)b->bench->log_mib << 20);
    for (uint32_t pair = 0; pair < b->bench->pairs && err == 0; pair++) {
        uint64_t start;
        uint64_t between;

        b->log.ops->close(b->log.object);
        b->log.ops = NULL;
        start = de_bench_now_ns();
        err = b->dir.ops->list(b->dir.object, read_file, b);
        between = de_bench_now_ns();
        err = err != 0 ? err : open_log(b, DE_WAL_SEGMENT_BYTES_DEFAULT);
        figure.limit_us[pair] = (double)(between - start) / 1000;
        figure.ours_us[pair] = (double)(de_bench_now_ns() - between) / 1000;
        figure.ratio[pair] = figure.limit_us[pair] / figure.ours_us[pair];
        figure.count++;
    }
    if (err == 0) {
        de_store_figure_print(&figure, b->bench->json);
    }
    return err;
}

static int compare_ns(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* What one group in a thousand takes longer than, in microseconds. */
static double late_us(uint64_t *samples_ns, uint32_t count)
{
    DE_ASSERT(count > 0 && count <= STALL_GROUPS_MAX);
    qsort(samples_ns, count, sizeof(samples_ns[0]), compare_ns);
    return (double)samples_ns[count - 1 - count / 1000] / 1000;
}

/* Each group comes at the worst moment, when the longest step of what follows the one before it
 * has just begun. */
static int stall_pair(struct log_bench *b, uint64_t *ours_ns, uint64_t *limit_ns, uint32_t groups)
{
    const size_t size = STALL_BATCH * (size_t)de_wal_record_span(DE_WAL_ENTRY_BYTES + DATA_BYTES);
    uint64_t longest_ns = 0;
    int err = 0;

    for (uint32_t i = 0; i < groups && err == 0; i++) {
        uint64_t start = de_bench_now_ns();

        err = log_group(b, STALL_BATCH);
        ours_ns[i] = de_bench_now_ns() - start + longest_ns;
        err = err != 0 ? err : log_rest(b->log, STALL_KEEP_ENTRIES, &longest_ns);
        start = de_bench_now_ns();
        err = err != 0 ? err : raw_group(&b->raw, size);
        limit_ns[i] = de_bench_now_ns() - start;
    }
    return err;
}

/* With segments so small that they go round all the time. */
static int measure_stalls(struct log_bench *b)
{
    struct de_store_figure figure = {.name = "wal-stall-p99.9", .batch = STALL_BATCH};
    const uint32_t groups = b->bench->groups;
    uint64_t *ours_ns = calloc(groups, sizeof(*ours_ns));
    uint64_t *limit_ns = calloc(groups, sizeof(*limit_ns));
    int err = ours_ns == NULL || limit_ns == NULL ? DENGINE_E_NO_MEMORY : 0;

    DE_ASSERT(groups > 0 && groups <= STALL_GROUPS_MAX);
    err = err != 0 ? err : open_log(b, STALL_SEGMENT_BYTES);
    for (uint32_t pair = 0; pair < b->bench->pairs && err == 0; pair++) {
        err = stall_pair(b, ours_ns, limit_ns, groups);
        if (err == 0) {
            figure.ours_us[pair] = late_us(ours_ns, groups);
            figure.limit_us[pair] = late_us(limit_ns, groups);
            figure.ratio[pair] = figure.limit_us[pair] / figure.ours_us[pair];
            figure.count++;
        }
    }
    if (err == 0) {
        de_store_figure_print(&figure, b->bench->json);
    }
    free(ours_ns);
    free(limit_ns);
    return err;
}

static int open_raw(struct log_bench *b)
{
    struct dengine_file *file;
    int err = b->dir.ops->open(b->dir.object, "raw", DENGINE_FILE_CREATE, &file);

    if (err != 0) {
        return err;
    }
    err = b->dir.ops->allocate(b->dir.object, file, DE_WAL_SEGMENT_BYTES_DEFAULT);
    if (err == 0) {
        err = b->dir.ops->sync(b->dir.object, file);
    }
    b->dir.ops->close(b->dir.object, file);
    b->raw.fd = openat(de_posix_dir_fd(b->dir), "raw", O_RDWR | O_CLOEXEC);
    b->raw.bytes = malloc(READ_BYTES);
    if (b->raw.bytes != NULL) {
        memset(b->raw.bytes, 'x', READ_BYTES);
        for (size_t i = 0; i < BATCH_MAX; i++) {
            b->entries[i].term = 1;
            b->entries[i].type = DENGINE_ENTRY_COMMAND;
            b->entries[i].data = dengine_bytes(b->raw.bytes + i * DATA_BYTES, DATA_BYTES);
        }
    }
    return err != 0 || b->raw.fd < 0 || b->raw.bytes == NULL ? DENGINE_E_IO : 0;
}

static int remove_name(void *context, const char *name)
{
    const struct dengine_dir *dir = context;

    return dir->ops->remove(dir->object, name);
}

static int remove_segment(void *context, const char *name)
{
    return strncmp(name, "wal-", 4) == 0 ? remove_name(context, name) : 0;
}

/* Closes the log and leaves none. */
static int empty_log(struct log_bench *b)
{
    DE_ASSERT(b->log.ops != NULL);
    b->log.ops->close(b->log.object);
    b->log.ops = NULL;
    return b->dir.ops->list(b->dir.object, remove_segment, &b->dir);
}

int de_store_bench_log(const struct de_store_bench *bench)
{
    struct log_bench b = {.bench = bench, .raw = {.fd = -1}};
    char path[4096];
    int err;

    (void)snprintf(path, sizeof(path), "%s/log", bench->directory);
    err = de_posix_make_dir(bench->directory, b.message, sizeof(b.message));
    if (err == 0) {
        err = de_posix_dir_open(path, true, &b.dir, b.message, sizeof(b.message));
    }
    err = err != 0 ? err : open_raw(&b);
    err = err != 0 ? err : measure_stalls(&b);
    err = err != 0 ? err : empty_log(&b);
    err = err != 0 ? err : open_log(&b, DE_WAL_SEGMENT_BYTES_DEFAULT);
    err = err != 0 ? err : measure_appends(&b);
    err = err != 0 ? err : measure_recovery(&b);
    if (err != 0) {
        (void)fprintf(stderr, "dengine-bench: the log: %s %s\n", dengine_strerror(err), b.message);
    }
    if (b.log.ops != NULL) {
        b.log.ops->close(b.log.object);
    }
    if (b.raw.fd >= 0) {
        (void)close(b.raw.fd);
    }
    free(b.raw.bytes);
    if (b.dir.object != NULL) {
        (void)b.dir.ops->list(b.dir.object, remove_name, &b.dir);
        de_posix_dir_close(b.dir);
        (void)rmdir(path);
    }
    return err;
}
