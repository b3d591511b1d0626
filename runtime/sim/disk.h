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
 * that a crash lands inside a write of the store, between its parts. And it can be told to fail an
 * operation, to be full, to rot, or to lose everything (disk_fault.c). A sync that fails behaves as
 * on Linux (Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020): the pages
 * count as clean from then on, a process still reads them, and a power cut takes them away.
 *
 * A sector is never torn at bytes that nobody wrote: what is beside a write keeps its old content.
 * One thread. */
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
    DE_DISK_CUT_GARBAGE = 5, /* as SECTORS, and what is lost may be garbage or torn instead */
};
#define DE_DISK_CUT_KINDS 6u

/* Operations that can be told to fail. */
enum de_disk_operation {
    DE_DISK_WRITE = 0, /* a part is written */
    DE_DISK_SYNC = 1,
    DE_DISK_READ = 2,
};
#define DE_DISK_OPERATIONS 3u

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
    uint64_t clock;   /* counts writes */
    uint64_t dies_in; /* operations until the disk dies; UINT64_MAX = it does not */
    bool dead;
    /* Faults. */
    uint64_t fails_in[DE_DISK_OPERATIONS]; /* how many more succeed; UINT64_MAX = all */
    uint64_t capacity_bytes;               /* for all files; UINT64_MAX = no bound */
    bool no_sync;                          /* a sync says yes and does nothing, for ever */
    bool troubled;                         /* this life of the process has been told of a fault */
    bool rotten;                           /* durable bits have been turned, or files are gone */
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

/* The next operation of this kind after so many fails with IO, that one only. */
void de_disk_fail(struct de_disk *disk, enum de_disk_operation operation, uint64_t after);
/* Bytes that all files take. */
uint64_t de_disk_used(const struct de_disk *disk);
/* From now on there is room for so many more bytes; what does not fit fails with NO_SPACE. */
void de_disk_fill(struct de_disk *disk, uint64_t free_bytes);
/* No fault is waiting any more; rot stays. */
void de_disk_mend(struct de_disk *disk);
/* Turns a few bits of one sector of a file that is not the one written last. False when there is
 * none such. */
bool de_disk_rot(struct de_disk *disk, uint64_t draw);
/* Turns one bit of the file whose name is the last of those that begin so. False when there is none
 * such, or nothing in it is durable. */
bool de_disk_rot_newest(struct de_disk *disk, const char *prefix, uint64_t draw);
/* Everything is gone. No process may be using the disk. */
void de_disk_lose(struct de_disk *disk);
/* 0, or IO because this operation was told to fail. Part of the table. */
int de_disk_check(struct de_disk *disk, enum de_disk_operation operation);
/* 0, or NO_SPACE when the files must not grow by so many bytes. Part of the table. */
int de_disk_reserve(struct de_disk *disk, uint64_t bytes);

/* The files whose names begin so are gone for good, and nothing else. No process may be using the
 * disk. */
void de_disk_lose_files(struct de_disk *disk, const char *prefix);

/* A hash of all names and contents as a process sees them. */
uint64_t de_disk_digest(const struct de_disk *disk);

#ifdef __cplusplus
}
#endif

#endif
