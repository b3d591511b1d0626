/* Applying puts to a state that remembers what they did (core/kv/past.h), in turn with one that
 * does not. In both somebody could watch, so both make events. CPU time: nothing here waits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "benches/store_bench.h"
#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/base/random.h"
#include "core/kv/kv.h"
#include "core/kv/watch.h"
#include "storage/base/heap.h"
#include "storage/lmdb/lmdb_kv.h"
#include "storage/posix/posix_dir.h"

#define KEY_BYTES   16u
#define VALUE_BYTES 256u
#define PUTS        40000u /* on each side of a pair */

/* As an engine has it by default. */
static const struct de_watch_limits limits = {.ring_events_max = 65536,
                                              .ring_bytes_max = 16u << 20,
                                              .queue_events_max = 1024,
                                              .watchers_max = 1};

struct side {
    char path[4096];
    struct dengine_kv_store store;
    struct de_kv *kv;
    struct dengine_state_machine machine;
    struct de_watch_hub *hub;
    uint64_t index;
};

static void ready(void *context, struct de_watcher *watcher)
{
    (void)context;
    (void)watcher;
}

static void publish(void *context, struct de_kv_event *first, uint64_t revision)
{
    struct side *side = context;

    de_watch_publish(side->hub, first, revision);
}

static void reset(void *context, uint64_t revision)
{
    struct side *side = context;

    de_watch_reset(side->hub, revision);
}

static int open_side(const struct de_store_bench *bench, struct side *side, const char *name,
                     bool remembers)
{
    struct de_kv_event *past = NULL;
    enum de_lmdb_found found;
    char message[256] = "";
    uint64_t oldest = 0;
    int err;

    (void)snprintf(side->path, sizeof(side->path), "%s/%s", bench->directory, name);
    err = de_lmdb_kv_open(side->path, NULL, &side->store, &found, message, sizeof(message));
    if (err != 0) {
        (void)fprintf(stderr, "dengine-bench: %s\n", message);
        return err;
    }
    err = de_kv_new(side->store, de_heap_allocator(), &side->kv);
    if (err == 0) {
        side->machine = de_kv_state_machine(side->kv);
        err = de_watch_hub_new(&limits, de_heap_allocator(), 0, ready, NULL, &side->hub);
    }
    if (err == 0) {
        err = de_kv_recall(side->kv, remembers ? limits.ring_events_max : 0, limits.ring_bytes_max,
                           &past, &oldest);
        DE_ASSERT(past == NULL);
        de_kv_set_sink(side->kv, (struct de_kv_sink){side, publish, reset});
    }
    return err;
}

static int remove_name(void *context, const char *name)
{
    const struct dengine_dir *dir = context;

    return dir->ops->remove(dir->object, name);
}

static void close_side(struct side *side)
{
    struct dengine_dir dir;

    de_kv_free(side->kv);
    de_watch_hub_free(side->hub);
    if (side->store.ops != NULL) {
        side->store.ops->close(side->store.object);
    }
    if (de_posix_dir_open(side->path, false, &dir, NULL, 0) == 0) {
        (void)dir.ops->list(dir.object, remove_name, &dir);
        de_posix_dir_close(dir);
    }
    (void)rmdir(side->path);
}

/* So many puts of random keys, each an entry, in one batch. */
static int put_batch(struct side *side, uint32_t count, uint32_t keys)
{
    int err = side->machine.ops->begin(side->machine.object);

    for (uint32_t i = 0; i < count && err == 0; i++) {
        const struct dengine_position at = {++side->index, 1, 1};
        uint8_t bytes[KEY_BYTES + VALUE_BYTES + 128];
        uint8_t value[VALUE_BYTES];
        uint8_t key[KEY_BYTES] = {0};
        struct dengine_result result;
        struct de_kv_command command;
        size_t size;

        memset(value, (int)(side->index & 0xff), sizeof(value));
        de_store_u64(key, de_mix64(side->index) % keys);
        command = de_kv_put(dengine_bytes(key, sizeof(key)), dengine_bytes(value, sizeof(value)));
        size = de_kv_command_encode(&command, bytes, sizeof(bytes));
        err = side->machine.ops->apply(side->machine.object, &at, dengine_bytes(bytes, size),
                                       &result);
    }
    return err != 0 ? err : side->machine.ops->commit(side->machine.object, side->index, 1);
}

static uint64_t cpu_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int put_many(struct side *side, uint32_t batch, uint32_t keys, double *us)
{
    const uint64_t begin_ns = cpu_ns();
    int err = 0;

    for (uint32_t done = 0; done < PUTS && err == 0; done += batch) {
        err = put_batch(side, batch, keys);
    }
    *us = (double)(cpu_ns() - begin_ns) / 1000.0 / PUTS;
    return err;
}

static int measure(const struct de_store_bench *bench, uint32_t batch)
{
    struct de_store_figure figure = {.name = "apply-remembered", .batch = batch};
    struct side remembers = {.index = 0};
    struct side plain = {.index = 0};
    double us;
    int err = open_side(bench, &remembers, "remembers", true);

    err = err != 0 ? err : open_side(bench, &plain, "plain", false);
    /* Until the ring is full, and the oldest go for each that comes. */
    for (uint32_t i = 0; i < 3 && err == 0; i++) {
        err = put_many(&remembers, batch, bench->keys, &us);
        err = err != 0 ? err : put_many(&plain, batch, bench->keys, &us);
    }
    for (uint32_t pair = 0; pair < bench->pairs && err == 0; pair++) {
        err = put_many(&remembers, batch, bench->keys, &figure.ours_us[pair]);
        err = err != 0 ? err : put_many(&plain, batch, bench->keys, &figure.limit_us[pair]);
        figure.ratio[pair] = figure.limit_us[pair] / figure.ours_us[pair];
        figure.count++;
    }
    if (err == 0) {
        de_store_figure_print(&figure, bench->json);
    }
    close_side(&remembers);
    close_side(&plain);
    return err;
}

int de_store_bench_past(const struct de_store_bench *bench)
{
    int err;

    DE_ASSERT(bench->pairs > 0 && bench->pairs <= 99);
    err = measure(bench, 1);
    err = err != 0 ? err : measure(bench, 100);
    if (err != 0) {
        (void)fprintf(stderr, "dengine-bench: what is remembered: %s\n", dengine_strerror(err));
    }
    return err;
}
