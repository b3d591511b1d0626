/* The heap of alarms against a plain list of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "client/alarms.h"
#include "core/base/random.h"

#define ALARMS 60
#define STEPS  200000

static void an_earliest_alarm_is_as_in_a_plain_list(void **state)
{
    static struct de_alarm all[ALARMS];
    struct de_alarms alarms = {0};
    struct de_random random;
    int step;
    int i;

    (void)state;
    de_random_init(&random, 7);
    for (step = 0; step < STEPS; step++) {
        struct de_alarm *alarm = &all[de_random_below(&random, ALARMS)];
        const struct de_alarm *least = NULL;

        /* Phases of growing and of shrinking, so that heaps of all shapes come about. */
        if (de_random_below(&random, 4) <= (uint64_t)(step / 1000 % 3)) {
            de_alarms_set(&alarms, alarm, de_random_below(&random, 50));
        } else {
            de_alarms_clear(&alarms, de_random_below(&random, 2) == 0 && alarms.earliest != NULL
                                         ? alarms.earliest
                                         : alarm);
        }
        for (i = 0; i < ALARMS; i++) {
            if (all[i].set && (least == NULL || all[i].at_ns < least->at_ns)) {
                least = &all[i];
            }
        }
        assert_int_equal(alarms.earliest == NULL, least == NULL);
        if (least != NULL) {
            assert_true(alarms.earliest->set);
            assert_int_equal(alarms.earliest->at_ns, least->at_ns);
        }
    }
}

static void alarms_leave_in_the_order_of_their_times(void **state)
{
    static struct de_alarm all[ALARMS];
    struct de_alarms alarms = {0};
    uint64_t last_ns = 0;
    int count = 0;
    int i;

    (void)state;
    for (i = 0; i < ALARMS; i++) {
        de_alarms_set(&alarms, &all[i], (uint64_t)(i * 37 % ALARMS));
        de_alarms_set(&alarms, &all[i], (uint64_t)(i * 41 % ALARMS)); /* another time */
    }
    while (alarms.earliest != NULL) {
        assert_true(alarms.earliest->at_ns >= last_ns);
        last_ns = alarms.earliest->at_ns;
        de_alarms_clear(&alarms, alarms.earliest);
        count++;
    }
    assert_int_equal(count, ALARMS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_earliest_alarm_is_as_in_a_plain_list),
        cmocka_unit_test(alarms_leave_in_the_order_of_their_times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
