/* engine/engine_state.h - struct dengine, for the files of engine/ only. */
#ifndef DE_ENGINE_ENGINE_STATE_H
#define DE_ENGINE_ENGINE_STATE_H

#include <dengine/dengine.h>

#include "client/client_ops.h"
#include "engine/admission.h"
#include "engine/elsewhere.h"
#include "engine/engine.h"
#include "engine/plan.h"
#include "engine/stores.h"
#include "engine/watches.h"
#include "runtime/libev/replica.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The client of the engine: dengine_client first, as client_ops.h asks. */
struct de_embedded_client {
    struct dengine_client client;
    struct dengine *engine;
};

struct dengine {
    struct de_embedded_client client;
    struct de_plan plan; /* its data_dir is not valid after open */
    struct de_engine_services services;
    struct de_stores stores;
    struct de_watches *watches;
    struct de_admission admission;
    struct de_replica *replica;
    struct de_elsewhere elsewhere;
};

/* Fills in engine->client. NO_MEMORY. */
int de_embedded_client_init(struct dengine *engine);

#ifdef __cplusplus
}
#endif

#endif
