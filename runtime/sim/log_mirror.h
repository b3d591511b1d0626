/* runtime/sim/log_mirror.h - what an oracle remembers of a log: of each entry its term and a hash,
 * and of the hard state term and vote. A mirror follows the writes given to a log store; it knows
 * nothing of files. Logs begin at index 1: what a snapshot has taken the place of is remembered as
 * well. One thread. */
#ifndef DE_RUNTIME_SIM_LOG_MIRROR_H
#define DE_RUNTIME_SIM_LOG_MIRROR_H

#include <dengine/log_store.h>

#ifdef __cplusplus
extern "C" {
#endif

struct de_mirror_entry {
    uint64_t term;
    uint64_t hash; /* of type and data */
};

struct de_log_mirror {
    uint64_t term; /* of the hard state */
    uint64_t vote;
    struct de_mirror_entry *entries; /* entries[index - 1] */
    size_t last;
    size_t capacity;
};

/* A write to a log store, in a form that outlives the job that carried it. */
struct de_mirror_write {
    bool set_hard_state;
    uint64_t term;
    uint64_t vote;
    uint64_t truncate_from;
    uint64_t first_index;
    struct de_mirror_entry *entries; /* owned */
    size_t entry_count;
    bool lasting; /* no store may report it before it is durable */
};

void de_log_mirror_init(struct de_log_mirror *mirror);
void de_log_mirror_deinit(struct de_log_mirror *mirror);
/* Makes *to equal to *from. */
void de_log_mirror_copy(struct de_log_mirror *to, const struct de_log_mirror *from);
bool de_log_mirror_equal(const struct de_log_mirror *a, const struct de_log_mirror *b);

/* The entry at index, NULL when there is none. */
const struct de_mirror_entry *de_log_mirror_at(const struct de_log_mirror *mirror, uint64_t index);
/* The term at index; 0 at index 0 and beyond the end. */
uint64_t de_log_mirror_term(const struct de_log_mirror *mirror, uint64_t index);
void de_log_mirror_add(struct de_log_mirror *mirror, struct de_mirror_entry entry);
void de_log_mirror_truncate(struct de_log_mirror *mirror, uint64_t from_index);
/* Carries out a write whose first_index fits; false when it does not. */
bool de_log_mirror_write(struct de_log_mirror *mirror, const struct de_mirror_write *write);

struct de_mirror_entry de_mirror_entry_of(const struct dengine_entry *entry);

void de_mirror_write_init(struct de_mirror_write *write, const struct dengine_log_write *from);
void de_mirror_write_deinit(struct de_mirror_write *write);

#ifdef __cplusplus
}
#endif

#endif
