/* engine/engine_parts.h - what an open engine is made of, for services that run inside it
 * (dengine-server).
 *
 * Threads: any, from the end of de_engine_open until dengine_close returns. */
#ifndef DE_ENGINE_ENGINE_PARTS_H
#define DE_ENGINE_ENGINE_PARTS_H

#include <dengine/dengine.h>

#include "core/kv/kv.h"
#include "engine/watches.h"
#include "runtime/libev/replica.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Live until dengine_close. */
struct de_replica *de_engine_replica(struct dengine *engine);
struct de_kv *de_engine_kv(struct dengine *engine);
struct dengine_snapshot_store de_engine_snapshots(struct dengine *engine);
struct de_watches *de_engine_watches(struct dengine *engine);

/* The members, ascending by id, with the addresses that clients are to dial; this node's with the
 * port that is bound. Returns how many there are, at most DENGINE_MEMBERS_MAX. `leader` is left
 * false. */
uint32_t de_engine_members(const struct dengine *engine, struct dengine_member *members);

#ifdef __cplusplus
}
#endif

#endif
