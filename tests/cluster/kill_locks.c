/* Holders of two locks: one made of transactions, one by dengine/lock.h. Each counts a number up
 * while it holds its lock, in a transaction that compares the lock first, and notes what was
 * acknowledged. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <dengine/lock.h>

#include "core/base/assert.h"
#include "tests/cluster/service_kill.h"

#define WRITES_MAX 100000
#define AT_ONCE    20 /* writes under the lock before it is given back */
#define LEASE_MS   1500
/* Shorter than many an election: so a holder is often not sure of its lock any more. */
#define RECIPE_LEASE_MS 300
#define CALL_MS         1000
/* Who also writes when it has lost the lock. Only one: the others get on meanwhile. */
#define LATE 0

/* A write under the lock that was acknowledged. */
struct fenced {
    uint64_t revision;
    uint64_t token;
    uint32_t holder;
};

/* What one lock protects. */
struct ground {
    const char *counter;
    struct fenced writes[WRITES_MAX];
    uint64_t count;
    uint64_t unknown; /* writes under the lock that may have been done */
    uint64_t refused; /* whose holder had lost the lock */
    uint64_t gone;    /* locks that were not given back */
};

static struct ground by_txn = {.counter = "locked/txn"};
static struct ground by_recipe = {.counter = "locked/recipe"};

/* ---- writes ---- */

static void note_write(struct ground *ground, struct fenced write)
{
    de_kill_take();
    DE_ASSERT(ground->count < WRITES_MAX);
    ground->writes[ground->count++] = write;
    de_kill_give();
}

/* Counts up, if the lock is still held. False: it is not known to be. */
static bool count_up(struct dengine_client *client, struct ground *ground,
                     const struct dengine_compare *held, struct fenced write)
{
    struct dengine_op put = {.type = DENGINE_OP_PUT, .key = dengine_str(ground->counter)};
    const struct dengine_txn txn = {held, 1, &put, 1, NULL, 0};
    struct dengine_txn_result result;
    char text[24];
    int err;

    DE_ASSERT(write.token != 0);
    (void)snprintf(text, sizeof text, "%" PRIu64, de_kill_number(client, ground->counter) + 1);
    put.value = dengine_str(text);
    err = dengine_txn(client, &txn, NULL, &result);
    if (err == 0) {
        const bool succeeded = result.succeeded;

        write.revision = result.revision;
        dengine_txn_result_free(&result);
        if (succeeded) {
            note_write(ground, write);
        } else {
            de_kill_count(&ground->refused);
        }
        return succeeded;
    }
    if (dengine_outcome(err) == DENGINE_OUTCOME_UNKNOWN) {
        de_kill_count(&ground->unknown);
        return false; /* it may come yet: another count from the same number would hide it */
    }
    return true;
}

/* ---- a lock by transactions ---- */

/* Takes the lock if it is free: its token, else 0. After an error it may be ours without our
 * knowing: then only the end of the lease helps. */
static int acquire(struct dengine_client *client, uint64_t lease, uint64_t *token)
{
    const struct dengine_compare free = {
        .target = DENGINE_COMPARE_ABSENCE, .relation = DENGINE_EQUAL, .key = DENGINE_STR("lock")};
    const struct dengine_op take = {.type = DENGINE_OP_PUT,
                                    .key = DENGINE_STR("lock"),
                                    .value = DENGINE_STR("held"),
                                    .lease = lease};
    const struct dengine_txn txn = {&free, 1, &take, 1, NULL, 0};
    struct dengine_txn_result result;
    const int err = dengine_txn(client, &txn, NULL, &result);

    DE_ASSERT(lease != 0);
    *token = 0;
    if (err == 0) {
        *token = result.succeeded ? result.revision : 0;
        dengine_txn_result_free(&result);
    }
    return err;
}

static struct dengine_compare held_by(uint64_t token)
{
    DE_ASSERT(token != 0);
    return (struct dengine_compare){.target = DENGINE_COMPARE_MOD_REVISION,
                                    .relation = DENGINE_EQUAL,
                                    .key = DENGINE_STR("lock"),
                                    .number = token};
}

static void write_under(struct dengine_client *client, uint64_t lease, struct fenced write)
{
    const struct dengine_compare held = held_by(write.token);
    int i;

    DE_ASSERT(write.token != 0);
    for (i = 0; i < AT_ONCE && de_kill_going_on(); i++) {
        if (!count_up(client, &by_txn, &held, write)) {
            break;
        }
        (void)dengine_lease_keep_alive(client, lease, NULL);
    }
}

/* As one who was stopped: renews no more, and when somebody else has written under the lock, writes
 * all the same. */
static void write_late(struct dengine_client *client, struct fenced write)
{
    const struct dengine_compare held = held_by(write.token);
    const uint64_t before = de_kill_read(&by_txn.count);

    DE_ASSERT(write.holder == LATE);
    if (de_kill_wait(&by_txn.count, before + 1)) {
        (void)count_up(client, &by_txn, &held, write);
    }
}

static void *hold(void *argument)
{
    const uint32_t holder = *(const uint32_t *)argument;
    struct dengine_client *client = de_kill_connect(CALL_MS);
    uint64_t round = holder;

    for (; de_kill_going_on(); round++) {
        struct fenced write = {.holder = holder};
        uint64_t lease;

        if (dengine_lease_grant(client, LEASE_MS, NULL, &lease) != 0) {
            continue;
        }
        while (write.token == 0 && de_kill_going_on() &&
               dengine_lease_keep_alive(client, lease, NULL) == 0) {
            if (acquire(client, lease, &write.token) != 0) {
                break;
            }
        }
        if (write.token != 0) {
            write_under(client, lease, write);
        }
        if (round % 3 == 0) { /* goes away: the lock is free when the lease has ended */
            de_kill_count(&by_txn.gone);
            if (write.token != 0 && holder == LATE) {
                write_late(client, write);
            }
        } else {
            (void)dengine_lease_revoke(client, lease, NULL);
        }
    }
    dengine_disconnect(client);
    return NULL;
}

/* ---- a lock by dengine/lock.h ---- */

static void write_guarded(struct dengine_client *client, struct dengine_lock *lock, uint32_t holder)
{
    const struct dengine_compare held = dengine_lock_guard(lock);
    const struct fenced write = {.token = dengine_lock_token(lock), .holder = holder};
    int i;

    DE_ASSERT(write.token != 0);
    /* As long as nothing is refused, whatever dengine_lock_held says: the guard alone decides. */
    for (i = 0; i < AT_ONCE && de_kill_going_on(); i++) {
        if (!count_up(client, &by_recipe, &held, write)) {
            break;
        }
    }
    if (!dengine_lock_held(lock)) {
        de_kill_count(&by_recipe.gone);
    }
}

static void *hold_by_recipe(void *argument)
{
    const struct dengine_lock_options options = {.lease_ms = RECIPE_LEASE_MS};
    const uint32_t holder = *(const uint32_t *)argument;
    struct dengine_client *client = de_kill_connect(CALL_MS);
    struct dengine_lock *lock;

    de_kill_require(dengine_lock_open(client, DENGINE_STR("recipe"), &options, &lock) == 0,
                    "no lock");
    while (de_kill_going_on()) {
        if (dengine_lock_acquire(lock, CALL_MS) == 0) {
            write_guarded(client, lock, holder);
            (void)dengine_lock_release(lock); /* after an error the end of the lease gives it */
        }
    }
    (void)dengine_lock_close(lock);
    DE_ASSERT(!de_kill_going_on());
    dengine_disconnect(client);
    return NULL;
}

/* ---- the end ---- */

static int by_revision(const void *a, const void *b)
{
    const struct fenced *left = a;
    const struct fenced *right = b;

    return (left->revision > right->revision) - (left->revision < right->revision);
}

static void judge_fencing(struct ground *ground)
{
    size_t i;

    DE_ASSERT(ground->count > 0);
    qsort(ground->writes, ground->count, sizeof ground->writes[0], by_revision);
    for (i = 1; i < ground->count; i++) {
        const struct fenced *before = &ground->writes[i - 1];
        const struct fenced *now = &ground->writes[i];

        de_kill_require(now->token >= before->token,
                        "a holder wrote after the next one had the lock");
        de_kill_require(now->token != before->token || now->holder == before->holder,
                        "two holders have one token");
    }
}

static void judge_counter(struct dengine_client *client, const struct ground *ground)
{
    const uint64_t number = de_kill_number(client, ground->counter);

    DE_ASSERT(ground->counter != NULL);
    (void)printf("%" PRIu64 " counted, %" PRIu64 " writes acknowledged, %" PRIu64
                 " unknown, %" PRIu64 " refused, %" PRIu64 " locks lost or left\n",
                 number, ground->count, ground->unknown, ground->refused, ground->gone);
    de_kill_require(number >= ground->count && number <= ground->count + ground->unknown,
                    "the counter is not what was counted");
}

/* The last holders have gone, some without a word; their leases end. */
static void wait_until_free(struct dengine_client *client, struct dengine_slice from,
                            struct dengine_slice end)
{
    const struct dengine_scan scan = {
        .from = from, .end = end, .consistency = DENGINE_LINEARIZABLE};
    const uint64_t start_ms = de_now_ms();
    size_t left = 1;

    DE_ASSERT(from.size > 0);
    while (left > 0) {
        struct dengine_page page;

        if (dengine_scan(client, &scan, NULL, &page) == 0) {
            left = page.count;
            dengine_page_free(&page);
        }
        de_kill_require(de_now_ms() - start_ms < DE_KILL_PATIENCE_MS,
                        "the lock outlives its lease");
    }
}

static void judge_txn(struct dengine_client *client)
{
    judge_fencing(&by_txn);
    judge_counter(client, &by_txn);
    wait_until_free(client, DENGINE_STR("lock"), DENGINE_STR("lock0"));
    DE_ASSERT(by_txn.gone > 0 && by_txn.refused > 0); /* who was refused had gone */
}

static void judge_recipe(struct dengine_client *client)
{
    judge_fencing(&by_recipe);
    judge_counter(client, &by_recipe);
    wait_until_free(client, DENGINE_STR("recipe/"), DENGINE_STR("recipe0"));
}

const struct de_kill_workload de_kill_locks = {
    .name = "locks",
    .threads = {hold, hold, hold},
    .progress = &by_txn.count,
    .step = 40,
    .once = &by_txn.refused, /* a holder of yesterday has tried to write */
    .judge = judge_txn,
};

const struct de_kill_workload de_kill_recipe = {
    .name = "recipe",
    .threads = {hold_by_recipe, hold_by_recipe},
    .progress = &by_recipe.count,
    .step = 30,
    .judge = judge_recipe,
};
