/* core/kv/kv_state.h - the object behind struct de_kv; for the files of core/kv only. */
#ifndef DE_CORE_KV_KV_STATE_H
#define DE_CORE_KV_KV_STATE_H

#include "core/kv/kv.h"
#include "core/kv/record.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_KV_MESSAGE_BYTES 160

struct de_kv_restore; /* restore.c */

struct de_kv {
    struct dengine_kv_store store;
    struct de_allocator allocator;
    struct de_kv_mark mark; /* what the store has committed */
    struct de_kv_mark open; /* the same for the open batch: of its last command */
    bool batch_open;        /* between begin and commit */
    int broken;             /* a failure that is final; 0 = none */
    uint8_t *record;        /* where records are put together; grows */
    size_t record_capacity;
    struct de_kv_restore *restore; /* the open one */
    char message[DE_KV_MESSAGE_BYTES];
};

/* Notes a sentence for message(). */
void de_kv_note(struct de_kv *kv, const char *text);

/* Ends the open batch without effect and breaks the state machine for good: half-applied entries
 * must never be committed. After NO_SPACE the batch may be begun again. text NULL: what the store
 * says. Returns err. */
int de_kv_break(struct de_kv *kv, int err, const char *text);

/* The operations of dengine_state_machine_ops; object is a struct de_kv. */
int de_kv_op_begin(void *object);
int de_kv_op_apply(void *object, const struct dengine_position *at, struct dengine_slice command,
                   struct dengine_result *result);
int de_kv_op_commit(void *object, uint64_t index, uint64_t term);
int de_kv_op_digest(void *object, uint64_t *digest);

#ifdef __cplusplus
}
#endif

#endif
