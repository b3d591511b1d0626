/* The calls that end in _async of what is made of several calls: locks, elections, keepers,
 * sessions, observers. Every case runs on an engine in the process and on a client of a server, and
 * all of them count: a callback is called exactly once, however the call ends. */
#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <dengine/election.h>
#include <dengine/lock.h>
#include <dengine/session.h>

#include "engine/engine_test_support.h"
#include "tests/processes/process.h"
#include "tests/server/one_server.h"

#define PATIENCE_MS 20000
#define DIRECTORY   "twins_test.data"

/* ---- the two kinds of client ---- */

struct fixture {
    bool remote;
    struct dengine *engine;
    struct de_process *server;
    struct dengine_client *client; /* NULL: it has ended */
};

static void begin(struct fixture *f)
{
    char endpoint[64];

    if (!f->remote) {
        f->engine = de_test_open_new(DIRECTORY);
        f->client = dengine_client_of(f->engine);
        return;
    }
    f->server = de_one_server_start(DIRECTORY, endpoint);
    assert_int_equal(dengine_connect(endpoint, NULL, &f->client), 0);
}

/* After this every callback has been called. */
static void end_client(struct fixture *f)
{
    if (f->client == NULL) {
        return;
    }
    if (f->remote) {
        dengine_disconnect(f->client);
    } else {
        assert_int_equal(dengine_close(f->engine), 0);
    }
    f->client = NULL;
}

static void end(struct fixture *f)
{
    end_client(f);
    if (f->remote) {
        de_one_server_stop(f->server, DIRECTORY);
    } else {
        de_test_remove_tree(DIRECTORY);
    }
}

/* ---- callbacks ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int order; /* of all calls of all tallies */

/* What one callback was told. */
struct tally {
    int calls;
    int at; /* the how manieth call it was */
    int status;
    uint64_t revision;
    struct dengine_keeper *keeper;
    struct dengine_session *session;
    struct dengine_leader_info info;
    struct dengine_cluster_status cluster;
    char text[200];
};

static void note(struct tally *tally, int status)
{
    (void)pthread_mutex_lock(&mutex);
    tally->calls++;
    tally->at = ++order;
    tally->status = status;
    (void)snprintf(tally->text, sizeof tally->text, "%s", dengine_last_error(NULL));
    (void)pthread_cond_broadcast(&changed);
    (void)pthread_mutex_unlock(&mutex);
}

static void tell(void *context, struct dengine_reply *reply)
{
    struct tally *tally = context;

    tally->revision = reply->revision;
    if (reply->cluster != NULL) {
        tally->cluster = *reply->cluster;
    }
    note(tally, reply->status);
}

static void tell_keeper(void *context, int status, struct dengine_keeper *keeper)
{
    ((struct tally *)context)->keeper = keeper;
    note(context, status);
}

static void tell_session(void *context, int status, struct dengine_session *session)
{
    ((struct tally *)context)->session = session;
    note(context, status);
}

static void tell_leader(void *context, int status, struct dengine_leader_info *info)
{
    ((struct tally *)context)->info = *info;
    note(context, status);
}

static void tell_lost(void *context)
{
    note(context, 0);
}

/* Waits until the callback has been called; once, with this status. */
static void expect(struct tally *tally, int status)
{
    struct timespec until;
    int err = 0;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_MS / 1000;
    (void)pthread_mutex_lock(&mutex);
    while (tally->calls == 0 && err == 0) {
        err = pthread_cond_timedwait(&changed, &mutex, &until);
    }
    (void)pthread_mutex_unlock(&mutex);
    assert_int_equal(tally->calls, 1);
    assert_int_equal(tally->status, status);
}

static struct dengine_lock *open_lock(struct fixture *f, const char *name, struct tally *lost)
{
    const struct dengine_lock_options options = {.lost = lost != NULL ? tell_lost : NULL,
                                                 .context = lost};
    struct dengine_lock *lock;

    assert_int_equal(dengine_lock_open(f->client, dengine_str(name), &options, &lock), 0);
    return lock;
}

static struct dengine_lock *hold(struct fixture *f, const char *name, struct tally *lost)
{
    struct dengine_lock *lock = open_lock(f, name, lost);

    assert_int_equal(dengine_lock_acquire(lock, PATIENCE_MS), 0);
    return lock;
}

/* Waits until so many stand in the queue. */
static void wait_for_queue(struct fixture *f, const char *from, const char *last, uint64_t length)
{
    const struct dengine_scan scan = {
        .from = dengine_str(from), .end = dengine_str(last), .count_only = true};
    uint64_t total = UINT64_MAX;

    while (total != length) {
        struct dengine_page page;

        assert_int_equal(dengine_scan(f->client, &scan, NULL, &page), 0);
        total = page.total;
        dengine_page_free(&page);
    }
}

/* ---- locks ---- */

static void a_lock_is_taken_given_back_and_closed(struct fixture *f)
{
    struct dengine_lock *lock = open_lock(f, "l", NULL);
    struct tally acquired = {0};
    struct tally again = {0};
    struct tally released = {0};
    struct tally closed = {0};

    assert_int_equal(dengine_lock_acquire_async(lock, 0, NULL, NULL), DENGINE_E_INVALID);
    assert_int_equal(dengine_lock_acquire_async(lock, 0, tell, &acquired), 0);
    expect(&acquired, 0);
    assert_true(acquired.revision > 0);
    assert_int_equal(acquired.revision, dengine_lock_token(lock));
    assert_true(dengine_lock_held(lock));
    assert_int_equal(dengine_lock_acquire_async(lock, 0, tell, &again), 0);
    expect(&again, DENGINE_E_INVALID);
    assert_non_null(strstr(again.text, "held already"));
    assert_int_equal(dengine_lock_release_async(lock, tell, &released), 0);
    expect(&released, 0);
    assert_false(dengine_lock_held(lock));
    dengine_lock_close_async(lock, tell, &closed);
    expect(&closed, 0);
    wait_for_queue(f, "l/", "l0", 0);
}

static void who_waits_gets_it_or_runs_out_of_time(struct fixture *f)
{
    struct dengine_lock *holder = hold(f, "l", NULL);
    struct dengine_lock *impatient = open_lock(f, "l", NULL);
    struct dengine_lock *patient = open_lock(f, "l", NULL);
    struct tally timeout = {0};
    struct tally acquired = {0};

    assert_int_equal(dengine_lock_acquire_async(patient, PATIENCE_MS, tell, &acquired), 0);
    wait_for_queue(f, "l/", "l0", 2);
    assert_int_equal(dengine_lock_acquire_async(impatient, 50, tell, &timeout), 0);
    expect(&timeout, DENGINE_E_TIMEOUT);
    wait_for_queue(f, "l/", "l0", 2);
    assert_int_equal(acquired.calls, 0);
    assert_int_equal(dengine_lock_release(holder), 0);
    expect(&acquired, 0);
    assert_true(dengine_lock_held(patient));
    assert_int_equal(dengine_lock_close(holder), 0);
    assert_int_equal(dengine_lock_close(patient), 0);
    assert_int_equal(dengine_lock_close(impatient), 0);
}

static void cancel_release_and_close_end_the_waiting(struct fixture *f)
{
    struct dengine_lock *holder = hold(f, "l", NULL);
    struct dengine_lock *lock = open_lock(f, "l", NULL);
    struct tally canceled = {0};
    struct tally withdrawn = {0};
    struct tally released = {0};
    struct tally cut_off = {0};
    struct tally closed = {0};

    assert_int_equal(dengine_lock_acquire_async(lock, PATIENCE_MS, tell, &canceled), 0);
    wait_for_queue(f, "l/", "l0", 2);
    dengine_lock_cancel(lock);
    expect(&canceled, DENGINE_E_CANCELED);

    assert_int_equal(dengine_lock_acquire_async(lock, PATIENCE_MS, tell, &withdrawn), 0);
    wait_for_queue(f, "l/", "l0", 2);
    assert_int_equal(dengine_lock_release_async(lock, tell, &released), 0);
    expect(&withdrawn, DENGINE_E_CANCELED);
    expect(&released, 0);
    assert_true(withdrawn.at < released.at);
    wait_for_queue(f, "l/", "l0", 1);

    assert_int_equal(dengine_lock_acquire_async(lock, PATIENCE_MS, tell, &cut_off), 0);
    wait_for_queue(f, "l/", "l0", 2);
    dengine_lock_close_async(lock, tell, &closed);
    expect(&cut_off, DENGINE_E_CANCELED);
    expect(&closed, 0);
    assert_true(cut_off.at < closed.at);
    wait_for_queue(f, "l/", "l0", 1);
    assert_int_equal(dengine_lock_close(holder), 0);
}

/* A release that follows an acquire at once cancels it, whatever it was about to do; and does not
 * touch the next one. */
static void what_is_asked_for_is_done_in_order(struct fixture *f)
{
    struct dengine_lock *lock = open_lock(f, "l", NULL);
    struct tally acquired[20] = {{0}};
    struct tally released[20] = {{0}};
    struct tally last = {0};
    int i;

    for (i = 0; i < 20; i++) {
        assert_int_equal(dengine_lock_acquire_async(lock, 0, tell, &acquired[i]), 0);
        assert_int_equal(dengine_lock_release_async(lock, tell, &released[i]), 0);
    }
    assert_int_equal(dengine_lock_acquire_async(lock, 0, tell, &last), 0);
    expect(&last, 0);
    for (i = 0; i < 20; i++) {
        expect(&released[i], 0);
        assert_int_equal(acquired[i].calls, 1);
        assert_true(acquired[i].status == 0 || acquired[i].status == DENGINE_E_CANCELED);
        assert_true(acquired[i].at < released[i].at);
        assert_true(i == 0 || released[i - 1].at < acquired[i].at);
    }
    assert_int_equal(dengine_lock_close(lock), 0);
}

/* Each callback goes on with the next call; the blocking forms refuse to wait in it. */
struct chain {
    struct dengine_lock *lock;
    struct dengine_client *client;
    struct tally closed;
    int blocking[4];
};

static void chain_released(void *context, struct dengine_reply *reply)
{
    struct chain *chain = context;

    assert_int_equal(reply->status, 0);
    dengine_lock_close_async(chain->lock, tell, &chain->closed);
}

static void chain_acquired(void *context, struct dengine_reply *reply)
{
    struct dengine_leader_info info = {0};
    struct dengine_keeper *keeper;
    struct chain *chain = context;

    assert_int_equal(reply->status, 0);
    chain->blocking[0] = dengine_lock_release(chain->lock);
    chain->blocking[1] = dengine_lock_close(chain->lock);
    chain->blocking[2] = dengine_keeper_open(chain->client, 10000, NULL, NULL, &keeper);
    chain->blocking[3] = dengine_election_observe(chain->client, DENGINE_STR("l"), 1000, &info);
    assert_int_equal(dengine_lock_release_async(chain->lock, chain_released, chain), 0);
}

static void a_callback_goes_on_with_the_next_call(struct fixture *f)
{
    struct chain chain = {.client = f->client, .lock = open_lock(f, "l", NULL)};
    int i;

    assert_int_equal(dengine_lock_acquire_async(chain.lock, 0, chain_acquired, &chain), 0);
    expect(&chain.closed, 0);
    for (i = 0; i < 4; i++) {
        assert_int_equal(chain.blocking[i], DENGINE_E_INVALID);
    }
}

/* In the callback of a call that asks once, which comes from another thread. */
static void block(void *context, struct dengine_reply *reply)
{
    struct chain *chain = context;
    struct dengine_session *session;
    struct dengine_value value;

    assert_int_equal(reply->status, 0);
    dengine_value_free(&reply->value);
    dengine_page_free(&reply->page);
    chain->blocking[0] = dengine_lock_acquire(chain->lock, 100);
    chain->blocking[1] =
        dengine_get(chain->client, DENGINE_STR("k"), DENGINE_LINEARIZABLE, NULL, &value);
    chain->blocking[2] = dengine_session_open(chain->client, 10000, NULL, NULL, &session);
    chain->blocking[3] = dengine_put(chain->client, DENGINE_STR("k"), DENGINE_STR("2"), NULL);
    tell(&chain->closed, reply);
}

static void expect_refusals(struct chain *chain)
{
    int i;

    expect(&chain->closed, 0);
    assert_non_null(strstr(chain->closed.text, "_async"));
    for (i = 0; i < 4; i++) {
        assert_int_equal(chain->blocking[i], DENGINE_E_INVALID);
    }
    chain->closed.calls = 0;
}

static void a_callback_of_a_single_call_does_not_wait_either(struct fixture *f)
{
    const struct dengine_scan all = {.consistency = DENGINE_LINEARIZABLE};
    struct chain chain = {.client = f->client, .lock = open_lock(f, "l", NULL)};

    assert_int_equal(dengine_put_async(f->client, DENGINE_STR("k"), DENGINE_STR("1"), NULL, block,
                                       &chain),
                     0);
    expect_refusals(&chain);
    assert_int_equal(dengine_get_async(f->client, DENGINE_STR("k"), DENGINE_LINEARIZABLE, NULL,
                                       block, &chain),
                     0);
    expect_refusals(&chain);
    assert_int_equal(dengine_scan_async(f->client, &all, NULL, block, &chain), 0);
    expect_refusals(&chain);
    assert_int_equal(dengine_lock_acquire(chain.lock, 0), 0);
    assert_int_equal(dengine_lock_close(chain.lock), 0);
}

static int threads_of_this_process(void)
{
    DIR *directory = opendir("/proc/self/task");
    int count = 0;

    assert_non_null(directory);
    while (readdir(directory) != NULL) {
        count++;
    }
    (void)closedir(directory);
    return count;
}

static void any_number_of_locks_share_one_thread(struct fixture *f)
{
    struct dengine_lock *first = hold(f, "first", NULL);
    const int before = threads_of_this_process();
    struct dengine_lock *locks[100];
    struct tally acquired[100] = {{0}};
    struct tally closed[100] = {{0}};
    char name[16];
    int i;

    for (i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof name, "n%d", i);
        locks[i] = open_lock(f, name, NULL);
        assert_int_equal(dengine_lock_acquire_async(locks[i], PATIENCE_MS, tell, &acquired[i]), 0);
    }
    for (i = 0; i < 100; i++) {
        expect(&acquired[i], 0);
    }
    /* gRPC has as many as it likes. */
    assert_true(f->remote || threads_of_this_process() == before);
    for (i = 0; i < 100; i++) {
        dengine_lock_close_async(locks[i], tell, &closed[i]);
    }
    for (i = 0; i < 100; i++) {
        expect(&closed[i], 0);
    }
    assert_int_equal(dengine_lock_close(first), 0);
}

/* ---- elections ---- */

static void a_leader_is_elected_and_observed(struct fixture *f)
{
    struct dengine_election *election;
    struct dengine_election *next;
    struct tally nobody = {0};
    struct tally seen = {0};
    struct tally campaigned = {0};
    struct tally proclaimed = {0};
    struct tally too_early = {0};
    struct tally waiting = {0};
    struct tally resigned = {0};
    struct tally closed = {0};

    assert_int_equal(dengine_election_open(f->client, DENGINE_STR("e"), NULL, &election), 0);
    assert_int_equal(dengine_election_open(f->client, DENGINE_STR("e"), NULL, &next), 0);
    assert_int_equal(
        dengine_election_observe_async(f->client, DENGINE_STR("e"), 50, NULL, tell_leader, &nobody),
        0);
    expect(&nobody, DENGINE_E_TIMEOUT);
    assert_int_equal(dengine_election_observe_async(f->client, DENGINE_STR("e"), PATIENCE_MS, NULL,
                                                    tell_leader, &seen),
                     0);
    assert_int_equal(dengine_election_proclaim_async(election, DENGINE_STR("?"), tell, &too_early),
                     0);
    expect(&too_early, DENGINE_E_NO_LEASE);
    assert_int_equal(
        dengine_election_campaign_async(election, DENGINE_STR("a"), 0, tell, &campaigned), 0);
    expect(&campaigned, 0);
    expect(&seen, 0);
    assert_int_equal(seen.info.revision, campaigned.revision);
    assert_memory_equal(seen.info.value.data, "a", 1);
    assert_int_equal(dengine_election_proclaim_async(election, DENGINE_STR("b"), tell, &proclaimed),
                     0);
    expect(&proclaimed, 0);
    assert_int_equal(dengine_election_observe(f->client, DENGINE_STR("e"), 0, &seen.info), 0);
    assert_memory_equal(seen.info.value.data, "b", 1);
    dengine_leader_info_free(&seen.info);

    assert_int_equal(
        dengine_election_campaign_async(next, DENGINE_STR("c"), PATIENCE_MS, tell, &waiting), 0);
    wait_for_queue(f, "e/", "e0", 2);
    assert_int_equal(waiting.calls, 0);
    assert_int_equal(dengine_election_resign_async(election, tell, &resigned), 0);
    expect(&resigned, 0);
    expect(&waiting, 0);
    assert_true(dengine_election_leading(next));
    dengine_election_close_async(next, tell, &closed);
    expect(&closed, 0);
    assert_int_equal(dengine_election_close(election), 0);
}

/* ---- the others ---- */

static void keepers_and_sessions_open_and_close(struct fixture *f)
{
    struct dengine_put_options with = {0};
    struct dengine_value value;
    struct tally opened = {0};
    struct tally refused = {0};
    struct tally session = {0};
    struct tally put = {0};
    struct tally closed[2] = {{0}};

    assert_int_equal(dengine_keeper_open_async(f->client, 1, NULL, NULL, tell_keeper, &refused),
                     DENGINE_E_INVALID);
    assert_int_equal(dengine_keeper_open_async(f->client, 10000, NULL, NULL, tell_keeper, &opened),
                     0);
    expect(&opened, 0);
    assert_true(dengine_keeper_left_ms(opened.keeper) > 0);
    with.lease = dengine_keeper_lease(opened.keeper);
    assert_int_equal(
        dengine_put_with(f->client, DENGINE_STR("k"), DENGINE_STR("v"), &with, NULL, NULL), 0);
    dengine_keeper_close_async(opened.keeper, tell, &closed[0]);
    expect(&closed[0], 0);
    assert_int_equal(dengine_get(f->client, DENGINE_STR("k"), DENGINE_LINEARIZABLE, NULL, &value),
                     DENGINE_E_NOT_FOUND);

    assert_int_equal(
        dengine_session_open_async(f->client, 10000, NULL, NULL, tell_session, &session), 0);
    expect(&session, 0);
    assert_int_equal(dengine_put_async(dengine_session_client(session.session), DENGINE_STR("s"),
                                       DENGINE_STR("v"), NULL, tell, &put),
                     0);
    expect(&put, 0);
    dengine_session_close_async(session.session, tell, &closed[1]);
    expect(&closed[1], 0);
    assert_int_equal(refused.calls, 0);
}

static void who_is_in_the_cluster_is_told(struct fixture *f)
{
    struct dengine_cluster_status now;
    struct tally status = {0};

    assert_int_equal(dengine_cluster_status_async(f->client, NULL, NULL, NULL), DENGINE_E_INVALID);
    assert_int_equal(dengine_cluster_status_async(f->client, NULL, tell, &status), 0);
    expect(&status, 0);
    assert_int_equal(dengine_cluster_status(f->client, NULL, &now), 0);
    assert_int_equal(status.cluster.member_count, 1);
    assert_int_equal(status.cluster.cluster_id, now.cluster_id);
    assert_int_equal(status.cluster.members[0].id, now.members[0].id);
}

/* ---- the end of a client ---- */

static void a_client_that_ends_takes_everything_with_it(struct fixture *f)
{
    struct tally lost = {0};
    struct dengine_lock *holder = hold(f, "l", &lost);
    struct dengine_lock *waiter = open_lock(f, "l", NULL);
    struct dengine_lock *idle = open_lock(f, "idle", NULL);
    struct tally waiting = {0};
    struct tally observing = {0};
    struct tally keeper = {0};
    struct tally session = {0};
    struct tally closed = {0};
    struct tally late = {0};

    assert_int_equal(
        dengine_session_open_async(f->client, 60000, NULL, NULL, tell_session, &session), 0);
    expect(&session, 0);
    assert_int_equal(dengine_lock_acquire_async(waiter, PATIENCE_MS, tell, &waiting), 0);
    wait_for_queue(f, "l/", "l0", 2);
    assert_int_equal(dengine_election_observe_async(f->client, DENGINE_STR("nobody"), PATIENCE_MS,
                                                    NULL, tell_leader, &observing),
                     0);
    assert_int_equal(dengine_keeper_open_async(f->client, 60000, NULL, NULL, tell_keeper, &keeper),
                     0);
    end_client(f);
    assert_int_equal(waiting.calls, 1);
    assert_int_equal(waiting.status, DENGINE_E_SHUTDOWN);
    assert_int_equal(observing.calls, 1);
    assert_int_equal(observing.status, DENGINE_E_SHUTDOWN);
    assert_int_equal(lost.calls, 1);
    assert_int_equal(keeper.calls, 1); /* it may have been granted just before */

    /* What is left can be closed, and only that. */
    assert_false(dengine_lock_held(holder));
    assert_int_equal(dengine_lock_acquire(idle, 0), DENGINE_E_SHUTDOWN);
    assert_int_equal(dengine_lock_acquire_async(idle, 0, tell, &late), 0);
    expect(&late, DENGINE_E_SHUTDOWN);
    assert_int_equal(dengine_lock_close(holder), DENGINE_E_SHUTDOWN);
    dengine_lock_close_async(waiter, tell, &closed);
    expect(&closed, 0);
    assert_int_equal(dengine_lock_close(idle), 0);
    assert_int_equal(dengine_session_close(session.session), DENGINE_E_SHUTDOWN);
    if (keeper.status == 0) {
        assert_int_equal(dengine_keeper_close(keeper.keeper), DENGINE_E_SHUTDOWN);
    }
}

/* The server dies while somebody waits in the queue: no answer, and the time runs out. */
static void a_server_that_dies_leaves_the_waiting_to_their_deadlines(struct fixture *f)
{
    struct dengine_lock *holder = hold(f, "l", NULL);
    struct dengine_lock *waiter = open_lock(f, "l", NULL);
    struct tally waiting = {0};

    if (!f->remote) {
        assert_int_equal(dengine_lock_close(waiter), 0);
        assert_int_equal(dengine_lock_close(holder), 0);
        return;
    }
    assert_int_equal(dengine_lock_acquire_async(waiter, 1000, tell, &waiting), 0);
    wait_for_queue(f, "l/", "l0", 2);
    de_process_signal(f->server, SIGSTOP);
    expect(&waiting, DENGINE_E_TIMEOUT);
    de_process_signal(f->server, SIGCONT);
    assert_int_equal(dengine_lock_close(waiter), 0);
    assert_int_equal(dengine_lock_close(holder), 0);
}

static void on_both_kinds(void (*run)(struct fixture *f))
{
    struct fixture embedded = {.remote = false};
    struct fixture remote = {.remote = true};

    begin(&embedded);
    run(&embedded);
    end(&embedded);
    begin(&remote);
    run(&remote);
    end(&remote);
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        on_both_kinds(name);                                                                       \
    }

CASE(a_lock_is_taken_given_back_and_closed)
CASE(who_waits_gets_it_or_runs_out_of_time)
CASE(cancel_release_and_close_end_the_waiting)
CASE(what_is_asked_for_is_done_in_order)
CASE(a_callback_goes_on_with_the_next_call)
CASE(a_callback_of_a_single_call_does_not_wait_either)
CASE(any_number_of_locks_share_one_thread)
CASE(a_leader_is_elected_and_observed)
CASE(keepers_and_sessions_open_and_close)
CASE(who_is_in_the_cluster_is_told)
CASE(a_client_that_ends_takes_everything_with_it)
CASE(a_server_that_dies_leaves_the_waiting_to_their_deadlines)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_lock_is_taken_given_back_and_closed),
        cmocka_unit_test(test_who_waits_gets_it_or_runs_out_of_time),
        cmocka_unit_test(test_cancel_release_and_close_end_the_waiting),
        cmocka_unit_test(test_what_is_asked_for_is_done_in_order),
        cmocka_unit_test(test_a_callback_goes_on_with_the_next_call),
        cmocka_unit_test(test_a_callback_of_a_single_call_does_not_wait_either),
        cmocka_unit_test(test_any_number_of_locks_share_one_thread),
        cmocka_unit_test(test_a_leader_is_elected_and_observed),
        cmocka_unit_test(test_keepers_and_sessions_open_and_close),
        cmocka_unit_test(test_who_is_in_the_cluster_is_told),
        cmocka_unit_test(test_a_client_that_ends_takes_everything_with_it),
        cmocka_unit_test(test_a_server_that_dies_leaves_the_waiting_to_their_deadlines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
