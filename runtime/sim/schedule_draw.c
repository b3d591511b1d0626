/* How faults are drawn: which kinds, when, for how long, how bad. */
#include <string.h>

#include "core/base/assert.h"
#include "runtime/sim/dice.h"
#include "runtime/sim/disk.h"
#include "runtime/sim/kernel.h"
#include "runtime/sim/schedule.h"

/* Of the kinds that came later (schedule.h): how often one of them is among those of a run, how
 * much rarer its faults are, and where their numbers begin. */
#define APART_PPM   200000
#define APART_GAP   4
#define APART_FIRST (UINT64_C(1) << 32)

/* ---- durations ---- */

static uint64_t duration_USUAL(struct de_dice *dice)
{
    return 50 * DE_NS_PER_MS + de_dice_exponential(dice, 1500 * DE_NS_PER_MS);
}

static uint64_t duration_SHORT(struct de_dice *dice)
{
    return de_dice_exponential(dice, 400 * DE_NS_PER_MS);
}

static uint64_t duration_CRASH(struct de_dice *dice)
{
    /* Often shorter than an election, so that the same leader or vote is asked again. */
    return de_dice_exponential(dice, de_dice_chance(dice, 500000) ? 20 * DE_NS_PER_MS
                                                                  : 1000 * DE_NS_PER_MS);
}

static uint64_t duration_BLACKOUT(struct de_dice *dice)
{
    return de_dice_exponential(dice, 100 * DE_NS_PER_MS);
}

static uint64_t duration_CHURN(struct de_dice *dice)
{
    return DE_NS_PER_S + de_dice_exponential(dice, 6 * DE_NS_PER_S);
}

/* ---- parameters ---- */

static void parameters_NONE(struct de_dice *dice, const struct de_schedule_options *options,
                            struct de_fault *fault)
{
    (void)dice;
    (void)options;
    (void)fault;
}

/* Any real part of the nodes. */
static void parameters_MASK(struct de_dice *dice, const struct de_schedule_options *options,
                            struct de_fault *fault)
{
    uint64_t parts = UINT64_C(1) << options->nodes;

    fault->a = options->nodes > 1 ? de_dice_between(dice, 1, parts - 2) << 1 : 0;
}

static uint64_t draw_nodes(struct de_dice *dice, uint32_t nodes, uint32_t wanted)
{
    uint64_t mask = 0;

    for (uint32_t left = nodes; left > 0; left--) {
        /* Selection sampling: each id with wanted / left. */
        if (de_dice_below(dice, left) < wanted) {
            mask |= UINT64_C(1) << left;
            wanted--;
        }
    }
    return mask;
}

/* A minority, halves, or any part; now and then the clients are divided as well. */
static void parameters_SPLIT(struct de_dice *dice, const struct de_schedule_options *options,
                             struct de_fault *fault)
{
    uint32_t minority = (options->nodes - 1) / 2;
    uint64_t shape = de_dice_below(dice, 4);

    if (shape == 0 && minority > 0) {
        fault->a = draw_nodes(dice, options->nodes, (uint32_t)de_dice_between(dice, 1, minority));
    } else if (shape == 1) {
        fault->a = draw_nodes(dice, options->nodes, options->nodes / 2);
    } else {
        parameters_MASK(dice, options, fault);
    }
    fault->b = de_dice_chance(dice, 250000) ? 1 + de_dice_below(dice, UINT64_C(1) << 12) : 0;
}

static void parameters_NODE(struct de_dice *dice, const struct de_schedule_options *options,
                            struct de_fault *fault)
{
    fault->a = 1 + de_dice_below(dice, options->nodes);
}

static void parameters_CLIENTS(struct de_dice *dice, const struct de_schedule_options *options,
                               struct de_fault *fault)
{
    fault->a = 1 + de_dice_below(dice, UINT64_C(1) << options->clients);
}

static void parameters_RATE(struct de_dice *dice, const struct de_schedule_options *options,
                            struct de_fault *fault)
{
    (void)options;
    /* From rare to heavy, each magnitude alike. */
    fault->a = UINT64_C(1000) << de_dice_below(dice, 9);
}

static void parameters_PERIOD(struct de_dice *dice, const struct de_schedule_options *options,
                              struct de_fault *fault)
{
    (void)options;
    fault->a = UINT64_C(10000) << de_dice_below(dice, 7);
}

static void parameters_SWIZZLE(struct de_dice *dice, const struct de_schedule_options *options,
                               struct de_fault *fault)
{
    parameters_MASK(dice, options, fault);
    fault->b = de_dice_next(dice) >> 32;
}

static void parameters_BANDWIDTH(struct de_dice *dice, const struct de_schedule_options *options,
                                 struct de_fault *fault)
{
    (void)options;
    fault->a = UINT64_C(20) << de_dice_below(dice, 8);
    fault->b = UINT64_C(4) << de_dice_below(dice, 7);
}

/* Process crashes and every kind of power cut, half and half. */
static void parameters_CRASH(struct de_dice *dice, const struct de_schedule_options *options,
                             struct de_fault *fault)
{
    (void)options;
    fault->a = de_dice_chance(dice, 500000) ? 0 : 1 + de_dice_below(dice, DE_DISK_CUT_KINDS);
}

static void parameters_TRAP(struct de_dice *dice, const struct de_schedule_options *options,
                            struct de_fault *fault)
{
    parameters_CRASH(dice, options, fault);
    fault->b = de_dice_between(dice, 1, options->traps == 0 ? 4 : options->traps);
}

static void parameters_CUT(struct de_dice *dice, const struct de_schedule_options *options,
                           struct de_fault *fault)
{
    (void)options;
    fault->a = 1 + de_dice_below(dice, DE_DISK_CUT_KINDS);
}

static void parameters_LOOP(struct de_dice *dice, const struct de_schedule_options *options,
                            struct de_fault *fault)
{
    parameters_CRASH(dice, options, fault);
    fault->b = UINT64_C(20000) << de_dice_below(dice, 6);
}

static void parameters_FACTOR(struct de_dice *dice, const struct de_schedule_options *options,
                              struct de_fault *fault)
{
    (void)options;
    fault->a = UINT64_C(4) << de_dice_below(dice, 5);
}

static void parameters_DISK_ERROR(struct de_dice *dice, const struct de_schedule_options *options,
                                  struct de_fault *fault)
{
    parameters_CRASH(dice, options, fault);
    fault->b = UINT64_C(1) << de_dice_below(dice, 6);
}

static void parameters_SPACE(struct de_dice *dice, const struct de_schedule_options *options,
                             struct de_fault *fault)
{
    (void)options;
    fault->a = de_dice_chance(dice, 300000) ? 0 : UINT64_C(64) << de_dice_below(dice, 12);
    fault->b = de_dice_below(dice, 4);
}

static void parameters_ROT(struct de_dice *dice, const struct de_schedule_options *options,
                           struct de_fault *fault)
{
    parameters_CRASH(dice, options, fault);
    fault->b = de_dice_next(dice);
}

static void parameters_DRIFT(struct de_dice *dice, const struct de_schedule_options *options,
                             struct de_fault *fault)
{
    (void)options;
    /* Half of real time to one and a half. */
    fault->a = de_dice_between(dice, 500000, 1500000);
}

static void parameters_STEP(struct de_dice *dice, const struct de_schedule_options *options,
                            struct de_fault *fault)
{
    (void)options;
    fault->a = UINT64_C(1000) << de_dice_below(dice, 14);
}

static void parameters_CHURN(struct de_dice *dice, const struct de_schedule_options *options,
                             struct de_fault *fault)
{
    fault->a = de_dice_next(dice) & 3;
    fault->b = UINT64_C(250) << de_dice_below(dice, 8);
    if (options->late_churn) {
        fault->b <<= 6;
    }
}

static void parameters_DELAY(struct de_dice *dice, const struct de_schedule_options *options,
                             struct de_fault *fault)
{
    fault->a = UINT64_C(1000) << de_dice_below(dice, 8);
    fault->b = options->late_churn ? 1 : 0; /* so the old one does not learn of it */
}

static const struct {
    uint32_t weight;
    uint64_t (*duration)(struct de_dice *dice);
    void (*parameters)(struct de_dice *dice, const struct de_schedule_options *options,
                       struct de_fault *fault);
} kinds[] = {
#define KIND(name, text, weight, duration, parameters, what)                                       \
    {weight, duration_##duration, parameters_##parameters},
    DE_FAULT_MAP(KIND)
#undef KIND
};

/* ---- which, and when ---- */

/* Kinds that go deep together; luck would seldom draw just these. */
static const uint64_t themes[] = {
    /* Raft figure 8: leaders that append, fall silent and come back. */
    DE_FAULT_BIT(CHURN),
    /* The same with crashes: votes and entries that must survive them. */
    DE_FAULT_BIT(CHURN) | DE_FAULT_BIT(TRAP) | DE_FAULT_BIT(CRASH) | DE_FAULT_BIT(BLACKOUT),
    /* Elections whose votes come twice, late, or not at all. */
    DE_FAULT_BIT(CHURN) | DE_FAULT_BIT(DUPLICATE) | DE_FAULT_BIT(REPLAY) | DE_FAULT_BIT(LOSS) |
        DE_FAULT_BIT(RING) | DE_FAULT_BIT(SPLIT),
    /* Leaders that do not know yet that they lead no more. */
    DE_FAULT_BIT(STALE) | DE_FAULT_BIT(MUTE) | DE_FAULT_BIT(CLOG) | DE_FAULT_BIT(PAUSE),
    /* Logs that diverge while disks lag behind. */
    DE_FAULT_BIT(CHURN) | DE_FAULT_BIT(SLOW_DISK) | DE_FAULT_BIT(STALL) | DE_FAULT_BIT(TAIL) |
        DE_FAULT_BIT(REPLAY),
};

#define EARLY_KINDS ((UINT64_C(1) << DE_FAULT_APART) - 1)

static uint64_t draw_kinds(struct de_dice *dice, const struct de_schedule_options *options)
{
    const uint64_t allowed = options->allowed & EARLY_KINDS;

    /* A share between a fifth and all of the kinds. */
    uint32_t share_ppm = (uint32_t)de_dice_between(dice, 200000, DE_DICE_CERTAIN_PPM);
    uint64_t theme = themes[de_dice_below(dice, DE_ARRAY_SIZE(themes))];
    bool themed = de_dice_chance(dice, options->themed_ppm);
    uint64_t chosen = 0;

    for (uint32_t kind = 0; kind < DE_FAULT_APART; kind++) {
        if (de_dice_chance(dice, share_ppm)) {
            chosen |= UINT64_C(1) << kind;
        }
    }
    if (themed && (theme & allowed) != 0) {
        chosen = theme;
    }
    chosen &= allowed;
    return chosen != 0 ? chosen : allowed;
}

/* Each of those that came later has its own chance. */
static uint64_t draw_kinds_apart(struct de_dice *dice, const struct de_schedule_options *options)
{
    uint64_t chosen = 0;

    for (uint32_t kind = DE_FAULT_APART; kind < DE_FAULT_KINDS; kind++) {
        if (de_dice_chance(dice, APART_PPM)) {
            chosen |= UINT64_C(1) << kind;
        }
    }
    return chosen & options->allowed;
}

static uint32_t draw_kind(struct de_dice *dice, uint64_t chosen)
{
    uint32_t total = 0;
    uint32_t kind = 0;
    uint64_t point;

    for (uint32_t i = 0; i < DE_FAULT_KINDS; i++) {
        total += (chosen >> i & 1) != 0 ? kinds[i].weight : 0;
    }
    DE_ASSERT(total > 0);
    point = de_dice_below(dice, total);
    for (;; kind++) {
        DE_ASSERT(kind < DE_FAULT_KINDS);
        if ((chosen >> kind & 1) == 0) {
            continue;
        }
        if (point < kinds[kind].weight) {
            return kind;
        }
        point -= kinds[kind].weight;
    }
}

/* Faults of these kinds, numbered from first on. */
static void draw_faults(struct de_schedule *schedule, const struct de_schedule_options *options,
                        uint64_t chosen, uint64_t first, uint64_t gap_ns)
{
    uint64_t at_ns = options->start_ns;

    DE_ASSERT(chosen != 0 && gap_ns > 0);
    for (uint64_t number = first;; number++) {
        struct de_fault fault = {0};
        struct de_dice dice;

        de_dice_init(&dice, options->seed, DE_DICE_NEMESIS, number);
        at_ns += de_dice_exponential(&dice, gap_ns);
        if (at_ns >= options->end_ns) {
            break;
        }
        /* Whole microseconds, as in files. */
        fault.start_ns = at_ns / DE_NS_PER_US * DE_NS_PER_US;
        fault.kind = draw_kind(&dice, chosen);
        /* Whoever leads is the target as often as all others together. */
        fault.target = de_dice_chance(&dice, 500000)
                           ? DE_FAULT_LEADER
                           : 1 + (uint32_t)de_dice_below(&dice, options->nodes);
        fault.duration_ns = kinds[fault.kind].duration(&dice) / DE_NS_PER_US * DE_NS_PER_US;
        kinds[fault.kind].parameters(&dice, options, &fault);
        de_schedule_add(schedule, &fault);
    }
}

void de_schedule_draw(struct de_schedule *schedule, const struct de_schedule_options *options)
{
    struct de_dice dice;
    uint64_t chosen;

    DE_ASSERT(options->allowed != 0 && options->gap_ns > 0);
    if ((options->allowed & EARLY_KINDS) != 0) {
        de_dice_init(&dice, options->seed, DE_DICE_NEMESIS, 0);
        draw_faults(schedule, options, draw_kinds(&dice, options), 1, options->gap_ns);
    }
    de_dice_init(&dice, options->seed, DE_DICE_NEMESIS, APART_FIRST);
    chosen = draw_kinds_apart(&dice, options);
    if (chosen != 0) {
        draw_faults(schedule, options, chosen, APART_FIRST + 1, APART_GAP * options->gap_ns);
    }
}
