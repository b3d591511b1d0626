/* Tickets against a model that remembers for every entry which write carried it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/random.h"
#include "core/raft/tickets.h"

#define CASES   200000
#define LOG_MAX 64

struct model {
    uint64_t writer[LOG_MAX + 1]; /* of the entry at each index: the ticket it was written with */
    uint64_t last;
    uint64_t issued;
    uint64_t told;
};

static uint64_t model_durable(const struct model *model)
{
    uint64_t index = 0;

    while (index < model->last && model->writer[index + 1] <= model->told) {
        index++;
    }
    return index;
}

/* How many writes may be under way: beyond DE_TICKETS_MAX notes are shared. */
static void run(uint64_t seed, uint64_t under_way_max, bool exact)
{
    struct model model;
    struct de_tickets tickets;
    struct de_random random;

    de_random_init(&random, seed);
    memset(&model, 0, sizeof(model));
    de_tickets_init(&tickets, 0, 0, 0);
    for (int n = 0; n < CASES; n++) {
        if (de_random_below(&random, 3) == 0 || model.issued - model.told >= under_way_max) {
            /* a completion, perhaps an old one again */
            uint64_t ticket = model.issued - de_random_below(&random, model.issued / 2 + 1);
            ticket = model.issued - model.told >= under_way_max ? model.issued : ticket;
            assert_true(de_tickets_persisted(&tickets, ticket));
            model.told = ticket > model.told ? ticket : model.told;
        } else {
            if (de_random_below(&random, 4) == 0 || model.last + 4 > LOG_MAX) {
                uint64_t from = 1 + de_random_below(&random, model.last + 1);
                de_tickets_truncate(&tickets, from);
                model.last = from - 1;
            }
            uint64_t count = de_random_below(&random, 4);
            uint64_t ticket = de_tickets_issue(&tickets, model.last + count, model.issued, 7);
            assert_int_equal(ticket, ++model.issued);
            for (uint64_t i = 0; i < count; i++) {
                model.writer[++model.last] = ticket;
            }
        }
        if (exact) {
            assert_int_equal(tickets.durable_index, model_durable(&model));
            assert_int_equal(tickets.durable_term, model.told == 0 ? 0 : model.told - 1);
        } else {
            assert_true(tickets.durable_index <= model_durable(&model));
            assert_true(tickets.durable_term <= model.told);
        }
        if (model.told == model.issued) {
            assert_int_equal(tickets.durable_index, model.last);
        }
    }
}

static void test_durable_prefix_equals_the_model(void **state)
{
    (void)state;
    run(5, DE_TICKETS_MAX, true);
}

static void test_shared_notes_acknowledge_later_never_wrongly(void **state)
{
    (void)state;
    run(6, 3 * DE_TICKETS_MAX, false);
}

/* Zoo 29, rule R5. */
static void test_late_completion_of_a_truncated_write(void **state)
{
    struct de_tickets tickets;

    (void)state;
    de_tickets_init(&tickets, 3, 1, 0);
    uint64_t first = de_tickets_issue(&tickets, 6, 1, 0); /* writes 4, 5, 6 */
    de_tickets_truncate(&tickets, 5);
    uint64_t second = de_tickets_issue(&tickets, 6, 2, 0); /* writes 5, 6 anew */
    assert_true(de_tickets_persisted(&tickets, first));
    assert_int_equal(tickets.durable_index, 4);
    assert_true(de_tickets_persisted(&tickets, second));
    assert_int_equal(tickets.durable_index, 6);
}

static void test_vote_is_durable_with_its_ticket(void **state)
{
    struct de_tickets tickets;

    (void)state;
    de_tickets_init(&tickets, 0, 4, 0);
    uint64_t ticket = de_tickets_issue(&tickets, 0, 5, 2);
    assert_int_equal(tickets.durable_term, 4);
    assert_int_equal(tickets.durable_vote, 0);
    assert_false(de_tickets_persisted(&tickets, ticket + 1));
    assert_int_equal(tickets.durable_term, 4);
    assert_true(de_tickets_persisted(&tickets, ticket));
    assert_int_equal(tickets.durable_term, 5);
    assert_int_equal(tickets.durable_vote, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durable_prefix_equals_the_model),
        cmocka_unit_test(test_shared_notes_acknowledge_later_never_wrongly),
        cmocka_unit_test(test_late_completion_of_a_truncated_write),
        cmocka_unit_test(test_vote_is_durable_with_its_ticket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
