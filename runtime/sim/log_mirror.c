#include "runtime/sim/log_mirror.h"

#include "core/base/assert.h"
#include "runtime/sim/memory.h"
#include "runtime/sim/trace.h"

void de_log_mirror_init(struct de_log_mirror *mirror)
{
    memset(mirror, 0, sizeof(*mirror));
}

void de_log_mirror_deinit(struct de_log_mirror *mirror)
{
    de_sim_free(mirror->entries);
    de_log_mirror_init(mirror);
}

void de_log_mirror_add(struct de_log_mirror *mirror, struct de_mirror_entry entry)
{
    mirror->entries =
        de_sim_grow(mirror->entries, mirror->last, &mirror->capacity, sizeof(mirror->entries[0]));
    mirror->entries[mirror->last++] = entry;
}

void de_log_mirror_truncate(struct de_log_mirror *mirror, uint64_t from_index)
{
    DE_ASSERT(from_index > 0);
    if (from_index <= mirror->last) {
        mirror->last = (size_t)(from_index - 1);
    }
}

void de_log_mirror_copy(struct de_log_mirror *to, const struct de_log_mirror *from)
{
    to->term = from->term;
    to->vote = from->vote;
    to->last = 0;
    for (size_t i = 0; i < from->last; i++) {
        de_log_mirror_add(to, from->entries[i]);
    }
}

bool de_log_mirror_equal(const struct de_log_mirror *a, const struct de_log_mirror *b)
{
    if (a->term != b->term || a->vote != b->vote || a->last != b->last) {
        return false;
    }
    for (size_t i = 0; i < a->last; i++) {
        if (a->entries[i].term != b->entries[i].term || a->entries[i].hash != b->entries[i].hash) {
            return false;
        }
    }
    return true;
}

const struct de_mirror_entry *de_log_mirror_at(const struct de_log_mirror *mirror, uint64_t index)
{
    return index == 0 || index > mirror->last ? NULL : &mirror->entries[index - 1];
}

uint64_t de_log_mirror_term(const struct de_log_mirror *mirror, uint64_t index)
{
    const struct de_mirror_entry *entry = de_log_mirror_at(mirror, index);

    return entry == NULL ? 0 : entry->term;
}

bool de_log_mirror_write(struct de_log_mirror *mirror, const struct de_mirror_write *write)
{
    if (write->set_hard_state) {
        mirror->term = write->term;
        mirror->vote = write->vote;
    }
    if (write->truncate_from != 0) {
        de_log_mirror_truncate(mirror, write->truncate_from);
    }
    if (write->entry_count > 0 && write->first_index != mirror->last + 1) {
        return false;
    }
    for (size_t i = 0; i < write->entry_count; i++) {
        de_log_mirror_add(mirror, write->entries[i]);
    }
    return true;
}

struct de_mirror_entry de_mirror_entry_of(const struct dengine_entry *entry)
{
    struct de_mirror_entry mirrored;

    mirrored.term = entry->term;
    mirrored.hash =
        de_trace_mix(entry->type, de_trace_hash_bytes(entry->data.data, entry->data.size));
    return mirrored;
}

void de_mirror_write_init(struct de_mirror_write *write, const struct dengine_log_write *from)
{
    memset(write, 0, sizeof(*write));
    write->set_hard_state = from->set_hard_state;
    write->term = from->hard_state.term;
    write->vote = from->hard_state.vote;
    write->truncate_from = from->truncate_from;
    write->lasting = from->truncate_from != 0;
    write->first_index = from->first_index;
    write->entry_count = from->entry_count;
    if (from->entry_count > 0) {
        write->entries = de_sim_allocate(from->entry_count * sizeof(write->entries[0]));
        for (size_t i = 0; i < from->entry_count; i++) {
            write->entries[i] = de_mirror_entry_of(&from->entries[i]);
            write->lasting = write->lasting || from->entries[i].type == DENGINE_ENTRY_CONFIG;
        }
    }
}

void de_mirror_write_deinit(struct de_mirror_write *write)
{
    de_sim_free(write->entries);
    write->entries = NULL;
    write->entry_count = 0;
}
