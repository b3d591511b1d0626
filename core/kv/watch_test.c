/* The hub against a model that remembers every event and asks every watcher; and what it promises
 * at its bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/random.h"
#include "core/kv/kv.h"
#include "core/kv/kv_test_store.h"
#include "core/kv/watch.h"
#include "tests/support/test_support.h"

enum {
    WATCHERS_MAX = 12,
    EVENTS_MAX = 4000,
    KEY_MAX = 3,
};

struct seen_event {
    char key[KEY_MAX + 1];
    uint64_t revision;
    bool put;
};

struct model_watcher {
    struct de_watcher *watcher;
    char from[KEY_MAX + 1];
    char end[KEY_MAX + 1];
    struct de_watch_options options;
    size_t next; /* event that it has to see next, unless it does not want it */
    bool ready;  /* was said, and nothing taken since that ended with NOTHING */
    bool over;
};

struct bench {
    struct de_test_heap heap;
    struct de_random random;
    struct de_watch_hub *hub;
    struct seen_event events[EVENTS_MAX];
    size_t event_count;
    uint64_t revision;
    uint64_t reset; /* last one */
    struct model_watcher watchers[WATCHERS_MAX];
    size_t counts[6];
};

static uint64_t below(struct bench *b, uint64_t n)
{
    return de_random_below(&b->random, n);
}

static void ready(void *context, struct de_watcher *watcher)
{
    struct model_watcher *model = de_watch_context(watcher);

    (void)context;
    assert_false(model->over);
    model->ready = true;
}

static void setup(struct bench *b, uint64_t seed, const struct de_watch_limits *limits)
{
    memset(b, 0, sizeof *b);
    de_test_heap_init(&b->heap);
    de_random_init(&b->random, seed);
    b->revision = 5;
    assert_int_equal(
        de_watch_hub_new(limits, &b->heap.allocator, b->revision, ready, NULL, &b->hub), 0);
}

static void teardown(struct bench *b)
{
    for (size_t i = 0; i < WATCHERS_MAX; i++) {
        if (b->watchers[i].watcher != NULL) {
            de_watch_remove(b->hub, b->watchers[i].watcher);
        }
    }
    de_watch_hub_free(b->hub);
    assert_int_equal(b->heap.blocks, 0);
}

static struct de_kv_event *make_event(struct bench *b, const char *key, uint64_t revision, bool put)
{
    struct de_kv_event *event = de_allocate(&b->heap.allocator, sizeof *event + strlen(key) + 1);

    memset(event, 0, sizeof *event);
    memcpy(event + 1, key, strlen(key) + 1);
    event->references = 1;
    event->type = put ? DE_KV_EVENT_PUT : DE_KV_EVENT_DELETE;
    event->revision = revision;
    event->key = dengine_str((const char *)(event + 1));
    return event;
}

static void random_text(struct bench *b, char *text, size_t size_min)
{
    const size_t size = size_min + (size_t)below(b, KEY_MAX + 1 - size_min);

    for (size_t i = 0; i < size; i++) {
        text[i] = (char)('a' + below(b, 3));
    }
    text[size] = '\0';
}

static void publish(struct bench *b)
{
    struct de_kv_event *first = NULL;
    struct de_kv_event **to = &first;
    const uint64_t last = b->revision + 1 + below(b, 3);

    for (uint64_t revision = b->revision + 1; revision <= last; revision++) {
        for (uint64_t n = below(b, below(b, 8) == 0 ? 20 : 4); n > 0; n--) {
            struct seen_event *event = &b->events[b->event_count++];

            assert_true(b->event_count < EVENTS_MAX);
            random_text(b, event->key, 1);
            event->revision = revision;
            event->put = below(b, 3) != 0;
            *to = make_event(b, event->key, revision, event->put);
            to = &(*to)->next;
        }
    }
    b->revision = last;
    de_watch_publish(b->hub, first, last);
}

static bool wanted(const struct model_watcher *model, const struct seen_event *event)
{
    const bool inside = model->options.one_key
                            ? strcmp(event->key, model->from) == 0
                            : strcmp(event->key, model->from) >= 0 &&
                                  (model->end[0] == '\0' || strcmp(event->key, model->end) < 0);

    return inside && event->revision >= model->options.from_revision &&
           (event->put ? !model->options.no_puts : !model->options.no_deletes);
}

static void add(struct bench *b, struct model_watcher *model)
{
    struct de_watch_options *options = &model->options;
    int rc;

    memset(model, 0, sizeof *model);
    options->context = model;
    options->one_key = below(b, 2) == 0;
    options->no_puts = below(b, 5) == 0;
    options->no_deletes = below(b, 5) == 0;
    random_text(b, model->from, options->one_key ? 1 : 0);
    if (!options->one_key) {
        random_text(b, model->end, 0);
    }
    if (below(b, 2) == 0) {
        options->from_revision = b->revision + 3 - below(b, b->revision < 15 ? b->revision : 15);
    }
    options->from = dengine_str(model->from);
    options->end = dengine_str(model->end);
    rc = de_watch_add(b->hub, options, &model->watcher);
    if (model->end[0] != '\0' && strcmp(model->from, model->end) >= 0) {
        assert_int_equal(rc, DENGINE_E_INVALID);
    } else if (options->from_revision != 0 && options->from_revision < de_watch_oldest(b->hub)) {
        assert_int_equal(rc, DENGINE_E_COMPACTED);
        b->counts[0]++;
    } else {
        assert_int_equal(rc, 0);
        model->next = options->from_revision != 0 ? 0 : b->event_count;
    }
}

static void expect_event(struct bench *b, struct model_watcher *model, struct de_kv_event *event)
{
    while (model->next < b->event_count && !wanted(model, &b->events[model->next])) {
        model->next++;
    }
    assert_true(model->next < b->event_count);
    assert_int_equal(event->revision, b->events[model->next].revision);
    assert_int_equal(event->key.size, strlen(b->events[model->next].key));
    assert_memory_equal(event->key.data, b->events[model->next].key, event->key.size);
    assert_int_equal(event->type == DE_KV_EVENT_PUT, b->events[model->next].put);
    model->next++;
    b->counts[1]++;
}

/* Nothing wanted lies before the revision that has not been seen. */
static void expect_complete(struct bench *b, struct model_watcher *model, uint64_t revision)
{
    for (; model->next < b->event_count && b->events[model->next].revision < revision;
         model->next++) {
        assert_false(wanted(model, &b->events[model->next]));
    }
}

static void take(struct bench *b, struct model_watcher *model)
{
    struct de_watch_next next;

    de_watch_take(b->hub, model->watcher, &next);
    switch (next.kind) {
    case DE_WATCH_EVENT:
        assert_true(model->ready);
        expect_event(b, model, next.event);
        de_watch_done(b->hub, next.event);
        return;
    case DE_WATCH_NOTHING:
        model->ready = false;
        if (!model->over) { /* progress: true, and never ahead of events */
            assert_int_equal(next.revision, b->revision);
            expect_complete(b, model, next.revision + 1);
        }
        return;
    case DE_WATCH_OVERFLOW:
        b->counts[2]++;
        expect_complete(b, model, next.revision);
        break;
    case DE_WATCH_RESET:
        b->counts[3]++;
        assert_int_equal(next.revision, b->reset);
        break;
    }
    assert_true(model->ready && !model->over);
    model->over = true;
}

static void step(struct bench *b)
{
    struct model_watcher *model = &b->watchers[below(b, WATCHERS_MAX)];

    switch (below(b, 16)) {
    case 0:
    case 1:
        if (model->watcher == NULL) {
            add(b, model);
        } else if (below(b, 4) == 0) {
            de_watch_remove(b->hub, model->watcher);
            model->watcher = NULL;
        }
        break;
    case 2:
    case 3:
    case 4:
        publish(b);
        break;
    case 5:
        if (below(b, 60) == 0) {
            b->revision += below(b, 10);
            b->reset = b->revision;
            de_watch_reset(b->hub, b->revision);
        }
        break;
    default:
        if (model->watcher != NULL) {
            take(b, model);
        }
        break;
    }
}

static void test_random_watchers_agree_with_the_model(void **state)
{
    const struct de_watch_limits limits = {40, 4000, 6, WATCHERS_MAX, NULL};
    struct bench *b = calloc(1, sizeof *b);
    size_t counts[6] = {0};

    (void)state;
    assert_non_null(b);
    for (uint64_t seed = 0; seed < 300; seed++) {
        setup(b, seed, &limits);
        while (b->event_count < EVENTS_MAX / 8) {
            step(b);
        }
        for (size_t i = 0; i < 6; i++) {
            counts[i] += b->counts[i];
        }
        teardown(b);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_true(counts[i] > 100); /* compacted, events, overflows, resets */
    }
    free(b);
}

static void publish_one(struct bench *b, const char *key, size_t events)
{
    struct de_kv_event *first = NULL;

    b->revision++;
    for (size_t i = 0; i < events; i++) {
        struct de_kv_event *event = make_event(b, key, b->revision, true);

        event->next = first;
        first = event;
    }
    de_watch_publish(b->hub, first, b->revision);
}

/* One revision may be longer than a queue: else who watches it could never get past it. */
static void test_an_empty_queue_takes_any_one_revision(void **state)
{
    const struct de_watch_limits limits = {100, 1 << 20, 4, WATCHERS_MAX, NULL};
    struct bench b;
    struct model_watcher *model = &b.watchers[0];
    struct de_watch_next next;

    (void)state;
    setup(&b, 1, &limits);
    model->options = (struct de_watch_options){.from = {"k", 1}, .one_key = true, .context = model};
    assert_int_equal(de_watch_add(b.hub, &model->options, &model->watcher), 0);
    publish_one(&b, "k", 20);
    publish_one(&b, "k", 1);
    for (int i = 0; i < 20; i++) {
        de_watch_take(b.hub, model->watcher, &next);
        assert_int_equal(next.kind, DE_WATCH_EVENT);
        assert_int_equal(next.revision, 6);
        de_watch_done(b.hub, next.event);
    }
    de_watch_take(b.hub, model->watcher, &next);
    assert_int_equal(next.kind, DE_WATCH_OVERFLOW);
    assert_int_equal(next.revision, 7);
    de_watch_take(b.hub, model->watcher, &next);
    assert_int_equal(next.kind, DE_WATCH_NOTHING);
    de_watch_remove(b.hub, model->watcher);
    model->options.from_revision = 7; /* and on it goes */
    assert_int_equal(de_watch_add(b.hub, &model->options, &model->watcher), 0);
    de_watch_take(b.hub, model->watcher, &next);
    assert_int_equal(next.revision, 7);
    de_watch_done(b.hub, next.event);
    teardown(&b);
}

static void test_bad_watchers_are_refused(void **state)
{
    static char long_key[DE_KV_USER_KEY_MAX + 1];
    const struct de_watch_limits limits = {100, 1 << 20, 4, 1, NULL};
    struct de_watch_options options = {.one_key = true};
    struct de_watcher *watcher;
    struct bench b;

    (void)state;
    setup(&b, 1, &limits);
    assert_int_equal(de_watch_add(b.hub, &options, &watcher), DENGINE_E_INVALID);
    options.from = dengine_bytes(long_key, sizeof long_key);
    assert_int_equal(de_watch_add(b.hub, &options, &watcher), DENGINE_E_TOO_LARGE);
    options.from = dengine_str("k");
    options.end = dengine_str("l");
    assert_int_equal(de_watch_add(b.hub, &options, &watcher), DENGINE_E_INVALID);
    options = (struct de_watch_options){.from_revision = 5};
    assert_int_equal(de_watch_add(b.hub, &options, &watcher), DENGINE_E_COMPACTED);
    options.from_revision = 6;
    options.context = &b.watchers[0];
    assert_int_equal(de_watch_add(b.hub, &options, &b.watchers[0].watcher), 0);
    assert_int_equal(de_watch_add(b.hub, &options, &watcher), DENGINE_E_BUSY);
    teardown(&b);
}

/* Without memory a watcher is told, as if it had been too slow. */
static void test_no_memory_is_an_overflow(void **state)
{
    const struct de_watch_limits limits = {100, 1 << 20, 4, 1, NULL};
    struct bench b;
    struct model_watcher *model = &b.watchers[0];
    struct de_watch_next next;
    struct de_kv_event *event;

    (void)state;
    setup(&b, 1, &limits);
    model->options = (struct de_watch_options){.from = {"k", 1}, .one_key = true, .context = model};
    assert_int_equal(de_watch_add(b.hub, &model->options, &model->watcher), 0);
    event = make_event(&b, "k", ++b.revision, true);
    b.heap.resizes_max = b.heap.resizes;
    de_watch_publish(b.hub, event, b.revision);
    de_watch_take(b.hub, model->watcher, &next);
    assert_int_equal(next.kind, DE_WATCH_OVERFLOW);
    assert_int_equal(next.revision, b.revision);
    teardown(&b);
}

/* ---- what others cost ---- */

enum {
    OTHERS = 10000, /* watchers of each kind, none of them of what is written */
    WRITES = 1000,
};

static void ready_unexpectedly(void *context, struct de_watcher *watcher)
{
    (void)context;
    (void)watcher;
    fail_msg("a watcher of another key is told of a write");
}

static struct de_watcher *add_other(struct bench *b, unsigned number, bool one_key)
{
    char from[16];
    char end[16];
    struct de_watch_options options = {.one_key = one_key};
    struct de_watcher *watcher;

    (void)snprintf(from, sizeof from, "%05u", number);
    (void)snprintf(end, sizeof end, "%05u+", number);
    options.from = dengine_str(from);
    options.end = dengine_str(one_key ? "" : end);
    assert_int_equal(de_watch_add(b->hub, &options, &watcher), 0);
    return watcher;
}

static uint64_t looks_of(const struct bench *b)
{
    struct de_watch_usage usage;

    de_watch_usage(b->hub, &usage);
    return usage.looks;
}

/* What writes between all those keys cost beyond the first one, which makes the tree. */
static uint64_t looks_of_writes(struct bench *b)
{
    uint64_t before;

    publish_one(b, "00000x", 1);
    before = looks_of(b);
    for (unsigned i = 0; i < WRITES; i++) {
        char key[16];

        (void)snprintf(key, sizeof key, "%05ux", i * (OTHERS / WRITES));
        publish_one(b, key, 1);
    }
    return looks_of(b) - before;
}

/* Counted, not timed. One key is found in its chain, of one node on average at most; the place of
 * a key among ranges by halving them, and those that hold it on one way down the tree, with what
 * lies beside that: three looks for each of log2(10 000) levels, and one. */
static void test_watchers_of_other_keys_cost_a_write_next_to_nothing(void **state)
{
    const struct de_watch_limits limits = {100, 1 << 20, 4, 2 * OTHERS, NULL};
    static struct de_watcher *watchers[2 * OTHERS];
    static struct bench b;

    (void)state;
    setup(&b, 1, &limits);
    de_watch_hub_free(b.hub);
    assert_int_equal(
        de_watch_hub_new(&limits, &b.heap.allocator, b.revision, ready_unexpectedly, NULL, &b.hub),
        0);
    assert_int_equal(looks_of_writes(&b), 0);
    for (unsigned i = 0; i < OTHERS; i++) {
        watchers[i] = add_other(&b, i, true);
    }
    assert_in_range(looks_of_writes(&b), 1, 2 * WRITES);
    for (unsigned i = 0; i < OTHERS; i++) {
        watchers[OTHERS + i] = add_other(&b, i, false);
    }
    assert_in_range(looks_of_writes(&b), WRITES, (2 + 3 * 14 + 1) * WRITES);
    for (unsigned i = 0; i < 2 * OTHERS; i++) {
        de_watch_remove(b.hub, watchers[i]);
    }
    teardown(&b);
}

/* ---- what applying makes of commands ---- */

struct sink {
    struct de_test_heap heap;
    char text[256];
    uint64_t revision;
};

static void sink_publish(void *context, struct de_kv_event *first, uint64_t revision)
{
    struct sink *sink = context;

    sink->revision = revision;
    while (first != NULL) {
        struct de_kv_event *event = first;
        const size_t used = strlen(sink->text);

        first = event->next;
        (void)snprintf(sink->text + used, sizeof sink->text - used, "%s%s %.*s=%.*s was %.*s v%d;",
                       event->type == DE_KV_EVENT_PUT ? "put" : "delete",
                       event->expired ? " expired" : "", (int)event->key.size,
                       (const char *)event->key.data, (int)event->value.size,
                       (const char *)event->value.data, (int)event->previous.size,
                       (const char *)event->previous.data, (int)event->version);
        de_kv_event_unref(&sink->heap.allocator, event);
    }
}

static void sink_reset(void *context, uint64_t revision)
{
    struct sink *sink = context;

    sink->revision = revision;
}

static void apply(struct dengine_state_machine machine, uint64_t index, uint64_t time_ns,
                  const struct de_kv_command *command)
{
    const struct dengine_position at = {index, 1, time_ns};
    struct dengine_result result;
    uint8_t bytes[256];

    assert_int_equal(
        machine.ops->apply(machine.object, &at,
                           dengine_bytes(bytes, de_kv_command_encode(command, bytes, sizeof bytes)),
                           &result),
        0);
}

static void test_events_say_what_happened(void **state)
{
    const struct de_kv_command expire = {.type = DE_KV_EXPIRE};
    const struct dengine_slice wrong = dengine_str("wrong");
    struct de_kv_command command = de_kv_put(dengine_str("a"), dengine_str("1"));
    struct test_store store;
    struct sink sink = {.text = ""};
    struct dengine_state_machine machine;
    struct de_kv *kv;

    (void)state;
    test_store_init(&store);
    de_test_heap_init(&sink.heap);
    assert_int_equal(de_kv_new(test_store_table(&store), &sink.heap.allocator, &kv), 0);
    de_kv_set_sink(kv, (struct de_kv_sink){&sink, sink_publish, sink_reset});
    machine = de_kv_state_machine(kv);
    assert_int_equal(machine.ops->begin(machine.object), 0);
    apply(machine, 1, 0, &command);
    command.op.value = dengine_str("2");
    command.op.ttl_ns = DE_KV_TTL_MIN_NS;
    apply(machine, 1, 0, &command); /* sees what the first one in its batch did */
    command = de_kv_cas(dengine_str("a"), &wrong, dengine_str("3"));
    apply(machine, 2, 0, &command); /* false: nothing happens */
    command = de_kv_delete(dengine_str("none"));
    apply(machine, 2, 0, &command);
    assert_string_equal(sink.text, ""); /* not before the batch is committed */
    assert_int_equal(machine.ops->commit(machine.object, 2, 1), 0);
    assert_string_equal(sink.text, "put a=1 was  v1;put a=2 was 1 v2;");
    assert_int_equal(sink.revision, 2);
    sink.text[0] = '\0';
    assert_int_equal(machine.ops->begin(machine.object), 0);
    apply(machine, 3, DE_KV_TTL_MIN_NS, &expire);
    command = de_kv_put(dengine_str("b"), dengine_str("x"));
    command.op.lease = 77; /* there is none */
    apply(machine, 3, DE_KV_TTL_MIN_NS, &command);
    assert_int_equal(machine.ops->commit(machine.object, 3, 1), 0);
    assert_string_equal(sink.text, "delete expired a= was 2 v2;");
    de_kv_free(kv);
    test_store_deinit(&store);
    assert_int_equal(sink.heap.blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_watchers_agree_with_the_model),
        cmocka_unit_test(test_an_empty_queue_takes_any_one_revision),
        cmocka_unit_test(test_bad_watchers_are_refused),
        cmocka_unit_test(test_no_memory_is_an_overflow),
        cmocka_unit_test(test_watchers_of_other_keys_cost_a_write_next_to_nothing),
        cmocka_unit_test(test_events_say_what_happened),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
