/* Power cuts at every file operation of a random run, with what was not synced lost, kept, torn or
 * spoiled: what was acknowledged is there, and nothing is there that was not written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "storage/wal/wal_kit.h"

#define STEPS 60
/* Crashes that one log lives through, and of how many such lives. */
#define CRASHES 60
#define LIVES   600

/* Runs until an operation fails or all are done. */
static int run(struct de_wal_kit *kit, uint64_t seed)
{
    struct de_random random;
    int error = 0;

    de_random_init(&random, seed);
    for (int step = 0; step < STEPS && error == 0; step++) {
        error = de_wal_kit_random(kit, &random);
    }
    return error;
}

/* The model that the recovered log equals becomes the model. */
static void settle_model(struct de_wal_kit *kit, uint64_t seed, uint64_t at)
{
    struct dengine_contract_report report = {""};
    struct dengine_contract_report ignored = {""};

    if (de_wal_kit_matches(kit, kit->model, &report)) {
        *kit->next = *kit->model;
    } else if (de_wal_kit_matches(kit, kit->next, &ignored)) {
        *kit->model = *kit->next;
    } else {
        fail_msg("seed %llu, operation %llu: %s", (unsigned long long)seed, (unsigned long long)at,
                 report.message);
    }
}

static void open_or_fail(struct de_wal_kit *kit, uint64_t seed, uint64_t at)
{
    if (de_wal_kit_open(kit) != 0) {
        fail_msg("seed %llu, operation %llu: %s", (unsigned long long)seed, (unsigned long long)at,
                 kit->message);
    }
}

/* Recovery is cut by another power cut, at each of its own operations in turn. */
static void recover_with_cuts(struct de_wal_kit *kit, enum de_fault_crash kind, uint64_t seed,
                              uint64_t at)
{
    for (uint64_t cut = 0;; cut++) {
        de_fault_dir_fail_at(kit->fault, de_fault_dir_operations(kit->fault) + cut, DENGINE_E_IO,
                             false);
        if (de_wal_kit_open(kit) == 0) {
            break;
        }
        assert_true(cut < 100);
        de_fault_dir_crash(kit->fault, kind, seed * 1000 + at + cut);
    }
    de_fault_dir_fail_at(kit->fault, UINT64_MAX, 0, false);
    settle_model(kit, seed, at);
}

/* One power cut at operation `at`; false: the run did not get so far. */
static bool cut_once(enum de_fault_crash kind, uint64_t seed, uint64_t at)
{
    struct de_wal_kit kit;
    int error;

    de_wal_kit_init(&kit);
    kit.spares_max = (uint32_t)(seed % 3);
    de_fault_dir_fail_at(kit.fault, at, DENGINE_E_IO, false);
    error = de_wal_kit_open(&kit);
    if (error == 0) {
        error = run(&kit, seed);
    }
    de_wal_kit_close(&kit);
    de_fault_dir_crash(kit.fault, kind, seed * 100000 + at);
    recover_with_cuts(&kit, kind, seed, at);
    if (run(&kit, seed + 1) != 0) {
        fail_msg("seed %llu, operation %llu: %s", (unsigned long long)seed, (unsigned long long)at,
                 kit.store.ops->message(kit.store.object));
    }
    de_wal_kit_close(&kit);
    open_or_fail(&kit, seed, at);
    settle_model(&kit, seed, at);
    de_wal_kit_deinit(&kit);
    return error != 0;
}

static void cut_everywhere(enum de_fault_crash kind, uint64_t seeds)
{
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        uint64_t at = 0;

        while (cut_once(kind, seed, at)) {
            at++;
        }
        assert_true(at > 150);
    }
}

static void a_power_cut_that_loses_all_unsynced(void **state)
{
    (void)state;
    cut_everywhere(DE_FAULT_LOSE_ALL, 3);
}

static void a_power_cut_that_keeps_all(void **state)
{
    (void)state;
    cut_everywhere(DE_FAULT_KEEP_ALL, 3);
}

static void a_process_crash(void **state)
{
    (void)state;
    cut_everywhere(DE_FAULT_PROCESS, 3);
}

/* What an open reported after a process crash must outlive a power cut right after it. */
static void a_process_crash_then_a_power_cut(void **state)
{
    (void)state;
    for (uint64_t at = 0; at < 300; at++) {
        struct de_wal_kit kit;

        de_wal_kit_init(&kit);
        de_fault_dir_fail_at(kit.fault, at, DENGINE_E_IO, false);
        if (de_wal_kit_open(&kit) == 0) {
            (void)run(&kit, 5);
        }
        de_wal_kit_close(&kit);
        de_fault_dir_crash(kit.fault, DE_FAULT_PROCESS, 0);
        open_or_fail(&kit, 5, at);
        settle_model(&kit, 5, at);
        de_wal_kit_close(&kit);
        de_fault_dir_crash(kit.fault, DE_FAULT_LOSE_ALL, 0);
        open_or_fail(&kit, 5, at);
        settle_model(&kit, 5, at);
        de_wal_kit_deinit(&kit);
    }
}

static void a_power_cut_that_keeps_any_subset(void **state)
{
    (void)state;
    cut_everywhere(DE_FAULT_RANDOM, 8);
}

static void a_power_cut_that_spoils_sectors(void **state)
{
    (void)state;
    cut_everywhere(DE_FAULT_RANDOM_SPOIL, 8);
}

/* Every subset of the directory operations that were not synced, at every operation. */
static void any_subset_of_directory_operations(void **state)
{
    (void)state;
    for (uint64_t at = 0; at < 400; at++) {
        uint64_t masks = 1;

        for (uint64_t mask = 0; mask < masks; mask++) {
            struct de_wal_kit kit;

            de_wal_kit_init(&kit);
            de_fault_dir_fail_at(kit.fault, at, DENGINE_E_IO, false);
            if (de_wal_kit_open(&kit) == 0) {
                (void)run(&kit, 11);
            }
            de_wal_kit_close(&kit);
            masks = UINT64_C(1) << de_fault_dir_pending(kit.fault);
            assert_true(masks <= 16);
            de_fault_dir_crash_names(kit.fault, mask);
            open_or_fail(&kit, mask, at);
            settle_model(&kit, mask, at);
            de_wal_kit_deinit(&kit);
        }
    }
}

static enum de_fault_crash any_crash(struct de_random *random)
{
    static const enum de_fault_crash kinds[] = {DE_FAULT_LOSE_ALL, DE_FAULT_PROCESS,
                                                DE_FAULT_KEEP_ALL, DE_FAULT_RANDOM,
                                                DE_FAULT_RANDOM_SPOIL};

    return kinds[de_random_below(random, DE_ARRAY_SIZE(kinds))];
}

/* A few small groups until the power goes, which is soon. */
static void write_a_little(struct de_wal_kit *kit, struct de_random *random)
{
    int error = 0;

    for (uint64_t left = de_random_below(random, 6); left > 0 && error == 0; left--) {
        error = de_random_below(random, 3) == 0
                    ? de_wal_kit_random(kit, random)
                    : de_wal_kit_append(kit, 1 + de_random_below(random, 3),
                                        de_random_below(random, 4) == 0
                                            ? (uint32_t)de_random_below(random, 900)
                                            : 200);
    }
}

static void fail_within(struct de_wal_kit *kit, struct de_random *random, uint64_t operations)
{
    de_fault_dir_fail_at(kit->fault,
                         de_fault_dir_operations(kit->fault) + de_random_below(random, operations),
                         DENGINE_E_IO, false);
}

/* One crash after the other, with next to nothing written in between: so what one of them left
 * behind meets what was written after it, and was cut off by the next one, at the same place. */
static void live(uint64_t seed)
{
    struct de_random random;
    struct de_wal_kit kit;

    de_random_init(&random, seed);
    de_wal_kit_init(&kit);
    kit.spares_max = (uint32_t)(seed % 3);
    kit.tidies = seed % 2 == 1;
    kit.idle = seed % 4 > 1;
    open_or_fail(&kit, seed, 0);
    for (uint64_t crash = 1; crash <= CRASHES; crash++) {
        fail_within(&kit, &random, 12);
        write_a_little(&kit, &random);
        de_wal_kit_close(&kit);
        de_fault_dir_crash(kit.fault, any_crash(&random), seed * CRASHES + crash);
        fail_within(&kit, &random, seed % 2 == 0 ? 8 : 20);
        if (de_wal_kit_open(&kit) != 0) { /* so the recovery was cut */
            de_fault_dir_crash(kit.fault, any_crash(&random), seed * CRASHES + crash);
            de_fault_dir_fail_at(kit.fault, UINT64_MAX, 0, false);
            open_or_fail(&kit, seed, crash);
        }
        de_fault_dir_fail_at(kit.fault, UINT64_MAX, 0, false);
        settle_model(&kit, seed, crash);
    }
    de_wal_kit_deinit(&kit);
}

static void many_crashes_in_one_life(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= LIVES; seed++) {
        live(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_power_cut_that_loses_all_unsynced),
        cmocka_unit_test(a_power_cut_that_keeps_all),
        cmocka_unit_test(a_process_crash),
        cmocka_unit_test(a_process_crash_then_a_power_cut),
        cmocka_unit_test(a_power_cut_that_keeps_any_subset),
        cmocka_unit_test(a_power_cut_that_spoils_sectors),
        cmocka_unit_test(any_subset_of_directory_operations),
        cmocka_unit_test(many_crashes_in_one_life),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
