/* Reads at a revision: the right ones pass, each wrong one is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/random.h"
#include "runtime/sim/check/read_check.h"

#define S(text) dengine_str(text)

static const struct dengine_slice no_end = {NULL, 0};

/* 1: a=1; 2: nothing; 3: b=2, c=3; 4: a deleted, b=4; 5: d=5, of a lease; 6: d expired. */
static void make_log(struct de_change_log *log)
{
    de_change_log_init(log);
    de_change_log_commit(log, 1);
    de_change_log_put(log, S("a"), S("1"));
    de_change_log_commit(log, 2);
    de_change_log_commit(log, 3);
    de_change_log_put(log, S("c"), S("3"));
    de_change_log_put(log, S("b"), S("2"));
    de_change_log_commit(log, 4);
    de_change_log_delete(log, S("a"), false);
    de_change_log_put(log, S("b"), S("4"));
    de_change_log_commit(log, 5);
    de_change_log_put(log, S("d"), S("5"));
    de_change_log_commit(log, 6);
    de_change_log_delete(log, S("d"), true);
}

static void expect(const struct de_change_log *log, const struct de_read_request *request,
                   const struct de_read_answer *answer, const char *rule)
{
    struct de_finding finding;
    de_finding_init(&finding);
    bool right = de_read_check(log, request, answer, &finding);
    assert_string_equal(finding.rule, rule);
    assert_int_equal(right, rule[0] == '\0');
    assert_int_equal(finding.text[0] == '\0', right);
}

static void test_log_knows_every_revision(void **state)
{
    struct de_change_log log;
    (void)state;
    make_log(&log);
    assert_null(de_change_log_find(&log, S("a"), 0));
    assert_int_equal(de_change_log_find(&log, S("a"), 3)->revision, 1);
    assert_true(de_change_log_find(&log, S("a"), 4)->deleted);
    assert_null(de_change_log_find(&log, S("b"), 2));
    assert_int_equal(de_change_log_find(&log, S("b"), 99)->revision, 4);
    assert_null(de_change_log_find(&log, S("aa"), 6));
    assert_true(de_change_log_find(&log, S("d"), 6)->expired);
    assert_int_equal(log.keys_count, 4);
    assert_int_equal(log.changes[4].previous, 2);
    de_change_log_deinit(&log);
}

static void test_keys_have_the_values_of_their_revision(void **state)
{
    struct de_change_log log;
    const struct dengine_slice keys[] = {S("b"), S("a"), S("x"), S("c")};
    const struct de_read_pair at3[] = {
        {S("b"), S("2"), 3}, {S("a"), S("1"), 1}, {S("c"), S("3"), 0}};
    const struct de_read_pair mixed[] = {
        {S("b"), S("4"), 0}, {S("a"), S("1"), 0}, {S("c"), S("3"), 0}};
    const struct de_read_pair no_b[] = {{S("a"), S("1"), 0}, {S("c"), S("3"), 0}};
    const struct de_read_pair wrong_revision[] = {
        {S("b"), S("2"), 2}, {S("a"), S("1"), 1}, {S("c"), S("3"), 3}};
    const struct de_read_pair extra[] = {
        {S("b"), S("2"), 0}, {S("a"), S("1"), 0}, {S("c"), S("3"), 0}, {S("d"), S("5"), 0}};
    struct de_read_request request = {.kind = DE_READ_KEYS, .keys = keys, .keys_count = 4};
    struct de_read_answer answer = {.process = 7, .revision = 3, .pairs = at3, .pairs_count = 3};
    (void)state;
    make_log(&log);
    expect(&log, &request, &answer, "");
    answer.pairs = mixed; /* b of revision 4 beside a of 3: half of a batch */
    expect(&log, &request, &answer, "read-value");
    answer.pairs = wrong_revision;
    expect(&log, &request, &answer, "read-value");
    answer.pairs = extra;
    answer.pairs_count = 4;
    expect(&log, &request, &answer, "read-value");
    answer.pairs = no_b;
    answer.pairs_count = 2;
    expect(&log, &request, &answer, "read-value");
    answer.pairs = at3;
    answer.pairs_count = 3;
    answer.revision = 4; /* a is gone by then */
    expect(&log, &request, &answer, "read-value");
    request.keys = &keys[1]; /* a alone, dead by then */
    request.keys_count = 1;
    answer.pairs = no_b;
    answer.pairs_count = 1;
    expect(&log, &request, &answer, "read-value");
    request.keys = keys;
    request.keys_count = 4;
    answer.pairs_count = 3;
    request.keys_only = true;
    answer.revision = 3;
    answer.pairs = mixed;
    expect(&log, &request, &answer, "");
    de_change_log_deinit(&log);
}

static void test_revision_is_committed_and_not_below_the_floor(void **state)
{
    struct de_change_log log;
    struct de_read_request request = {.kind = DE_READ_KEYS};
    struct de_read_answer answer = {.revision = 6};
    uint64_t floor = 0;
    (void)state;
    make_log(&log);
    expect(&log, &request, &answer, "");
    answer.revision = 7;
    expect(&log, &request, &answer, "read-revision");
    answer.revision = 3;
    expect(&log, &request, &answer, "");
    de_read_floor_raise(&floor, 4);
    de_read_floor_raise(&floor, 2);
    request.floor = floor;
    expect(&log, &request, &answer, "read-stale");
    answer.revision = 4;
    expect(&log, &request, &answer, "");
    answer.revision = 0;
    request.floor = 0;
    expect(&log, &request, &answer, "");
    de_change_log_deinit(&log);
}

static void test_scans_give_the_range_in_order(void **state)
{
    struct de_change_log log;
    const struct de_read_pair all[] = {
        {S("b"), S("4"), 4}, {S("c"), S("3"), 3}, {S("d"), S("5"), 5}};
    const struct de_read_pair old_b[] = {
        {S("b"), S("2"), 0}, {S("c"), S("3"), 3}, {S("d"), S("5"), 5}};
    const struct de_read_pair back[] = {{S("d"), S("5"), 5}, {S("c"), S("3"), 3}};
    const struct de_read_pair swapped[] = {{S("c"), S("3"), 3}, {S("b"), S("4"), 4}};
    const struct de_read_pair with_dead[] = {{S("a"), S("1"), 1}, {S("b"), S("4"), 4}};
    struct de_read_request request = {.kind = DE_READ_RANGE, .from = S("a"), .to = no_end};
    struct de_read_answer answer = {.revision = 5, .pairs = all, .pairs_count = 3};
    (void)state;
    make_log(&log);
    expect(&log, &request, &answer, "");
    answer.pairs = old_b;
    expect(&log, &request, &answer, "read-value");
    answer.pairs = all;
    answer.pairs_count = 2;
    expect(&log, &request, &answer, "read-range"); /* d is missing */
    request.to = S("d");
    expect(&log, &request, &answer, "");
    answer.pairs_count = 3;
    expect(&log, &request, &answer, "read-range"); /* d is outside */
    answer.pairs = swapped;
    answer.pairs_count = 2;
    expect(&log, &request, &answer, "read-range");
    answer.pairs = with_dead;
    expect(&log, &request, &answer, "read-range");
    request = (struct de_read_request){
        .kind = DE_READ_RANGE, .from = S("c"), .to = no_end, .reverse = true};
    answer.pairs = back;
    expect(&log, &request, &answer, "");
    request.to = S("d");
    answer.pairs = back + 1;
    answer.pairs_count = 1;
    expect(&log, &request, &answer, "");
    request.from = S("b");
    expect(&log, &request, &answer, "read-range");
    de_change_log_deinit(&log);
}

static void test_limits_and_counts_are_told_rightly(void **state)
{
    struct de_change_log log;
    const struct de_read_pair two[] = {{S("b"), S("4"), 0}, {S("c"), S("3"), 0}};
    struct de_read_request request = {
        .kind = DE_READ_RANGE, .from = S("a"), .to = no_end, .limit = 2};
    struct de_read_answer answer = {.revision = 5, .pairs = two, .pairs_count = 2, .more = true};
    (void)state;
    make_log(&log);
    expect(&log, &request, &answer, "");
    answer.more = false;
    expect(&log, &request, &answer, "read-range");
    answer.revision = 4; /* two keys only */
    expect(&log, &request, &answer, "");
    answer.more = true;
    expect(&log, &request, &answer, "read-range");
    request.limit = 1;
    expect(&log, &request, &answer, "read-range"); /* more than the limit */
    request = (struct de_read_request){
        .kind = DE_READ_RANGE, .from = S("b"), .to = S("d"), .count_only = true};
    answer = (struct de_read_answer){.revision = 5, .count = 2};
    expect(&log, &request, &answer, "");
    answer.count = 3;
    expect(&log, &request, &answer, "read-range");
    de_change_log_deinit(&log);
}

/* Against a map that is kept by hand, at every revision. */
static void test_log_against_a_naive_map(void **state)
{
    enum { KEYS = 9, REVISIONS = 300 };
    static uint8_t values[REVISIONS + 1][KEYS]; /* 0: absent */
    struct de_random random;
    struct de_change_log log;
    (void)state;
    de_random_init(&random, 1);
    de_change_log_init(&log);
    for (uint64_t revision = 1; revision <= REVISIONS; revision++) {
        memcpy(values[revision], values[revision - 1], KEYS);
        de_change_log_commit(&log, revision);
        for (uint64_t changes = de_random_below(&random, 3); changes > 0; changes--) {
            size_t key = (size_t)de_random_below(&random, KEYS);
            uint8_t name = (uint8_t)('a' + key);
            uint8_t value = (uint8_t)de_random_below(&random, 4);
            if (value == 0) {
                de_change_log_delete(&log, dengine_bytes(&name, 1), false);
            } else {
                de_change_log_put(&log, dengine_bytes(&name, 1), dengine_bytes(&value, 1));
            }
            values[revision][key] = value;
        }
    }
    for (uint64_t revision = 0; revision <= REVISIONS; revision++) {
        struct de_read_pair pairs[KEYS];
        uint8_t names[KEYS];
        size_t count = 0;
        for (size_t key = 0; key < KEYS; key++) {
            names[key] = (uint8_t)('a' + key);
            if (values[revision][key] != 0) {
                pairs[count++] = (struct de_read_pair){dengine_bytes(&names[key], 1),
                                                       dengine_bytes(&values[revision][key], 1), 0};
            }
        }
        struct de_read_request request = {.kind = DE_READ_RANGE, .from = S(""), .to = no_end};
        struct de_read_answer answer = {.revision = revision, .pairs = pairs, .pairs_count = count};
        expect(&log, &request, &answer, "");
    }
    de_change_log_deinit(&log);
}

static void test_bytes_in_sentences_are_printable_and_short(void **state)
{
    char text[DE_FINDING_BYTES_MAX];
    char long_bytes[200];
    (void)state;
    assert_string_equal(de_finding_bytes(dengine_bytes("a\0\"\xff", 4), text),
                        "\"a\\x00\\x22\\xff\"");
    memset(long_bytes, 'x', sizeof(long_bytes));
    (void)de_finding_bytes(dengine_bytes(long_bytes, sizeof(long_bytes)), text);
    assert_true(strlen(text) < DE_FINDING_BYTES_MAX);
    assert_string_equal(text + strlen(text) - 5, "x...\"");
    memset(long_bytes, 1, sizeof(long_bytes));
    (void)de_finding_bytes(dengine_bytes(long_bytes, sizeof(long_bytes)), text);
    assert_string_equal(text + strlen(text) - 5, "1...\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_knows_every_revision),
        cmocka_unit_test(test_keys_have_the_values_of_their_revision),
        cmocka_unit_test(test_revision_is_committed_and_not_below_the_floor),
        cmocka_unit_test(test_scans_give_the_range_in_order),
        cmocka_unit_test(test_limits_and_counts_are_told_rightly),
        cmocka_unit_test(test_log_against_a_naive_map),
        cmocka_unit_test(test_bytes_in_sentences_are_printable_and_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
