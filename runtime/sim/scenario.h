/* runtime/sim/scenario.h - what kinds of runs there are. */
#ifndef DE_RUNTIME_SIM_SCENARIO_H
#define DE_RUNTIME_SIM_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What is not named in a row of the table is 0. */
struct de_scenario {
    const char *name;
    const char *text;      /* one line */
    uint32_t nodes_max;    /* 0: DE_SCENARIO_NODES_MAX */
    uint64_t faults;       /* allowed kinds, DE_FAULT_BIT */
    uint64_t fault_gap_ns; /* mean */
    uint64_t chaos_ns;     /* how long there are faults; 0: DE_SCENARIO_CHAOS_NS */
    bool control;          /* must fail: not one of "all", and at the end of the table */
    bool beyond;           /* a majority loses what it must not: expects a halt; the same */
    /* Clients of registers (workload.h). */
    uint32_t clients_min;
    uint32_t clients_max;
    uint32_t write_ppm;
    uint32_t cas_ppm;
    uint32_t delete_ppm;
    uint32_t lease_ppm; /* of the reads: by lease */
    uint32_t roam_ppm;  /* of the operations: begin at any node */
    bool remote;        /* clients with the policy of the production client */
    bool calm;          /* clients do little, and soon ask elsewhere */
    /* Clients of leases, locks, sessions and transactions (service.h). */
    uint32_t service_clients; /* at most */
    bool unfenced;
    bool bank;
    bool hoard; /* in some runs one of them puts hundreds of keys on a lease */
    /* Clients of ranges (range_clients.h). */
    uint32_t range_clients; /* at most; 0: none */
    /* Clients of locks and elections (queue_clients.h). */
    uint32_t queue_clients; /* at most, three at least; 0: none */
    /* The operator (admin.h). */
    uint32_t spares;       /* servers that may join */
    uint64_t admin_gap_ns; /* mean time between its requests; 0 = there is none */
    bool admin_changes;    /* it changes the membership; else it transfers leadership */
    /* Nodes. */
    bool snapshots;  /* all the time, of tiny logs */
    bool forwarding; /* followers forward requests */
    bool memfirst;   /* logs report early; of three nodes at least */
    bool no_rejoin;  /* see host.h */
    bool no_sync;    /* see disk.h */
    bool upgrades;   /* some are of the version before, and upgraded one after the other */
    /* Where reads by lease are at stake: clients in haste, elections right after a promise has
     * ended, and messages that are often late. */
    uint32_t themed_ppm; /* see schedule.h; 0: the usual */
    bool hasty;
    uint32_t drift_ppm_max; /* bounds on the drift of clocks are drawn up to this; 0: 500 */
    uint32_t drift_beyond;  /* clocks run off by so many times the bound; 0: they keep it */
};

#define DE_SCENARIO_NODES_MAX 5u
/* A new cluster has so long to elect before there are faults. */
#define DE_SCENARIO_WARM_NS  UINT64_C(2000000000)
#define DE_SCENARIO_CHAOS_NS UINT64_C(18000000000)

/* The table, ended by an element without a name. Static. */
const struct de_scenario *de_scenarios(void);
/* NULL when there is none of that name. */
const struct de_scenario *de_scenario_find(const char *name);

#ifdef __cplusplus
}
#endif

#endif
