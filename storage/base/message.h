/* storage/base/message.h - the one sentence that says what was wrong and what to do.
 *
 * Calls that open something take a caller's buffer (message, message_size) beside their return
 * code. It is always terminated; a longer sentence is cut. message may be NULL when message_size
 * is 0. */
#ifndef DE_STORAGE_BASE_MESSAGE_H
#define DE_STORAGE_BASE_MESSAGE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Room for any sentence the stores make, a path of usual length included. */
#define DE_MESSAGE_BYTES 512

/* What to do about a log that is lost. An empty directory under the old id would have forgotten
 * votes and acknowledgements: acknowledged writes could be lost with it (docs/storage.md). */
#define DE_MESSAGE_REBUILD                                                                         \
    "to rebuild this node from its peers, move its data directory away and let a server with a "   \
    "new id take its place (dengine-cli member replace), never one with its old id"

/* As snprintf. Any thread. */
void de_message_set(char *message, size_t message_size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#ifdef __cplusplus
}
#endif

#endif
