#include "runtime/sim/shrink.h"

#include "core/base/assert.h"

/* What leaves out one thing may make room to leave out another. */
#define ROUNDS_MAX 4
/* How many seeds a smaller plan gets to fail with. */
#define SEEDS      8
#define SEEDS_MOST 64
/* Times are made shorter down to this. */
#define FINE_NS (10 * DE_NS_PER_MS)

struct shrink {
    const struct de_shrink_options *options;
    struct de_plan *best;
    uint32_t runs;
    uint64_t seed; /* the last one that was tried */
};

static bool may_run(const struct shrink *shrink)
{
    const struct de_shrink_options *options = shrink->options;

    DE_ASSERT(shrink->runs <= options->runs_max);
    return shrink->runs < options->runs_max &&
           (options->over == NULL || !options->over(options->context));
}

/* Runs the candidate, which is used up: as it is, then with other seeds, since what is left to
 * chance may be all that it lacks. It becomes the best when it fails. */
static bool try_plan(struct shrink *shrink, struct de_plan *candidate, uint32_t seeds)
{
    bool fails = false;

    for (uint32_t i = 0; i < seeds && !fails && may_run(shrink); i++) {
        candidate->seed = i == 0 ? candidate->seed : ++shrink->seed;
        shrink->runs++;
        fails = shrink->options->fails(shrink->options->context, candidate);
    }
    if (fails) {
        de_plan_deinit(shrink->best);
        *shrink->best = *candidate;
    } else {
        de_plan_deinit(candidate);
    }
    return fails;
}

/* ---- parts that can be left out ---- */

struct parts {
    uint32_t (*count)(const struct de_plan *plan);
    /* Leaves out count of them from the first on. */
    void (*remove)(struct de_plan *plan, uint32_t first, uint32_t count);
};

/* What leaves out much is worth many runs: it saves more. */
static uint32_t seeds_for(uint32_t size, uint32_t all)
{
    const uint32_t seeds = SEEDS_MOST * size / all;

    DE_ASSERT(size <= all);
    return seeds > SEEDS ? seeds : SEEDS;
}

/* From the back: what comes last is the likeliest to have nothing to do with it. */
static void leave_out(struct shrink *shrink, const struct parts *parts)
{
    const uint32_t all = parts->count(shrink->best);

    for (uint32_t size = all; size > 0; size /= 2) {
        for (uint32_t end = parts->count(shrink->best); end > 0;) {
            const uint32_t first = end > size ? end - size : 0;
            struct de_plan candidate;

            de_plan_copy(shrink->best, &candidate);
            parts->remove(&candidate, first, end - first);
            DE_ASSERT(parts->count(&candidate) == parts->count(shrink->best) - (end - first));
            (void)try_plan(shrink, &candidate, seeds_for(size, all));
            end = first;
        }
    }
}

static uint32_t count_faults(const struct de_plan *plan)
{
    return (uint32_t)plan->schedule.count;
}

static void remove_faults(struct de_plan *plan, uint32_t first, uint32_t count)
{
    struct de_schedule *schedule = &plan->schedule;

    DE_ASSERT(first + count <= schedule->count);
    memmove(&schedule->faults[first], &schedule->faults[first + count],
            (schedule->count - first - count) * sizeof(schedule->faults[0]));
    schedule->count -= count;
}

uint32_t de_shrink_sites(const struct de_plan *plan)
{
    uint32_t count = 0;

    for (int site = 0; site < DE_SITES; site++) {
        count += plan->cluster.site_ppm[site] != 0 ? 1 : 0;
    }
    return count;
}

static void remove_sites(struct de_plan *plan, uint32_t first, uint32_t count)
{
    uint32_t number = 0;

    for (int site = 0; site < DE_SITES; site++) {
        if (plan->cluster.site_ppm[site] != 0 && number++ >= first && count > 0) {
            plan->cluster.site_ppm[site] = 0;
            count--;
        }
    }
    DE_ASSERT(count == 0);
}

static uint32_t count_bits(uint64_t set)
{
    return (uint32_t)__builtin_popcountll(set);
}

static uint64_t without_bits(uint64_t set, uint32_t first, uint32_t count)
{
    uint32_t number = 0;

    for (uint32_t bit = 0; bit < 64; bit++) {
        if ((set >> bit & 1) != 0 && number++ >= first && count > 0) {
            set &= ~(UINT64_C(1) << bit);
            count--;
        }
    }
    DE_ASSERT(count == 0);
    return set;
}

static uint32_t count_slots(const struct de_plan *plan)
{
    return count_bits(plan->cluster.load.slots);
}

static void remove_slots(struct de_plan *plan, uint32_t first, uint32_t count)
{
    plan->cluster.load.slots = without_bits(plan->cluster.load.slots, first, count);
}

static uint32_t count_clients(const struct de_plan *plan)
{
    return count_bits(plan->cluster.load.clients);
}

static void remove_clients(struct de_plan *plan, uint32_t first, uint32_t count)
{
    plan->cluster.load.clients = without_bits(plan->cluster.load.clients, first, count);
}

/* ---- numbers that can be less ---- */

struct number {
    uint64_t *(*of)(struct de_plan *plan);
    uint64_t fine; /* a smaller difference is worth no run */
};

static bool try_number(struct shrink *shrink, const struct number *number, uint64_t value)
{
    struct de_plan candidate;

    de_plan_copy(shrink->best, &candidate);
    *number->of(&candidate) = value;
    return try_plan(shrink, &candidate, SEEDS);
}

/* Between bound, where it need not fail, and what it is, where it does: by halves towards bound. */
static void approach(struct shrink *shrink, const struct number *number, uint64_t bound)
{
    uint64_t now = *number->of(shrink->best);

    if (now == bound || try_number(shrink, number, bound)) {
        return;
    }
    for (;;) {
        const uint64_t far = now > bound ? now - bound : bound - now;
        const uint64_t middle = now > bound ? bound + far / 2 : bound - far / 2;

        if (far <= number->fine) {
            return;
        }
        if (try_number(shrink, number, middle)) {
            now = middle;
        } else {
            bound = middle;
        }
    }
}

static uint64_t *until_of(struct de_plan *plan)
{
    return &plan->until_ns;
}

static uint64_t *load_from_of(struct de_plan *plan)
{
    return &plan->cluster.load.from_ns;
}

static uint64_t *load_until_of(struct de_plan *plan)
{
    return &plan->cluster.load.until_ns;
}

static uint64_t *think_of(struct de_plan *plan)
{
    return &plan->cluster.workload.think_ns;
}

static uint64_t *service_think_of(struct de_plan *plan)
{
    return &plan->cluster.service.think_ns;
}

static uint64_t *range_think_of(struct de_plan *plan)
{
    return &plan->cluster.ranges.think_ns;
}

/* A run that ends before the healing has nothing in it that came later. What fails only after it,
 * such as not to recover, stays as it is. What fails early is not worth to be waited for much
 * longer: most runs are of plans that do not fail, and those last until the end. */
static void end_before_healing(struct shrink *shrink)
{
    static const struct number until = {until_of, FINE_NS};
    const uint64_t heal_ns = shrink->best->warm_ns + shrink->best->chaos_ns;
    const uint64_t failed_ns = shrink->options->failed_ns;
    const uint64_t soon_ns = failed_ns + failed_ns / 4 + DE_NS_PER_S / 2;

    if (shrink->best->until_ns != 0) {
        return;
    }
    if (failed_ns == 0 || soon_ns >= heal_ns || !try_number(shrink, &until, soon_ns)) {
        (void)try_number(shrink, &until, heal_ns);
    }
}

static void end_early(struct shrink *shrink)
{
    static const struct number until = {until_of, FINE_NS};

    if (shrink->best->until_ns != 0) {
        approach(shrink, &until, FINE_NS);
    }
}

static void load_less(struct shrink *shrink)
{
    static const struct parts slots = {count_slots, remove_slots};
    static const struct parts clients = {count_clients, remove_clients};
    static const struct number from = {load_from_of, FINE_NS};
    static const struct number until = {load_until_of, FINE_NS};
    const struct de_plan *best = shrink->best;
    const uint64_t heal_ns = best->warm_ns + best->chaos_ns;
    const uint64_t end_ns = best->until_ns != 0 ? best->until_ns : heal_ns;

    if (best->cluster.load.until_ns > end_ns) {
        (void)try_number(shrink, &until, end_ns);
    }
    approach(shrink, &until, best->cluster.load.from_ns);
    if (best->cluster.load.until_ns == best->cluster.load.from_ns) {
        return; /* nobody begins anything: it does not matter who, and when */
    }
    approach(shrink, &from, best->cluster.load.until_ns);
    leave_out(shrink, &clients);
    leave_out(shrink, &slots);
}

/* Clients that think longer do less. */
static void load_slower(struct shrink *shrink)
{
    static const struct number thinks[] = {
        {think_of, 0}, {service_think_of, 0}, {range_think_of, 0}};

    for (size_t i = 0; i < DE_ARRAY_SIZE(thinks); i++) {
        for (uint64_t now = *thinks[i].of(shrink->best); now < 10 * DE_NS_PER_S; now *= 2) {
            if (!try_number(shrink, &thinks[i], 2 * now)) {
                break;
            }
        }
    }
}

/* ---- what happens all the time ---- */

static void calm_network(struct de_plan *plan)
{
    plan->cluster.network.base.loss_ppm = 0;
    plan->cluster.network.base.duplicate_ppm = 0;
    plan->cluster.network.base.tail_ppm = 0;
}

static void calm_machines(struct de_plan *plan)
{
    plan->cluster.slow_read_ppm = 0;
    plan->cluster.scarce_ppm = 0;
    plan->cluster.applier_held_up_ppm = 0;
}

static void calm_clocks(struct de_plan *plan)
{
    plan->cluster.clock_ppm = 0;
}

static void calm_administrator(struct de_plan *plan)
{
    plan->cluster.admin_gap_ns = 0;
    plan->cluster.admin_changes = false;
}

static void fewer_keys(struct de_plan *plan)
{
    plan->cluster.workload.keys = (plan->cluster.workload.keys + 1) / 2;
}

static void calm(struct shrink *shrink)
{
    static void (*const ways[])(struct de_plan * plan) = {
        calm_network, calm_machines, calm_clocks, calm_administrator, fewer_keys, fewer_keys,
    };

    for (size_t i = 0; i < DE_ARRAY_SIZE(ways); i++) {
        struct de_plan candidate;

        de_plan_copy(shrink->best, &candidate);
        ways[i](&candidate);
        (void)try_plan(shrink, &candidate, SEEDS);
    }
}

/* ---- in turn ---- */

/* What a round can make less. */
static uint64_t weight(const struct de_plan *plan)
{
    return plan->schedule.count + de_shrink_sites(plan) + count_slots(plan) + count_clients(plan);
}

static void told(const struct shrink *shrink, const char *step)
{
    if (shrink->options->progress != NULL) {
        shrink->options->progress(shrink->options->context, step, shrink->best, shrink->runs);
    }
}

uint32_t de_shrink(struct de_plan *plan, const struct de_shrink_options *options)
{
    static const struct parts faults = {count_faults, remove_faults};
    static const struct parts sites = {de_shrink_sites, remove_sites};
    struct shrink shrink = {.options = options, .best = plan, .seed = plan->seed};
    uint64_t before;

    DE_ASSERT(options->fails != NULL);
    for (int round = 0; round < ROUNDS_MAX; round++) {
        before = weight(plan);
        end_before_healing(&shrink);
        leave_out(&shrink, &faults);
        told(&shrink, "faults");
        leave_out(&shrink, &sites);
        calm(&shrink);
        told(&shrink, "calm");
        end_early(&shrink);
        told(&shrink, "time");
        load_less(&shrink);
        load_slower(&shrink);
        told(&shrink, "operations");
        if (weight(plan) == before) {
            break;
        }
    }
    DE_ASSERT(shrink.runs <= options->runs_max);
    return shrink.runs;
}
