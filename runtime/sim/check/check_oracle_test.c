/* The search against brute force, on random small histories of every sort. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "runtime/sim/check/check.h"
#include "runtime/sim/check/generator.h"
#include "runtime/sim/check/history_json.h"
#include "runtime/sim/check/oracle.h"

#define HISTORIES        100000
#define LOSSY_HISTORIES  20000
#define LOSSY_OPERATIONS 8

/* The first half linearizable by construction, four in five of these then changed in one to
 * four places; the second half arbitrary. Sizes, concurrency, values and losses vary with the seed.
 */
static size_t make_history(uint64_t seed, struct de_history_operation *operations)
{
    struct de_generator generator;
    de_generator_init(&generator, seed);
    size_t count = 2 + (size_t)de_random_below(&generator.random, 7);
    generator.clients = 1 + (uint32_t)de_random_below(&generator.random, 4);
    generator.values = 1 + (uint32_t)de_random_below(&generator.random, 3);
    generator.info_percent = (uint32_t)de_random_below(&generator.random, 5) * 12;
    generator.info_max = 5;
    generator.delete_percent = (uint32_t)de_random_below(&generator.random, 3) * 15;
    if (seed % 2 == 0) {
        de_generator_arbitrary(&generator, operations, count);
        return count;
    }
    de_generator_linearizable(&generator, operations, count);
    for (uint64_t changes = seed / 2 % 5; changes > 0; changes--) {
        de_generator_perturb(&generator, operations, count);
    }
    return count;
}

/* The register as a model that tells nothing about states: the search must do without. */
static int translate_unlinked(struct de_model_context *context,
                              const struct de_history_operation *operations, const uint32_t *chosen,
                              uint32_t count, struct de_model_op *ops)
{
    int err = de_model_cas_register.translate(context, operations, chosen, count, ops);
    for (uint32_t i = 0; i < count && err == 0; i++) {
        ops[i].from = DE_MODEL_ANY;
        ops[i].to = DE_MODEL_ANY;
    }
    return err;
}

static enum de_check_verdict verdict_of(const struct de_history_operation *operations, size_t count,
                                        const struct de_model *model)
{
    struct de_check_options options = {model, UINT64_MAX};
    struct de_check_result result;
    assert_int_equal(de_check_run(operations, count, &options, &result), 0);
    enum de_check_verdict verdict = result.verdict;
    de_check_result_deinit(&result);
    return verdict;
}

static void print_history(uint64_t seed, const struct de_history_operation *operations,
                          size_t count)
{
    struct de_text text;
    de_text_init(&text);
    de_history_json_write_operations(operations, count, &text);
    print_message("seed %llu:\n%s", (unsigned long long)seed, text.data);
    de_text_deinit(&text);
}

/* Gives the verdict they agree on. */
static bool assert_agreement(uint64_t seed, const struct de_history_operation *operations,
                             size_t count, const struct de_model *model)
{
    bool expected = de_oracle_linearizable(operations, count);
    enum de_check_verdict verdict = verdict_of(operations, count, model);
    if (verdict != (expected ? DE_CHECK_LINEARIZABLE : DE_CHECK_NOT_LINEARIZABLE)) {
        print_history(seed, operations, count);
        fail_msg("brute force says %s, the search says %s",
                 expected ? "linearizable" : "not linearizable", de_check_verdict_text(verdict));
    }
    return expected;
}

static void test_search_agrees_with_brute_force(void **state)
{
    struct de_history_operation operations[DE_ORACLE_OPERATIONS_MAX];
    (void)state;
    for (uint64_t seed = 0; seed < HISTORIES; seed++) {
        size_t count = make_history(seed, operations);
        assert_agreement(seed, operations, count, &de_model_cas_register);
    }
}

static void test_search_without_links_agrees_too(void **state)
{
    struct de_history_operation operations[DE_ORACLE_OPERATIONS_MAX];
    struct de_model unlinked = de_model_cas_register;
    (void)state;
    unlinked.translate = translate_unlinked;
    for (uint64_t seed = HISTORIES; seed < HISTORIES + HISTORIES / 2; seed++) {
        size_t count = make_history(seed, operations);
        assert_agreement(seed, operations, count, &unlinked);
    }
}

/* Half of the operations lost: what the search leaves out is all about these. */
static void test_search_agrees_when_much_is_lost(void **state)
{
    struct de_history_operation operations[DE_ORACLE_OPERATIONS_MAX];
    size_t linearizable = 0;
    (void)state;
    for (uint64_t seed = 0; seed < LOSSY_HISTORIES; seed++) {
        struct de_generator generator;
        de_generator_init(&generator, seed);
        generator.values = 2 + (uint32_t)(seed % 3);
        generator.info_percent = 50;
        generator.info_max = 6;
        if (seed % 3 == 0) {
            de_generator_arbitrary(&generator, operations, LOSSY_OPERATIONS);
        } else {
            de_generator_linearizable(&generator, operations, LOSSY_OPERATIONS);
            de_generator_perturb(&generator, operations, LOSSY_OPERATIONS);
            de_generator_perturb(&generator, operations, LOSSY_OPERATIONS);
        }
        linearizable +=
            assert_agreement(seed, operations, LOSSY_OPERATIONS, &de_model_cas_register) ? 1 : 0;
    }
    print_message("linearizable: %zu of %d\n", linearizable, LOSSY_HISTORIES);
    assert_in_range(linearizable, LOSSY_HISTORIES / 8, LOSSY_HISTORIES * 7 / 8);
}

/* Agreement is worth little if one verdict is rare, or the histories are all too simple. */
static void test_histories_have_both_verdicts_and_all_features(void **state)
{
    struct de_history_operation operations[DE_ORACLE_OPERATIONS_MAX];
    size_t linearizable[2] = {0, 0};
    size_t with_two_infos = 0;
    size_t with_failed_cas = 0;
    (void)state;
    for (uint64_t seed = 0; seed < HISTORIES / 10; seed++) {
        size_t count = make_history(seed, operations);
        size_t infos = 0;
        size_t failed = 0;
        for (size_t i = 0; i < count; i++) {
            infos += operations[i].outcome == DE_HISTORY_INFO ? 1 : 0;
            failed +=
                operations[i].outcome == DE_HISTORY_FAIL && operations[i].function == DE_HISTORY_CAS
                    ? 1
                    : 0;
        }
        with_two_infos += infos >= 2 ? 1 : 0;
        with_failed_cas += failed > 0 ? 1 : 0;
        linearizable[seed % 2] += de_oracle_linearizable(operations, count) ? 1 : 0;
    }
    size_t half = HISTORIES / 20;
    print_message("linearizable: %zu of %zu arbitrary, %zu of %zu constructed; "
                  "2+ infos %zu, failed cas %zu\n",
                  linearizable[0], half, linearizable[1], half, with_two_infos, with_failed_cas);
    assert_in_range(linearizable[0], half / 4, half * 3 / 4);
    assert_in_range(linearizable[1], half / 2, half * 9 / 10);
    assert_true(with_two_infos > half / 2);
    assert_true(with_failed_cas > half / 3);
}

/* The construction itself: what it makes is linearizable, by the oracle's word. */
static void test_constructed_histories_are_linearizable(void **state)
{
    struct de_history_operation operations[DE_ORACLE_OPERATIONS_MAX];
    (void)state;
    for (uint64_t seed = 0; seed < 5000; seed++) {
        struct de_generator generator;
        de_generator_init(&generator, seed);
        de_generator_linearizable(&generator, operations, 8);
        if (!de_oracle_linearizable(operations, 8)) {
            print_history(seed, operations, 8);
            fail_msg("not linearizable");
        }
    }
}

/* The history up to position: what returns later is not known to have happened yet, what is called
 * later is left out. */
static size_t cut_at(const struct de_history_operation *operations, size_t count, uint64_t position,
                     struct de_history_operation *kept)
{
    size_t kept_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (operations[i].call_at > position) {
            continue;
        }
        if (operations[i].outcome == DE_HISTORY_INFO || operations[i].return_at <= position) {
            kept[kept_count++] = operations[i];
        } else if (operations[i].outcome == DE_HISTORY_OK) {
            kept[kept_count] = operations[i];
            kept[kept_count++].outcome = DE_HISTORY_INFO;
        }
    }
    return kept_count;
}

/* What the explanation claims: all that returned before the operation can be ordered, with it no
 * more; the prefix is such an order and lacks nothing; none of the states lets it happen. */
static void check_claims(const struct de_history_operation *operations, size_t count,
                         const struct de_check_failure *failure)
{
    struct de_history_operation kept[DE_ORACLE_OPERATIONS_MAX];
    const struct de_history_operation *culprit = &operations[failure->operation];
    size_t kept_count = cut_at(operations, count, culprit->return_at - 1, kept);
    assert_true(de_oracle_linearizable(kept, kept_count));
    kept_count = cut_at(operations, count, culprit->return_at, kept);
    assert_false(de_oracle_linearizable(kept, kept_count));
    assert_true(de_oracle_order_is_legal(operations, failure->prefix, failure->prefix_count));
    for (uint32_t i = 0; i < count; i++) {
        bool happened =
            operations[i].outcome == DE_HISTORY_OK ||
            (operations[i].outcome == DE_HISTORY_FAIL && operations[i].function == DE_HISTORY_CAS);
        bool found = !happened || operations[i].return_at >= culprit->return_at;
        for (uint32_t k = 0; k < failure->prefix_count && !found; k++) {
            found = failure->prefix[k] == i;
        }
        assert_true(found);
    }
    assert_true(failure->states_count > 0);
    for (uint32_t i = 0; i < failure->states_count; i++) {
        const struct de_history_value *wanted =
            culprit->function == DE_HISTORY_CAS ? &culprit->expected : &culprit->value;
        bool equal = de_history_value_equal(&failure->states[i], wanted);
        assert_int_equal(equal, culprit->outcome == DE_HISTORY_FAIL);
    }
}

static void test_explanations_are_true(void **state)
{
    struct de_history_operation operations[DE_ORACLE_OPERATIONS_MAX];
    struct de_check_options options = {&de_model_cas_register, UINT64_MAX};
    size_t explained = 0;
    (void)state;
    for (uint64_t seed = 0; seed < HISTORIES / 2; seed++) {
        struct de_check_result result;
        size_t count = make_history(seed, operations);
        for (size_t i = 0; i < count; i++) { /* distinct positions, calls even, returns odd */
            operations[i].call_at = (operations[i].call_at * 16 + i) * 2;
            operations[i].return_at = (operations[i].return_at * 16 + i) * 2 + 1;
        }
        assert_int_equal(de_check_run(operations, count, &options, &result), 0);
        if (result.verdict == DE_CHECK_NOT_LINEARIZABLE) {
            check_claims(operations, count, &result.failure);
            explained++;
        }
        de_check_result_deinit(&result);
    }
    assert_true(explained > HISTORIES / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constructed_histories_are_linearizable),
        cmocka_unit_test(test_histories_have_both_verdicts_and_all_features),
        cmocka_unit_test(test_search_agrees_with_brute_force),
        cmocka_unit_test(test_search_without_links_agrees_too),
        cmocka_unit_test(test_search_agrees_when_much_is_lost),
        cmocka_unit_test(test_explanations_are_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
