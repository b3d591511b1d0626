#include "core/node/requests.h"

#include "core/base/assert.h"

void de_request_list_push(struct de_request_list *list, struct de_request *request)
{
    DE_ASSERT(request != NULL);
    DE_ASSERT((list->first == NULL) == (list->last == NULL));
    request->next = NULL;
    if (list->last != NULL) {
        list->last->next = request;
    } else {
        list->first = request;
    }
    list->last = request;
}

struct de_request *de_request_list_pop(struct de_request_list *list)
{
    struct de_request *request = list->first;

    DE_ASSERT((list->first == NULL) == (list->last == NULL));
    if (request == NULL) {
        return NULL;
    }
    list->first = request->next;
    if (list->first == NULL) {
        DE_ASSERT(list->last == request);
        list->last = NULL;
    }
    request->next = NULL;
    return request;
}

struct de_proposal *de_proposal_new(const struct de_allocator *allocator, uint32_t count)
{
    struct de_proposal *proposal;
    const size_t size = sizeof *proposal + count * sizeof *proposal->results;

    DE_ASSERT(count > 0);
    proposal = de_allocate(allocator, size);
    if (proposal == NULL) {
        return NULL;
    }
    memset(proposal, 0, size);
    proposal->results = (struct dengine_result *)(void *)(proposal + 1);
    proposal->count = count;
    DE_ASSERT(proposal->requests.first == NULL);
    return proposal;
}

void de_proposal_list_push(struct de_proposal_list *list, struct de_proposal *proposal)
{
    DE_ASSERT(proposal != NULL);
    DE_ASSERT((list->first == NULL) == (list->last == NULL));
    proposal->next = NULL;
    if (list->last != NULL) {
        list->last->next = proposal;
    } else {
        list->first = proposal;
    }
    list->last = proposal;
}

void de_proposal_list_remove(struct de_proposal_list *list, struct de_proposal *proposal)
{
    struct de_proposal *before = NULL;
    struct de_proposal **at = &list->first;

    DE_ASSERT(proposal != NULL);
    while (*at != proposal) {
        DE_ASSERT(*at != NULL);
        before = *at;
        at = &before->next;
    }
    *at = proposal->next;
    if (list->last == proposal) {
        list->last = before;
    }
    proposal->next = NULL;
}

struct de_proposal *de_proposal_list_take(struct de_proposal_list *list, uint64_t index,
                                          uint64_t term)
{
    struct de_proposal *proposal = list->first;

    DE_ASSERT(index > 0);
    DE_ASSERT(term > 0);
    while (proposal != NULL && (proposal->index != index || proposal->term != term)) {
        proposal = proposal->next;
    }
    if (proposal != NULL) {
        de_proposal_list_remove(list, proposal);
    }
    return proposal;
}
