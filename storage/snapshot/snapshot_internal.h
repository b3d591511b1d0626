/* storage/snapshot/snapshot_internal.h - the open store, shared by the files that make it up. */
#ifndef DE_STORAGE_SNAPSHOT_SNAPSHOT_INTERNAL_H
#define DE_STORAGE_SNAPSHOT_SNAPSHOT_INTERNAL_H

#include <pthread.h>

#include "storage/base/message.h"
#include "storage/snapshot/snapshot.h"
#include "storage/snapshot/snapshot_scan.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_SNAPSHOT_WRITE_NAME   "snapshot.tmp"
#define DE_SNAPSHOT_RECEIVE_NAME "snapshot.part"
/* A growing file is synced whenever so much has been written. */
#define DE_SNAPSHOT_SYNC_BYTES (UINT64_C(16) << 20)
/* And told to be on its way whenever so much has been: the sync then finds little left to do. */
#define DE_SNAPSHOT_BEGIN_BYTES (UINT64_C(2) << 20)

/* A finished snapshot. */
struct de_snapshot_kept {
    uint64_t index;
    uint32_t readers;
};

struct de_snapshot_note; /* snapshot_note.c */

struct de_snapshot_store {
    struct dengine_dir dir;
    void (*close_dir)(struct dengine_dir dir);
    struct de_allocator allocator;
    struct de_sites *sites;
    pthread_mutex_t lock; /* guards kept, which readers pin, and notes */
    struct de_snapshot_note *notes;
    struct de_snapshot_kept *kept; /* ascending */
    size_t kept_count;
    size_t kept_capacity;
    struct dengine_snapshot_writer *writer;     /* the open one */
    struct dengine_snapshot_receiver *receiver; /* the open or suspended one */
    uint8_t *configuration;                     /* of the meta that was given last; grows */
    size_t configuration_capacity;
};

/* snapshot_note.c: what is said in message(). */

/* Any thread. The calling thread's last call had no error. */
void de_snapshot_say_nothing(struct de_snapshot_store *store);
/* Any thread. Says it and returns error. */
int de_snapshot_say(struct de_snapshot_store *store, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
const char *de_snapshot_said(void *object);
void de_snapshot_free_notes(struct de_snapshot_store *store);

/* snapshot_file.c: what writers and receivers have in common, a file that grows under a temporary
 * name. */
struct de_snapshot_file {
    struct dengine_file *file; /* NULL: not open */
    const char *name;
    uint64_t bytes;    /* written */
    uint64_t unsynced; /* of them */
    uint64_t unbegun;  /* of them, not on their way either */
};

int de_snapshot_file_create(struct de_snapshot_store *store, struct de_snapshot_file *file,
                            const char *name);
int de_snapshot_file_append(struct de_snapshot_store *store, struct de_snapshot_file *file,
                            const struct dengine_slice *buffers, size_t count);
/* Syncs it and gives it the name of the snapshot at index, durably; it then counts. */
int de_snapshot_file_finish(struct de_snapshot_store *store, struct de_snapshot_file *file,
                            uint64_t index);
/* Closes and removes it. */
void de_snapshot_file_drop(struct de_snapshot_store *store, struct de_snapshot_file *file);

/* snapshot_kept.c */

/* Adds a finished snapshot, for which there must be room: see de_snapshot_kept_reserve. */
void de_snapshot_kept_add(struct de_snapshot_store *store, uint64_t index);
int de_snapshot_kept_reserve(struct de_snapshot_store *store);
/* Removes the files of those that are neither kept nor read. One that cannot be removed is tried
 * again the next time. */
int de_snapshot_kept_prune(struct de_snapshot_store *store);
/* The newest; 0: there is none. */
uint64_t de_snapshot_kept_newest(struct de_snapshot_store *store);
/* Pins the snapshot at *index; 0: the newest, whose index it becomes. false: there is none. */
bool de_snapshot_kept_pin(struct de_snapshot_store *store, uint64_t *index);
void de_snapshot_kept_unpin(struct de_snapshot_store *store, uint64_t index);

/* Copies meta's configuration into the store, and points meta at the copy. */
int de_snapshot_keep_meta(struct de_snapshot_store *store, struct dengine_snapshot_meta *meta);

/* snapshot_write.c */
int de_snapshot_create(void *object, const struct dengine_snapshot_meta *meta,
                       struct dengine_snapshot_writer **writer);
int de_snapshot_write(void *object, struct dengine_snapshot_writer *writer,
                      struct dengine_slice bytes);
int de_snapshot_commit(void *object, struct dengine_snapshot_writer *writer);
void de_snapshot_abort(void *object, struct dengine_snapshot_writer *writer);

/* snapshot_receive.c */
int de_snapshot_receive(void *object, uint64_t index, uint64_t term, uint64_t image_bytes,
                        struct dengine_snapshot_receiver **receiver, uint64_t *have_bytes);
int de_snapshot_receive_write(void *object, struct dengine_snapshot_receiver *receiver,
                              struct dengine_slice bytes);
int de_snapshot_receive_finish(void *object, struct dengine_snapshot_receiver *receiver,
                               struct dengine_snapshot_meta *meta);
void de_snapshot_receive_suspend(void *object, struct dengine_snapshot_receiver *receiver);
/* Forgets what a suspended receiver has. */
void de_snapshot_receive_forget(struct de_snapshot_store *store);

/* snapshot_read.c */
int de_snapshot_newest(void *object, struct dengine_snapshot_meta *meta);
int de_snapshot_open_reader(void *object, uint64_t index, struct dengine_snapshot_reader **reader,
                            struct dengine_snapshot_meta *meta, uint64_t *image_bytes);
int de_snapshot_read(void *object, struct dengine_snapshot_reader *reader, void *buffer,
                     size_t capacity, size_t *size);
int de_snapshot_read_image(void *object, struct dengine_snapshot_reader *reader, uint64_t offset,
                           void *buffer, size_t capacity, size_t *size);
void de_snapshot_close_reader(void *object, struct dengine_snapshot_reader *reader);

#ifdef __cplusplus
}
#endif

#endif
