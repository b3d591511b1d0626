/* The search against brute force, on random small histories of every sort and model. */
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
#include "runtime/sim/check/verify.h"

/* Of each model; dengine-check-verify does more. */
#define HISTORIES 20000

static void print_history(uint64_t seed, const struct de_history_operation *operations,
                          size_t count)
{
    struct de_text text;
    de_text_init(&text);
    de_history_json_write_operations(operations, count, &text);
    print_message("seed %llu:\n%s", (unsigned long long)seed, text.data);
    de_text_deinit(&text);
}

static void test_search_agrees_with_brute_force(void **state)
{
    struct de_text text;
    (void)state;
    de_text_init(&text);
    for (size_t i = 0; de_models()[i] != NULL; i++) {
        struct de_verify_counts counts = {0, 0, 0, 0};
        if (!de_verify(de_models()[i], 0, HISTORIES, &counts, &text)) {
            fail_msg("%s", text.data);
        }
        assert_int_equal(counts.histories, HISTORIES);
    }
    de_text_deinit(&text);
}

/* Agreement is worth little if one verdict is rare, or the histories are all too simple. */
static void test_histories_have_both_verdicts_and_all_features(const struct de_model *model)
{
    struct de_history_operation operations[DE_GENERATOR_SMALL_MAX];
    size_t half = HISTORIES / 20;
    size_t linearizable[2] = {0, 0};
    size_t lossy = 0;
    size_t with_two_infos = 0;
    uint32_t functions = 0;
    for (uint64_t seed = 0; seed < half * 2; seed++) {
        struct de_generator generator;
        size_t infos = 0;
        size_t count = de_generator_small(&generator, model, seed, operations);
        for (size_t i = 0; i < count; i++) {
            infos += operations[i].outcome == DE_HISTORY_INFO ? 1 : 0;
            functions |= UINT32_C(1) << operations[i].function;
        }
        with_two_infos += infos >= 2 ? 1 : 0;
        linearizable[seed % 2] += de_oracle_linearizable(model, operations, count) ? 1 : 0;
        de_generator_deinit(&generator);
        count = de_generator_lossy(&generator, model, seed, operations);
        lossy += de_oracle_linearizable(model, operations, count) ? 1 : 0;
        de_generator_deinit(&generator);
    }
    print_message("%s: linearizable: %zu of %zu arbitrary, %zu of %zu constructed, %zu of %zu "
                  "lossy; 2+ infos %zu\n",
                  model->name, linearizable[0], half, linearizable[1], half, lossy, half * 2,
                  with_two_infos);
    assert_int_equal(functions, model->functions);
    assert_in_range(linearizable[0], half / 8, half * 7 / 8);
    assert_in_range(linearizable[1], half / 2, half * 19 / 20);
    assert_in_range(lossy, half / 4, half * 2 - half / 4);
    assert_true(with_two_infos > half / 2);
}

static void test_histories_are_worth_checking(void **state)
{
    (void)state;
    for (size_t i = 0; de_models()[i] != NULL; i++) {
        test_histories_have_both_verdicts_and_all_features(de_models()[i]);
    }
}

/* The construction itself: what it makes is linearizable, by the oracle's word. */
static void test_constructed_histories_are_linearizable(void **state)
{
    struct de_history_operation operations[DE_ORACLE_OPERATIONS_MAX];
    (void)state;
    for (uint64_t seed = 0; seed < 6000; seed++) {
        const struct de_model *model = de_models()[seed % 3];
        struct de_generator generator;
        de_generator_init(&generator, model, seed);
        generator.expire_percent = 5;
        de_generator_linearizable(&generator, operations, 8);
        if (!de_oracle_linearizable(model, operations, 8)) {
            print_history(seed, operations, 8);
            fail_msg("not linearizable");
        }
        de_generator_deinit(&generator);
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

/* All that happened before the operation could not be placed is in the prefix. */
static void check_prefix(const struct de_model *model,
                         const struct de_history_operation *operations, size_t count,
                         const struct de_check_failure *failure)
{
    const struct de_history_operation *culprit = &operations[failure->operation];
    assert_true(
        de_oracle_order_is_legal(model, operations, failure->prefix, failure->prefix_count));
    for (uint32_t i = 0; i < count; i++) {
        bool empty = operations[i].function == DE_HISTORY_APPEND &&
                     operations[i].value.string.size == 0; /* says nothing, is left out */
        bool found = !de_oracle_happened(&operations[i]) || empty ||
                     operations[i].return_at >= culprit->return_at;
        for (uint32_t k = 0; k < failure->prefix_count && !found; k++) {
            found = failure->prefix[k] == i;
        }
        assert_true(found);
    }
}

/* What the operation needs of the state it meets; false if it is not a certain one. */
static bool needs(const struct de_history_operation *culprit, struct de_history_value *value)
{
    bool not_needed = culprit->function == DE_HISTORY_CAS && culprit->outcome == DE_HISTORY_FAIL;
    *value = culprit->value;
    if (culprit->function == DE_HISTORY_CAS) {
        *value = culprit->expected;
    } else if (culprit->function == DE_HISTORY_ACQUIRE) {
        *value = de_history_null();
    } else if (culprit->function == DE_HISTORY_RELEASE && value->kind == DE_HISTORY_NULL) {
        *value = de_history_integer(culprit->process);
    } else if (culprit->function == DE_HISTORY_GET && value->kind == DE_HISTORY_NULL) {
        *value = de_history_string(dengine_bytes(NULL, 0));
    }
    return !not_needed;
}

/* What the explanation claims: all that returned before the operation can be ordered, with it no
 * more; the prefix is such an order and lacks nothing; none of the states lets it happen. */
static void check_claims(const struct de_model *model,
                         const struct de_history_operation *operations, size_t count,
                         const struct de_check_failure *failure)
{
    struct de_history_operation kept[DE_ORACLE_OPERATIONS_MAX];
    const struct de_history_operation *culprit = &operations[failure->operation];
    struct de_history_value needed;
    size_t kept_count = cut_at(operations, count, culprit->return_at - 1, kept);
    assert_true(de_oracle_linearizable(model, kept, kept_count));
    kept_count = cut_at(operations, count, culprit->return_at, kept);
    assert_false(de_oracle_linearizable(model, kept, kept_count));
    check_prefix(model, operations, count, failure);
    bool certain = needs(culprit, &needed);
    assert_int_equal(failure->needs_state, certain);
    assert_true(!certain || de_history_value_equal(&failure->needed, &needed));
    assert_true(failure->states_count > 0 && failure->prefix_state_known);
    for (uint32_t i = 0; i < failure->states_count; i++) {
        bool equal = de_history_value_equal(&failure->states[i], &needed);
        assert_int_equal(equal, !certain);
    }
}

static void explain_model(const struct de_model *model)
{
    struct de_history_operation operations[DE_ORACLE_OPERATIONS_MAX];
    struct de_check_options options = {model, UINT64_MAX};
    size_t explained = 0;
    for (uint64_t seed = 0; seed < HISTORIES / 2; seed++) {
        struct de_generator generator;
        struct de_check_result result;
        size_t count = de_generator_small(&generator, model, seed, operations);
        for (size_t i = 0; i < count; i++) { /* distinct positions, calls even, returns odd */
            operations[i].call_at = (operations[i].call_at * 16 + i) * 2;
            operations[i].return_at = (operations[i].return_at * 16 + i) * 2 + 1;
        }
        assert_int_equal(de_check_run(operations, count, &options, &result), 0);
        if (result.verdict == DE_CHECK_NOT_LINEARIZABLE) {
            check_claims(model, operations, count, &result.failure);
            explained++;
        }
        de_check_result_deinit(&result);
        de_generator_deinit(&generator);
    }
    assert_true(explained > HISTORIES / 10);
}

static void test_explanations_are_true(void **state)
{
    (void)state;
    for (size_t i = 0; de_models()[i] != NULL; i++) {
        explain_model(de_models()[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constructed_histories_are_linearizable),
        cmocka_unit_test(test_histories_are_worth_checking),
        cmocka_unit_test(test_search_agrees_with_brute_force),
        cmocka_unit_test(test_explanations_are_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
