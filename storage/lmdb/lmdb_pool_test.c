/* The pool of read transactions: who gets a slot, who waits and who is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include "storage/lmdb/lmdb_pool.h"

#define SLOTS 5

static int setup(void **state)
{
    struct de_lmdb_pool *pool = malloc(sizeof *pool);

    assert_non_null(pool);
    assert_int_equal(de_lmdb_pool_init(pool, SLOTS), 0);
    *state = pool;
    return 0;
}

static int teardown(void **state)
{
    de_lmdb_pool_deinit(*state);
    free(*state);
    return 0;
}

static void a_slot_is_taken_once(void **state)
{
    struct de_lmdb_pool *pool = *state;
    struct de_lmdb_view *taken[SLOTS];

    for (size_t i = 0; i < SLOTS; i++) {
        taken[i] = de_lmdb_pool_take(pool);
        assert_non_null(taken[i]);
        for (size_t j = 0; j < i; j++) {
            assert_ptr_not_equal(taken[i], taken[j]);
        }
    }
    assert_null(de_lmdb_pool_take(pool));
    de_lmdb_pool_give(taken[3]);
    assert_ptr_equal(de_lmdb_pool_take(pool), taken[3]);
    for (size_t i = 0; i < SLOTS; i++) {
        de_lmdb_pool_give(taken[i]);
    }
}

static void a_pool_with_a_view_is_not_closed(void **state)
{
    struct de_lmdb_pool *pool = *state;
    struct de_lmdb_view *taken[SLOTS];

    taken[0] = de_lmdb_pool_take(pool);
    assert_false(de_lmdb_pool_close(pool, 0));
    assert_false(de_lmdb_pool_close(pool, 1000000));
    for (size_t i = 1; i < SLOTS; i++) { /* all the others are free again */
        taken[i] = de_lmdb_pool_take(pool);
        assert_non_null(taken[i]);
    }
    for (size_t i = 0; i < SLOTS; i++) {
        de_lmdb_pool_give(taken[i]);
    }
    assert_true(de_lmdb_pool_close(pool, 0));
    de_lmdb_pool_open(pool);
}

struct user {
    struct de_lmdb_pool *pool;
    atomic_bool stop;
    atomic_int inside; /* views that this test knows of */
    atomic_int turns;
    atomic_int refused;
};

static void *use(void *context)
{
    struct user *user = context;

    while (!atomic_load(&user->stop)) {
        struct de_lmdb_view *view = de_lmdb_pool_take(user->pool);

        if (view == NULL) {
            atomic_fetch_add(&user->refused, 1);
            continue;
        }
        atomic_fetch_add(&user->inside, 1);
        atomic_fetch_add(&user->turns, 1);
        atomic_fetch_sub(&user->inside, 1);
        de_lmdb_pool_give(view);
    }
    return NULL;
}

/* Fewer threads than slots: none is ever refused, whatever the applier does; and when it has closed
 * the pool nobody is inside. */
static void who_comes_while_it_is_closed_waits(void **state)
{
    struct user user = {.pool = *state};
    pthread_t threads[SLOTS - 1];

    for (size_t i = 0; i < SLOTS - 1; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, use, &user), 0);
    }
    for (int turn = 0; turn < 50; turn++) {
        const int before = atomic_load(&user.turns);

        if (de_lmdb_pool_close(user.pool, turn % 2 == 0 ? UINT64_MAX : 0)) {
            assert_int_equal(atomic_load(&user.inside), 0);
            de_lmdb_pool_open(user.pool);
        }
        (void)de_lmdb_pool_clear(user.pool, (const struct de_lmdb_file *)(const void *)&user);
        while (atomic_load(&user.turns) == before) { /* they go on */
            (void)sched_yield();
        }
    }
    atomic_store(&user.stop, true);
    for (size_t i = 0; i < SLOTS - 1; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&user.refused), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_slot_is_taken_once),
        TEST(a_pool_with_a_view_is_not_closed),
        TEST(who_comes_while_it_is_closed_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
