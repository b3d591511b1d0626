/* storage/mem/mem_dir.h - a directory in memory, behind the table of dengine/file.h.
 *
 * For throw-away clusters, and for tests that do not break it (storage/contract/fault_dir.h does).
 * Durable means: as long as the object lives. A file that was removed or replaced stays readable
 * for those who have it open.
 *
 * Any thread. */
#ifndef DE_STORAGE_MEM_MEM_DIR_H
#define DE_STORAGE_MEM_MEM_DIR_H

#include <dengine/file.h>

#include "core/base/allocator.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Makes an empty directory. allocator is copied; NULL means malloc. NO_MEMORY. */
int de_mem_dir_open(const struct de_allocator *allocator, struct dengine_dir *dir);
/* No file may be open. */
void de_mem_dir_close(struct dengine_dir dir);

#ifdef __cplusplus
}
#endif

#endif
