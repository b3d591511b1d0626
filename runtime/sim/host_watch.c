/* A watcher of everything on each host: from the events it makes a map, which must be the state.
 *
 * It is slow at times and its queue is short, so it is often canceled, and then goes on from where
 * it was told to, or, when that is gone or the state was replaced, from a look at the state. It
 * outlives its node: when that starts again, it goes on where it was, in the midst of a revision
 * too. What each revision did, every node has to tell alike, also of the time before its start.
 *
 * In some runs a crowd of watchers of one key each comes and goes beside it: so many that the table
 * of those has to grow. */
#include "core/base/assert.h"
#include "core/kv/watch.h"
#include "runtime/sim/dice.h"
#include "runtime/sim/host.h"
#include "runtime/sim/host_watch_one.h"
#include "runtime/sim/host_watch_range.h"
#include "runtime/sim/mix.h"
#include "runtime/sim/trace.h"

#define ULL(x)          ((unsigned long long)(x))
#define RING_EVENTS_MAX 64
#define RING_BYTES_MAX  16384
/* Watchers of ranges look once in so many times. */
#define RANGES_ONE_IN 8
/* The crowd, which is there in one of so many runs, looks once in so many times: its watchers
 * seldom get what they asked for before it is too much, and then others come. */
#define CROWD        40
#define CROWD_ONE_IN 16
#define CROWD_LOOKS  64

struct mirror_key {
    char *name; /* owned, with its size in front of a terminator */
    size_t size;
    uint64_t mod_revision;
    uint64_t version;
};

struct de_host_watch {
    struct de_host *host;
    struct de_watch_hub *hub; /* in the memory of the life */
    struct de_watcher *watcher;
    struct mirror_key *keys; /* ascending */
    size_t count;
    size_t capacity;
    uint64_t revision; /* of the newest event seen */
    uint64_t seen;     /* events of it */
    uint64_t skip;     /* events of it that come again */
    uint64_t complete; /* everything up to this one has been seen */
    uint64_t looks;
    uint64_t from; /* where the watcher began, or is to begin when there is memory */
    struct de_watch_one one;
    struct de_watch_range ranges[DE_WATCH_RANGES];
    struct de_watch_one *crowd; /* CROWD of them; NULL: none in this run */
    uint64_t came;              /* of the crowd, in all */
};

static void fail(const struct de_host_watch *watch, const char *what, uint64_t revision)
{
    const struct de_host_shared *shared = watch->host->shared;

    de_verdict_fail(shared->verdict, DE_VERDICT_CORRECTNESS, shared->kernel->now_ns, "watch",
                    "the watcher of node %u %s at revision %llu; it had seen revision %llu",
                    watch->host->id, what, ULL(revision), ULL(watch->revision));
}

/* ---- the map ---- */

static int compare(const struct mirror_key *key, struct dengine_slice name)
{
    const size_t size = key->size < name.size ? key->size : name.size;
    const int order = memcmp(key->name, name.data, size);

    return order != 0 ? order : (key->size > name.size) - (key->size < name.size);
}

/* Where name is, or belongs. */
static size_t place_of(const struct de_host_watch *watch, struct dengine_slice name, bool *found)
{
    size_t low = 0;
    size_t high = watch->count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (compare(&watch->keys[middle], name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *found = low < watch->count && compare(&watch->keys[low], name) == 0;
    return low;
}

static struct mirror_key *insert(struct de_host_watch *watch, size_t place,
                                 struct dengine_slice name)
{
    struct mirror_key *key;

    watch->keys = de_sim_grow(watch->keys, watch->count, &watch->capacity, sizeof(watch->keys[0]));
    key = &watch->keys[place];
    memmove(key + 1, key, (watch->count - place) * sizeof(*key));
    watch->count++;
    memset(key, 0, sizeof(*key));
    key->name = de_sim_allocate(name.size);
    key->size = name.size;
    memcpy(key->name, name.data, name.size);
    return key;
}

static void erase(struct de_host_watch *watch, size_t place)
{
    de_sim_free(watch->keys[place].name);
    watch->count--;
    memmove(&watch->keys[place], &watch->keys[place + 1],
            (watch->count - place) * sizeof(watch->keys[0]));
}

static void clear(struct de_host_watch *watch)
{
    while (watch->count > 0) {
        erase(watch, watch->count - 1);
    }
}

/* Each event fits what the ones before it have left. */
static void take_event(struct de_host_watch *watch, const struct de_kv_event *event)
{
    bool found = false;
    const size_t place = place_of(watch, event->key, &found);

    if (watch->skip > 0 && event->revision == watch->revision) {
        watch->skip--;
        return;
    }
    if (watch->skip > 0) {
        fail(watch, "does not get again what it had seen of a revision", event->revision);
    }
    if (event->revision < watch->revision || event->revision <= watch->complete) {
        fail(watch, "goes back in time", event->revision);
    } else if (found != event->had_previous) {
        fail(watch, "sees an event that does not fit what was there", event->revision);
    } else if (event->type == DE_KV_EVENT_DELETE) {
        if (watch->keys[place].version != event->version) {
            fail(watch, "has missed a change of a key that is deleted", event->revision);
        }
        erase(watch, place);
    } else {
        struct mirror_key *key = found ? &watch->keys[place] : insert(watch, place, event->key);

        if (event->version != key->version + 1) {
            fail(watch, "has missed a change of a key", event->revision);
        }
        key->version = event->version;
        key->mod_revision = event->revision;
    }
    watch->seen = event->revision == watch->revision ? watch->seen + 1 : 1;
    watch->revision = event->revision;
}

/* ---- the state ---- */

static int load_key(void *context, struct dengine_slice name, const struct de_kv_record *record)
{
    struct de_host_watch *watch = context;
    struct mirror_key *key = insert(watch, watch->count, name);

    key->version = record->version;
    key->mod_revision = record->mod_revision;
    return 0;
}

struct comparison {
    const struct de_host_watch *watch;
    size_t next;
    bool differs;
};

static int compare_key(void *context, struct dengine_slice name, const struct de_kv_record *record)
{
    struct comparison *comparison = context;
    const struct mirror_key *key = &comparison->watch->keys[comparison->next];

    if (comparison->next == comparison->watch->count || compare(key, name) != 0 ||
        key->version != record->version || key->mod_revision != record->mod_revision) {
        comparison->differs = true;
        return 1;
    }
    comparison->next++;
    return 0;
}

/* All events have been seen: what they made is the state, as of the revision that was told. */
static void compare_with_state(struct de_host_watch *watch, uint64_t progress)
{
    struct comparison comparison = {watch, 0, false};
    struct de_kv_view view;
    int err = de_kv_view_open(watch->host->kv, &view);

    DE_ASSERT(err == 0);
    err = de_kv_view_iterate(&view, dengine_bytes(NULL, 0), compare_key, &comparison);
    DE_ASSERT(err == 0 || comparison.differs);
    if (progress != view.revision) {
        fail(watch, "is told of progress that is not that of the state", progress);
    } else if (view.revision < watch->complete || view.revision < watch->revision) {
        /* The state is being rebuilt, and what was seen in a former life lies ahead. */
        DE_ASSERT(watch->host->lives > 1);
    } else if (comparison.differs || comparison.next != watch->count) {
        fail(watch, "has made another map of the events than the state is", view.revision);
    }
    if (progress > watch->complete) {
        watch->complete = progress;
    }
    de_kv_view_close(&view);
}

static void begin_from(struct de_host_watch *watch, uint64_t revision)
{
    const struct de_watch_options options = {.from_revision = revision};
    struct de_kv_view view;
    int err = de_watch_add(watch->hub, &options, &watch->watcher);

    watch->from = revision;
    if (err == 0 || err == DENGINE_E_NO_MEMORY) {
        return; /* or later */
    }
    if (err != DENGINE_E_COMPACTED || revision >= de_watch_oldest(watch->hub)) {
        fail(watch, "is refused", revision);
        return;
    }
    /* A look at the state, and on from there. */
    clear(watch);
    watch->skip = 0;
    watch->seen = 0;
    err = de_kv_view_open(watch->host->kv, &view);
    DE_ASSERT(err == 0);
    err = de_kv_view_iterate(&view, dengine_bytes(NULL, 0), load_key, watch);
    DE_ASSERT(err == 0);
    watch->complete = view.revision;
    watch->revision = view.revision;
    de_kv_view_close(&view);
    begin_from(watch, watch->complete + 1);
}

/* False when there is no more to see for now. */
static bool look_once(struct de_host_watch *watch)
{
    struct de_watch_next next;

    de_watch_take(watch->hub, watch->watcher, &next);
    switch (next.kind) {
    case DE_WATCH_EVENT:
        take_event(watch, next.event);
        de_watch_one_begin(&watch->one, watch->hub, next.event);
        if (watch->crowd != NULL) {
            de_watch_one_begin(&watch->crowd[watch->came++ % CROWD], watch->hub, next.event);
        }
        de_watch_done(watch->hub, next.event);
        return true;
    case DE_WATCH_NOTHING:
        compare_with_state(watch, next.revision);
        return false;
    case DE_WATCH_OVERFLOW:
        de_watch_remove(watch->hub, watch->watcher);
        watch->watcher = NULL;
        begin_from(watch, next.revision);
        return true;
    case DE_WATCH_RESET:
        de_watch_remove(watch->hub, watch->watcher);
        watch->watcher = NULL;
        begin_from(watch, 1); /* is gone for sure: look at the state */
        return true;
    }
    DE_UNREACHABLE("every kind has its case");
}

static void look_at_one(struct de_host_watch *watch, struct de_watch_one *one, uint64_t count)
{
    uint64_t revision = 0;
    const char *wrong = de_watch_one_look(one, watch->hub, watch->host->kv, count, &revision);

    if (wrong != NULL) {
        fail(watch, wrong, revision);
    }
}

static void look_at_ranges(struct de_host_watch *watch, uint64_t count)
{
    uint64_t revision = 0;

    for (uint32_t i = 0; i < DE_WATCH_RANGES; i++) {
        const char *wrong = de_watch_range_look(&watch->ranges[i], i, watch->hub, watch->host->kv,
                                                count, &revision);

        if (wrong != NULL) {
            fail(watch, wrong, revision);
        }
    }
}

/* What the hub says of itself is what is known here. */
static void check_usage(struct de_host_watch *watch)
{
    size_t watchers = (watch->watcher != NULL ? 1u : 0u) + (watch->one.watcher != NULL ? 1u : 0u);
    struct de_watch_usage usage;

    for (uint32_t i = 0; i < DE_WATCH_RANGES; i++) {
        watchers += watch->ranges[i].watcher != NULL ? 1 : 0;
    }
    for (uint32_t i = 0; i < CROWD && watch->crowd != NULL; i++) {
        watchers += watch->crowd[i].watcher != NULL ? 1 : 0;
    }
    de_watch_usage(watch->hub, &usage);
    if (usage.watchers != watchers || de_watch_count(watch->hub) != watchers ||
        usage.events > RING_EVENTS_MAX || usage.event_bytes > RING_BYTES_MAX) {
        fail(watch, "has a hub that miscounts", de_watch_revision(watch->hub));
    }
}

void de_host_watch_look(struct de_host *host)
{
    struct de_host_watch *watch = host->watch;
    struct de_dice dice;
    uint64_t count;

    look_at_one(watch, &watch->one, watch->looks % 4 != 0 ? 100 : 1);
    for (uint32_t i = 0; i < CROWD && watch->crowd != NULL && watch->looks % CROWD_LOOKS == 0;
         i++) {
        look_at_one(watch, &watch->crowd[i], 100);
    }
    if (watch->looks % RANGES_ONE_IN == 0) {
        look_at_ranges(watch, watch->looks % 3 != 0 ? 100 : 1);
        check_usage(watch);
    }
    de_dice_init(&dice, host->shared->kernel->seed, DE_DICE_WATCH,
                 (uint64_t)host->id << 48 | watch->looks++);
    if (watch->watcher == NULL) {
        begin_from(watch, watch->from);
    }
    /* Mostly quick, sometimes asleep, sometimes slow. */
    count = de_dice_chance(&dice, 500000) ? 100 : de_dice_below(&dice, 4);
    while (count-- > 0 && watch->watcher != NULL && !de_verdict_failed(host->shared->verdict) &&
           look_once(watch)) {
    }
}

/* ---- life ---- */

static uint64_t fold_bytes(uint64_t digest, struct dengine_slice bytes)
{
    return de_sim_mix(digest ^ de_trace_hash_bytes(bytes.data, bytes.size));
}

static uint64_t fold_event(uint64_t digest, const struct de_kv_event *event)
{
    digest = de_sim_mix(
        digest ^ (event->type << 2 | (event->expired ? 2u : 0u) | (event->had_previous ? 1u : 0u)));
    digest = de_sim_mix(digest ^ event->create_revision);
    digest = de_sim_mix(digest ^ event->version);
    digest = de_sim_mix(digest ^ event->lease);
    return fold_bytes(fold_bytes(fold_bytes(digest, event->key), event->value), event->previous);
}

/* What each revision from `from` to `to` did, for the oracle: first are the events of all of them.
 */
static void tell(const struct de_host_watch *watch, const struct de_kv_event *first, uint64_t from,
                 uint64_t to)
{
    const struct de_host_shared *shared = watch->host->shared;

    for (uint64_t revision = from; revision <= to; revision++) {
        uint64_t digest = 1;

        for (; first != NULL && first->revision == revision; first = first->next) {
            digest = fold_event(digest, first);
        }
        de_oracle_events(shared->oracle, shared->kernel->now_ns, watch->host->id, revision,
                         digest == 0 ? 1 : digest);
    }
    DE_ASSERT(first == NULL);
}

static void sink_publish(void *context, struct de_kv_event *first, uint64_t revision)
{
    struct de_host_watch *watch = context;

    tell(watch, first, de_watch_revision(watch->hub) + 1, revision);
    de_watch_publish(watch->hub, first, revision);
}

static void sink_reset(void *context, uint64_t revision)
{
    struct de_host_watch *watch = context;

    de_watch_reset(watch->hub, revision);
}

static void ready(void *context, struct de_watcher *watcher)
{
    (void)context;
    (void)watcher; /* it looks when it likes */
}

/* A watcher that begins with the oldest event is told all of them. */
static void see_again(struct de_host_watch *watch, uint64_t oldest, uint64_t digest)
{
    const struct de_watch_options options = {.from_revision = oldest};
    struct de_watcher *watcher = NULL;
    struct de_watch_next next = {.kind = DE_WATCH_EVENT};
    uint64_t seen = 1;

    if (oldest > de_watch_revision(watch->hub) ||
        de_watch_add(watch->hub, &options, &watcher) != 0) {
        return; /* there are none, or there is no memory for a watcher */
    }
    while (next.kind == DE_WATCH_EVENT) {
        de_watch_take(watch->hub, watcher, &next);
        if (next.kind == DE_WATCH_EVENT) {
            seen = fold_event(seen, next.event);
            de_watch_done(watch->hub, next.event);
        }
    }
    if (seen != digest || next.kind != DE_WATCH_NOTHING) {
        fail(watch, "does not get all that is remembered of the time before the start", oldest);
    }
    de_watch_remove(watch->hub, watcher);
}

/* What the state machine remembers of the time before. In some lives it is told to remember
 * nothing: then there is a gap for the next one. */
static int recall(struct de_host_watch *watch, const struct de_watch_limits *limits,
                  uint64_t revision)
{
    const struct de_host *host = watch->host;
    struct de_kv_event *past = NULL;
    struct de_dice dice;
    uint64_t oldest = 0;
    uint64_t digest = 1;
    size_t events_max = limits->ring_events_max;
    int err;

    de_dice_init(&dice, host->shared->kernel->seed, DE_DICE_WATCH,
                 (uint64_t)host->id << 48 | UINT64_C(1) << 47 | host->lives);
    events_max = de_dice_chance(&dice, 125000) ? 0 : events_max;
    err = de_kv_recall(host->kv, events_max, limits->ring_bytes_max, &past, &oldest);
    if (err != 0) {
        return err;
    }
    tell(watch, past, oldest, revision);
    for (const struct de_kv_event *event = past; event != NULL; event = event->next) {
        digest = fold_event(digest, event);
    }
    de_watch_recall(watch->hub, past, oldest);
    see_again(watch, oldest, digest);
    return 0;
}

int de_host_watch_start(struct de_host *host, uint64_t revision)
{
    const struct de_watch_limits limits = {
        .ring_events_max = RING_EVENTS_MAX,
        .ring_bytes_max = RING_BYTES_MAX,
        .queue_events_max = 6,
        .watchers_max = 2 + DE_WATCH_RANGES + CROWD,
        .sites = &host->sites,
    };
    struct de_host_watch *watch = host->watch;
    int err;

    if (watch == NULL) {
        watch = de_sim_allocate_zeroed(sizeof(*watch));
        watch->host = host;
        host->watch = watch;
        if (de_dice_draw(host->shared->kernel->seed, DE_DICE_WATCH, UINT64_MAX, 0) % CROWD_ONE_IN ==
            0) {
            watch->crowd = de_sim_allocate_zeroed(CROWD * sizeof(watch->crowd[0]));
        }
    }
    err = de_watch_hub_new(&limits, &host->kv_pool.allocator, revision, ready, NULL, &watch->hub);
    if (err != 0) {
        DE_ASSERT(err == DENGINE_E_NO_MEMORY && host->kv_pool.refused);
        watch->hub = NULL;
        return err;
    }
    err = recall(watch, &limits, revision);
    if (err != 0) {
        DE_ASSERT(err == DENGINE_E_NO_MEMORY && host->kv_pool.refused);
        de_watch_hub_free(watch->hub);
        watch->hub = NULL;
        return err;
    }
    de_kv_set_sink(host->kv, (struct de_kv_sink){watch, sink_publish, sink_reset});
    watch->skip = 0;
    if (watch->revision > watch->complete) {
        /* Its former life ended perhaps amid the events of one revision. */
        watch->skip = watch->seen;
        begin_from(watch, watch->revision);
    } else {
        begin_from(watch, watch->complete + 1);
    }
    return 0;
}

void de_host_watch_end(struct de_host *host)
{
    if (host->watch != NULL) {
        host->watch->hub = NULL; /* its memory goes with the life */
        host->watch->watcher = NULL;
        host->watch->one.watcher = NULL;
        memset(host->watch->ranges, 0, sizeof(host->watch->ranges));
        for (uint32_t i = 0; i < CROWD && host->watch->crowd != NULL; i++) {
            host->watch->crowd[i].watcher = NULL;
        }
    }
}

void de_host_watch_close(struct de_host *host)
{
    struct de_host_watch *watch = host->watch;

    if (watch->watcher != NULL) {
        de_watch_remove(watch->hub, watch->watcher);
    }
    if (watch->one.watcher != NULL) {
        de_watch_remove(watch->hub, watch->one.watcher);
    }
    for (uint32_t i = 0; i < DE_WATCH_RANGES; i++) {
        if (watch->ranges[i].watcher != NULL) {
            de_watch_remove(watch->hub, watch->ranges[i].watcher);
        }
    }
    for (uint32_t i = 0; i < CROWD && watch->crowd != NULL; i++) {
        if (watch->crowd[i].watcher != NULL) {
            de_watch_remove(watch->hub, watch->crowd[i].watcher);
        }
    }
    de_watch_hub_free(watch->hub);
    de_host_watch_end(host);
}

void de_host_watch_free(struct de_host *host)
{
    if (host->watch != NULL) {
        clear(host->watch);
        de_sim_free(host->watch->keys);
        de_sim_free(host->watch->crowd);
        de_sim_free(host->watch);
        host->watch = NULL;
    }
}
