/* Reads in the caller's thread against LMDB itself, on a copy of the same file: one key in a
 * renewed read transaction, by one to four threads; all keys by a cursor.
 *
 * What is measured is the CPU time of the calling threads: these reads wait for nobody, so that is
 * the time they take, and it does not depend on what else the machine does. Threads that hindered
 * one another would show in it. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "benches/bare_lmdb.h"
#include "benches/kv_bench.h"
#include "benches/load.h"
#include "core/base/assert.h"
#include "core/base/random.h"
#include "core/kv/record.h"

#define THREADS_MAX  4
#define PATH_MAX_LEN 4096

struct read_bench {
    const struct de_kv_bench *bench;
    struct dengine_client *client;
    struct de_bare_lmdb bare;
    uint32_t threads;
    enum dengine_consistency consistency;
};

#define APART_BYTES 128 /* two cache lines, for processors that fetch them in pairs */

/* One thread of one side. No two write to one cache line: that would hinder both sides alike. */
struct reader {
    _Alignas(APART_BYTES) struct read_bench *bench;
    void *(*run)(void *reader);
    pthread_t thread;
    MDB_txn *txn;
    uint64_t seed;
    uint64_t bytes; /* seen, so that nothing is left out */
    uint64_t ends;  /* the sum of their first and last bytes */
    uint64_t cpu_ns;
    int err;
};

static uint64_t thread_cpu_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint32_t gets_of(const struct read_bench *b)
{
    return b->bench->keys / 2 + 1;
}

/* Whoever reads a value looks at it: at both ends. */
static void look(struct reader *reader, const uint8_t *value, size_t size)
{
    DE_ASSERT(size > 0);
    reader->bytes += size;
    reader->ends += value[0] + value[size - 1];
}

static void see(void *context, const struct dengine_value *value)
{
    look(context, value->data, value->size);
}

static void *get_in_place(void *context)
{
    struct reader *reader = context;
    struct read_bench *b = reader->bench;
    struct de_random random;

    de_random_init(&random, reader->seed);
    for (uint32_t i = 0; i < gets_of(b) && reader->err == 0; i++) {
        char key[DE_LOAD_KEY_BYTES + 1];

        de_load_key((uint32_t)de_random_below(&random, b->bench->keys), key);
        reader->err = dengine_get_in_place(b->client, dengine_bytes(key, DE_LOAD_KEY_BYTES),
                                           b->consistency, NULL, see, reader);
    }
    return NULL;
}

static void *get_copy(void *context)
{
    struct reader *reader = context;
    struct read_bench *b = reader->bench;
    struct de_random random;

    de_random_init(&random, reader->seed);
    for (uint32_t i = 0; i < gets_of(b) && reader->err == 0; i++) {
        char key[DE_LOAD_KEY_BYTES + 1];
        struct dengine_value value;

        de_load_key((uint32_t)de_random_below(&random, b->bench->keys), key);
        reader->err = dengine_get(b->client, dengine_bytes(key, DE_LOAD_KEY_BYTES), b->consistency,
                                  NULL, &value);
        if (reader->err == 0) {
            look(reader, value.data, value.size);
        }
        dengine_value_free(&value);
    }
    return NULL;
}

/* The compiler must not find out that nobody looks at a copy. */
static void keep(void *copy)
{
    __asm__ volatile("" : : "r"(copy) : "memory");
}

/* With copied, what dengine_get does with the value, too. */
static void read_bare(struct reader *reader, bool copied)
{
    struct read_bench *b = reader->bench;
    struct de_random random;
    int code = mdb_txn_begin(b->bare.env, NULL, MDB_RDONLY, &reader->txn);

    de_random_init(&random, reader->seed);
    for (uint32_t i = 0; i < gets_of(b) && code == 0; i++) {
        char key[DE_LOAD_KEY_BYTES + 1];
        uint8_t stored[DENGINE_KV_KEY_MAX];
        MDB_val mdb_key = {DE_LOAD_KEY_BYTES + 1, stored};
        MDB_val data;

        de_load_key((uint32_t)de_random_below(&random, b->bench->keys), key);
        (void)de_kv_user_key(dengine_bytes(key, DE_LOAD_KEY_BYTES), stored);
        mdb_txn_reset(reader->txn);
        code = mdb_txn_renew(reader->txn);
        code = code != 0 ? code : mdb_get(reader->txn, b->bare.dbi, &mdb_key, &data);
        if (code == 0 && copied) {
            void *copy = malloc(data.mv_size);

            DE_ASSERT(copy != NULL);
            memcpy(copy, data.mv_data, data.mv_size);
            keep(copy);
            free(copy);
        }
        if (code == 0) {
            look(reader, (const uint8_t *)data.mv_data + DE_KV_RECORD_HEADER_BYTES,
                 data.mv_size - DE_KV_RECORD_HEADER_BYTES);
        }
    }
    mdb_txn_abort(reader->txn);
    reader->err = code == 0 ? 0 : DENGINE_E_IO;
}

static void *get_bare(void *context)
{
    read_bare(context, false);
    return NULL;
}

static void *get_bare_copy(void *context)
{
    read_bare(context, true);
    return NULL;
}

static void *run_timed(void *context)
{
    struct reader *reader = context;
    const uint64_t begin_ns = thread_cpu_ns();

    (void)reader->run(reader);
    reader->cpu_ns = thread_cpu_ns() - begin_ns;
    return NULL;
}

/* Runs run in so many threads; how long one get took. */
static int in_threads(struct read_bench *b, void *(*run)(void *), double *us)
{
    struct reader readers[THREADS_MAX] = {{0}};
    uint64_t cpu_ns = 0;
    int err = 0;

    DE_ASSERT(b->threads >= 1 && b->threads <= THREADS_MAX);
    for (uint32_t i = 0; i < b->threads; i++) {
        readers[i].bench = b;
        readers[i].run = run;
        readers[i].seed = i + 1;
        if (pthread_create(&readers[i].thread, NULL, run_timed, &readers[i]) != 0) {
            abort(); /* nothing has been promised yet */
        }
    }
    for (uint32_t i = 0; i < b->threads; i++) {
        (void)pthread_join(readers[i].thread, NULL);
        err = err != 0 ? err : readers[i].err;
        cpu_ns += readers[i].cpu_ns;
        DE_ASSERT_IMPLIES(err == 0,
                          readers[i].bytes == (uint64_t)gets_of(b) * b->bench->value_bytes);
    }
    *us = (double)cpu_ns / 1000.0 / gets_of(b) / b->threads;
    return err;
}

static int side_in_place(void *context, double *us)
{
    return in_threads(context, get_in_place, us);
}

static int side_copy(void *context, double *us)
{
    return in_threads(context, get_copy, us);
}

static int side_bare(void *context, double *us)
{
    return in_threads(context, get_bare, us);
}

static int side_bare_copy(void *context, double *us)
{
    return in_threads(context, get_bare_copy, us);
}

/* ---- all keys ---- */

/* As much as a page of a scan has. */
static uint8_t room[1 << 20];

struct sum {
    uint64_t keys;
    uint64_t bytes;
};

/* As look. */
static void add(struct sum *sum, const uint8_t *value, size_t size)
{
    DE_ASSERT(size > 0);
    sum->keys++;
    sum->bytes += size + value[0] + value[size - 1];
}

static int side_scan(void *context, double *us)
{
    struct read_bench *b = context;
    struct dengine_scan scan = {.consistency = DENGINE_EVENTUAL};
    struct dengine_page last = {0};
    const uint64_t begin_ns = thread_cpu_ns();
    struct sum sum = {0};
    bool more = true;
    int err = 0;

    while (err == 0 && more) {
        struct dengine_page page;

        err = dengine_scan(b->client, &scan, NULL, &page);
        for (size_t i = 0; i < page.count; i++) {
            add(&sum, page.pairs[i].value.data, page.pairs[i].value.size);
        }
        more = err == 0 && dengine_scan_next(&scan, &page);
        dengine_page_free(&last);
        last = page;
    }
    dengine_page_free(&last);
    DE_ASSERT_IMPLIES(err == 0, sum.keys == b->bench->keys);
    *us = (double)(thread_cpu_ns() - begin_ns) / 1000.0 / b->bench->keys;
    return err;
}

static bool add_pair(void *context, const struct dengine_pair *pair)
{
    add(context, pair->value.data, pair->value.size);
    return true;
}

static int side_scan_in_place(void *context, double *us)
{
    struct read_bench *b = context;
    const struct dengine_scan scan = {.consistency = DENGINE_EVENTUAL};
    const uint64_t begin_ns = thread_cpu_ns();
    struct sum sum = {0};
    const int err = dengine_scan_in_place(b->client, &scan, NULL, add_pair, &sum);

    DE_ASSERT_IMPLIES(err == 0, sum.keys == b->bench->keys);
    *us = (double)(thread_cpu_ns() - begin_ns) / 1000.0 / b->bench->keys;
    return err;
}

/* With copies, each pair is copied to memory that is used again for the next ones. */
static int walk_bare(struct read_bench *b, bool copies, double *us)
{
    const uint64_t begin_ns = thread_cpu_ns();
    MDB_cursor *cursor = NULL;
    MDB_txn *txn = NULL;
    struct sum sum = {0};
    uint8_t first[] = {DE_KV_SPACE_USER}; /* the last name space: all behind it are keys of users */
    MDB_val key = {sizeof first, first};
    MDB_val data;
    int code = mdb_txn_begin(b->bare.env, NULL, MDB_RDONLY, &txn);
    size_t at = 0;

    code = code != 0 ? code : mdb_cursor_open(txn, b->bare.dbi, &cursor);
    code = code != 0 ? code : mdb_cursor_get(cursor, &key, &data, MDB_SET_RANGE);
    while (code == 0) {
        const uint8_t *record = data.mv_data;

        if (copies) {
            at = at + key.mv_size + data.mv_size <= sizeof room ? at : 0;
            memcpy(room + at, key.mv_data, key.mv_size);
            record = memcpy(room + at + key.mv_size, data.mv_data, data.mv_size);
            at += key.mv_size + data.mv_size;
        }
        add(&sum, record + DE_KV_RECORD_HEADER_BYTES, data.mv_size - DE_KV_RECORD_HEADER_BYTES);
        code = mdb_cursor_get(cursor, &key, &data, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    DE_ASSERT_IMPLIES(code == MDB_NOTFOUND, sum.keys == b->bench->keys);
    *us = (double)(thread_cpu_ns() - begin_ns) / 1000.0 / b->bench->keys;
    return code == MDB_NOTFOUND ? 0 : DENGINE_E_IO;
}

static int side_cursor(void *context, double *us)
{
    return walk_bare(context, false, us);
}

static int side_cursor_copy(void *context, double *us)
{
    return walk_bare(context, true, us);
}

/* ---- */

static int measure_gets(struct read_bench *b)
{
    static const struct {
        const char *name;
        enum dengine_consistency consistency;
        de_kv_bench_side *side;
        de_kv_bench_side *limit;
    } reads[] = {
        {"get-eventual", DENGINE_EVENTUAL, side_copy, side_bare},
        {"get-eventual-vs-copy", DENGINE_EVENTUAL, side_copy, side_bare_copy},
        {"get-eventual-in-place", DENGINE_EVENTUAL, side_in_place, side_bare},
        {"get-lease", DENGINE_LEASE, side_copy, side_bare},
        {"get-lease-vs-copy", DENGINE_LEASE, side_copy, side_bare_copy},
        {"get-lease-in-place", DENGINE_LEASE, side_in_place, side_bare},
    };
    int err = 0;

    for (size_t i = 0; i < DE_ARRAY_SIZE(reads) && err == 0; i++) {
        b->consistency = reads[i].consistency;
        for (b->threads = 1; b->threads <= THREADS_MAX && err == 0; b->threads++) {
            err = de_kv_bench_compare(b->bench, reads[i].name, b->threads, reads[i].side,
                                      reads[i].limit, b);
        }
    }
    return err;
}

int de_kv_bench_reads(const struct de_kv_bench *bench)
{
    struct read_bench b = {.bench = bench};
    struct dengine *engine = NULL;
    char path[PATH_MAX_LEN];
    char state[PATH_MAX_LEN];
    int err;

    DE_ASSERT(bench->value_bytes > 0);
    (void)snprintf(path, sizeof path, "%s/lmdb", bench->directory);
    (void)snprintf(state, sizeof state, "%s/reads/state/data.mdb", bench->directory);
    err = de_kv_bench_open(bench, "reads", &engine);
    if (err == 0) {
        b.client = dengine_client_of(engine);
        err = de_load_fill(b.client, bench->keys, bench->value_bytes);
    }
    err = err != 0 ? err : de_bare_lmdb_open(&b.bare, path, state);
    err = err != 0 ? err : measure_gets(&b);
    err = err != 0 ? err
                   : de_kv_bench_compare(bench, "scan", bench->keys, side_scan, side_cursor, &b);
    err = err != 0 ? err
                   : de_kv_bench_compare(bench, "scan-vs-copy", bench->keys, side_scan,
                                         side_cursor_copy, &b);
    err = err != 0 ? err
                   : de_kv_bench_compare(bench, "scan-in-place", bench->keys, side_scan_in_place,
                                         side_cursor, &b);
    de_bare_lmdb_close(&b.bare, path);
    de_kv_bench_close(bench, "reads", engine);
    return err;
}
