#include "runtime/libev/deadlines.h"

#include <stddef.h>

#include "core/base/assert.h"

static uint64_t tick_of(uint64_t at_ns)
{
    return at_ns >> DE_DEADLINE_TICK_SHIFT;
}

void de_deadlines_init(struct de_deadlines *wheel, uint64_t now_ns)
{
    uint32_t i;

    for (i = 0; i < DE_DEADLINE_SLOTS; i++) {
        wheel->slots[i] = NULL;
    }
    wheel->tick = tick_of(now_ns);
    wheel->count = 0;
}

void de_deadlines_add(struct de_deadlines *wheel, struct de_deadline *deadline, uint64_t at_ns)
{
    uint64_t tick = tick_of(at_ns);
    struct de_deadline **slot;

    DE_ASSERT(deadline->previous == NULL);
    if (tick < wheel->tick) {
        tick = wheel->tick;
    }
    slot = &wheel->slots[tick % DE_DEADLINE_SLOTS];
    deadline->at_ns = at_ns;
    deadline->next = *slot;
    deadline->previous = slot;
    if (deadline->next != NULL) {
        deadline->next->previous = &deadline->next;
    }
    *slot = deadline;
    wheel->count++;
}

void de_deadlines_remove(struct de_deadlines *wheel, struct de_deadline *deadline)
{
    if (deadline->previous == NULL) {
        return;
    }
    DE_ASSERT(*deadline->previous == deadline);
    DE_ASSERT(wheel->count > 0);
    *deadline->previous = deadline->next;
    if (deadline->next != NULL) {
        deadline->next->previous = deadline->previous;
    }
    deadline->previous = NULL;
    deadline->next = NULL;
    wheel->count--;
}

struct de_deadline *de_deadlines_expire(struct de_deadlines *wheel, uint64_t now_ns)
{
    uint64_t now_tick = tick_of(now_ns);
    /* Once round is enough to see every slot. */
    uint64_t last =
        now_tick < wheel->tick + DE_DEADLINE_SLOTS ? now_tick : wheel->tick + DE_DEADLINE_SLOTS - 1;
    uint64_t tick;

    if (wheel->count > 0) {
        for (tick = wheel->tick; tick <= last; tick++) {
            struct de_deadline *deadline = wheel->slots[tick % DE_DEADLINE_SLOTS];

            for (; deadline != NULL; deadline = deadline->next) {
                if (deadline->at_ns <= now_ns) {
                    de_deadlines_remove(wheel, deadline);
                    return deadline;
                }
            }
            if (tick < now_tick) {
                wheel->tick = tick + 1;
            }
        }
    }
    if (wheel->tick < now_tick) {
        wheel->tick = now_tick;
    }
    return NULL;
}

uint64_t de_deadlines_next_ns(const struct de_deadlines *wheel)
{
    uint64_t i;

    if (wheel->count == 0) {
        return UINT64_MAX;
    }
    for (i = 0; i < DE_DEADLINE_SLOTS; i++) {
        if (wheel->slots[(wheel->tick + i) % DE_DEADLINE_SLOTS] != NULL) {
            break;
        }
    }
    DE_ASSERT(i < DE_DEADLINE_SLOTS);
    /* The end of the tick: everything in it that belongs to this turn is due by then. */
    return (wheel->tick + i + 1) << DE_DEADLINE_TICK_SHIFT;
}
