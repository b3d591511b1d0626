/* storage/wal/wal_inspect.h - a write-ahead log as text, and a verdict on it; for the command line.
 *
 * Reads only; works on the log of any node. Nobody may be writing to it: a segment that is recycled
 * under the reader looks like damage. */
#ifndef DE_STORAGE_WAL_WAL_INSPECT_H
#define DE_STORAGE_WAL_WAL_INSPECT_H

#include <stdbool.h>

#include <dengine/file.h>
#include <dengine/log_store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What each line is. */
enum de_wal_lines {
    DE_WAL_LINES_TEXT,
    DE_WAL_LINES_JSON, /* an object with "segment" or with "offset" */
};

struct de_wal_verdict {
    uint64_t segments; /* begun */
    uint64_t spares;
    uint64_t groups;
    uint64_t records;
    uint64_t entries; /* ENTRY records, truncated ones included */
    uint64_t node_id;
    uint64_t cluster_id;
    uint64_t end_sequence; /* where the log ends: segment and */
    uint64_t end_offset;   /* byte offset */
    bool torn;             /* there is something behind the end that recovery would cut */
    bool marked;           /* the last group is known to have been synced */
};

/* Reads and checks every record of the log in dir, as opening would. print is called with a line,
 * without a newline, for each segment and record; its non-zero return stops and is returned; NULL
 * only verifies. 0: the log would open and *verdict describes it. NOT_FOUND: there is no
 * segment. CORRUPT, VERSION and so on: message says what and where. */
int de_wal_inspect(struct dengine_dir dir, enum de_wal_lines lines,
                   int (*print)(void *context, const char *line), void *context,
                   struct de_wal_verdict *verdict, char *message, size_t message_size);

#ifdef __cplusplus
}
#endif

#endif
