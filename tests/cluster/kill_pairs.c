/* What is written at one revision is seen at one revision, and what has a time to live is not gone
 * before it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "tests/cluster/service_kill.h"

#define TTL_MS 1000
/* What clocks may drift apart, far more than they do on one machine. */
#define DRIFT_MS (TTL_MS / 100)

static uint64_t pairs_seen;
static uint64_t pairs_missed; /* before the first was written */
static uint64_t ended;        /* keys with a time to live */

/* ---- pairs ---- */

static void *write_pairs(void *argument)
{
    struct dengine_client *client = de_kill_connect(1000);
    uint64_t number = 0;

    DE_ASSERT(argument != NULL);
    while (de_kill_going_on()) {
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
    struct dengine_client *client = de_kill_connect(1000);
    struct dengine_scan scan = {.from = DENGINE_STR("pair/"), .end = DENGINE_STR("pair0")};
    uint64_t newest = 0; /* of what was seen by linearizable scans */
    uint64_t turn;

    DE_ASSERT(argument != NULL);
    for (turn = 0; de_kill_going_on(); turn++) {
        struct dengine_page page;

        scan.consistency = turn % 2 == 0 ? DENGINE_LINEARIZABLE : DENGINE_EVENTUAL;
        if (dengine_scan(client, &scan, NULL, &page) == 0) {
            const uint64_t seen = page.count > 0 ? page.pairs[0].mod_revision : 0;

            if (!one_pair(&page)) {
                de_kill_broken("a transaction was seen in part");
            }
            if (scan.consistency == DENGINE_LINEARIZABLE) {
                if (seen < newest) {
                    de_kill_broken("a linearizable scan goes back in time");
                }
                newest = seen;
            }
            de_kill_count(page.count != 0 ? &pairs_seen : &pairs_missed);
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
    struct dengine_client *client = de_kill_connect(1000);
    uint64_t number = 0;

    DE_ASSERT(argument != NULL);
    while (de_kill_going_on()) {
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
                de_kill_broken("a key was gone before its time");
            }
        } while (err != DENGINE_E_NOT_FOUND && de_kill_going_on());
        de_kill_count(&ended);
    }
    dengine_disconnect(client);
    return NULL;
}

/* ---- the end ---- */

static void judge(struct dengine_client *client)
{
    DE_ASSERT(client != NULL);
    (void)printf("%" PRIu64 " seen, %" PRIu64 " not yet there, %" PRIu64
                 " keys with a time to live ended\n",
                 pairs_seen, pairs_missed, ended);
    de_kill_require(ended > 0, "no key with a time to live has ended");
}

const struct de_kill_workload de_kill_pairs = {
    .name = "pairs",
    .threads = {write_pairs, read_pairs, watch_times},
    .progress = &pairs_seen,
    .step = 100,
    .judge = judge,
};
