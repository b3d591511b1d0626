/* storage/wal/wal_reader.h - reading one segment, record by record, through a bounded buffer. */
#ifndef DE_STORAGE_WAL_WAL_READER_H
#define DE_STORAGE_WAL_WAL_READER_H

#include <stdbool.h>

#include <dengine/file.h>

#include "core/base/allocator.h"
#include "storage/wal/wal_format.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A part of a file in memory. */
struct de_wal_window {
    struct dengine_dir dir;
    const struct de_allocator *allocator;
    struct dengine_file *file;
    uint64_t file_size;
    uint8_t *buffer;
    size_t capacity;
    uint64_t start; /* of the part */
    size_t filled;  /* bytes of it */
};

/* Caller's memory; deinit frees the buffer. The same window serves one file after another. */
void de_wal_window_init(struct de_wal_window *window, struct dengine_dir dir,
                        const struct de_allocator *allocator);
void de_wal_window_deinit(struct de_wal_window *window);

/* Opens a file to read; IO, NOT_FOUND and so on. Close it before the next. */
int de_wal_window_open(struct de_wal_window *window, const char *name);
void de_wal_window_close(struct de_wal_window *window);

/* size bytes at offset, which must lie in the file; they live until the next call. IO, NO_MEMORY.
 */
int de_wal_window_peek(struct de_wal_window *window, uint64_t offset, size_t size,
                       const uint8_t **bytes);

/* A record and what is in it. */
struct de_wal_item {
    struct de_wal_record record;
    uint64_t offset;                      /* of the record in its segment */
    uint64_t index;                       /* TRUNCATE (first removed), ENTRY, COMPACT, RESET */
    uint64_t term;                        /* ENTRY, COMPACT, RESET */
    struct dengine_hard_state hard_state; /* HARD_STATE, RESET */
    uint32_t entry_type;                  /* ENTRY */
    struct dengine_slice data;            /* ENTRY: lives until the next call */
};

/* Where the reader is. */
struct de_wal_reader {
    struct de_wal_window *window;
    uint32_t salt;
    uint64_t limit;        /* records end at or before this offset */
    uint64_t offset;       /* of the next record */
    uint64_t group;        /* which group it belongs to */
    uint32_t number;       /* its number in the group */
    uint32_t chain;        /* header CRC of the record before */
    uint64_t group_offset; /* where the group begins: all before it is good */
    uint32_t group_chain;  /* chain at that point */
    const char *why;       /* after the last record: what is wrong with the next */
};

/* Decodes a record's data. false: the data does not fit the type. */
bool de_wal_item_decode(struct de_wal_item *item, const uint8_t *data);

void de_wal_reader_init(struct de_wal_reader *reader, struct de_wal_window *window, uint32_t salt,
                        uint64_t limit, uint64_t group, uint32_t chain);

/* 1: *item is the next record; it counts only when the last one of its group comes as well.
 * 0: there is no good record here. Negative: IO, NO_MEMORY. */
int de_wal_reader_next(struct de_wal_reader *reader, struct de_wal_item *item);

/* Looks in [from, to) for proof that group number `group` had been synced: a record of a later
 * group, or its SYNCED mark. 1: there is (at *offset); 0: there is not; negative: as above. */
int de_wal_find_proof(struct de_wal_window *window, uint32_t salt, uint64_t from, uint64_t to,
                      uint64_t group, uint64_t *offset);

/* Looks in [from, to) for any record of group number `group`; as above. */
int de_wal_find_group(struct de_wal_window *window, uint32_t salt, uint64_t from, uint64_t to,
                      uint64_t group, uint64_t *offset);

/* The end of the last byte in [from, file size) that is not zero; `from` when all are zero. */
int de_wal_find_end(struct de_wal_window *window, uint64_t from, uint64_t *end);

#ifdef __cplusplus
}
#endif

#endif
