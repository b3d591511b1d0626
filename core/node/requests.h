/* core/node/requests.h - requests under way, and the proposals that carry writes.
 *
 * A write waits; then it belongs to a proposal, that is to one entry of the log; then, once that
 * entry is committed, to an apply job, which answers it. A read waits; then it is asked (a read
 * round runs); then confirmed (only the applier has to catch up). Each step takes it out of one
 * list and puts it into the next, so it is in exactly one and is answered exactly once (R8). */
#ifndef DE_CORE_NODE_REQUESTS_H
#define DE_CORE_NODE_REQUESTS_H

#include "core/node/node.h"

#ifdef __cplusplus
extern "C" {
#endif

/* First in, first out; linked through de_request.next. */
struct de_request_list {
    struct de_request *first;
    struct de_request *last;
};

void de_request_list_push(struct de_request_list *list, struct de_request *request);
/* NULL when empty. */
struct de_request *de_request_list_pop(struct de_request_list *list);

/* The writes in one entry, in the order of their commands. */
struct de_proposal {
    struct de_proposal *next;
    uint64_t index;
    uint64_t term;
    uint64_t number;      /* of a batch that was forwarded (forward.h) */
    uint64_t deadline_ns; /* orphans, and what was forwarded: when to give up */
    uint64_t bytes;       /* of commands */
    uint32_t count;       /* of requests */
    struct de_request_list requests;
    struct dengine_result *results; /* count of them, for the applier */
};

/* NULL when out of memory. */
struct de_proposal *de_proposal_new(const struct de_allocator *allocator, uint32_t count);

struct de_proposal_list {
    struct de_proposal *first;
    struct de_proposal *last;
};

void de_proposal_list_push(struct de_proposal_list *list, struct de_proposal *proposal);
/* Takes out the one at (index, term); NULL when there is none. */
struct de_proposal *de_proposal_list_take(struct de_proposal_list *list, uint64_t index,
                                          uint64_t term);

/* Takes out proposal, which is in it. */
void de_proposal_list_remove(struct de_proposal_list *list, struct de_proposal *proposal);

#ifdef __cplusplus
}
#endif

#endif
