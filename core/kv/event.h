/* core/kv/event.h - what happened to a key: made by applying, handed to who watches.
 *
 * An event is one block of memory with all its bytes. Who has it holds a reference; the count is
 * guarded by whoever guards the hub (watch.h). */
#ifndef DE_CORE_KV_EVENT_H
#define DE_CORE_KV_EVENT_H

#include "core/base/allocator.h"
#include "core/kv/record.h"

#ifdef __cplusplus
extern "C" {
#endif

enum de_kv_event_type {
    DE_KV_EVENT_PUT = 1,
    DE_KV_EVENT_DELETE = 2,
};

struct de_kv_event {
    struct de_kv_event *next; /* in the order of the log */
    uint32_t references;
    uint32_t type;
    bool expired;      /* DELETE: its lease ended by itself */
    bool had_previous; /* the key was there before */
    uint64_t revision;
    uint64_t create_revision; /* of the key as it is now; DELETE: as it was */
    uint64_t version;         /* DELETE: as it was */
    uint64_t lease;           /* DELETE: as it was */
    struct dengine_slice key;
    struct dengine_slice value; /* PUT */
    struct dengine_slice previous;
};

/* Bytes of memory that an event takes. */
size_t de_kv_event_bytes(const struct de_kv_event *event);

/* A copy with all its bytes, in one block, with one reference; NULL: no memory. */
struct de_kv_event *de_kv_event_copy(const struct de_allocator *allocator,
                                     const struct de_kv_event *event);

/* Gives a reference back. */
void de_kv_event_unref(const struct de_allocator *allocator, struct de_kv_event *event);

/* Who is told what a batch did, after it was committed; on the applier. */
struct de_kv_sink {
    void *context;
    /* The events of a batch in order, a reference to each; revision: up to where the state goes
     * now. first NULL: nothing that anybody could watch. */
    void (*publish)(void *context, struct de_kv_event *first, uint64_t revision);
    /* The whole state was replaced; it is of that revision now. */
    void (*reset)(void *context, uint64_t revision);
};

#ifdef __cplusplus
}
#endif

#endif
