/* dengine-sim: the simulator's command line. See --help. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/assert.h"
#include "sim-tests/tool/marks.h"
#include "sim-tests/tool/minimize.h"
#include "sim-tests/tool/report.h"
#include "sim-tests/tool/save.h"
#include "sim-tests/tool/seed_run.h"
#include "sim-tests/tool/sweep.h"

/* The abort hook: the parent process reads this line and names the seed. */
void de_assert_failed(const char *expression, const char *file, int line)
{
    (void)fprintf(stderr, "assert failed: %s (%s:%d)\n", expression, file, line);
    (void)fflush(stderr);
    abort();
}

static void each_json(void *context, const struct de_run_result *result)
{
    const struct de_tool_options *options = context;

    de_report_json(stdout, result, de_tool_scenario(options, result->seed)->name);
}

static void each_line(void *context, const struct de_run_result *result)
{
    const struct de_tool_options *options = context;
    const char *scenario = de_tool_scenario(options, result->seed)->name;

    if (options->first_seed == options->last_seed && !de_verdict_failed(&result->verdict)) {
        de_report_line(stdout, result, scenario);
    } else if (options->keep_going && de_verdict_failed(&result->verdict)) {
        (void)printf("seed %" PRIu64 " %s: %s: %s: %s\n", result->seed, scenario,
                     de_verdict_name(result->verdict.status), result->verdict.oracle,
                     result->verdict.sentence);
    }
}

static void print_totals(const struct de_tool_options *options,
                         const struct de_sweep_totals *totals)
{
    uint64_t wall_ms = totals->wall_ns / 1000000 + 1;

    (void)printf("%" PRIu64 " seeds, %" PRIu64 " failed, %" PRIu64 " of %" PRIu64
                 " keys without a verdict; %" PRIu64 " elections, %" PRIu64 " crashes, %" PRIu64
                 " operations; %" PRIu64 ".%" PRIu64 " seeds/s on %" PRIu32 " processes, %" PRIu64
                 " times faster than real time\n",
                 totals->seeds, totals->failures, totals->keys.unknown, totals->keys.checked,
                 totals->elections, totals->crashes, totals->ops_ok, totals->seeds * 1000 / wall_ms,
                 totals->seeds * 10000 / wall_ms % 10, options->jobs,
                 totals->time_ns / 1000000 / wall_ms);
    if (totals->out_of_time) {
        (void)printf("the time of --budget-s was over before the seeds were\n");
    }
}

static void print_faults(const struct de_tool_options *options, const struct de_run_result *failure)
{
    struct de_plan plan;

    de_seed_plan(options, failure->seed, &plan);
    de_report_schedule(stdout, &plan.schedule,
                       failure->verdict.status == DE_VERDICT_CRASH ? UINT64_MAX
                                                                   : failure->verdict.time_ns);
    de_plan_deinit(&plan);
}

static bool write_history(const struct de_tool_options *options)
{
    struct de_run_result result;
    struct de_text text;
    bool ok;

    de_text_init(&text);
    de_seed_run(options, options->first_seed, &text, &result);
    ok = de_save_text(options->history, &text);
    de_text_deinit(&text);
    return ok;
}

static bool save_schedule(const struct de_tool_options *options)
{
    struct de_plan plan;
    bool ok;

    de_seed_plan(options, options->first_seed, &plan);
    ok = de_save_plan(options->save, &plan);
    de_plan_deinit(&plan);
    return ok;
}

/* What --expect-failure is about: something must be found. Not to know is to have found nothing. */
static int report_expected(const struct de_tool_options *options,
                           const struct de_sweep_totals *totals)
{
    const struct de_run_result *failure = &totals->first_failure;
    bool found = totals->failed && failure->verdict.status != DE_VERDICT_UNKNOWN;

    (void)printf(found ? "found after %" PRIu64 " seeds by %s\n"
                       : "NOT FOUND in %" PRIu64 " seeds%s\n",
                 found ? failure->seed - options->first_seed + 1 : totals->seeds,
                 found ? failure->verdict.oracle : "");
    return found ? DE_VERDICT_OK : DE_VERDICT_USAGE;
}

static int run(struct de_tool_options *options)
{
    struct de_sweep_totals totals;
    const struct de_run_result *failure = &totals.first_failure;
    const char *scenario;
    int status;

    if ((options->save != NULL && !save_schedule(options)) ||
        (options->marks && !de_marks_begin())) {
        return DE_VERDICT_USAGE;
    }
    if (de_sweep(options, options->json ? each_json : each_line, options, &totals) != 0) {
        return DE_VERDICT_CRASH;
    }
    status = totals.failed ? (int)failure->verdict.status : DE_VERDICT_OK;
    if (options->history != NULL && status != DE_VERDICT_CRASH && !write_history(options)) {
        return DE_VERDICT_USAGE;
    }
    if (options->first_seed != options->last_seed && !options->json) {
        print_totals(options, &totals);
    }
    if (totals.failed && !options->json) {
        scenario = de_tool_scenario(options, failure->seed)->name;
        de_report_failure(stdout, failure, scenario, options);
        print_faults(options, failure);
    }
    if (options->marks && de_marks_report(stdout) > options->marks_unreached_max && status == 0) {
        return DE_VERDICT_USAGE;
    }
    if (options->expect_oracle != NULL) {
        (void)printf("%" PRIu64 " of %" PRIu64 " seeds fail by %s, %" PRIu64 " by others\n",
                     totals.failures - totals.unexpected, totals.seeds, options->expect_oracle,
                     totals.unexpected);
        return totals.failed && totals.unexpected == 0 ? DE_VERDICT_OK : DE_VERDICT_USAGE;
    }
    return options->expect_failure ? report_expected(options, &totals) : status;
}

int main(int argc, char **argv)
{
    struct de_tool_options options;
    struct de_plan plan;
    int status;

    if (!de_tool_parse(argc, argv, &options)) {
        return DE_VERDICT_USAGE;
    }
    switch (options.command) {
    case DE_TOOL_RUN:
    case DE_TOOL_MINIMIZE:
        if (options.schedule != NULL && !de_tool_read_schedule(&options, &plan)) {
            return DE_VERDICT_USAGE;
        }
        status = options.command == DE_TOOL_RUN ? run(&options) : de_minimize(&options);
        if (options.plan != NULL) {
            de_plan_deinit(&plan);
        }
        return status;
    case DE_TOOL_LIST:
        de_report_list(stdout);
        break;
    case DE_TOOL_FAULTS:
        de_report_faults(stdout);
        break;
    case DE_TOOL_SITES:
        de_report_sites(stdout);
        break;
    case DE_TOOL_HELP:
        de_report_help(stdout);
        break;
    case DE_TOOL_VERSION:
        de_report_version(stdout);
        break;
    }
    return DE_VERDICT_OK;
}
