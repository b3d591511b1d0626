#include "runtime/sim/schedule.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "runtime/sim/kernel.h"
#include "runtime/sim/memory.h"

static const struct {
    const char *text;
    const char *what;
} kinds[] = {
#define KIND(name, text, weight, duration, parameters, what) {text, what},
    DE_FAULT_MAP(KIND)
#undef KIND
};

void de_schedule_init(struct de_schedule *schedule)
{
    memset(schedule, 0, sizeof(*schedule));
}

void de_schedule_deinit(struct de_schedule *schedule)
{
    de_sim_free(schedule->faults);
    de_schedule_init(schedule);
}

void de_schedule_add(struct de_schedule *schedule, const struct de_fault *fault)
{
    DE_ASSERT(fault->kind < DE_FAULT_KINDS);
    schedule->faults = de_sim_grow(schedule->faults, schedule->count, &schedule->capacity,
                                   sizeof(schedule->faults[0]));
    schedule->faults[schedule->count++] = *fault;
}

const char *de_fault_text(uint32_t kind)
{
    DE_ASSERT(kind < DE_FAULT_KINDS);
    return kinds[kind].text;
}

const char *de_fault_what(uint32_t kind)
{
    DE_ASSERT(kind < DE_FAULT_KINDS);
    return kinds[kind].what;
}

uint32_t de_fault_find(const char *text)
{
    uint32_t kind = 0;

    while (kind < DE_FAULT_KINDS && strcmp(kinds[kind].text, text) != 0) {
        kind++;
    }
    return kind;
}

void de_fault_print(const struct de_fault *fault, char *text, size_t size)
{
    (void)snprintf(text, size, "%" PRIu64 " %" PRIu64 " %s %" PRIu32 " %" PRIu64 " %" PRIu64,
                   fault->start_ns / DE_NS_PER_US, fault->duration_ns / DE_NS_PER_US,
                   de_fault_text(fault->kind), fault->target, fault->a, fault->b);
}
