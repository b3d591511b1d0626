/* tests/snapshot/state.h - a state machine over a store, with its snapshots, for tests. */
#ifndef DE_TESTS_SNAPSHOT_STATE_H
#define DE_TESTS_SNAPSHOT_STATE_H

#include <dengine/snapshot_store.h>

#include "core/kv/kv.h"

#ifdef __cplusplus
extern "C" {
#endif

struct state {
    char path[64]; /* of the LMDB store; "": in memory */
    struct dengine_kv_store store;
    struct de_kv *kv;
    struct dengine_state_machine machine;
    uint64_t index; /* applied */
};

void state_open(struct state *state, bool lmdb);
/* Closes and removes it. */
void state_close(struct state *state);

/* Applies one command as an entry of its own. */
void state_apply(struct state *state, const struct de_kv_command *command);
uint64_t state_digest(struct state *state);

/* Reads an open save into a snapshot of (index, term) and ends it. Any thread. */
void state_save_read(struct state *state, struct dengine_machine_save *save, uint64_t index,
                     uint64_t term, struct dengine_snapshot_store snapshots);
/* Saves the state as it is. */
void state_save(struct state *state, struct dengine_snapshot_store snapshots);
/* Replaces the state by the newest snapshot. */
void state_restore(struct state *state, struct dengine_snapshot_store snapshots);

#ifdef __cplusplus
}
#endif

#endif
