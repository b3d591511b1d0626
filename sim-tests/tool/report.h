/* sim-tests/tool/report.h - what dengine-sim prints. */
#ifndef DE_SIM_TESTS_TOOL_REPORT_H
#define DE_SIM_TESTS_TOOL_REPORT_H

#include <stdio.h>

#include "runtime/sim/world.h"
#include "sim-tests/tool/options.h"

#ifdef __cplusplus
extern "C" {
#endif

void de_report_help(FILE *file);
void de_report_version(FILE *file);
void de_report_list(FILE *file);
void de_report_faults(FILE *file);
void de_report_sites(FILE *file);

/* One JSON object on one line. */
void de_report_json(FILE *file, const struct de_run_result *result, const char *scenario);
/* One line that says how a run went. */
void de_report_line(FILE *file, const struct de_run_result *result, const char *scenario);
/* The screen of a failure. */
void de_report_failure(FILE *file, const struct de_run_result *result, const char *scenario,
                       const struct de_tool_options *options);
/* The faults of a failed run that had started by its end, newest last. */
void de_report_schedule(FILE *file, const struct de_schedule *schedule, uint64_t until_ns);

#ifdef __cplusplus
}
#endif

#endif
