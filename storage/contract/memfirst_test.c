/* Early reports over the real write-ahead log: the contract of log stores, and what a crash at any
 * moment may take away: the log's end, and never in silence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/assert.h"
#include "core/base/random.h"
#include "storage/contract/contract_runner.h"
#include "storage/contract/fault_dir.h"
#include "storage/memfirst/memfirst.h"
#include "storage/wal/wal.h"

#define SEGMENT_BYTES 16384u
#define TEXT_BYTES    512u

struct bench {
    struct de_fault_dir *fault;
    struct dengine_log_store store;
    uint64_t flush_bytes;
    char message[TEXT_BYTES];
};

static int open_store(struct bench *bench)
{
    const struct de_memfirst_options early = {5, bench->flush_bytes, NULL};
    struct dengine_dir dir = de_fault_dir_dir(bench->fault);
    struct de_wal_options options;
    int err;

    de_wal_options_init(&options, 1, 2);
    options.segment_bytes = SEGMENT_BYTES;
    err = de_wal_open(dir, &options, &bench->store, bench->message, TEXT_BYTES);
    return err != 0 ? err
                    : de_memfirst_open(dir, &early, &bench->store, bench->message, TEXT_BYTES);
}

static void bench_open(struct bench *bench)
{
    memset(bench, 0, sizeof(*bench));
    bench->fault = de_fault_dir_new();
    bench->flush_bytes = 4096;
    assert_int_equal(open_store(bench), 0);
}

static void close_store(struct bench *bench)
{
    bench->store.ops->close(bench->store.object);
}

static void bench_close(struct bench *bench)
{
    close_store(bench);
    de_fault_dir_free(bench->fault);
}

/* The process is gone; the power as well, unless kind says otherwise. */
static void crash(struct bench *bench, enum de_fault_crash kind)
{
    de_fault_dir_fail_at(bench->fault, de_fault_dir_operations(bench->fault), DENGINE_E_IO, false);
    close_store(bench);
    de_fault_dir_crash(bench->fault, kind, 1);
    assert_int_equal(open_store(bench), 0);
}

static struct dengine_log_state state_of(const struct bench *bench)
{
    struct dengine_log_state state;

    bench->store.ops->state(bench->store.object, &state);
    return state;
}

/* Entry i is the four bytes of i. */
static int append(struct bench *bench, uint64_t term, uint32_t type)
{
    const struct dengine_log_state state = state_of(bench);
    const uint32_t number = (uint32_t)state.last_index + 1;
    const struct dengine_entry entry = {term, type, {&number, sizeof(number)}};
    const struct dengine_log_write write = {.set_hard_state = true,
                                            .hard_state = {term, 1, state.last_index},
                                            .first_index = state.last_index + 1,
                                            .entries = &entry,
                                            .entry_count = 1};

    return bench->store.ops->write(bench->store.object, &write, 1);
}

static int check_entry(void *context, uint64_t index, const struct dengine_entry *entry)
{
    uint64_t *next = context;
    uint32_t number;

    assert_int_equal(index, *next);
    assert_int_equal(entry->data.size, sizeof(number));
    memcpy(&number, entry->data.data, sizeof(number));
    assert_int_equal(number, index);
    (*next)++;
    return 0;
}

static void check_entries(struct bench *bench)
{
    const struct dengine_log_state state = state_of(bench);
    uint64_t next = state.first_index;

    if (state.last_index >= state.first_index) {
        assert_int_equal(bench->store.ops->read(bench->store.object, state.first_index,
                                                state.last_index, check_entry, &next),
                         0);
    }
    assert_int_equal(next, state.last_index + 1);
}

static bool has_mark(const struct bench *bench)
{
    struct dengine_dir dir = de_fault_dir_dir(bench->fault);
    struct dengine_file *file;
    int err = dir.ops->open(dir.object, DE_MEMFIRST_MARK, DENGINE_FILE_READ, &file);

    if (err == 0) {
        dir.ops->close(dir.object, file);
    }
    return err == 0;
}

static void plain_entries_are_reported_early_and_flushed_together(void **state)
{
    struct bench bench;
    uint64_t syncs;

    (void)state;
    bench_open(&bench);
    assert_false(has_mark(&bench));
    assert_int_equal(append(&bench, 1, DENGINE_ENTRY_NOOP), 0); /* a new term: through */
    assert_int_equal(bench.store.ops->flush_after_ms(bench.store.object), 0);
    assert_int_equal(append(&bench, 1, DENGINE_ENTRY_COMMAND), 0);
    assert_true(has_mark(&bench));
    assert_int_equal(bench.store.ops->flush_after_ms(bench.store.object), 5);
    syncs = de_fault_dir_syncs(bench.fault);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(append(&bench, 1, DENGINE_ENTRY_COMMAND), 0);
    }
    check_entries(&bench);
    assert_int_equal(de_fault_dir_syncs(bench.fault), syncs);
    assert_int_equal(bench.store.ops->flush(bench.store.object), 0);
    assert_int_equal(de_fault_dir_syncs(bench.fault), syncs + 1);
    assert_int_equal(bench.store.ops->flush_after_ms(bench.store.object), 0);
    crash(&bench, DE_FAULT_LOSE_ALL);
    assert_int_equal(state_of(&bench).last_index, 22);
    check_entries(&bench);
    bench_close(&bench);
}

static void what_waits_is_bounded_in_bytes(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench);
    bench.store.ops->close(bench.store.object);
    bench.flush_bytes = 100; /* two entries of 36 bytes */
    assert_int_equal(open_store(&bench), 0);
    for (int i = 0; i < 9; i++) {
        assert_int_equal(append(&bench, 1, DENGINE_ENTRY_COMMAND), 0);
    }
    crash(&bench, DE_FAULT_LOSE_ALL);
    assert_true(state_of(&bench).last_index >= 7);
    check_entries(&bench);
    bench_close(&bench);
}

static void what_a_crash_takes_away_is_said_until_the_node_is_whole(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench);
    assert_int_equal(append(&bench, 1, DENGINE_ENTRY_NOOP), 0);
    assert_int_equal(append(&bench, 1, DENGINE_ENTRY_COMMAND), 0);
    crash(&bench, DE_FAULT_LOSE_ALL);
    assert_int_equal(state_of(&bench).last_index, 1);
    assert_true(state_of(&bench).recovering);
    /* In this state everything is written through, and a close changes nothing. */
    assert_int_equal(append(&bench, 1, DENGINE_ENTRY_COMMAND), 0);
    assert_int_equal(bench.store.ops->flush_after_ms(bench.store.object), 0);
    close_store(&bench);
    assert_int_equal(open_store(&bench), 0);
    assert_true(state_of(&bench).recovering);
    assert_int_equal(state_of(&bench).last_index, 2);
    assert_int_equal(bench.store.ops->whole(bench.store.object), 0);
    assert_false(state_of(&bench).recovering);
    assert_int_equal(append(&bench, 1, DENGINE_ENTRY_COMMAND), 0);
    assert_int_equal(bench.store.ops->flush_after_ms(bench.store.object), 5);
    close_store(&bench);
    assert_false(has_mark(&bench));
    assert_int_equal(open_store(&bench), 0);
    assert_false(state_of(&bench).recovering);
    assert_int_equal(state_of(&bench).last_index, 3);
    bench_close(&bench);
}

static void without_early_reports_the_life_before_is_still_asked(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench);
    assert_int_equal(append(&bench, 1, DENGINE_ENTRY_NOOP), 0);
    assert_int_equal(append(&bench, 1, DENGINE_ENTRY_COMMAND), 0);
    bench.flush_bytes = 0;
    crash(&bench, DE_FAULT_LOSE_ALL);
    assert_true(state_of(&bench).recovering);
    assert_int_equal(append(&bench, 1, DENGINE_ENTRY_COMMAND), 0);
    assert_int_equal(bench.store.ops->whole(bench.store.object), 0);
    assert_false(has_mark(&bench));
    assert_int_equal(append(&bench, 1, DENGINE_ENTRY_COMMAND), 0);
    crash(&bench, DE_FAULT_LOSE_ALL);
    assert_false(state_of(&bench).recovering);
    assert_int_equal(state_of(&bench).last_index, 3);
    bench_close(&bench);
}

static void terms_votes_configurations_and_truncations_are_never_lost(void **state)
{
    struct dengine_log_write vote = {.set_hard_state = true, .hard_state = {2, 3, 0}};
    struct dengine_log_write cut = {.truncate_from = 4};
    struct bench bench;

    (void)state;
    bench_open(&bench);
    assert_int_equal(append(&bench, 1, DENGINE_ENTRY_NOOP), 0);
    assert_int_equal(append(&bench, 1, DENGINE_ENTRY_COMMAND), 0);
    assert_int_equal(append(&bench, 1, DENGINE_ENTRY_CONFIG), 0);
    crash(&bench, DE_FAULT_LOSE_ALL);
    assert_int_equal(state_of(&bench).last_index, 3);
    assert_int_equal(bench.store.ops->whole(bench.store.object), 0);
    assert_int_equal(append(&bench, 1, DENGINE_ENTRY_COMMAND), 0);
    assert_int_equal(append(&bench, 1, DENGINE_ENTRY_COMMAND), 0);
    assert_int_equal(bench.store.ops->write(bench.store.object, &vote, 1), 0);
    crash(&bench, DE_FAULT_LOSE_ALL);
    assert_int_equal(state_of(&bench).last_index, 5);
    assert_int_equal(state_of(&bench).hard_state.vote, 3);
    assert_int_equal(bench.store.ops->whole(bench.store.object), 0);
    assert_int_equal(bench.store.ops->write(bench.store.object, &cut, 1), 0);
    crash(&bench, DE_FAULT_LOSE_ALL);
    assert_int_equal(state_of(&bench).last_index, 3);
    check_entries(&bench);
    bench_close(&bench);
}

/* A log whose flush finds no room, told by a store that has none. */
static int full_write(void *store, const struct dengine_log_write *writes, size_t count)
{
    (void)store;
    (void)writes;
    (void)count;
    return DENGINE_E_NO_SPACE;
}

static void what_finds_no_room_stays(void **state)
{
    struct dengine_log_store_ops ops;
    const struct dengine_log_store_ops *real;
    struct dengine_log_store wal;
    const struct de_memfirst_options early = {5, 4096, NULL};
    struct de_wal_options options;
    struct bench bench;

    (void)state;
    memset(&bench, 0, sizeof(bench));
    bench.fault = de_fault_dir_new();
    de_wal_options_init(&options, 1, 2);
    options.segment_bytes = SEGMENT_BYTES;
    assert_int_equal(
        de_wal_open(de_fault_dir_dir(bench.fault), &options, &wal, bench.message, TEXT_BYTES), 0);
    real = wal.ops;
    ops = *real;
    bench.store.ops = &ops;
    bench.store.object = wal.object;
    assert_int_equal(de_memfirst_open(de_fault_dir_dir(bench.fault), &early, &bench.store,
                                      bench.message, TEXT_BYTES),
                     0);
    assert_int_equal(append(&bench, 1, DENGINE_ENTRY_NOOP), 0);
    assert_int_equal(append(&bench, 1, DENGINE_ENTRY_COMMAND), 0);
    ops.write = full_write;
    assert_int_equal(bench.store.ops->flush(bench.store.object), 0);
    assert_int_equal(bench.store.ops->flush_after_ms(bench.store.object), 5);
    assert_int_equal(bench.store.ops->room(bench.store.object), DENGINE_LOG_ROOM_NONE);
    assert_int_equal(append(&bench, 1, DENGINE_ENTRY_COMMAND), DENGINE_E_NO_SPACE);
    assert_int_equal(state_of(&bench).last_index, 2);
    check_entries(&bench);
    ops.write = real->write;
    assert_true(bench.store.ops->tidy(bench.store.object, true) >= 0);
    assert_int_equal(bench.store.ops->room(bench.store.object), DENGINE_LOG_ROOM);
    assert_int_equal(append(&bench, 1, DENGINE_ENTRY_COMMAND), 0);
    crash(&bench, DE_FAULT_LOSE_ALL);
    assert_int_equal(state_of(&bench).last_index, 2);
    bench_close(&bench);
}

/* One step of a random life. *floor: what of the log a crash must leave. */
static int random_step(struct bench *bench, struct de_random *random, uint64_t *term,
                       uint64_t *floor)
{
    const uint64_t kind = de_random_below(random, 12);
    int err;

    if (kind == 0) {
        err = append(bench, *term + 1, DENGINE_ENTRY_NOOP);
        *term += err == 0 ? 1 : 0;
    } else if (kind == 1) {
        err = append(bench, *term, DENGINE_ENTRY_CONFIG);
    } else if (kind == 2) {
        err = bench->store.ops->flush(bench->store.object);
    } else {
        return append(bench, *term, DENGINE_ENTRY_COMMAND);
    }
    *floor = err == 0 ? state_of(bench).last_index : *floor;
    return err;
}

static void a_crash_at_any_operation_loses_the_end_and_says_so(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 600; seed++) {
        struct de_random random;
        struct bench bench;
        uint64_t term = 1;
        uint64_t floor = 0;
        uint64_t reported;
        int err = 0;

        bench_open(&bench);
        de_random_init(&random, seed);
        de_fault_dir_fail_at(bench.fault,
                             de_fault_dir_operations(bench.fault) + de_random_below(&random, 40),
                             DENGINE_E_IO, false);
        for (int i = 0; err == 0 && i < 100; i++) {
            err = random_step(&bench, &random, &term, &floor);
        }
        reported = state_of(&bench).last_index;
        crash(&bench, seed % 2 == 0 ? DE_FAULT_LOSE_ALL : DE_FAULT_RANDOM);
        assert_true(state_of(&bench).last_index >= floor);
        assert_true(state_of(&bench).recovering || state_of(&bench).last_index >= reported);
        assert_true(state_of(&bench).hard_state.term == term ||
                    state_of(&bench).hard_state.term == term + 1 || floor == 0);
        check_entries(&bench);
        bench_close(&bench);
    }
}

/* ---- the contract of log stores ---- */

static int contract_create(void *context, struct dengine_log_store *store)
{
    struct bench *bench = context;
    int err;

    bench->fault = de_fault_dir_new();
    err = open_store(bench);
    *store = bench->store;
    return err;
}

static int contract_reopen(void *context, struct dengine_log_store *store)
{
    struct bench *bench = context;
    int err;

    store->ops->close(store->object);
    err = open_store(bench);
    *store = bench->store;
    return err;
}

static void contract_destroy(void *context, struct dengine_log_store *store)
{
    struct bench *bench = context;

    store->ops->close(store->object);
    de_fault_dir_free(bench->fault);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_entries_are_reported_early_and_flushed_together),
        cmocka_unit_test(what_waits_is_bounded_in_bytes),
        cmocka_unit_test(what_a_crash_takes_away_is_said_until_the_node_is_whole),
        cmocka_unit_test(without_early_reports_the_life_before_is_still_asked),
        cmocka_unit_test(terms_votes_configurations_and_truncations_are_never_lost),
        cmocka_unit_test(what_finds_no_room_stays),
        cmocka_unit_test(a_crash_at_any_operation_loses_the_end_and_says_so),
    };
    static struct bench bench = {.flush_bytes = 4096};
    const struct dengine_log_contract contract = {&bench, contract_create, contract_reopen,
                                                  contract_destroy};

    return cmocka_run_group_tests(tests, NULL, NULL) + de_run_log_contract(&contract);
}
