/* engine/engine.h - the embedded engine from inside: what dengine-server and the benchmarks use
 * beyond the public interface. */
#ifndef DE_ENGINE_ENGINE_H
#define DE_ENGINE_ENGINE_H

#include <dengine/dengine.h>

#include "runtime/libev/rpc_server.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Services of somebody else on the engine's listen address, beside the peers. */
struct de_engine_services {
    void *context;
    /* Adds methods to server before it starts. client is the engine's; calls may come in as soon as
     * the server has started, which is before de_engine_open returns. 0, or an error that
     * de_engine_open then returns. */
    int (*add)(void *context, struct de_rpc_server *server, struct dengine_client *client);
    /* NULL, or called once by dengine_close, when all calls have been answered and none can come:
     * what still holds on to the engine's state (a thread that closes the view it read from) must
     * have let go when it returns. Also after an open that failed. */
    void (*answered)(void *context);
    /* NULL, or told, with waiting_context, by an open that is about to wait: whom it asks
     * ("host:port,..."), and for how long at most. */
    void (*waiting)(void *context, const char *whom, uint32_t most_ms);
    /* NULL, or asked with waiting_context some times a second while it waits: true ends the wait
     * with CANCELED. */
    bool (*gives_up)(void *context);
    void *waiting_context;
    /* How long calls under way may take when the engine is closed, before they are cancelled. */
    uint32_t grace_ms;
};

/* As dengine_open_config, with services (NULL: none; else a cluster of one has a port as well).
 * services is copied; its context must outlive the engine. */
int de_engine_open(const struct dengine_config *config, const struct de_engine_services *services,
                   struct dengine **engine);

/* The port that is bound; 0 when there is none. */
uint16_t de_engine_port(const struct dengine *engine);

#ifdef __cplusplus
}
#endif

#endif
