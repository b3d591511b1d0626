/* A watch whose past is forgotten again and again, over a client with a small state of its own: the
 * map that its user makes of the events is the state, and no event goes back in time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dengine/watch.h>

#include "client/client_ops.h"
#include "core/base/assert.h"
#include "core/base/random.h"

#define KEYS     40
#define LOG_MAX  20000
#define PAGE_MAX 5

/* ---- a state with a log ---- */

struct change {
    uint32_t key;
    bool put;
    uint64_t version;
};

struct world {
    struct dengine_client client;
    struct de_random random;
    uint64_t revision; /* of the newest change; change r is log[r] */
    struct change log[LOG_MAX];
    uint64_t versions[KEYS]; /* 0: not there */
    uint64_t revisions[KEYS];
    uint64_t lag; /* watches see changes so much later */
    bool forgets; /* watches end COMPACTED */
    uint32_t feeds;
    uint32_t fails; /* so many scans fail */
    uint64_t scans;
};

static void change_something(struct world *w)
{
    const uint32_t key = (uint32_t)de_random_below(&w->random, KEYS);
    const bool put = w->versions[key] == 0 || de_random_below(&w->random, 3) != 0;
    struct change *change = &w->log[++w->revision];

    DE_ASSERT(w->revision < LOG_MAX);
    change->key = key;
    change->put = put;
    change->version = put ? w->versions[key] + 1 : w->versions[key];
    w->versions[key] = put ? w->versions[key] + 1 : 0;
    w->revisions[key] = put ? w->revision : 0;
}

static struct dengine_slice name_of(char text[8], uint32_t key)
{
    (void)snprintf(text, 8, "k%02u", (unsigned)key);
    return dengine_str(text);
}

struct feed {
    struct de_watch_feed feed;
    struct world *world;
    uint64_t next;
    int result;
    char key[8];
};

static uint64_t visible(const struct world *w)
{
    return w->revision > w->lag ? w->revision - w->lag : 0;
}

static int feed_next(struct de_watch_feed *base, struct dengine_event *event)
{
    struct feed *f = DE_CONTAINER_OF(base, struct feed, feed);
    const struct change *change;

    if (f->result != 0) {
        return f->result;
    }
    if (f->world->forgets) {
        f->world->forgets = false;
        f->result = DENGINE_E_COMPACTED;
        return f->result;
    }
    if (f->next > visible(f->world)) {
        return DENGINE_E_TIMEOUT;
    }
    change = &f->world->log[f->next];
    *event = (struct dengine_event){.type = change->put ? DENGINE_EVENT_PUT : DENGINE_EVENT_DELETE,
                                    .revision = f->next,
                                    .version = change->version,
                                    .key = name_of(f->key, change->key)};
    event->value = event->key;
    f->next++;
    return 0;
}

static uint64_t feed_revision(const struct de_watch_feed *base)
{
    return DE_CONTAINER_OF(base, const struct feed, feed)->next - 1;
}

static void feed_close(struct de_watch_feed *base)
{
    struct feed *f = DE_CONTAINER_OF(base, struct feed, feed);

    f->world->feeds--;
    free(f);
}

static const struct de_watch_feed_ops feed_ops = {feed_next, feed_revision, NULL, feed_close};

static int world_watch(struct dengine_client *client, const struct dengine_watch_options *options,
                       struct de_watch_feed **feed)
{
    struct world *w = DE_CONTAINER_OF(client, struct world, client);
    struct feed *f = calloc(1, sizeof *f);

    assert_non_null(f);
    f->feed.ops = &feed_ops;
    f->world = w;
    f->next = options->from_revision != 0 ? options->from_revision : visible(w) + 1;
    w->feeds++;
    *feed = &f->feed;
    return 0;
}

/* Only scans come here. */
static int world_start(struct dengine_client *client, const struct de_client_call *call)
{
    struct world *w = DE_CONTAINER_OF(client, struct world, client);
    struct dengine_reply reply = {.succeeded = true};
    uint8_t *at;
    uint32_t i;

    assert_int_equal(call->type, DE_CLIENT_SCAN);
    w->scans++;
    if (w->fails > 0) {
        w->fails--;
        reply.status = DENGINE_E_NO_LEADER;
        call->callback(call->context, &reply);
        return 0;
    }
    assert_int_equal(de_client_page_new(&reply.page, PAGE_MAX, PAGE_MAX * 16), 0);
    at = de_client_page_bytes(&reply.page, PAGE_MAX);
    for (i = 0; i < KEYS && !reply.page.more; i++) {
        char text[8];
        const struct dengine_slice name = name_of(text, i);
        const int order = call->key.size > 0 ? memcmp(name.data, call->key.data, 3) : 1;
        const struct dengine_pair pair = {
            .key = name, .value = name, .mod_revision = w->revisions[i], .version = w->versions[i]};

        if (order < 0 || (order == 0 && call->scan->from_excluded) || w->versions[i] == 0) {
            continue;
        }
        if (reply.page.count == PAGE_MAX) {
            reply.page.more = true;
        } else {
            de_client_page_add(&reply.page, &at, &pair);
        }
    }
    reply.page.revision = w->revision;
    call->callback(call->context, &reply);
    return 0;
}

static const struct de_client_ops world_ops = {.start = world_start, .watch = world_watch};

/* ---- the user ---- */

struct user {
    struct dengine_watch *watch;
    uint64_t versions[KEYS];
    uint64_t revisions[KEYS];
    uint64_t revision;
    uint64_t resynced;
    uint64_t begun; /* because it was COMPACTED before it knew the keys */
};

static uint32_t number_of(struct dengine_slice key)
{
    return (uint32_t)strtoul((const char *)key.data + 1, NULL, 10);
}

static void take(struct user *u, const struct dengine_event *event)
{
    const uint32_t i = number_of(event->key);

    assert_true(event->revision >= u->revision);
    u->revision = event->revision;
    if (event->resynced) {
        u->resynced++;
        assert_int_equal(event->had_previous, u->versions[i] != 0);
    } else {
        assert_int_equal(event->version,
                         u->versions[i] + (event->type == DENGINE_EVENT_PUT ? 1 : 0));
    }
    u->versions[i] = event->type == DENGINE_EVENT_PUT ? event->version : 0;
    u->revisions[i] = event->type == DENGINE_EVENT_PUT ? event->revision : 0;
}

/* What the manual says to do after COMPACTED: read the state, and begin after it. */
static void begin_anew(struct world *w, struct user *u)
{
    struct dengine_watch_options options = {.resync = true, .from_revision = w->revision + 1};

    dengine_watch_close(u->watch);
    memcpy(u->versions, w->versions, sizeof u->versions);
    memcpy(u->revisions, w->revisions, sizeof u->revisions);
    u->revision = w->revision;
    u->begun++;
    assert_int_equal(dengine_watch_open(&w->client, &options, &u->watch), 0);
}

/* Until nothing comes and nothing is under way. */
static void drain(struct world *w, struct user *u)
{
    struct dengine_event event;
    int err = 0;
    int n;

    for (n = 0; n < 3000; n++) {
        err = dengine_watch_next(u->watch, 0, &event);
        if (err == 0) {
            take(u, &event);
        } else if (err == DENGINE_E_COMPACTED) {
            begin_anew(w, u);
        } else {
            assert_int_equal(err, DENGINE_E_TIMEOUT);
            if (dengine_watch_revision(u->watch) == w->revision) {
                return;
            }
        }
    }
    fail_msg("it does not come to rest");
}

static void check(const struct world *w, const struct user *u)
{
    assert_memory_equal(u->versions, w->versions, sizeof u->versions);
    assert_memory_equal(u->revisions, w->revisions, sizeof u->revisions);
}

static void run_seed(uint64_t seed, uint64_t *resynced, uint64_t *begun)
{
    struct dengine_watch_options options = {.resync = true, .from_revision = 1};
    static struct world w;
    struct user u = {0};
    struct dengine_event event;
    int steps;
    int i;

    memset(&w, 0, sizeof w);
    de_random_init(&w.random, seed);
    w.client.ops = &world_ops;
    w.client.timeout_ms = 1000;
    for (i = (int)de_random_below(&w.random, 50); i >= 0; i--) {
        change_something(&w);
    }
    assert_int_equal(dengine_watch_open(&w.client, &options, &u.watch), 0);
    for (steps = 0; steps < 2000; steps++) {
        const uint64_t what = de_random_below(&w.random, 100);

        if (what < 40) {
            change_something(&w);
        } else if (what < 42) {
            w.forgets = true;
        } else if (what < 46) {
            w.lag = de_random_below(&w.random, 10);
        } else {
            const int err = dengine_watch_next(u.watch, 0, &event);

            if (err == 0) {
                take(&u, &event);
            } else if (err == DENGINE_E_COMPACTED) {
                begin_anew(&w, &u);
            } else {
                assert_int_equal(err, DENGINE_E_TIMEOUT);
            }
        }
        if (steps % 200 == 199) {
            w.lag = 0;
            drain(&w, &u);
            check(&w, &u);
        }
    }
    dengine_watch_close(u.watch);
    assert_int_equal(w.feeds, 0);
    *resynced += u.resynced;
    *begun += u.begun;
}

static void the_map_is_the_state_whatever_is_forgotten(void **state)
{
    uint64_t resynced = 0;
    uint64_t begun = 0;
    uint64_t seed;

    (void)state;
    for (seed = 1; seed <= 300; seed++) {
        run_seed(seed, &resynced, &begun);
    }
    assert_true(resynced > 1000);
    assert_true(begun > 10);
}

static void a_page_that_cannot_be_read_is_read_again(void **state)
{
    const struct dengine_watch_options options = {.resync = true, .from_revision = 1};
    static struct world w;
    struct user u = {0};
    struct dengine_event event;
    int i;

    (void)state;
    memset(&w, 0, sizeof w);
    w.client.ops = &world_ops;
    w.client.timeout_ms = 1000;
    de_random_init(&w.random, 1);
    change_something(&w);
    assert_int_equal(dengine_watch_open(&w.client, &options, &u.watch), 0);
    for (i = 0; i < 10; i++) {
        drain(&w, &u);
    }
    for (i = 0; i < 100; i++) {
        change_something(&w);
    }
    w.forgets = true;
    w.fails = 2;
    while (w.fails > 0 || u.resynced == 0) {
        if (dengine_watch_next(u.watch, 20, &event) == 0) {
            take(&u, &event);
        }
    }
    drain(&w, &u);
    check(&w, &u);
    dengine_watch_close(u.watch);
}

static void what_was_never_known_is_said_to_be_forgotten(void **state)
{
    struct dengine_watch_options options = {.resync = true, .from_revision = 1};
    static struct world w;
    struct dengine_watch *watch;
    struct dengine_event event;

    (void)state;
    memset(&w, 0, sizeof w);
    w.client.ops = &world_ops;
    w.client.timeout_ms = 1000;
    de_random_init(&w.random, 1);
    change_something(&w);
    w.forgets = true;
    assert_int_equal(dengine_watch_open(&w.client, &options, &watch), 0);
    assert_int_equal(dengine_watch_next(watch, 0, &event), DENGINE_E_COMPACTED);
    dengine_watch_close(watch);
    options.no_puts = true;
    assert_int_equal(dengine_watch_open(&w.client, &options, &watch), DENGINE_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_map_is_the_state_whatever_is_forgotten),
        cmocka_unit_test(a_page_that_cannot_be_read_is_read_again),
        cmocka_unit_test(what_was_never_known_is_said_to_be_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
