#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/codec.h"
#include "core/base/crc32c.h"
#include "storage/wal/wal_format.h"
#include "storage/wal/wal_kit.h"

static const char first_name[] = "wal-0000000000000001.seg";

static void expect(struct de_wal_kit *kit, const struct de_log_model *model)
{
    struct dengine_contract_report report = {""};

    if (!de_wal_kit_matches(kit, model, &report)) {
        fail_msg("%s", report.message);
    }
}

static void append(struct de_wal_kit *kit, size_t count, uint32_t size)
{
    assert_int_equal(de_wal_kit_append(kit, count, size), 0);
}

static void reopen(struct de_wal_kit *kit)
{
    de_wal_kit_close(kit);
    if (de_wal_kit_open(kit) != 0) {
        fail_msg("%s", kit->message);
    }
}

/* Puts the kit on a copy of a directory; the old one is freed. */
static void mount_copy(struct de_wal_kit *kit, const struct de_fault_dir *of)
{
    de_wal_kit_close(kit);
    de_fault_dir_free(kit->fault);
    kit->fault = de_fault_dir_copy(of);
}

static void refused(struct de_wal_kit *kit, int error, const char *part)
{
    uint64_t operations = de_fault_dir_operations(kit->fault);

    assert_int_equal(de_wal_kit_open(kit), error);
    if (strstr(kit->message, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", kit->message, part);
    }
    /* Nothing was touched. */
    assert_int_equal(de_fault_dir_operations(kit->fault), operations);
}

static uint8_t *bytes_of(struct de_wal_kit *kit, const char *name)
{
    uint64_t size;
    uint8_t *bytes = de_fault_dir_bytes(kit->fault, name, &size);

    assert_non_null(bytes);
    return bytes;
}

/* Fills at least three segments. */
static void fill_segments(struct de_wal_kit *kit)
{
    struct de_wal_usage usage;

    do {
        append(kit, 2, 300);
        de_wal_usage(kit->store, &usage);
    } while (usage.segments < 4);
}

static struct de_log_model *copy_model(const struct de_log_model *model)
{
    struct de_log_model *copy = malloc(sizeof(*copy));

    assert_non_null(copy);
    *copy = *model;
    return copy;
}

/* Opens what is there, expects it to be `expected`, and that the log goes on from there. */
static void recovers_to(struct de_wal_kit *kit, const struct de_log_model *expected)
{
    if (de_wal_kit_open(kit) != 0) {
        fail_msg("%s", kit->message);
    }
    expect(kit, expected);
    *kit->model = *expected;
    *kit->next = *expected;
    append(kit, 1, 10);
    reopen(kit);
    expect(kit, kit->model);
}

/* The group written last is cut at every byte: it is there whole or not at all. */
static void a_torn_last_group_is_cut_at_every_byte(void **state)
{
    struct de_wal_kit *kit = *state;
    const uint64_t start = 1024;
    const uint64_t end = start + 3 * de_wal_record_span(DE_WAL_ENTRY_BYTES + 40);
    struct de_fault_dir *before;
    struct de_fault_dir *after;
    struct de_log_model *without;
    struct de_log_model *with;
    const uint8_t *full;
    uint64_t size;

    append(kit, 1, 100);
    before = de_fault_dir_copy(kit->fault);
    without = copy_model(kit->model);
    append(kit, 3, 40);
    after = de_fault_dir_copy(kit->fault);
    with = copy_model(kit->model);
    full = de_fault_dir_bytes(after, first_name, &size);
    for (uint64_t cut = start; cut <= end; cut++) {
        uint8_t *bytes;

        mount_copy(kit, before);
        bytes = bytes_of(kit, first_name);
        memcpy(bytes, full, (size_t)cut);
        recovers_to(kit, memcmp(bytes, full, (size_t)end) == 0 ? with : without);
    }
    free(without);
    free(with);
    de_fault_dir_free(before);
    de_fault_dir_free(after);
}

/* Sectors arrive in any order: the last group misses one of its sectors. */
static void a_last_group_that_misses_a_sector_is_cut(void **state)
{
    struct de_wal_kit *kit = *state;
    struct de_fault_dir *before;
    struct de_log_model *without;

    append(kit, 1, 100);
    before = de_fault_dir_copy(kit->fault);
    without = copy_model(kit->model);
    append(kit, 4, 500);
    for (uint64_t sector = 1024; sector < 1024 + 4 * 512; sector += 512) {
        struct de_fault_dir *torn = de_fault_dir_copy(kit->fault);
        uint64_t size;
        uint8_t *bytes = de_fault_dir_bytes(torn, first_name, &size);

        memset(bytes + sector, 0, 512);
        memset(bytes + 3584, 0, 512); /* the mark was not written yet */
        mount_copy(kit, torn);
        recovers_to(kit, without);
        de_fault_dir_free(torn);
        mount_copy(kit, before);
        assert_int_equal(de_wal_kit_open(kit), 0);
        *kit->model = *without;
        *kit->next = *without;
        append(kit, 4, 500);
    }
    free(without);
    de_fault_dir_free(before);
}

static int write_two(struct de_wal_kit *kit, const char *second)
{
    static const uint8_t first[1000];
    struct dengine_entry entries[2] = {{1, DENGINE_ENTRY_COMMAND, {first, sizeof(first)}},
                                       {1, DENGINE_ENTRY_COMMAND, dengine_str(second)}};
    struct dengine_log_write write = {.first_index = 1, .entries = entries, .entry_count = 2};

    return kit->store.ops->write(kit->store.object, &write, 1);
}

/* The second record of a torn group would fit behind a later group that begins the same. */
static void what_is_left_of_a_torn_group_never_comes_back(void **state)
{
    struct de_wal_kit *kit = *state;
    uint8_t *bytes = bytes_of(kit, first_name);
    uint8_t second[512];
    struct dengine_log_state log;

    assert_int_equal(write_two(kit, "old"), 0);
    memset(bytes + 512, 0, 512);        /* the first sector did not arrive */
    memset(bytes + 512 + 1536, 0, 512); /* nor was the mark written */
    reopen(kit);
    kit->store.ops->state(kit->store.object, &log);
    assert_int_equal(log.last_index, 0);
    memcpy(second, bytes_of(kit, first_name) + 512 + 1024, sizeof(second));
    assert_int_equal(write_two(kit, "new"), 0);
    bytes = bytes_of(kit, first_name);
    memcpy(bytes + 512 + 1024, second, sizeof(second)); /* the last sector did not arrive */
    memset(bytes + 512 + 1536, 0, 512);
    reopen(kit);
    kit->store.ops->state(kit->store.object, &log);
    assert_int_equal(log.last_index, 0);
}

/* The same where the torn group began a segment: with its header the segment was lost too. */
static void what_is_left_of_a_torn_segment_never_comes_back(void **state)
{
    static const char second_name[] = "wal-0000000000000002.seg";
    struct de_wal_kit *kit = *state;
    struct de_wal_usage usage;
    uint8_t record[512];
    uint8_t *bytes;
    uint64_t size;

    do { /* until there is a second segment, with one group */
        append(kit, 1, 200);
        de_wal_usage(kit->store, &usage);
    } while (usage.segments < 2);
    bytes = bytes_of(kit, second_name);
    memset(bytes, 0, 512);        /* the header did not arrive */
    memset(bytes + 1024, 0, 512); /* nor was the mark written */
    de_log_model_truncate(kit->model, kit->model->last_index);
    reopen(kit);
    expect(kit, kit->model);
    memcpy(record, bytes_of(kit, second_name) + 512, sizeof record);
    *kit->next = *kit->model;
    append(kit, 1, 300);
    de_log_model_truncate(kit->model, kit->model->last_index);
    bytes = de_fault_dir_bytes(kit->fault, second_name, &size);
    memcpy(bytes + 512, record, sizeof record); /* now all that did arrive is the header */
    memset(bytes + 1024, 0, 512);
    reopen(kit);
    expect(kit, kit->model);
}

/* A bad record before a good one is damage: refused, named, and nothing is touched. */
static void a_flipped_bit_in_an_early_record_is_refused(void **state)
{
    struct de_wal_kit *kit = *state;
    const uint64_t start = 512;
    const uint64_t end = start + DE_WAL_RECORD_BYTES + DE_WAL_ENTRY_BYTES + 100;

    append(kit, 1, 100);
    append(kit, 1, 100);
    append(kit, 1, 100);
    de_wal_kit_close(kit);
    for (uint64_t at = start; at < end; at++) {
        uint8_t *bytes = bytes_of(kit, first_name);

        bytes[at] ^= (uint8_t)(1u << at % 8);
        refused(kit, DENGINE_E_CORRUPT, "wal-0000000000000001.seg, byte offset 512:");
        bytes[at] ^= (uint8_t)(1u << at % 8);
    }
    assert_int_equal(de_wal_kit_open(kit), 0);
    expect(kit, kit->model);
}

/* The mark behind the last group proves that it had been synced. */
static void a_flipped_bit_in_the_last_record_is_refused_when_it_was_synced(void **state)
{
    struct de_wal_kit *kit = *state;

    append(kit, 1, 100);
    append(kit, 1, 100);
    de_wal_kit_close(kit);
    bytes_of(kit, first_name)[1024 + 60] ^= 1;
    refused(kit, DENGINE_E_CORRUPT, "byte offset 1024:");
}

static void a_flipped_bit_in_a_cold_segment_is_refused(void **state)
{
    struct de_wal_kit *kit = *state;

    fill_segments(kit);
    de_wal_kit_close(kit);
    bytes_of(kit, "wal-0000000000000002.seg")[3000] ^= 1;
    refused(kit, DENGINE_E_CORRUPT, "wal-0000000000000002.seg");
    assert_non_null(strstr(kit->message, "never one with its old id"));
}

static void a_damaged_segment_header_is_refused(void **state)
{
    struct de_wal_kit *kit = *state;
    char name[DE_WAL_NAME_BYTES];

    fill_segments(kit);
    de_wal_kit_close(kit);
    for (uint64_t sequence = 1; sequence <= 4; sequence++) {
        for (uint64_t at = 0; at < 116; at++) {
            de_wal_name(sequence, name);
            bytes_of(kit, name)[at] ^= 4;
            refused(kit, DENGINE_E_CORRUPT, name);
            bytes_of(kit, name)[at] ^= 4;
        }
    }
}

static void a_missing_segment_is_named(void **state)
{
    struct de_wal_kit *kit = *state;
    struct de_fault_dir *whole;

    fill_segments(kit);
    whole = de_fault_dir_copy(kit->fault);
    mount_copy(kit, whole);
    de_fault_dir_lose(kit->fault, "wal-0000000000000002.seg");
    refused(kit, DENGINE_E_CORRUPT, "wal-0000000000000002.seg is missing");
    mount_copy(kit, whole);
    de_fault_dir_lose(kit->fault, first_name);
    refused(kit, DENGINE_E_CORRUPT, "before wal-0000000000000002.seg, which are missing");
    de_fault_dir_free(whole);
}

static void a_vanished_log_is_refused_when_there_must_be_one(void **state)
{
    struct de_wal_kit *kit = *state;
    struct de_fault_dir *empty = de_fault_dir_new();
    struct de_wal_options options;
    struct dengine_log_store store;

    de_wal_options_init(&options, DE_KIT_NODE, DE_KIT_CLUSTER);
    options.must_exist = true;
    assert_int_equal(
        de_wal_open(de_fault_dir_dir(empty), &options, &store, kit->message, sizeof(kit->message)),
        DENGINE_E_CORRUPT);
    assert_int_equal(de_fault_dir_operations(empty), 0);
    de_fault_dir_free(empty);
}

static void a_file_cut_short_is_refused(void **state)
{
    struct de_wal_kit *kit = *state;

    fill_segments(kit);
    de_wal_kit_close(kit);
    de_fault_dir_cut(kit->fault, "wal-0000000000000002.seg", 5000);
    refused(kit, DENGINE_E_CORRUPT, "wal-0000000000000002.seg, byte offset 5000: the file is cut");
    de_fault_dir_cut(kit->fault, "wal-0000000000000002.seg", 4096);
    refused(kit, DENGINE_E_CORRUPT, "wal-0000000000000003.seg");
    de_fault_dir_cut(kit->fault, "wal-0000000000000002.seg", 0);
    refused(kit, DENGINE_E_CORRUPT, "wal-0000000000000002.seg, byte offset 0: the file is cut");
}

static void another_version_is_told_from_damage(void **state)
{
    struct de_wal_kit *kit = *state;
    uint8_t *bytes;

    append(kit, 1, 10);
    de_wal_kit_close(kit);
    bytes = bytes_of(kit, first_name);
    de_store_u32(bytes + 8, 2);
    de_store_u32(bytes + 12, de_crc32c(0, bytes, 12));
    refused(kit, DENGINE_E_VERSION, "another version");
}

static void the_log_of_another_node_or_cluster_is_refused(void **state)
{
    struct de_wal_kit *kit = *state;
    struct de_wal_options options;
    struct dengine_log_store store;
    struct dengine_dir dir = de_fault_dir_dir(kit->fault);

    append(kit, 1, 10);
    de_wal_options_init(&options, DE_KIT_NODE + 1, DE_KIT_CLUSTER);
    assert_int_equal(de_wal_open(dir, &options, &store, kit->message, sizeof(kit->message)),
                     DENGINE_E_FOREIGN);
    de_wal_options_init(&options, DE_KIT_NODE, DE_KIT_CLUSTER + 1);
    assert_int_equal(de_wal_open(dir, &options, &store, kit->message, sizeof(kit->message)),
                     DENGINE_E_FOREIGN);
}

static void an_unreadable_file_is_no_torn_end(void **state)
{
    struct de_wal_kit *kit = *state;

    append(kit, 1, 10);
    de_wal_kit_close(kit);
    de_fault_dir_fail_reads(kit->fault, DENGINE_E_IO);
    refused(kit, DENGINE_E_IO, first_name);
    de_fault_dir_fail_reads(kit->fault, 0);
    assert_int_equal(de_wal_kit_open(kit), 0);
    expect(kit, kit->model);
}

static int ignore_entry(void *context, uint64_t index, const struct dengine_entry *entry)
{
    (void)context;
    (void)index;
    (void)entry;
    return 0;
}

static void an_entry_that_rots_while_open_is_not_served(void **state)
{
    struct de_wal_kit *kit = *state;

    append(kit, 3, 100);
    bytes_of(kit, first_name)[512 + 200] ^= 1;
    assert_int_equal(kit->store.ops->read(kit->store.object, 1, 3, ignore_entry, NULL),
                     DENGINE_E_CORRUPT);
    assert_non_null(strstr(kit->store.ops->message(kit->store.object), first_name));
    assert_int_equal(kit->store.ops->read(kit->store.object, 3, 3, ignore_entry, NULL), 0);
}

static void leftovers_are_removed_and_strangers_left_alone(void **state)
{
    struct de_wal_kit *kit = *state;
    struct dengine_dir dir = de_fault_dir_dir(kit->fault);
    struct dengine_file *file;
    uint64_t size;

    append(kit, 1, 10);
    assert_int_equal(dir.ops->open(dir.object, "wal-next.tmp", DENGINE_FILE_CREATE, &file), 0);
    assert_int_equal(dir.ops->open(dir.object, "notes.txt", DENGINE_FILE_CREATE, &file), 0);
    reopen(kit);
    expect(kit, kit->model);
    assert_null(de_fault_dir_bytes(kit->fault, "wal-next.tmp", &size));
    (void)de_fault_dir_bytes(kit->fault, "notes.txt", &size);
    assert_int_equal(dir.ops->open(dir.object, "notes.txt", DENGINE_FILE_READ, &file), 0);
}

/* What an earlier use left in a recycled segment is never taken for records. */
static void recycled_segments_show_nothing_old(void **state)
{
    struct de_wal_kit *kit = *state;
    struct de_wal_usage usage;
    unsigned recycled = 0;

    for (int round = 0; round < 120; round++) {
        append(kit, 2, 200);
        if (round % 16 == 15) {
            assert_int_equal(de_wal_kit_compact(kit, kit->model->last_index - 1), 0);
            de_wal_usage(kit->store, &usage);
            recycled += usage.spares > 0;
            assert_true(usage.segments + usage.spares <= 4);
        }
        if (round % 5 == 0) {
            reopen(kit);
        }
        expect(kit, kit->model);
    }
    assert_true(recycled > 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, de_wal_kit_setup, de_wal_kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_torn_last_group_is_cut_at_every_byte),
        TEST(a_last_group_that_misses_a_sector_is_cut),
        TEST(what_is_left_of_a_torn_group_never_comes_back),
        TEST(what_is_left_of_a_torn_segment_never_comes_back),
        TEST(a_flipped_bit_in_an_early_record_is_refused),
        TEST(a_flipped_bit_in_the_last_record_is_refused_when_it_was_synced),
        TEST(a_flipped_bit_in_a_cold_segment_is_refused),
        TEST(a_damaged_segment_header_is_refused),
        TEST(a_missing_segment_is_named),
        TEST(a_vanished_log_is_refused_when_there_must_be_one),
        TEST(a_file_cut_short_is_refused),
        TEST(another_version_is_told_from_damage),
        TEST(the_log_of_another_node_or_cluster_is_refused),
        TEST(an_unreadable_file_is_no_torn_end),
        TEST(an_entry_that_rots_while_open_is_not_served),
        TEST(leftovers_are_removed_and_strangers_left_alone),
        TEST(recycled_segments_show_nothing_old),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
