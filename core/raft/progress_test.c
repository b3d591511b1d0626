/* One member's progress against a plain list of what is under way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/random.h"
#include "core/raft/progress.h"

#define CASES  400000
#define WINDOW 5

struct model {
    uint64_t flight[WINDOW];
    uint32_t count;
    uint64_t match;
};

static void acknowledge(struct model *model, uint64_t match)
{
    uint32_t kept = 0;
    bool before = true;

    for (uint32_t i = 0; i < model->count; i++) {
        before = before && model->flight[i] <= match;
        if (!before) {
            model->flight[kept++] = model->flight[i];
        }
    }
    model->count = kept;
    model->match = match > model->match ? match : model->match;
}

static void test_progress_equals_the_model(void **state)
{
    uint64_t ring[WINDOW];
    struct de_progress progress;
    struct model model = {0};
    struct de_random random;
    uint64_t last = 100;

    (void)state;
    de_random_init(&random, 7);
    de_progress_init(&progress, 2, ring, WINDOW, last, 0);
    for (int n = 0; n < CASES; n++) {
        uint64_t kind = de_random_below(&random, 16);
        uint64_t match = progress.match;
        bool may_send = de_progress_may_send(&progress);
        if (kind < 8 && may_send) {
            uint64_t end = progress.next + de_random_below(&random, 5);
            de_progress_sent(&progress, end);
            model.flight[model.count++] = end;
            assert_int_equal(progress.next, end + 1);
        } else if (kind < 13) {
            uint64_t to = de_random_below(&random, progress.next);
            uint32_t state_before = progress.state;
            de_progress_acknowledged(&progress, to);
            acknowledge(&model, to);
            model.count = progress.state != state_before ? 0 : model.count;
        } else if (kind == 13) {
            if (de_progress_refused(&progress, de_random_below(&random, progress.next + 2),
                                    de_random_below(&random, 2) == 0)) {
                model.count = 0;
                assert_int_equal(progress.state, DE_PROGRESS_PROBE);
            }
        } else if (kind == 14) {
            de_progress_unreachable(&progress);
            model.count = 0;
            assert_false(de_progress_may_send(&progress));
        } else if (de_random_below(&random, 8) == 0) {
            de_progress_become(&progress, DE_PROGRESS_SNAPSHOT);
            model.count = 0;
            assert_false(de_progress_may_send(&progress));
        } else if (progress.state == DE_PROGRESS_SNAPSHOT) {
            de_progress_become(&progress, DE_PROGRESS_PROBE);
        }
        assert_true(progress.match >= match);
        assert_int_equal(progress.match, model.match);
        assert_int_equal(progress.flight_count, model.count);
        assert_true(progress.next >= 1);
        assert_true(progress.state != DE_PROGRESS_PROBE || progress.flight_count <= 1);
        for (uint32_t i = 0; i < model.count; i++) {
            assert_int_equal(ring[(progress.flight_first + i) % WINDOW], model.flight[i]);
        }
    }
}

/* Zoo 27: refusals that were overtaken. */
static void test_refusal_never_moves_match(void **state)
{
    uint64_t ring[WINDOW];
    struct de_progress progress;

    (void)state;
    de_progress_init(&progress, 2, ring, WINDOW, 20, 0);
    de_progress_acknowledged(&progress, 20);
    assert_int_equal(progress.state, DE_PROGRESS_REPLICATE);
    assert_true(de_progress_may_send(&progress));
    de_progress_sent(&progress, 25);
    assert_true(de_progress_refused(&progress, 12, false));
    assert_int_equal(progress.match, 20);
    assert_int_equal(progress.next, 21);
    assert_false(de_progress_refused(&progress, 30, false));
    assert_int_equal(progress.match, 20);
}

/* A member that lost what it had acknowledged is fed again; what was counted stays counted. */
static void test_refused_probe_steps_below_match(void **state)
{
    uint64_t ring[WINDOW];
    struct de_progress progress;

    (void)state;
    de_progress_init(&progress, 2, ring, WINDOW, 20, 0);
    de_progress_acknowledged(&progress, 20);
    assert_false(de_progress_refused(&progress, 20, false)); /* nothing was sent after 20 */
    de_progress_sent(&progress, 21);
    assert_true(de_progress_refused(&progress, 5, false));
    assert_int_equal(progress.next, 21); /* once may be an old message */
    assert_true(de_progress_refused(&progress, 5, false));
    assert_int_equal(progress.next, 6);
    assert_int_equal(progress.match, 20);
    de_progress_sent(&progress, 12);
    de_progress_acknowledged(&progress, 12);
    assert_int_equal(progress.state, DE_PROGRESS_REPLICATE);
    assert_int_equal(progress.next, 13);
}

/* A heartbeat stands behind the append under way. What refuses it must not undo the steps back. */
static void test_a_refused_heartbeat_leads_a_probe_no_further_forward(void **state)
{
    uint64_t ring[WINDOW];
    struct de_progress progress;

    (void)state;
    de_progress_init(&progress, 2, ring, WINDOW, 20, 0);
    assert_true(de_progress_refused(&progress, 9, false));
    de_progress_sent(&progress, 18); /* 10 .. 18 */
    assert_true(de_progress_refused(&progress, 17, false));
    assert_int_equal(progress.next, 10);
    de_progress_sent(&progress, 18);
    de_progress_unreachable(&progress); /* nor does a connection that breaks */
    assert_int_equal(progress.next, 10);
    de_progress_acknowledged(&progress, 0);
    de_progress_sent(&progress, 18);
    assert_true(de_progress_refused(&progress, 6, false));
    assert_int_equal(progress.next, 7);
    de_progress_sent(&progress, 18);
    assert_true(de_progress_refused(&progress, 12, true)); /* this one knows */
    assert_int_equal(progress.next, 13);
}

/* What of a probe has been acknowledged does not go again. */
static void test_a_probe_that_arrived_in_part_goes_on_behind_that(void **state)
{
    uint64_t ring[WINDOW];
    struct de_progress progress;

    (void)state;
    de_progress_init(&progress, 2, ring, WINDOW, 20, 0);
    assert_true(de_progress_refused(&progress, 9, false));
    de_progress_sent(&progress, 18);
    de_progress_acknowledged(&progress, 13);
    assert_int_equal(progress.state, DE_PROGRESS_PROBE);
    assert_true(de_progress_refused(&progress, 17, false));
    assert_int_equal(progress.next, 14);
}

static void test_probe_sends_one_at_a_time(void **state)
{
    uint64_t ring[WINDOW];
    struct de_progress progress;

    (void)state;
    de_progress_init(&progress, 2, ring, WINDOW, 20, 0);
    de_progress_sent(&progress, 21);
    assert_false(de_progress_may_send(&progress));
    de_progress_acknowledged(&progress, 21);
    for (uint64_t i = 0; i < WINDOW; i++) {
        assert_true(de_progress_may_send(&progress));
        de_progress_sent(&progress, 22 + i);
    }
    assert_false(de_progress_may_send(&progress)); /* the window is full */
    de_progress_acknowledged(&progress, 22);
    assert_true(de_progress_may_send(&progress));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_progress_equals_the_model),
        cmocka_unit_test(test_refusal_never_moves_match),
        cmocka_unit_test(test_refused_probe_steps_below_match),
        cmocka_unit_test(test_a_refused_heartbeat_leads_a_probe_no_further_forward),
        cmocka_unit_test(test_a_probe_that_arrived_in_part_goes_on_behind_that),
        cmocka_unit_test(test_probe_sends_one_at_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
