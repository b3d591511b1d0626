/* storage/lmdb/lmdb_mark.h - whether the LMDB file can be trusted.
 *
 * Beside data.mdb stands the file `state.mark`. Little-endian:
 *
 *   offset  size
 *        0     8  magic "DENGSTAT"
 *        8     4  version, 1
 *       12     4  1: open, 2: closed cleanly
 *       16     8  size of data.mdb in bytes: at least (open), exactly (clean)
 *       24    40  boot id of the machine when it was opened, filled up with zeros
 *       64     4  CRC-32C of bytes 0..63
 *
 * It says "open" before LMDB maps the file, and "clean" only after everything was synced and the
 * map closed. */
#ifndef DE_STORAGE_LMDB_LMDB_MARK_H
#define DE_STORAGE_LMDB_LMDB_MARK_H

#include <stdbool.h>

#include <dengine/file.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DE_LMDB_BOOT_ID_BYTES 40u

enum de_lmdb_mark_state {
    DE_LMDB_MARK_OPEN = 1,
    DE_LMDB_MARK_CLEAN = 2,
};

struct de_lmdb_mark {
    enum de_lmdb_mark_state state;
    uint64_t data_bytes;
    char boot_id[DE_LMDB_BOOT_ID_BYTES];
};

/* Reads the boot id of the machine; empty when it cannot be known. */
void de_lmdb_boot_id(const char *path, char boot_id[DE_LMDB_BOOT_ID_BYTES]);

/* 0; NOT_FOUND; CORRUPT (also for an older version than this program writes: the contents are to be
 * made again); VERSION (a newer one); IO and so on. */
int de_lmdb_mark_read(struct dengine_dir dir, struct de_lmdb_mark *mark);

/* Replaces the mark, atomically and durably. */
int de_lmdb_mark_write(struct dengine_dir dir, const struct de_lmdb_mark *mark);

/* Why a data file of data_bytes with this mark cannot be trusted; NULL: it can. mark NULL: there is
 * none, or it is damaged. */
const char *de_lmdb_mark_distrust(const struct de_lmdb_mark *mark, uint64_t data_bytes,
                                  const char *boot_id);

#ifdef __cplusplus
}
#endif

#endif
