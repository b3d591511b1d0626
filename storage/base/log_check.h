/* storage/base/log_check.h - what every log store demands of a write before it changes anything. */
#ifndef DE_STORAGE_BASE_LOG_CHECK_H
#define DE_STORAGE_BASE_LOG_CHECK_H

#include <dengine/log_store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An entry's data never exceeds this; far above what the engine lets in, far below what a 32-bit
 * length can say. */
#define DE_LOG_DATA_MAX (1u << 30)

/* No entry has a larger index: what is added to one never overflows. */
#define DE_LOG_INDEX_MAX (UINT64_MAX / 2)

/* Whether count writes, one after the other, fit a log that holds [first_index, *last_index]
 * (last_index = first_index - 1: none). 0: they do, and *last_index is what they lead to. INVALID:
 * a gap, a truncation of what is compacted, or an index above DE_LOG_INDEX_MAX; TOO_LARGE: an entry
 * above DE_LOG_DATA_MAX. */
int de_log_check_writes(uint64_t first_index, uint64_t *last_index,
                        const struct dengine_log_write *writes, size_t count);

#ifdef __cplusplus
}
#endif

#endif
