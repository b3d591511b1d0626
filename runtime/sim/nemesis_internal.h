/* runtime/sim/nemesis_internal.h - how the kinds of faults are carried out; one file per family.
 * Part of nemesis.h, used by nobody else. */
#ifndef DE_RUNTIME_SIM_NEMESIS_INTERNAL_H
#define DE_RUNTIME_SIM_NEMESIS_INTERNAL_H

#include "runtime/sim/nemesis.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One fault under way. */
struct de_nemesis_work {
    struct de_nemesis *nemesis;
    const struct de_fault *fault;
    struct de_nemesis_fault *state; /* its target is a node */
    uint64_t number;
};

/* start is never NULL. end undoes it; NULL when it ends by itself. step is what the fault asked for
 * with de_nemesis_step_later. */
struct de_nemesis_kind {
    void (*start)(struct de_nemesis_work *work);
    void (*end)(struct de_nemesis_work *work);
    void (*step)(struct de_nemesis_work *work);
};

/* By enum de_fault_kind (nemesis.c). */
extern const struct de_nemesis_kind de_nemesis_kinds[DE_FAULT_KINDS];

/* The next step of this fault, unless it has ended by then. */
void de_nemesis_step_later(struct de_nemesis_work *work, uint64_t delay_ns);

/* All nodes as a mask of endpoints. */
uint64_t de_nemesis_all(const struct de_nemesis *nemesis);

/* ---- partitions (nemesis_partition.c) ---- */

/* Cuts (or joins) every link from an endpoint in one mask to one in the other. */
void de_nemesis_cut(struct de_nemesis *nemesis, uint64_t from, uint64_t to, bool block);
/* Both ways. */
void de_nemesis_part(struct de_nemesis *nemesis, uint64_t a, uint64_t b, bool block);
/* Cuts (or joins) target and all nodes but those in spare, both ways. Clients still reach it: a
 * cut-off leader that answers them is what stale reads are made of. */
void de_nemesis_isolate(struct de_nemesis *nemesis, uint32_t target, uint64_t spare, bool block);

/* ---- processes (nemesis_process.c) ---- */

/* What a says in a crash. */
struct de_host_crash de_nemesis_crash_of(uint64_t a);
void de_nemesis_crash(struct de_nemesis *nemesis, uint32_t id, uint64_t a, uint64_t down_ns);
/* Nodes that may have forgotten entries; mask of ids. */
void de_nemesis_restart_later(struct de_nemesis *nemesis, uint32_t id, uint64_t down_ns);

/* ---- guided (nemesis_guided.c) ---- */

void de_nemesis_run_churn(void *context, const struct de_sim_event *event);

#ifdef __cplusplus
}
#endif

#endif
