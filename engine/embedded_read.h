/* engine/embedded_read.h - reads of an embedded engine.
 *
 * Eventual reads run in the calling thread, on a view of the state: no queue, no lock, no other
 * thread. So do lease reads while this node leads and its lease runs (core/node/lease.h). All
 * others ask the quorum first, through the loop.
 *
 * Threads: any. */
#ifndef DE_ENGINE_EMBEDDED_READ_H
#define DE_ENGINE_EMBEDDED_READ_H

#include "client/client_ops.h"
#include "engine/engine_state.h"

#ifdef __cplusplus
extern "C" {
#endif

/* As de_client_ops.start, for a call that only reads. */
int de_embedded_start_read(struct dengine *engine, const struct de_client_call *call);

/* As de_client_ops.get_here. */
int de_embedded_get_here(struct dengine *engine, const struct de_client_look *look,
                         dengine_value_visitor *visit, void *context);

/* As de_client_ops.scan_here. */
int de_embedded_scan_here(struct dengine *engine, const struct de_client_call *call,
                          dengine_pair_visitor *visit, void *context);

/* Says of a call that has failed who leads, or why the node has halted; for the thread that calls
 * back. */
void de_embedded_explain(struct dengine *engine, int status);

#ifdef __cplusplus
}
#endif

#endif
