/* Watches: from applying a write to the callback of its watcher; writes while others watch other
 * keys; from the callback to a thread that waits for the event. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <dengine/watch.h>

#include "benches/histogram.h"
#include "benches/kv_bench.h"
#include "benches/load.h"
#include "core/base/assert.h"
#include "core/kv/kv.h"
#include "core/kv/watch.h"
#include "storage/base/heap.h"
#include "storage/mem/mem_kv.h"

#define APPLIES       50000u /* of each measurement of the state machine alone */
#define EVENTS        2000u
#define EVENT_WAIT_MS 10000

/* ---- the state machine alone ---- */

/* A state machine in memory, so that all but the watchers costs as little as it can. */
struct machine {
    struct dengine_kv_store store;
    struct de_kv *kv;
    struct dengine_state_machine ops;
    struct de_watch_hub *hub;
    uint64_t index;
    uint64_t began_ns; /* the apply under way */
    struct de_histogram *latency_ns;
};

static void watcher_ready(void *context, struct de_watcher *watcher)
{
    struct machine *machine = context;

    (void)watcher;
    if (machine->latency_ns != NULL) {
        de_histogram_record(machine->latency_ns, de_bench_now_ns() - machine->began_ns);
    }
}

static void publish(void *context, struct de_kv_event *first, uint64_t revision)
{
    struct machine *machine = context;

    de_watch_publish(machine->hub, first, revision);
}

static void reset(void *context, uint64_t revision)
{
    struct machine *machine = context;

    de_watch_reset(machine->hub, revision);
}

static int open_machine(struct machine *machine)
{
    const struct de_watch_limits limits = {.ring_events_max = 1024,
                                           .ring_bytes_max = 1u << 20,
                                           .queue_events_max = 1024,
                                           .watchers_max = 1000000};
    int err = de_mem_kv_open(NULL, &machine->store);

    err = err != 0 ? err : de_kv_new(machine->store, de_heap_allocator(), &machine->kv);
    err = err != 0 ? err
                   : de_watch_hub_new(&limits, de_heap_allocator(), 0, watcher_ready, machine,
                                      &machine->hub);
    if (err == 0) {
        machine->ops = de_kv_state_machine(machine->kv);
        de_kv_set_sink(machine->kv, (struct de_kv_sink){machine, publish, reset});
    }
    return err;
}

/* Puts key number `key`, as an entry of its own. */
static int apply_put(struct machine *machine, uint32_t key)
{
    const struct dengine_state_machine_ops *ops = machine->ops.ops;
    void *object = machine->ops.object;
    char name[DE_LOAD_KEY_BYTES + 1];
    uint8_t bytes[512];
    uint8_t value[256] = {0};
    struct dengine_position at = {.index = ++machine->index, .term = 1, .time_ns = 1};
    struct dengine_result result;
    struct de_kv_command command;
    size_t size;
    int err;

    de_load_key(key, name);
    command = de_kv_put(dengine_bytes(name, DE_LOAD_KEY_BYTES), dengine_bytes(value, sizeof value));
    size = de_kv_command_size(&command);
    DE_ASSERT(size <= sizeof bytes);
    (void)de_kv_command_encode(&command, bytes, size);
    machine->began_ns = de_bench_now_ns();
    err = ops->begin(object);
    err = err != 0 ? err : ops->apply(object, &at, dengine_bytes(bytes, size), &result);
    return err != 0 ? err : ops->commit(object, at.index, at.term);
}

/* So many watchers of keys that nobody writes: below the keys of the load, one each. */
static int watch_others(struct machine *machine, struct de_watcher **watchers, uint32_t count)
{
    int err = 0;

    for (uint32_t i = 0; i < count && err == 0; i++) {
        char name[DE_LOAD_KEY_BYTES + 2] = "~";
        const struct de_watch_options options = {.from = dengine_bytes(name, DE_LOAD_KEY_BYTES + 1),
                                                 .one_key = true};

        de_load_key(i, name + 1);
        err = de_watch_add(machine->hub, &options, &watchers[i]);
    }
    return err;
}

static void close_machine(struct machine *machine, struct de_watcher **watchers, uint32_t count)
{
    for (uint32_t i = 0; i < count && watchers[i] != NULL; i++) {
        de_watch_remove(machine->hub, watchers[i]);
    }
    de_watch_hub_free(machine->hub);
    de_kv_free(machine->kv);
    if (machine->store.ops != NULL) {
        machine->store.ops->close(machine->store.object);
    }
}

struct applies {
    struct machine watched;
    struct machine plain;
    uint32_t keys;
};

static int apply_many(struct machine *machine, uint32_t keys, double *us)
{
    const uint64_t begin_ns = de_bench_now_ns();
    int err = 0;

    for (uint32_t i = 0; i < APPLIES && err == 0; i++) {
        err = apply_put(machine, i % keys);
    }
    *us = (double)(de_bench_now_ns() - begin_ns) / 1000.0 / APPLIES;
    return err;
}

static int side_watched(void *context, double *us)
{
    struct applies *applies = context;

    return apply_many(&applies->watched, applies->keys, us);
}

static int side_plain(void *context, double *us)
{
    struct applies *applies = context;

    return apply_many(&applies->plain, applies->keys, us);
}

/* Applying with watchers of other keys, in turn with applying with none. */
static int measure_applies(const struct de_kv_bench *bench, uint32_t watchers)
{
    struct applies applies = {.keys = bench->keys < 10000 ? bench->keys : 10000};
    struct de_watcher **list = calloc(watchers + 1, sizeof *list);
    int err = list != NULL ? 0 : DENGINE_E_NO_MEMORY;

    err = err != 0 ? err : open_machine(&applies.watched);
    err = err != 0 ? err : open_machine(&applies.plain);
    err = err != 0 ? err : watch_others(&applies.watched, list, watchers);
    err = err != 0 ? err
                   : de_kv_bench_compare(bench, "apply-watched", watchers, side_watched, side_plain,
                                         &applies);
    if (list != NULL) {
        close_machine(&applies.watched, list, watchers);
        close_machine(&applies.plain, list, 0);
    }
    free(list);
    return err;
}

static void print_latency(const struct de_kv_bench *bench, const char *name,
                          const struct de_histogram *latency_ns)
{
    const double p50 = (double)de_histogram_percentile(latency_ns, 500000) / 1000.0;
    const double p99 = (double)de_histogram_percentile(latency_ns, 990000) / 1000.0;

    DE_ASSERT(latency_ns->total > 0);
    (void)printf(bench->json
                     ? "{\"measurement\":\"%s\",\"p50_us\":%.2f,\"p99_us\":%.2f,\"count\":%llu}\n"
                     : "%-22s        p50 %8.2f us  p99 %8.2f us  of %llu\n",
                 name, p50, p99, (unsigned long long)latency_ns->total);
}

/* From before a put is applied until the callback of its watcher, among watchers of other keys. */
static int measure_callback(const struct de_kv_bench *bench)
{
    struct de_watcher **list = calloc(bench->watchers + 1, sizeof *list);
    struct de_histogram *latency_ns = malloc(sizeof *latency_ns);
    const struct de_watch_options options = {.from = DENGINE_STR("00000000"), .one_key = true};
    struct machine machine = {0};
    struct de_watcher *watcher = NULL;
    int err = list != NULL && latency_ns != NULL ? open_machine(&machine) : DENGINE_E_NO_MEMORY;

    err = err != 0 ? err : watch_others(&machine, list, bench->watchers);
    err = err != 0 ? err : de_watch_add(machine.hub, &options, &watcher);
    if (err == 0) {
        de_histogram_init(latency_ns);
        machine.latency_ns = latency_ns;
    }
    for (uint32_t i = 0; i < APPLIES && err == 0; i++) {
        struct de_watch_next next;

        err = apply_put(&machine, 0);
        de_watch_take(machine.hub, watcher, &next);
        DE_ASSERT(next.kind == DE_WATCH_EVENT);
        de_watch_done(machine.hub, next.event);
        de_watch_take(machine.hub, watcher, &next);
    }
    if (err == 0) {
        print_latency(bench, "watch-apply-callback", latency_ns);
    }
    if (watcher != NULL) {
        de_watch_remove(machine.hub, watcher);
    }
    if (list != NULL && latency_ns != NULL) {
        close_machine(&machine, list, bench->watchers);
    }
    free(latency_ns);
    free(list);
    return err;
}

/* ---- an engine ---- */

struct writes {
    const struct de_kv_bench *bench;
    struct dengine *watched;
    struct dengine *plain;
    struct dengine_watch **watches;
};

static int write_for_a_while(const struct de_kv_bench *bench, struct dengine *engine, double *us)
{
    struct de_load load = {.client = dengine_client_of(engine),
                           .operation = DE_LOAD_PUT,
                           .in_flight = 100,
                           .value_bytes = bench->value_bytes,
                           .keys = bench->keys,
                           .seed = 1,
                           .warm_up_ns = (uint64_t)bench->seconds * 100000000u,
                           .duration_ns = (uint64_t)bench->seconds * 1000000000u};
    struct de_load_result *result = malloc(sizeof *result);
    int err = result != NULL ? de_load_run(&load, result) : DENGINE_E_NO_MEMORY;

    if (err == 0) {
        err = result->first_error;
        *us = (double)result->elapsed_ns / 1000.0 / (double)result->latency_ns.total;
    }
    free(result);
    return err;
}

static int side_writes_watched(void *context, double *us)
{
    struct writes *writes = context;

    return write_for_a_while(writes->bench, writes->watched, us);
}

static int side_writes_plain(void *context, double *us)
{
    struct writes *writes = context;

    return write_for_a_while(writes->bench, writes->plain, us);
}

static int open_watches(struct writes *writes, uint32_t count)
{
    int err = 0;

    for (uint32_t i = 0; i < count && err == 0; i++) {
        char name[DE_LOAD_KEY_BYTES + 2] = "~";
        const struct dengine_watch_options options = {
            .from = dengine_bytes(name, DE_LOAD_KEY_BYTES + 1), .one_key = true};

        de_load_key(i, name + 1);
        err = dengine_watch_open(dengine_client_of(writes->watched), &options, &writes->watches[i]);
    }
    return err;
}

/* As many as descriptors allow: each watch has one. */
static int measure_writes(const struct de_kv_bench *bench, uint32_t watchers)
{
    struct writes writes = {.bench = bench};
    int err = DENGINE_E_NO_MEMORY;

    writes.watches = calloc(watchers + 1, sizeof(struct dengine_watch *));
    if (writes.watches != NULL) {
        err = de_kv_bench_open(bench, "watched", &writes.watched);
    }
    err = err != 0 ? err : de_kv_bench_open(bench, "plain", &writes.plain);
    err = err != 0 ? err : open_watches(&writes, watchers);
    err = err != 0 ? err
                   : de_kv_bench_compare(bench, "write-watched", watchers, side_writes_watched,
                                         side_writes_plain, &writes);
    for (uint32_t i = 0; writes.watches != NULL && i < watchers; i++) {
        dengine_watch_close(writes.watches[i]);
    }
    de_kv_bench_close(bench, "watched", writes.watched);
    de_kv_bench_close(bench, "plain", writes.plain);
    free(writes.watches);
    return err;
}

/* ---- a thread that waits ---- */

static void note_ready(void *context)
{
    atomic_store((atomic_uint_fast64_t *)context, de_bench_now_ns());
}

static void *put_now_and_then(void *context)
{
    struct dengine_client *client = context;

    for (uint32_t i = 0; i < EVENTS; i++) {
        if (dengine_put(client, DENGINE_STR("w"), DENGINE_STR(""), NULL) != 0) {
            break;
        }
    }
    return NULL;
}

/* From the callback, on the engine's thread, until another thread that waits has the event. */
static int measure_wake(const struct de_kv_bench *bench)
{
    atomic_uint_fast64_t ready_ns = 0;
    const struct dengine_watch_options options = {
        .from = DENGINE_STR("w"), .one_key = true, .ready = note_ready, .context = &ready_ns};
    struct de_histogram *latency_ns = malloc(sizeof *latency_ns);
    struct dengine_watch *watch = NULL;
    struct dengine *engine = NULL;
    bool started = false;
    pthread_t thread;
    int err = latency_ns != NULL ? de_kv_bench_open(bench, "wake", &engine) : DENGINE_E_NO_MEMORY;

    err = err != 0 ? err : dengine_watch_open(dengine_client_of(engine), &options, &watch);
    if (err == 0) {
        de_histogram_init(latency_ns);
        started = pthread_create(&thread, NULL, put_now_and_then, dengine_client_of(engine)) == 0;
        err = started ? 0 : DENGINE_E_NO_MEMORY;
    }
    for (uint32_t i = 0; i < EVENTS && err == 0; i++) {
        struct dengine_event event;

        err = dengine_watch_next(watch, EVENT_WAIT_MS, &event);
        de_histogram_record(latency_ns, de_bench_now_ns() - atomic_load(&ready_ns));
    }
    if (started) {
        (void)pthread_join(thread, NULL);
    }
    if (err == 0) {
        print_latency(bench, "watch-callback-thread", latency_ns);
    }
    dengine_watch_close(watch);
    de_kv_bench_close(bench, "wake", engine);
    free(latency_ns);
    return err;
}

int de_kv_bench_watches(const struct de_kv_bench *bench)
{
    const uint32_t counts[] = {bench->watchers / 10, bench->watchers};
    int err = 0;

    DE_ASSERT(bench->watchers > 0);
    if (de_kv_bench_wants(bench, "watch-apply-callback")) {
        err = measure_callback(bench);
    }
    if (err == 0 && de_kv_bench_wants(bench, "watch-callback-thread")) {
        err = measure_wake(bench);
    }
    for (size_t i = 0; i < 2 && err == 0 && de_kv_bench_wants(bench, "apply-watched"); i++) {
        err = measure_applies(bench, counts[i]);
    }
    for (size_t i = 0; i < 2 && err == 0 && de_kv_bench_wants(bench, "write-watched"); i++) {
        err = measure_writes(bench, counts[i]);
    }
    return err;
}
