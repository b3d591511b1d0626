/* client/calling_back.h - whether this thread is inside a callback, where nothing may wait.
 *
 * The thread that calls back is one that brings answers. If it waited for one, that would not come,
 * or only when the call's time is over.
 *
 * Threads: each knows of itself. */
#ifndef DE_CLIENT_CALLING_BACK_H
#define DE_CLIENT_CALLING_BACK_H

#include <dengine/client.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Around what calls users back. */
void de_calling_back_begin(void);
void de_calling_back_end(void);

/* Calls back between the two. */
void de_call_back(dengine_callback *callback, void *context, struct dengine_reply *reply);

/* Whether the calling thread may wait for an answer: 0; in a callback INVALID, and
 * dengine_last_error says so. */
int de_may_wait(void);

#ifdef __cplusplus
}
#endif

#endif
