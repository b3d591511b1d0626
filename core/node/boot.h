/* core/node/boot.h - a boot under way; for boot.c and boot_snapshot.c only. */
#ifndef DE_CORE_NODE_BOOT_H
#define DE_CORE_NODE_BOOT_H

#include "core/node/node_state.h"
#include "core/node/text.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_boot {
    struct de_node *node; /* applied: what the state machine says, then after restoring */
    struct dengine_log_store log;
    struct dengine_log_state state;
    uint64_t applied_term;
    uint64_t snapshot_index; /* of the newest; 0 = none */
    uint64_t snapshot_term;
    /* As of snapshot_index, or the initial one. */
    struct de_raft_configuration configuration;
    struct de_sentence *text; /* what was wrong */
};

/* Brings log and state machine in line with the newest snapshot, and reads its membership into
 * node->scratch, where the initial one is. */
int de_boot_snapshot(struct de_boot *boot);

#ifdef __cplusplus
}
#endif

#endif
