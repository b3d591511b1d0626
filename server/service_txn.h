/* server/service_txn.h - transactions between their messages and the state machine.
 *
 * Threads: any. */
#ifndef DE_SERVER_SERVICE_TXN_H
#define DE_SERVER_SERVICE_TXN_H

#include "client/client_ops.h"
#include "d_engine/client.pb-c.h"
#include "engine/txn_command.h"
#include "server/service_internal.h"

/* The command for a transaction, in *bytes from malloc, the caller's. INVALID and TOO_LARGE, with
 * reason; NO_MEMORY, without. */
int de_service_txn_encode(const DEngine__Client__Txn *from, const struct de_client_session *session,
                          size_t value_max, uint8_t **bytes, size_t *size,
                          char reason[DE_TXN_REASON_BYTES]);

/* Answers the call of a transaction that was done. */
void de_service_txn_reply(struct de_service *service, struct de_rpc_call *call,
                          const struct dengine_result *done);

#endif
