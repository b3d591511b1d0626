/* engine/embedded_change.h - changes of membership and leadership by the client of an engine.
 *
 * Threads: any. */
#ifndef DE_ENGINE_EMBEDDED_CHANGE_H
#define DE_ENGINE_EMBEDDED_CHANGE_H

#include <dengine/dengine.h>

#include "client/client_ops.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Starts a call of type CHANGE or TRANSFER; as de_client_ops.start. */
int de_embedded_start_change(struct dengine *engine, const struct de_client_call *call);

#ifdef __cplusplus
}
#endif

#endif
