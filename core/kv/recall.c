/* Reading back what batches did before the start (past.h), as the events that they were.
 *
 * It goes from the newest to the oldest: then what a put put is known, either from the next event
 * of its key, which says what it found, or from the state as it is. */
#include "core/base/assert.h"
#include "core/base/random.h"
#include "core/base/sometimes.h"
#include "core/kv/kv_state.h"

struct recall {
    struct de_kv *kv;
    struct dengine_kv_view *view;
    struct dengine_kv_cursor *cursor;
    struct de_kv_event **slots; /* the event last read of each key; NULL: none */
    size_t slot_count;          /* power of two, more than there are events */
    struct de_kv_event *first;
    uint64_t oldest; /* all events from this revision on have been read: */
    size_t events;
    size_t bytes; /* that they take in the records */
    size_t events_max;
    size_t bytes_max;
};

/* Where the event of that key stands, or is to stand. */
static struct de_kv_event **slot_of(const struct recall *recall, struct dengine_slice key)
{
    const uint8_t *at = key.data;
    uint64_t hash = key.size;
    size_t i;

    DE_ASSERT(key.size >= 1);
    DE_ASSERT(recall->slot_count > 0);
    for (i = 0; i < key.size; i++) {
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    }
    i = (size_t)de_mix64(hash) & (recall->slot_count - 1);
    while (recall->slots[i] != NULL &&
           (recall->slots[i]->key.size != key.size ||
            memcmp(recall->slots[i]->key.data, key.data, key.size) != 0)) {
        i = (i + 1) & (recall->slot_count - 1);
    }
    return &recall->slots[i];
}

/* Fills in what a put put. later: the next event of its key; NULL: there is none. */
static int find_value(const struct recall *recall, const struct de_kv_event *later,
                      struct de_kv_event *event)
{
    const struct dengine_kv_store store = recall->kv->store;
    uint8_t buffer[DENGINE_KV_KEY_MAX];
    struct dengine_slice bytes = {NULL, 0};
    struct de_kv_record record;
    int rc;

    DE_ASSERT(event->type == DE_KV_EVENT_PUT);
    if (later != NULL) {
        event->value = later->previous;
        return later->had_previous ? 0 : DENGINE_E_CORRUPT;
    }
    rc =
        store.ops->view_get(store.object, recall->view, de_kv_user_key(event->key, buffer), &bytes);
    rc = rc == 0 ? de_kv_record_decode(bytes, &record) : rc;
    if (rc == DENGINE_E_NOT_FOUND ||
        (rc == 0 && (record.mod_revision != event->revision || record.version != event->version))) {
        return DENGINE_E_CORRUPT;
    }
    DE_ASSERT_IMPLIES(rc == 0, record.create_revision <= event->revision);
    event->value = rc == 0 ? record.value : event->value;
    return rc;
}

/* Puts an event in front of those that have been read. */
static int add(struct recall *recall, struct de_kv_event *event)
{
    struct de_kv_event **slot = slot_of(recall, event->key);
    struct de_kv_event *copy;
    int rc = event->type == DE_KV_EVENT_PUT ? find_value(recall, *slot, event) : 0;

    if (event->type == DE_KV_EVENT_DELETE && *slot != NULL && (*slot)->had_previous) {
        rc = DENGINE_E_CORRUPT;
    }
    DE_ASSERT(recall->first == NULL || event->revision <= recall->first->revision);
    DE_ASSERT(event->revision <= recall->kv->mark.index);
    if (rc != 0) {
        return rc;
    }
    copy = de_kv_event_copy(&recall->kv->allocator, event);
    if (copy == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    copy->next = recall->first;
    recall->first = copy;
    *slot = copy;
    return 0;
}

/* Reads the events of a record that goes on with what has been read. */
static int read_record(struct recall *recall, uint64_t first, struct dengine_slice record,
                       uint32_t events)
{
    size_t end = record.size;
    struct de_kv_event event;
    int rc;

    DE_ASSERT(first > 0 && first < recall->oldest);
    recall->events += events;
    recall->bytes += record.size - DE_KV_PAST_HEADER_BYTES;
    while ((rc = de_kv_past_decode_event(record, &end, &event)) == 0) {
        const uint64_t last = recall->first != NULL ? recall->first->revision : recall->oldest - 1;

        if (events == 0 || event.revision < first || event.revision > last) {
            return DENGINE_E_CORRUPT;
        }
        events--;
        rc = add(recall, &event);
        if (rc != 0) {
            return rc;
        }
    }
    if (rc != DENGINE_E_NOT_FOUND || events != 0) {
        return DENGINE_E_CORRUPT;
    }
    recall->oldest = first;
    return 0;
}

/* Whether a ring would hold none of what is older: more may have been kept once. */
static bool has_enough(const struct recall *recall)
{
    DE_ASSERT(recall->events_max > 0);
    DE_ASSERT(recall->bytes_max > 0);
    return recall->events >= recall->events_max || recall->bytes >= recall->bytes_max;
}

/* From the newest record on, as far as one goes on with the other and a ring could hold it. */
static int read_back(struct recall *recall)
{
    const struct dengine_kv_store store = recall->kv->store;
    uint8_t buffer[DENGINE_KV_KEY_MAX];
    struct dengine_kv_pair pair;
    uint64_t first;
    int rc =
        store.ops->cursor_seek_before(store.object, recall->cursor, de_kv_past_end(buffer), &pair);

    DE_ASSERT(recall->first == NULL);
    DE_ASSERT(recall->oldest == recall->kv->mark.index + 1);
    while (rc == 0 && !has_enough(recall) && de_kv_past_of(pair.key, &first)) {
        struct de_kv_past_header header;

        rc = de_kv_past_decode_header(pair.value, &header);
        if (rc == 0 && (first == 0 || header.last < first || header.last >= recall->oldest)) {
            rc = DENGINE_E_CORRUPT;
        }
        DE_SOMETIMES(rc == 0 && header.last + 1 < recall->oldest, "a gap in what is remembered");
        if (rc != 0 || header.last + 1 != recall->oldest) {
            return rc;
        }
        rc = read_record(recall, first, pair.value, header.events);
        rc = rc == 0 ? store.ops->cursor_previous(store.object, recall->cursor, &pair) : rc;
    }
    return rc == DENGINE_E_NOT_FOUND ? 0 : rc;
}

/* Counts all there is, also what does not go on to now. */
static int count(struct recall *recall)
{
    const struct dengine_kv_store store = recall->kv->store;
    struct de_kv_past_sum *sum = &recall->kv->past.sum;
    uint8_t buffer[DENGINE_KV_KEY_MAX];
    struct dengine_kv_pair pair;
    uint64_t first;
    int rc = store.ops->cursor_seek(store.object, recall->cursor, de_kv_past_key(0, buffer), &pair);

    DE_ASSERT(recall->cursor != NULL);
    memset(sum, 0, sizeof *sum);
    while (rc == 0 && de_kv_past_of(pair.key, &first)) {
        struct de_kv_past_header header;

        rc = de_kv_past_decode_header(pair.value, &header);
        if (rc != 0) {
            return rc;
        }
        sum->records++;
        sum->events += header.events;
        sum->bytes += pair.value.size - DE_KV_PAST_HEADER_BYTES;
        sum->first = first;
        sum->last = header.last;
        sum->quiet = header.events == 0;
        rc = store.ops->cursor_next(store.object, recall->cursor, &pair);
    }
    DE_ASSERT_IMPLIES(sum->records == 0, sum->events == 0);
    return rc == DENGINE_E_NOT_FOUND ? 0 : rc;
}

static int make_slots(struct recall *recall)
{
    const uint64_t events = recall->kv->past.sum.events;
    size_t size;

    DE_ASSERT(recall->slots == NULL);
    if (events > SIZE_MAX / 64) {
        return DENGINE_E_CORRUPT;
    }
    recall->slot_count = 16;
    while (recall->slot_count < 2 * events) {
        recall->slot_count *= 2;
    }
    size = recall->slot_count * sizeof(struct de_kv_event *);
    recall->slots = de_allocate(&recall->kv->allocator, size);
    if (recall->slots == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    memset(recall->slots, 0, size);
    return 0;
}

static int recall_all(struct recall *recall)
{
    const struct dengine_kv_store store = recall->kv->store;
    int rc = store.ops->view_open(store.object, &recall->view);

    DE_ASSERT(!recall->kv->batch_open);
    rc = rc == 0 ? store.ops->cursor_open(store.object, recall->view, &recall->cursor) : rc;
    rc = rc == 0 ? count(recall) : rc;
    rc = rc == 0 ? make_slots(recall) : rc;
    rc = rc == 0 ? read_back(recall) : rc;
    if (recall->cursor != NULL) {
        store.ops->cursor_close(store.object, recall->cursor);
    }
    if (recall->view != NULL) {
        store.ops->view_close(store.object, recall->view);
    }
    de_release(&recall->kv->allocator, recall->slots);
    return rc;
}

int de_kv_recall(struct de_kv *kv, size_t events_max, size_t bytes_max, struct de_kv_event **first,
                 uint64_t *oldest)
{
    struct recall recall = {
        .kv = kv, .oldest = kv->mark.index + 1, .events_max = events_max, .bytes_max = bytes_max};
    int rc = 0;

    DE_ASSERT(!kv->batch_open && kv->restore == NULL);
    DE_ASSERT(kv->past.events_max == 0); /* once */
    *first = NULL;
    *oldest = recall.oldest;
    if (events_max == 0 || bytes_max == 0) {
        return 0;
    }
    rc = recall_all(&recall);
    if (rc != 0) {
        while (recall.first != NULL) {
            struct de_kv_event *event = recall.first;

            recall.first = event->next;
            de_kv_event_unref(&kv->allocator, event);
        }
        return rc;
    }
    DE_SOMETIMES(recall.first != NULL, "what happened before the start is remembered");
    kv->past.events_max = events_max;
    kv->past.bytes_max = bytes_max;
    *first = recall.first;
    *oldest = recall.oldest;
    return 0;
}
