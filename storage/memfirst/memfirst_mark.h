/* storage/memfirst/memfirst_mark.h - the file that says that a log may have reported entries early.
 *
 * Threads: those of the directory. */
#ifndef DE_STORAGE_MEMFIRST_MEMFIRST_MARK_H
#define DE_STORAGE_MEMFIRST_MEMFIRST_MARK_H

#include <stdbool.h>

#include <dengine/file.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Whether it is there. */
int de_memfirst_mark_find(struct dengine_dir dir, bool *found);
/* Makes it, durable. It must not be there. */
int de_memfirst_mark_set(struct dengine_dir dir);
/* Removes it; should a power cut bring it back, the next open is only more careful than it need be.
 */
int de_memfirst_mark_clear(struct dengine_dir dir);

#ifdef __cplusplus
}
#endif

#endif
