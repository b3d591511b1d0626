#include "runtime/sim/kernel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/random.h"

#define EVENTS 5000
#define KIND   3

struct log {
    struct de_kernel kernel;
    struct de_sim_event ran[EVENTS * 2];
    size_t ran_count;
    size_t dropped;
};

static void note_run(void *context, const struct de_sim_event *event)
{
    struct log *log = context;

    log->ran[log->ran_count++] = *event;
}

static void note_drop(void *context, const struct de_sim_event *event)
{
    struct log *log = context;

    (void)event;
    log->dropped++;
}

static int setup(void **state)
{
    static struct log log;
    struct de_kernel_handler handler = {"note", &log, note_run, note_drop};

    memset(&log, 0, sizeof(log));
    de_kernel_init(&log.kernel, 99);
    de_kernel_set_handler(&log.kernel, KIND, &handler);
    *state = &log;
    return 0;
}

static int teardown(void **state)
{
    struct log *log = *state;

    de_kernel_deinit(&log->kernel);
    return 0;
}

static bool in_order(const struct de_kernel *kernel, const struct de_kernel_cell *a,
                     const struct de_kernel_cell *b)
{
    if (a->time_ns != b->time_ns) {
        return a->time_ns < b->time_ns;
    }
    return a->tie != b->tie ? a->tie < b->tie
                            : kernel->events[a->slot].sequence < kernel->events[b->slot].sequence;
}

/* A naive model: whatever is pending, the next to run is the smallest of it. */
static void test_runs_what_a_naive_search_would_run(void **state)
{
    struct log *log = *state;
    static bool pending[EVENTS];
    struct de_random random;
    size_t posted = 0;

    memset(pending, 0, sizeof(pending));
    de_random_init(&random, 5);
    while (log->ran_count < EVENTS / 4) {
        if (posted < EVENTS / 4 && de_random_below(&random, 2) == 0) {
            de_kernel_post(&log->kernel, log->kernel.now_ns + de_random_below(&random, 20), KIND,
                           (uint32_t)de_random_below(&random, 5), posted, NULL);
            pending[posted++] = true;
        } else if (log->kernel.count > 0) {
            const struct de_kernel_cell *first = &log->kernel.heap[0];
            struct de_sim_event best;

            for (size_t i = 1; i < log->kernel.count; i++) {
                if (in_order(&log->kernel, &log->kernel.heap[i], first)) {
                    first = &log->kernel.heap[i];
                }
            }
            best = log->kernel.events[first->slot];
            assert_true(de_kernel_run_one(&log->kernel, UINT64_MAX));
            assert_int_equal(log->ran[log->ran_count - 1].content, best.content);
            assert_true(pending[best.content]);
            pending[best.content] = false;
            assert_int_equal(log->kernel.now_ns, best.time_ns);
        }
    }
}

static void test_equal_times_do_not_run_in_order_of_posting(void **state)
{
    struct log *log = *state;
    size_t inversions = 0;

    for (uint64_t i = 0; i < 100; i++) {
        de_kernel_post(&log->kernel, 10, KIND, 1, i, NULL);
    }
    while (de_kernel_run_one(&log->kernel, 10)) {
    }
    for (size_t i = 1; i < 100; i++) {
        inversions += log->ran[i].content < log->ran[i - 1].content ? 1 : 0;
    }
    assert_in_range(inversions, 30, 70);
}

static void test_a_crash_drops_what_is_bound_to_the_life(void **state)
{
    struct log *log = *state;

    de_kernel_post_bound(&log->kernel, 10, KIND, 1, 100, NULL);
    de_kernel_post_bound(&log->kernel, 10, KIND, 2, 200, NULL);
    de_kernel_post(&log->kernel, 10, KIND, 1, 300, NULL);
    de_kernel_end_life(&log->kernel, 1);
    de_kernel_post_bound(&log->kernel, 20, KIND, 1, 400, NULL);
    while (de_kernel_run_one(&log->kernel, 100)) {
    }
    assert_int_equal(log->ran_count, 3);
    assert_int_equal(log->dropped, 1);
    for (size_t i = 0; i < log->ran_count; i++) {
        assert_int_not_equal(log->ran[i].content, 100);
    }
}

static void test_the_clock_stops_where_it_is_told(void **state)
{
    struct log *log = *state;

    de_kernel_post(&log->kernel, 50, KIND, 1, 1, NULL);
    assert_false(de_kernel_run_one(&log->kernel, 49));
    assert_int_equal(log->kernel.now_ns, 0);
    de_kernel_advance(&log->kernel, 49);
    assert_true(de_kernel_run_one(&log->kernel, 50));
    assert_int_equal(log->kernel.now_ns, 50);
}

static void test_the_trace_names_the_first_difference(void **state)
{
    struct de_trace a;
    struct de_trace b;

    (void)state;
    de_trace_init(&a);
    de_trace_init(&b);
    a.keep = true;
    b.keep = true;
    for (uint64_t i = 0; i < 1000; i++) {
        de_trace_add(&a, i, 1, 2, i);
        de_trace_add(&b, i, 1, 2, i == 637 ? 0 : i);
    }
    assert_int_equal(de_trace_first_difference(&a, &b), 637);
    assert_int_equal(de_trace_first_difference(&a, &a), UINT64_MAX);
    assert_int_not_equal(a.hash, b.hash);
    de_trace_deinit(&a);
    de_trace_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_runs_what_a_naive_search_would_run, setup, teardown),
        cmocka_unit_test_setup_teardown(test_equal_times_do_not_run_in_order_of_posting, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_crash_drops_what_is_bound_to_the_life, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_the_clock_stops_where_it_is_told, setup, teardown),
        cmocka_unit_test(test_the_trace_names_the_first_difference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
