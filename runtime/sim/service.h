/* runtime/sim/service.h - simulated clients of leases, locks, sessions, times to live and
 * transactions, with what they check.
 *
 * Each of them gets a lease with a session, keeps it alive, takes and gives back locks that end
 * with it, writes exactly once in the session through any number of attempts, and so on. What it
 * knows for sure it demands of every answer:
 *
 *   lease-early    a lease ends although it was surely renewed: less than its time to live ago, as
 *                  the slowest clock that keeps its promise counts it, the call of a renewal began
 *                  that was acknowledged
 *   lock-overlap   two clients hold one lock for sure at one time
 *   lock-lost      a lock is gone although its lease surely lives and nobody gave it back
 *   fencing        a resource has accepted a smaller token after a larger one
 *   lease-look     a lease is shown with another time to live, other keys or a later deadline than
 *                  it has, or with keys that have ended, or without some that have not
 *                  (service_hoard.h)
 *   exactly-once   a command of a session is done twice, or its result is not what it was
 *   ttl-early      a key is gone before its time
 *   txn            a transaction is seen in part, or loses or makes money (service_bank.h)
 *
 * When the run ends, no lease and no lock may be left (immortal, see world.c). With clocks beyond
 * their promise what hangs on time is not demanded. One thread. */
#ifndef DE_RUNTIME_SIM_SERVICE_H
#define DE_RUNTIME_SIM_SERVICE_H

#include "runtime/sim/load.h"
#include "runtime/sim/network.h"
#include "runtime/sim/service_bank.h"
#include "runtime/sim/service_hoard.h"
#include "runtime/sim/verdict.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_SERVICE_CLIENTS_MAX 4u
#define DE_SERVICE_LOCKS       2u
#define DE_SERVICE_BYTES_MAX   4096u
/* These clients are the endpoints and kernel entities from here. */
#define DE_SERVICE_ENDPOINT   28u
#define DE_SERVICE_TTL_MAX_NS UINT64_C(2500000000)

/* Kinds of kernel events that these clients use. */
enum de_service_event {
    DE_SERVICE_NEXT = 24,
    DE_SERVICE_TIMEOUT = 25,
};

enum de_service_kind {
    DE_SERVICE_GRANT,
    DE_SERVICE_KEEP,
    DE_SERVICE_REVOKE,
    DE_SERVICE_ACQUIRE,
    DE_SERVICE_RELEASE,
    DE_SERVICE_ONCE,
    DE_SERVICE_PUT_TTL,
    DE_SERVICE_READ_TTL,
    DE_SERVICE_LOOK,
    DE_SERVICE_PUT_PAIR,
    DE_SERVICE_GET_PAIR,
    DE_SERVICE_TRANSFER,
    DE_SERVICE_AUDIT,
    DE_SERVICE_HOARD,
};

struct de_service_options {
    uint32_t clients;
    uint64_t think_ns;
    bool clocks_kept; /* all clocks keep their promise all the time */
    bool unfenced;    /* resources take any token: a control that must fail */
    bool bank;        /* beside their lease clients do nothing but transfers and audits */
    bool hoard;       /* the first does nothing but put more keys on a lease than end at once */
};

struct de_service_client {
    uint32_t endpoint;
    bool busy;
    uint64_t operations;
    /* The operation under way. */
    enum de_service_kind kind;
    uint8_t bytes[DE_SERVICE_BYTES_MAX]; /* command, or key to read */
    size_t size;
    uint64_t attempt;
    uint64_t sent_ns; /* first attempt */
    uint64_t deadline_ns;
    uint64_t ttl_ns;
    bool repeatable; /* another attempt does no harm, whatever became of the last one */
    uint32_t target; /* node to ask next; 0 = draw one */
    /* The lease. */
    uint64_t lease; /* 0 = none */
    uint64_t lease_ttl_ns;
    bool session;        /* it has one */
    uint64_t certain_ns; /* it surely lives until then */
    uint64_t sequence;
    /* The lock. */
    bool holds; /* as far as it knows */
    uint32_t lock;
    uint64_t acquired_ns;
    uint64_t fence;
    /* The key with a time to live. */
    uint64_t ttl_generation;
    uint64_t ttl_certain_ns;
    /* The accounts. */
    struct de_bank_view accounts;
    bool doomed; /* the transfer under way cannot be done */
    /* The many keys. */
    bool hoards;
    struct de_hoard hoard;
};

struct de_service {
    struct de_kernel *kernel;
    struct de_network *network;
    struct de_verdict *verdict;
    struct de_service_options options;
    struct de_load *load; /* of the world */
    uint32_t nodes;
    uint32_t drift_ppm;
    uint64_t attempt_ns;
    uint64_t operation_ns;
    struct de_service_client clients[DE_SERVICE_CLIENTS_MAX];
    uint64_t tokens[DE_SERVICE_LOCKS]; /* the largest that each resource has accepted */
    bool stopped;
    uint64_t ok;
};

struct de_workload_options;

void de_service_init(struct de_service *service, struct de_kernel *kernel,
                     struct de_network *network, struct de_verdict *verdict,
                     const struct de_service_options *options,
                     const struct de_workload_options *workload, struct de_load *load,
                     uint32_t drift_ppm);

/* A packet for one of these clients. */
void de_service_receive(struct de_service *service, uint32_t endpoint, struct dengine_slice bytes);

/* No client begins another operation. */
void de_service_stop(struct de_service *service);
bool de_service_idle(const struct de_service *service);

#ifdef __cplusplus
}
#endif

#endif
