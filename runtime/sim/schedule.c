#include "runtime/sim/schedule.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "runtime/sim/dice.h"
#include "runtime/sim/disk.h"
#include "runtime/sim/kernel.h"
#include "runtime/sim/memory.h"

static const struct {
    const char *text;
    uint32_t weight;
} kinds[] = {
#define KIND(name, text, weight, what) {text, weight},
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

static uint32_t draw_families(struct de_dice *dice, uint32_t allowed)
{
    /* A share between a fifth and all of the families. */
    uint32_t share_ppm = (uint32_t)de_dice_between(dice, 200000, DE_DICE_CERTAIN_PPM);
    uint32_t families = 0;

    for (uint32_t kind = 0; kind < DE_FAULT_KINDS; kind++) {
        if (de_dice_chance(dice, share_ppm)) {
            families |= UINT32_C(1) << kind;
        }
    }
    families &= allowed;
    return families != 0 ? families : allowed;
}

static uint32_t draw_kind(struct de_dice *dice, uint32_t families)
{
    uint32_t total = 0;
    uint32_t kind = 0;
    uint64_t point;

    for (uint32_t i = 0; i < DE_FAULT_KINDS; i++) {
        total += (families >> i & 1) != 0 ? kinds[i].weight : 0;
    }
    DE_ASSERT(total > 0);
    point = de_dice_below(dice, total);
    for (;; kind++) {
        DE_ASSERT(kind < DE_FAULT_KINDS);
        if ((families >> kind & 1) == 0) {
            continue;
        }
        if (point < kinds[kind].weight) {
            return kind;
        }
        point -= kinds[kind].weight;
    }
}

static uint64_t draw_rate(struct de_dice *dice)
{
    /* From rare to heavy, each magnitude alike. */
    return UINT64_C(1000) << de_dice_below(dice, 9);
}

/* Process crashes and every kind of power cut, half and half. */
static uint64_t draw_crash(struct de_dice *dice)
{
    return de_dice_chance(dice, 500000) ? 0 : 1 + de_dice_below(dice, DE_DISK_CUT_KINDS);
}

static void draw_parameters(struct de_dice *dice, uint32_t nodes, struct de_fault *fault)
{
    switch ((enum de_fault_kind)fault->kind) {
    case DE_FAULT_SPLIT:
        fault->a = nodes > 1 ? de_dice_between(dice, 1, (UINT64_C(1) << nodes) - 2) << 1 : 0;
        break;
    case DE_FAULT_LINK:
        fault->a = 1 + de_dice_below(dice, nodes);
        break;
    case DE_FAULT_LOSS:
    case DE_FAULT_DUPLICATE:
    case DE_FAULT_REPLAY:
    case DE_FAULT_TAIL:
        fault->a = draw_rate(dice);
        break;
    case DE_FAULT_CRASH:
        fault->a = draw_crash(dice);
        break;
    case DE_FAULT_TRAP:
        fault->a = draw_crash(dice);
        fault->b = de_dice_between(dice, 1, 4);
        break;
    case DE_FAULT_SLOW_DISK:
        fault->a = UINT64_C(4) << de_dice_below(dice, 5);
        break;
    case DE_FAULT_BLACKOUT:
        fault->a = 1 + de_dice_below(dice, DE_DISK_CUT_KINDS);
        break;
    case DE_FAULT_CHURN:
        fault->a = de_dice_next(dice) & 3;
        fault->b = UINT64_C(250) << de_dice_below(dice, 8);
        break;
    case DE_FAULT_ISOLATE:
    case DE_FAULT_DEAF:
    case DE_FAULT_MUTE:
    case DE_FAULT_CLOG:
    case DE_FAULT_PAUSE:
    case DE_FAULT_KINDS:
        break;
    }
}

static uint64_t draw_duration(struct de_dice *dice, uint32_t kind)
{
    switch ((enum de_fault_kind)kind) {
    case DE_FAULT_CRASH:
    case DE_FAULT_TRAP:
        /* Often shorter than an election, so that the same leader or vote is asked again. */
        return de_dice_exponential(dice, de_dice_chance(dice, 500000) ? 20 * DE_NS_PER_MS
                                                                      : 1000 * DE_NS_PER_MS);
    case DE_FAULT_BLACKOUT:
        return de_dice_exponential(dice, 100 * DE_NS_PER_MS);
    case DE_FAULT_CLOG:
    case DE_FAULT_PAUSE:
        return de_dice_exponential(dice, 400 * DE_NS_PER_MS);
    case DE_FAULT_CHURN:
        return DE_NS_PER_S + de_dice_exponential(dice, 6 * DE_NS_PER_S);
    case DE_FAULT_ISOLATE:
    case DE_FAULT_DEAF:
    case DE_FAULT_MUTE:
    case DE_FAULT_SPLIT:
    case DE_FAULT_LINK:
    case DE_FAULT_LOSS:
    case DE_FAULT_DUPLICATE:
    case DE_FAULT_REPLAY:
    case DE_FAULT_TAIL:
    case DE_FAULT_SLOW_DISK:
    case DE_FAULT_KINDS:
        break;
    }
    return 50 * DE_NS_PER_MS + de_dice_exponential(dice, 1500 * DE_NS_PER_MS);
}

void de_schedule_draw(struct de_schedule *schedule, const struct de_schedule_options *options)
{
    struct de_dice dice;
    uint64_t at_ns = options->start_ns;

    DE_ASSERT(options->allowed != 0 && options->gap_ns > 0);
    de_dice_init(&dice, options->seed, DE_DICE_NEMESIS, 0);
    schedule->families = draw_families(&dice, options->allowed);
    for (uint64_t number = 1;; number++) {
        struct de_fault fault = {0};

        de_dice_init(&dice, options->seed, DE_DICE_NEMESIS, number);
        at_ns += de_dice_exponential(&dice, options->gap_ns);
        if (at_ns >= options->end_ns) {
            break;
        }
        fault.start_ns = at_ns;
        fault.kind = draw_kind(&dice, schedule->families);
        /* Whoever leads is the target as often as all others together. */
        fault.target = de_dice_chance(&dice, 500000)
                           ? DE_FAULT_LEADER
                           : 1 + (uint32_t)de_dice_below(&dice, options->nodes);
        fault.duration_ns = draw_duration(&dice, fault.kind);
        draw_parameters(&dice, options->nodes, &fault);
        de_schedule_add(schedule, &fault);
    }
}

const char *de_fault_text(uint32_t kind)
{
    DE_ASSERT(kind < DE_FAULT_KINDS);
    return kinds[kind].text;
}

void de_fault_print(const struct de_fault *fault, char *text, size_t size)
{
    (void)snprintf(text, size, "%" PRIu64 " %" PRIu64 " %s %" PRIu32 " %" PRIu64 " %" PRIu64,
                   fault->start_ns / DE_NS_PER_US, fault->duration_ns / DE_NS_PER_US,
                   de_fault_text(fault->kind), fault->target, fault->a, fault->b);
}
