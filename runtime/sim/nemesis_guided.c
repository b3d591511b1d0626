/* Faults that watch the replicas and strike at the right moment. */
#include "core/base/assert.h"
#include "runtime/sim/dice.h"
#include "runtime/sim/nemesis_faults.h"

#define BIT(id) (UINT64_C(1) << (id))

static void churn_release(struct de_nemesis *nemesis)
{
    if (nemesis->cut_off != 0) {
        uint64_t friends = BIT(nemesis->cut_friend); /* bit 0: none */

        de_nemesis_isolate(nemesis, nemesis->cut_off, friends, false);
        if (nemesis->cut_friend != 0) {
            de_nemesis_isolate(nemesis, nemesis->cut_friend, BIT(nemesis->cut_off), false);
        }
        nemesis->cut_off = 0;
        nemesis->cut_friend = 0;
    }
}

/* Who leads now is as good as new: else a run with no other faults would have no election. */
void de_start_churn(struct de_nemesis_work *work)
{
    struct de_nemesis *nemesis = work->nemesis;
    const uint32_t leader = de_nemesis_leader(nemesis);

    nemesis->churning = true;
    nemesis->churn = *work->fault;
    if (leader != 0) {
        de_nemesis_elected(nemesis, leader, nemesis->hosts[leader].term);
    }
}

void de_end_churn(struct de_nemesis_work *work)
{
    work->nemesis->churning = false;
    churn_release(work->nemesis);
}

void de_nemesis_run_churn(void *context, const struct de_sim_event *event)
{
    struct de_nemesis *nemesis = context;
    uint32_t id = event->entity;
    struct de_dice dice;
    uint32_t with = 0;

    if (nemesis->healed || !nemesis->churning || !nemesis->hosts[id].running ||
        nemesis->hosts[id].role != DE_RAFT_LEADER || nemesis->hosts[id].term != event->content) {
        return;
    }
    churn_release(nemesis);
    de_dice_init(&dice, nemesis->kernel->seed, DE_DICE_GUIDED,
                 UINT64_C(1) << 60 | nemesis->reactions);
    if ((nemesis->churn.a & 2) != 0 && de_dice_chance(&dice, 250000)) {
        /* Drawn one by one: the order in which arguments are evaluated is the compiler's. */
        uint64_t power = de_dice_below(&dice, 2);

        de_nemesis_crash(nemesis, id, power, de_dice_exponential(&dice, 50 * DE_NS_PER_MS));
        return;
    }
    if ((nemesis->churn.a & 1) != 0 && de_dice_chance(&dice, 500000)) {
        with = 1 + (uint32_t)de_dice_below(&dice, nemesis->nodes);
        with = with == id ? 0 : with;
    }
    de_nemesis_isolate(nemesis, id, BIT(with), true);
    if (with != 0) {
        de_nemesis_isolate(nemesis, with, BIT(id), true);
    }
    nemesis->cut_off = id;
    nemesis->cut_friend = with;
}

void de_nemesis_elected(struct de_nemesis *nemesis, uint32_t id, uint64_t term)
{
    struct de_dice dice;
    uint64_t delay_us;

    if (!nemesis->churning || nemesis->healed) {
        return;
    }
    nemesis->reactions++;
    de_dice_init(&dice, nemesis->kernel->seed, DE_DICE_GUIDED, nemesis->reactions);
    /* At once, or within the time of a few messages, or later. */
    delay_us = de_dice_chance(&dice, 300000) ? 0 : de_dice_below(&dice, nemesis->churn.b + 1);
    de_kernel_post(nemesis->kernel, nemesis->kernel->now_ns + delay_us * DE_NS_PER_US,
                   DE_NEMESIS_CHURN, id, term, NULL);
}

/* ---- stale: a leader whose last answers reach it when there is already another one ----
 *
 * What they confirm is long past. By luck they would come before there is another leader, or after
 * the old one has given up; so they are held back until the other one is there, and has had time
 * for a few writes. */

/* The answers are held back from one step to the next, and a little longer: what is let go at the
 * time of the step may be let go before it. */
#define STALE_STEP_NS (2 * DE_NS_PER_MS)

enum stale_phase { STALE_HOLDS = 0, STALE_CUTS = 1, STALE_LETS_GO = 2 };

static void hold_answers(struct de_nemesis_work *work, uint64_t nodes, uint64_t delay_ns)
{
    struct de_nemesis *nemesis = work->nemesis;

    DE_ASSERT(work->state->active);
    for (uint32_t id = 1; id <= nemesis->nodes; id++) {
        if ((nodes >> id & 1) != 0) {
            de_network_clog(nemesis->network, id, work->state->target,
                            nemesis->kernel->now_ns + delay_ns + DE_NS_PER_MS);
        }
    }
    de_nemesis_step_later(work, delay_ns);
}

/* Whether it serves clients: an entry of its term is committed. */
static bool is_ready(const struct de_nemesis *nemesis, uint32_t leader)
{
    struct de_raft_view view;

    DE_ASSERT(leader <= nemesis->nodes);
    if (leader == 0) {
        return false;
    }
    de_host_view(&nemesis->hosts[leader], &view);
    return view.ready;
}

void de_start_stale(struct de_nemesis_work *work)
{
    work->state->phase = STALE_HOLDS;
    hold_answers(work, de_nemesis_all(work->nemesis), work->fault->a * DE_NS_PER_US);
}

void de_step_stale(struct de_nemesis_work *work)
{
    struct de_nemesis *nemesis = work->nemesis;
    uint64_t target = BIT(work->state->target);
    uint64_t all = de_nemesis_all(nemesis);
    uint32_t leader = de_nemesis_leader(nemesis);
    struct de_dice dice;

    if (work->state->phase == STALE_LETS_GO) {
        if (work->fault->b != 0) {
            hold_answers(work, BIT(leader) & all, STALE_STEP_NS);
        }
        return;
    }
    if (work->state->phase == STALE_HOLDS) {
        work->state->phase = STALE_CUTS;
        de_nemesis_cut(nemesis, target, all & ~target, true);
    }
    if (leader == work->state->target || !is_ready(nemesis, leader)) {
        hold_answers(work, all, STALE_STEP_NS);
        return;
    }
    work->state->phase = STALE_LETS_GO;
    de_dice_init(&dice, nemesis->kernel->seed, DE_DICE_GUIDED, UINT64_C(1) << 61 | work->number);
    hold_answers(work, all, de_dice_below(&dice, 100 * DE_NS_PER_MS));
}

void de_end_stale(struct de_nemesis_work *work)
{
    uint64_t target = BIT(work->state->target);

    if (work->state->phase != STALE_HOLDS) {
        de_nemesis_cut(work->nemesis, target, de_nemesis_all(work->nemesis) & ~target, false);
    }
}
