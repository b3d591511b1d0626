/* engine/admission.h - which writes are let in: bounds that this node's configuration sets beyond
 * those of the state machine (core/kv/kv.h), which are the same everywhere and final.
 *
 * Looked at where a write comes from a client, before it is proposed. The bounds of leases and of
 * sessions are held against what this node has applied: grants under way at one time may exceed
 * them by as many as they are, the bound of the state machine never.
 *
 * Threads: any. */
#ifndef DE_ENGINE_ADMISSION_H
#define DE_ENGINE_ADMISSION_H

#include <stdatomic.h>

#include "core/kv/kv.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_admission {
    struct de_kv *kv;
    size_t value_bytes_max;
    size_t key_bytes_max; /* of keys that are put */
    uint64_t leases_max;  /* in the cluster, keys with a time to live and sessions included */
    uint64_t sessions_max;
    /* What was turned away: */
    atomic_uint_fast64_t too_large;
    atomic_uint_fast64_t leases_refused;
    atomic_uint_fast64_t sessions_refused;
    atomic_uint_fast64_t reads_refused; /* by the store, which has a bound of readers */
};

void de_admission_init(struct de_admission *admission, struct de_kv *kv, size_t value_bytes_max,
                       size_t key_bytes_max, uint64_t leases_max, uint64_t sessions_max);

/* Room for the sentence that says which bound a command broke. */
#define DE_ADMISSION_REASON_BYTES 160

/* 0; errors of de_kv_command_check; TOO_LARGE; BUSY: there are too many leases or sessions. reason
 * is "" unless it has something to add to the error. */
int de_admission_check(struct de_admission *admission, const struct de_kv_command *command,
                       char reason[DE_ADMISSION_REASON_BYTES]);

/* The same of an encoded one. */
int de_admission_check_bytes(struct de_admission *admission, struct dengine_slice bytes,
                             char reason[DE_ADMISSION_REASON_BYTES]);

/* Counts a read that the store has refused. */
void de_admission_note_read(struct de_admission *admission, int err);

#ifdef __cplusplus
}
#endif

#endif
