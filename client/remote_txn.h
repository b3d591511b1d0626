/* client/remote_txn.h - transactions as messages.
 *
 * Threads: any. */
#ifndef DE_CLIENT_REMOTE_TXN_H
#define DE_CLIENT_REMOTE_TXN_H

#include <dengine/client.h>

#include "d_engine/client.pb-c.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A message that borrows from a transaction, with everything it points to. */
struct de_txn_message;

/* NO_MEMORY. */
int de_txn_message_new(const struct dengine_txn *txn, struct de_txn_message **message);
DEngine__Client__Txn *de_txn_message_of(struct de_txn_message *message);
void de_txn_message_free(struct de_txn_message *message);

/* What a server says a transaction has found. NO_MEMORY; PROTOCOL. The caller frees *result. */
int de_txn_unpack(const DEngine__Client__WriteResult *from, struct dengine_txn_result *result);

#ifdef __cplusplus
}
#endif

#endif
