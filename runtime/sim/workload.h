/* runtime/sim/workload.h - simulated clients: registers with read, write, compare-and-swap and
 * delete.
 *
 * A client does one operation at a time. It talks to the node it takes for the leader, follows
 * hints, tries elsewhere when an attempt surely did nothing, and gives up when it does not know:
 * then the operation is recorded as info and the client goes on under a new process number. Reads
 * are linearizable ones, by a quorum round or by lease. Values are unique, keys few; a key that has
 * gathered many open ends is retired, so that the check stays cheap. One thread. */
#ifndef DE_RUNTIME_SIM_WORKLOAD_H
#define DE_RUNTIME_SIM_WORKLOAD_H

#include "runtime/sim/load.h"
#include "runtime/sim/network.h"
#include "runtime/sim/recorder.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_WORKLOAD_CLIENTS_MAX 12u
#define DE_WORKLOAD_KEYS_MAX    8u
/* Clients are the endpoints and kernel entities from here. */
#define DE_WORKLOAD_ENDPOINT 16u

/* Kinds of kernel events that clients use. */
enum de_workload_event {
    DE_CLIENT_NEXT = 10,
    DE_CLIENT_TIMEOUT = 11,
    DE_CLIENT_RETRY = 12,
};

struct de_workload_options {
    uint32_t nodes;
    uint32_t clients;
    uint32_t keys;
    uint64_t think_ns;     /* mean time between two operations of a client */
    uint64_t attempt_ns;   /* how long to wait for one answer */
    uint64_t operation_ns; /* how long to go on with one operation */
    /* Shares of operations, in ppm; what is left are reads. */
    uint32_t write_ppm;
    uint32_t cas_ppm;
    uint32_t delete_ppm;
    uint32_t lease_ppm;       /* of the reads: by lease */
    uint32_t roam_ppm;        /* of the operations: begin at any node, not at the supposed leader */
    bool divided;             /* every second client only reads, the others never do */
    uint32_t open_ends_max;   /* a key with so many operations of unknown outcome is retired */
    bool remote;              /* clients decide as the production client does (client/policy) */
    uint32_t session_ppm;     /* of such clients: with sessions */
    uint32_t value_bytes_max; /* values are padded up to this, 0 = no padding */
};

struct de_workload_key {
    char name[24];
    int64_t recent; /* last value somebody wrote or saw; 0 = none */
    uint32_t open_ends;
    uint32_t operations;
};

struct de_client {
    uint32_t endpoint;
    int64_t process;
    bool busy;
    bool final;    /* the operation is one of the final reads */
    bool by_lease; /* a read that asks nobody if it need not */
    uint64_t operations;
    uint64_t attempt; /* number of the attempt under way */
    uint64_t deadline_ns;
    uint32_t target;       /* node to ask next; 0 = draw one */
    uint32_t lease_target; /* the same for reads by lease */
    size_t recorded;
    enum de_history_function function;
    struct de_workload_key *key;
    int64_t expected; /* cas; 0 = absent */
    int64_t value;
    struct de_remote_client *remote;   /* owned; NULL unless options.remote */
    struct de_session_client *session; /* owned; NULL: its writes are not those of a session */
};

struct de_workload {
    struct de_kernel *kernel;
    struct de_network *network;
    struct de_recorder *recorder;
    struct de_verdict *verdict;
    struct de_workload_options options;
    struct de_load *load; /* of the world */
    struct de_client clients[DE_WORKLOAD_CLIENTS_MAX];
    struct de_workload_key *keys[DE_WORKLOAD_KEYS_MAX]; /* in use */
    struct de_workload_key **all_keys;                  /* owned, also the retired */
    size_t all_count;
    size_t all_capacity;
    int64_t next_process;
    uint64_t present; /* nodes that there are, a bit mask of ids; all at first */
    bool stopped;
    uint32_t final_key;    /* next key for the final reads */
    uint32_t final_target; /* asked last for one of them */
    bool final_reading;
    bool final_done;
    uint64_t ok;
    uint64_t failed;
    uint64_t unknown;
    uint64_t withdrawn;
    uint64_t last_ok_write_ns;
};

void de_workload_init(struct de_workload *workload, struct de_kernel *kernel,
                      struct de_network *network, struct de_recorder *recorder,
                      struct de_verdict *verdict, const struct de_workload_options *options,
                      struct de_load *load);
void de_workload_deinit(struct de_workload *workload);

/* A packet for client endpoint. */
void de_workload_receive(struct de_workload *workload, uint32_t endpoint,
                         struct dengine_slice bytes);

/* No client begins another operation. */
void de_workload_stop(struct de_workload *workload);
bool de_workload_idle(const struct de_workload *workload);

/* After stop: one client reads every key in use, again and again until it gets an answer;
 * final_done is set after the last. */
void de_workload_final_reads(struct de_workload *workload);

/* How long they may take because all but one node keep silent: of each key, every node is asked in
 * its turn, and whom that one names. */
uint64_t de_workload_final_ns(const struct de_workload *workload);

#ifdef __cplusplus
}
#endif

#endif
