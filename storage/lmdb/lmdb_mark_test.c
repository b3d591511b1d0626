/* The mark on a disk that loses power: whatever is lost, the old mark or the new one is there, and
 * what was acknowledged is the new one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dengine/error.h>

#include "storage/contract/fault_dir.h"
#include "storage/lmdb/lmdb_mark.h"

static const struct de_lmdb_mark old_mark = {DE_LMDB_MARK_OPEN, 4096, "boot-one"};
static const struct de_lmdb_mark new_mark = {DE_LMDB_MARK_CLEAN, 8192, "boot-two"};

static bool is(const struct de_lmdb_mark *a, const struct de_lmdb_mark *b)
{
    return a->state == b->state && a->data_bytes == b->data_bytes &&
           strcmp(a->boot_id, b->boot_id) == 0;
}

/* Writes the new mark over the old one and cuts the power at operation `at`, then reads. true: it
 * was acknowledged before. */
static bool cut_at(uint64_t at, enum de_fault_crash kind, uint64_t seed)
{
    struct de_fault_dir *fault = de_fault_dir_new();
    struct dengine_dir dir = de_fault_dir_dir(fault);
    struct de_lmdb_mark found;
    int error;

    assert_int_equal(de_lmdb_mark_write(dir, &old_mark), 0);
    de_fault_dir_fail_at(fault, de_fault_dir_operations(fault) + at, DENGINE_E_IO, false);
    error = de_lmdb_mark_write(dir, &new_mark);
    de_fault_dir_crash(fault, kind, seed);
    assert_int_equal(de_lmdb_mark_read(dir, &found), 0);
    assert_true(is(&found, &new_mark) || (error != 0 && is(&found, &old_mark)));
    /* And it can be replaced, whatever the cut left behind. */
    assert_int_equal(de_lmdb_mark_write(dir, &old_mark), 0);
    assert_int_equal(de_lmdb_mark_read(dir, &found), 0);
    assert_true(is(&found, &old_mark));
    de_fault_dir_free(fault);
    return error == 0;
}

static void a_power_cut_leaves_the_old_mark_or_the_new(void **state)
{
    static const enum de_fault_crash kinds[] = {DE_FAULT_LOSE_ALL, DE_FAULT_KEEP_ALL,
                                                DE_FAULT_RANDOM, DE_FAULT_RANDOM_SPOIL};

    (void)state;
    for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
        for (uint64_t seed = 0; seed < 20; seed++) {
            uint64_t at = 0;

            while (!cut_at(at, kinds[kind], seed)) {
                at++;
            }
            assert_true(at >= 5);
        }
    }
}

static void a_first_mark_is_durable_when_it_is_acknowledged(void **state)
{
    struct de_fault_dir *fault = de_fault_dir_new();
    struct dengine_dir dir = de_fault_dir_dir(fault);
    struct de_lmdb_mark found;

    (void)state;
    assert_int_equal(de_lmdb_mark_read(dir, &found), DENGINE_E_NOT_FOUND);
    assert_int_equal(de_lmdb_mark_write(dir, &new_mark), 0);
    de_fault_dir_crash(fault, DE_FAULT_LOSE_ALL, 0);
    assert_int_equal(de_lmdb_mark_read(dir, &found), 0);
    assert_true(is(&found, &new_mark));
    de_fault_dir_free(fault);
}

static void every_damaged_byte_is_noticed(void **state)
{
    struct de_fault_dir *fault = de_fault_dir_new();
    struct dengine_dir dir = de_fault_dir_dir(fault);
    struct de_lmdb_mark found;
    uint64_t size = 0;
    uint8_t *bytes;

    (void)state;
    assert_int_equal(de_lmdb_mark_write(dir, &new_mark), 0);
    bytes = de_fault_dir_bytes(fault, "state.mark", &size);
    assert_int_equal(size, 68);
    for (uint64_t i = 0; i < size; i++) {
        bytes[i] ^= 1;
        assert_int_equal(de_lmdb_mark_read(dir, &found), DENGINE_E_CORRUPT);
        bytes[i] ^= 1;
    }
    de_fault_dir_cut(fault, "state.mark", 67);
    assert_int_equal(de_lmdb_mark_read(dir, &found), DENGINE_E_CORRUPT);
    de_fault_dir_free(fault);
}

static void trust_follows_state_size_and_boot(void **state)
{
    (void)state;
    assert_non_null(de_lmdb_mark_distrust(NULL, 8192, "boot-two"));
    assert_null(de_lmdb_mark_distrust(&new_mark, 8192, "boot-three"));
    assert_non_null(de_lmdb_mark_distrust(&new_mark, 8191, "boot-two"));
    assert_non_null(de_lmdb_mark_distrust(&new_mark, 8193, "boot-two"));
    assert_null(de_lmdb_mark_distrust(&old_mark, 4096, "boot-one"));
    assert_null(de_lmdb_mark_distrust(&old_mark, 9999, "boot-one"));
    assert_non_null(de_lmdb_mark_distrust(&old_mark, 4095, "boot-one"));
    assert_non_null(de_lmdb_mark_distrust(&old_mark, 4096, "boot-on"));
    assert_non_null(de_lmdb_mark_distrust(&old_mark, 4096, ""));
}

static void expect_boot_id(const char *contents, const char *expected)
{
    char boot_id[DE_LMDB_BOOT_ID_BYTES];
    FILE *file = fopen("boot_id", "w");

    assert_non_null(file);
    assert_true(fputs(contents, file) >= 0);
    assert_int_equal(fclose(file), 0);
    memset(boot_id, 'x', sizeof(boot_id));
    de_lmdb_boot_id("boot_id", boot_id);
    assert_string_equal(boot_id, expected);
    assert_int_equal(remove("boot_id"), 0);
}

static void a_boot_id_is_a_line(void **state)
{
    char boot_id[DE_LMDB_BOOT_ID_BYTES];

    (void)state;
    expect_boot_id("3f0c\n", "3f0c");
    expect_boot_id("3f0c", "3f0c");
    expect_boot_id("", "");
    expect_boot_id("0123456789012345678901234567890123456789012345",
                   "012345678901234567890123456789012345678");
    de_lmdb_boot_id("no-such-file", boot_id);
    assert_string_equal(boot_id, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_power_cut_leaves_the_old_mark_or_the_new),
        cmocka_unit_test(a_first_mark_is_durable_when_it_is_acknowledged),
        cmocka_unit_test(every_damaged_byte_is_noticed),
        cmocka_unit_test(a_boot_id_is_a_line),
        cmocka_unit_test(trust_follows_state_size_and_boot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
