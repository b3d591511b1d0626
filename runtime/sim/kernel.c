#include "runtime/sim/kernel.h"

#include "core/base/assert.h"
#include "runtime/sim/mix.h"
#include "runtime/sim/dice.h"
#include "runtime/sim/memory.h"

/* Children of a heap cell; four of them are compared in about one cache miss. */
#define WAYS 4

static bool event_before(const struct de_sim_event *a, const struct de_sim_event *b)
{
    if (a->time_ns != b->time_ns) {
        return a->time_ns < b->time_ns;
    }
    if (a->tie != b->tie) {
        return a->tie < b->tie;
    }
    return a->sequence < b->sequence;
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
        kernel_drop(kernel, &kernel->heap[i]);
    }
    de_sim_free(kernel->heap);
    kernel->heap = NULL;
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

static void heap_push(struct de_kernel *kernel, const struct de_sim_event *event)
{
    size_t hole = kernel->count;

    kernel->heap =
        de_sim_grow(kernel->heap, kernel->count, &kernel->capacity, sizeof(kernel->heap[0]));
    kernel->count++;
    while (hole > 0) {
        size_t parent = (hole - 1) / WAYS;

        if (!event_before(event, &kernel->heap[parent])) {
            break;
        }
        kernel->heap[hole] = kernel->heap[parent];
        hole = parent;
    }
    kernel->heap[hole] = *event;
}

static void heap_pop(struct de_kernel *kernel, struct de_sim_event *event)
{
    struct de_sim_event last;
    size_t hole = 0;

    DE_ASSERT(kernel->count > 0);
    *event = kernel->heap[0];
    last = kernel->heap[--kernel->count];
    for (;;) {
        size_t first = hole * WAYS + 1;
        size_t end = first + WAYS < kernel->count ? first + WAYS : kernel->count;
        size_t best = first;

        if (first >= kernel->count) {
            break;
        }
        for (size_t i = first + 1; i < end; i++) {
            if (event_before(&kernel->heap[i], &kernel->heap[best])) {
                best = i;
            }
        }
        if (!event_before(&kernel->heap[best], &last)) {
            break;
        }
        kernel->heap[hole] = kernel->heap[best];
        hole = best;
    }
    kernel->heap[hole] = last;
}

static void kernel_post(struct de_kernel *kernel, uint64_t incarnation, uint64_t time_ns,
                        uint32_t kind, uint32_t entity, uint64_t content, void *data)
{
    struct de_sim_event event = {0};

    DE_ASSERT(kind < DE_KERNEL_KINDS_MAX && kernel->handlers[kind].run != NULL);
    DE_ASSERT(entity < DE_KERNEL_ENTITIES_MAX);
    event.time_ns = time_ns > kernel->now_ns ? time_ns : kernel->now_ns;
    /* Addressed by what the event is, not by when it was posted: a fault taken out elsewhere does
     * not turn this tie. */
    event.tie = de_dice_draw(kernel->seed ^ de_sim_mix(event.time_ns), DE_DICE_TIE,
                             (uint64_t)kind << 32 | entity, content);
    event.sequence = kernel->sequence++;
    event.incarnation = incarnation;
    event.content = content;
    event.data = data;
    event.kind = kind;
    event.entity = entity;
    heap_push(kernel, &event);
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
