#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "storage/wal/wal_kit.h"

static void expect(struct de_wal_kit *kit, const struct de_log_model *model)
{
    struct dengine_contract_report report = {""};

    if (!de_wal_kit_matches(kit, model, &report)) {
        fail_msg("%s", report.message);
    }
}

static void one_call_costs_one_sync(void **state)
{
    struct de_wal_kit *kit = *state;
    struct dengine_entry entry = {1, DENGINE_ENTRY_COMMAND, {"data", 4}};
    struct dengine_log_write writes[20];
    uint64_t syncs = de_fault_dir_syncs(kit->fault);

    memset(writes, 0, sizeof(writes));
    for (size_t i = 0; i < 20; i++) {
        writes[i].entries = &entry;
        writes[i].entry_count = 1;
        writes[i].first_index = i + 1;
    }
    assert_int_equal(kit->store.ops->write(kit->store.object, writes, 20), 0);
    assert_int_equal(de_fault_dir_syncs(kit->fault), syncs + 1);
}

/* The file's sync error is final: pages may be gone although a second sync says 0. */
static void a_failed_sync_breaks_the_log_for_good(void **state)
{
    struct de_wal_kit *kit = *state;
    uint64_t operations;

    assert_int_equal(de_wal_kit_append(kit, 1, 10), 0);
    operations = de_fault_dir_operations(kit->fault);
    de_fault_dir_fail_at(kit->fault, operations + 1, DENGINE_E_IO, true);
    assert_int_equal(de_wal_kit_append(kit, 1, 10), DENGINE_E_IO);
    assert_non_null(strstr(kit->store.ops->message(kit->store.object), "nothing is retried"));
    operations = de_fault_dir_operations(kit->fault);
    assert_int_equal(kit->store.ops->write(kit->store.object, NULL, 0), DENGINE_E_IO);
    assert_int_equal(kit->store.ops->compact(kit->store.object, 1, 0), DENGINE_E_IO);
    assert_int_equal(kit->store.ops->reset(kit->store.object, 9, 0, &kit->model->hard_state),
                     DENGINE_E_IO);
    assert_int_equal(de_fault_dir_operations(kit->fault), operations);
    expect(kit, kit->model);
}

static void a_failed_write_breaks_the_log_for_good(void **state)
{
    struct de_wal_kit *kit = *state;

    assert_int_equal(de_wal_kit_append(kit, 1, 10), 0);
    de_fault_dir_fail_at(kit->fault, de_fault_dir_operations(kit->fault), DENGINE_E_IO, true);
    assert_int_equal(de_wal_kit_append(kit, 1, 10), DENGINE_E_IO);
    assert_int_equal(kit->store.ops->write(kit->store.object, NULL, 0), DENGINE_E_IO);
    expect(kit, kit->model);
}

/* Every operation of a run fails once: the log never says 0 afterwards and recovers. */
static void any_failed_operation_breaks_the_log_for_good(void **state)
{
    struct de_wal_kit *unused = *state;

    (void)unused;
    for (uint64_t at = 0; at < 150; at++) {
        struct de_wal_kit kit;
        struct de_random random;
        struct dengine_contract_report report = {""};
        int error;

        de_wal_kit_init(&kit);
        assert_int_equal(de_wal_kit_open(&kit), 0);
        de_random_init(&random, 4);
        de_fault_dir_fail_at(kit.fault, de_fault_dir_operations(kit.fault) + at, DENGINE_E_IO,
                             true);
        do {
            error = de_wal_kit_random(&kit, &random);
        } while (error == 0);
        assert_int_equal(error, DENGINE_E_IO);
        assert_int_equal(kit.store.ops->write(kit.store.object, NULL, 0), DENGINE_E_IO);
        de_wal_kit_close(&kit);
        de_fault_dir_crash(kit.fault, DE_FAULT_KEEP_ALL, 0);
        assert_int_equal(de_wal_kit_open(&kit), 0);
        if (!de_wal_kit_matches(&kit, kit.model, &report)) {
            expect(&kit, kit.next);
        }
        de_wal_kit_deinit(&kit);
    }
}

static void a_full_disk_is_announced_refused_and_survived(void **state)
{
    struct de_wal_kit *kit = *state;
    struct de_wal_usage usage;
    unsigned announced[3] = {0, 0, 0};
    int error;

    de_fault_dir_set_space(kit->fault, 4 * 8192 + 100);
    assert_int_equal(kit->store.ops->room(kit->store.object), DENGINE_LOG_ROOM);
    for (;;) {
        error = de_wal_kit_append(kit, 2, 300);
        if (error != 0) {
            break;
        }
        announced[kit->store.ops->room(kit->store.object)]++;
    }
    assert_int_equal(error, DENGINE_E_NO_SPACE);
    assert_non_null(strstr(kit->store.ops->message(kit->store.object), "no space is left"));
    assert_true(announced[DENGINE_LOG_ROOM] > 0);
    assert_true(announced[DENGINE_LOG_ROOM_LOW] > 0);
    assert_true(announced[DENGINE_LOG_ROOM_NONE] > 0);
    expect(kit, kit->model);
    /* Nothing was written, so trying again is allowed; the answer stays the same. */
    assert_int_equal(de_wal_kit_append(kit, 2, 300), DENGINE_E_NO_SPACE);
    de_fault_dir_set_space(kit->fault, UINT64_MAX);
    assert_int_equal(de_wal_kit_append(kit, 2, 300), 0);
    de_wal_usage(kit->store, &usage);
    assert_false(usage.low_on_space);
    de_wal_kit_close(kit);
    assert_int_equal(de_wal_kit_open(kit), 0);
    expect(kit, kit->model);
}

static void the_reserve_is_made_again_when_there_is_room(void **state)
{
    struct de_wal_kit *kit = *state;
    struct de_wal_usage usage;

    de_fault_dir_set_space(kit->fault, 8192 + 100);
    do {
        assert_int_equal(de_wal_kit_append(kit, 1, 300), 0);
        de_wal_usage(kit->store, &usage);
    } while (!usage.low_on_space);
    assert_int_equal(kit->store.ops->tidy(kit->store.object, true), 0);
    assert_int_not_equal(kit->store.ops->room(kit->store.object), DENGINE_LOG_ROOM);
    assert_int_equal(de_wal_kit_append(kit, 1, 300), 0);
    de_fault_dir_set_space(kit->fault, UINT64_MAX);
    assert_int_equal(kit->store.ops->tidy(kit->store.object, true), 0);
    assert_int_equal(kit->store.ops->room(kit->store.object), DENGINE_LOG_ROOM);
    de_wal_usage(kit->store, &usage);
    assert_false(usage.low_on_space);
    assert_int_equal(usage.spares, 1);
}

static void compaction_makes_room_on_a_full_disk(void **state)
{
    struct de_wal_kit *kit = *state;

    de_fault_dir_set_space(kit->fault, 3 * 8192);
    while (de_wal_kit_append(kit, 1, 200) == 0) {
        continue;
    }
    assert_int_equal(de_wal_kit_compact(kit, kit->model->last_index), 0);
    assert_int_equal(de_wal_kit_append(kit, 1, 200), 0);
    de_wal_kit_close(kit);
    assert_int_equal(de_wal_kit_open(kit), 0);
    expect(kit, kit->model);
}

static void a_group_larger_than_a_segment_gets_its_own(void **state)
{
    struct de_wal_kit *kit = *state;

    assert_int_equal(de_wal_kit_append(kit, 1, 100), 0);
    assert_int_equal(de_wal_kit_append(kit, 10, 5000), 0);
    assert_int_equal(de_wal_kit_append(kit, 1, 100), 0);
    expect(kit, kit->model);
    de_wal_kit_close(kit);
    assert_int_equal(de_wal_kit_open(kit), 0);
    expect(kit, kit->model);
}

static void the_first_group_of_all_may_be_larger_than_a_segment(void **state)
{
    struct de_wal_kit *kit = *state;

    assert_int_equal(de_wal_kit_append(kit, 2, 6000), 0);
    expect(kit, kit->model);
    de_wal_kit_close(kit);
    assert_int_equal(de_wal_kit_open(kit), 0);
    expect(kit, kit->model);
}

/* What the log asks of its directory. */
static struct de_call_counts counts_of(const struct de_wal_kit *kit)
{
    return de_count_dir_counts(kit->count);
}

/* The next segment is ready before the current one is full, and what compaction leaves is cleared
 * away later: a write is one write and one sync, and so is a compaction. */
static void every_write_is_one_write_and_one_sync(void **state)
{
    struct de_wal_kit *kit = *state;
    struct de_wal_usage usage;
    uint64_t rotations = 0;
    uint64_t retired = 0;

    kit->tidies = false;
    for (uint64_t i = 0; i < 400; i++) {
        const bool compacts = i % 40 == 39;
        struct de_call_counts before = counts_of(kit);
        struct de_call_counts after;
        struct de_wal_usage now;

        de_wal_usage(kit->store, &usage);
        assert_int_equal(compacts ? de_wal_kit_compact(kit, kit->model->last_index - 3)
                                  : de_wal_kit_append(kit, 1, 300),
                         0);
        after = counts_of(kit);
        assert_int_equal(after.writes, before.writes + 1);
        assert_int_equal(after.syncs, before.syncs + 1);
        assert_int_equal(after.all, before.all + 2);
        de_wal_usage(kit->store, &now);
        rotations += now.segments - usage.segments;
        while (kit->store.ops->tidy(kit->store.object, i % 3 == 0) == 1) {
            continue;
        }
        de_wal_usage(kit->store, &usage);
        retired += now.segments - usage.segments;
    }
    assert_true(rotations >= 20);
    assert_true(retired >= 15);
    expect(kit, kit->model);
}

/* In steady state the segments go round: none is made, filled or removed. */
static void recycled_segments_are_not_filled_again(void **state)
{
    struct de_wal_kit *kit = *state;
    struct de_call_counts before;
    struct de_call_counts after;

    for (uint64_t round = 0; round < 100; round++) {
        if (round == 20) {
            before = counts_of(kit);
        }
        assert_int_equal(de_wal_kit_append(kit, 1, 300), 0);
        if (round % 5 == 4) {
            assert_int_equal(de_wal_kit_compact(kit, kit->model->last_index), 0);
        }
    }
    after = counts_of(kit);
    assert_true(after.renames > before.renames + 5);
    assert_int_equal(after.creates, before.creates);
    assert_int_equal(after.removes, before.removes);
    expect(kit, kit->model);
}

/* A writer that is never idle needs no marks: the next group says what they would. */
static void a_busy_log_writes_no_marks(void **state)
{
    struct de_wal_kit *kit = *state;
    struct de_call_counts before;

    kit->idle = false;
    before = counts_of(kit);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(de_wal_kit_append(kit, 1, 10), 0);
    }
    assert_int_equal(counts_of(kit).writes, before.writes + 5);
    kit->idle = true;
    assert_int_equal(de_wal_kit_append(kit, 1, 10), 0);
    assert_int_equal(counts_of(kit).writes, before.writes + 7);
}

static int count_visit(void *context, uint64_t index, const struct dengine_entry *entry)
{
    uint64_t *visited = context;

    assert_true(index > 0 && entry->term == 0);
    (*visited)++;
    return 0;
}

/* However long the log is and wherever the entry lies: one read. */
static void any_entry_is_one_read(void **state)
{
    struct de_wal_kit *kit = *state;
    uint64_t visited = 0;
    struct de_call_counts before;

    for (int i = 0; i < 300; i++) {
        assert_int_equal(de_wal_kit_append(kit, 3, 200), 0);
    }
    before = counts_of(kit);
    for (uint64_t index = 1; index <= kit->model->last_index; index += 7) {
        assert_int_equal(
            kit->store.ops->read(kit->store.object, index, index, count_visit, &visited), 0);
        assert_int_equal(counts_of(kit).reads, before.reads + visited);
        assert_int_equal(counts_of(kit).all, before.all + visited);
    }
    assert_true(visited > 100);
}

static void wrong_options_are_refused(void **state)
{
    struct de_wal_kit *kit = *state;

    de_wal_kit_close(kit);
    kit->segment_bytes = 5000;
    assert_int_equal(de_wal_kit_open(kit), DENGINE_E_INVALID);
    assert_non_null(strstr(kit->message, "multiple of 4096"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, de_wal_kit_setup, de_wal_kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_call_costs_one_sync),
        TEST(a_failed_sync_breaks_the_log_for_good),
        TEST(a_failed_write_breaks_the_log_for_good),
        TEST(any_failed_operation_breaks_the_log_for_good),
        TEST(a_full_disk_is_announced_refused_and_survived),
        TEST(the_reserve_is_made_again_when_there_is_room),
        TEST(compaction_makes_room_on_a_full_disk),
        TEST(a_group_larger_than_a_segment_gets_its_own),
        TEST(the_first_group_of_all_may_be_larger_than_a_segment),
        TEST(every_write_is_one_write_and_one_sync),
        TEST(recycled_segments_are_not_filled_again),
        TEST(a_busy_log_writes_no_marks),
        TEST(any_entry_is_one_read),
        TEST(wrong_options_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
