#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "storage/wal/wal_inspect.h"
#include "storage/wal/wal_kit.h"

struct text {
    char bytes[20000];
    unsigned lines;
};

static int keep_line(void *context, const char *line)
{
    struct text *text = context;
    size_t length = strlen(text->bytes);

    text->lines++;
    (void)snprintf(text->bytes + length, sizeof(text->bytes) - length, "%s\n", line);
    return 0;
}

static int setup(void **state)
{
    struct de_wal_kit *kit = calloc(1, sizeof(*kit));

    assert_non_null(kit);
    de_wal_kit_init(kit);
    assert_int_equal(de_wal_kit_open(kit), 0);
    *state = kit;
    return 0;
}

static int teardown(void **state)
{
    struct de_wal_kit *kit = *state;

    de_wal_kit_deinit(kit);
    free(kit);
    return 0;
}

static int inspect(struct de_wal_kit *kit, struct text *text, struct de_wal_verdict *verdict)
{
    return de_wal_inspect(de_fault_dir_dir(kit->fault), DE_WAL_LINES_TEXT,
                          text == NULL ? NULL : keep_line, text, verdict, kit->message,
                          sizeof(kit->message));
}

static void every_record_is_a_line(void **state)
{
    struct de_wal_kit *kit = *state;
    struct text *text = calloc(1, sizeof(*text));
    struct de_wal_verdict verdict;

    assert_non_null(text);
    assert_int_equal(de_wal_kit_append(kit, 2, 100), 0);
    assert_int_equal(de_wal_kit_truncate(kit, 2), 0);
    assert_int_equal(de_wal_kit_compact(kit, 1), 0);
    assert_int_equal(de_wal_kit_reset(kit, 9), 0);
    assert_int_equal(inspect(kit, text, &verdict), 0);
    assert_string_equal(
        text->bytes,
        "wal-0000000000000001.seg  8192 bytes, node 7, cluster 0000000000000063, first group 1, "
        "term 0, vote 0, commit 0, compacted to 0 (term 0), last index 0\n"
        "         512  group 1.0  entry 1: term 0, command, 100 bytes\n"
        "         672  group 1.1 end  entry 2: term 0, command, 100 bytes\n"
        "        1024  group 2.0  hard state: term 1, vote 0, commit 0\n"
        "        1080  group 2.1 end  truncate from 2\n"
        "        1536  group 3.0 end  compact to 1 (term 0)\n"
        "        2048  group 4.0 end  reset to 9 (term 1), term 1, vote 0, commit 9\n");
    assert_int_equal(verdict.records, 6);
    assert_int_equal(verdict.entries, 2);
    assert_int_equal(verdict.groups, 4);
    assert_int_equal(verdict.end_offset, 2560);
    assert_int_equal(verdict.node_id, DE_KIT_NODE);
    assert_true(verdict.marked);
    assert_false(verdict.torn);
    free(text);
}

static void every_record_is_an_object(void **state)
{
    struct de_wal_kit *kit = *state;
    struct text *text = calloc(1, sizeof(*text));
    struct de_wal_verdict verdict;

    assert_non_null(text);
    assert_int_equal(de_wal_kit_append(kit, 1, 100), 0);
    assert_int_equal(de_wal_kit_truncate(kit, 1), 0);
    assert_int_equal(de_wal_kit_reset(kit, 9), 0);
    assert_int_equal(de_wal_inspect(de_fault_dir_dir(kit->fault), DE_WAL_LINES_JSON, keep_line,
                                    text, &verdict, kit->message, sizeof(kit->message)),
                     0);
    assert_string_equal(
        text->bytes,
        "{\"segment\":\"wal-0000000000000001.seg\",\"bytes\":8192,\"node_id\":7,"
        "\"cluster_id\":\"0000000000000063\",\"first_group\":1,\"term\":0,\"vote\":0,"
        "\"commit\":0,\"compacted_index\":0,\"compacted_term\":0,\"last_index\":0}\n"
        "{\"offset\":512,\"group\":1,\"number\":0,\"last\":true,\"type\":\"entry\","
        "\"index\":1,\"term\":0,\"entry_type\":\"command\",\"bytes\":100}\n"
        "{\"offset\":1024,\"group\":2,\"number\":0,\"last\":false,\"type\":\"hard_state\","
        "\"hard_term\":1,\"vote\":0,\"commit\":0}\n"
        "{\"offset\":1080,\"group\":2,\"number\":1,\"last\":true,\"type\":\"truncate\","
        "\"index\":1}\n"
        "{\"offset\":1536,\"group\":3,\"number\":0,\"last\":true,\"type\":\"reset\","
        "\"index\":9,\"term\":1,\"hard_term\":1,\"vote\":0,\"commit\":9}\n");
    free(text);
}

static void damage_is_named_and_nothing_is_changed(void **state)
{
    struct de_wal_kit *kit = *state;
    struct de_wal_verdict verdict;
    uint64_t operations;
    uint64_t size;

    assert_int_equal(de_wal_kit_append(kit, 2, 100), 0);
    assert_int_equal(de_wal_kit_append(kit, 2, 100), 0);
    operations = de_fault_dir_operations(kit->fault);
    de_fault_dir_bytes(kit->fault, "wal-0000000000000001.seg", &size)[600] ^= 1;
    assert_int_equal(inspect(kit, NULL, &verdict), DENGINE_E_CORRUPT);
    assert_non_null(strstr(kit->message, "byte offset 512"));
    assert_int_equal(de_fault_dir_operations(kit->fault), operations);
}

static void a_torn_end_is_told(void **state)
{
    struct de_wal_kit *kit = *state;
    struct de_wal_verdict verdict;
    uint64_t size;

    assert_int_equal(de_wal_kit_append(kit, 2, 100), 0);
    memset(de_fault_dir_bytes(kit->fault, "wal-0000000000000001.seg", &size) + 1024, 0, 512);
    de_fault_dir_bytes(kit->fault, "wal-0000000000000001.seg", &size)[600] ^= 1;
    assert_int_equal(inspect(kit, NULL, &verdict), 0);
    assert_true(verdict.torn);
    assert_int_equal(verdict.end_offset, 512);
    assert_int_equal(verdict.groups, 0);
}

static void an_empty_directory_has_no_log(void **state)
{
    struct de_wal_kit *kit = *state;
    struct de_wal_verdict verdict;

    de_wal_kit_close(kit);
    de_fault_dir_lose(kit->fault, "wal-0000000000000001.seg");
    assert_int_equal(inspect(kit, NULL, &verdict), DENGINE_E_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_record_is_a_line),
        TEST(every_record_is_an_object),
        TEST(damage_is_named_and_nothing_is_changed),
        TEST(a_torn_end_is_told),
        TEST(an_empty_directory_has_no_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
