#include "sim-tests/tool/seed_run.h"

#include <inttypes.h>

#include "runtime/sim/memory.h"
#include "sim-tests/tool/stores.h"

/* What fresh memory holds in the first and in the second run of a comparison: what is read before
 * it is written then differs. */
#define FILL_FIRST  0xa5
#define FILL_SECOND 0x5a

static void describe_difference(const struct de_trace *a, const struct de_trace *b,
                                struct de_run_result *result)
{
    uint64_t at = de_trace_first_difference(a, b);
    const struct de_trace *longer = a->count > b->count ? a : b;
    const struct de_trace_record *x;
    const struct de_trace_record *y;

    if (at == UINT64_MAX) {
        de_verdict_fail(&result->verdict, DE_VERDICT_NONDETERMINISM, result->time_ns, "determinism",
                        "all events are equal, but disks or states are not");
        return;
    }
    if (at >= a->count || at >= b->count) {
        x = &longer->records[at];
        de_verdict_fail(&result->verdict, DE_VERDICT_NONDETERMINISM, x->time_ns, "determinism",
                        "one run ends after event %" PRIu64 ", the other goes on with %s of %u", at,
                        de_run_event_name(x->kind), x->entity);
        return;
    }
    x = &a->records[at];
    y = &b->records[at];
    de_verdict_fail(&result->verdict, DE_VERDICT_NONDETERMINISM, x->time_ns, "determinism",
                    "event %" PRIu64 " differs: first %s of %u at %" PRIu64
                    " ns with content %016" PRIx64 ", then %s of %u at %" PRIu64
                    " ns with content %016" PRIx64,
                    at, de_run_event_name(x->kind), x->entity, x->time_ns, x->content,
                    de_run_event_name(y->kind), y->entity, y->time_ns, y->content);
}

void de_seed_plan(const struct de_tool_options *options, uint64_t seed, struct de_plan *plan)
{
    if (options->plan == NULL) {
        de_plan_draw(plan, de_tool_scenario(options, seed), seed);
        return;
    }
    de_plan_copy(options->plan, plan);
}

void de_seed_run(const struct de_tool_options *options, uint64_t seed, struct de_text *history,
                 struct de_run_result *result)
{
    struct de_sim_stores stores = de_tool_stores();
    struct de_run_options run = {0};
    struct de_run_result second;
    struct de_trace traces[2];
    struct de_plan plan;

    de_seed_plan(options, seed, &plan);
    run.plan = &plan;
    run.stores = &stores;
    run.until_ns = options->until_ns;
    run.memory_fill = options->raw_memory ? DE_SIM_FILL_NONE : FILL_FIRST;
    run.history = history;
    run.history_edn = options->history_edn;
    if (!options->check_determinism) {
        de_run(&run, result);
        de_plan_deinit(&plan);
        return;
    }
    de_trace_init(&traces[0]);
    de_trace_init(&traces[1]);
    run.trace = &traces[0];
    de_run(&run, result);
    run.trace = &traces[1];
    run.memory_fill = FILL_SECOND;
    run.history = NULL;
    de_run(&run, &second);
    de_plan_deinit(&plan);
    if (result->trace_hash != second.trace_hash) {
        de_verdict_init(&result->verdict);
        describe_difference(&traces[0], &traces[1], result);
    }
    de_trace_deinit(&traces[0]);
    de_trace_deinit(&traces[1]);
}
