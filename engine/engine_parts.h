/* engine/engine_parts.h - what an open engine is made of, for services that run inside it
 * (dengine-server).
 *
 * Threads: any, from the end of de_engine_open until dengine_close returns. */
#ifndef DE_ENGINE_ENGINE_PARTS_H
#define DE_ENGINE_ENGINE_PARTS_H

#include <dengine/dengine.h>

#include "core/kv/kv.h"
#include "engine/admission.h"
#include "engine/watches.h"
#include "runtime/libev/replica.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Live until dengine_close. */
struct de_replica *de_engine_replica(struct dengine *engine);
struct de_kv *de_engine_kv(struct dengine *engine);
struct dengine_snapshot_store de_engine_snapshots(struct dengine *engine);
struct de_admission *de_engine_admission(struct dengine *engine);
struct de_watches *de_engine_watches(struct dengine *engine);

/* Who the members are and who leads, with the addresses that clients are to dial. */
void de_engine_members(const struct dengine *engine, struct dengine_cluster_status *status);

/* The member that leads; false: none that is known. */
bool de_engine_leader(const struct dengine *engine, struct dengine_member *leader);

/* Where clients can dial this node, with the port that is bound; "" when nobody said. */
void de_engine_address(const struct dengine *engine, char *address, size_t size);

/* What only the engine knows of a change that is asked for: 0, or INVALID with *reason. */
int de_engine_change_check(const struct dengine *engine, const struct de_change *change,
                           const char **reason);

#ifdef __cplusplus
}
#endif

#endif
