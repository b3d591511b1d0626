/* server/service_reader.h - reads that wait for a barrier, and the thread that then does them.
 *
 * Threads: de_service_start_read on the queue's thread; the operations of a read on any. */
#ifndef DE_SERVER_SERVICE_READER_H
#define DE_SERVER_SERVICE_READER_H

#include "server/service_internal.h"

/* What a kind of read is made of. */
struct de_read_ops {
    /* Reads the state as it is now and answers the call. */
    void (*answer)(struct de_service *service, struct de_rpc_call *call, const void *message);
    /* Answers the call with a DENGINE_E_*; text may be NULL. */
    void (*fail)(struct de_service *service, struct de_rpc_call *call, int err, const char *text);
    void (*release)(void *message);
};

/* Whether a view that is opened now may answer, without asking anybody. */
bool de_service_may_read(const struct de_service *service, enum dengine_consistency consistency);

/* Answers a read in the reader's thread, behind a barrier unless de_service_may_read. Takes
 * message. */
void de_service_start_read(struct de_service *service, struct de_rpc_call *call,
                           const struct de_read_ops *ops, void *message,
                           enum dengine_consistency consistency);

#endif
