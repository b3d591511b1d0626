/* Three real servers; threads that take a lock which ends with their lease, write only while they
 * hold it, and often go away without giving it back; the leader is killed and comes back, again and
 * again. Then, of everything that was acknowledged:
 *
 *   fencing       in the order of revisions the tokens of the writes never fall, and a token has
 * one holder: no two holders wrote at one time counter       was counted up exactly once by each
 * write under the lock pairs         two keys that are written by one transaction were never seen
 * apart times         a key with a time to live was never gone before its time leases        when
 * the holders have gone for good, so has the lock
 *
 *   lock_kill_test SERVER CLI [KILLS]        the paths of dengine-server and dengine-cli
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/assert.h"
#include "tests/cluster/cluster.h"

#define KILLS       4
#define HOLDERS     3
#define WRITES_MAX  100000
#define PER_KILL    150 /* writes under the lock between two kills, at least */
#define PATIENCE_MS 60000
#define LEASE_MS    1500
#define TTL_MS      1000
/* What clocks may drift apart, far more than they do on one machine. */
#define DRIFT_MS (TTL_MS / 100)

/* A write under the lock that was acknowledged. */
struct fenced {
    uint64_t revision;
    uint64_t token;
    uint32_t holder;
};

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool stopping;
    const char *broken; /* what went wrong first */
    struct fenced writes[WRITES_MAX];
    size_t count;
    uint64_t unknown; /* writes under the lock that may have been done */
    uint64_t abandoned;
    uint64_t pairs_seen;
    uint64_t ttl_ended;
} all = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static struct de_cluster cluster;

static bool going_on(void)
{
    bool result;

    (void)pthread_mutex_lock(&all.mutex);
    result = !all.stopping && all.broken == NULL;
    (void)pthread_mutex_unlock(&all.mutex);
    return result;
}

static void broken(const char *what)
{
    (void)pthread_mutex_lock(&all.mutex);
    if (all.broken == NULL) {
        all.broken = what;
    }
    (void)pthread_cond_broadcast(&all.changed);
    (void)pthread_mutex_unlock(&all.mutex);
}

static void require(bool condition, const char *what)
{
    if (!condition) {
        (void)fprintf(stderr, "lock_kill_test: %s\n", what);
        de_cluster_dump(&cluster);
        exit(1);
    }
}

static struct dengine_client *connect_client(void)
{
    const struct dengine_connect_options options = {.timeout_ms = 1000};
    struct dengine_client *client;

    require(dengine_connect(cluster.endpoints, &options, &client) == 0, "no client");
    return client;
}

/* ---- under the lock ---- */

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

    *token = 0;
    if (err == 0) {
        *token = result.succeeded ? result.revision : 0;
        dengine_txn_result_free(&result);
    }
    return err;
}

static void note_write(uint64_t revision, uint64_t token, uint32_t holder)
{
    (void)pthread_mutex_lock(&all.mutex);
    DE_ASSERT(all.count < WRITES_MAX);
    all.writes[all.count++] = (struct fenced){revision, token, holder};
    (void)pthread_cond_broadcast(&all.changed);
    (void)pthread_mutex_unlock(&all.mutex);
}

/* Counts up, if the lock still has the token. False: it is not known to be held any more. */
static bool count_up(struct dengine_client *client, uint64_t token, uint32_t holder)
{
    const struct dengine_compare held = {.target = DENGINE_COMPARE_MOD_REVISION,
                                         .relation = DENGINE_EQUAL,
                                         .key = DENGINE_STR("lock"),
                                         .number = token};
    struct dengine_op put = {.type = DENGINE_OP_PUT, .key = DENGINE_STR("counter")};
    const struct dengine_txn txn = {&held, 1, &put, 1, NULL, 0};
    struct dengine_txn_result result;
    struct dengine_value value;
    char text[32] = "0";
    int err = dengine_get(client, DENGINE_STR("counter"), DENGINE_LINEARIZABLE, NULL, &value);

    if (err != 0 && err != DENGINE_E_NOT_FOUND) {
        return true; /* nothing was tried */
    }
    if (err == 0) {
        (void)snprintf(text, sizeof text, "%.*s", (int)value.size, (const char *)value.data);
    }
    dengine_value_free(&value);
    (void)snprintf(text, sizeof text, "%llu", strtoull(text, NULL, 10) + 1);
    put.value = dengine_str(text);
    err = dengine_txn(client, &txn, NULL, &result);
    if (err == 0 && result.succeeded) {
        note_write(result.revision, token, holder);
        dengine_txn_result_free(&result);
        return true;
    }
    if (err == 0) {
        dengine_txn_result_free(&result);
        return false;
    }
    if (dengine_outcome(err) == DENGINE_OUTCOME_UNKNOWN) {
        (void)pthread_mutex_lock(&all.mutex);
        all.unknown++;
        (void)pthread_mutex_unlock(&all.mutex);
        return false; /* it may come yet: another count from the same number would hide it */
    }
    return true;
}

static void *hold(void *argument)
{
    const uint32_t holder = *(const uint32_t *)argument;
    struct dengine_client *client = connect_client();
    uint64_t round = holder;

    for (; going_on(); round++) {
        uint64_t lease;
        uint64_t token = 0;
        int writes = 0;

        if (dengine_lease_grant(client, LEASE_MS, NULL, &lease) != 0) {
            continue;
        }
        while (token == 0 && going_on() && dengine_lease_keep_alive(client, lease, NULL) == 0) {
            if (acquire(client, lease, &token) != 0) {
                break;
            }
        }
        while (token != 0 && writes < 20 && going_on() && count_up(client, token, holder)) {
            writes++;
            (void)dengine_lease_keep_alive(client, lease, NULL);
        }
        if (round % 3 == 0) { /* goes away: the lock is free when the lease has ended */
            (void)pthread_mutex_lock(&all.mutex);
            all.abandoned++;
            (void)pthread_mutex_unlock(&all.mutex);
        } else {
            (void)dengine_lease_revoke(client, lease, NULL);
        }
    }
    dengine_disconnect(client);
    return NULL;
}

/* ---- pairs ---- */

static void *write_pairs(void *argument)
{
    struct dengine_client *client = connect_client();
    uint64_t number = 0;

    (void)argument;
    while (going_on()) {
        char text[32];
        struct dengine_op puts[2] = {{.type = DENGINE_OP_PUT, .key = DENGINE_STR("pair/a")},
                                     {.type = DENGINE_OP_PUT, .key = DENGINE_STR("pair/b")}};
        const struct dengine_txn txn = {.then_ops = puts, .then_count = 2};
        struct dengine_txn_result result;

        (void)snprintf(text, sizeof text, "%" PRIu64, ++number);
        puts[0].value = puts[1].value = dengine_str(text);
        if (dengine_txn(client, &txn, NULL, &result) == 0) {
            dengine_txn_result_free(&result);
        }
    }
    dengine_disconnect(client);
    return NULL;
}

static bool one_pair(const struct dengine_page *page)
{
    return page->count == 0 ||
           (page->count == 2 && page->pairs[0].value.size == page->pairs[1].value.size &&
            memcmp(page->pairs[0].value.data, page->pairs[1].value.data,
                   page->pairs[0].value.size) == 0 &&
            page->pairs[0].mod_revision == page->pairs[1].mod_revision &&
            page->pairs[0].mod_revision <= page->revision);
}

static void *read_pairs(void *argument)
{
    struct dengine_client *client = connect_client();
    struct dengine_scan scan = {.from = DENGINE_STR("pair/"), .end = DENGINE_STR("pair0")};
    uint64_t turn;

    (void)argument;
    for (turn = 0; going_on(); turn++) {
        struct dengine_page page;

        scan.consistency = turn % 2 == 0 ? DENGINE_LINEARIZABLE : DENGINE_EVENTUAL;
        if (dengine_scan(client, &scan, NULL, &page) == 0) {
            if (!one_pair(&page)) {
                broken("a transaction was seen in part");
            }
            (void)pthread_mutex_lock(&all.mutex);
            all.pairs_seen += page.count / 2;
            (void)pthread_mutex_unlock(&all.mutex);
            dengine_page_free(&page);
        }
    }
    dengine_disconnect(client);
    return NULL;
}

/* ---- times to live ---- */

static void *watch_times(void *argument)
{
    const struct dengine_put_options life = {.ttl_ms = TTL_MS};
    struct dengine_client *client = connect_client();
    uint64_t number = 0;

    (void)argument;
    while (going_on()) {
        uint64_t sent_ms;
        char key[32];
        int err;

        (void)snprintf(key, sizeof key, "ttl/%" PRIu64, ++number);
        sent_ms = de_now_ms();
        if (dengine_put_with(client, dengine_str(key), DENGINE_STR("v"), &life, NULL, NULL) != 0) {
            continue;
        }
        do {
            struct dengine_value value;

            err = dengine_get(client, dengine_str(key), DENGINE_LINEARIZABLE, NULL, &value);
            dengine_value_free(&value);
            if (err == DENGINE_E_NOT_FOUND && de_now_ms() - sent_ms < TTL_MS - DRIFT_MS) {
                broken("a key was gone before its time");
            }
        } while (err != DENGINE_E_NOT_FOUND && going_on());
        (void)pthread_mutex_lock(&all.mutex);
        all.ttl_ended++;
        (void)pthread_mutex_unlock(&all.mutex);
    }
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

static void judge_fencing(void)
{
    size_t i;

    qsort(all.writes, all.count, sizeof all.writes[0], by_revision);
    for (i = 1; i < all.count; i++) {
        const struct fenced *before = &all.writes[i - 1];
        const struct fenced *now = &all.writes[i];

        require(now->token >= before->token, "a holder wrote after the next one had the lock");
        require(now->token != before->token || now->holder == before->holder,
                "two holders have one token");
    }
}

static void judge_counter(struct dengine_client *client)
{
    struct dengine_value value;
    char text[32];
    uint64_t number;

    while (dengine_get(client, DENGINE_STR("counter"), DENGINE_LINEARIZABLE, NULL, &value) != 0) {
    }
    (void)snprintf(text, sizeof text, "%.*s", (int)value.size, (const char *)value.data);
    dengine_value_free(&value);
    number = strtoull(text, NULL, 10);
    (void)printf("counter %" PRIu64 ", %zu writes acknowledged, %" PRIu64 " unknown\n", number,
                 all.count, all.unknown);
    require(number >= all.count && number <= all.count + all.unknown,
            "the counter is not what was counted");
}

/* The last holders have gone without a word; their leases end. */
static void wait_until_free(struct dengine_client *client)
{
    const uint64_t start_ms = de_now_ms();
    struct dengine_value value;
    int err;

    do {
        err = dengine_get(client, DENGINE_STR("lock"), DENGINE_LINEARIZABLE, NULL, &value);
        dengine_value_free(&value);
        require(de_now_ms() - start_ms < PATIENCE_MS, "the lock outlives its lease");
    } while (err != DENGINE_E_NOT_FOUND);
}

static void wait_writes(size_t count)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_MS / 1000;
    (void)pthread_mutex_lock(&all.mutex);
    while (all.count < count && all.broken == NULL) {
        if (pthread_cond_timedwait(&all.changed, &all.mutex, &until) != 0) {
            all.broken = "the holders do not get on";
        }
    }
    (void)pthread_mutex_unlock(&all.mutex);
    require(all.broken == NULL, all.broken);
}

static void run(int kills)
{
    void *(*const others[])(void *) = {write_pairs, read_pairs, watch_times};
    pthread_t threads[HOLDERS + DE_ARRAY_SIZE(others)];
    uint32_t numbers[HOLDERS];
    struct dengine_client *client = connect_client();
    size_t i;
    int kill;

    for (i = 0; i < DE_ARRAY_SIZE(threads); i++) {
        const bool holder = i < HOLDERS;

        if (holder) {
            numbers[i] = (uint32_t)i;
        }
        require(pthread_create(&threads[i], NULL, holder ? hold : others[i - HOLDERS],
                               holder ? &numbers[i] : NULL) == 0,
                "no thread");
    }
    for (kill = 1; kill <= kills; kill++) {
        uint64_t leader;

        wait_writes((size_t)kill * PER_KILL);
        leader = de_cluster_leader(client, PATIENCE_MS);
        (void)printf("kill %d: node %" PRIu64 "\n", kill, leader);
        de_cluster_kill(&cluster, leader);
        wait_writes((size_t)kill * PER_KILL + PER_KILL / 2);
        de_cluster_restart(&cluster, leader);
    }
    wait_writes((size_t)(kills + 1) * PER_KILL);
    (void)pthread_mutex_lock(&all.mutex);
    all.stopping = true;
    (void)pthread_mutex_unlock(&all.mutex);
    for (i = 0; i < DE_ARRAY_SIZE(threads); i++) {
        (void)pthread_join(threads[i], NULL);
    }
    require(all.broken == NULL, all.broken);
    judge_fencing();
    judge_counter(client);
    wait_until_free(client);
    (void)printf("%" PRIu64 " locks abandoned, %" PRIu64 " pairs seen, %" PRIu64 " keys ended\n",
                 all.abandoned, all.pairs_seen, all.ttl_ended);
    require(all.abandoned > 0 && all.pairs_seen > 0 && all.ttl_ended > 0, "not everything ran");
    dengine_disconnect(client);
}

int main(int argc, char **argv)
{
    if (argc != 3 && argc != 4) {
        (void)fprintf(stderr, "usage: lock_kill_test SERVER CLI [KILLS]\n");
        return 2;
    }
    de_cluster_start(&cluster, argv[1], NULL);
    run(argc == 4 ? (int)strtol(argv[3], NULL, 10) : KILLS);
    de_cluster_stop(&cluster);
    (void)puts("ok");
    return 0;
}
