/* Watches: of a key, a prefix, a range, all; with filters; from now, from the past, from what is
 * forgotten. */
#include <dengine/watch.h>

#include "tests/server/meaning.h"

#define WAIT_MS 20000

static void say_event(struct de_meaning *m, const struct dengine_event *event)
{
    (void)fprintf(m->out, "  %s%s%s version %llu lease %llu\n",
                  event->type == DENGINE_EVENT_PUT ? "put" : "delete",
                  event->expired ? ", expired" : "", event->resynced ? ", resynced" : "",
                  (unsigned long long)event->version, (unsigned long long)event->lease);
    de_say_bytes(m, "key", event->key);
    de_say_bytes(m, "value", event->value);
    if (event->had_previous) {
        de_say_bytes(m, "previous", event->previous);
    }
    de_say_revision(m, "at", event->revision);
    de_say_revision(m, "created", event->create_revision);
}

/* All events up to the revision until; or up to the end of the watch. */
static void say_events(struct de_meaning *m, const char *what, struct dengine_watch *watch,
                       uint64_t until)
{
    struct dengine_event event;
    int err = 0;

    (void)fprintf(m->out, "watch %s\n", what);
    while (err == 0 || (err == DENGINE_E_TIMEOUT && dengine_watch_revision(watch) < until)) {
        if (err != 0) {
            dengine_watch_progress(watch);
        }
        err = dengine_watch_next(watch, err == 0 ? 0 : 20, &event);
        if (err == 0) {
            say_event(m, &event);
        }
    }
    if (err != DENGINE_E_TIMEOUT) {
        (void)fprintf(m->out, "  ends with %s\n", dengine_error_name(err));
        de_say_as_of(m, dengine_watch_revision(watch));
    }
}

static struct dengine_watch *open_watch(struct de_meaning *m, struct dengine_watch_options options)
{
    struct dengine_watch *watch = NULL;

    de_say(m, dengine_watch_open(m->client, &options, &watch), "open a watch");
    return watch;
}

/* Of a remote client: it does not know yet where it begins. */
static void wait_begun(struct dengine_watch *watch)
{
    struct dengine_event event;

    while (dengine_watch_revision(watch) == 0) {
        (void)dengine_watch_next(watch, 20, &event);
    }
}

/* What is watched; the last change's revision. */
static uint64_t change(struct de_meaning *m)
{
    const struct dengine_put_options brief = {.ttl_ms = 1};
    const struct dengine_op ops[] = {
        {.type = DENGINE_OP_PUT, .key = DENGINE_STR("w/2"), .value = DENGINE_STR("x")},
        {.type = DENGINE_OP_PUT, .key = DENGINE_STR("w/2"), .value = DENGINE_STR("y")},
        {.type = DENGINE_OP_DELETE, .key = DENGINE_STR("w/1")},
    };
    const struct dengine_txn txn = {.then_ops = ops, .then_count = 3};
    const struct dengine_watch_options one = {
        .from = DENGINE_STR("w/3"), .one_key = true, .no_puts = true};
    struct dengine_watch *watch = open_watch(m, one);
    struct dengine_client *c = m->client;
    struct dengine_txn_result result;
    struct dengine_event event;
    uint64_t revision = 0;

    wait_begun(watch);
    de_say(m, dengine_put(c, DENGINE_STR("w/1"), DENGINE_STR("1"), NULL), "put");
    de_say(m, dengine_put(c, DENGINE_STR("w/1"), DENGINE_STR(""), NULL), "put");
    de_say(m, dengine_txn(c, &txn, NULL, &result), "txn");
    de_say_txn(m, &result);
    de_say(m, dengine_put_with(c, DENGINE_STR("w/3"), DENGINE_STR("3"), &brief, NULL, NULL),
           "put briefly");
    de_say(m, dengine_watch_next(watch, WAIT_MS, &event), "wait for its end");
    say_event(m, &event);
    dengine_watch_close(watch);
    de_say(m, dengine_put(c, DENGINE_STR("w"), DENGINE_STR("0"), NULL), "put");
    de_say(m, dengine_put_with(c, DENGINE_STR("w/4"), DENGINE_STR("4"), NULL, NULL, &revision),
           "put");
    return revision;
}

static void filters(struct de_meaning *m)
{
    char buffer[2];
    const struct dengine_slice prefix = DENGINE_STR("w/");
    const struct dengine_slice end = dengine_prefix_end(prefix, buffer);
    const struct {
        const char *what;
        struct dengine_watch_options options;
    } wanted[] = {
        {"of all", {.from = {NULL, 0}}},
        {"of a key", {.from = DENGINE_STR("w"), .one_key = true}},
        {"of a prefix", {.from = prefix, .end = end}},
        {"of a range", {.from = DENGINE_STR("w/2"), .end = DENGINE_STR("w/4")}},
        {"of puts", {.from = prefix, .end = end, .no_deletes = true}},
        {"of deletions", {.from = prefix, .end = end, .no_puts = true}},
        {"of nothing", {.from = prefix, .end = end, .no_puts = true, .no_deletes = true}},
        {"with resync", {.from = prefix, .end = end, .resync = true}},
    };
    struct dengine_watch *watches[8];
    uint64_t first = 0;
    uint64_t last;

    for (size_t i = 0; i < 8; i++) {
        watches[i] = open_watch(m, wanted[i].options);
        wait_begun(watches[i]);
    }
    de_say(m, dengine_put_with(m->client, DENGINE_STR("v"), DENGINE_STR(""), NULL, NULL, &first),
           "put");
    last = change(m);
    for (size_t i = 0; i < 8; i++) {
        say_events(m, wanted[i].what, watches[i], last);
        dengine_watch_close(watches[i]);
    }
    /* The same once more, from the past. */
    for (size_t i = 0; i < 8; i++) {
        struct dengine_watch_options options = wanted[i].options;

        options.from_revision = first;
        watches[i] = open_watch(m, options);
        say_events(m, wanted[i].what, watches[i], last);
        dengine_watch_close(watches[i]);
    }
}

static void forgotten(struct de_meaning *m)
{
    const struct dengine_watch_options options = {.from_revision = 1};
    struct dengine_watch *watch;
    struct dengine_event event;
    uint64_t oldest;
    uint64_t last = 0;

    for (int i = 0; i < DE_MEANING_EVENTS_MAX + 2; i++) {
        (void)dengine_put_with(m->client, DENGINE_STR("f"), DENGINE_STR("1"), NULL, NULL, &last);
    }
    de_say_revision(m, "last", last);
    watch = open_watch(m, options);
    de_say(m, dengine_watch_next(watch, WAIT_MS, &event), "from the beginning");
    de_say(m, dengine_watch_next(watch, 0, &event), "asked again");
    oldest = dengine_watch_revision(watch);
    de_say_number(m, "remembered", last - oldest + 1);
    dengine_watch_close(watch);
    watch = open_watch(m, (struct dengine_watch_options){.from_revision = oldest});
    say_events(m, "from the oldest", watch, last);
    dengine_watch_close(watch);
}

/* What of a large value and of the one before it comes in one message. */
static void large_values(struct de_meaning *m)
{
    static char large[DE_MEANING_VALUE_BYTES_MAX];
    struct dengine_watch *watch = open_watch(
        m, (struct dengine_watch_options){.from = DENGINE_STR("large"), .one_key = true});
    uint64_t revision = 0;

    wait_begun(watch);
    de_say(m,
           dengine_put_with(m->client, DENGINE_STR("large"), dengine_bytes(large, sizeof large),
                            NULL, NULL, &revision),
           "put a large value");
    say_events(m, "of large values", watch, revision);
    dengine_watch_close(watch);
}

static void bad_watches(struct de_meaning *m)
{
    static const char zeros[501];
    const struct dengine_watch_options bad[] = {
        {.from = DENGINE_STR("b"), .end = DENGINE_STR("a")},
        {.from = DENGINE_STR("b"), .end = DENGINE_STR("b")},
        {.one_key = true},
        {.from = DENGINE_STR("b"), .end = DENGINE_STR("c"), .one_key = true},
        {.from = {zeros, 501}},
        {.end = {zeros, 501}},
        {.from = {NULL, 3}},
        {.from = DENGINE_STR("b"), .resync = true, .no_puts = true},
        {.from = DENGINE_STR("b"), .resync = true, .no_deletes = true},
    };
    struct dengine_watch *watch;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        de_say(m, dengine_watch_open(m->client, &bad[i], &watch), "a watch that makes no sense");
    }
    de_say(m, dengine_watch_open(m->client, NULL, &watch), "a watch of nothing");
    de_say(m, dengine_watch_open(NULL, &bad[0], &watch), "a watch of nobody");
    de_say(m, dengine_watch_open(m->client, &bad[0], NULL), "a watch nowhere");
}

void de_meaning_watches(struct de_meaning *m)
{
    filters(m);
    forgotten(m);
    large_values(m);
    bad_watches(m);
}
