/* runtime/sim/queue_call.h - one call of a simulated client of locks and elections: attempts until
 * it is known what became of it, as far as a client may go on trying.
 *
 * What surely did nothing is tried again, elsewhere, and so is whatever only reads. A write without
 * an answer ends as UNKNOWN. One thread. */
#ifndef DE_RUNTIME_SIM_QUEUE_CALL_H
#define DE_RUNTIME_SIM_QUEUE_CALL_H

#include "runtime/sim/network.h"
#include "runtime/sim/rpc.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_QUEUE_CALL_BYTES 512u

/* Kinds of kernel events of calls: their content is the number of the attempt. */
enum de_queue_call_event {
    DE_QUEUE_TIMEOUT = 45,
    DE_QUEUE_RETRY = 46,
};

/* What all of them share. */
struct de_queue_caller {
    struct de_kernel *kernel;
    struct de_network *network;
    uint32_t nodes;
    uint64_t attempt_ns; /* how long to wait for one answer */
};

struct de_queue_call {
    uint32_t endpoint;
    uint64_t attempt; /* the calls that a client has at a time differ in the lowest bit */
    uint32_t target;  /* whom to ask next; 0 = draw one */
    bool busy;
    uint8_t type; /* of the request; DE_REQUEST_WRITE is one, anything else a read */
    uint64_t begun_ns;
    uint64_t deadline_ns;
    uint8_t bytes[DE_QUEUE_CALL_BYTES];
    size_t size;
};

/* Sends it; type, bytes and size are set. */
void de_queue_call_begin(const struct de_queue_caller *caller, struct de_queue_call *call,
                         uint64_t deadline_ns);

/* Each: true when the call has ended with *err, 0 or DENGINE_E_*. The first: an answer to this
 * attempt. */
bool de_queue_call_answered(const struct de_queue_caller *caller, struct de_queue_call *call,
                            const struct de_rpc_reply *reply, int *err);
bool de_queue_call_timeout(const struct de_queue_caller *caller, struct de_queue_call *call,
                           uint64_t attempt, int *err);
void de_queue_call_retry(const struct de_queue_caller *caller, struct de_queue_call *call,
                         uint64_t attempt);

#ifdef __cplusplus
}
#endif

#endif
