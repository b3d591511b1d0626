/* Writing what a batch did, and forgetting what batches long ago did; see past.h. */
#include "core/kv/past.h"

#include "core/base/assert.h"
#include "core/kv/kv_state.h"

enum {
    ENOUGH = 1,
    RECORD_BYTES = 8000,  /* more than one entry goes into a record up to here */
    KEEP_BYTES = 1 << 20, /* a rare giant does not hold its memory for good */
    /* This many records go at a time. A batch of usual size writes one. */
    FORGET_MAX = 64,
};

static bool is_past(struct dengine_slice key)
{
    uint64_t first;

    DE_ASSERT(key.data != NULL);
    DE_ASSERT(key.size >= 1);
    return de_kv_past_of(key, &first);
}

int de_kv_past_skip(struct dengine_kv_store store, struct dengine_kv_cursor *cursor,
                    struct dengine_kv_pair *pair)
{
    uint8_t buffer[DENGINE_KV_KEY_MAX];

    DE_ASSERT(cursor != NULL);
    DE_ASSERT(pair->key.size >= 1);
    return is_past(pair->key)
               ? store.ops->cursor_seek(store.object, cursor, de_kv_past_end(buffer), pair)
               : 0;
}

/* ---- writing ---- */

static int clear(struct de_kv *kv)
{
    struct de_kv_buffer *buffer = &kv->past.record;
    int rc;

    DE_ASSERT(kv->batch_open);
    buffer->size = 0;
    rc = de_kv_buffer_grow(kv, buffer, DE_KV_PAST_HEADER_BYTES);
    buffer->size = rc == 0 ? DE_KV_PAST_HEADER_BYTES : 0;
    DE_ASSERT(buffer->size <= buffer->capacity);
    return rc;
}

/* Writes the record, which covers first to last. Where nothing happens, one record grows. */
static int put(struct de_kv *kv, uint64_t first, const struct de_kv_past_header *header)
{
    const struct dengine_slice record = dengine_bytes(kv->past.record.bytes, kv->past.record.size);
    struct de_kv_past_sum *sum = &kv->past.open;
    uint8_t buffer[DENGINE_KV_KEY_MAX];
    const bool quiet = header->events == 0;

    DE_ASSERT(first <= header->last);
    DE_ASSERT(first > sum->last);
    if (quiet && sum->quiet && sum->last + 1 == first) {
        first = sum->first;
    } else {
        sum->records++;
        sum->events += header->events;
        sum->bytes += record.size - DE_KV_PAST_HEADER_BYTES;
    }
    sum->first = first;
    sum->last = header->last;
    sum->quiet = quiet;
    de_kv_past_encode_header(header, kv->past.record.bytes);
    return de_kv_put_bytes(kv, de_kv_past_key(first, buffer), record);
}

/* The bytes of the events of the first entry there; *next: of the one behind it. */
static size_t measure(const struct de_kv_event *event, const struct de_kv_event **next)
{
    const uint64_t revision = event->revision;
    size_t bytes = 0;

    DE_ASSERT(revision > 0);
    for (; event != NULL && event->revision == revision; event = event->next) {
        bytes += de_kv_past_event_bytes(event);
    }
    DE_ASSERT(event == NULL || event->revision > revision);
    *next = event;
    return bytes;
}

static int add(struct de_kv *kv, const struct de_kv_event *event, const struct de_kv_event *end,
               size_t bytes, uint32_t *count)
{
    struct de_kv_buffer *buffer = &kv->past.record;
    int rc = de_kv_buffer_grow(kv, buffer, bytes);

    DE_ASSERT(buffer->size >= DE_KV_PAST_HEADER_BYTES);
    for (; rc == 0 && event != end; event = event->next) {
        de_kv_past_encode_event(event, buffer->bytes + buffer->size);
        buffer->size += de_kv_past_event_bytes(event);
        ++*count;
    }
    DE_ASSERT(buffer->size <= buffer->capacity);
    return rc;
}

static int write_batch(struct de_kv *kv)
{
    struct de_kv_past_header header = {.last = kv->open.index};
    const struct de_kv_event *event = kv->first_event;
    uint64_t first = kv->mark.index + 1;
    int rc = clear(kv);

    DE_ASSERT(first <= kv->open.index);
    while (rc == 0 && event != NULL) {
        const struct de_kv_event *next;
        const size_t bytes = measure(event, &next);
        const bool giant = bytes > kv->past.bytes_max;

        DE_ASSERT(event->revision >= first && event->revision <= kv->open.index);
        if (header.events > 0 && (giant || kv->past.record.size + bytes > RECORD_BYTES)) {
            header.last = event->revision - 1;
            rc = put(kv, first, &header);
            first = event->revision;
            header = (struct de_kv_past_header){.last = kv->open.index};
            rc = rc == 0 ? clear(kv) : rc;
        }
        if (giant) {
            /* The ring would not hold it either, nor anything before it: there is a gap now. */
            first = event->revision + 1;
        } else {
            rc = rc == 0 ? add(kv, event, next, bytes, &header.events) : rc;
        }
        event = next;
    }
    return rc == 0 && first <= kv->open.index ? put(kv, first, &header) : rc;
}

/* ---- forgetting ---- */

struct oldest {
    struct de_kv *kv;
    struct de_kv_past_sum left; /* when these have gone: */
    uint64_t firsts[FORGET_MAX];
    size_t count;
};

/* Whether there is more than a ring could hold, by an eighth: then it is worth while. */
static bool is_time(const struct de_kv_past *past, const struct de_kv_past_sum *sum)
{
    DE_ASSERT(past->events_max > 0);
    DE_ASSERT_IMPLIES(sum->records == 0, sum->events == 0 && sum->bytes == 0);
    return sum->events > past->events_max + past->events_max / 8 ||
           sum->bytes > past->bytes_max + past->bytes_max / 8;
}

/* Whether what is left without a record fills a ring. */
static bool has_enough(const struct de_kv_past *past, const struct de_kv_past_sum *sum,
                       uint64_t events, uint64_t bytes)
{
    DE_ASSERT(sum->events >= events && sum->bytes >= bytes);
    DE_ASSERT(sum->records > 0);
    return sum->events - events >= past->events_max || sum->bytes - bytes >= past->bytes_max;
}

static int see_oldest(void *context, struct dengine_slice key, struct dengine_slice value)
{
    struct oldest *oldest = context;
    struct de_kv *kv = oldest->kv;
    struct de_kv_past_header header;
    uint64_t first;
    int rc;

    DE_ASSERT(oldest->count <= FORGET_MAX);
    if (oldest->count == FORGET_MAX || !de_kv_past_of(key, &first)) {
        return ENOUGH;
    }
    rc = de_kv_past_decode_header(value, &header);
    if (rc != 0) {
        return de_kv_break(kv, rc, "what a batch did cannot be read");
    }
    if (!has_enough(&kv->past, &oldest->left, header.events,
                    value.size - DE_KV_PAST_HEADER_BYTES)) {
        return ENOUGH;
    }
    DE_ASSERT(oldest->left.records > 1);
    oldest->left.records--;
    oldest->left.events -= header.events;
    oldest->left.bytes -= value.size - DE_KV_PAST_HEADER_BYTES;
    oldest->firsts[oldest->count++] = first;
    return 0;
}

/* Some of the oldest: FORGET_MAX, or as many as may go. */
static int forget_some(struct de_kv *kv, size_t *count)
{
    struct oldest oldest = {.kv = kv, .left = kv->past.open};
    uint8_t buffer[DENGINE_KV_KEY_MAX];
    int rc;

    DE_ASSERT(kv->batch_open);
    DE_ASSERT(oldest.left.records > 0);
    rc = de_kv_iterate_bytes(kv, de_kv_past_key(0, buffer), see_oldest, &oldest);
    rc = rc == ENOUGH ? 0 : rc;
    for (size_t i = 0; i < oldest.count && rc == 0; i++) {
        rc = de_kv_remove_bytes(kv, de_kv_past_key(oldest.firsts[i], buffer));
    }
    kv->past.open = oldest.left;
    *count = oldest.count;
    return rc;
}

/* Now and then, and then several at once: they stand side by side. More of them than the batch has
 * written, however many that are, or there would be ever more; and not all, for there may be a
 * great many after a start with smaller bounds. */
static int forget(struct de_kv *kv)
{
    const uint64_t written = kv->past.open.records - kv->past.sum.records;
    uint64_t forgotten = 0;
    size_t count = FORGET_MAX;
    int rc = 0;

    DE_ASSERT(kv->batch_open);
    DE_ASSERT(kv->past.open.records >= kv->past.sum.records);
    if (!is_time(&kv->past, &kv->past.open)) {
        return 0;
    }
    while (rc == 0 && count == FORGET_MAX && (forgotten == 0 || forgotten < 2 * written)) {
        rc = forget_some(kv, &count);
        forgotten += count;
    }
    return rc;
}

int de_kv_past_write(struct de_kv *kv)
{
    struct de_kv_past *past = &kv->past;
    int rc;

    DE_ASSERT(kv->batch_open);
    DE_ASSERT(kv->open.index > kv->mark.index);
    if (past->events_max == 0) {
        return 0;
    }
    past->open = past->sum;
    rc = write_batch(kv);
    rc = rc == 0 ? forget(kv) : rc;
    if (past->record.capacity > KEEP_BYTES) {
        de_release(&kv->allocator, past->record.bytes);
        past->record = (struct de_kv_buffer){NULL, 0, 0};
    }
    return rc;
}
