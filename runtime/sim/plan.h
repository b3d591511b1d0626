/* runtime/sim/plan.h - everything that decides a run: cluster, workload, faults, and the seed of
 * what is left to chance (latencies, what clients do).
 *
 * Drawn from a seed, or read from a schedule file. Such a file outlives changes of the code that
 * draws: a seed then means another run, the file means nearly the same one. It is text, meant to be
 * edited by hand:
 *
 *   dengine-schedule 1           first line: what it is, and the version of the format
 *   # a remark
 *   scenario chaos
 *   seed 17
 *   set nodes 5                  see plan_text.c; what is not set is as the seed draws it
 *   site resend 10000            in so many of a million cases; see core/base/site.h
 *   fault 2100000 350000 isolate 0 0 0       as in schedule.h
 *
 * Once a fault line is there, or the line `faults none`, only these faults happen; without any the
 * seed draws them. The same holds for sites. */
#ifndef DE_RUNTIME_SIM_PLAN_H
#define DE_RUNTIME_SIM_PLAN_H

#include "runtime/sim/check/text.h"
#include "runtime/sim/cluster.h"
#include "runtime/sim/schedule.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_PLAN_VERSION     1u
#define DE_PLAN_BYTES_MAX   (1024u * 1024)
#define DE_PLAN_FAULTS_MAX  10000u
#define DE_PLAN_LINE_MAX    200u
#define DE_PLAN_MESSAGE_MAX 300u

struct de_plan {
    uint64_t seed;
    const struct de_scenario *scenario;
    struct de_cluster cluster;
    uint64_t warm_ns;
    uint64_t chaos_ns;
    uint64_t until_ns; /* stop here without healing; 0 = run to the end */
    struct de_schedule schedule;
};

/* What this seed means in this scenario. */
void de_plan_draw(struct de_plan *plan, const struct de_scenario *scenario, uint64_t seed);
void de_plan_deinit(struct de_plan *plan);

/* Makes *copy, which was not initialised, the same as plan. */
void de_plan_copy(const struct de_plan *plan, struct de_plan *copy);

/* Appends the plan as a schedule file that sets everything. */
void de_plan_print(const struct de_plan *plan, struct de_text *text);

/* Reads a schedule file. false: nothing was made, and message says in which line what is wrong. */
bool de_plan_parse(struct dengine_slice text, struct de_plan *plan,
                   char message[DE_PLAN_MESSAGE_MAX]);

#ifdef __cplusplus
}
#endif

#endif
