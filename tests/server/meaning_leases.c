/* Leases, keepers and sessions. */
#include <dengine/session.h>

#include "tests/server/meaning.h"

#define HOUR_MS 3600000

static void look(struct de_meaning *m, uint64_t lease)
{
    for (int policy = DENGINE_DEFAULT; policy <= DENGINE_EVENTUAL; policy++) {
        struct dengine_lease_info info;

        de_say(m,
               dengine_lease_look(m->client, lease, (enum dengine_consistency)policy, NULL, &info),
               "look");
        de_say_lease(m, &info);
    }
}

static void list(struct de_meaning *m, uint64_t from)
{
    struct dengine_lease_page page;

    de_say(m, dengine_lease_list(m->client, from, DENGINE_LINEARIZABLE, NULL, &page),
           "list from %llu", (unsigned long long)from);
    de_say_leases(m, &page);
}

static void a_lease(struct de_meaning *m)
{
    struct dengine_client *c = m->client;
    struct dengine_put_options attached = {0};
    struct dengine_value value;

    list(m, 0);
    list(m, 2);
    list(m, 1000);
    de_say(m, dengine_lease_grant(c, HOUR_MS, NULL, &attached.lease), "grant");
    de_say_number(m, "lease", attached.lease);
    de_say(m, dengine_put_with(c, DENGINE_STR("leased"), DENGINE_STR("1"), &attached, NULL, NULL),
           "attach");
    look(m, attached.lease);
    de_say(m, dengine_lease_keep_alive(c, attached.lease, NULL), "keep alive");
    de_say(m, dengine_lease_revoke(c, attached.lease, NULL), "revoke");
    de_say(m, dengine_get(c, DENGINE_STR("leased"), DENGINE_LINEARIZABLE, NULL, &value),
           "its key has gone");
    look(m, attached.lease);
    de_say(m, dengine_lease_keep_alive(c, attached.lease, NULL), "keep alive what has ended");
    de_say(m, dengine_lease_revoke(c, attached.lease, NULL), "revoke what has ended");
    de_say(m, dengine_put_with(c, DENGINE_STR("leased"), DENGINE_STR("1"), &attached, NULL, NULL),
           "attach to what has ended");
}

static void a_keeper(struct de_meaning *m)
{
    struct dengine_keeper *keeper = NULL;

    de_say(m, dengine_keeper_open(m->client, HOUR_MS, NULL, NULL, &keeper), "open a keeper");
    de_say_number(m, "lease", dengine_keeper_lease(keeper));
    de_say_number(m, "alive", dengine_keeper_left_ms(keeper) > HOUR_MS / 2);
    de_say(m, dengine_keeper_close(keeper), "close a keeper");
    look(m, 1000);
}

static void writes_of(struct de_meaning *m, struct dengine_client *client)
{
    const struct dengine_op op = {
        .type = DENGINE_OP_DELETE, .key = DENGINE_STR("session"), .previous = true};
    const struct dengine_txn txn = {.then_ops = &op, .then_count = 1};
    struct dengine_txn_result result;
    struct dengine_value value;
    bool succeeded = true;

    de_say(m, dengine_put(client, DENGINE_STR("session"), DENGINE_STR("1"), NULL), "put");
    de_say(m,
           dengine_compare_and_swap(client, DENGINE_STR("session"), NULL, DENGINE_STR("x"), NULL,
                                    &succeeded),
           "swap");
    de_say_number(m, "succeeded", succeeded);
    de_say(m, dengine_get(client, DENGINE_STR("session"), DENGINE_LINEARIZABLE, NULL, &value),
           "get");
    de_say_value(m, &value);
    de_say(m, dengine_txn(client, &txn, NULL, &result), "txn");
    de_say_txn(m, &result);
    de_say(m, dengine_delete(client, DENGINE_STR("session"), NULL), "delete");
}

static void a_session(struct de_meaning *m)
{
    struct dengine_session *session = NULL;

    de_say(m, dengine_session_open(m->client, 1, NULL, NULL, &session), "open a session too short");
    de_say(m, dengine_session_open(m->client, HOUR_MS, NULL, NULL, &session), "open a session");
    de_say_number(m, "lease", dengine_session_lease(session));
    de_say_number(m, "alive", dengine_session_left_ms(session) > HOUR_MS / 2);
    writes_of(m, dengine_session_client(session));
    de_say(m, dengine_lease_revoke(m->client, dengine_session_lease(session), NULL),
           "end its lease");
    writes_of(m, dengine_session_client(session));
    de_say(m, dengine_session_close(session), "close what has ended");
    de_say(m, dengine_session_open(m->client, HOUR_MS, NULL, NULL, &session), "open another one");
    de_say(m, dengine_session_close(session), "close it");
}

void de_meaning_leases(struct de_meaning *m)
{
    a_lease(m);
    a_keeper(m);
    a_session(m);
}
