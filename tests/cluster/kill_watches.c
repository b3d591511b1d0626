/* A watch of a range, from before the first write, which writers change by puts, deletes,
 * transactions and times to live. Each event must fit what was there before, and in the end the map
 * made of the events must be what a scan shows. */
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dengine/watch.h>

#include "core/base/assert.h"
#include "core/base/random.h"
#include "tests/cluster/service_kill.h"

#define WRITERS 2
#define KEYS    50
#define TTL_MS  300
#define CALL_MS 1000

static uint64_t written;
static uint64_t events;
static uint64_t expired; /* of the events */
static uint64_t canceled;
static uint64_t compacted;
static uint64_t writers_gone;

/* ---- writers ---- */

static struct dengine_slice key_of(char *buffer, uint64_t number)
{
    (void)snprintf(buffer, 16, "m/%02u", (unsigned)number);
    return dengine_str(buffer);
}

static int write_pair(struct dengine_client *client, struct dengine_slice a, struct dengine_slice b)
{
    const struct dengine_op ops[] = {
        {.type = DENGINE_OP_PUT, .key = a, .value = DENGINE_STR("pair")},
        {.type = DENGINE_OP_PUT, .key = b, .value = DENGINE_STR("pair")},
    };
    const struct dengine_txn txn = {.then_ops = ops, .then_count = 2};
    struct dengine_txn_result result;
    const int err = dengine_txn(client, &txn, NULL, &result);

    if (err == 0) {
        dengine_txn_result_free(&result);
    }
    return err;
}

static void *run_writer(void *argument)
{
    const struct dengine_put_options life = {.ttl_ms = TTL_MS};
    struct dengine_client *client = de_kill_connect(CALL_MS);
    struct de_random random;

    de_random_init(&random, *(const uint32_t *)argument + 1);
    while (de_kill_going_on()) {
        const uint64_t what = de_random_below(&random, 10);
        char first[16];
        char second[16];
        const struct dengine_slice a = key_of(first, de_random_below(&random, KEYS));
        const struct dengine_slice b = key_of(second, de_random_below(&random, KEYS));
        int err;

        if (what < 4) {
            err = dengine_put(client, a, DENGINE_STR("value"), NULL);
        } else if (what < 6) {
            err = dengine_delete(client, a, NULL);
        } else if (what < 8) {
            err = write_pair(client, a, b);
        } else {
            err = dengine_put_with(client, a, DENGINE_STR("short"), &life, NULL, NULL);
        }
        if (err == 0) {
            de_kill_count(&written);
        }
    }
    de_kill_count(&writers_gone);
    dengine_disconnect(client);
    return NULL;
}

/* ---- the watch ---- */

struct mirror {
    uint64_t versions[KEYS]; /* 0: no such key */
    uint64_t revisions[KEYS];
    uint64_t revision; /* of the newest event */
};

static struct mirror mirror;

static size_t number_of(struct dengine_slice key)
{
    char text[16];
    unsigned long number;

    (void)snprintf(text, sizeof text, "%.*s", (int)key.size, (const char *)key.data);
    number = strtoul(text + 2, NULL, 10);
    DE_ASSERT(number < KEYS);
    return (size_t)number;
}

static void take_event(const struct dengine_event *event)
{
    const size_t i = number_of(event->key);
    const bool is_put = event->type == DENGINE_EVENT_PUT;

    if (event->revision < mirror.revision) {
        de_kill_broken("the watch goes back in time");
    } else if (event->had_previous != (mirror.versions[i] != 0) ||
               event->version != mirror.versions[i] + (is_put ? 1 : 0)) {
        de_kill_broken("the watch has missed a change, or shows it twice");
    }
    mirror.revision = event->revision;
    mirror.versions[i] = is_put ? event->version : 0;
    mirror.revisions[i] = is_put ? event->revision : 0;
    de_kill_count(&events);
    if (event->expired) {
        de_kill_count(&expired);
    }
}

/* What there is of the range, as of one revision. */
static void look(struct dengine_client *client, struct mirror *seen)
{
    const struct dengine_scan scan = {
        .from = DENGINE_STR("m/"), .end = DENGINE_STR("m0"), .consistency = DENGINE_LINEARIZABLE};
    struct dengine_page page;
    size_t i;

    while (dengine_scan(client, &scan, NULL, &page) != 0) {
    }
    memset(seen, 0, sizeof *seen);
    seen->revision = page.revision;
    for (i = 0; i < page.count; i++) {
        const size_t number = number_of(page.pairs[i].key);

        seen->versions[number] = page.pairs[i].version;
        seen->revisions[number] = page.pairs[i].mod_revision;
    }
    dengine_page_free(&page);
}

static struct dengine_watch *watch_from(struct dengine_client *client, uint64_t revision)
{
    const struct dengine_watch_options options = {
        .from = DENGINE_STR("m/"), .end = DENGINE_STR("m0"), .from_revision = revision};
    struct dengine_watch *watch;

    de_kill_require(dengine_watch_open(client, &options, &watch) == 0, "no watch");
    return watch;
}

/* Nothing is written any more; keys with a time to live end. */
static void wait_quiet(struct dengine_client *client)
{
    const uint64_t start_ms = de_now_ms();
    struct dengine_page page;
    uint64_t lives;
    size_t i;

    do {
        const struct dengine_scan scan = {.from = DENGINE_STR("m/"), .end = DENGINE_STR("m0")};

        lives = 1;
        if (dengine_scan(client, &scan, NULL, &page) == 0) {
            lives = 0;
            for (i = 0; i < page.count; i++) {
                lives += page.pairs[i].lease;
            }
            dengine_page_free(&page);
        }
        de_kill_require(de_now_ms() - start_ms < DE_KILL_PATIENCE_MS, "a key outlives its time");
    } while (lives != 0);
}

/* The writers have been told to end: the revision that the watch must still reach. */
static uint64_t end_of_writes(struct dengine_client *client)
{
    uint64_t end = 0;

    while (de_kill_read(&writers_gone) < WRITERS) {
        (void)sched_yield(); /* each is in its last call at most */
    }
    wait_quiet(client);
    while (dengine_put_with(client, DENGINE_STR("end"), DENGINE_STR("x"), NULL, NULL, &end) != 0) {
    }
    DE_ASSERT(end > 0);
    return end;
}

static void *run_watch(void *argument)
{
    struct dengine_client *client = de_kill_connect(CALL_MS);
    struct dengine_watch *watch = watch_from(client, 1);
    struct dengine_event event;
    uint64_t end = 0; /* 0: not known yet */

    DE_ASSERT(argument != NULL);
    for (;;) {
        const int err = dengine_watch_next(watch, 100, &event);

        if (err == 0) {
            take_event(&event);
        } else if (err == DENGINE_E_TIMEOUT) {
            dengine_watch_progress(watch);
            if (end != 0 && dengine_watch_revision(watch) >= end) {
                break;
            }
            if (end == 0 && !de_kill_going_on()) {
                end = end_of_writes(client);
            }
        } else if (err == DENGINE_E_CANCELED || err == DENGINE_E_COMPACTED) {
            uint64_t from = dengine_watch_revision(watch);

            dengine_watch_close(watch);
            de_kill_count(err == DENGINE_E_CANCELED ? &canceled : &compacted);
            if (err == DENGINE_E_COMPACTED) {
                look(client, &mirror);
                from = mirror.revision + 1;
            }
            watch = watch_from(client, from);
        } else {
            de_kill_broken("the watch ends with an error that it must not end with");
            break;
        }
    }
    dengine_watch_close(watch);
    dengine_disconnect(client);
    return NULL;
}

static void compare(struct dengine_client *client)
{
    struct mirror seen;
    size_t i;

    look(client, &seen);
    for (i = 0; i < KEYS; i++) {
        de_kill_require(seen.versions[i] == mirror.versions[i] &&
                            seen.revisions[i] == mirror.revisions[i],
                        "the map made of the events is not what a scan shows");
    }
}

static void judge(struct dengine_client *client)
{
    (void)printf("%" PRIu64 " writes, %" PRIu64 " events, %" PRIu64 " expired, %" PRIu64
                 " canceled, %" PRIu64 " compacted\n",
                 written, events, expired, canceled, compacted);
    compare(client);
    de_kill_require(expired > 0 && written > 0, "not everything ran");
}

const struct de_kill_workload de_kill_watches = {
    .name = "watches",
    .threads = {run_writer, run_writer, run_watch},
    .progress = &events,
    .step = 100,
    .judge = judge,
};
