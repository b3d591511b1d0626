/* Locks and elections on an embedded engine: who comes first, what ends with a lease, what a holder
 * of yesterday can still do. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dengine/election.h>
#include <dengine/keeper.h>
#include <dengine/lock.h>
#include <dengine/watch.h>

#include "client/client_ops.h"
#include "core/base/assert.h"
#include "engine/engine_test_support.h"

#define DIRECTORY   "lock.data"
#define PATIENCE_MS 20000
/* Of leases that somebody ends while they would live on: whoever has them is to notice soon, with
 * the next renewal, and no machine, however loaded, stalls for so long. */
#define LEASE_MS 6000
/* Of one that nobody renews and that is to end by itself. */
#define BRIEF_MS 3000

static struct dengine *engine;
static struct dengine_client *client;

static int setup(void **state)
{
    (void)state;
    engine = de_test_open_new(DIRECTORY);
    client = dengine_client_of(engine);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    de_test_close_and_remove(engine, DIRECTORY);
    return 0;
}

static struct dengine_lock *open_lock(uint32_t lease_ms)
{
    const struct dengine_lock_options options = {.lease_ms = lease_ms};
    struct dengine_lock *lock;

    assert_int_equal(dengine_lock_open(client, DENGINE_STR("l"), &options, &lock), 0);
    return lock;
}

/* The keys of the queue of "l". */
static uint64_t queue_length(void)
{
    const struct dengine_scan scan = {
        .from = DENGINE_STR("l/"), .end = DENGINE_STR("l0"), .count_only = true};
    struct dengine_page page;
    uint64_t total;

    assert_int_equal(dengine_scan(client, &scan, NULL, &page), 0);
    total = page.total;
    dengine_page_free(&page);
    return total;
}

static void wait_for_queue(uint64_t length)
{
    while (queue_length() != length) {
        (void)sched_yield();
    }
}

/* Ends the lease of the first of "l", as if its holder had not been heard of. */
static void end_lease_of_first(void)
{
    struct dengine_leader_info info = {0};

    if (dengine_election_observe(client, DENGINE_STR("l"), 0, &info) == 0 && info.revision != 0) {
        assert_int_not_equal(info.lease, 0);
        (void)dengine_lease_revoke(client, info.lease, NULL);
    }
    dengine_leader_info_free(&info);
}

/* Puts key under the guard of lock; the revision, or 0 when the lock was not held. */
static uint64_t put_fenced(struct dengine_lock *lock, const char *key, const char *value)
{
    const struct dengine_compare guard = dengine_lock_guard(lock);
    const struct dengine_op put = {
        .type = DENGINE_OP_PUT, .key = dengine_str(key), .value = dengine_str(value)};
    const struct dengine_txn txn = {&guard, 1, &put, 1, NULL, 0};
    struct dengine_txn_result result;
    uint64_t revision;

    assert_int_equal(dengine_txn(client, &txn, NULL, &result), 0);
    revision = result.succeeded ? result.revision : 0;
    dengine_txn_result_free(&result);
    return revision;
}

static bool guarded_put(struct dengine_lock *lock, const char *key, const char *value)
{
    return put_fenced(lock, key, value) != 0;
}

/* ---- one after the other ---- */

static void a_lock_has_one_holder_and_its_tokens_grow(void **state)
{
    struct dengine_lock *a = open_lock(0);
    struct dengine_lock *b = open_lock(0);
    uint64_t token;

    (void)state;
    assert_int_equal(dengine_lock_token(a), 0);
    assert_int_equal(dengine_lock_acquire(a, 0), 0);
    token = dengine_lock_token(a);
    assert_true(token > 0);
    assert_true(dengine_lock_held(a));
    assert_true(guarded_put(a, "k", "1"));
    assert_int_equal(dengine_lock_acquire(a, 0), DENGINE_E_INVALID);
    assert_int_equal(dengine_lock_acquire(b, 0), DENGINE_E_TIMEOUT);
    assert_int_equal(queue_length(), 1); /* who has given up is not in the queue */
    assert_false(dengine_lock_held(b));
    assert_false(guarded_put(b, "k", "2"));

    assert_int_equal(dengine_lock_release(a), 0);
    assert_false(guarded_put(a, "k", "2"));
    assert_int_equal(dengine_lock_acquire(b, 0), 0);
    assert_true(dengine_lock_token(b) > token);
    assert_int_equal(dengine_lock_close(b), 0); /* releases it */
    assert_int_equal(queue_length(), 0);
    assert_int_equal(dengine_lock_acquire(a, 0), 0);
    assert_int_equal(dengine_lock_close(a), 0);
}

static void names_are_checked_and_do_not_meet(void **state)
{
    static const char digits[] = "l/0123456789abcdef";
    struct dengine_lock *lock = open_lock(0);
    struct dengine_lock *other;
    char name[DENGINE_LOCK_NAME_MAX + 2];
    const struct dengine_lock_options brief = {.lease_ms = DENGINE_KEEPER_TTL_MS_MIN - 1};

    (void)state;
    memset(name, 'n', sizeof name);
    assert_int_equal(dengine_lock_open(client, DENGINE_STR(""), NULL, &other), DENGINE_E_INVALID);
    assert_int_equal(dengine_lock_open(client, DENGINE_STR("n"), &brief, &other),
                     DENGINE_E_INVALID);
    assert_int_equal(
        dengine_lock_open(client, dengine_bytes(name, DENGINE_LOCK_NAME_MAX + 1), NULL, &other),
        DENGINE_E_TOO_LARGE);
    assert_null(other);
    assert_int_equal(
        dengine_lock_open(client, dengine_bytes(name, DENGINE_LOCK_NAME_MAX), NULL, &other), 0);
    assert_int_equal(dengine_lock_acquire(other, 0), 0);
    assert_int_equal(dengine_lock_close(other), 0);

    /* The keys of this lock begin with those of the other. */
    assert_int_equal(dengine_lock_open(client, DENGINE_STR(digits), NULL, &other), 0);
    assert_int_equal(dengine_lock_acquire(other, 0), 0);
    assert_int_equal(dengine_lock_acquire(lock, 0), 0);
    assert_int_equal(dengine_lock_close(other), 0);
    assert_int_equal(dengine_lock_close(lock), 0);
}

/* ---- the queue ---- */

#define WAITERS 6

static atomic_int arrivals;

struct waiter {
    pthread_t thread;
    struct dengine_lock *lock;
    uint32_t timeout_ms;
    int result;
    int arrival; /* the how manieth it was that got the lock */
    uint64_t token;
};

static void *wait_in_queue(void *context)
{
    struct waiter *waiter = context;

    waiter->result = dengine_lock_acquire(waiter->lock, waiter->timeout_ms);
    if (waiter->result == 0) {
        waiter->arrival = atomic_fetch_add(&arrivals, 1);
        waiter->token = dengine_lock_token(waiter->lock);
        (void)dengine_lock_release(waiter->lock);
    }
    return NULL;
}

static void start(struct waiter *waiter, uint32_t lease_ms, uint32_t timeout_ms)
{
    waiter->lock = open_lock(lease_ms);
    waiter->timeout_ms = timeout_ms;
    assert_int_equal(pthread_create(&waiter->thread, NULL, wait_in_queue, waiter), 0);
}

static void finish(struct waiter *waiter)
{
    assert_int_equal(pthread_join(waiter->thread, NULL), 0);
    assert_int_equal(dengine_lock_close(waiter->lock), 0);
}

static void who_asks_first_gets_it_first(void **state)
{
    struct waiter waiters[WAITERS] = {0};
    struct dengine_lock *lock = open_lock(0);
    uint64_t token;
    int i;

    (void)state;
    atomic_store(&arrivals, 0);
    assert_int_equal(dengine_lock_acquire(lock, 0), 0);
    token = dengine_lock_token(lock);
    for (i = 0; i < WAITERS; i++) {
        start(&waiters[i], 0, PATIENCE_MS);
        wait_for_queue((uint64_t)i + 2);
    }
    assert_int_equal(dengine_lock_release(lock), 0);
    for (i = 0; i < WAITERS; i++) {
        finish(&waiters[i]);
        assert_int_equal(waiters[i].result, 0);
        assert_int_equal(waiters[i].arrival, i);
        assert_true(waiters[i].token > token);
        token = waiters[i].token;
    }
    assert_int_equal(dengine_lock_close(lock), 0);
}

static void who_gives_up_lets_the_next_one_pass(void **state)
{
    struct waiter gives_up = {0};
    struct waiter next = {0};
    struct dengine_lock *lock = open_lock(0);

    (void)state;
    assert_int_equal(dengine_lock_acquire(lock, 0), 0);
    start(&gives_up, 0, PATIENCE_MS);
    wait_for_queue(2);
    start(&next, 0, PATIENCE_MS);
    wait_for_queue(3);
    dengine_lock_cancel(gives_up.lock);
    finish(&gives_up);
    assert_int_equal(gives_up.result, DENGINE_E_CANCELED);
    wait_for_queue(2);
    assert_int_equal(dengine_lock_release(lock), 0);
    finish(&next);
    assert_int_equal(next.result, 0);

    /* Canceled before it begins, and only that once. */
    dengine_lock_cancel(lock);
    assert_int_equal(dengine_lock_acquire(lock, 0), DENGINE_E_CANCELED);
    assert_int_equal(dengine_lock_acquire(lock, 0), 0);
    assert_int_equal(dengine_lock_close(lock), 0);
}

/* ---- what ends with a lease ---- */

static void set_flag(void *context)
{
    atomic_store((atomic_bool *)context, true);
}

static void a_holder_that_is_not_heard_of_loses_the_lock_and_is_told(void **state)
{
    atomic_bool lost = false;
    const struct dengine_lock_options options = {
        .lease_ms = LEASE_MS, .lost = set_flag, .context = &lost};
    struct dengine_lock *lock;
    struct waiter next = {0};

    (void)state;
    assert_int_equal(dengine_lock_open(client, DENGINE_STR("l"), &options, &lock), 0);
    assert_int_equal(dengine_lock_acquire(lock, 0), 0);
    start(&next, 0, PATIENCE_MS);
    wait_for_queue(2);
    end_lease_of_first();
    assert_false(guarded_put(lock, "k", "late")); /* before anybody has noticed */
    finish(&next);
    assert_int_equal(next.result, 0);
    assert_true(next.token > 0);
    while (!atomic_load(&lost)) {
        (void)sched_yield();
    }
    assert_false(dengine_lock_held(lock));
    assert_int_equal(dengine_lock_release(lock), 0);
    assert_int_equal(dengine_lock_acquire(lock, PATIENCE_MS), 0); /* with a new lease */
    assert_true(dengine_lock_token(lock) > next.token);
    assert_true(guarded_put(lock, "k", "now"));
    assert_int_equal(dengine_lock_close(lock), 0);
}

static void a_place_in_the_queue_ends_with_its_lease(void **state)
{
    struct waiter waiter = {0};
    struct dengine_lock *lock = open_lock(0);
    const struct dengine_scan scan = {.from = DENGINE_STR("l/"), .end = DENGINE_STR("l0")};
    struct dengine_page page;

    (void)state;
    assert_int_equal(dengine_lock_acquire(lock, 0), 0);
    start(&waiter, LEASE_MS, PATIENCE_MS);
    wait_for_queue(2);
    assert_int_equal(dengine_scan(client, &scan, NULL, &page), 0);
    assert_int_equal(page.count, 2);
    assert_int_equal(
        dengine_lease_revoke(
            client,
            page.pairs[page.pairs[0].create_revision != dengine_lock_guard(lock).number ? 0 : 1]
                .lease,
            NULL),
        0);
    dengine_page_free(&page);
    finish(&waiter);
    assert_int_equal(waiter.result, DENGINE_E_NO_LEASE);
    assert_int_equal(dengine_lock_close(lock), 0);
}

static bool is_there(const char *key)
{
    struct dengine_value value;
    const int err = dengine_get(client, dengine_str(key), DENGINE_LINEARIZABLE, NULL, &value);

    assert_true(err == 0 || err == DENGINE_E_NOT_FOUND);
    dengine_value_free(&value);
    return err == 0;
}

static void a_keeper_keeps_its_lease_beyond_its_time(void **state)
{
    const struct dengine_watch_options longer_ends = {
        .from = DENGINE_STR("longer"), .one_key = true, .no_puts = true};
    const struct dengine_put_options longer = {.ttl_ms = LEASE_MS + LEASE_MS / 4};
    struct dengine_put_options kept = {0};
    struct dengine_keeper *keeper;
    struct dengine_event event;
    struct dengine_watch *watch;

    (void)state;
    assert_int_equal(
        dengine_keeper_open(client, DENGINE_KEEPER_TTL_MS_MIN - 1, NULL, NULL, &keeper),
        DENGINE_E_INVALID);
    assert_int_equal(dengine_keeper_open(client, LEASE_MS, NULL, NULL, &keeper), 0);
    kept.lease = dengine_keeper_lease(keeper);
    assert_int_equal(
        dengine_put_with(client, DENGINE_STR("kept"), DENGINE_STR(""), &kept, NULL, NULL), 0);
    assert_int_equal(
        dengine_put_with(client, DENGINE_STR("longer"), DENGINE_STR(""), &longer, NULL, NULL), 0);
    assert_int_equal(dengine_watch_open(client, &longer_ends, &watch), 0);
    assert_int_equal(dengine_watch_next(watch, PATIENCE_MS, &event), 0);
    assert_true(event.expired); /* which the one that is kept would have done before */
    assert_true(is_there("kept"));
    assert_true(dengine_keeper_left_ms(keeper) <= LEASE_MS);
    dengine_watch_close(watch);
    assert_int_equal(dengine_keeper_close(keeper), 0);
    assert_false(is_there("kept"));
}

/* ---- unknown outcomes ---- */

/* A client that answers the first transactions with UNKNOWN, whether it carries them out or not. */
struct vague {
    struct dengine_client base;
    uint32_t unknown;    /* so many, from the first */
    bool carry_out;      /* them */
    uint64_t lease;      /* of the last transaction's put */
    uint32_t keep_fails; /* so many times keep_alive finds nobody */
};

/* What a call carried out in secret answers. */
struct secret {
    dengine_callback *callback;
    void *context;
};

static void answer_unknown(void *context, struct dengine_reply *reply)
{
    struct secret *secret = context;
    struct dengine_reply unknown = {.status = DENGINE_E_UNKNOWN};

    dengine_txn_result_free(&reply->txn);
    secret->callback(secret->context, &unknown);
    free(secret);
}

static int vague_start(struct dengine_client *base, const struct de_client_call *call)
{
    struct vague *vague = DE_CONTAINER_OF(base, struct vague, base);
    struct de_client_call passed = *call;
    struct dengine_reply reply = {.status = DENGINE_E_UNAVAILABLE};
    struct secret *secret;

    if (call->type == DE_CLIENT_LEASE_KEEP && vague->keep_fails > 0) {
        vague->keep_fails--;
        call->callback(call->context, &reply);
        return 0;
    }
    if (call->type == DE_CLIENT_TXN) {
        vague->lease = call->txn->then_ops[0].lease;
    }
    if (call->type != DE_CLIENT_TXN || vague->unknown == 0) {
        return client->ops->start(client, call);
    }
    vague->unknown--;
    if (!vague->carry_out) {
        reply.status = DENGINE_E_UNKNOWN;
        call->callback(call->context, &reply);
        return 0;
    }
    secret = malloc(sizeof *secret);
    assert_non_null(secret);
    *secret = (struct secret){call->callback, call->context};
    passed.callback = answer_unknown;
    passed.context = secret;
    return client->ops->start(client, &passed);
}

/* Notes where the scans of one key begin, by which a waiter looks for the one before it. */
struct looker {
    struct dengine_client base;
    atomic_uint looks;
    uint8_t from[64];
    size_t from_size;
};

static int looker_start(struct dengine_client *base, const struct de_client_call *call)
{
    struct looker *looker = DE_CONTAINER_OF(base, struct looker, base);

    if (call->type == DE_CLIENT_SCAN && call->scan->limit == 1) {
        looker->from_size = call->scan->from.size;
        assert_true(looker->from_size <= sizeof looker->from);
        memcpy(looker->from, call->scan->from.data, looker->from_size);
        atomic_fetch_add(&looker->looks, 1);
    }
    return client->ops->start(client, call);
}

static int vague_watch(struct dengine_client *base, const struct dengine_watch_options *options,
                       struct de_watch_feed **feed)
{
    (void)base;
    return client->ops->watch(client, options, feed);
}

static const struct de_client_ops vague_ops = {.start = vague_start, .watch = vague_watch};

static const struct de_client_ops looker_ops = {.start = looker_start, .watch = vague_watch};

static void a_waiter_looks_for_the_key_of_the_one_before_it(void **state)
{
    struct looker looker = {.base = {&looker_ops, 5000, client->helper}};
    struct dengine_lock *holder = open_lock(0);
    struct dengine_lock *waiter;
    struct dengine_page page;
    const struct dengine_scan all = {
        .from = DENGINE_STR("l/"), .end = DENGINE_STR("l0"), .keys_only = true};

    (void)state;
    assert_int_equal(dengine_lock_acquire(holder, 0), 0);
    assert_int_equal(dengine_scan(client, &all, NULL, &page), 0);
    assert_int_equal(page.count, 1);
    assert_int_equal(dengine_lock_open(&looker.base, DENGINE_STR("l"), NULL, &waiter), 0);
    assert_int_equal(dengine_lock_acquire(waiter, 100), DENGINE_E_TIMEOUT);
    assert_true(atomic_load(&looker.looks) > 0);
    assert_int_equal(looker.from_size, page.pairs[0].key.size);
    assert_memory_equal(looker.from, page.pairs[0].key.data, looker.from_size);
    dengine_page_free(&page);
    assert_int_equal(dengine_lock_close(waiter), 0);
    assert_int_equal(dengine_lock_close(holder), 0);
}

static void check_vague(bool carry_out)
{
    struct vague vague = {{&vague_ops, 5000, client->helper}, 2, carry_out, 0, 0};
    struct dengine_lock *lock;
    struct dengine_put_options late = {0};

    assert_int_equal(dengine_lock_open(&vague.base, DENGINE_STR("l"), NULL, &lock), 0);
    assert_int_equal(dengine_lock_acquire(lock, PATIENCE_MS), 0);
    assert_int_equal(queue_length(), 1);
    assert_true(guarded_put(lock, "k", "1"));
    assert_int_equal(dengine_lock_release(lock), 0);
    assert_int_equal(queue_length(), 0);
    /* What was unknown comes now, after its sender has left. */
    late.lease = vague.lease;
    assert_int_equal(
        dengine_put_with(client, DENGINE_STR("l/ghost"), DENGINE_STR(""), &late, NULL, NULL),
        DENGINE_E_NO_LEASE);
    assert_int_equal(dengine_lock_acquire(lock, 0), 0);
    assert_int_equal(dengine_lock_close(lock), 0);
}

static void a_put_of_unknown_outcome_leaves_no_ghost_in_the_queue(void **state)
{
    (void)state;
    check_vague(false);
    check_vague(true);
}

static void a_holder_that_reaches_nobody_is_told_before_its_lease_ends(void **state)
{
    atomic_bool lost = false;
    const struct dengine_lock_options options = {
        .lease_ms = BRIEF_MS, .lost = set_flag, .context = &lost};
    struct vague vague = {{&vague_ops, 5000, client->helper}, 0, false, 0, UINT32_MAX};
    struct dengine_lock *lock;

    (void)state;
    assert_int_equal(dengine_lock_open(&vague.base, DENGINE_STR("l"), &options, &lock), 0);
    assert_int_equal(dengine_lock_acquire(lock, 0), 0);
    while (!atomic_load(&lost)) {
        (void)sched_yield();
    }
    assert_false(dengine_lock_held(lock));
    wait_for_queue(0); /* by itself */
    assert_int_equal(dengine_lock_release(lock), 0);
    assert_int_equal(dengine_lock_close(lock), 0);
}

/* ---- writes that are fenced ---- */

#define HOLDERS 4
#define ROUNDS  15

/* A write that was done, with the token of its holder then. */
struct fenced {
    uint64_t revision;
    uint64_t token;
};

static struct fenced writes[HOLDERS * ROUNDS];
static atomic_int write_count;

static void *count_up(void *context)
{
    struct dengine_lock *lock = open_lock(LEASE_MS);
    int done = 0;

    (void)context;
    while (done < ROUNDS) {
        const int err = dengine_lock_acquire(lock, PATIENCE_MS);
        struct fenced fenced = {.token = dengine_lock_token(lock)};
        struct dengine_value value;
        char text[24] = "1";

        if (err != 0) { /* its lease was ended while it waited */
            assert_int_equal(err, DENGINE_E_NO_LEASE);
            continue;
        }
        if (dengine_get(client, DENGINE_STR("n"), DENGINE_LINEARIZABLE, NULL, &value) == 0) {
            (void)snprintf(text, sizeof text, "%.*s", (int)value.size, (const char *)value.data);
            (void)snprintf(text, sizeof text, "%ld", strtol(text, NULL, 10) + 1);
            dengine_value_free(&value);
        }
        fenced.revision = put_fenced(lock, "n", text);
        if (fenced.revision != 0) {
            writes[atomic_fetch_add(&write_count, 1)] = fenced;
            done++;
        }
        (void)dengine_lock_release(lock);
    }
    (void)dengine_lock_close(lock);
    return NULL;
}

static int by_revision(const void *a, const void *b)
{
    const struct fenced *first = a;
    const struct fenced *second = b;

    return first->revision < second->revision ? -1 : first->revision > second->revision;
}

/* Each holder wrote once: in the order of the writes, the tokens grow. */
static void check_tokens(void)
{
    int i;

    assert_int_equal(atomic_load(&write_count), HOLDERS * ROUNDS);
    qsort(writes, HOLDERS * ROUNDS, sizeof writes[0], by_revision);
    for (i = 1; i < HOLDERS * ROUNDS; i++) {
        assert_true(writes[i].revision > writes[i - 1].revision);
        assert_true(writes[i].token > writes[i - 1].token);
        assert_true(writes[i].revision > writes[i].token);
    }
}

static void guarded_writes_of_two_holders_never_overlap(void **state)
{
    pthread_t threads[HOLDERS];
    struct dengine_value value;
    char text[24];
    int i;

    (void)state;
    for (i = 0; i < HOLDERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, NULL), 0);
    }
    /* Holders lose their leases again and again, without knowing. */
    for (i = 0; i < 20; i++) {
        (void)sched_yield();
        end_lease_of_first();
    }
    for (i = 0; i < HOLDERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(dengine_get(client, DENGINE_STR("n"), DENGINE_LINEARIZABLE, NULL, &value), 0);
    (void)snprintf(text, sizeof text, "%.*s", (int)value.size, (const char *)value.data);
    dengine_value_free(&value);
    assert_int_equal(strtol(text, NULL, 10),
                     HOLDERS * ROUNDS); /* none was counted on an old number */
    check_tokens();
}

/* ---- elections ---- */

static struct dengine_election *open_election(void)
{
    struct dengine_election *election;

    assert_int_equal(dengine_election_open(client, DENGINE_STR("e"), NULL, &election), 0);
    return election;
}

static void check_leader(struct dengine_leader_info *info, const char *value)
{
    assert_int_equal(dengine_election_observe(client, DENGINE_STR("e"), PATIENCE_MS, info), 0);
    assert_int_equal(info->value.size, strlen(value));
    assert_memory_equal(info->value.data, value, info->value.size);
}

static void *campaign(void *context)
{
    const int err = dengine_election_campaign(context, DENGINE_STR("b"), PATIENCE_MS);

    assert_int_equal(err, 0);
    return NULL;
}

static void observers_see_each_leader_and_what_it_says(void **state)
{
    struct dengine_election *a = open_election();
    struct dengine_election *b = open_election();
    struct dengine_leader_info info = {0};
    uint64_t revision;
    pthread_t thread;

    (void)state;
    assert_int_equal(dengine_election_observe(client, DENGINE_STR("e"), 0, &info),
                     DENGINE_E_TIMEOUT);
    assert_int_equal(dengine_election_proclaim(a, DENGINE_STR("?")), DENGINE_E_NO_LEASE);
    assert_int_equal(dengine_election_campaign(a, DENGINE_STR("a"), 0), 0);
    assert_true(dengine_election_leading(a));
    check_leader(&info, "a");
    revision = info.revision;
    assert_int_equal(revision, dengine_election_token(a));
    assert_int_equal(dengine_election_proclaim(a, DENGINE_STR("still a")), 0);
    check_leader(&info, "still a");
    assert_true(info.revision > revision);
    assert_int_equal(dengine_election_campaign(b, DENGINE_STR("b"), 0), DENGINE_E_TIMEOUT);
    assert_int_equal(dengine_election_observe(client, DENGINE_STR("e"), 0, &info),
                     DENGINE_E_TIMEOUT);

    assert_int_equal(pthread_create(&thread, NULL, campaign, b), 0);
    assert_int_equal(dengine_election_resign(a), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(dengine_election_leading(a));
    do { /* there may have been none for a moment */
        assert_int_equal(dengine_election_observe(client, DENGINE_STR("e"), PATIENCE_MS, &info), 0);
    } while (info.revision == 0);
    assert_memory_equal(info.value.data, "b", 1);
    assert_int_equal(info.revision, dengine_election_token(b));
    assert_int_equal(dengine_election_guard(b).relation, DENGINE_EQUAL);
    assert_int_equal(dengine_election_close(b), 0);
    assert_int_equal(dengine_election_observe(client, DENGINE_STR("e"), PATIENCE_MS, &info), 0);
    assert_int_equal(info.revision, 0);
    assert_null(info.value.owner);
    assert_int_equal(dengine_election_close(a), 0);
    dengine_leader_info_free(&info);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lock_has_one_holder_and_its_tokens_grow),
        cmocka_unit_test(names_are_checked_and_do_not_meet),
        cmocka_unit_test(who_asks_first_gets_it_first),
        cmocka_unit_test(a_waiter_looks_for_the_key_of_the_one_before_it),
        cmocka_unit_test(who_gives_up_lets_the_next_one_pass),
        cmocka_unit_test(a_holder_that_is_not_heard_of_loses_the_lock_and_is_told),
        cmocka_unit_test(a_place_in_the_queue_ends_with_its_lease),
        cmocka_unit_test(a_keeper_keeps_its_lease_beyond_its_time),
        cmocka_unit_test(a_put_of_unknown_outcome_leaves_no_ghost_in_the_queue),
        cmocka_unit_test(a_holder_that_reaches_nobody_is_told_before_its_lease_ends),
        cmocka_unit_test(guarded_writes_of_two_holders_never_overlap),
        cmocka_unit_test(observers_see_each_leader_and_what_it_says),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
