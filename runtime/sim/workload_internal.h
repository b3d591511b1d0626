/* runtime/sim/workload_internal.h - what the files of the simulated clients call in each other. */
#ifndef DE_RUNTIME_SIM_WORKLOAD_INTERNAL_H
#define DE_RUNTIME_SIM_WORKLOAD_INTERNAL_H

#include "core/kv/command.h"
#include "runtime/sim/rpc.h"
#include "runtime/sim/workload.h"

#ifdef __cplusplus
extern "C" {
#endif

/* workload.c. The request of the client's operation, with the number of its present attempt. */
struct de_packet *de_workload_request(const struct de_workload *workload,
                                      const struct de_client *client);
/* The value that a reply to a read names; 0 = absent. */
int64_t de_workload_value_in(const struct de_rpc_reply *reply);
/* The operation is over: with an outcome, or as if it had never been. */
void de_workload_end(struct de_workload *workload, struct de_client *client,
                     enum de_history_type outcome, int64_t seen);
void de_workload_withdraw(struct de_workload *workload, struct de_client *client);

/* In the content of the event that wakes a client, with the number of its operation: time for the
 * next attempt of a write in a session. */
#define DE_CLIENT_AGAIN (UINT64_C(1) << 62)

/* workload_remote.c: a client that decides as the production client does. */
void de_workload_remote_init(struct de_workload *workload, struct de_client *client);
void de_workload_remote_begin(struct de_workload *workload, struct de_client *client);
void de_workload_remote_receive(struct de_workload *workload, struct de_client *client,
                                const struct de_rpc_reply *reply);
void de_workload_remote_timeout(struct de_workload *workload, struct de_client *client,
                                uint64_t attempt);
void de_workload_remote_wake(struct de_workload *workload, struct de_client *client,
                             uint64_t content);

/* One call; when it has ended, either the operation has (remote_end), or the session's turn is. */
void de_workload_remote_call(struct de_workload *workload, struct de_client *client,
                             uint64_t deadline_ns);
void de_workload_remote_end(struct de_workload *workload, struct de_client *client, int err,
                            const struct de_rpc_reply *reply);

/* workload_session.c: and whose writes are those of a session. Draws whether they are. */
void de_workload_session_init(struct de_workload *workload, struct de_client *client);
void de_workload_session_begin(struct de_workload *workload, struct de_client *client);
/* Numbers the command of the write; or puts the session's own in its place. */
void de_workload_session_command(const struct de_client *client, struct de_kv_command *command);
void de_workload_session_ended(struct de_workload *workload, struct de_client *client, int err,
                               const struct de_rpc_reply *reply);
void de_workload_session_again(struct de_workload *workload, struct de_client *client);

#ifdef __cplusplus
}
#endif

#endif
