/* The end of a client, as its tasks see it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/client_ops.h"
#include "client/helper.h"
#include "client/monotonic.h"
#include "core/base/assert.h"

#define HOUR_NS (UINT64_C(3600) * 1000 * DE_NS_PER_MS)

struct recipe {
    struct de_task task;
    int runs_at_the_end;
    bool told;
};

/* As a recipe whose last answer comes when its client ends: it learns from that that it must wait,
 * and looks what has become of its client when it has waited. */
static void wait_first(struct de_task *task)
{
    struct recipe *recipe = DE_CONTAINER_OF(task, struct recipe, task);

    if (!de_task_orphaned(task)) {
        de_task_at(task, de_monotonic_ns() + HOUR_NS);
    } else if (recipe->runs_at_the_end++ == 0) {
        de_task_at(task, de_monotonic_ns() + HOUR_NS);
    } else {
        recipe->told = true;
        de_task_deinit(task);
    }
}

static void a_task_that_waits_in_its_last_run_is_run_again(void **state)
{
    struct recipe recipes[2] = {0};
    struct dengine_client client = {.helper = de_helper_new()};
    int i;

    (void)state;
    assert_non_null(client.helper);
    for (i = 0; i < 2; i++) {
        assert_int_equal(de_task_init(&recipes[i].task, &client, wait_first), 0);
    }
    de_task_poke(&recipes[0].task); /* this one has an alarm already */
    de_helper_part(client.helper);
    de_helper_end(client.helper);
    for (i = 0; i < 2; i++) {
        assert_true(recipes[i].told);
        assert_int_equal(recipes[i].runs_at_the_end, 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_that_waits_in_its_last_run_is_run_again),
    };

    return cmocka_run_group_tests_name("helper", tests, NULL, NULL);
}
