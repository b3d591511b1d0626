/* core/node/book.h - the memberships that the log needs: what the core keeps of configurations
 * (struct de_configurations in core/raft/configuration.h), with addresses and all.
 *
 * In use from the moment its entry is appended, rolled back with the log. Two are enough, for the
 * reason given there. */
#ifndef DE_CORE_NODE_BOOK_H
#define DE_CORE_NODE_BOOK_H

#include "core/node/membership.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_book {
    struct de_membership current;
    struct de_membership previous;
    size_t current_bytes; /* of the current one, encoded */
    uint64_t current_index;
    uint64_t previous_index;
};

/* Both are the one at index: the initial one, or a snapshot's. May be empty. */
void de_book_init(struct de_book *book, uint64_t index, const struct de_membership *membership);

/* The CONFIG entry at index enters the log; payload has been checked. */
void de_book_append(struct de_book *book, uint64_t index, struct dengine_slice payload);

/* The entries >= from leave the log; previous_index < from. */
void de_book_truncate(struct de_book *book, uint64_t from);

#ifdef __cplusplus
}
#endif

#endif
