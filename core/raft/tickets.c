#include "core/raft/tickets.h"

#include "core/base/assert.h"
#include "core/base/sometimes.h"

static struct de_ticket *at(struct de_tickets *tickets, uint32_t position)
{
    DE_ASSERT(position < DE_TICKETS_MAX);
    DE_ASSERT(tickets->count <= DE_TICKETS_MAX);
    return &tickets->ring[(tickets->first + position) % DE_TICKETS_MAX];
}

void de_tickets_init(struct de_tickets *tickets, uint64_t last_index, uint64_t term, uint64_t vote)
{
    DE_ASSERT(tickets != NULL);
    DE_ASSERT_IMPLIES(term == 0, vote == 0);
    tickets->first = 0;
    tickets->count = 0;
    tickets->issued = 0;
    tickets->durable_index = last_index;
    tickets->durable_term = term;
    tickets->durable_vote = vote;
}

uint64_t de_tickets_issue(struct de_tickets *tickets, uint64_t last_index, uint64_t term,
                          uint64_t vote)
{
    DE_ASSERT(term >= tickets->durable_term);
    if (tickets->count < DE_TICKETS_MAX) {
        tickets->count++;
    }
    struct de_ticket *newest = at(tickets, tickets->count - 1);
    newest->ticket = ++tickets->issued;
    newest->last_index = last_index;
    newest->term = term;
    newest->vote = vote;
    DE_ASSERT(tickets->count > 0 && tickets->issued > 0);
    return tickets->issued;
}

void de_tickets_truncate(struct de_tickets *tickets, uint64_t from)
{
    DE_ASSERT(from > 0);
    for (uint32_t i = 0; i < tickets->count; i++) {
        struct de_ticket *note = at(tickets, i);
        DE_SOMETIMES(note->last_index >= from,
                     "a write in flight holds entries that are truncated (ABA)");
        if (note->last_index >= from) {
            note->last_index = from - 1;
        }
    }
    if (tickets->durable_index >= from) {
        tickets->durable_index = from - 1;
    }
    DE_ASSERT(tickets->durable_index < from);
}

bool de_tickets_persisted(struct de_tickets *tickets, uint64_t ticket)
{
    if (ticket > tickets->issued) {
        return false;
    }
    while (tickets->count > 0 && at(tickets, 0)->ticket <= ticket) {
        const struct de_ticket *note = at(tickets, 0);
        DE_ASSERT(note->term >= tickets->durable_term);
        if (tickets->durable_index < note->last_index) {
            tickets->durable_index = note->last_index;
        }
        tickets->durable_term = note->term;
        tickets->durable_vote = note->vote;
        tickets->first = (tickets->first + 1) % DE_TICKETS_MAX;
        tickets->count--;
    }
    DE_ASSERT(tickets->count == 0 || at(tickets, 0)->ticket > ticket);
    return true;
}
