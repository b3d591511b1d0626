#include "core/node/book.h"

#include "core/base/assert.h"
#include "core/node/config_codec.h"

void de_book_init(struct de_book *book, uint64_t index, const struct de_membership *membership)
{
    DE_ASSERT(membership->configuration.count <= DE_RAFT_MEMBERS_MAX);
    book->current = *membership;
    book->previous = *membership;
    book->current_index = index;
    book->previous_index = index;
    book->current_bytes = de_config_size(membership);
    DE_ASSERT(book->previous_index <= book->current_index);
}

void de_book_append(struct de_book *book, uint64_t index, struct dengine_slice payload)
{
    int rc;

    DE_ASSERT(index > book->current_index);
    book->previous = book->current;
    book->previous_index = book->current_index;
    rc = de_config_decode(payload, &book->current);
    DE_ASSERT(rc == 0);
    /* A record of version 1 knows only the members it lists. */
    if (book->current.highest_id < book->previous.highest_id) {
        book->current.highest_id = book->previous.highest_id;
    }
    book->current_index = index;
    book->current_bytes = de_config_size(&book->current);
}

void de_book_truncate(struct de_book *book, uint64_t from)
{
    DE_ASSERT(book->previous_index < from);
    if (book->current_index >= from) {
        book->current = book->previous;
        book->current_index = book->previous_index;
        book->current_bytes = de_config_size(&book->current);
    }
    DE_ASSERT(book->current_index < from);
}
