/* storage/contract/count_dir.h - a directory that counts what is asked of the one behind it.
 *
 * Shows in a test what an operation of a store costs. One thread. Not for production. */
#ifndef DE_STORAGE_CONTRACT_COUNT_DIR_H
#define DE_STORAGE_CONTRACT_COUNT_DIR_H

#include <dengine/file.h>

#ifdef __cplusplus
extern "C" {
#endif

struct de_call_counts {
    uint64_t all; /* calls of any kind, save close and size */
    uint64_t reads;
    uint64_t read_bytes;
    uint64_t writes;
    uint64_t syncs;   /* of files */
    uint64_t creates; /* opens of files that must not exist */
    uint64_t renames;
    uint64_t removes;
};

struct de_count_dir;

/* behind must outlive it. */
struct de_count_dir *de_count_dir_new(struct dengine_dir behind);
void de_count_dir_free(struct de_count_dir *count);
struct dengine_dir de_count_dir_dir(struct de_count_dir *count);

/* So far. */
struct de_call_counts de_count_dir_counts(const struct de_count_dir *count);

#ifdef __cplusplus
}
#endif

#endif
