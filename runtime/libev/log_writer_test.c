/* The log writer's thread over a store that does as it is told: what is told when, and what happens
 * to writes that find no room. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/assert.h"
#include "runtime/libev/log_writer.h"

#define JOBS 4

struct bench {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct de_loop *loop;
    struct de_log_writer *writer;
    struct de_persist_job jobs[JOBS];
    /* Guarded by mutex: */
    bool full;         /* the store: writes are refused */
    int tidy_fails;    /* the store: the error of tidy */
    uint32_t flush_ms; /* the store: reports early, and is to be flushed within this; 0: not */
    int flush_fails;   /* the store: the error of flush */
    uint64_t flushed;  /* the store: ticket of the last write that was flushed */
    bool tidy_waits;   /* the store: tidy waits until something was reported */
    unsigned tidies;   /* the store: tidy was called */
    uint64_t written;  /* the store: ticket of the last write */
    unsigned reported; /* jobs, in order */
    int status;        /* of the last one */
    enum dengine_log_room room;
    int failed;
};

static void lock(struct bench *bench)
{
    assert_int_equal(pthread_mutex_lock(&bench->mutex), 0);
}

static void unlock(struct bench *bench)
{
    (void)pthread_cond_broadcast(&bench->changed);
    assert_int_equal(pthread_mutex_unlock(&bench->mutex), 0);
}

/* ---- the store ---- */

static int store_write(void *store, const struct dengine_log_write *writes, size_t count)
{
    struct bench *bench = store;
    int err;

    lock(bench);
    err = bench->full ? DENGINE_E_NO_SPACE : 0;
    for (size_t i = 0; i < count && err == 0; i++) {
        assert_int_equal(writes[i].hard_state.term, bench->written + 1);
        bench->written++;
    }
    unlock(bench);
    return err;
}

static int store_tidy(void *store, bool idle)
{
    struct bench *bench = store;
    int err;

    (void)idle;
    lock(bench);
    while (bench->tidy_waits && bench->reported == 0) {
        (void)pthread_cond_wait(&bench->changed, &bench->mutex);
    }
    bench->tidies++;
    err = bench->tidy_fails;
    unlock(bench);
    return err;
}

static enum dengine_log_room store_room(void *store)
{
    struct bench *bench = store;
    enum dengine_log_room room;

    lock(bench);
    room = bench->full ? DENGINE_LOG_ROOM_LOW : DENGINE_LOG_ROOM;
    unlock(bench);
    return room;
}

static uint32_t store_flush_after_ms(void *store)
{
    struct bench *bench = store;
    uint32_t ms;

    lock(bench);
    ms = bench->flushed < bench->written ? bench->flush_ms : 0;
    unlock(bench);
    return ms;
}

static int store_flush(void *store)
{
    struct bench *bench = store;
    int err;

    lock(bench);
    err = bench->flush_fails;
    bench->flushed = err == 0 ? bench->written : bench->flushed;
    unlock(bench);
    return err;
}

static const char *store_message(void *store)
{
    (void)store;
    return "as told";
}

/* ---- what the loop hears ---- */

static void on_persisted(void *context, struct de_persist_job *job, int status, const char *message)
{
    struct bench *bench = context;

    lock(bench);
    assert_ptr_equal(job, &bench->jobs[bench->reported]);
    assert_string_equal(message, status == 0 ? "" : "as told");
    bench->reported++;
    bench->status = status;
    unlock(bench);
}

static void on_log_read(void *context, struct de_log_read_job *job)
{
    (void)context;
    (void)job;
    fail();
}

static void on_room(void *context, enum dengine_log_room room)
{
    struct bench *bench = context;

    lock(bench);
    bench->room = room;
    unlock(bench);
}

static void on_failed(void *context, int err, const char *message)
{
    struct bench *bench = context;

    lock(bench);
    assert_string_equal(message, "as told");
    bench->failed = err;
    unlock(bench);
}

static void burst_ended(void *context)
{
    (void)context;
}

static int setup(void **state)
{
    static const struct dengine_log_store_ops ops = {
        .write = store_write,
        .tidy = store_tidy,
        .flush_after_ms = store_flush_after_ms,
        .flush = store_flush,
        .room = store_room,
        .message = store_message,
    };
    struct bench *bench = calloc(1, sizeof(*bench));
    struct de_log_writer_options options = {0};

    assert_non_null(bench);
    assert_int_equal(pthread_mutex_init(&bench->mutex, NULL), 0);
    assert_int_equal(pthread_cond_init(&bench->changed, NULL), 0);
    for (size_t i = 0; i < JOBS; i++) {
        bench->jobs[i].ticket = i + 1;
        bench->jobs[i].write.hard_state.term = i + 1;
    }
    assert_int_equal(de_loop_new(&bench->loop), 0);
    assert_int_equal(de_loop_start(bench->loop, burst_ended, NULL), 0);
    options.loop = bench->loop;
    options.log.ops = &ops;
    options.log.object = bench;
    options.context = bench;
    options.persisted = on_persisted;
    options.log_read = on_log_read;
    options.room = on_room;
    options.failed = on_failed;
    assert_int_equal(de_log_writer_new(&options, &bench->writer), 0);
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;

    de_log_writer_stop(bench->writer);
    de_loop_stop(bench->loop);
    de_log_writer_free(bench->writer);
    de_loop_free(bench->loop);
    (void)pthread_cond_destroy(&bench->changed);
    (void)pthread_mutex_destroy(&bench->mutex);
    free(bench);
    return 0;
}

/* Until the loop has heard of so many jobs, and of this room. */
static void await(struct bench *bench, unsigned reported, enum dengine_log_room room)
{
    lock(bench);
    while (bench->reported < reported || bench->room != room) {
        (void)pthread_cond_wait(&bench->changed, &bench->mutex);
    }
    unlock(bench);
}

static void what_was_written_is_told_before_the_store_tidies(void **state)
{
    struct bench *bench = *state;

    bench->tidy_waits = true;
    de_log_writer_persist(bench->writer, &bench->jobs[0]);
    lock(bench);
    while (bench->tidies == 0) {
        (void)pthread_cond_wait(&bench->changed, &bench->mutex);
    }
    assert_int_equal(bench->reported, 1);
    assert_int_equal(bench->status, 0);
    unlock(bench);
}

static void a_write_without_room_is_kept_and_done_when_there_is(void **state)
{
    struct bench *bench = *state;

    de_log_writer_persist(bench->writer, &bench->jobs[0]);
    await(bench, 1, DENGINE_LOG_ROOM);
    lock(bench);
    bench->full = true;
    unlock(bench);
    de_log_writer_persist(bench->writer, &bench->jobs[1]);
    await(bench, 1, DENGINE_LOG_ROOM_NONE);
    de_log_writer_persist(bench->writer, &bench->jobs[2]);
    lock(bench);
    assert_int_equal(bench->reported, 1);
    assert_int_equal(bench->written, 1);
    bench->full = false;
    unlock(bench);
    await(bench, 3, DENGINE_LOG_ROOM);
    assert_int_equal(bench->status, 0);
    assert_int_equal(bench->written, 3);
    assert_int_equal(bench->failed, 0);
}

static void who_gives_up_gets_the_writes_back(void **state)
{
    struct bench *bench = *state;

    bench->full = true;
    de_log_writer_persist(bench->writer, &bench->jobs[0]);
    await(bench, 0, DENGINE_LOG_ROOM_NONE);
    de_log_writer_give_up(bench->writer);
    lock(bench);
    while (bench->reported < 1) {
        (void)pthread_cond_wait(&bench->changed, &bench->mutex);
    }
    assert_int_equal(bench->status, DENGINE_E_NO_SPACE);
    assert_int_equal(bench->written, 0);
    unlock(bench);
}

static void a_store_that_fails_between_writes_is_told_of(void **state)
{
    struct bench *bench = *state;

    bench->tidy_fails = DENGINE_E_IO;
    de_log_writer_persist(bench->writer, &bench->jobs[0]);
    lock(bench);
    while (bench->failed == 0 && bench->status == 0) {
        (void)pthread_cond_wait(&bench->changed, &bench->mutex);
    }
    assert_true(bench->failed == DENGINE_E_IO || bench->status == DENGINE_E_IO);
    unlock(bench);
    /* Nothing more is written. */
    de_log_writer_persist(bench->writer, &bench->jobs[1]);
    lock(bench);
    while (bench->reported < 2) {
        (void)pthread_cond_wait(&bench->changed, &bench->mutex);
    }
    assert_int_equal(bench->status, DENGINE_E_IO);
    assert_int_equal(bench->written, 1);
    unlock(bench);
}

static void what_was_told_early_is_flushed_when_its_time_has_come(void **state)
{
    struct bench *bench = *state;

    bench->flush_ms = 3;
    for (size_t i = 0; i < JOBS; i++) {
        de_log_writer_persist(bench->writer, &bench->jobs[i]);
    }
    /* Nothing else happens meanwhile that could wake the thread. */
    lock(bench);
    while (bench->flushed < JOBS) {
        (void)pthread_cond_wait(&bench->changed, &bench->mutex);
    }
    unlock(bench);
    await(bench, JOBS, DENGINE_LOG_ROOM);
    assert_int_equal(bench->failed, 0);
}

static void a_flush_that_fails_is_told_of(void **state)
{
    struct bench *bench = *state;

    bench->flush_fails = DENGINE_E_IO;
    bench->flush_ms = 1;
    de_log_writer_persist(bench->writer, &bench->jobs[0]);
    lock(bench);
    while (bench->failed == 0 && bench->status == 0) {
        (void)pthread_cond_wait(&bench->changed, &bench->mutex);
    }
    assert_int_equal(bench->flushed, 0);
    unlock(bench);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_written_is_told_before_the_store_tidies),
        TEST(a_write_without_room_is_kept_and_done_when_there_is),
        TEST(who_gives_up_gets_the_writes_back),
        TEST(a_store_that_fails_between_writes_is_told_of),
        TEST(what_was_told_early_is_flushed_when_its_time_has_come),
        TEST(a_flush_that_fails_is_told_of),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
