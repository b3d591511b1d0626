/* Term runs and the size ring against plain arrays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/random.h"
#include "core/raft/sizes.h"
#include "core/raft/term_runs.h"

#define CASES     300000
#define MODEL_MAX 4096
#define RUNS      6

/* The log as it would be without any cleverness: a term for every index. */
struct model {
    uint64_t terms[MODEL_MAX];
    uint64_t base;
    uint64_t last;
};

static uint32_t model_runs(const struct model *model)
{
    uint32_t runs = 0;

    for (uint64_t i = model->base + 1; i <= model->last; i++) {
        runs += i == model->base + 1 || model->terms[i] != model->terms[i - 1];
    }
    return runs;
}

static uint64_t model_not_above(const struct model *model, uint64_t index, uint64_t term)
{
    uint64_t i = index < model->last ? index : model->last;

    while (i > model->base && model->terms[i] > term) {
        i--;
    }
    return i > model->base ? i : model->base;
}

static void change(struct de_random *random, struct model *model, struct de_term_runs *log)
{
    uint64_t count = 1 + de_random_below(random, 4);

    switch (de_random_below(random, 4)) {
    case 0: /* truncate */
        if (model->last > model->base) {
            uint64_t from =
                model->base + 1 + de_random_below(random, model->last - model->base + 2);
            de_term_runs_truncate(log, from);
            model->last = from <= model->last ? from - 1 : model->last;
        }
        break;
    case 1: { /* compact */
        uint64_t index = model->base + de_random_below(random, model->last - model->base + 1) / 2;
        de_term_runs_compact(log, index);
        model->base = index;
        break;
    }
    default: { /* append */
        uint64_t term = model->terms[model->last] + de_random_below(random, 3);
        term += term == 0;
        bool same = model->last > model->base && term == model->terms[model->last];
        bool fits = same || model_runs(model) < RUNS;
        assert_int_equal(de_term_runs_append(log, term, count), fits);
        for (uint64_t i = 0; fits && i < count; i++) {
            model->terms[++model->last] = term;
        }
    }
    }
}

static void test_term_runs_equal_the_model(void **state)
{
    static struct model model;
    struct de_raft_term_run memory[RUNS];
    struct de_term_runs log;
    struct de_random random;

    (void)state;
    de_random_init(&random, 3);
    model.last = MODEL_MAX;
    for (int n = 0; n < CASES; n++) {
        if (model.last + 8 >= MODEL_MAX) {
            memset(&model, 0, sizeof(model));
            de_term_runs_init(&log, memory, RUNS, 0, 0);
        }
        change(&random, &model, &log);
        uint64_t index = de_random_below(&random, model.last + 3);
        uint64_t term = de_random_below(&random, model.terms[model.last] + 2);
        bool known = index >= model.base && index <= model.last;
        assert_int_equal(log.last_index, model.last);
        assert_int_equal(log.base_index, model.base);
        assert_int_equal(de_term_runs_free(&log), RUNS - model_runs(&model));
        assert_int_equal(de_term_runs_at(&log, index), known ? model.terms[index] : 0);
        assert_int_equal(de_term_runs_last_term(&log), model.terms[model.last]);
        assert_int_equal(de_term_runs_not_above(&log, index, term),
                         model_not_above(&model, index, term));
    }
}

static void test_a_run_too_many_is_refused_whole(void **state)
{
    struct de_raft_term_run memory[1];
    struct de_term_runs log;

    (void)state;
    de_term_runs_init(&log, memory, 1, 5, 2);
    assert_true(de_term_runs_append(&log, 2, 3));
    assert_false(de_term_runs_append(&log, 3, 1));
    assert_int_equal(log.last_index, 8);
    assert_true(de_term_runs_append(&log, 2, 1));
    de_term_runs_compact(&log, 9);
    assert_true(de_term_runs_append(&log, 3, 1));
    assert_int_equal(de_term_runs_at(&log, 9), 2);
    assert_int_equal(de_term_runs_at(&log, 8), 0);
}

static void test_sizes_equal_the_model(void **state)
{
    static uint64_t bytes[1 << 20];
    uint64_t totals[16];
    struct de_sizes sizes;
    struct de_random random;
    uint64_t last = 10;
    uint64_t oldest = 10; /* nothing is known up to here */

    (void)state;
    de_random_init(&random, 4);
    de_sizes_init(&sizes, totals, 16, last);
    for (int n = 0; n < CASES; n++) {
        if (de_random_below(&random, 8) == 0) {
            uint64_t from = last - de_random_below(&random, last < 20 ? last : 20) + 1;
            de_sizes_truncate(&sizes, from);
            last = from - 1;
            oldest = oldest < last ? oldest : last;
        } else {
            bytes[++last] = de_random_below(&random, 1000);
            de_sizes_append(&sizes, bytes[last]);
            oldest = last - oldest >= 16 ? last - 15 : oldest;
        }
        uint64_t first = last - de_random_below(&random, last < 24 ? last : 24);
        uint64_t limit = de_random_below(&random, 5000);
        uint64_t sum = 0;
        uint64_t fit = first;
        for (uint64_t i = first; i <= last; i++) {
            sum += i > oldest ? bytes[i] : 0;
            fit = sum <= limit ? i : fit;
        }
        assert_int_equal(de_sizes_between(&sizes, first, last), sum);
        assert_int_equal(de_sizes_fit(&sizes, first, last, limit), fit);
        assert_int_equal(de_sizes_between(&sizes, last + 1, last), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_term_runs_equal_the_model),
        cmocka_unit_test(test_a_run_too_many_is_refused_whole),
        cmocka_unit_test(test_sizes_equal_the_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
