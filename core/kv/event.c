/* Events of the open batch. */
#include "core/kv/event.h"

#include "core/base/assert.h"
#include "core/kv/kv_state.h"

size_t de_kv_event_bytes(const struct de_kv_event *event)
{
    DE_ASSERT(event != NULL);
    DE_ASSERT(event->key.size >= 1);
    return sizeof *event + event->key.size + event->value.size + event->previous.size;
}

void de_kv_event_unref(const struct de_allocator *allocator, struct de_kv_event *event)
{
    DE_ASSERT(allocator != NULL);
    DE_ASSERT(event->references > 0);
    if (--event->references == 0) {
        de_release(allocator, event);
    }
}

static struct dengine_slice copy(uint8_t **at, struct dengine_slice from)
{
    const struct dengine_slice to = dengine_bytes(*at, from.size);

    DE_ASSERT(*at != NULL);
    DE_ASSERT(from.data != NULL || from.size == 0);
    if (from.size > 0) {
        memcpy(*at, from.data, from.size);
    }
    *at += from.size;
    return to;
}

struct de_kv_event *de_kv_event_copy(const struct de_allocator *allocator,
                                     const struct de_kv_event *event)
{
    struct de_kv_event *made = de_allocate(allocator, de_kv_event_bytes(event));
    uint8_t *at;

    DE_ASSERT(event->type == DE_KV_EVENT_PUT || event->type == DE_KV_EVENT_DELETE);
    DE_ASSERT(event->revision > 0);
    if (made == NULL) {
        return NULL;
    }
    *made = *event;
    at = (uint8_t *)(made + 1);
    made->key = copy(&at, event->key);
    made->value = copy(&at, event->value);
    made->previous = copy(&at, event->previous);
    made->references = 1;
    made->next = NULL;
    return made;
}

int de_kv_event_add(struct de_kv *kv, const struct de_kv_event *what, struct de_kv_event **added)
{
    struct de_kv_event *event;

    DE_ASSERT(kv->batch_open);
    DE_ASSERT((kv->first_event == NULL) == (kv->last_event == NULL));
    *added = NULL;
    if (kv->sink.publish == NULL && kv->past.events_max == 0) {
        return 0;
    }
    event = de_kv_event_copy(&kv->allocator, what);
    if (event == NULL) {
        return de_kv_break(kv, DENGINE_E_NO_MEMORY, "no memory for an event");
    }
    if (kv->last_event != NULL) {
        kv->last_event->next = event;
    } else {
        kv->first_event = event;
    }
    kv->last_event = event;
    *added = event;
    return 0;
}

void de_kv_events_drop(struct de_kv *kv, struct de_kv_event *after)
{
    struct de_kv_event *event = after != NULL ? after->next : kv->first_event;

    DE_ASSERT((kv->first_event == NULL) == (kv->last_event == NULL));
    while (event != NULL) {
        struct de_kv_event *next = event->next;

        de_kv_event_unref(&kv->allocator, event);
        event = next;
    }
    kv->last_event = after;
    if (after != NULL) {
        after->next = NULL;
    } else {
        kv->first_event = NULL;
    }
    DE_ASSERT((kv->first_event == NULL) == (kv->last_event == NULL));
}

void de_kv_events_publish(struct de_kv *kv)
{
    struct de_kv_event *first = kv->first_event;

    DE_ASSERT(!kv->batch_open);
    DE_ASSERT((kv->first_event == NULL) == (kv->last_event == NULL));
    if (kv->sink.publish == NULL) {
        de_kv_events_drop(kv, NULL);
        return;
    }
    kv->first_event = NULL;
    kv->last_event = NULL;
    kv->sink.publish(kv->sink.context, first, kv->mark.index);
}
