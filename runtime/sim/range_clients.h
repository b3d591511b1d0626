/* runtime/sim/range_clients.h - simulated clients of ranges: scans in pages, keys read together,
 * range deletes and batches, each checked at its revision.
 *
 * The rules, with the names of the oracles:
 *
 *   range        what a page shows is what the committed log says of its revision: all keys of the
 *                range and no other, in order, with their values and revisions, as many as the
 *                limit lets through, with the count and the mark that there is more; keys that are
 *                read together are of one revision
 *   range-stale  the revision of a read is not older than anything that these clients knew to be
 *                done when the read began (linearizable reads and reads by lease; an eventual read
 *                may be of any revision that is committed)
 *   batch        a write that is said to be done at a revision stands there in the log, and answers
 *                what the log makes of it: a batch as a whole, a range delete of all its keys, a
 *                transaction by what its comparisons find; what is no command is refused
 *
 * A client does one operation at a time, reads a range page by page to its end, begins each at any
 * node, and tries elsewhere what surely did nothing; a write whose end it does not know it gives
 * up: the log tells. One thread. */
#ifndef DE_RUNTIME_SIM_RANGE_CLIENTS_H
#define DE_RUNTIME_SIM_RANGE_CLIENTS_H

#include "runtime/sim/load.h"
#include "runtime/sim/network.h"
#include "runtime/sim/range_model.h"
#include "runtime/sim/verdict.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_RANGE_CLIENTS_MAX 4u
/* These clients are the endpoints and kernel entities from here. */
#define DE_RANGE_ENDPOINT  32u
#define DE_RANGE_BYTES_MAX 1024u

/* Kinds of kernel events that these clients use. */
enum de_range_event {
    DE_RANGE_NEXT = 40,
    DE_RANGE_TIMEOUT = 41,
    DE_RANGE_RETRY = 42,
};

struct de_range_options {
    uint32_t clients;
    uint64_t think_ns;
    uint32_t lease_ppm; /* of the reads: by lease */
    bool short_pages;   /* a page may end early (core/base/site.h) */
};

enum de_range_kind {
    DE_RANGE_NONSENSE, /* a write that is no command */
    DE_RANGE_WRITE,
    DE_RANGE_READ,
    DE_RANGE_READ_BY_LEASE,
    DE_RANGE_READ_EVENTUAL,
};

struct de_range_client {
    uint32_t endpoint;
    bool busy;
    uint64_t operations;
    uint64_t attempt;
    uint64_t deadline_ns;
    uint32_t target; /* node to ask next; 0 = draw one */
    enum de_range_kind kind;
    uint64_t floor;                    /* what was known to be done when the operation began */
    uint8_t bytes[DE_RANGE_BYTES_MAX]; /* the command, or the query */
    size_t size;
    struct de_range_query query;
    struct dengine_slice prefix; /* all keys of the query begin with it; "": whatever */
    bool bounded;                /* see range_model.h */
    uint32_t pages;              /* read so far */
};

struct de_range_clients {
    struct de_kernel *kernel;
    struct de_network *network;
    struct de_verdict *verdict;
    struct de_range_options options;
    struct de_load *load; /* of the world */
    uint32_t nodes;
    uint64_t attempt_ns;
    uint64_t operation_ns;
    struct de_range_client clients[DE_RANGE_CLIENTS_MAX];
    struct de_range_model model;
    uint64_t known; /* newest revision that one of them knows to be done */
    bool stopped;
    uint64_t ok;
    uint64_t pages;
};

struct de_workload_options;

void de_range_clients_init(struct de_range_clients *ranges, struct de_kernel *kernel,
                           struct de_network *network, struct de_verdict *verdict,
                           const struct de_range_options *options,
                           const struct de_workload_options *workload, struct de_load *load,
                           const struct de_oracle *oracle);
void de_range_clients_deinit(struct de_range_clients *ranges);

/* A packet for one of these clients. */
void de_range_clients_receive(struct de_range_clients *ranges, uint32_t endpoint,
                              struct dengine_slice bytes);

/* No client begins another operation. */
void de_range_clients_stop(struct de_range_clients *ranges);
bool de_range_clients_idle(const struct de_range_clients *ranges);

#ifdef __cplusplus
}
#endif

#endif
