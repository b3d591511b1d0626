/* server/service_range.h - pages of the state as messages.
 *
 * Threads: any. */
#ifndef DE_SERVER_SERVICE_RANGE_H
#define DE_SERVER_SERVICE_RANGE_H

#include "d_engine/client.pb-c.h"
#include "server/service_internal.h"

/* The longest reply with data that is sent: what d-engine's clients can decode, or one value where
 * the limit on values is longer. */
uint64_t de_service_reply_bytes_max(const struct de_service *service);

/* A page under way: its results borrow from the view. */
struct de_service_page {
    struct de_kv_view view;
    struct de_kv_page page;
    DEngine__Client__ClientResult *results;
    DEngine__Client__ClientResult **pointers; /* page.count of them */
};

/* Whether a request may ask for range beside that many keys: 0, or INVALID with a sentence. */
int de_service_range_check(const DEngine__Client__Range *range, size_t keys, char *message,
                           size_t size);

/* Reads a page of a checked range. After 0 it must be closed. */
int de_service_page_open(struct de_service_page *page, struct de_service *service,
                         const DEngine__Client__Range *range);
void de_service_page_close(struct de_service_page *page);

#endif
