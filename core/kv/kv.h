/* core/kv/kv.h - the key-value state machine.
 *
 * All key-value semantics live here, once, above a plain ordered map (dengine/kv_store.h).
 *
 * Each key has a value, the revision that created it, the revision that changed it last, and a
 * version (1 after creation, then one more with each change). A revision is a Raft log index, so
 * every change has one global order and mod_revision serves as a fencing token.
 *
 * Commands are applied in log order; commands of one entry see the effects of the earlier ones in
 * the same entry and share its revision.
 *
 * Threads: what the state machine does comes from the applier; a save is read and ended in a thread
 * of its own, which is also where the allocator then frees it; de_kv_view_* may be used in any
 * thread (one view in one thread at a time). */
#ifndef DE_CORE_KV_KV_H
#define DE_CORE_KV_KV_H

#include <dengine/kv_store.h>
#include <dengine/state_machine.h>

#include "core/base/allocator.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Longest key of a user: the store's limit less the one-byte name space in front. */
#define DE_KV_USER_KEY_MAX (DENGINE_KV_KEY_MAX - 1)

enum de_kv_command_type {
    DE_KV_PUT = 1,
    DE_KV_DELETE = 2,
    DE_KV_CAS = 3,
};

/* One command, decoded. */
struct de_kv_command {
    uint32_t type;
    struct dengine_slice key;      /* 1 .. DE_KV_USER_KEY_MAX bytes */
    struct dengine_slice value;    /* PUT, CAS: the new value */
    bool expect_absent;            /* CAS: the key must not exist; `expected` is ignored */
    struct dengine_slice expected; /* CAS: the value that must be there */
};

/* Bytes that the encoded command takes. */
size_t de_kv_command_size(const struct de_kv_command *command);

/* Encodes into a buffer of at least de_kv_command_size() bytes; returns the bytes written. INVALID
 * commands (no key, key too long, unknown type) must be refused before: see de_kv_command_check. */
size_t de_kv_command_encode(const struct de_kv_command *command, void *buffer, size_t capacity);

/* 0, INVALID (empty key, unknown type) or TOO_LARGE (key, or value over value_max bytes). */
int de_kv_command_check(const struct de_kv_command *command, size_t value_max);

/* Decodes; slices borrow from bytes. VERSION or PROTOCOL when it is not a command. */
int de_kv_command_decode(struct dengine_slice bytes, struct de_kv_command *command);

/* One key as stored, decoded; borrows from the view. */
struct de_kv_record {
    struct dengine_slice value;
    uint64_t create_revision;
    uint64_t mod_revision;
    uint64_t version;
    uint64_t lease; /* 0 = none */
};

struct de_kv;

/* Makes a state machine over store, which stays the caller's and must outlive it. CORRUPT or
 * VERSION when the store holds something else. */
int de_kv_new(struct dengine_kv_store store, const struct de_allocator *allocator,
              struct de_kv **kv);
void de_kv_free(struct de_kv *kv);

/* The table to hand to a node. Lives as long as kv. */
struct dengine_state_machine de_kv_state_machine(struct de_kv *kv);

/* A consistent snapshot of the state. */
struct de_kv_view {
    struct de_kv *kv;
    struct dengine_kv_view *view;
    uint64_t revision; /* applied index that the view shows */
};

int de_kv_view_open(struct de_kv *kv, struct de_kv_view *view);
/* NOT_FOUND when there is no such key. record borrows until the view is closed. */
int de_kv_view_get(struct de_kv_view *view, struct dengine_slice key, struct de_kv_record *record);
/* Visits the user keys >= from in ascending order; a non-zero return stops and is returned. */
int de_kv_view_iterate(struct de_kv_view *view, struct dengine_slice from,
                       int (*visit)(void *context, struct dengine_slice key,
                                    const struct de_kv_record *record),
                       void *context);
void de_kv_view_close(struct de_kv_view *view);

#ifdef __cplusplus
}
#endif

#endif
