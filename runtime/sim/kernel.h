/* runtime/sim/kernel.h - virtual time: events in order, one at a time.
 *
 * A 4-ary heap ordered by (time, tie, sequence). The tie is a hash, so that what happens at the
 * same instant does not always happen in the order in which it was asked for. An event may be bound
 * to the present life of its entity: when the entity crashes, everything bound to that life is
 * dropped instead of run. The clock is the time of the event being run; nothing else moves it. */
#ifndef DE_RUNTIME_SIM_KERNEL_H
#define DE_RUNTIME_SIM_KERNEL_H

#include "runtime/sim/trace.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_NS_PER_US UINT64_C(1000)
#define DE_NS_PER_MS UINT64_C(1000000)
#define DE_NS_PER_S  UINT64_C(1000000000)

#define DE_KERNEL_ENTITIES_MAX 64
#define DE_KERNEL_KINDS_MAX    64

struct de_sim_event {
    uint64_t time_ns;
    uint64_t sequence;
    uint64_t incarnation; /* of the entity; 0 = not bound to a life */
    uint64_t content;     /* hash of what it carries, for the trace */
    void *data;
    uint32_t kind;
    uint32_t entity;
};

struct de_kernel_handler {
    const char *name; /* of the kind, for people */
    void *context;
    void (*run)(void *context, const struct de_sim_event *event);
    /* Releases event->data of an event that will not run; NULL when there is nothing to release. */
    void (*drop)(void *context, const struct de_sim_event *event);
};

/* What the heap compares, apart from the events: so more of it is in the cache, and less is moved.
 * Cells behind the heap's end have the free slots. */
struct de_kernel_cell {
    uint64_t time_ns;
    uint64_t tie;
    uint32_t slot; /* of the event */
};

struct de_kernel {
    uint64_t seed;
    uint64_t now_ns;
    uint64_t sequence;
    struct de_kernel_cell *heap;
    size_t count;
    size_t capacity;
    struct de_sim_event *events;
    uint32_t slots; /* of events, in use or free: as many as have ever waited at once */
    size_t event_capacity;
    uint64_t incarnations[DE_KERNEL_ENTITIES_MAX]; /* each starts at 1 */
    struct de_kernel_handler handlers[DE_KERNEL_KINDS_MAX];
    struct de_trace trace;
};

void de_kernel_init(struct de_kernel *kernel, uint64_t seed);
/* Drops what is left. */
void de_kernel_deinit(struct de_kernel *kernel);

void de_kernel_set_handler(struct de_kernel *kernel, uint32_t kind,
                           const struct de_kernel_handler *handler);

/* Schedules an event; a time in the past means now. */
void de_kernel_post(struct de_kernel *kernel, uint64_t time_ns, uint32_t kind, uint32_t entity,
                    uint64_t content, void *data);
/* The same, bound to the present life of entity. */
void de_kernel_post_bound(struct de_kernel *kernel, uint64_t time_ns, uint32_t kind,
                          uint32_t entity, uint64_t content, void *data);

/* Ends the life of entity: what is bound to it will be dropped. */
void de_kernel_end_life(struct de_kernel *kernel, uint32_t entity);

/* Runs the next event (or drops it), unless it is later than until_ns or there is none: then the
 * clock stays and false is returned. */
bool de_kernel_run_one(struct de_kernel *kernel, uint64_t until_ns);

/* Moves the clock on to a time at which nothing is due before. */
void de_kernel_advance(struct de_kernel *kernel, uint64_t time_ns);

#ifdef __cplusplus
}
#endif

#endif
