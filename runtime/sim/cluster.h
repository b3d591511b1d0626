/* runtime/sim/cluster.h - how a seed becomes a cluster with its clients. */
#ifndef DE_RUNTIME_SIM_CLUSTER_H
#define DE_RUNTIME_SIM_CLUSTER_H

#include "runtime/sim/host.h"
#include "runtime/sim/load.h"
#include "runtime/sim/queue_clients.h"
#include "runtime/sim/range_clients.h"
#include "runtime/sim/scenario.h"
#include "runtime/sim/service.h"
#include "runtime/sim/workload.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Everything about a run that the seed decides before it starts, but for the faults. */
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
    struct de_range_options ranges;
    struct de_queue_options queues;
    struct de_load load;
    uint32_t segment_bytes; /* of the log store */
    uint32_t flush_interval_ms;
    uint64_t flush_bytes;   /* 0: it reports nothing early */
    bool no_rejoin;         /* see host.h */
    bool forwarding;        /* followers forward requests */
    bool no_sync;           /* see disk.h */
    bool upgrades;          /* see upgrade.h */
    uint32_t slow_read_ppm; /* of the reads of the log are very slow, until the healing */
    uint32_t scarce_ppm;    /* of the allocations of running nodes fail, until the healing */
    uint64_t disk_latency_ns;
    uint64_t cpu_latency_ns;
    uint32_t site_ppm[DE_SITES];  /* how often rare things are done (core/base/site.h) */
    uint32_t applier_held_up_ppm; /* see host.h */
};

void de_cluster_draw(struct de_cluster *cluster, const struct de_scenario *scenario, uint64_t seed);

#ifdef __cplusplus
}
#endif

#endif
