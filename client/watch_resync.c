#include "client/watch_resync.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "client/known_keys.h"
#include "client/monotonic.h"
#include "core/base/assert.h"

/* After a page that could not be read. */
#define PAUSE_NS (100 * DE_NS_PER_MS)

enum phase {
    LISTING,   /* the keys that there were when it began */
    FOLLOWING, /* all keys are known */
    LOOKING,   /* at everything anew */
};

/* A page of the range that is read in the background; lives until its answer has come. */
struct reader {
    pthread_mutex_t mutex;
    void (*ready)(void *context); /* NULL: nobody waits any more */
    void *context;
    atomic_uint users; /* the watch, and a scan under way */
    /* Guarded by mutex: */
    bool reading;
    bool arrived;
    int status;
    struct dengine_page page;
};

struct resync {
    struct de_watch_feed feed;
    struct dengine_client *client;
    struct dengine_watch_options options; /* from and end lie in bytes */
    struct de_watch_feed *below;
    enum phase phase;
    bool no_memory; /* a key could not be noted: no going on after a COMPACTED */
    struct reader *reader;
    bool pages_over;   /* the last page has come */
    uint64_t pages_of; /* its revision */
    uint8_t last[512]; /* of the last page */
    size_t last_size;  /* 0: begin at the first key */
    uint64_t again_ns;
    struct de_known_keys keys;
    /* What is to be told before anything else. */
    struct de_known_key **news;
    size_t news_count;
    size_t news_at;
    uint64_t told; /* everything up to this revision has been told, after a look */
    uint8_t bytes[];
};

/* ---- pages ---- */

static void drop_reader(struct reader *reader)
{
    if (atomic_fetch_sub(&reader->users, 1) == 1) {
        dengine_page_free(&reader->page);
        (void)pthread_mutex_destroy(&reader->mutex);
        free(reader);
    }
}

static void page_arrived(void *context, struct dengine_reply *reply)
{
    struct reader *reader = context;

    (void)pthread_mutex_lock(&reader->mutex);
    reader->reading = false;
    reader->arrived = true;
    reader->status = reply->status;
    reader->page = reply->page;
    if (reader->ready != NULL) {
        reader->ready(reader->context);
    }
    (void)pthread_mutex_unlock(&reader->mutex);
    drop_reader(reader);
}

static void ask_page(struct resync *resync)
{
    struct reader *reader = resync->reader;
    struct dengine_scan scan = {.from = resync->options.from,
                                .end = resync->options.end,
                                .keys_only = resync->phase == LISTING,
                                .consistency = DENGINE_LINEARIZABLE};
    int err;

    scan.limit = resync->options.one_key ? 1 : 0; /* it is that one, or is not there */
    if (resync->last_size > 0) {
        scan.from = dengine_bytes(resync->last, resync->last_size);
        scan.from_excluded = true;
    }
    reader->reading = true;
    (void)atomic_fetch_add(&reader->users, 1);
    err = dengine_scan_async(resync->client, &scan, NULL, page_arrived, reader);
    if (err != 0) {
        (void)pthread_mutex_lock(&reader->mutex);
        reader->reading = false;
        (void)pthread_mutex_unlock(&reader->mutex);
        resync->again_ns = de_monotonic_ns() + PAUSE_NS;
        drop_reader(reader);
    }
}

/* A key as a page has it. What an event has told of it since is newer. */
static void take_pair(struct resync *resync, const struct dengine_pair *pair)
{
    struct de_known_key *key = de_known_keys_get(&resync->keys, pair->key);

    if (key == NULL) {
        resync->no_memory = true;
    } else if (resync->phase == LISTING) {
        if (pair->mod_revision > key->told_revision) {
            key->told = true;
            key->told_revision = pair->mod_revision;
        }
    } else if (!key->looked || pair->mod_revision > key->revision) {
        key->looked = true;
        key->is = true;
        key->revision = pair->mod_revision;
        key->create_revision = pair->create_revision;
        key->version = pair->version;
        key->lease = pair->lease;
        resync->no_memory = !de_known_key_set_value(key, pair->value) || resync->no_memory;
    }
}

static bool is_told(void *context, struct de_known_key *key)
{
    (void)context;
    return key->told;
}

static bool is_key(const struct resync *resync, struct dengine_slice key)
{
    return key.size == resync->options.from.size &&
           memcmp(key.data, resync->options.from.data, key.size) == 0;
}

static void take_page(struct resync *resync, const struct dengine_page *page)
{
    size_t i;

    for (i = 0; i < page->count; i++) {
        if (!resync->options.one_key || is_key(resync, page->pairs[i].key)) {
            take_pair(resync, &page->pairs[i]);
        }
    }
    if (page->count > 0) {
        const struct dengine_slice key = page->pairs[page->count - 1].key;

        DE_ASSERT(key.size > 0 && key.size <= sizeof resync->last);
        memcpy(resync->last, key.data, key.size);
        resync->last_size = key.size;
    }
    resync->pages_over = !page->more || resync->options.one_key;
    resync->pages_of = page->revision;
}

/* Asks for the next page, or takes what has come. True: there may be more to do at once. */
static bool read_on(struct resync *resync)
{
    struct reader *reader = resync->reader;
    struct dengine_page page = {0};
    bool reading;
    bool arrived;
    int status;

    (void)pthread_mutex_lock(&reader->mutex);
    reading = reader->reading;
    arrived = reader->arrived;
    status = reader->status;
    if (arrived) {
        page = reader->page;
        reader->page = (struct dengine_page){0};
        reader->arrived = false;
    }
    (void)pthread_mutex_unlock(&reader->mutex);
    if (arrived && status == 0) {
        take_page(resync, &page);
    } else if (arrived) {
        resync->again_ns = de_monotonic_ns() + PAUSE_NS;
    } else if (!reading && de_monotonic_ns() >= resync->again_ns) {
        ask_page(resync);
    }
    dengine_page_free(&page);
    return arrived && status == 0;
}

/* ---- a new look ---- */

static bool forget_look(void *context, struct de_known_key *key)
{
    (void)context;
    key->looked = false;
    key->is = false;
    return key->told;
}

/* Pages of an earlier look that are still under way are not waited for. */
static int new_reader(struct resync *resync)
{
    struct reader *reader = calloc(1, sizeof *reader);
    int err;

    if (reader == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    err = pthread_mutex_init(&reader->mutex, NULL);
    DE_ASSERT(err == 0);
    reader->ready = resync->options.ready;
    reader->context = resync->options.context;
    atomic_init(&reader->users, 1);
    if (resync->reader != NULL) {
        (void)pthread_mutex_lock(&resync->reader->mutex);
        resync->reader->ready = NULL;
        (void)pthread_mutex_unlock(&resync->reader->mutex);
        drop_reader(resync->reader);
    }
    resync->reader = reader;
    return 0;
}

static int look_anew(struct resync *resync)
{
    struct dengine_watch_options options = resync->options;
    struct de_watch_feed *below;
    int err = new_reader(resync);

    options.from_revision = 0;
    err = err != 0 ? err : resync->client->ops->watch(resync->client, &options, &below);
    if (err == 0) {
        resync->below->ops->close(resync->below);
        resync->below = below;
        resync->phase = LOOKING;
        resync->pages_over = false;
        resync->last_size = 0;
        resync->again_ns = 0;
        de_known_keys_filter(&resync->keys, forget_look, NULL);
    }
    return err;
}

/* An event of the new watch, laid over the pages. */
static void lay_over(struct resync *resync, const struct dengine_event *event)
{
    struct de_known_key *key = de_known_keys_get(&resync->keys, event->key);

    if (key == NULL) {
        resync->no_memory = true;
    } else if (!key->looked || event->revision >= key->revision) {
        key->looked = true;
        key->is = event->type == DENGINE_EVENT_PUT;
        key->revision = event->revision;
        key->create_revision = event->create_revision;
        key->version = event->version;
        key->lease = event->lease;
        resync->no_memory = !de_known_key_set_value(key, event->value) || resync->no_memory;
    }
}

/* ---- what is new ---- */

static bool note_news(void *context, struct de_known_key *key)
{
    struct resync *resync = context;

    if (key->told && !key->looked) { /* it is in no page: it is gone */
        key->looked = true;
        key->is = false;
        key->revision = resync->pages_of;
    }
    if (key->is ? !key->told || key->revision > key->told_revision : key->told) {
        resync->news[resync->news_count++] = key;
    }
    return key->told || key->is;
}

static int by_revision(const void *a, const void *b)
{
    const struct de_known_key *x = *(const struct de_known_key *const *)a;
    const struct de_known_key *y = *(const struct de_known_key *const *)b;

    return (x->revision > y->revision) - (x->revision < y->revision);
}

/* What was told is known like anything else now; the values are not needed any more. */
static bool settle(void *context, struct de_known_key *key)
{
    (void)context;
    free(key->value);
    key->value = NULL;
    key->value_size = 0;
    return key->told;
}

/* All up to the last page's revision has been laid over. */
static int conclude(struct resync *resync)
{
    free(resync->news);
    resync->news = malloc((resync->keys.count + 1) * sizeof(struct de_known_key *));
    resync->news_count = 0;
    resync->news_at = 0;
    if (resync->news == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    de_known_keys_filter(&resync->keys, note_news, resync);
    if (resync->news_count == 0) {
        de_known_keys_filter(&resync->keys, settle, NULL);
    }
    qsort(resync->news, resync->news_count, sizeof(struct de_known_key *), by_revision);
    resync->phase = FOLLOWING;
    return 0;
}

static void tell(struct resync *resync, struct dengine_event *event)
{
    struct de_known_key *key = resync->news[resync->news_at++];

    *event = (struct dengine_event){.type = key->is ? DENGINE_EVENT_PUT : DENGINE_EVENT_DELETE,
                                    .resynced = true,
                                    .had_previous = key->told,
                                    .revision = key->revision,
                                    .create_revision = key->create_revision,
                                    .version = key->version,
                                    .lease = key->lease,
                                    .key = dengine_bytes(key->key, key->key_size)};
    if (key->is) {
        event->value = dengine_bytes(key->value, key->value_size);
    }
    key->told = key->is;
    key->told_revision = key->revision;
}

/* ---- the feed ---- */

static void note_event(struct resync *resync, const struct dengine_event *event)
{
    struct de_known_key *key = de_known_keys_get(&resync->keys, event->key);

    if (key == NULL) {
        resync->no_memory = true;
        return;
    }
    key->told = event->type == DENGINE_EVENT_PUT;
    key->told_revision = event->revision;
    if (!key->told && resync->phase == FOLLOWING) { /* else a page may still have it */
        de_known_keys_remove(&resync->keys, event->key);
    }
}

/* One step of a look; TIMEOUT: nothing can be done now. 0: go on. */
static int look(struct resync *resync)
{
    struct dengine_event event;
    int err = resync->below->ops->next(resync->below, &event);

    if (err == 0) {
        lay_over(resync, &event);
        return 0;
    }
    if (err == DENGINE_E_CANCELED || err == DENGINE_E_COMPACTED) {
        return look_anew(resync);
    }
    if (err != DENGINE_E_TIMEOUT) {
        return err;
    }
    if (!resync->pages_over) {
        /* No page may be older than the beginning of the new watch. */
        return resync->below->ops->revision(resync->below) > 0 && read_on(resync)
                   ? 0
                   : DENGINE_E_TIMEOUT;
    }
    if (resync->below->ops->revision(resync->below) < resync->pages_of) {
        if (resync->below->ops->progress != NULL) {
            resync->below->ops->progress(resync->below);
        }
        return DENGINE_E_TIMEOUT;
    }
    return resync->no_memory ? DENGINE_E_COMPACTED : conclude(resync);
}

/* Lists on. The list is of use when all changes up to it have been given: only then the user knows
 * of the keys in it. */
static void list(struct resync *resync)
{
    const uint64_t revision = resync->below->ops->revision(resync->below);

    while (revision > 0 && !resync->pages_over && read_on(resync)) {
    }
    if (resync->pages_over && revision >= resync->pages_of) {
        de_known_keys_filter(&resync->keys, is_told, NULL); /* without those deleted meanwhile */
        resync->phase = FOLLOWING;
    }
}

static int follow(struct resync *resync, struct dengine_event *event)
{
    const int err = resync->below->ops->next(resync->below, event);

    if (err == 0) {
        note_event(resync, event);
    } else if (err == DENGINE_E_TIMEOUT && resync->phase == LISTING) {
        list(resync);
    }
    return err;
}

static int feed_next(struct de_watch_feed *base, struct dengine_event *event)
{
    struct resync *resync = DE_CONTAINER_OF(base, struct resync, feed);
    int err = 0;

    while (err == 0) {
        if (resync->news_at < resync->news_count) {
            tell(resync, event);
            return 0;
        }
        if (resync->news_count > 0) {
            de_known_keys_filter(&resync->keys, settle, NULL);
            resync->news_count = 0;
            resync->news_at = 0;
        }
        if (resync->phase == LOOKING) {
            err = look(resync);
            continue;
        }
        err = follow(resync, event);
        if (err == 0) {
            return 0;
        }
        if (err == DENGINE_E_COMPACTED && resync->phase == FOLLOWING && !resync->no_memory) {
            err = look_anew(resync);
        }
    }
    return err;
}

static uint64_t feed_revision(const struct de_watch_feed *base)
{
    const struct resync *resync = DE_CONTAINER_OF(base, const struct resync, feed);

    /* While it looks, nothing is known for certain to have been told. */
    return resync->phase == LOOKING ? 0 : resync->below->ops->revision(resync->below);
}

static void feed_progress(struct de_watch_feed *base)
{
    struct resync *resync = DE_CONTAINER_OF(base, struct resync, feed);

    if (resync->below->ops->progress != NULL) {
        resync->below->ops->progress(resync->below);
    }
}

static void feed_close(struct de_watch_feed *base)
{
    struct resync *resync = DE_CONTAINER_OF(base, struct resync, feed);

    resync->below->ops->close(resync->below);
    (void)pthread_mutex_lock(&resync->reader->mutex);
    resync->reader->ready = NULL;
    (void)pthread_mutex_unlock(&resync->reader->mutex);
    drop_reader(resync->reader);
    de_known_keys_free(&resync->keys);
    free(resync->news);
    free(resync);
}

static const struct de_watch_feed_ops feed_ops = {feed_next, feed_revision, feed_progress,
                                                  feed_close};

int de_watch_resync_open(struct dengine_client *client, const struct dengine_watch_options *options,
                         struct de_watch_feed **feed)
{
    struct resync *resync;
    int err;

    if (options->no_puts || options->no_deletes) {
        de_client_set_last_error("a watch of puts or of deletes alone cannot be resynced");
        return DENGINE_E_INVALID;
    }
    resync = calloc(1, sizeof *resync + options->from.size + options->end.size);
    if (resync == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    resync->feed.ops = &feed_ops;
    resync->client = client;
    resync->options = *options;
    if (options->from.size > 0) {
        memcpy(resync->bytes, options->from.data, options->from.size);
    }
    if (options->end.size > 0) {
        memcpy(resync->bytes + options->from.size, options->end.data, options->end.size);
    }
    resync->options.from = dengine_bytes(resync->bytes, options->from.size);
    resync->options.end = dengine_bytes(resync->bytes + options->from.size, options->end.size);
    err = client->ops->watch(client, options, &resync->below);
    if (err == 0) {
        err = new_reader(resync);
        if (err != 0) {
            resync->below->ops->close(resync->below);
        }
    }
    if (err != 0) {
        free(resync);
        return err;
    }
    *feed = &resync->feed;
    return 0;
}
