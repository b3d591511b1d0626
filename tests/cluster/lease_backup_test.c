/* Leases and times to live in a backup of three real servers, and in the cluster that is made of
 * it. They are as they were at the backup's moment: what had ended stays ended, what was granted
 * later is not there, what was revoked later is there again; and each has as long to live as it had
 * then, for cluster time stands still while nobody leads: not less, not more, and not for ever.
 *
 * Times are taken of the monotonic clock around the calls. How far a server's clock may be off is
 * what the test allows beside them, one in a hundred.
 *
 *   lease_backup_test SERVER CLI        the paths of dengine-server and dengine-cli
 */
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/engine_test_support.h"
#include "tests/cluster/cluster.h"

#define PATIENCE_MS 30000
#define HOUR_MS     UINT64_C(3600000)
#define BRIEF_MS    UINT64_C(3000)
#define SOON_MS     UINT64_C(100)

static const char *const renamed[] = {"--cluster-name", "second", NULL};

struct test {
    struct de_cluster cluster;
    struct dengine_client *client;
    const char *cli;
    uint64_t lived;   /* a lease of an hour, */
    uint64_t brief;   /* of a few seconds, */
    uint64_t ended;   /* one that had ended by itself, */
    uint64_t revoked; /* one that was revoked before the backup, */
    uint64_t later;   /* one that was revoked after it, */
    uint64_t unheard; /* and one that was granted after it */

    /* By our clock. */
    uint64_t begun_ms;     /* the brief one was granted, at the earliest */
    uint64_t looked_ms;    /* the one of an hour was looked at, at the earliest */
    uint64_t saved_ms;     /* the backup was made, at the latest */
    uint64_t restarted_ms; /* the new cluster began, at the earliest */

    uint64_t left_ms; /* that the one of an hour had, when it was looked at */
};

static void require(struct test *test, bool condition, const char *what)
{
    if (!condition) {
        (void)fprintf(stderr, "lease_backup_test: %s (%s)\n", what,
                      test->client != NULL ? dengine_last_error(test->client) : "");
        de_cluster_dump(&test->cluster);
        exit(1);
    }
}

static void connect_to_all(struct test *test)
{
    const struct dengine_connect_options options = {.timeout_ms = PATIENCE_MS};

    require(test, dengine_connect(test->cluster.endpoints, &options, &test->client) == 0,
            "no client");
}

static uint64_t grant(struct test *test, uint64_t ttl_ms)
{
    uint64_t lease;

    require(test, dengine_lease_grant(test->client, ttl_ms, NULL, &lease) == 0, "no lease");
    return lease;
}

static void put(struct test *test, const char *key, uint64_t lease, uint64_t ttl_ms)
{
    const struct dengine_put_options options = {.lease = lease, .ttl_ms = ttl_ms};

    require(test,
            dengine_put_with(test->client, dengine_str(key), DENGINE_STR("v"), &options, NULL,
                             NULL) == 0,
            "a put fails");
}

static void revoke(struct test *test, uint64_t lease)
{
    require(test, dengine_lease_revoke(test->client, lease, NULL) == 0, "a lease is not revoked");
}

static bool there(struct test *test, const char *key)
{
    struct dengine_value value;
    const int err = dengine_get(test->client, dengine_str(key), DENGINE_LINEARIZABLE, NULL, &value);

    require(test, err == 0 || err == DENGINE_E_NOT_FOUND, "a read fails");
    if (err == 0) {
        dengine_value_free(&value);
    }
    return err == 0;
}

/* How long a lease has; 0: there is none such. */
static uint64_t left(struct test *test, uint64_t lease)
{
    struct dengine_lease_info info;
    const int err = dengine_lease_look(test->client, lease, DENGINE_LINEARIZABLE, NULL, &info);

    require(test, err == 0 || err == DENGINE_E_NO_LEASE, "a look at a lease fails");
    if (err != 0) {
        return 0;
    }
    return info.left_ms > 0 ? info.left_ms : 1; /* at 0 it is ending: there all the same */
}

static void wait_gone(struct test *test, const char *key)
{
    const uint64_t until_ms = de_now_ms() + PATIENCE_MS;

    while (there(test, key)) {
        require(test, de_now_ms() < until_ms, "a key is immortal");
    }
}

static void wait_ended(struct test *test, uint64_t lease)
{
    const uint64_t until_ms = de_now_ms() + PATIENCE_MS;

    while (left(test, lease) != 0) {
        require(test, de_now_ms() < until_ms, "a lease is immortal");
    }
}

/* ---- the old cluster ---- */

static void prepare(struct test *test)
{
    test->ended = grant(test, SOON_MS);
    put(test, "ttl ended", 0, SOON_MS);
    test->revoked = grant(test, HOUR_MS);
    put(test, "revoked", test->revoked, 0);
    test->later = grant(test, HOUR_MS);
    put(test, "later", test->later, 0);
    test->lived = grant(test, HOUR_MS);
    put(test, "lived", test->lived, 0);
    put(test, "ttl lived", 0, HOUR_MS);
    revoke(test, test->revoked);
    wait_ended(test, test->ended);
    wait_gone(test, "ttl ended");
    test->begun_ms = de_now_ms();
    test->brief = grant(test, BRIEF_MS);
    put(test, "brief", test->brief, 0);
    put(test, "ttl brief", 0, BRIEF_MS);
    test->looked_ms = de_now_ms();
    test->left_ms = left(test, test->lived);
    require(test, test->left_ms > 0 && test->left_ms < HOUR_MS, "a lease has not begun to end");
}

/* Makes the backup, changes what must not be in it, and lets all stop for longer than the brief
 * lease lives. */
static void save(struct test *test)
{
    de_cluster_save(&test->cluster, test->cli, "backup", PATIENCE_MS);
    test->saved_ms = de_now_ms();
    revoke(test, test->later);
    test->unheard = grant(test, HOUR_MS);
    put(test, "unheard", test->unheard, 0);
    dengine_disconnect(test->client);
    test->client = NULL;
    de_cluster_stop(&test->cluster);
    while (de_now_ms() < test->saved_ms + BRIEF_MS) {
        (void)sched_yield();
    }
}

/* ---- the new one ---- */

static void start_new(struct test *test)
{
    test->cluster.flags = renamed;
    for (uint64_t node = 1; node <= DE_CLUSTER_NODES; node++) {
        require(test,
                de_cluster_restore(&test->cluster, test->cli, "backup", node, renamed[1]) == 0,
                "a member is not restored");
    }
    test->restarted_ms = de_now_ms();
    for (uint64_t node = 1; node <= DE_CLUSTER_NODES; node++) {
        de_cluster_restart(&test->cluster, node);
    }
    connect_to_all(test);
}

/* What there is and what there is not, as at the backup's moment. */
static void check_which(struct test *test)
{
    require(test, left(test, test->ended) == 0, "a lease came back");
    require(test, !there(test, "ttl ended"), "a key came back whose time had ended");
    require(test, left(test, test->revoked) == 0 && !there(test, "revoked"),
            "a lease came back that had been revoked");
    require(test, left(test, test->unheard) == 0 && !there(test, "unheard"),
            "a lease is there that was granted after the backup");
    require(test, left(test, test->later) != 0 && there(test, "later"),
            "a lease is not there that was revoked after the backup only");
    require(test, there(test, "lived") && there(test, "ttl lived"), "a lease has ended too early");
}

/* The one of an hour has what it had, less the time in which a cluster was there. */
static void check_lived(struct test *test)
{
    const uint64_t now_left_ms = left(test, test->lived);
    const uint64_t ran_ms = (test->saved_ms - test->looked_ms) + (de_now_ms() - test->restarted_ms);

    (void)printf("an hour's lease: %" PRIu64 " ms left before the backup, %" PRIu64
                 " ms now, %" PRIu64 " ms of cluster time at most between\n",
                 test->left_ms, now_left_ms, ran_ms);
    require(test, now_left_ms <= test->left_ms, "a lease has more time than before");
    require(test, now_left_ms + ran_ms + ran_ms / 100 + 1 >= test->left_ms,
            "a lease has lost time in which there was no cluster");
}

/* The brief one ends, and not before its time. */
static void check_brief(struct test *test, const char *key)
{
    const uint64_t used_ms = test->saved_ms - test->begun_ms;
    const uint64_t owed_ms = used_ms < BRIEF_MS ? BRIEF_MS - used_ms : 0;
    uint64_t lived_ms;

    wait_gone(test, key);
    lived_ms = de_now_ms() - test->restarted_ms;
    (void)printf("%s: owed %" PRIu64 " ms, gone after %" PRIu64 " ms\n", key, owed_ms, lived_ms);
    require(test, lived_ms + owed_ms / 100 + 1 >= owed_ms, "a key is gone too early");
}

int main(int argc, char **argv)
{
    static struct test test;
    uint64_t left_ms;

    if (argc != 3) {
        (void)fprintf(stderr, "usage: lease_backup_test SERVER CLI\n");
        return 2;
    }
    test.cli = argv[2];
    de_cluster_start(&test.cluster, argv[1], NULL);
    connect_to_all(&test);
    prepare(&test);
    save(&test);

    start_new(&test);
    check_lived(&test);
    check_which(&test);
    check_brief(&test, "brief");
    check_brief(&test, "ttl brief");
    require(&test, left(&test, test.brief) == 0, "a lease is there without its keys");
    left_ms = left(&test, test.lived);
    require(&test, dengine_lease_keep_alive(test.client, test.lived, NULL) == 0, "no renewal");
    require(&test, left(&test, test.lived) > left_ms, "a renewal does nothing");
    dengine_disconnect(test.client);
    de_cluster_stop(&test.cluster);
    (void)puts("ok");
    return 0;
}
