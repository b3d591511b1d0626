/* dengine/session.h - writes that are done exactly once, however often they have to be sent.
 *
 *     struct dengine_session *session;
 *
 *     dengine_session_open(client, 10000, NULL, NULL, &session);
 *     dengine_put(dengine_session_client(session), key, value, NULL);
 *     ...
 *     dengine_session_close(session);
 *
 * A session is a lease that the cluster remembers results with. Each write through the client of
 * the session has a number; the cluster does each number once and gives its result as often as it
 * is asked. So a write whose answer was lost, because a server died or a leader changed, is simply
 * sent again, until its answer comes or its deadline: DENGINE_E_UNKNOWN is then rare, not the rule
 * at every change of leader, and an answer is always the answer to this very write: a
 * compare-and-swap that says "false" was false, and not true the first time.
 *
 * Works with any client, of an engine in the process or of servers. Reads and watches through the
 * client of a session are those of the client below. At most DENGINE_SESSION_CALLS_MAX writes of a
 * session are under way at one time; BUSY beyond.
 *
 * Threads: any call from any thread, except that close must be the last one. */
#ifndef DENGINE_SESSION_H
#define DENGINE_SESSION_H

#include <dengine/keeper.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The results that the cluster remembers for one session. */
#define DENGINE_SESSION_CALLS_MAX 64

struct dengine_session;

/* Grants a lease of ttl_ms (as dengine_keeper_open, which keeps it alive) with a session. client
 * should live until close; options and call may be NULL. The caller closes *session. */
DENGINE_EXPORT int dengine_session_open(struct dengine_client *client, uint64_t ttl_ms,
                                        const struct dengine_keeper_options *options,
                                        const struct dengine_call_options *call,
                                        struct dengine_session **session);

/* Is told how an opening ended: status 0, and session is the callee's to close; or an error, and it
 * is NULL. */
typedef void dengine_session_callback(void *context, int status, struct dengine_session *session);

DENGINE_EXPORT int dengine_session_open_async(struct dengine_client *client, uint64_t ttl_ms,
                                              const struct dengine_keeper_options *options,
                                              const struct dengine_call_options *call,
                                              dengine_session_callback *callback, void *context);

/* The client whose writes are the session's; it ends with the session (never dengine_disconnect
 * it). Errors of writes are those of the client below, and NO_SESSION: the session's lease has
 * ended, and this write was not done. UNKNOWN: no answer by the deadline, or the session ended in
 * between; the write was done once or is never done. */
DENGINE_EXPORT struct dengine_client *dengine_session_client(struct dengine_session *session);

/* Its lease, which keys may be attached to. */
DENGINE_EXPORT uint64_t dengine_session_lease(const struct dengine_session *session);

/* For how long it lives at least: see dengine_keeper_left_ms. */
DENGINE_EXPORT uint64_t dengine_session_left_ms(struct dengine_session *session);

/* Ends calls under way (SHUTDOWN, UNKNOWN), then the lease, with the keys attached to it, and frees
 * the session. Errors as dengine_keeper_close. NULL is allowed. */
DENGINE_EXPORT int dengine_session_close(struct dengine_session *session);
/* Not NULL. It cannot be refused; session and its client must not be used any more. */
DENGINE_EXPORT void dengine_session_close_async(struct dengine_session *session,
                                                dengine_callback *callback, void *context);

#ifdef __cplusplus
}
#endif

#endif
