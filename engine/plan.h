/* engine/plan.h - a configuration worked out: who the members are, where they listen, which cluster
 * this is, and the options of the consensus core.
 *
 * Threads: no shared state. */
#ifndef DE_ENGINE_PLAN_H
#define DE_ENGINE_PLAN_H

#include "core/kv/watch.h"
#include "core/node/node.h"
#include "engine/config.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Members of a cluster at its start (README: up to seven). */
#define DE_PLAN_MEMBERS_MAX 7

#define DE_PLAN_ADDRESS_BYTES 256

/* Set in the ids of clusters of several, clear in those of one: so a directory of the one kind is
 * never taken for the other. */
#define DE_CLUSTER_OF_SEVERAL (1ull << 63)

struct de_plan_member {
    uint64_t id;
    char address[DE_PLAN_ADDRESS_BYTES]; /* at which members reach it */
};

struct de_plan {
    uint64_t node_id;
    bool node_id_given;
    bool alone;                                         /* a cluster of one at its start */
    struct de_plan_member members[DE_PLAN_MEMBERS_MAX]; /* ascending by id, this node included */
    uint32_t member_count;
    /* Of a cluster of several at its start, the same on all members. 0: alone, it is made up; of a
     * node that joins, it is found out. */
    uint64_t cluster_id;
    char listen_address[DE_PLAN_ADDRESS_BYTES];    /* "" = none */
    char advertise_address[DE_PLAN_ADDRESS_BYTES]; /* "" = none */
    bool advertise_given;
    const char *join;     /* the configuration's: endpoints, or "" */
    const char *data_dir; /* the configuration's */
    uint64_t value_bytes_max;
    uint64_t key_bytes_max;
    uint64_t leases_max;
    uint64_t sessions_max;
    uint32_t readers_max;
    uint32_t request_timeout_ms;
    enum dengine_consistency default_consistency;
    bool allow_override;
    struct de_raft_options raft; /* but for id, cluster_id and seed */
    struct de_node_limits limits;
    struct de_watch_limits watch;
    uint32_t message_bytes_max; /* longest message from a peer or client */
    bool log_in_lmdb;           /* else in segment files */
    uint32_t wal_segment_bytes;
    uint32_t flush_interval_ms;
    uint64_t flush_bytes; /* 0: a write is acknowledged when it is on disk */
    uint64_t map_bytes;
};

/* Works config out; CONFIG with one sentence in message when it makes no sense. Borrows config for
 * the life of the plan. */
int de_plan_make(const struct dengine_config *config, struct de_plan *plan, char *message,
                 size_t message_size);

/* The members at the start, into an empty membership; a cluster of one has itself, node_id, as its
 * only member, wherever it listens; a node that joins knows none. */
void de_plan_membership(const struct de_plan *plan, uint64_t node_id,
                        struct de_membership *membership);

#ifdef __cplusplus
}
#endif

#endif
