/* Power cuts, process crashes and failures at every file operation of runs that save and receive:
 * the newest snapshot that was acknowledged is there and whole, or a newer one, and nothing else is
 * taken for a snapshot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dengine/error.h>

#include "core/base/random.h"
#include "storage/snapshot/snapshot_kit.h"

#define STEPS 7

/* What the tester knows. */
struct knowledge {
    uint64_t acknowledged; /* index of the newest finished snapshot; 0: none */
    uint64_t attempted;    /* the newest one that was begun to be finished */
};

/* One step; the next index is the one after the last that was attempted. */
static int step(struct de_snapshot_kit *kit, struct de_random *random, struct knowledge *known)
{
    const uint64_t index = known->attempted + 1;
    bool whole = true;
    int error;

    switch (de_random_below(random, 4)) {
    case 0:
        error = de_snapshot_kit_receive(kit, index, de_random_below(random, 150000), &whole);
        break;
    case 1:
        error = de_snapshot_kit_receive(kit, index, UINT64_MAX, &whole);
        break;
    default:
        error = de_snapshot_kit_save(kit, index);
        break;
    }
    if (whole) {
        known->attempted = index;
        known->acknowledged = error == 0 ? index : known->acknowledged;
    }
    return error;
}

static int run(struct de_snapshot_kit *kit, uint64_t seed, struct knowledge *known)
{
    struct de_random random;
    int error = 0;

    de_random_init(&random, seed);
    for (int i = 0; i < STEPS && error == 0; i++) {
        error = step(kit, &random, known);
    }
    return error;
}

struct names {
    unsigned finished;
    unsigned others;
};

static int count_name(void *context, const char *name)
{
    struct names *names = context;

    if (strlen(name) == 30 && strcmp(name + 25, ".snap") == 0) {
        names->finished++;
    } else {
        names->others++;
    }
    return 0;
}

/* What is there after an open, and what it says of all that was acknowledged. */
static void settle(struct de_snapshot_kit *kit, uint64_t seed, uint64_t at, struct knowledge *known)
{
    const struct dengine_dir dir = de_fault_dir_dir(kit->fault);
    struct names names = {0, 0};
    uint64_t found = 0;
    int error = de_snapshot_kit_check(kit, 0, &found);

    if (error == DENGINE_E_NOT_FOUND) {
        found = 0;
    } else if (error != 0) {
        fail_msg("seed %llu, operation %llu: %s: %s", (unsigned long long)seed,
                 (unsigned long long)at, dengine_error_name(error),
                 kit->store.ops->message(kit->store.object));
    }
    if (found != known->acknowledged && found != known->attempted) {
        fail_msg("seed %llu, operation %llu: the newest is %llu, acknowledged was %llu",
                 (unsigned long long)seed, (unsigned long long)at, (unsigned long long)found,
                 (unsigned long long)known->acknowledged);
    }
    assert_int_equal(dir.ops->list(dir.object, count_name, &names), 0);
    assert_int_equal(names.others, 0);
    assert_true(names.finished <= DE_SNAPSHOTS_KEPT);
    known->acknowledged = found;
    known->attempted = found;
}

static void open_or_fail(struct de_snapshot_kit *kit, uint64_t seed, uint64_t at)
{
    if (de_snapshot_kit_open(kit) != 0) {
        fail_msg("seed %llu, operation %llu: %s", (unsigned long long)seed, (unsigned long long)at,
                 kit->message);
    }
}

/* Opening is cut by another crash, at each of its own operations in turn. */
static void open_with_cuts(struct de_snapshot_kit *kit, enum de_fault_crash kind, uint64_t seed,
                           uint64_t at)
{
    for (uint64_t cut = 0;; cut++) {
        de_fault_dir_fail_at(kit->fault, de_fault_dir_operations(kit->fault) + cut, DENGINE_E_IO,
                             false);
        if (de_snapshot_kit_open(kit) == 0) {
            break;
        }
        assert_true(cut < 50);
        de_fault_dir_crash(kit->fault, kind, seed * 1000 + at + cut);
    }
    de_fault_dir_fail_at(kit->fault, UINT64_MAX, 0, false);
}

/* One crash at operation `at`; false: the run did not get so far. */
static bool cut_once(enum de_fault_crash kind, uint64_t seed, uint64_t at)
{
    struct de_snapshot_kit kit;
    struct knowledge known = {0, 0};
    int error;

    de_snapshot_kit_init(&kit);
    de_fault_dir_fail_at(kit.fault, at, DENGINE_E_IO, false);
    error = de_snapshot_kit_open(&kit);
    if (error == 0) {
        error = run(&kit, seed, &known);
    }
    de_snapshot_kit_close(&kit);
    de_fault_dir_crash(kit.fault, kind, seed * 100000 + at);
    open_with_cuts(&kit, kind, seed, at);
    settle(&kit, seed, at, &known);
    /* What an open has reported stays, also over a power cut right after it. */
    de_snapshot_kit_close(&kit);
    de_fault_dir_crash(kit.fault, DE_FAULT_LOSE_ALL, seed);
    open_or_fail(&kit, seed, at);
    known.attempted = known.acknowledged;
    settle(&kit, seed, at, &known);
    assert_int_equal(run(&kit, seed + 1, &known), 0);
    de_snapshot_kit_close(&kit);
    de_fault_dir_crash(kit.fault, DE_FAULT_LOSE_ALL, seed);
    open_or_fail(&kit, seed, at);
    known.attempted = known.acknowledged;
    settle(&kit, seed, at, &known);
    de_snapshot_kit_deinit(&kit);
    return error != 0;
}

static void cut_everywhere(enum de_fault_crash kind, uint64_t seeds)
{
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        uint64_t at = 0;

        while (cut_once(kind, seed, at)) {
            at++;
        }
        assert_true(at > 30);
    }
}

static void a_power_cut_that_loses_all_unsynced(void **state)
{
    (void)state;
    cut_everywhere(DE_FAULT_LOSE_ALL, 8);
}

static void a_power_cut_that_keeps_all(void **state)
{
    (void)state;
    cut_everywhere(DE_FAULT_KEEP_ALL, 2);
}

static void a_process_crash(void **state)
{
    (void)state;
    cut_everywhere(DE_FAULT_PROCESS, 6);
}

static void a_power_cut_that_keeps_any_subset(void **state)
{
    (void)state;
    cut_everywhere(DE_FAULT_RANDOM, 12);
}

static void a_power_cut_that_spoils_sectors(void **state)
{
    (void)state;
    cut_everywhere(DE_FAULT_RANDOM_SPOIL, 12);
}

/* Every subset of the directory operations that were not synced, at every operation. */
static void any_subset_of_directory_operations(void **state)
{
    (void)state;
    for (uint64_t at = 0; at < 70; at++) {
        uint64_t masks = 1;

        for (uint64_t mask = 0; mask < masks; mask++) {
            struct de_snapshot_kit kit;
            struct knowledge known = {0, 0};

            de_snapshot_kit_init(&kit);
            de_fault_dir_fail_at(kit.fault, at, DENGINE_E_IO, false);
            if (de_snapshot_kit_open(&kit) == 0) {
                (void)run(&kit, 2, &known);
            }
            de_snapshot_kit_close(&kit);
            masks = UINT64_C(1) << de_fault_dir_pending(kit.fault);
            assert_true(masks <= 64);
            de_fault_dir_crash_names(kit.fault, mask);
            open_or_fail(&kit, mask, at);
            settle(&kit, mask, at, &known);
            de_snapshot_kit_deinit(&kit);
        }
    }
}

/* One operation fails, and the store goes on without being opened again. */
static void a_failure_breaks_nothing(void **state)
{
    static const int errors[] = {DENGINE_E_NO_SPACE, DENGINE_E_IO};

    (void)state;
    for (uint64_t at = 0; at < 120; at++) {
        struct de_snapshot_kit kit;
        struct knowledge known = {0, 0};
        struct de_random random;
        const int error = errors[at % 2];

        de_snapshot_kit_init(&kit);
        open_or_fail(&kit, 0, at);
        assert_int_equal(de_snapshot_kit_save(&kit, 1), 0);
        known = (struct knowledge){1, 1};
        de_fault_dir_fail_at(kit.fault, de_fault_dir_operations(kit.fault) + at, error, true);
        de_random_init(&random, at);
        for (int i = 0; i < 12; i++) {
            const int got = step(&kit, &random, &known);
            uint64_t found = 0;

            if (got != 0) {
                assert_int_equal(got, error);
                assert_true(kit.store.ops->message(kit.store.object)[0] != '\0');
            }
            assert_int_equal(de_snapshot_kit_check(&kit, 0, &found), 0);
            assert_int_equal(found, known.acknowledged);
        }
        de_fault_dir_fail_at(kit.fault, UINT64_MAX, 0, false);
        de_snapshot_kit_close(&kit);
        open_or_fail(&kit, 0, at);
        settle(&kit, 0, at, &known);
        de_snapshot_kit_deinit(&kit);
    }
}

static void a_full_disk_ends_one_snapshot_only(void **state)
{
    struct de_snapshot_kit kit;
    struct knowledge known = {3, 3};
    uint64_t found = 0;
    bool whole = false;

    (void)state;
    de_snapshot_kit_init(&kit);
    open_or_fail(&kit, 0, 0);
    assert_int_equal(de_snapshot_kit_save(&kit, 3), 0); /* 150000 bytes */
    de_fault_dir_set_space(kit.fault, 250000);
    assert_int_equal(de_snapshot_kit_save(&kit, 9), DENGINE_E_NO_SPACE);
    assert_int_equal(de_snapshot_kit_receive(&kit, 9, UINT64_MAX, &whole), DENGINE_E_NO_SPACE);
    assert_non_null(strstr(kit.store.ops->message(kit.store.object), "no space"));
    assert_int_equal(de_snapshot_kit_check(&kit, 0, &found), 0);
    assert_int_equal(found, 3);
    /* What did not fit takes no room any more. */
    assert_int_equal(de_snapshot_kit_save(&kit, 4), 0);
    de_fault_dir_set_space(kit.fault, UINT64_MAX);
    assert_int_equal(de_snapshot_kit_save(&kit, 9), 0);
    known = (struct knowledge){9, 9};
    de_snapshot_kit_close(&kit);
    open_or_fail(&kit, 0, 0);
    settle(&kit, 0, 0, &known);
    de_snapshot_kit_deinit(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_power_cut_that_loses_all_unsynced),
        cmocka_unit_test(a_power_cut_that_keeps_all),
        cmocka_unit_test(a_process_crash),
        cmocka_unit_test(a_power_cut_that_keeps_any_subset),
        cmocka_unit_test(a_power_cut_that_spoils_sectors),
        cmocka_unit_test(any_subset_of_directory_operations),
        cmocka_unit_test(a_failure_breaks_nothing),
        cmocka_unit_test(a_full_disk_ends_one_snapshot_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
