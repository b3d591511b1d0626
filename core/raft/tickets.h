/* core/raft/tickets.h - which part of our own state is durable (rules R4 and R5).
 *
 * Each persist part gets the next ticket, and a note of what is durable once it is. A truncation
 * cuts the notes of the writes still under way: their late completion vouches only for what is
 * still in the log. So a completion can never acknowledge entries that were written later at the
 * same indexes (the ABA problem of asynchronous log writes). */
#ifndef DE_CORE_RAFT_TICKETS_H
#define DE_CORE_RAFT_TICKETS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Notes that are kept apart. When more writes are under way, the newest share a note: that
 * acknowledges later, never wrongly. */
#define DE_TICKETS_MAX 64

struct de_ticket {
    uint64_t ticket;
    uint64_t last_index; /* the log up to here is durable with it */
    uint64_t term;
    uint64_t vote;
};

struct de_tickets {
    struct de_ticket ring[DE_TICKETS_MAX]; /* under way, oldest at first */
    uint32_t first;
    uint32_t count;
    uint64_t issued; /* newest ticket given out */
    uint64_t durable_index;
    uint64_t durable_term;
    uint64_t durable_vote;
};

/* What was found on disk is durable. */
void de_tickets_init(struct de_tickets *tickets, uint64_t last_index, uint64_t term, uint64_t vote);

/* A write has been handed out after which the log ends at last_index; its ticket. */
uint64_t de_tickets_issue(struct de_tickets *tickets, uint64_t last_index, uint64_t term,
                          uint64_t vote);

/* The entries >= from leave the log. */
void de_tickets_truncate(struct de_tickets *tickets, uint64_t from);

/* All writes up to ticket are durable. False when that ticket was never issued. */
bool de_tickets_persisted(struct de_tickets *tickets, uint64_t ticket);

#ifdef __cplusplus
}
#endif

#endif
