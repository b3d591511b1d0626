/* client/call_copy.h - a call with all that it points to, to be started again later.
 *
 * Threads: pure functions. */
#ifndef DE_CLIENT_CALL_COPY_H
#define DE_CLIENT_CALL_COPY_H

#include "client/client_ops.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Room that a copy of the call's arguments takes. */
size_t de_call_copy_bytes(const struct de_client_call *call);

/* Copies call into *copy, and its arguments into room, which must be aligned for any type and lives
 * as long as the copy. The call is a write. */
void de_call_copy(const struct de_client_call *call, struct de_client_call *copy, void *room);

#ifdef __cplusplus
}
#endif

#endif
