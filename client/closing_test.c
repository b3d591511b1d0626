/* What may be closed at any time: from a callback, while another thread is still inside the call
 * that asked for the callback, and when the client is no more. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dengine/keeper.h>
#include <dengine/lock.h>
#include <dengine/session.h>

#include "client/client_ops.h"
#include "client/helper.h"

/* ---- a thread that is held up between two steps ---- */

static _Thread_local void (*meanwhile)(void);
static _Thread_local unsigned when; /* so many times it holds no mutex any more */
static _Thread_local unsigned held;

int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __real_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    const int err = __real_pthread_mutex_lock(mutex);

    held++;
    return err;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    const int err = __real_pthread_mutex_unlock(mutex);

    held--;
    if (held == 0 && when > 0 && --when == 0) {
        meanwhile();
    }
    return err;
}

/* ---- a client whose calls are answered when the test says so ---- */

static struct dengine_client client;
static struct de_client_call call; /* the one under way */
static atomic_uint under_way;      /* its type; 0: none is */
static atomic_uint closed;         /* how many were */

static void count_closed(void *context, struct dengine_reply *reply)
{
    (void)context;
    (void)reply;
    (void)atomic_fetch_add(&closed, 1);
}

static void ignore(void *context, struct dengine_reply *reply)
{
    (void)context;
    (void)reply;
}

static void wait_closed(unsigned count)
{
    while (atomic_load(&closed) < count) {
        (void)sched_yield();
    }
    assert_int_equal(atomic_load(&closed), count);
}

/* When this has been closed, whatever was due in the helper before has been run. */
static void let_helper_run(void)
{
    const unsigned before = atomic_load(&closed);
    struct dengine_lock *last;

    assert_int_equal(dengine_lock_open(&client, DENGINE_STR("last"), NULL, &last), 0);
    dengine_lock_close_async(last, count_closed, NULL);
    wait_closed(before + 1);
    atomic_store(&closed, before);
}

static int start(struct dengine_client *self, const struct de_client_call *wanted)
{
    struct dengine_reply done = {.succeeded = true};

    assert_ptr_equal(self, &client);
    if (wanted->type == DE_CLIENT_PUT) { /* answered before this returns */
        wanted->callback(wanted->context, &done);
        let_helper_run();
        assert_int_equal(atomic_load(&under_way), 0); /* the session's lease is not ended yet */
        return 0;
    }
    assert_int_equal(atomic_load(&under_way), 0);
    call = *wanted;
    atomic_store(&under_way, wanted->type);
    return 0;
}

static void answer(unsigned type, int status, uint64_t lease)
{
    struct dengine_reply reply = {.status = status, .succeeded = status == 0, .lease = lease};
    struct de_client_call asked;

    while (atomic_load(&under_way) != type) {
        (void)sched_yield();
    }
    asked = call;
    atomic_store(&under_way, 0);
    asked.callback(asked.context, &reply);
}

static const struct de_client_ops ops = {.start = start};

static int setup(void **state)
{
    (void)state;
    client = (struct dengine_client){.ops = &ops, .timeout_ms = 1000, .helper = de_helper_new()};
    atomic_store(&closed, 0);
    return client.helper != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    de_helper_part(client.helper);
    de_helper_end(client.helper);
    return 0;
}

/* ---- closed while the caller is still there ---- */

static void acquire_ends_and_lock_is_closed(void)
{
    answer(DE_CLIENT_LEASE_GRANT, DENGINE_E_TIMEOUT, 0);
    wait_closed(1);
}

static void a_lock_may_be_gone_before_the_call_that_closes_it_has_returned(void **state)
{
    struct dengine_lock *lock;

    (void)state;
    assert_int_equal(dengine_lock_open(&client, DENGINE_STR("l"), NULL, &lock), 0);
    assert_int_equal(dengine_lock_acquire_async(lock, 0, ignore, NULL), 0);
    while (atomic_load(&under_way) == 0) {
        (void)sched_yield();
    }
    meanwhile = acquire_ends_and_lock_is_closed;
    when = 2;
    dengine_lock_close_async(lock, count_closed, NULL);
    wait_closed(1);
}

/* As a canceled acquire whose callback closes its lock. */
static void close_the_lock(void *context, struct dengine_reply *reply)
{
    assert_int_equal(reply->status, DENGINE_E_CANCELED);
    dengine_lock_close_async(context, count_closed, NULL);
}

static void a_lock_may_be_gone_before_the_call_that_cancels_has_returned(void **state)
{
    struct dengine_lock *lock;

    (void)state;
    assert_int_equal(dengine_lock_open(&client, DENGINE_STR("l"), NULL, &lock), 0);
    assert_int_equal(dengine_lock_acquire_async(lock, 0, close_the_lock, lock), 0);
    while (atomic_load(&under_way) == 0) {
        (void)sched_yield();
    }
    meanwhile = acquire_ends_and_lock_is_closed;
    when = 1;
    dengine_lock_cancel(lock);
    wait_closed(1);
}

static void keeper_opened(void *context, int status, struct dengine_keeper *keeper)
{
    assert_int_equal(status, 0);
    atomic_store((_Atomic(struct dengine_keeper *) *)context, keeper);
}

static void renewal_ends_and_keeper_is_closed(void)
{
    answer(DE_CLIENT_LEASE_KEEP, 0, 7);
    answer(DE_CLIENT_LEASE_REVOKE, 0, 7);
    wait_closed(1);
}

static void a_keeper_may_be_gone_before_the_call_that_closes_it_has_returned(void **state)
{
    _Atomic(struct dengine_keeper *) keeper = NULL;

    (void)state;
    assert_int_equal(dengine_keeper_open_async(&client, DENGINE_KEEPER_TTL_MS_MIN, NULL, NULL,
                                               keeper_opened, &keeper),
                     0);
    answer(DE_CLIENT_LEASE_GRANT, 0, 7);
    while (atomic_load(&under_way) != DE_CLIENT_LEASE_KEEP) {
        (void)sched_yield();
    }
    meanwhile = renewal_ends_and_keeper_is_closed;
    when = 1;
    dengine_keeper_close_async(atomic_load(&keeper), count_closed, NULL);
    wait_closed(1);
}

static void session_opened(void *context, int status, struct dengine_session *opened)
{
    assert_int_equal(status, 0);
    atomic_store((_Atomic(struct dengine_session *) *)context, opened);
}

static void close_the_session(void *context, struct dengine_reply *reply)
{
    assert_int_equal(reply->status, 0);
    dengine_session_close_async(context, count_closed, NULL);
}

/* The answer comes, and the session is closed, while the caller is still below. */
static void a_session_stays_until_the_last_call_has_returned(void **state)
{
    _Atomic(struct dengine_session *) session = NULL;

    (void)state;
    assert_int_equal(
        dengine_session_open_async(&client, 600000, NULL, NULL, session_opened, &session), 0);
    answer(DE_CLIENT_LEASE_GRANT, 0, 7);
    while (atomic_load(&session) == NULL) {
        (void)sched_yield();
    }
    assert_int_equal(dengine_put_async(dengine_session_client(atomic_load(&session)),
                                       DENGINE_STR("k"), DENGINE_STR("v"), NULL, close_the_session,
                                       atomic_load(&session)),
                     0);
    answer(DE_CLIENT_LEASE_REVOKE, 0, 7);
    wait_closed(1);
}

/* ---- closed when the client is no more ---- */

static void close_another_and_wait(void *context, struct dengine_reply *reply)
{
    assert_int_equal(reply->status, 0);
    assert_int_equal(dengine_lock_close(context), DENGINE_E_INVALID);
    dengine_lock_close_async(context, count_closed, NULL);
}

static void no_callback_waits_not_even_without_a_client(void **state)
{
    struct dengine_lock *locks[2];

    (void)setup(state);
    assert_int_equal(dengine_lock_open(&client, DENGINE_STR("a"), NULL, &locks[0]), 0);
    assert_int_equal(dengine_lock_open(&client, DENGINE_STR("b"), NULL, &locks[1]), 0);
    (void)teardown(state);
    dengine_lock_close_async(locks[0], close_another_and_wait, locks[1]);
    assert_int_equal(atomic_load(&closed), 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_lock_may_be_gone_before_the_call_that_closes_it_has_returned),
        CASE(a_lock_may_be_gone_before_the_call_that_cancels_has_returned),
        CASE(a_keeper_may_be_gone_before_the_call_that_closes_it_has_returned),
        CASE(a_session_stays_until_the_last_call_has_returned),
        cmocka_unit_test(no_callback_waits_not_even_without_a_client),
    };

    return cmocka_run_group_tests_name("closing", tests, NULL, NULL);
}
