/* The twins that call back: the whole of what they are given. */
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "tests/server/meaning.h"

#define HOUR_MS 3600000

struct waiting {
    struct dengine_client *client;
    struct dengine_reply reply;
    char text[512];
    atomic_bool done;
};

static void end(void *context, struct dengine_reply *reply)
{
    struct waiting *waiting = context;

    waiting->reply = *reply;
    (void)snprintf(waiting->text, sizeof waiting->text, "%s", dengine_last_error(waiting->client));
    atomic_store(&waiting->done, true);
}

/* Waits for the answer and tells all of it. An error that is returned says the same as one that is
 * called back with. A lease that was granted is returned. */
static uint64_t tell(struct de_meaning *m, const char *what, int started, struct waiting *waiting)
{
    struct dengine_reply *reply = &waiting->reply;
    uint64_t lease;

    while (started == 0 && !atomic_load(&waiting->done)) {
        (void)sched_yield();
    }
    if (started != 0) {
        *reply = (struct dengine_reply){.status = started};
    }
    (void)fprintf(m->out, "%s by callback", what);
    de_say_end(m, reply->status, started != 0 ? dengine_last_error(m->client) : waiting->text);
    de_say_number(m, "succeeded", reply->succeeded);
    de_say_number(m, "count", reply->count);
    de_say_number(m, "lease", reply->lease);
    de_say_revision(m, "revision", reply->revision);
    de_say_value(m, &reply->value);
    de_say_page(m, &reply->page);
    de_say_txn(m, &reply->txn);
    de_say_leases(m, &reply->leases);
    lease = reply->lease;
    *waiting = (struct waiting){.client = m->client};
    return lease;
}

static void writes(struct de_meaning *m)
{
    static char large[DE_MEANING_VALUE_BYTES_MAX + 1];
    const struct dengine_put_options hour = {.ttl_ms = HOUR_MS};
    const struct dengine_slice one = DENGINE_STR("1");
    struct waiting w = {.client = m->client};
    struct dengine_client *c = m->client;

    (void)tell(m, "put", dengine_put_async(c, DENGINE_STR("cb"), DENGINE_STR("1"), NULL, end, &w),
               &w);
    (void)tell(
        m, "put with",
        dengine_put_with_async(c, DENGINE_STR("cb2"), DENGINE_STR("2"), &hour, NULL, end, &w), &w);
    (void)tell(
        m, "swap",
        dengine_compare_and_swap_async(c, DENGINE_STR("cb"), &one, DENGINE_STR("2"), NULL, end, &w),
        &w);
    (void)tell(
        m, "swap that is false",
        dengine_compare_and_swap_async(c, DENGINE_STR("cb"), &one, DENGINE_STR("2"), NULL, end, &w),
        &w);
    (void)tell(m, "delete", dengine_delete_async(c, DENGINE_STR("cb"), NULL, end, &w), &w);
    (void)tell(m, "delete of nothing", dengine_delete_async(c, DENGINE_STR("cb"), NULL, end, &w),
               &w);
    (void)tell(m, "delete of a range",
               dengine_delete_range_async(c, DENGINE_STR("cb"), DENGINE_STR("cc"), NULL, end, &w),
               &w);
    (void)tell(
        m, "put that is too large",
        dengine_put_async(c, DENGINE_STR("cb"), dengine_bytes(large, sizeof large), NULL, end, &w),
        &w);
    (void)tell(m, "put without a key",
               dengine_put_async(c, DENGINE_STR(""), DENGINE_STR("2"), NULL, end, &w), &w);
}

static void leases_and_txn(struct de_meaning *m)
{
    const struct dengine_op ops[] = {
        {.type = DENGINE_OP_PUT, .key = DENGINE_STR("cb"), .value = DENGINE_STR("3")},
        {.type = DENGINE_OP_GET, .key = DENGINE_STR("cb")},
    };
    const struct dengine_txn txn = {.then_ops = ops, .then_count = 2};
    struct waiting w = {.client = m->client};
    struct dengine_client *c = m->client;
    uint64_t lease = 0;

    (void)tell(m, "txn", dengine_txn_async(c, &txn, NULL, end, &w), &w);
    de_say(m, dengine_lease_grant(c, HOUR_MS, NULL, &lease), "grant");
    (void)tell(m, "keep alive", dengine_lease_keep_alive_async(c, lease, NULL, end, &w), &w);
    (void)tell(m, "look", dengine_lease_look_async(c, lease, DENGINE_LEASE, NULL, end, &w), &w);
    (void)tell(m, "revoke", dengine_lease_revoke_async(c, lease, NULL, end, &w), &w);
    (void)tell(m, "revoke again", dengine_lease_revoke_async(c, lease, NULL, end, &w), &w);
    (void)tell(m, "look at nothing",
               dengine_lease_look_async(c, lease, DENGINE_LEASE, NULL, end, &w), &w);
    (void)tell(m, "list", dengine_lease_list_async(c, 0, DENGINE_EVENTUAL, NULL, end, &w), &w);
    (void)tell(m, "grant for no time", dengine_lease_grant_async(c, 0, NULL, end, &w), &w);
    lease = tell(m, "grant", dengine_lease_grant_async(c, HOUR_MS, NULL, end, &w), &w);
    (void)tell(m, "its end", dengine_lease_revoke_async(c, lease, NULL, end, &w), &w);
}

static void reads(struct de_meaning *m)
{
    const struct dengine_slice keys[] = {DENGINE_STR("cb"), DENGINE_STR("nowhere")};
    const struct dengine_scan scan = {.from = DENGINE_STR("a"), .end = DENGINE_STR("d")};
    struct waiting w = {.client = m->client};

    for (int policy = DENGINE_DEFAULT; policy <= DENGINE_EVENTUAL; policy++) {
        const enum dengine_consistency p = (enum dengine_consistency)policy;

        (void)tell(m, "get", dengine_get_async(m->client, keys[0], p, NULL, end, &w), &w);
        (void)tell(m, "get of nothing", dengine_get_async(m->client, keys[1], p, NULL, end, &w),
                   &w);
        (void)tell(m, "get several", dengine_get_multi_async(m->client, keys, 2, p, NULL, end, &w),
                   &w);
        (void)tell(m, "scan", dengine_scan_async(m->client, &scan, NULL, end, &w), &w);
    }
}

void de_meaning_callbacks(struct de_meaning *m)
{
    writes(m);
    leases_and_txn(m);
    reads(m);
}
