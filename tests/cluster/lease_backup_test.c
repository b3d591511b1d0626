/* Leases and times to live in a backup of three real servers, and in the cluster that is made of it.
 * They are as they were at the backup's moment: what had ended stays ended, what was granted later
 * is not there, what was revoked later is there again; and each has as long to live as it had then,
 * for cluster time stands still while nobody leads: not less, not more, and not for ever.
 *
 * Times are taken of the monotonic clock around the calls. How far a server's clock may be off is
 * what the test allows beside them, one in a hundred.
 *
 *   lease_backup_test SERVER CLI        the paths of dengine-server and dengine-cli
 */
#include <stdio.h>
#include <stdlib.h>

#include <dengine/session.h>

#include "tests/cluster/cluster.h"

#define PATIENCE_MS 30000
#define HOUR_MS     UINT64_C(3600000)
#define SHORT_MS    UINT64_C(4000)
#define NEW_NAME    "second"

static const char *const renamed[] = {"--cluster-name", NEW_NAME, NULL};

struct test {
    struct de_cluster cluster;
    struct dengine_client *client;
    const char *cli;
    uint64_t lived;    /* a lease of an hour, */
    uint64_t brief;    /* of a few seconds, */
    uint64_t ended;    /* one that had ended by itself, */
    uint64_t revoked;  /* one that was revoked before, */
    uint64_t later;    /* one that was revoked after */
    uint64_t unheard;  /* and one that was granted after; */
    uint64_t session;  /* and that of a session */
    uint64_t begun_ms; /* when the brief one was granted, at the earliest */
    uint64_t looked_ms;
    uint64_t left_ms;     /* of the one of an hour, when that was looked at */
    uint64_t brief_ms;    /* what is left of the brief one in the backup, at least */
    uint64_t saved_ms;    /* when the backup had been made */
    uint64_t restarted_ms;
};

static void require(struct test *test, bool condition, const char *what)
{
    if (!condition) {
        (void)fprintf(stderr, "lease_backup_test: %s (%s)\n", what, dengine_last_error(NULL));
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

static bool there(struct test *test, const char *key)
{
    struct dengine_value value;
    const int err =
        dengine_get(test->client, dengine_str(key), DENGINE_LINEARIZABLE, NULL, &value);

    require(test, err == 0 || err == DENGINE_E_NOT_FOUND, "a read fails");
    dengine_value_free(&value);
    return err == 0;
}

static int look(struct test *test, uint64_t lease, struct dengine_lease_info *info)
{
    const int err = dengine_lease_look(test->client, lease, DENGINE_LINEARIZABLE, NULL, info);

    require(test, err == 0 || err == DENGINE_E_NO_LEASE, "a look at a lease fails");
    return err;
}

static void wait_gone(struct test *test, const char *key)
{
    const uint64_t until_ms = de_now_ms() + PATIENCE_MS;

    while (there(test, key)) {
        require(test, de_now_ms() < until_ms, "a key is immortal");
    }
}

/* ---- the old cluster ---- */

static void prepare(struct test *test)
{
    struct dengine_session *session;

    test->ended = grant(test, 1);
    put(test, "ttl past", 0, 1);
    test->revoked = grant(test, HOUR_MS);
    put(test, "revoked", test->revoked, 0);
    require(test, dengine_lease_revoke(test->client, test->revoked, NULL) == 0, "no end");
    test->later = grant(test, HOUR_MS);
    put(test, "later", test->later, 0);
    require(test, dengine_session_open(test->client, HOUR_MS, NULL, NULL, &session) == 0,
            "no session");
    test->session = dengine_session_lease(session);
    test->lived = grant(test, HOUR_MS);
    put(test, "lived", test->lived, 0);
    put(test, "ttl long", 0, HOUR_MS);
    wait_gone(test, "ttl past");
    test->begun_ms = de_now_ms();
    test->brief = grant(test, SHORT_MS);
    put(test, "brief", test->brief, 0);
    put(test, "ttl brief", 0, SHORT_MS);
    /* The backup has the session; what comes of it afterwards is another story. */
    {
        struct dengine_lease_info info;

        test->looked_ms = de_now_ms();
        require(test, look(test, test->lived, &info) == 0, "a lease is not there");
        test->left_ms = info.left_ms;
    }
    (void)session;
}
