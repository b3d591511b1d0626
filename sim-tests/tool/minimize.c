#include "sim-tests/tool/minimize.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/assert.h"
#include "runtime/sim/shrink.h"
#include "sim-tests/tool/report.h"
#include "sim-tests/tool/save.h"
#include "sim-tests/tool/seed_run.h"
#include "sim-tests/tool/sweep.h"

/* A few minutes; most are done long before. */
#define RUNS_MAX 10000

struct minimizer {
    struct de_tool_options options;
    struct de_run_result first; /* how it failed */
    struct de_run_result last;  /* how the smallest plan so far fails */
    uint64_t until_ns;          /* of real time; 0: as long as it takes */
    bool broken;                /* no process could be made, or the file cannot be written */
};

static void ignore(void *context, const struct de_run_result *result)
{
    (void)context;
    (void)result;
}

/* Runs the plan; true when it fails somehow. */
static bool run_plan(struct minimizer *minimizer, const struct de_plan *plan,
                     struct de_run_result *result)
{
    struct de_sweep_totals totals;

    minimizer->options.plan = plan;
    if (de_sweep(&minimizer->options, ignore, NULL, &totals) != 0) {
        minimizer->broken = true;
        return false;
    }
    *result = totals.first_failure;
    return totals.failed;
}

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * DE_NS_PER_S + (uint64_t)now.tv_nsec;
}

static bool over(void *context)
{
    const struct minimizer *minimizer = context;

    return minimizer->broken || (minimizer->until_ns != 0 && now_ns() >= minimizer->until_ns);
}

/* By the same oracle; an assertion, by the same one. */
static bool same_failure(const struct de_verdict *a, const struct de_verdict *b)
{
    return a->status == b->status && strcmp(a->oracle, b->oracle) == 0 &&
           (a->status != DE_VERDICT_CRASH || strcmp(a->sentence, b->sentence) == 0);
}

static bool fails(void *context, const struct de_plan *plan)
{
    struct minimizer *minimizer = context;
    struct de_run_result result;
    bool same = run_plan(minimizer, plan, &result) &&
                same_failure(&result.verdict, &minimizer->first.verdict);

    if (same) {
        minimizer->last = result;
        /* Whoever has seen enough may end this at any time and has the smallest so far. */
        minimizer->broken = !de_save_plan(minimizer->options.save, plan);
    }
    return same;
}

static void told(void *context, const char *step, const struct de_plan *plan, uint32_t runs)
{
    const struct minimizer *minimizer = context;

    (void)fprintf(stderr, "after %4" PRIu32 " runs, %-10s: %3zu faults, %2" PRIu32 " sites", runs,
                  step, plan->schedule.count, de_shrink_sites(plan));
    if (minimizer->last.verdict.status != DE_VERDICT_CRASH) { /* who crashes does not say */
        (void)fprintf(stderr, ", %4" PRIu64 " operations", minimizer->last.ops_begun);
    }
    (void)fputc('\n', stderr);
}

static void report(const struct minimizer *minimizer, const struct de_plan *before,
                   const struct de_plan *after, uint32_t runs)
{
    const struct de_tool_options shown = {.command = DE_TOOL_MINIMIZE,
                                          .schedule = minimizer->options.save,
                                          .check_determinism =
                                              minimizer->options.check_determinism};
    const struct de_run_result *last = &minimizer->last;

    de_report_failure(stdout, last, after->scenario->name, &shown);
    de_report_schedule(stdout, &after->schedule, UINT64_MAX);
    (void)printf("minimized in %" PRIu32 " runs: %zu of %zu faults, %" PRIu32 " of %" PRIu32
                 " sites",
                 runs, after->schedule.count, before->schedule.count, de_shrink_sites(after),
                 de_shrink_sites(before));
    if (last->verdict.status != DE_VERDICT_CRASH) {
        (void)printf(", %" PRIu64 " of %" PRIu64 " operations", last->ops_begun,
                     minimizer->first.ops_begun);
    }
    (void)printf(", written to %s\n", minimizer->options.save);
}

static int minimize_plan(struct minimizer *minimizer, const struct de_plan *before)
{
    struct de_shrink_options shrink = {
        .fails = fails, .progress = told, .over = over, .context = minimizer, .runs_max = RUNS_MAX};
    struct de_plan plan;
    uint32_t runs;
    int status = DE_VERDICT_OK;

    if (!run_plan(minimizer, before, &minimizer->first)) {
        (void)fprintf(stderr,
                      "dengine-sim: this run does not fail: there is nothing to minimize\n");
        return DE_VERDICT_USAGE;
    }
    minimizer->last = minimizer->first;
    shrink.failed_ns = minimizer->first.verdict.time_ns;
    if (!de_save_plan(minimizer->options.save, before)) { /* told before it has taken its time */
        return DE_VERDICT_USAGE;
    }
    de_plan_copy(before, &plan);
    runs = de_shrink(&plan, &shrink);
    if (minimizer->broken || !de_save_plan(minimizer->options.save, &plan)) {
        status = DE_VERDICT_USAGE;
    } else {
        report(minimizer, before, &plan, runs);
    }
    de_plan_deinit(&plan);
    return status;
}

int de_minimize(const struct de_tool_options *options)
{
    struct minimizer minimizer = {.options = *options};
    struct de_plan plan;
    int status;

    DE_ASSERT(options->first_seed == options->last_seed && options->save != NULL);
    if (options->budget_ns != 0) {
        minimizer.until_ns = now_ns() + options->budget_ns;
        minimizer.options.budget_ns = 0; /* which a single run is not to end by */
    }
    minimizer.options.jobs = 1;
    minimizer.options.keep_going = false;
    de_seed_plan(options, options->first_seed, &plan);
    status = minimize_plan(&minimizer, &plan);
    de_plan_deinit(&plan);
    return status;
}
