/* engine/txn_command.h - transactions of users as commands of the state machine, and back.
 *
 * Threads: any. */
#ifndef DE_ENGINE_TXN_COMMAND_H
#define DE_ENGINE_TXN_COMMAND_H

#include "client/client_ops.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Room for the sentence that says which item of a transaction is bad. */
#define DE_TXN_REASON_BYTES 160

/* Encodes txn, of a session unless its id is 0, into *bytes, from malloc and the caller's. INVALID
 * (an operation or comparison that makes no sense), TOO_LARGE (a key, or a value of more than
 * value_max bytes): reason says which. NO_MEMORY: it is "". */
int de_txn_encode(const struct dengine_txn *txn, const struct de_client_session *session,
                  size_t value_max, uint8_t **bytes, size_t *size,
                  char reason[DE_TXN_REASON_BYTES]);

/* What the state machine answered to a transaction, for its user. NO_MEMORY, PROTOCOL. */
int de_txn_take_answer(struct dengine_slice answer, struct dengine_txn_result *result);

#ifdef __cplusplus
}
#endif

#endif
