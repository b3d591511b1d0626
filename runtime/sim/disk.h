/* runtime/sim/disk.h - one directory on one simulated disk, behind the table of dengine/file.h.
 *
 * What a power cut leaves: data that was synced, and of what was not synced, by the mode of the
 * cut, nothing, a prefix of the writes (the last of them torn at a sector), any subset of 4 KiB
 * pages, or any subset of 512-byte sectors. A file may be left longer than its synced size when a
 * later page survived; what did not survive in between reads as zeros. Directory operations that
 * sync_dir has not covered are undone from the last one backwards, some or all of them. A crash of
 * the process alone loses nothing: the page cache belongs to the kernel.
 *
 * The disk can be told to die at the n-th operation from now: that one and all later ones fail, so
 * that a crash lands inside a write of the store, between its parts. One thread. */
#ifndef DE_RUNTIME_SIM_DISK_H
#define DE_RUNTIME_SIM_DISK_H

#include <dengine/error.h>
#include <dengine/file.h>

#include "runtime/sim/dice.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_DISK_PAGE_BYTES   4096u
#define DE_DISK_SECTOR_BYTES 512u
#define DE_DISK_NAME_MAX     63

/* What becomes of unsynced data at a power cut. */
enum de_disk_cut {
    DE_DISK_CUT_ALL = 0,     /* all of it is lost */
    DE_DISK_CUT_PREFIX = 1,  /* the first so many writes are kept, the next one torn */
    DE_DISK_CUT_PAGES = 2,   /* any subset of pages is kept */
    DE_DISK_CUT_SECTORS = 3, /* any subset of sectors is kept */
    DE_DISK_CUT_NONE = 4,    /* luck: everything had reached the medium */
};
#define DE_DISK_CUT_KINDS 5u

struct de_disk_inode;
struct de_disk_name;
struct de_disk_journal;

struct de_disk {
    struct de_disk_name *names; /* what a process sees; ascending */
    size_t name_count;
    size_t name_capacity;
    struct de_disk_name *durable_names; /* what sync_dir made durable; ascending */
    size_t durable_count;
    size_t durable_capacity;
    struct de_disk_journal *journal; /* directory operations since the last sync_dir */
    size_t journal_count;
    size_t journal_capacity;
    struct de_disk_inode *inodes; /* all that exist, linked, in order of creation */
    struct de_disk_inode **inodes_end;
    struct dengine_file *open_files;
    uint64_t dies_in; /* operations until the disk dies; UINT64_MAX = it does not */
    bool dead;
    /* Counters for the host's time model and for reports. */
    uint64_t writes;
    uint64_t syncs;
    uint64_t write_bytes;
};

void de_disk_init(struct de_disk *disk);
void de_disk_deinit(struct de_disk *disk);

/* The directory to hand to a store. */
struct dengine_dir de_disk_dir(struct de_disk *disk);

/* From the operations-th write, sync, rename, ... from now on (0 = the next) all fail with IO. */
void de_disk_die_in(struct de_disk *disk, uint64_t operations);

/* Nothing more reaches the disk in this life. */
void de_disk_kill(struct de_disk *disk);

/* After the process has gone (all files closed): makes the disk usable by the next one. */
void de_disk_process_crash(struct de_disk *disk);
/* The same after a power cut. The dice says what survives. */
void de_disk_power_cut(struct de_disk *disk, enum de_disk_cut cut, struct de_dice *dice);

/* A hash of all names and contents as a process sees them. */
uint64_t de_disk_digest(const struct de_disk *disk);

#ifdef __cplusplus
}
#endif

#endif
