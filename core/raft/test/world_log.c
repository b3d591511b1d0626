/* core/raft/test/world_log.c - a log, in memory or on a disk. */
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/raft/test/world.h"

const struct de_world_entry *de_world_entry_at(const struct de_world_log *log, uint64_t index)
{
    if (index <= log->base_index || index > log->base_index + log->count) {
        return NULL;
    }
    return &log->entries[index - log->base_index - 1];
}

uint64_t de_world_term_at(const struct de_world_log *log, uint64_t index)
{
    const struct de_world_entry *entry = de_world_entry_at(log, index);

    return entry != NULL ? entry->term : index == log->base_index ? log->base_term : 0;
}

const struct de_raft_configuration *de_world_configuration_at(const struct de_world_log *log,
                                                              uint64_t index)
{
    for (uint64_t i = index; i > log->base_index; i--) {
        const struct de_world_entry *entry = de_world_entry_at(log, i);
        if (entry != NULL && entry->configuration != NULL) {
            return entry->configuration;
        }
    }
    return log->base_configuration;
}

void de_world_log_clear(struct de_world_log *log)
{
    free(log->entries);
    memset(log, 0, sizeof(*log));
}

void de_world_log_append(struct de_world_log *log, const struct de_world_entry *entry)
{
    if (log->count == log->capacity) {
        log->capacity = log->capacity * 2 + 16;
        log->entries = realloc(log->entries, log->capacity * sizeof(log->entries[0]));
        DE_ASSERT(log->entries != NULL);
    }
    log->entries[log->count++] = *entry;
}

void de_world_log_truncate(struct de_world_log *log, uint64_t from)
{
    DE_ASSERT(from > log->base_index);
    if (from <= log->base_index + log->count) {
        log->count = from - log->base_index - 1;
    }
}

void de_world_log_reset(struct de_world_log *log, uint64_t index, uint64_t term,
                        const struct de_raft_configuration *configuration)
{
    log->base_index = index;
    log->base_term = term;
    log->base_configuration = configuration;
    log->count = 0;
}

void de_world_log_compact(struct de_world_log *log, uint64_t index)
{
    if (index <= log->base_index) {
        return;
    }
    uint64_t gone = index - log->base_index;
    DE_ASSERT(gone <= log->count);
    uint64_t term = de_world_term_at(log, index);
    const struct de_raft_configuration *configuration = de_world_configuration_at(log, index);
    memmove(log->entries, log->entries + gone, (log->count - gone) * sizeof(log->entries[0]));
    log->count -= gone;
    log->base_index = index;
    log->base_term = term;
    log->base_configuration = configuration;
}

void de_world_log_copy(struct de_world_log *to, const struct de_world_log *from)
{
    de_world_log_reset(to, from->base_index, from->base_term, from->base_configuration);
    for (uint64_t i = 0; i < from->count; i++) {
        de_world_log_append(to, &from->entries[i]);
    }
}
