/* Snapshots of the key-value state against copying a file of the same size: saving from the state
 * store into a file, and replacing the state of another store by it. What is copied is read from
 * the page cache, written in pieces of 64 KiB and synced, as both of ours are. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "benches/load.h"
#include "benches/store_bench.h"
#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/base/random.h"
#include "core/kv/kv.h"
#include "storage/base/heap.h"
#include "storage/base/message.h"
#include "storage/lmdb/lmdb_kv.h"
#include "storage/posix/posix_dir.h"
#include "storage/snapshot/snapshot.h"

#define KEY_BYTES   16u
#define VALUE_BYTES 256u
#define PIECE_BYTES 65536u
#define PER_ENTRY   100u
#define TERM        1

/* A state machine over a store of its own. */
struct side {
    char path[4096];
    struct dengine_kv_store store;
    struct de_kv *kv;
    struct dengine_state_machine machine;
};

struct snapshot_bench {
    const struct de_store_bench *bench;
    struct side from;
    struct side to;
    char path[4096]; /* of the snapshots */
    struct dengine_dir dir;
    struct dengine_snapshot_store snapshots;
    uint64_t index;
    uint64_t image_bytes;
    uint8_t piece[PIECE_BYTES];
    char message[DE_MESSAGE_BYTES];
};

static int open_side(struct snapshot_bench *b, struct side *side, const char *name)
{
    enum de_lmdb_found found;
    int err;

    (void)snprintf(side->path, sizeof(side->path), "%s/%s", b->bench->directory, name);
    err = de_lmdb_kv_open(side->path, NULL, &side->store, &found, b->message, sizeof(b->message));
    if (err == 0) {
        err = de_kv_new(side->store, de_heap_allocator(), &side->kv);
    }
    if (err == 0) {
        side->machine = de_kv_state_machine(side->kv);
    }
    return err;
}

static int remove_name(void *context, const char *name)
{
    const struct dengine_dir *dir = context;

    return dir->ops->remove(dir->object, name);
}

static void remove_files(const char *path)
{
    struct dengine_dir dir;

    if (de_posix_dir_open(path, false, &dir, NULL, 0) == 0) {
        (void)dir.ops->list(dir.object, remove_name, &dir);
        de_posix_dir_close(dir);
    }
    (void)rmdir(path);
}

/* As much of it as was opened. */
static void close_side(struct side *side)
{
    if (side->kv != NULL) {
        de_kv_free(side->kv);
    }
    if (side->store.ops != NULL) {
        side->store.ops->close(side->store.object);
        remove_files(side->path);
    }
}

/* Puts count keys from the given number on, as one entry. */
static int put_entry(struct snapshot_bench *b, struct side *side, uint32_t from, uint32_t count)
{
    const struct dengine_position at = {++b->index, TERM, 1};
    uint8_t bytes[KEY_BYTES + VALUE_BYTES + 128];
    uint8_t value[VALUE_BYTES];
    int err = side->machine.ops->begin(side->machine.object);

    memset(value, 'v', sizeof(value));
    for (uint32_t i = from; i < from + count && err == 0; i++) {
        struct dengine_result result;
        struct de_kv_command command;
        uint8_t key[KEY_BYTES];
        size_t size;

        memset(key, 'k', sizeof(key));
        de_store_u64(key + 8, de_mix64(i));
        command = de_kv_put(dengine_bytes(key, sizeof(key)), dengine_bytes(value, sizeof(value)));
        size = de_kv_command_encode(&command, bytes, sizeof(bytes));
        err = side->machine.ops->apply(side->machine.object, &at, dengine_bytes(bytes, size),
                                       &result);
    }
    return err != 0 ? err : side->machine.ops->commit(side->machine.object, at.index, TERM);
}

static int save(struct snapshot_bench *b)
{
    const struct dengine_state_machine machine = b->from.machine;
    const struct dengine_snapshot_store snapshots = b->snapshots;
    struct dengine_snapshot_meta meta = {1, 0, 0, dengine_str("")};
    struct dengine_snapshot_writer *writer = NULL;
    struct dengine_machine_save *open = NULL;
    size_t size = 1;
    int err = machine.ops->save_begin(machine.object, &open, &meta.index, &meta.term);

    if (err == 0) {
        err = snapshots.ops->create(snapshots.object, &meta, &writer);
    }
    while (err == 0 && size > 0) {
        err = machine.ops->save_read(machine.object, open, b->piece, sizeof(b->piece), &size);
        if (err == 0) {
            err = snapshots.ops->write(snapshots.object, writer, dengine_bytes(b->piece, size));
        }
    }
    if (err == 0) {
        err = snapshots.ops->commit(snapshots.object, writer);
    } else if (writer != NULL) {
        snapshots.ops->abort(snapshots.object, writer);
    }
    if (open != NULL) {
        machine.ops->save_end(machine.object, open);
    }
    return err;
}

static int install(struct snapshot_bench *b)
{
    const struct dengine_state_machine machine = b->to.machine;
    const struct dengine_snapshot_store snapshots = b->snapshots;
    struct dengine_snapshot_reader *reader;
    struct dengine_snapshot_meta meta;
    size_t size = 1;
    int err = snapshots.ops->open(snapshots.object, 0, &reader, &meta, &b->image_bytes);

    if (err != 0) {
        return err;
    }
    err = machine.ops->restore_begin(machine.object);
    while (err == 0 && size > 0) {
        err = snapshots.ops->read(snapshots.object, reader, b->piece, sizeof(b->piece), &size);
        if (err == 0) {
            err = machine.ops->restore_write(machine.object, dengine_bytes(b->piece, size));
        }
    }
    snapshots.ops->close_reader(snapshots.object, reader);
    err = err != 0 ? err : machine.ops->restore_commit(machine.object, meta.index, meta.term);
    /* What makes the log behind it superfluous. */
    return err != 0 ? err : b->to.store.ops->sync(b->to.store.object);
}

/* Copies the newest snapshot's file, as any program would. */
static int copy(struct snapshot_bench *b)
{
    struct dengine_snapshot_reader *reader;
    struct dengine_snapshot_meta meta;
    uint64_t offset = 0;
    char path[4200];
    size_t size = 1;
    int fd;
    int err = b->snapshots.ops->open(b->snapshots.object, 0, &reader, &meta, &b->image_bytes);

    if (err != 0) {
        return err;
    }
    (void)snprintf(path, sizeof(path), "%s/copy", b->path);
    fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    while (fd >= 0 && err == 0 && size > 0) {
        err = b->snapshots.ops->read_image(b->snapshots.object, reader, offset, b->piece,
                                           sizeof(b->piece), &size);
        if (err == 0 && size > 0 && write(fd, b->piece, size) != (ssize_t)size) {
            err = DENGINE_E_IO;
        }
        offset += size;
    }
    if (fd < 0 || fdatasync(fd) != 0) {
        err = DENGINE_E_IO;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    (void)unlink(path);
    b->snapshots.ops->close_reader(b->snapshots.object, reader);
    return err;
}

static int measure(struct snapshot_bench *b, const char *name, int (*ours)(struct snapshot_bench *))
{
    struct de_store_figure figure = {.name = name, .batch = b->bench->keys};
    int err = 0;

    DE_ASSERT(b->bench->pairs > 0);
    for (uint32_t pair = 0; pair < b->bench->pairs && err == 0; pair++) {
        uint64_t start;
        uint64_t between;

        err = put_entry(b, &b->from, 0, 1); /* another state, at another index */
        start = de_bench_now_ns();
        err = err != 0 ? err : ours(b);
        between = de_bench_now_ns();
        err = err != 0 ? err : copy(b);
        figure.ours_us[pair] = (double)(between - start) / 1000;
        figure.limit_us[pair] = (double)(de_bench_now_ns() - between) / 1000;
        figure.ratio[pair] = figure.limit_us[pair] / figure.ours_us[pair];
        figure.count++;
    }
    if (err == 0) {
        de_store_figure_print(&figure, b->bench->json);
    }
    return err;
}

static int measure_all(struct snapshot_bench *b)
{
    int err = 0;

    for (uint32_t i = 0; i < b->bench->keys && err == 0; i += PER_ENTRY) {
        const uint32_t left = b->bench->keys - i;

        err = put_entry(b, &b->from, i, left < PER_ENTRY ? left : PER_ENTRY);
    }
    err = err != 0 ? err : save(b);
    err = err != 0 ? err : measure(b, "snapshot-save", save);
    return err != 0 ? err : measure(b, "snapshot-install", install);
}

int de_store_bench_snapshot(const struct de_store_bench *bench)
{
    struct snapshot_bench *b = calloc(1, sizeof(*b));
    int err = DENGINE_E_NO_MEMORY;

    if (b == NULL) {
        return err;
    }
    b->bench = bench;
    (void)snprintf(b->path, sizeof(b->path), "%s/snapshots", bench->directory);
    err = de_posix_dir_open(b->path, true, &b->dir, b->message, sizeof(b->message));
    if (err == 0) {
        err = de_snapshot_store_open(b->dir, NULL, &b->snapshots, b->message, sizeof(b->message));
    }
    err = err != 0 ? err : open_side(b, &b->from, "snapshot-from");
    err = err != 0 ? err : open_side(b, &b->to, "snapshot-to");
    err = err != 0 ? err : measure_all(b);
    if (err != 0) {
        (void)fprintf(stderr, "dengine-bench: snapshots: %s %s\n", dengine_strerror(err),
                      b->message);
    }
    close_side(&b->from);
    close_side(&b->to);
    if (b->snapshots.ops != NULL) {
        b->snapshots.ops->close(b->snapshots.object);
    }
    if (b->dir.ops != NULL) {
        de_posix_dir_close(b->dir);
        remove_files(b->path);
    }
    free(b);
    return err;
}
