/* core/kv/kv.h - the key-value state machine.
 *
 * All key-value semantics live here, once, above a plain ordered map (dengine/kv_store.h).
 *
 * Each key has a value, the revision that created it, the revision that changed it last, and a
 * version (1 after creation, then one more with each change). A revision is a Raft log index, so
 * every change has one global order and mod_revision serves as a fencing token.
 *
 * Commands (command.h) are applied in log order; commands of one entry see the effects of the
 * earlier ones in the same entry and share its revision. A command takes effect as a whole or, with
 * an error as its status, not at all.
 *
 * Leases: a key may be attached to a lease, and ends with it. A lease is past its deadline when
 * cluster time is (dengine/state_machine.h); it ends, on every replica alike, when a later entry
 * says EXPIRE and the deadline, as it then is, lies at or before the stamp of that entry. So a
 * lease that was renewed before that entry lives on, whoever proposed it and whatever they had
 * seen. An EXPIRE does bounded work, and the leader proposes the next one while anything is due. A
 * put with a time to live makes a lease of its own with that one key. Any other put detaches the
 * key from the lease it had.
 *
 * Sessions: a lease granted with a session remembers the result of each command that names it and a
 * sequence number. The same number again gives the same result and does nothing. Each such command
 * also says up to which number the client has its results: these are forgotten (STALE, if one comes
 * again), and at most DE_KV_SESSION_WINDOW numbers beyond them are let in (BUSY). What is answered
 * is remembered in full: a command whose answer has no room among those of its session is BUSY,
 * too. When the lease has ended, the answer is NO_SESSION. A result of BUSY is not remembered.
 *
 * Threads: what the state machine does comes from the applier; a save is read and ended in a thread
 * of its own, which is also where the allocator then frees it; de_kv_view_* may be used in any
 * thread (one view in one thread at a time). */
#ifndef DE_CORE_KV_KV_H
#define DE_CORE_KV_KV_H

#include "core/base/allocator.h"
#include "core/base/site.h"
#include "core/kv/answer.h"
#include "core/kv/command.h"
#include "core/kv/event.h"
#include "core/kv/record.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_kv;

/* Leases in the cluster; BUSY beyond. */
#define DE_KV_LEASES_MAX 1000000
/* Results that one session has outstanding. */
#define DE_KV_SESSION_WINDOW 64
/* Bytes that their answers take together; those of up to SMALL bytes always have room. */
#define DE_KV_SESSION_BYTES_MAX   ((size_t)8 << 20)
#define DE_KV_SESSION_SMALL_BYTES ((size_t)4 << 10)
/* What one EXPIRE or LEASE_REVOKE does at most; the rest is for the next EXPIRE. */
#define DE_KV_EXPIRE_LEASES_MAX 256
#define DE_KV_EXPIRE_KEYS_MAX   512
/* Bytes that one transaction may overwrite or remove; TOO_LARGE beyond. */
#define DE_KV_UNDO_BYTES_MAX ((size_t)64 << 20)

/* Makes a state machine over store, which stays the caller's and must outlive it. CORRUPT or
 * VERSION when the store holds something else. */
int de_kv_new(struct dengine_kv_store store, const struct de_allocator *allocator,
              struct de_kv **kv);
void de_kv_free(struct de_kv *kv);

/* Whether what store holds was written by an older version of this program, whose format is not
 * read any more (de_kv_new: VERSION). Who has snapshot and log may discard it, and make it again.
 * Errors of the store. */
int de_kv_is_older(struct dengine_kv_store store, bool *older);

/* From now on tells sink what batches do. Before the first begin. */
void de_kv_set_sink(struct de_kv *kv, struct de_kv_sink sink);

/* Where a simulator may have rare things done (core/base/site.h). Borrowed. */
void de_kv_set_sites(struct de_kv *kv, struct de_sites *sites);

/* Reads back what the newest batches did before the start, as events in order, with a reference to
 * each: all there were from revision *oldest on. From now on that much at least is kept of it.
 * Once, before the first begin, with the allocator of the events being that of kv. One of the
 * bounds 0: nothing is kept. CORRUPT, VERSION, NO_MEMORY, or an error of the store. */
int de_kv_recall(struct de_kv *kv, size_t events_max, size_t bytes_max, struct de_kv_event **first,
                 uint64_t *oldest);

/* The table to hand to a node. Lives as long as kv. */
struct dengine_state_machine de_kv_state_machine(struct de_kv *kv);

/* A consistent snapshot of the state. */
struct de_kv_view {
    struct de_kv *kv;
    struct dengine_kv_view *view;
    uint64_t revision; /* applied index that the view shows */
    uint64_t time_ns;  /* cluster time then */
    uint64_t leases;   /* that there are then */
    uint64_t sessions; /* and those of them that have one */
};

int de_kv_view_open(struct de_kv *kv, struct de_kv_view *view);
/* As de_kv_view_open, without looking up what it shows: revision, time_ns and counts are 0. For
 * reads of a key or two, which it makes a third faster. */
int de_kv_view_open_plain(struct de_kv *kv, struct de_kv_view *view);
/* NOT_FOUND when there is no such key. record borrows until the view is closed. */
int de_kv_view_get(struct de_kv_view *view, struct dengine_slice key, struct de_kv_record *record);
/* The first half of it, for who has something to do while the record comes from memory: its bytes,
 * of which none has been looked at. The second half is de_kv_record_decode (record.h). */
int de_kv_view_find(struct de_kv_view *view, struct dengine_slice key, struct dengine_slice *bytes);
/* Visits the user keys >= from in ascending order; a non-zero return stops and is returned. */
int de_kv_view_iterate(struct de_kv_view *view, struct dengine_slice from,
                       int (*visit)(void *context, struct dengine_slice key,
                                    const struct de_kv_record *record),
                       void *context);

/* A walk over the keys from <= key < end. */
struct de_kv_scan {
    struct dengine_slice from; /* "": from the first key there is */
    struct dengine_slice end;  /* "": to the last */
    bool from_excluded;        /* from itself not: to go on behind the last key of a page */
    bool reverse;              /* from the last to the first */
    uint64_t limit;            /* pairs at most; 0 = no limit */
};

/* Visits pairs until visit returns non-zero, which is then returned. *more: the limit was reached
 * and there is another pair. To read on in another view: from = the last key seen, excluded (in
 * reverse: end = that key). A key that is there all the time is then seen exactly once. TOO_LARGE
 * for a key that is longer than keys are. visit NULL: only *count. */
int de_kv_view_scan(struct de_kv_view *view, const struct de_kv_scan *scan,
                    int (*visit)(void *context, struct dengine_slice key,
                                 const struct de_kv_record *record),
                    void *context, uint64_t *count, bool *more);

/* What one page holds at most. */
#define DE_KV_PAGE_PAIRS_MAX 1000
#define DE_KV_PAGE_BYTES_MAX ((size_t)1 << 20) /* of keys and values; or one pair */
#define DE_KV_PAGE_COUNT_MAX 10000             /* keys that are counted */

struct de_kv_page {
    struct de_kv_pair *pairs; /* the caller's, room for DE_KV_PAGE_PAIRS_MAX; they borrow */
    bool keys_only;           /* no values */
    bool count_only;          /* no pairs but the last one, without its value */
    size_t count;             /* pairs */
    size_t bytes;             /* of their keys and values */
    uint64_t total;           /* pairs, or keys counted */
    bool more;                /* there is another key in the range */
};

/* Reads one page: as many pairs as it holds, or the limit lets through. */
int de_kv_view_page(struct de_kv_view *view, const struct de_kv_scan *scan,
                    struct de_kv_page *page);

/* The end of the range of all keys that begin with prefix, in buffer of DE_KV_USER_KEY_MAX bytes;
 * "" when they go on to the last key. */
struct dengine_slice de_kv_prefix_end(struct dengine_slice prefix, uint8_t *buffer);

/* A lease, also one that is ending; NO_LEASE. */
int de_kv_view_lease(struct de_kv_view *view, uint64_t id, struct de_kv_lease *lease);
/* The leases from id on. */
int de_kv_view_leases(struct de_kv_view *view, uint64_t id,
                      int (*visit)(void *context, uint64_t id, const struct de_kv_lease *lease),
                      void *context);
/* The keys that end with a lease. */
int de_kv_view_lease_keys(struct de_kv_view *view, uint64_t id,
                          int (*visit)(void *context, struct dengine_slice key), void *context);
void de_kv_view_close(struct de_kv_view *view);

#ifdef __cplusplus
}
#endif

#endif
