/* tests/snapshot/state.h - a state machine over a store, with its snapshots, for tests. */
#ifndef DE_TESTS_SNAPSHOT_STATE_H
#define DE_TESTS_SNAPSHOT_STATE_H

#include <dengine/snapshot_store.h>

#include "core/kv/kv.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_test_state {
    char path[64]; /* of the LMDB store; "": in memory */
    struct dengine_kv_store store;
    struct de_kv *kv;
    struct dengine_state_machine machine;
    uint64_t index; /* applied */
};

void de_test_state_open(struct de_test_state *state, bool lmdb);
/* Closes and removes it. */
void de_test_state_close(struct de_test_state *state);

/* Applies one command as an entry of its own. */
void de_test_state_apply(struct de_test_state *state, const struct de_kv_command *command);
uint64_t de_test_state_digest(struct de_test_state *state);

/* Reads an open save into a snapshot of (index, term) and ends it. Any thread. */
void de_test_state_save_read(struct de_test_state *state, struct dengine_machine_save *save,
                             uint64_t index, uint64_t term,
                             struct dengine_snapshot_store snapshots);
/* Saves the state as it is. */
void de_test_state_save(struct de_test_state *state, struct dengine_snapshot_store snapshots);
/* Replaces the state by the newest snapshot. */
void de_test_state_restore(struct de_test_state *state, struct dengine_snapshot_store snapshots);

#ifdef __cplusplus
}
#endif

#endif
