/* runtime/sim/queue_request.h - what clients of locks and elections ask, and what answers say. Each
 * function that makes a request puts it into the client's call. */
#ifndef DE_RUNTIME_SIM_QUEUE_REQUEST_H
#define DE_RUNTIME_SIM_QUEUE_REQUEST_H

#include "runtime/sim/queue_clients.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Puts the own key, with this word in its value, if its create revision is that (0: if it is not
 * there), else reads it. */
void de_queue_request_put(struct de_queue_client *client, uint64_t created, const char *word);
void de_queue_put_done(const struct de_rpc_reply *reply, int err, struct de_turn_put *put);

/* Writes the token to what the lock guards if the guard holds. */
void de_queue_request_use(struct de_queue_client *client);
/* False: the guard did not hold. Else *before is the token that was there; 0: none. */
bool de_queue_use_done(const struct de_rpc_reply *reply, uint64_t *before);

void de_queue_request_grant(struct de_queue_client *client, uint64_t ttl_ns);
/* 0: it is no such answer. */
uint64_t de_queue_grant_done(const struct de_rpc_reply *reply);
/* Keeping alive, or revoking; into call. */
void de_queue_request_lease(struct de_queue_call *call, uint32_t type, uint64_t lease);
void de_queue_request_delete(struct de_queue_client *client);

/* The key of the one before. */
void de_queue_request_before(struct de_queue_client *client);
bool de_queue_before_done(const struct de_queue_client *client, const struct de_rpc_reply *reply);

/* A page of the queue, behind client->page_from. */
void de_queue_request_page(struct de_queue_client *client);
/* Takes the page into client->look. 0, or what is wrong with it; *more: there is another one. */
int de_queue_page_done(struct de_queue_client *client, const struct de_rpc_reply *reply,
                       bool *more);

#ifdef __cplusplus
}
#endif

#endif
