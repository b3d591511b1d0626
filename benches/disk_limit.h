/* benches/disk_limit.h - what the disk alone would allow: the same bytes with plain pwrite and
 * fdatasync, into a file that is allocated and zero-filled beforehand. A durable write cannot be
 * faster than this, so throughput is quoted as a share of it, measured in the same run. */
#ifndef DE_BENCHES_DISK_LIMIT_H
#define DE_BENCHES_DISK_LIMIT_H

#include <dengine/error.h>

#include "benches/histogram.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_disk_limit {
    const char *directory;
    uint32_t record_bytes; /* of one operation */
    uint32_t batch;        /* operations in one pwrite + fdatasync */
    uint64_t duration_ns;
};

struct de_disk_limit_result {
    struct de_histogram latency_ns; /* of one pwrite + fdatasync */
    uint64_t operations;
    uint64_t elapsed_ns;
};

/* Runs in a scratch file of directory, which it removes. 0, IO, NO_SPACE, PERMISSION or NO_MEMORY.
 */
int de_disk_limit_run(const struct de_disk_limit *limit, struct de_disk_limit_result *result);

#ifdef __cplusplus
}
#endif

#endif
