/* Partitions and trouble of the network. */
#include "core/base/assert.h"
#include "runtime/sim/dice.h"
#include "runtime/sim/nemesis_faults.h"
#include "runtime/sim/workload.h"

#define BIT(id) (UINT64_C(1) << (id))

void de_nemesis_cut(struct de_nemesis *nemesis, uint64_t from, uint64_t to, bool block)
{
    void (*change)(struct de_network *, uint32_t, uint32_t) =
        block ? de_network_block : de_network_unblock;

    for (uint32_t a = 1; a < DE_NETWORK_ENDPOINTS_MAX; a++) {
        for (uint32_t b = 1; (from >> a & 1) != 0 && b < DE_NETWORK_ENDPOINTS_MAX; b++) {
            if ((to >> b & 1) != 0 && a != b) {
                change(nemesis->network, a, b);
            }
        }
    }
}

void de_nemesis_part(struct de_nemesis *nemesis, uint64_t a, uint64_t b, bool block)
{
    DE_ASSERT((a & b) == 0);
    de_nemesis_cut(nemesis, a, b, block);
    de_nemesis_cut(nemesis, b, a, block);
}

void de_nemesis_isolate(struct de_nemesis *nemesis, uint32_t target, uint64_t spare, bool block)
{
    de_nemesis_part(nemesis, BIT(target), de_nemesis_all(nemesis) & ~BIT(target) & ~spare, block);
}

static uint64_t others(const struct de_nemesis_work *work)
{
    return de_nemesis_all(work->nemesis) & ~BIT(work->state->target);
}

void de_start_isolate(struct de_nemesis_work *work)
{
    de_nemesis_isolate(work->nemesis, work->state->target, 0, true);
}

void de_end_isolate(struct de_nemesis_work *work)
{
    de_nemesis_isolate(work->nemesis, work->state->target, 0, false);
}

void de_start_deaf(struct de_nemesis_work *work)
{
    de_nemesis_cut(work->nemesis, others(work), BIT(work->state->target), true);
}

void de_end_deaf(struct de_nemesis_work *work)
{
    de_nemesis_cut(work->nemesis, others(work), BIT(work->state->target), false);
}

void de_start_mute(struct de_nemesis_work *work)
{
    de_nemesis_cut(work->nemesis, BIT(work->state->target), others(work), true);
}

void de_end_mute(struct de_nemesis_work *work)
{
    de_nemesis_cut(work->nemesis, BIT(work->state->target), others(work), false);
}

/* Nodes of a on this side, and of the clients those whose bit in b is set (with b - 1). */
static void split(const struct de_nemesis_work *work, bool block)
{
    uint64_t all = de_nemesis_all(work->nemesis);
    uint64_t side = work->fault->a & all;

    if (work->fault->b != 0) {
        uint64_t clients = (BIT(DE_WORKLOAD_CLIENTS_MAX) - 1) << DE_WORKLOAD_ENDPOINT;

        side |= (work->fault->b - 1) << DE_WORKLOAD_ENDPOINT & clients;
        all |= clients;
    }
    de_nemesis_part(work->nemesis, side, all & ~side, block);
}

void de_start_split(struct de_nemesis_work *work)
{
    split(work, true);
}

void de_end_split(struct de_nemesis_work *work)
{
    split(work, false);
}

void de_start_one_way(struct de_nemesis_work *work)
{
    uint64_t all = de_nemesis_all(work->nemesis);

    de_nemesis_cut(work->nemesis, work->fault->a & all, all & ~work->fault->a, true);
}

void de_end_one_way(struct de_nemesis_work *work)
{
    uint64_t all = de_nemesis_all(work->nemesis);

    de_nemesis_cut(work->nemesis, work->fault->a & all, all & ~work->fault->a, false);
}

void de_start_bridge(struct de_nemesis_work *work)
{
    uint64_t rest = others(work);

    de_nemesis_part(work->nemesis, rest & work->fault->a, rest & ~work->fault->a, true);
}

void de_end_bridge(struct de_nemesis_work *work)
{
    uint64_t rest = others(work);

    de_nemesis_part(work->nemesis, rest & work->fault->a, rest & ~work->fault->a, false);
}

/* Each node sees so many neighbours on both sides that they are a majority with it, and no two
 * nodes see the same ones. */
static void ring(const struct de_nemesis_work *work, bool block)
{
    uint32_t nodes = work->nemesis->nodes;
    uint32_t reach = (nodes / 2 + 1) / 2;

    for (uint32_t a = 0; a < nodes; a++) {
        for (uint32_t b = a + 1; b < nodes; b++) {
            if (b - a > reach && a + nodes - b > reach) {
                de_nemesis_part(work->nemesis, BIT(a + 1), BIT(b + 1), block);
            }
        }
    }
}

void de_start_ring(struct de_nemesis_work *work)
{
    ring(work, true);
}

void de_end_ring(struct de_nemesis_work *work)
{
    ring(work, false);
}

static uint64_t period_ns(uint64_t us)
{
    return (us == 0 ? 1 : us) * DE_NS_PER_US;
}

void de_start_flap(struct de_nemesis_work *work)
{
    de_start_isolate(work);
    de_nemesis_step_later(work, period_ns(work->fault->a));
}

void de_step_flap(struct de_nemesis_work *work)
{
    de_nemesis_isolate(work->nemesis, work->state->target, 0, work->state->steps % 2 == 0);
    de_nemesis_step_later(work, period_ns(work->fault->a));
}

void de_end_flap(struct de_nemesis_work *work)
{
    if (work->state->steps % 2 == 0) {
        de_end_isolate(work);
    }
}

void de_start_link(struct de_nemesis_work *work)
{
    de_nemesis_cut(work->nemesis, BIT(work->state->target), BIT(work->fault->a & 31), true);
}

void de_end_link(struct de_nemesis_work *work)
{
    de_nemesis_cut(work->nemesis, BIT(work->state->target), BIT(work->fault->a & 31), false);
}

void de_start_replies(struct de_nemesis_work *work)
{
    de_nemesis_cut(work->nemesis, de_nemesis_all(work->nemesis),
                   work->fault->a << DE_WORKLOAD_ENDPOINT, true);
}

void de_end_replies(struct de_nemesis_work *work)
{
    de_nemesis_cut(work->nemesis, de_nemesis_all(work->nemesis),
                   work->fault->a << DE_WORKLOAD_ENDPOINT, false);
}

/* ---- trouble on all links ---- */

static void trouble(const struct de_nemesis_work *work, int sign)
{
    const struct de_fault *fault = work->fault;
    struct de_network_trouble change = {0};
    uint32_t rate = fault->a < DE_DICE_CERTAIN_PPM ? (uint32_t)fault->a : DE_DICE_CERTAIN_PPM;

    change.loss_ppm = fault->kind == DE_FAULT_LOSS ? rate : 0;
    change.duplicate_ppm = fault->kind == DE_FAULT_DUPLICATE ? rate : 0;
    change.replay_ppm = fault->kind == DE_FAULT_REPLAY ? rate : 0;
    change.tail_ppm = fault->kind == DE_FAULT_TAIL ? rate : 0;
    change.corrupt_ppm = fault->kind == DE_FAULT_CORRUPT ? rate : 0;
    change.garble_ppm = fault->kind == DE_FAULT_GARBLE ? rate : 0;
    de_network_add_trouble(work->nemesis->network, &change, sign);
}

void de_start_trouble(struct de_nemesis_work *work)
{
    trouble(work, 1);
}

void de_end_trouble(struct de_nemesis_work *work)
{
    trouble(work, -1);
}

static void hold_back(struct de_nemesis *nemesis, uint32_t target, uint64_t until_ns)
{
    for (uint32_t from = 0; from < DE_NETWORK_ENDPOINTS_MAX; from++) {
        de_network_clog(nemesis->network, from, target, until_ns);
    }
}

void de_start_clog(struct de_nemesis_work *work)
{
    hold_back(work->nemesis, work->state->target,
              work->nemesis->kernel->now_ns + work->fault->duration_ns);
}

/* One node after the other in the first half of the time, in the order of one permutation; each is
 * released in the second half, in the order of another (after FoundationDB's swizzle-clogging). */
void de_start_swizzle(struct de_nemesis_work *work)
{
    de_nemesis_step_later(work, 0);
}

static uint64_t rank(const struct de_nemesis_work *work, uint32_t id, uint32_t permutation)
{
    uint64_t mine = de_dice_draw(work->fault->b, DE_DICE_NEMESIS, id, permutation);
    uint64_t before = 0;

    for (uint32_t other = 1; other <= work->nemesis->nodes; other++) {
        if (other != id && (work->fault->a >> other & 1) != 0 &&
            de_dice_draw(work->fault->b, DE_DICE_NEMESIS, other, permutation) < mine) {
            before++;
        }
    }
    return before;
}

void de_step_swizzle(struct de_nemesis_work *work)
{
    uint64_t slice_ns = work->fault->duration_ns / (2 * (uint64_t)work->nemesis->nodes);
    uint64_t half_ns = work->fault->duration_ns / 2;

    for (uint32_t id = 1; id <= work->nemesis->nodes; id++) {
        if ((work->fault->a >> id & 1) != 0 && rank(work, id, 0) + 1 == work->state->steps) {
            hold_back(work->nemesis, id,
                      work->fault->start_ns + half_ns + slice_ns * (rank(work, id, 1) + 1));
        }
    }
    if (work->state->steps < work->nemesis->nodes) {
        de_nemesis_step_later(work, slice_ns);
    }
}

void de_start_bandwidth(struct de_nemesis_work *work)
{
    uint64_t limit = work->fault->a < 1 ? 1 : work->fault->a;

    de_network_limit(work->nemesis->network, limit * 1000, (uint32_t)(work->fault->b & UINT32_MAX));
}

void de_end_bandwidth(struct de_nemesis_work *work)
{
    de_network_limit(work->nemesis->network, 0, 0);
}

void de_start_reset(struct de_nemesis_work *work)
{
    for (uint32_t id = 1; id < DE_NETWORK_ENDPOINTS_MAX; id++) {
        de_network_reset(work->nemesis->network, id, work->state->target);
        de_network_reset(work->nemesis->network, work->state->target, id);
    }
}

static void half_open(const struct de_nemesis_work *work, bool on)
{
    uint32_t to = (uint32_t)(work->fault->a % DE_NETWORK_ENDPOINTS_MAX);

    if (to != work->state->target) {
        de_network_half_open(work->nemesis->network, work->state->target, to, on);
    }
}

void de_start_half_open(struct de_nemesis_work *work)
{
    half_open(work, true);
}

void de_end_half_open(struct de_nemesis_work *work)
{
    half_open(work, false);
}
