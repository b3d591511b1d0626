/* The model of ranges: what it takes for right, and that it sees what is wrong. */
#include "runtime/sim/range_model.h"

#include <string.h>

#include "core/node/batch.h"
#include "runtime/sim/memory.h"
#include "runtime/sim/test/oracle_bench.h"

static struct dengine_slice text(const char *bytes)
{
    return dengine_str(bytes);
}

static struct de_kv_command write_of(uint32_t type, const char *key, const char *end)
{
    struct de_kv_command command = {.type = DE_KV_WRITE};

    command.op.type = type;
    command.op.key = text(key);
    command.op.end = text(end);
    command.op.value = text(type == DE_KV_PUT ? key : "");
    return command;
}

/* Node 1 leads, and its log goes on with an entry of these commands, which is committed. */
static void commit(struct bench *bench, const struct de_kv_command *commands, uint32_t count)
{
    uint64_t last = bench->oracle.nodes[1].memory.last;
    uint8_t bytes[1024];
    uint8_t encoded[256];
    struct de_writer writer;
    struct dengine_entry entry = {1, DENGINE_ENTRY_COMMAND, {bytes, 0}};
    struct dengine_log_write write = {.first_index = last + 1, .entries = &entry, .entry_count = 1};

    de_writer_init(&writer, bytes, sizeof(bytes));
    de_batch_start(&writer, count, 1);
    for (uint32_t i = 0; i < count; i++) {
        size_t size = de_kv_command_encode(&commands[i], encoded, sizeof(encoded));

        de_batch_add(&writer, dengine_bytes(encoded, size));
    }
    entry.data.size = writer.size;
    for (uint32_t id = 1; id <= 2; id++) {
        de_oracle_submitted(&bench->oracle, 1, id, &write);
        de_oracle_durable(&bench->oracle, 1, id, 1);
    }
    acknowledge(bench, 2, 1, 1, last + 1);
    step(bench, 1, DE_RAFT_LEADER, 1, last + 1);
    expect(bench, "");
}

/* 1: za, zb and zc; 2: zb again; 3: za goes, and zd comes. */
static void fill(struct bench *bench)
{
    const struct de_kv_command first[] = {write_of(DE_KV_PUT, "za", ""),
                                          write_of(DE_KV_PUT, "zb", ""),
                                          write_of(DE_KV_PUT, "zc", "")};
    const struct de_kv_command second = write_of(DE_KV_PUT, "zb", "");
    const struct de_kv_command third[] = {write_of(DE_KV_DELETE_RANGE, "z", "zb"),
                                          write_of(DE_KV_PUT, "zd", "")};

    lead(bench, 1, 1, 0);
    commit(bench, first, 3);
    commit(bench, &second, 1);
    commit(bench, third, 2);
}

static void add(struct de_range_page *page, const char *key, uint64_t create, uint64_t mod,
                uint64_t version)
{
    page->pairs[page->count++] = (struct de_kv_pair){
        .key = text(key),
        .record = {.value = text(key),
                   .create_revision = create,
                   .mod_revision = mod,
                   .version = version},
    };
    page->total = page->count;
}

static struct de_range_page whole(void)
{
    struct de_range_page page = {.revision = 2};

    add(&page, "za", 1, 1, 1);
    add(&page, "zb", 1, 2, 2);
    add(&page, "zc", 1, 1, 1);
    return page;
}

static void check(struct bench *bench, const struct de_range_query *query,
                  const struct de_range_page *page, const char *expected)
{
    const struct de_range_expectation expectation = {.query = query};
    char wrong[DE_RANGE_WRONG_MAX];
    struct de_range_model model;
    const char *found;

    de_range_model_init(&model, &bench->oracle);
    found = de_range_model_check(&model, &expectation, page, wrong);
    if (expected == NULL) {
        assert_null(found);
    } else {
        assert_non_null(found);
        assert_non_null(strstr(found, expected));
    }
    de_range_model_deinit(&model);
}

static void test_a_page_is_right_at_its_revision_only(void **state)
{
    struct bench *bench = *state;
    const struct de_range_query all = {.from = text("z")};
    struct de_range_page page = whole();

    fill(bench);
    check(bench, &all, &page, NULL);
    page.revision = 1;
    check(bench, &all, &page, "has key zb of revision 2");
    page.revision = 3;
    check(bench, &all, &page, "has key za where zb is to come");
    page.revision = 4;
    check(bench, &all, &page, "not committed");
}

static void test_what_is_wrong_with_a_page_is_seen(void **state)
{
    struct bench *bench = *state;
    const struct de_range_query all = {.from = text("z")};
    struct de_range_page page = whole();
    struct de_kv_pair swapped;

    fill(bench);
    page.count = 2;
    page.total = 2;
    check(bench, &all, &page, "counts 2 keys, but 3 are right");
    page.total = 3;
    check(bench, &all, &page, "shows 2 keys and counts 3");
    page = whole();
    page.more = true;
    check(bench, &all, &page, "says that there is more");
    page = whole();
    swapped = page.pairs[0];
    page.pairs[0] = page.pairs[1];
    page.pairs[1] = swapped;
    check(bench, &all, &page, "has key zb where za is to come");
    page = whole();
    page.pairs[2].record.value = text("other");
    check(bench, &all, &page, "another value of key zc");
    page = whole();
    page.pairs[1].record.version = 1;
    check(bench, &all, &page, "version 1");
}

static void test_limits_directions_and_counts(void **state)
{
    struct bench *bench = *state;
    struct de_range_query query = {.from = text("z"), .end = text("zc"), .limit = 1};
    struct de_range_page page = {.revision = 2, .more = true};

    fill(bench);
    add(&page, "za", 1, 1, 1);
    check(bench, &query, &page, NULL);
    page.more = false;
    check(bench, &query, &page, "says that there is no more");
    page = (struct de_range_page){.revision = 2, .more = true};
    query.reverse = true;
    add(&page, "zb", 1, 2, 2);
    check(bench, &query, &page, NULL);
    query.count_only = true;
    page.pairs[0].record.value = text("");
    check(bench, &query, &page, NULL);
    query.limit = 0;
    check(bench, &query, &page, "counts 1 keys, but 2 are right");
    page = (struct de_range_page){.revision = 3};
    query = (struct de_range_query){.from = text("z"), .keys_only = true};
    add(&page, "zb", 1, 2, 2);
    add(&page, "zc", 1, 1, 1);
    add(&page, "zd", 3, 3, 1);
    check(bench, &query, &page, "another value of key zb");
    page.pairs[0].record.value = page.pairs[1].record.value = page.pairs[2].record.value = text("");
    check(bench, &query, &page, NULL);
}

static void answer(struct bench *bench, uint64_t revision, const struct de_kv_command *command,
                   struct dengine_slice bytes, const char *expected)
{
    char wrong[DE_RANGE_WRONG_MAX];
    struct de_range_model model;
    uint8_t encoded[256];
    const char *found;

    de_range_model_init(&model, &bench->oracle);
    found = de_range_model_answer(
        &model, revision,
        dengine_bytes(encoded, de_kv_command_encode(command, encoded, sizeof(encoded))), true,
        bytes, wrong);
    assert_int_equal(found == NULL, expected == NULL);
    if (expected != NULL) {
        assert_non_null(strstr(found, expected));
    }
    de_range_model_deinit(&model);
}

static void test_answers_are_what_the_log_makes_of_a_command(void **state)
{
    struct bench *bench = *state;
    const struct de_kv_command delete = write_of(DE_KV_DELETE_RANGE, "z", "zb");
    const struct de_kv_command put = write_of(DE_KV_PUT, "zd", "");
    /* One operation, a range delete: one key, no pairs. */
    uint8_t bytes[] = {1, 1, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

    fill(bench);
    answer(bench, 3, &delete, dengine_bytes(bytes, sizeof(bytes)), NULL);
    answer(bench, 3, &put, text(""), NULL);
    answer(bench, 2, &put, text(""), "is not in the log at revision 2");
    answer(bench, 4, &put, text(""), "is not committed");
    bytes[12] = 2;
    answer(bench, 3, &delete, dengine_bytes(bytes, sizeof(bytes)), "does not make of it");
    answer(bench, 3, &delete, text(""), "does not make of it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_page_is_right_at_its_revision_only),
        TEST(test_what_is_wrong_with_a_page_is_seen),
        TEST(test_limits_directions_and_counts),
        TEST(test_answers_are_what_the_log_makes_of_a_command),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
