#include "runtime/sim/disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define FILE_BYTES (8u * DE_DISK_PAGE_BYTES)

struct bench {
    struct de_disk disk;
    struct dengine_dir dir;
    struct dengine_file *file;
};

static void write_byte(struct bench *bench, uint64_t offset, size_t size, int byte)
{
    uint8_t data[FILE_BYTES];
    struct dengine_slice slice = {data, size};

    assert_true(size <= sizeof(data));
    memset(data, byte, size);
    assert_int_equal(bench->dir.ops->write(bench->dir.object, bench->file, offset, &slice, 1), 0);
}

static void sync_all(struct bench *bench)
{
    assert_int_equal(bench->dir.ops->sync(bench->dir.object, bench->file), 0);
    assert_int_equal(bench->dir.ops->sync_dir(bench->dir.object), 0);
}

/* One file of eight pages of 'a', all of it durable. */
static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    de_disk_init(&bench->disk);
    bench->dir = de_disk_dir(&bench->disk);
    assert_int_equal(
        bench->dir.ops->open(bench->dir.object, "f", DENGINE_FILE_CREATE, &bench->file), 0);
    write_byte(bench, 0, FILE_BYTES, 'a');
    sync_all(bench);
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;

    if (bench->file != NULL) {
        bench->dir.ops->close(bench->dir.object, bench->file);
    }
    de_disk_deinit(&bench->disk);
    free(bench);
    return 0;
}

/* Power cut, and the file open again (NULL when it is gone). */
static void cut(struct bench *bench, enum de_disk_cut cut, uint64_t seed)
{
    struct de_dice dice;

    if (bench->file != NULL) {
        bench->dir.ops->close(bench->dir.object, bench->file);
        bench->file = NULL;
    }
    de_dice_init(&dice, seed, DE_DICE_DISK, 1);
    de_disk_power_cut(&bench->disk, cut, &dice);
    (void)bench->dir.ops->open(bench->dir.object, "f", DENGINE_FILE_WRITE, &bench->file);
}

static uint8_t byte_at(struct bench *bench, uint64_t offset)
{
    uint8_t byte = 0;

    assert_int_equal(bench->dir.ops->read(bench->dir.object, bench->file, offset, &byte, 1), 0);
    return byte;
}

/* How many of the units of so many bytes hold 'b' wholly; none may be mixed. */
static unsigned count_units(struct bench *bench, uint64_t unit)
{
    unsigned count = 0;

    for (uint64_t at = 0; at < FILE_BYTES; at += unit) {
        uint8_t first = byte_at(bench, at);

        for (uint64_t i = 1; i < unit; i++) {
            assert_int_equal(byte_at(bench, at + i), first);
        }
        count += first == 'b' ? 1 : 0;
    }
    return count;
}

static void test_a_process_crash_keeps_the_page_cache(void **state)
{
    struct bench *bench = *state;

    write_byte(bench, 0, 100, 'b');
    bench->dir.ops->close(bench->dir.object, bench->file);
    bench->file = NULL;
    de_disk_kill(&bench->disk);
    de_disk_process_crash(&bench->disk);
    assert_int_equal(bench->dir.ops->open(bench->dir.object, "f", DENGINE_FILE_READ, &bench->file),
                     0);
    assert_int_equal(byte_at(bench, 99), 'b');
}

static void test_synced_data_survives_every_cut(void **state)
{
    struct bench *bench = *state;

    write_byte(bench, 0, FILE_BYTES, 'b');
    sync_all(bench);
    for (unsigned kind = 0; kind < DE_DISK_CUT_KINDS; kind++) {
        cut(bench, (enum de_disk_cut)kind, kind);
        assert_int_equal(count_units(bench, DE_DISK_SECTOR_BYTES),
                         FILE_BYTES / DE_DISK_SECTOR_BYTES);
    }
}

static void test_cut_all_loses_everything_unsynced(void **state)
{
    struct bench *bench = *state;

    write_byte(bench, 0, FILE_BYTES, 'b');
    cut(bench, DE_DISK_CUT_ALL, 1);
    assert_int_equal(count_units(bench, DE_DISK_SECTOR_BYTES), 0);
}

static void test_cut_prefix_keeps_the_first_writes_and_tears_one(void **state)
{
    struct bench *bench = *state;
    bool torn = false;

    for (uint64_t seed = 0; seed < 50; seed++) {
        unsigned kept = 0;

        write_byte(bench, 0, FILE_BYTES, 'a');
        sync_all(bench);
        for (uint64_t page = 0; page < 8; page++) {
            write_byte(bench, page * DE_DISK_PAGE_BYTES, DE_DISK_PAGE_BYTES, 'b');
        }
        cut(bench, DE_DISK_CUT_PREFIX, seed);
        kept = count_units(bench, DE_DISK_SECTOR_BYTES);
        torn = torn || kept % 8 != 0;
        for (unsigned sector = 0; sector < FILE_BYTES / DE_DISK_SECTOR_BYTES; sector++) {
            assert_int_equal(byte_at(bench, sector * 512), sector < kept ? 'b' : 'a');
        }
    }
    assert_true(torn);
}

static void test_cut_pages_keeps_any_subset_of_pages(void **state)
{
    struct bench *bench = *state;
    bool hole = false;

    for (uint64_t seed = 0; seed < 50; seed++) {
        write_byte(bench, 0, FILE_BYTES, 'a');
        sync_all(bench);
        write_byte(bench, 0, FILE_BYTES, 'b');
        cut(bench, DE_DISK_CUT_PAGES, seed);
        (void)count_units(bench, DE_DISK_PAGE_BYTES);
        hole = hole || (byte_at(bench, 0) == 'a' && byte_at(bench, FILE_BYTES - 1) == 'b');
    }
    assert_true(hole);
}

static void test_cut_sectors_tears_pages(void **state)
{
    struct bench *bench = *state;
    unsigned kept;

    write_byte(bench, 0, FILE_BYTES, 'b');
    cut(bench, DE_DISK_CUT_SECTORS, 3);
    kept = count_units(bench, DE_DISK_SECTOR_BYTES);
    assert_in_range(kept, 10, FILE_BYTES / DE_DISK_SECTOR_BYTES - 10);
}

static void test_a_surviving_page_behind_the_end_leaves_zeros_between(void **state)
{
    struct bench *bench = *state;
    uint64_t size = 0;
    bool grown = false;

    for (uint64_t seed = 0; seed < 50 && !grown; seed++) {
        assert_int_equal(bench->dir.ops->truncate(bench->dir.object, bench->file, 512), 0);
        sync_all(bench);
        write_byte(bench, 512, 2 * DE_DISK_PAGE_BYTES, 'b');
        cut(bench, DE_DISK_CUT_PAGES, seed);
        assert_int_equal(bench->dir.ops->size(bench->dir.object, bench->file, &size), 0);
        grown = size > DE_DISK_PAGE_BYTES && byte_at(bench, 512) == 0;
    }
    assert_true(grown);
}

static void test_an_unsynced_directory_is_undone(void **state)
{
    struct bench *bench = *state;
    struct dengine_file *other;

    assert_int_equal(bench->dir.ops->rename(bench->dir.object, "f", "g"), 0);
    assert_int_equal(bench->dir.ops->open(bench->dir.object, "h", DENGINE_FILE_CREATE, &other), 0);
    bench->dir.ops->close(bench->dir.object, other);
    cut(bench, DE_DISK_CUT_ALL, 1);
    assert_non_null(bench->file); /* f is back */
    assert_int_equal(bench->dir.ops->open(bench->dir.object, "h", DENGINE_FILE_READ, &other),
                     DENGINE_E_NOT_FOUND);
    assert_int_equal(bench->dir.ops->open(bench->dir.object, "g", DENGINE_FILE_READ, &other),
                     DENGINE_E_NOT_FOUND);
}

static void test_a_removed_file_returns_with_its_content(void **state)
{
    struct bench *bench = *state;

    assert_int_equal(bench->dir.ops->remove(bench->dir.object, "f"), 0);
    cut(bench, DE_DISK_CUT_ALL, 1);
    assert_non_null(bench->file);
    assert_int_equal(byte_at(bench, 0), 'a');
    assert_int_equal(bench->dir.ops->remove(bench->dir.object, "f"), 0);
    assert_int_equal(bench->dir.ops->sync_dir(bench->dir.object), 0);
    cut(bench, DE_DISK_CUT_ALL, 2);
    assert_null(bench->file);
}

static void test_a_rename_is_undone_or_kept_as_a_whole(void **state)
{
    struct bench *bench = *state;
    unsigned kept = 0;

    for (uint64_t seed = 0; seed < 40; seed++) {
        struct dengine_file *other = NULL;
        int err;

        assert_int_equal(bench->dir.ops->rename(bench->dir.object, "f", "g"), 0);
        cut(bench, DE_DISK_CUT_PAGES, seed);
        err = bench->dir.ops->open(bench->dir.object, "g", DENGINE_FILE_READ, &other);
        assert_true((err == 0) != (bench->file != NULL));
        if (err == 0) {
            kept++;
            bench->dir.ops->close(bench->dir.object, other);
            assert_int_equal(bench->dir.ops->rename(bench->dir.object, "g", "f"), 0);
        }
        assert_int_equal(bench->dir.ops->sync_dir(bench->dir.object), 0);
    }
    assert_in_range(kept, 10, 30);
}

static void test_a_dying_disk_fails_from_the_given_operation_on(void **state)
{
    struct bench *bench = *state;
    uint8_t byte = 'b';
    struct dengine_slice slice = {&byte, 1};

    de_disk_die_in(&bench->disk, 1);
    assert_int_equal(bench->dir.ops->write(bench->dir.object, bench->file, 0, &slice, 1), 0);
    assert_int_equal(bench->dir.ops->sync(bench->dir.object, bench->file), DENGINE_E_IO);
    assert_int_equal(bench->dir.ops->write(bench->dir.object, bench->file, 0, &slice, 1),
                     DENGINE_E_IO);
    cut(bench, DE_DISK_CUT_ALL, 1);
    assert_int_equal(byte_at(bench, 0), 'a');
}

static uint32_t count_turned(struct bench *bench)
{
    uint32_t turned = 0;

    for (uint64_t offset = 0; offset < FILE_BYTES; offset++) {
        for (uint32_t bits = byte_at(bench, offset) ^ 'a'; bits != 0; bits &= bits - 1) {
            turned++;
        }
    }
    return turned;
}

static void test_rot_of_the_newest_turns_one_bit_for_good(void **state)
{
    struct bench *bench = *state;
    struct dengine_file *other = NULL;

    assert_int_equal(bench->dir.ops->open(bench->dir.object, "g", DENGINE_FILE_CREATE, &other), 0);
    assert_false(de_disk_rot_newest(&bench->disk, "g", 7)); /* nothing in it is durable */
    assert_false(de_disk_rot_newest(&bench->disk, "h", 7));
    assert_false(bench->disk.rotten);
    assert_int_equal(count_turned(bench), 0);
    assert_true(de_disk_rot_newest(&bench->disk, "f", 7));
    assert_true(bench->disk.rotten);
    assert_int_equal(count_turned(bench), 1);
    bench->dir.ops->close(bench->dir.object, other);
    cut(bench, DE_DISK_CUT_ALL, 1);
    assert_int_equal(count_turned(bench), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_process_crash_keeps_the_page_cache),
        TEST(test_synced_data_survives_every_cut),
        TEST(test_cut_all_loses_everything_unsynced),
        TEST(test_cut_prefix_keeps_the_first_writes_and_tears_one),
        TEST(test_cut_pages_keeps_any_subset_of_pages),
        TEST(test_cut_sectors_tears_pages),
        TEST(test_a_surviving_page_behind_the_end_leaves_zeros_between),
        TEST(test_an_unsynced_directory_is_undone),
        TEST(test_a_removed_file_returns_with_its_content),
        TEST(test_a_rename_is_undone_or_kept_as_a_whole),
        TEST(test_a_dying_disk_fails_from_the_given_operation_on),
        TEST(test_rot_of_the_newest_turns_one_bit_for_good),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
