/* What is refused because there is enough of it. A server is asked again until the deadline. */
#include <dengine/session.h>
#include <dengine/watch.h>

#include "tests/server/meaning.h"

#define HOUR_MS 3600000

static const struct dengine_call_options brief = {.timeout_ms = 300};

static void leases(struct de_meaning *m)
{
    const struct dengine_put_options hour = {.ttl_ms = HOUR_MS};
    const struct dengine_op put = {
        .type = DENGINE_OP_PUT, .key = DENGINE_STR("b"), .ttl_ms = HOUR_MS};
    const struct dengine_txn txn = {.then_ops = &put, .then_count = 1};
    uint64_t granted[DE_MEANING_LEASES_MAX + 1] = {0};
    struct dengine_txn_result result;
    size_t count = 0;
    int err = 0;

    while (err == 0 && count <= DE_MEANING_LEASES_MAX) {
        err = dengine_lease_grant(m->client, HOUR_MS, &brief, &granted[count]);
        de_say(m, err, "grant");
        count++;
    }
    de_say(m, dengine_put_with(m->client, DENGINE_STR("b"), DENGINE_STR("1"), &hour, &brief, NULL),
           "put with a time");
    de_say(m, dengine_txn(m->client, &txn, &brief, &result), "put with a time in a txn");
    for (size_t i = 0; i < count && granted[i] != 0; i++) {
        de_say(m, dengine_lease_revoke(m->client, granted[i], NULL), "revoke");
    }
    de_say(m, dengine_put_with(m->client, DENGINE_STR("b"), DENGINE_STR("1"), &hour, &brief, NULL),
           "put with a time");
}

static void sessions(struct de_meaning *m)
{
    struct dengine_session *sessions[DE_MEANING_SESSIONS_MAX + 1] = {0};

    for (size_t i = 0; i <= DE_MEANING_SESSIONS_MAX; i++) {
        de_say(m, dengine_session_open(m->client, HOUR_MS, NULL, &brief, &sessions[i]),
               "open a session");
    }
    for (size_t i = 0; i <= DE_MEANING_SESSIONS_MAX; i++) {
        de_say(m, dengine_session_close(sessions[i]), "close a session");
    }
}

/* A remote client hears of it when it asks for the first event. */
static void watchers(struct de_meaning *m)
{
    struct dengine_watch *watches[DE_MEANING_WATCHERS_MAX + 1] = {0};
    struct dengine_event event;

    for (size_t i = 0; i <= DE_MEANING_WATCHERS_MAX; i++) {
        const struct dengine_watch_options options = {.from = DENGINE_STR("b")};
        int err = dengine_watch_open(m->client, &options, &watches[i]);

        while (err == 0 && dengine_watch_revision(watches[i]) == 0) {
            err = dengine_watch_next(watches[i], 20, &event);
            err = err == DENGINE_E_TIMEOUT ? 0 : err;
        }
        (void)fprintf(m->out, "watch: %s\n", dengine_error_name(err));
    }
    for (size_t i = 0; i <= DE_MEANING_WATCHERS_MAX; i++) {
        dengine_watch_close(watches[i]);
    }
}

void de_meaning_bounds(struct de_meaning *m)
{
    leases(m);
    sessions(m);
    watchers(m);
}
