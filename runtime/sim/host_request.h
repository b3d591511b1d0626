/* runtime/sim/host_request.h - a client's request at a host; for host_request.c and host_read.c. */
#ifndef DE_RUNTIME_SIM_HOST_REQUEST_H
#define DE_RUNTIME_SIM_HOST_REQUEST_H

#include "runtime/sim/host.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Kept until the life ends, also when done: a second end would otherwise touch freed memory. */
struct de_host_request {
    struct de_request base;
    struct de_host *host;
    struct de_host_request *next;
    uint32_t client;
    uint64_t attempt;
    bool ended;
    bool ranged;             /* a read of a range */
    bool looks;              /* a look at a lease */
    bool eventual;           /* ... of whatever has been applied */
    struct de_change change; /* CHANGE */
    uint64_t applied;        /* SNAPSHOT: when it was asked for */
    bool covered;            /* a read by lease: it was found to run */
    bool view_open;          /* ... and this is what it reads */
    struct de_kv_view view;
    uint8_t body[];
};

/* Hands the request to the node. */
void de_host_request_submit(struct de_host_request *request);
/* Answers a read from view, and ends it. */
void de_host_request_answer(struct de_host_request *request, struct de_kv_view *view);

/* ---- host_read.c ---- */

/* Begins a read that need not ask anybody: by lease, or an eventual one. */
void de_host_lease_read(struct de_host_request *request);
/* Its thread goes on: with the view, with the answer. */
void de_host_read_go_on(struct de_host_request *request);
/* Lets go of what it holds; the state machine must still be there. */
void de_host_read_clear(struct de_host_request *request);

#ifdef __cplusplus
}
#endif

#endif
