/* storage/posix/posix_dir.h - dengine/file.h over real files.
 *
 * A directory is opened once and everything in it is reached relative to its descriptor, so the
 * process may change its working directory and the directory may be moved. Threads: as file.h says,
 * one directory object is used by one thread at a time. */
#ifndef DE_STORAGE_POSIX_POSIX_DIR_H
#define DE_STORAGE_POSIX_POSIX_DIR_H

#include <stdbool.h>

#include <dengine/file.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Opens the directory at path. With create, makes its last component (mode 0700) when it is
 * missing and makes that durable. The object must be closed with de_posix_dir_close().
 * Errors: NOT_FOUND, INVALID (not a directory), PERMISSION, READ_ONLY, IO, NO_MEMORY; message
 * then says in one sentence what was wrong. */
int de_posix_dir_open(const char *path, bool create, struct dengine_dir *dir, char *message,
                      size_t message_size);

/* Closes a directory; its files must be closed. Never fails. A dir with object NULL is ignored. */
void de_posix_dir_close(struct dengine_dir dir);

/* The descriptor of the directory; belongs to the object. */
int de_posix_dir_fd(struct dengine_dir dir);

/* Makes the last component of path when it is missing, durable. Errors as de_posix_dir_open. */
int de_posix_make_dir(const char *path, char *message, size_t message_size);

/* The DENGINE_E_* for an errno value. Any thread. */
int de_posix_error(int errno_value);

#ifdef __cplusplus
}
#endif

#endif
