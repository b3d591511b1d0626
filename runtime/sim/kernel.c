#include "runtime/sim/kernel.h"

#include "core/base/assert.h"
#include "runtime/sim/mix.h"
#include "runtime/sim/dice.h"
#include "runtime/sim/memory.h"

/* Children of a heap cell; four of them are compared in about one cache miss. */
#define WAYS 4

static bool cell_before(const struct de_kernel *kernel, const struct de_kernel_cell *a,
                        const struct de_kernel_cell *b)
{
    if (a->time_ns != b->time_ns) {
        return a->time_ns < b->time_ns;
    }
    if (a->tie != b->tie) {
        return a->tie < b->tie;
    }
    return kernel->events[a->slot].sequence < kernel->events[b->slot].sequence;
}

void de_kernel_init(struct de_kernel *kernel, uint64_t seed)
{
    struct de_kernel_handler none = {NULL, NULL, NULL, NULL};

    kernel->seed = seed;
    kernel->now_ns = 0;
    kernel->sequence = 0;
    kernel->heap = NULL;
    kernel->count = 0;
    kernel->capacity = 0;
    kernel->events = NULL;
    kernel->slots = 0;
    kernel->event_capacity = 0;
    for (size_t i = 0; i < DE_KERNEL_ENTITIES_MAX; i++) {
        kernel->incarnations[i] = 1;
    }
    for (size_t i = 0; i < DE_KERNEL_KINDS_MAX; i++) {
        kernel->handlers[i] = none;
    }
    de_trace_init(&kernel->trace);
}

static void kernel_drop(struct de_kernel *kernel, const struct de_sim_event *event)
{
    const struct de_kernel_handler *handler = &kernel->handlers[event->kind];

    if (handler->drop != NULL) {
        handler->drop(handler->context, event);
    }
}

void de_kernel_deinit(struct de_kernel *kernel)
{
    for (size_t i = 0; i < kernel->count; i++) {
        kernel_drop(kernel, &kernel->events[kernel->heap[i].slot]);
    }
    de_sim_free(kernel->heap);
    de_sim_free(kernel->events);
    kernel->heap = NULL;
    kernel->events = NULL;
    kernel->count = 0;
    de_trace_deinit(&kernel->trace);
}

void de_kernel_set_handler(struct de_kernel *kernel, uint32_t kind,
                           const struct de_kernel_handler *handler)
{
    DE_ASSERT(kind < DE_KERNEL_KINDS_MAX);
    DE_ASSERT(handler->run != NULL && handler->name != NULL);
    kernel->handlers[kind] = *handler;
}

/* Fills the hole with the cell, or with what is above it and not before the cell. */
static void heap_rise(struct de_kernel *kernel, size_t hole, struct de_kernel_cell cell)
{
    while (hole > 0) {
        size_t parent = (hole - 1) / WAYS;

        if (!cell_before(kernel, &cell, &kernel->heap[parent])) {
            break;
        }
        kernel->heap[hole] = kernel->heap[parent];
        hole = parent;
    }
    kernel->heap[hole] = cell;
}

static void heap_push(struct de_kernel *kernel, const struct de_sim_event *event, uint64_t tie)
{
    struct de_kernel_cell cell = {event->time_ns, tie, kernel->slots};

    if (kernel->count < kernel->slots) {
        cell.slot = kernel->heap[kernel->count].slot;
    } else {
        kernel->heap =
            de_sim_grow(kernel->heap, kernel->slots, &kernel->capacity, sizeof(kernel->heap[0]));
        kernel->events = de_sim_grow(kernel->events, kernel->slots, &kernel->event_capacity,
                                     sizeof(kernel->events[0]));
        kernel->slots++;
    }
    kernel->events[cell.slot] = *event;
    heap_rise(kernel, kernel->count++, cell);
}

/* The event that was last usually belongs near the bottom again: so the hole goes all the way down,
 * and the event up from there. */
static void heap_pop(struct de_kernel *kernel, struct de_sim_event *event)
{
    struct de_kernel_cell last;
    uint32_t slot;
    size_t hole = 0;
    size_t first = 1;

    DE_ASSERT(kernel->count > 0);
    slot = kernel->heap[0].slot;
    *event = kernel->events[slot];
    last = kernel->heap[--kernel->count];
    while (first < kernel->count) {
        size_t end = first + WAYS < kernel->count ? first + WAYS : kernel->count;
        size_t best = first;

        for (size_t i = first + 1; i < end; i++) {
            best = cell_before(kernel, &kernel->heap[i], &kernel->heap[best]) ? i : best;
        }
        kernel->heap[hole] = kernel->heap[best];
        hole = best;
        first = hole * WAYS + 1;
    }
    if (kernel->count > 0) {
        heap_rise(kernel, hole, last);
    }
    kernel->heap[kernel->count].slot = slot;
}

static void kernel_post(struct de_kernel *kernel, uint64_t incarnation, uint64_t time_ns,
                        uint32_t kind, uint32_t entity, uint64_t content, void *data)
{
    struct de_sim_event event;
    uint64_t tie;

    DE_ASSERT(kind < DE_KERNEL_KINDS_MAX && kernel->handlers[kind].run != NULL);
    DE_ASSERT(entity < DE_KERNEL_ENTITIES_MAX);
    event.time_ns = time_ns > kernel->now_ns ? time_ns : kernel->now_ns;
    /* Addressed by what the event is, not by when it was posted: a fault taken out elsewhere does
     * not turn this tie. */
    tie = de_dice_draw(kernel->seed ^ de_sim_mix(event.time_ns), DE_DICE_TIE,
                       (uint64_t)kind << 32 | entity, content);
    event.sequence = kernel->sequence++;
    event.incarnation = incarnation;
    event.content = content;
    event.data = data;
    event.kind = kind;
    event.entity = entity;
    heap_push(kernel, &event, tie);
}

void de_kernel_post(struct de_kernel *kernel, uint64_t time_ns, uint32_t kind, uint32_t entity,
                    uint64_t content, void *data)
{
    kernel_post(kernel, 0, time_ns, kind, entity, content, data);
}

void de_kernel_post_bound(struct de_kernel *kernel, uint64_t time_ns, uint32_t kind,
                          uint32_t entity, uint64_t content, void *data)
{
    DE_ASSERT(entity < DE_KERNEL_ENTITIES_MAX);
    kernel_post(kernel, kernel->incarnations[entity], time_ns, kind, entity, content, data);
}

void de_kernel_end_life(struct de_kernel *kernel, uint32_t entity)
{
    DE_ASSERT(entity < DE_KERNEL_ENTITIES_MAX);
    kernel->incarnations[entity]++;
}

bool de_kernel_run_one(struct de_kernel *kernel, uint64_t until_ns)
{
    struct de_sim_event event;
    const struct de_kernel_handler *handler;

    if (kernel->count == 0 || kernel->heap[0].time_ns > until_ns) {
        return false;
    }
    heap_pop(kernel, &event);
    DE_ASSERT(event.time_ns >= kernel->now_ns);
    kernel->now_ns = event.time_ns;
    if (event.incarnation != 0 && event.incarnation != kernel->incarnations[event.entity]) {
        kernel_drop(kernel, &event);
        return true;
    }
    de_trace_add(&kernel->trace, event.time_ns, event.kind, event.entity, event.content);
    handler = &kernel->handlers[event.kind];
    handler->run(handler->context, &event);
    return true;
}

void de_kernel_advance(struct de_kernel *kernel, uint64_t time_ns)
{
    DE_ASSERT(time_ns >= kernel->now_ns);
    DE_ASSERT(kernel->count == 0 || kernel->heap[0].time_ns >= time_ns);
    kernel->now_ns = time_ns;
}
