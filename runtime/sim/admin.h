/* runtime/sim/admin.h - the simulated operator: changes the membership and hands leadership over.
 *
 * One request at a time. It wanders between sizes of the cluster (adds learners, promotes them,
 * removes, replaces, names whole sets of voters), transfers leadership to anybody, asks for
 * snapshots, and now and then for what must be refused. Servers that join are started then, without
 * a membership of their own; some that were removed go for good, others run on and must not
 * disturb.
 *
 * Requests and answers get lost like all others: then the operator does not know, and looks. What
 * it is told, the oracle checks at the host that says it. One thread. */
#ifndef DE_RUNTIME_SIM_ADMIN_H
#define DE_RUNTIME_SIM_ADMIN_H

#include "core/base/assert.h"
#include "runtime/sim/host.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The endpoint and kernel entity of the operator: between nodes and clients. */
#define DE_ADMIN_ENDPOINT 15u

DE_STATIC_ASSERT(DE_ORACLE_NODES_MAX < DE_ADMIN_ENDPOINT, "endpoints of nodes come before");

enum de_admin_event {
    DE_ADMIN_NEXT = 29,
    DE_ADMIN_TIMEOUT = 30,
    DE_ADMIN_RETRY = 31,
    DE_ADMIN_START = 32, /* a server that joins is switched on */
};

struct de_admin_options {
    bool changes;        /* of the membership; else transfers only */
    uint64_t gap_ns;     /* mean time between two requests */
    uint64_t attempt_ns; /* how long to wait for one answer */
};

struct de_admin {
    struct de_kernel *kernel;
    struct de_network *network;
    struct de_oracle *oracle; /* to look at the members, as an operator would */
    struct de_verdict *verdict;
    struct de_host *hosts; /* by id, from 1 */
    uint32_t host_count;
    struct de_admin_options options;
    bool on;
    bool stopped;
    uint64_t *present; /* nodes that there are, a bit mask */
    uint32_t goal;     /* voters that there should be */
    /* The request under way. */
    bool busy;
    bool hopeless; /* must be refused */
    uint32_t type; /* enum de_request_type */
    struct de_change change;
    uint64_t transfer_to;
    uint64_t number;  /* of requests so far */
    uint64_t attempt; /* of attempts so far */
    uint32_t tries;
    uint32_t target; /* node to ask; 0 = draw one */
    uint64_t done;
    uint64_t refused;
    uint64_t unknown;
};

void de_admin_init(struct de_admin *admin, struct de_kernel *kernel, struct de_network *network,
                   struct de_oracle *oracle, struct de_host *hosts, uint32_t host_count,
                   uint64_t *present);

/* From now on it works; *present is kept up to date. members: the nodes that the cluster consists
 * of at first. */
void de_admin_begin(struct de_admin *admin, const struct de_admin_options *options,
                    uint32_t members);

/* A packet for the operator. */
void de_admin_receive(struct de_admin *admin, struct dengine_slice bytes);

/* It asks for nothing more, and what it has asked for is not taken up any more. */
void de_admin_stop(struct de_admin *admin);

#ifdef __cplusplus
}
#endif

#endif
