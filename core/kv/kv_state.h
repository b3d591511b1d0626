/* core/kv/kv_state.h - the object behind struct de_kv; for the files of core/kv only.
 *
 * Inside a batch a function that fails returns an error. If kv->failed is set then, the batch is
 * over (and for good, unless the disk was full: kv->broken); else the error is the answer to the
 * command, and whatever the command did has been or is being undone. "Failed" below is the former.
 */
#ifndef DE_CORE_KV_KV_STATE_H
#define DE_CORE_KV_KV_STATE_H

#include "core/kv/kv.h"
#include "core/kv/past.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_KV_MESSAGE_BYTES 160

struct de_kv_restore; /* restore.c */

/* Bytes that grow and are used again. */
struct de_kv_buffer {
    uint8_t *bytes;
    size_t size;
    size_t capacity;
};

/* The bytes of one result, until the next begin. */
struct de_kv_kept {
    struct de_kv_kept *next;
    size_t size;
};

/* What the newest batches did, in the store (past.h). */
struct de_kv_past {
    size_t events_max; /* 0: nothing of it is kept */
    size_t bytes_max;
    struct de_kv_past_sum sum;  /* as committed */
    struct de_kv_past_sum open; /* as the batch leaves it that is being committed */
    struct de_kv_buffer record;
};

struct de_kv {
    struct dengine_kv_store store;
    struct de_allocator allocator;
    struct de_kv_mark mark;        /* what the store has committed */
    struct de_kv_mark open;        /* the same for the open batch: of its last command */
    uint64_t wake_ns;              /* the first deadline; UINT64_MAX = no lease */
    bool deadlines_changed;        /* in the open batch */
    bool batch_open;               /* between begin and commit */
    int failed;                    /* why the newest batch failed; 0 = it has not */
    int broken;                    /* a failure that is final; 0 = none */
    struct de_kv_restore *restore; /* the open one */

    struct de_kv_buffer record; /* where records are put together */
    struct de_kv_buffer answer; /* of the command under way (answering.c) */
    size_t op_answer;           /* where the answer of the operation under way begins */
    size_t session_room;        /* for it in its session; SIZE_MAX: it has none */
    struct de_kv_kept *kept;
    size_t entry_bytes;              /* kept of the entry under way */
    struct de_kv_buffer keys;        /* to be removed: u16 size and bytes of each */
    uint32_t command_keys;           /* read or removed by ranges of the command under way */
    struct de_kv_buffer undo;        /* (access.c) */
    bool undoing;                    /* changes are noted there */
    struct de_kv_sink sink;          /* publish NULL: nobody watches */
    struct de_kv_event *first_event; /* of the open batch */
    struct de_kv_event *last_event;
    struct de_sites *sites; /* NULL but in a simulator */
    struct de_kv_past past;
    char message[DE_KV_MESSAGE_BYTES];
};

/* Notes a sentence for message(). */
void de_kv_note(struct de_kv *kv, const char *text);

/* Ends the open batch without effect and breaks the state machine for good: half-applied entries
 * must never be committed. After NO_SPACE the batch may be begun again. text NULL: what the store
 * says. Returns err. */
int de_kv_break(struct de_kv *kv, int err, const char *text);

/* ---- access.c: the store as the open batch sees it ---- */

/* Room for more bytes at the end; fails without memory. */
int de_kv_buffer_grow(struct de_kv *kv, struct de_kv_buffer *buffer, size_t more);

/* NOT_FOUND, or failed. *value lives until the next call on the store. */
int de_kv_get_bytes(struct de_kv *kv, struct dengine_slice key, struct dengine_slice *value);
int de_kv_put_bytes(struct de_kv *kv, struct dengine_slice key, struct dengine_slice value);
/* Nothing happens when there is no such key. */
int de_kv_remove_bytes(struct de_kv *kv, struct dengine_slice key);
/* Like the store's iterate, from key on. */
int de_kv_iterate_bytes(struct de_kv *kv, struct dengine_slice from,
                        int (*visit)(void *context, struct dengine_slice key,
                                     struct dengine_slice value),
                        void *context);
/* From now on, note what changes, and undo it or not. */
void de_kv_undo_begin(struct de_kv *kv);
int de_kv_undo_end(struct de_kv *kv, bool undo);

/* ---- event.c ---- */

/* Adds a copy of what to the events of the batch; *added NULL: nobody watches. Failed without
 * memory. */
int de_kv_event_add(struct de_kv *kv, const struct de_kv_event *what, struct de_kv_event **added);
/* Takes back the events after that one; NULL: all. */
void de_kv_events_drop(struct de_kv *kv, struct de_kv_event *after);
/* Hands the events of the committed batch to who watches. */
void de_kv_events_publish(struct de_kv *kv);

/* ---- past.c ---- */

/* Writes what the batch did, which is about to be committed. Failed. */
int de_kv_past_write(struct de_kv *kv);
/* When the cursor stands on the first of these records, takes it behind the last: errors of a seek.
 */
int de_kv_past_skip(struct dengine_kv_store store, struct dengine_kv_cursor *cursor,
                    struct dengine_kv_pair *pair);

/* ---- answering.c: what the command under way answers ---- */

void de_kv_answer_clear(struct de_kv *kv);
/* TOO_LARGE, or BUSY: the answers of this entry, or those that the session remembers, take too
 * much; or failed. */
int de_kv_answer_ops_begin(struct de_kv *kv, uint32_t ops);
int de_kv_answer_op_begin(struct de_kv *kv, uint32_t type);
int de_kv_answer_pair(struct de_kv *kv, struct dengine_slice key,
                      const struct de_kv_record *record);
void de_kv_answer_op_end(struct de_kv *kv, uint64_t count, bool more);
int de_kv_answer_lease(struct de_kv *kv, uint64_t lease, uint64_t ttl_ns);
/* Keeps bytes (a copy) until the next begin, as result->bytes. */
int de_kv_keep(struct de_kv *kv, struct dengine_slice bytes, struct dengine_result *result);
void de_kv_forget_kept(struct de_kv *kv);

/* ---- write.c: operations ---- */

/* NOT_FOUND, or failed. user_key without name space. */
int de_kv_get_record(struct de_kv *kv, struct dengine_slice user_key, struct de_kv_record *record);
/* Adds a key to kv->keys, and reads them in turn (position from 0; NOT_FOUND at the end). */
int de_kv_keep_key(struct de_kv *kv, struct dengine_slice key);
int de_kv_next_key(const struct de_kv *kv, size_t *position, struct dengine_slice *key);
/* Carries out one operation; answers if wanted. */
int de_kv_run_op(struct de_kv *kv, const struct de_kv_op *op, bool answer);
/* Removes a key that is there and all that belongs to it but its attachment. */
int de_kv_remove_key(struct de_kv *kv, struct dengine_slice key, const struct de_kv_record *old,
                     bool expired);

/* ---- txn.c ---- */

int de_kv_holds(struct de_kv *kv, const struct de_kv_compare *compare, bool *holds);
int de_kv_run_txn(struct de_kv *kv, const struct de_kv_command *command, bool *succeeded);

/* ---- lease.c ---- */

/* NO_LEASE (also when it is ending), or failed. */
int de_kv_lease_get(struct de_kv *kv, uint64_t id, struct de_kv_lease *lease);
int de_kv_lease_put(struct de_kv *kv, uint64_t id, const struct de_kv_lease *lease);
/* Key was put, and had the lease old (0: none). Gives it the one that op asks for: *lease. */
int de_kv_lease_attach(struct de_kv *kv, const struct de_kv_op *op, uint64_t old, uint64_t *lease);
/* Key was removed, and had this lease. */
int de_kv_lease_detach(struct de_kv *kv, uint64_t id, struct dengine_slice key);
int de_kv_run_grant(struct de_kv *kv, const struct de_kv_command *command);
int de_kv_run_keep(struct de_kv *kv, const struct de_kv_command *command);
int de_kv_run_revoke(struct de_kv *kv, const struct de_kv_command *command);
int de_kv_run_expire(struct de_kv *kv);
/* The first deadline that the open batch shows. */
int de_kv_first_deadline(struct de_kv *kv, uint64_t *deadline_ns);

/* ---- session.c ---- */

/* Whether the command has had its result: then *result is that one. STALE, BUSY, NO_SESSION; or
 * broken. */
int de_kv_session_recall(struct de_kv *kv, const struct de_kv_command *command, bool *recalled,
                         struct dengine_result *result);
int de_kv_session_remember(struct de_kv *kv, const struct de_kv_command *command,
                           const struct dengine_result *result);
/* Bytes for which there is room among the answers it remembers; or failed. */
int de_kv_session_room(struct de_kv *kv, uint64_t session, size_t *bytes);
/* Removes up to *budget remembered results of a session that ends, and counts them off. */
int de_kv_session_forget(struct de_kv *kv, uint64_t session, struct de_kv_lease *lease,
                         uint64_t upto, uint32_t *budget);

/* ---- apply.c, digest.c: operations of dengine_state_machine_ops; object is a struct de_kv ---- */

int de_kv_op_begin(void *object);
int de_kv_op_apply(void *object, const struct dengine_position *at, struct dengine_slice command,
                   struct dengine_result *result);
int de_kv_op_commit(void *object, uint64_t index, uint64_t term);
int de_kv_op_digest(void *object, uint64_t *digest);

#ifdef __cplusplus
}
#endif

#endif
