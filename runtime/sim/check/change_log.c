#include "runtime/sim/check/change_log.h"

#include "core/base/assert.h"
#include "runtime/sim/check/grow.h"

void de_change_log_init(struct de_change_log *log)
{
    memset(log, 0, sizeof(*log));
}

void de_change_log_deinit(struct de_change_log *log)
{
    for (size_t i = 0; i < log->count; i++) {
        free((void *)(uintptr_t)log->changes[i].key.data);
        free((void *)(uintptr_t)log->changes[i].value.data);
    }
    for (size_t i = 0; i < log->keys_count; i++) {
        free(log->keys[i].changes);
    }
    free(log->changes);
    free(log->keys);
    memset(log, 0, sizeof(*log));
}

int de_slice_compare(struct dengine_slice a, struct dengine_slice b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    return order != 0 ? order : a.size < b.size ? -1 : a.size > b.size ? 1 : 0;
}

void de_change_log_commit(struct de_change_log *log, uint64_t revision)
{
    DE_ASSERT(revision >= log->revision);
    log->revision = revision;
}

size_t de_change_log_lower_bound(const struct de_change_log *log, struct dengine_slice key)
{
    size_t low = 0;
    size_t high = log->keys_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (de_slice_compare(log->keys[middle].key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The entry of key, made if it is new; key's bytes belong to a change. */
static struct de_change_key *key_of(struct de_change_log *log, struct dengine_slice key)
{
    size_t at = de_change_log_lower_bound(log, key);
    if (at == log->keys_count || de_slice_compare(log->keys[at].key, key) != 0) {
        log->keys = de_grow(log->keys, log->keys_count, &log->keys_capacity, sizeof(log->keys[0]));
        memmove(&log->keys[at + 1], &log->keys[at], (log->keys_count - at) * sizeof(log->keys[0]));
        log->keys[at] = (struct de_change_key){key, NULL, 0, 0};
        log->keys_count++;
    }
    return &log->keys[at];
}

static void add(struct de_change_log *log, struct de_change change)
{
    DE_ASSERT(log->revision > 0);
    change.revision = log->revision;
    change.key = dengine_bytes(de_copy(change.key.data, change.key.size), change.key.size);
    change.value = dengine_bytes(de_copy(change.value.data, change.value.size), change.value.size);
    struct de_change_key *key = key_of(log, change.key);
    change.previous = key->count == 0 ? DE_CHANGE_NONE : key->changes[key->count - 1];
    key->changes = de_grow(key->changes, key->count, &key->capacity, sizeof(key->changes[0]));
    key->changes[key->count++] = log->count;
    log->changes = de_grow(log->changes, log->count, &log->capacity, sizeof(log->changes[0]));
    log->changes[log->count++] = change;
}

void de_change_log_put(struct de_change_log *log, struct dengine_slice key,
                       struct dengine_slice value)
{
    add(log, (struct de_change){.key = key, .value = value});
}

void de_change_log_delete(struct de_change_log *log, struct dengine_slice key, bool expired)
{
    add(log, (struct de_change){.key = key, .deleted = true, .expired = expired});
}

const struct de_change *de_change_log_find_at(const struct de_change_log *log, size_t i,
                                              uint64_t revision)
{
    DE_ASSERT(i < log->keys_count);
    const struct de_change_key *key = &log->keys[i];
    size_t low = 0;
    size_t high = key->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (log->changes[key->changes[middle]].revision <= revision) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? NULL : &log->changes[key->changes[low - 1]];
}

const struct de_change *de_change_log_find(const struct de_change_log *log,
                                           struct dengine_slice key, uint64_t revision)
{
    size_t at = de_change_log_lower_bound(log, key);
    if (at == log->keys_count || de_slice_compare(log->keys[at].key, key) != 0) {
        return NULL;
    }
    return de_change_log_find_at(log, at, revision);
}
