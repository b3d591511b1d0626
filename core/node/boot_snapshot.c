/* What boot has to do with the newest snapshot before it looks at the log.
 *
 * A crash may have come between the steps of an installation: snapshot durable; log emptied; state
 * machine restored. Each step is done here if it has not been, in the same order:
 *
 *   the log ends before the snapshot, or has another term there   empty it (Raft 7, figure 13)
 *   the state machine is behind the snapshot                      restore it
 *
 * The membership in the snapshot goes to the node's scratch. A snapshot in the store is committed,
 * whoever made it. Without one the log must begin at 1. */
#include "core/base/assert.h"
#include "core/node/boot.h"
#include "core/node/node_state.h"

static int refuse(struct de_boot *boot, const char *what, uint64_t index, const char *advice)
{
    DE_ASSERT(what != NULL);
    DE_ASSERT(advice != NULL);
    de_sentence_add(boot->text, what);
    de_sentence_add_u64(boot->text, index);
    de_sentence_add(boot->text, advice);
    return DENGINE_E_CORRUPT;
}

static int say(struct de_boot *boot, int err, const char *reason)
{
    DE_ASSERT(err != 0);
    DE_ASSERT(reason != NULL);
    de_sentence_add(boot->text, reason);
    return err;
}

/* The newest snapshot into boot; index 0 when there is none. */
static int find_newest(struct de_boot *boot)
{
    struct de_node *node = boot->node;
    const struct dengine_snapshot_store store = node->snapshots.store;
    struct dengine_snapshot_meta meta;
    struct de_entry_buffer *buffer;
    int rc;

    DE_ASSERT(boot->snapshot_index == 0);
    rc = store.ops->newest(store.object, &meta);
    if (rc == DENGINE_E_NOT_FOUND) {
        return 0;
    }
    if (rc != 0) {
        return say(boot, rc, store.ops->message(store.object));
    }
    if (meta.cluster_id != node->raft_options.cluster_id) {
        return say(boot, DENGINE_E_FOREIGN, "the snapshot belongs to another cluster");
    }
    buffer = de_entry_buffer_new(&node->allocator, DE_CONFIG_BYTES_MAX);
    if (buffer == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    buffer->type = DENGINE_ENTRY_CONFIG;
    de_node_applied_configuration(node, buffer);
    if (meta.index == 0 || meta.term == 0 ||
        de_node_take_configuration(&meta, meta.index, meta.term, buffer) != 0 ||
        de_config_decode(de_entry_buffer_entry(buffer).data, &node->scratch) != 0) {
        return refuse(
            boot, "the configuration in the snapshot at entry ", meta.index,
            " is not one; let a server with a new id take this node's place, or restore a "
            "backup");
    }
    boot->snapshot_index = meta.index;
    boot->snapshot_term = meta.term;
    return 0;
}

static int take_term(void *context, uint64_t index, const struct dengine_entry *entry)
{
    uint64_t *term = context;

    DE_ASSERT(index > 0);
    DE_ASSERT(entry != NULL);
    *term = entry->term;
    return 0;
}

/* Whether the log holds all that the snapshot covers, or begins with it. */
static int log_agrees(struct de_boot *boot, bool *agrees)
{
    const struct dengine_log_state *state = &boot->state;
    uint64_t term = state->base_term;
    int rc = 0;

    DE_ASSERT(boot->snapshot_index + 1 >= state->first_index);
    DE_ASSERT(boot->snapshot_term > 0);
    *agrees = false;
    if (boot->snapshot_index > state->last_index) {
        return 0;
    }
    if (boot->snapshot_index + 1 > state->first_index) {
        rc = boot->log.ops->read(boot->log.object, boot->snapshot_index, boot->snapshot_index,
                                 take_term, &term);
    }
    if (rc != 0) {
        return say(boot, rc, boot->log.ops->message(boot->log.object));
    }
    *agrees = term == boot->snapshot_term;
    return 0;
}

static int empty_log(struct de_boot *boot)
{
    struct dengine_hard_state hard_state = boot->state.hard_state;
    int rc;

    DE_ASSERT(boot->snapshot_index > 0);
    if (hard_state.term < boot->snapshot_term) {
        hard_state.term = boot->snapshot_term;
        hard_state.vote = 0;
    }
    hard_state.commit = boot->snapshot_index;
    rc = boot->log.ops->reset(boot->log.object, boot->snapshot_index, boot->snapshot_term,
                              &hard_state);
    if (rc != 0) {
        return say(boot, rc, boot->log.ops->message(boot->log.object));
    }
    boot->log.ops->state(boot->log.object, &boot->state);
    DE_ASSERT(boot->state.last_index == boot->snapshot_index);
    DE_ASSERT(boot->state.base_term == boot->snapshot_term);
    return 0;
}

static int restore(struct de_boot *boot)
{
    struct de_node *node = boot->node;
    char message[DE_SNAPSHOT_MESSAGE] = "";
    int rc;

    DE_ASSERT(node->applied < boot->snapshot_index);
    rc = de_node_restore_now(node, boot->snapshot_index, boot->snapshot_term,
                             &node->snapshots.image_bytes, node->snapshots.configuration, message,
                             sizeof message);
    if (rc != 0 && rc != DENGINE_E_NO_MEMORY) {
        de_sentence_add(boot->text, "the snapshot could not be restored: ");
        de_sentence_add(boot->text, message);
    }
    if (rc == 0) {
        node->applied = boot->snapshot_index;
        boot->applied_term = boot->snapshot_term;
    }
    return rc;
}

static int measure(struct de_boot *boot)
{
    const struct dengine_snapshot_store store = boot->node->snapshots.store;
    struct dengine_snapshot_reader *reader = NULL;
    struct dengine_snapshot_meta meta;
    int rc;

    DE_ASSERT(boot->snapshot_index > 0);
    rc = store.ops->open(store.object, boot->snapshot_index, &reader, &meta,
                         &boot->node->snapshots.image_bytes);
    if (rc != 0) {
        return say(boot, rc, store.ops->message(store.object));
    }
    store.ops->close_reader(store.object, reader);
    DE_ASSERT(meta.index == boot->snapshot_index);
    return 0;
}

int de_boot_snapshot(struct de_boot *boot)
{
    struct de_node *node = boot->node;
    const uint64_t base = boot->state.first_index - 1;
    bool agrees = false;
    int rc = 0;

    DE_ASSERT(boot->state.first_index > 0);
    if (node->snapshots.store.ops == NULL) {
        return 0;
    }
    rc = find_newest(boot);
    if (rc != 0) {
        return rc;
    }
    if (boot->snapshot_index < base) {
        return refuse(boot, "the log begins after entry ", base,
                      ", and no snapshot covers what was before: let a server with a new id take "
                      "this node's place, or restore a backup");
    }
    if (boot->snapshot_index == 0 ||
        (node->applied > boot->snapshot_index && node->applied > boot->state.last_index)) {
        return 0; /* nothing to do; or a contradiction, which the comparison with the log finds */
    }
    rc = log_agrees(boot, &agrees);
    if (rc == 0 && !agrees) {
        rc = empty_log(boot);
    }
    if (rc == 0) {
        rc = node->applied < boot->snapshot_index ? restore(boot) : measure(boot);
    }
    node->snapshots.index = boot->snapshot_index;
    return rc;
}
