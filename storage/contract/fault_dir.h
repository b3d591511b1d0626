/* storage/contract/fault_dir.h - a directory in memory for tests that break things.
 *
 * What was written and what would survive a power cut are kept apart, sector by sector and name by
 * name. From any operation on the machine can be dead; after a crash any subset of what was not
 * synced is there: each 512-byte sector old, new or garbage, each directory operation done or
 * undone.
 *
 * One thread. Not for production. */
#ifndef DE_STORAGE_CONTRACT_FAULT_DIR_H
#define DE_STORAGE_CONTRACT_FAULT_DIR_H

#include <stdbool.h>

#include <dengine/file.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What becomes of unsynced sectors and directory operations. */
enum de_fault_crash {
    DE_FAULT_LOSE_ALL,
    DE_FAULT_PROCESS, /* only the process died: all is there, and still not synced */
    DE_FAULT_KEEP_ALL,
    DE_FAULT_RANDOM,       /* each one lost or kept */
    DE_FAULT_RANDOM_SPOIL, /* each one lost, kept, or (sectors) garbage */
};

struct de_fault_dir;

struct de_fault_dir *de_fault_dir_new(void);
void de_fault_dir_free(struct de_fault_dir *fault);
struct dengine_dir de_fault_dir_dir(struct de_fault_dir *fault);

/* Operations that change or sync something, so far. */
uint64_t de_fault_dir_operations(const struct de_fault_dir *fault);
/* Files synced so far. */
uint64_t de_fault_dir_syncs(const struct de_fault_dir *fault);

/* From operation number `at` (from 0) on every one fails with error; a write still reaches memory,
 * as it may when the power goes. UINT64_MAX: never. With `once`, only that operation fails. */
void de_fault_dir_fail_at(struct de_fault_dir *fault, uint64_t at, int error, bool once);

/* Reads of any file fail with error; 0: they work. */
void de_fault_dir_fail_reads(struct de_fault_dir *fault, int error);

/* The files together may take so many bytes. */
void de_fault_dir_set_space(struct de_fault_dir *fault, uint64_t bytes);

/* The power goes and comes back; open files are gone, failures are switched off. */
void de_fault_dir_crash(struct de_fault_dir *fault, enum de_fault_crash kind, uint64_t seed);

/* As a crash, but of the pending directory operations exactly those whose bit is set in mask are
 * done; sectors are kept. The number of pending ones is de_fault_dir_pending(). */
void de_fault_dir_crash_names(struct de_fault_dir *fault, uint64_t mask);
size_t de_fault_dir_pending(const struct de_fault_dir *fault);

/* The bytes of a file now, to look at or to damage; NULL: no such file. */
uint8_t *de_fault_dir_bytes(struct de_fault_dir *fault, const char *name, uint64_t *size_bytes);
/* Cuts a file; removes one, durably. */
void de_fault_dir_cut(struct de_fault_dir *fault, const char *name, uint64_t size_bytes);
void de_fault_dir_lose(struct de_fault_dir *fault, const char *name);

/* A copy of everything, as if freshly mounted, with nothing pending. */
struct de_fault_dir *de_fault_dir_copy(const struct de_fault_dir *fault);

#ifdef __cplusplus
}
#endif

#endif
