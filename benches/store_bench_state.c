/* The state store against LMDB with the same flags: puts in transactions of 1 and 100, random gets
 * in a read transaction renewed for each. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lmdb.h>

#include "benches/load.h"
#include "benches/store_bench.h"
#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/base/random.h"
#include "storage/base/message.h"
#include "storage/lmdb/lmdb_kv.h"
#include "storage/posix/posix_dir.h"

#define KEY_BYTES   16u
#define VALUE_BYTES 256u
#define MAP_BYTES   ((size_t)8 << 30)

struct state_bench {
    const struct de_store_bench *bench;
    struct dengine_kv_store kv;
    MDB_env *env;
    MDB_dbi dbi;
    MDB_txn *reader;
    uint8_t value[VALUE_BYTES];
    char message[DE_MESSAGE_BYTES];
};

static void make_key(uint64_t number, uint8_t key[KEY_BYTES])
{
    memset(key, 'k', KEY_BYTES);
    de_store_u64(key + 8, de_mix64(number));
}

static int kv_puts(struct state_bench *b, struct de_random *random, uint32_t count, uint32_t batch)
{
    const struct dengine_kv_store_ops *ops = b->kv.ops;
    int err = 0;

    for (uint32_t done = 0; done < count && err == 0; done += batch) {
        err = ops->begin(b->kv.object);
        for (uint32_t i = 0; i < batch && err == 0; i++) {
            uint8_t key[KEY_BYTES];

            make_key(de_random_below(random, b->bench->keys), key);
            err = ops->put(b->kv.object, dengine_bytes(key, sizeof(key)),
                           dengine_bytes(b->value, sizeof(b->value)));
        }
        err = err != 0 ? err : ops->commit(b->kv.object);
    }
    return err;
}

static int bare_puts(struct state_bench *b, struct de_random *random, uint32_t count,
                     uint32_t batch)
{
    int code = 0;

    for (uint32_t done = 0; done < count && code == 0; done += batch) {
        MDB_txn *txn;

        code = mdb_txn_begin(b->env, NULL, 0, &txn);
        for (uint32_t i = 0; i < batch && code == 0; i++) {
            uint8_t key[KEY_BYTES];
            MDB_val mdb_key = {sizeof(key), key};
            MDB_val data = {sizeof(b->value), b->value};

            make_key(de_random_below(random, b->bench->keys), key);
            code = mdb_put(txn, b->dbi, &mdb_key, &data, 0);
        }
        code = code != 0 ? code : mdb_txn_commit(txn);
    }
    return code == 0 ? 0 : DENGINE_E_IO;
}

static int kv_gets(struct state_bench *b, struct de_random *random, uint32_t count, uint32_t batch)
{
    const struct dengine_kv_store_ops *ops = b->kv.ops;
    int err = 0;

    (void)batch;
    for (uint32_t i = 0; i < count && err == 0; i++) {
        struct dengine_kv_view *view;
        struct dengine_slice value;
        uint8_t key[KEY_BYTES];

        make_key(de_random_below(random, b->bench->keys), key);
        err = ops->view_open(b->kv.object, &view);
        if (err == 0) {
            err = ops->view_get(b->kv.object, view, dengine_bytes(key, sizeof(key)), &value);
            ops->view_close(b->kv.object, view);
        }
    }
    return err;
}

static int bare_gets(struct state_bench *b, struct de_random *random, uint32_t count,
                     uint32_t batch)
{
    int code = 0;

    (void)batch;
    for (uint32_t i = 0; i < count && code == 0; i++) {
        uint8_t key[KEY_BYTES];
        MDB_val mdb_key = {sizeof(key), key};
        MDB_val data;

        make_key(de_random_below(random, b->bench->keys), key);
        code = mdb_txn_renew(b->reader);
        if (code == 0) {
            code = mdb_get(b->reader, b->dbi, &mdb_key, &data);
            mdb_txn_reset(b->reader);
        }
    }
    return code == 0 ? 0 : DENGINE_E_IO;
}

typedef int (*side)(struct state_bench *b, struct de_random *random, uint32_t count,
                    uint32_t batch);

static int measure(struct state_bench *b, const char *name, uint32_t count, uint32_t batch,
                   side ours, side limit)
{
    struct de_store_figure figure = {.name = name, .batch = batch};
    int err = 0;

    for (uint32_t pair = 0; pair < b->bench->pairs && err == 0; pair++) {
        struct de_random random;
        uint64_t start;
        uint64_t between;

        de_random_init(&random, pair);
        start = de_bench_now_ns();
        err = ours(b, &random, count, batch);
        between = de_bench_now_ns();
        de_random_init(&random, pair);
        err = err != 0 ? err : limit(b, &random, count, batch);
        figure.ours_us[pair] = (double)(between - start) / count / 1000;
        figure.limit_us[pair] = (double)(de_bench_now_ns() - between) / count / 1000;
        figure.ratio[pair] = figure.limit_us[pair] / figure.ours_us[pair];
        figure.count++;
    }
    if (err == 0) {
        de_store_figure_print(&figure, b->bench->json);
    }
    return err;
}

static int open_bare(struct state_bench *b, const char *path)
{
    MDB_txn *txn;
    int code = mkdir(path, 0700) != 0 ? errno : mdb_env_create(&b->env);

    if (code != 0) {
        de_message_set(b->message, sizeof(b->message), "cannot make %s: %s", path,
                       mdb_strerror(code));
        return DENGINE_E_IO;
    }
    code = code != 0 ? code : mdb_env_set_mapsize(b->env, MAP_BYTES);
    code =
        code != 0 ? code : mdb_env_open(b->env, path, MDB_WRITEMAP | MDB_NOSYNC | MDB_NOTLS, 0600);
    code = code != 0 ? code : mdb_txn_begin(b->env, NULL, 0, &txn);
    if (code != 0) {
        return DENGINE_E_IO;
    }
    code = mdb_dbi_open(txn, NULL, 0, &b->dbi);
    code = code != 0 ? code : mdb_txn_commit(txn);
    if (code == 0) {
        code = mdb_txn_begin(b->env, NULL, MDB_RDONLY, &b->reader);
    }
    if (code == 0) {
        mdb_txn_reset(b->reader);
    }
    return code == 0 ? 0 : DENGINE_E_IO;
}

/* All keys, once, on both sides. */
static int fill(struct state_bench *b)
{
    int err = b->kv.ops->begin(b->kv.object);
    MDB_txn *txn = NULL;
    int code = mdb_txn_begin(b->env, NULL, 0, &txn);

    for (uint32_t i = 0; i < b->bench->keys && err == 0 && code == 0; i++) {
        uint8_t key[KEY_BYTES];
        MDB_val mdb_key = {sizeof(key), key};
        MDB_val data = {sizeof(b->value), b->value};

        make_key(i, key);
        err = b->kv.ops->put(b->kv.object, dengine_bytes(key, sizeof(key)),
                             dengine_bytes(b->value, sizeof(b->value)));
        code = mdb_put(txn, b->dbi, &mdb_key, &data, 0);
    }
    err = err != 0 ? err : b->kv.ops->commit(b->kv.object);
    code = code != 0 ? code : mdb_txn_commit(txn);
    return err != 0 ? err : code == 0 ? 0 : DENGINE_E_IO;
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

static int measure_all(struct state_bench *b)
{
    const uint32_t count = b->bench->keys;
    int err = fill(b);

    err = err != 0 ? err : measure(b, "state-put", count / 4, 1, kv_puts, bare_puts);
    err = err != 0 ? err : measure(b, "state-put", count, 100, kv_puts, bare_puts);
    return err != 0 ? err : measure(b, "state-get", 2 * count, 1, kv_gets, bare_gets);
}

int de_store_bench_state(const struct de_store_bench *bench)
{
    struct state_bench b = {.bench = bench};
    enum de_lmdb_found found;
    char ours[4096];
    char bare[4096];
    int err;

    memset(b.value, 'v', sizeof(b.value));
    (void)snprintf(ours, sizeof(ours), "%s/state", bench->directory);
    (void)snprintf(bare, sizeof(bare), "%s/lmdb", bench->directory);
    err = de_lmdb_kv_open(ours, NULL, &b.kv, &found, b.message, sizeof(b.message));
    err = err != 0 ? err : open_bare(&b, bare);
    err = err != 0 ? err : measure_all(&b);
    if (err != 0) {
        (void)fprintf(stderr, "dengine-bench: the state: %s %s\n", dengine_strerror(err),
                      b.message);
    }
    if (b.reader != NULL) {
        mdb_txn_abort(b.reader);
    }
    mdb_env_close(b.env);
    if (b.kv.ops != NULL) {
        b.kv.ops->close(b.kv.object);
    }
    remove_files(ours);
    remove_files(bare);
    return err;
}
