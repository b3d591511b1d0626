/* runtime/libev/requests.h - requests under way on one replica: from any thread to the loop, with a
 * deadline, and back.
 *
 * What it adds to the node's requests: submission from any thread, a deadline, and patience: while
 * no leader is known (an election is under way) a request waits for one instead of failing.
 *
 * A request ends in two steps. done says how it ended, by its deadline at the latest. release gives
 * the memory back: a request that ran into its deadline may still be with the node, which reads its
 * command.
 *
 * Threads: de_requests_submit from any thread; the rest on the loop. */
#ifndef DE_RUNTIME_LIBEV_REQUESTS_H
#define DE_RUNTIME_LIBEV_REQUESTS_H

#include "core/node/node.h"
#include "runtime/libev/deadlines.h"
#include "runtime/libev/loop.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_requests;

struct de_replica_request {
    /* The submitter's, unchanged until release: */
    uint32_t type;                  /* enum de_request_type */
    struct dengine_slice command;   /* WRITE */
    const struct de_change *change; /* CHANGE */
    uint64_t target;                /* TRANSFER */
    uint64_t deadline_ns;           /* of de_clock_now_ns */
    /* CHANGE, TRANSFER: what was wrong, when done is called: static, "" when the status says it. */
    const char *reason;
    /* Called exactly once, on the applier or on the loop. status: as de_request.done, or TIMEOUT
     * (the deadline passed; nothing was done), or UNKNOWN (it passed after a write, a change or a
     * transfer had been given to the node). Must not block. */
    void (*done)(struct de_replica_request *request, int status,
                 const struct dengine_result *result);
    /* Called exactly once, after done, on the loop: the memory is the submitter's again. */
    void (*release)(struct de_replica_request *request);

    /* The runtime's: */
    struct de_requests *owner;
    struct de_post post;
    struct de_request request;
    struct de_deadline deadline;
    struct de_replica_request *next; /* among those waiting for a leader */
    struct de_replica_request **previous;
    int status;
    bool answered; /* atomic: done has been called, or is being called */
};

/* What waits for a leader, and what was refused. */
struct de_requests_usage {
    uint64_t waiting;
    uint64_t waiting_bytes;
    uint64_t busy; /* refused, by the node or here, since the beginning */
};

struct de_requests {
    struct de_loop *loop;
    struct de_node *node;
    struct de_timer timer;
    struct de_deadlines deadlines;
    struct de_mpsc_queue finished; /* the node is through with them */
    struct de_replica_request *waiting;
    struct de_replica_request **waiting_last;
    uint32_t waiting_count;
    uint64_t waiting_bytes; /* of their commands */
    uint32_t waiting_max;
    uint64_t waiting_bytes_max;
    struct de_requests_usage usage; /* for other threads, each member by itself */
    bool leader_came;
    bool stopped;
};

/* node may be set later, but before the first request. */
void de_requests_init(struct de_requests *requests, struct de_loop *loop, uint32_t waiting_max,
                      uint64_t waiting_bytes_max);

/* Any thread. */
void de_requests_usage(const struct de_requests *requests, struct de_requests_usage *usage);

/* Any thread. The request is the runtime's until release. */
void de_requests_submit(struct de_requests *requests, struct de_replica_request *request);

/* A leader is known (again): what waited will be submitted in the present burst. */
void de_requests_leader_came(struct de_requests *requests);

/* At the end of a burst, after the node has been flushed: submits what waited for a leader, then
 * gives back what is finished. True when the node has to be flushed for it. */
bool de_requests_burst_ended(struct de_requests *requests);

/* Answers what waits with SHUTDOWN, and everything that comes later. What the node has, it answers
 * when it is stopped. */
void de_requests_stop(struct de_requests *requests);

#ifdef __cplusplus
}
#endif

#endif
