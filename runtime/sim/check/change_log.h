/* runtime/sim/check/change_log.h - what the cluster has committed, as changes of keys.
 *
 * The truth that reads and watches are held against. Whoever follows the one committed log adds the
 * changes in its order; several may share a revision, and are then seen all or none. One thread. */
#ifndef DE_RUNTIME_SIM_CHECK_CHANGE_LOG_H
#define DE_RUNTIME_SIM_CHECK_CHANGE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <dengine/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DE_CHANGE_NONE SIZE_MAX

struct de_change {
    uint64_t revision;
    struct dengine_slice key;
    struct dengine_slice value; /* empty if deleted */
    bool deleted;
    bool expired;    /* deleted, because its lease ended */
    size_t previous; /* the number of this key's change before, or DE_CHANGE_NONE */
};

/* A key that was ever changed, and its changes. */
struct de_change_key {
    struct dengine_slice key;
    size_t *changes; /* numbers, ascending */
    size_t count;
    size_t capacity;
};

struct de_change_log {
    struct de_change *changes; /* owned, with their bytes */
    size_t count;
    size_t capacity;
    uint64_t revision;          /* the last that was committed, whether it changed a key or not */
    struct de_change_key *keys; /* by their bytes */
    size_t keys_count;
    size_t keys_capacity;
};

void de_change_log_init(struct de_change_log *log);
void de_change_log_deinit(struct de_change_log *log);

/* Entries up to revision are committed, and have no more changes than were added before. Revisions
 * do not go back. */
void de_change_log_commit(struct de_change_log *log, uint64_t revision);

/* Adds a change at the last committed revision. The bytes are copied. */
void de_change_log_put(struct de_change_log *log, struct dengine_slice key,
                       struct dengine_slice value);
void de_change_log_delete(struct de_change_log *log, struct dengine_slice key, bool expired);

/* The last change of key up to revision; NULL if there is none. */
const struct de_change *de_change_log_find(const struct de_change_log *log,
                                           struct dengine_slice key, uint64_t revision);

/* The same of the i-th key, in the order of their bytes. */
const struct de_change *de_change_log_find_at(const struct de_change_log *log, size_t i,
                                              uint64_t revision);

/* The first key not below key: its number, or keys_count. */
size_t de_change_log_lower_bound(const struct de_change_log *log, struct dengine_slice key);

/* As memcmp, a shorter one before a longer one that begins with it. */
int de_slice_compare(struct dengine_slice a, struct dengine_slice b);

/* Half-open: from <= key < to; to.data == NULL: without an end. */
static inline bool de_slice_in_range(struct dengine_slice key, struct dengine_slice from,
                                     struct dengine_slice to)
{
    return de_slice_compare(from, key) <= 0 && (to.data == NULL || de_slice_compare(key, to) < 0);
}

#ifdef __cplusplus
}
#endif

#endif
