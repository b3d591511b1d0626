/* runtime/sim/scenario.h - what kinds of runs there are, and how a seed becomes a cluster. */
#ifndef DE_RUNTIME_SIM_SCENARIO_H
#define DE_RUNTIME_SIM_SCENARIO_H

#include "runtime/sim/host.h"
#include "runtime/sim/schedule.h"
#include "runtime/sim/service.h"
#include "runtime/sim/workload.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_scenario {
    const char *name;
    const char *text; /* one line */
    uint32_t nodes_max;
    uint32_t clients_min;
    uint32_t clients_max;
    uint64_t faults; /* allowed kinds, DE_FAULT_BIT */
    uint32_t write_ppm;
    uint32_t cas_ppm;
    uint32_t delete_ppm;
    uint32_t service_clients; /* at most */
    bool unfenced;            /* see service.h */
    bool memfirst;            /* logs report early; of three nodes at least */
    bool no_rejoin;           /* see host.h */
    bool forwarding;          /* followers forward requests */
    bool no_sync;             /* see disk.h */
    bool bank;                /* see service.h */
    bool control;             /* must fail: not one of "all", and at the end of the table */
    uint64_t warm_ns;
    uint64_t chaos_ns;
    uint64_t fault_gap_ns; /* mean */
    bool snapshots;        /* all the time, of tiny logs */
    bool remote;           /* clients with the policy of the production client */
    bool calm;             /* clients do little, and soon ask elsewhere */
    /* Zero in most scenarios: */
    uint32_t spares;       /* servers that may join */
    uint64_t admin_gap_ns; /* mean time between requests of the operator; 0 = there is none */
    bool admin_changes;    /* it changes the membership; else it transfers leadership */
    uint32_t lease_ppm;    /* of the reads: by lease */
    /* Where reads by lease are at stake: clients in haste, elections right after a promise has
     * ended, and messages that are often late. */
    bool hasty;
    uint32_t roam_ppm;      /* of the operations: begin at any node */
    uint32_t drift_ppm_max; /* bounds on the drift of clocks are drawn up to this; 0: 500 */
    uint32_t drift_beyond;  /* clocks run off by so many times the bound; 0: they keep it */
};

/* The table, ended by an element without a name. Static. */
const struct de_scenario *de_scenarios(void);
/* NULL when there is none of that name. */
const struct de_scenario *de_scenario_find(const char *name);

/* Everything about a run that the seed decides before it starts. */
struct de_cluster {
    uint32_t nodes;   /* that there ever are: members and spares */
    uint32_t members; /* of the cluster at first: the first so many */
    uint32_t spares;  /* may join */
    bool admin_changes;
    uint64_t admin_gap_ns;
    uint32_t clock_ppm; /* clocks run off by at most this */
    struct de_raft_options raft;
    struct de_node_limits limits;
    struct de_network_options network;
    struct de_workload_options workload;
    struct de_service_options service;
    uint32_t segment_bytes; /* of the log store */
    uint32_t flush_interval_ms;
    uint64_t flush_bytes; /* 0: it reports nothing early */
    bool no_rejoin;       /* see host.h */
    bool forwarding;      /* followers forward requests */
    bool no_sync;         /* see disk.h */
    uint32_t scarce_ppm;  /* of the allocations of running nodes fail, until the healing */
    uint64_t disk_latency_ns;
    uint64_t cpu_latency_ns;
};

void de_cluster_draw(struct de_cluster *cluster, const struct de_scenario *scenario, uint64_t seed);

#ifdef __cplusplus
}
#endif

#endif
