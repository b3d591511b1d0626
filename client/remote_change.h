/* client/remote_change.h - changes of membership and leadership as the messages of
 * dengine.admin.ClusterService.
 *
 * Threads: pure functions. */
#ifndef DE_CLIENT_REMOTE_CHANGE_H
#define DE_CLIENT_REMOTE_CHANGE_H

#include "client/remote.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const char de_remote_change_path[];
extern const char de_remote_transfer_path[];

/* The request of a CHANGE or TRANSFER; NO_MEMORY. */
int de_remote_pack_change(const struct de_client_change *change, grpc_slice *request);

/* The reply: what came of it in reply->err_exact, with message and leader_address. */
void de_remote_unpack_change(grpc_slice bytes, struct de_remote_reply *reply);

#ifdef __cplusplus
}
#endif

#endif
