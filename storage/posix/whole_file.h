/* storage/posix/whole_file.h - writing a file so that it is there whole and durable or not at all.
 *
 * Threads: no shared state. */
#ifndef DE_STORAGE_POSIX_WHOLE_FILE_H
#define DE_STORAGE_POSIX_WHOLE_FILE_H

#include <dengine/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DE_WHOLE_FILE_PATH_BYTES 4096

struct de_whole_file {
    int fd; /* -1: not open */
    char path[DE_WHOLE_FILE_PATH_BYTES];
    char temporary[DE_WHOLE_FILE_PATH_BYTES]; /* path with a suffix */
};

/* Begins; the bytes go to a temporary file beside path. INVALID when path is empty or what is there
 * is no plain file, such as a directory. Errors with a sentence in message. */
int de_whole_file_create(struct de_whole_file *file, const char *path, char *message,
                         size_t message_size);
int de_whole_file_write(struct de_whole_file *file, struct dengine_slice bytes, char *message,
                        size_t message_size);
/* Syncs it, gives it its name, syncs the directory. Either of these ends it. */
int de_whole_file_commit(struct de_whole_file *file, char *message, size_t message_size);
void de_whole_file_abort(struct de_whole_file *file);

/* The directory of path and the name in it. INVALID when path is too long, names no file,
 * or what is there is none. */
int de_whole_file_split(const char *path, char directory[DE_WHOLE_FILE_PATH_BYTES],
                        const char **name, char *message, size_t message_size);

#ifdef __cplusplus
}
#endif

#endif
