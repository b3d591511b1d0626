/* The sentences about errors. Readers are used in any thread, and each thread asks about its own
 * last call: so there is a note for each thread that ever had an error. */
#include <stdarg.h>
#include <stdio.h>

#include <dengine/error.h>

#include "storage/snapshot/snapshot_internal.h"

struct de_snapshot_note {
    struct de_snapshot_note *next;
    pthread_t thread;
    char text[DE_MESSAGE_BYTES]; /* only its thread's */
};

/* The calling thread's; NULL: it has none. */
static struct de_snapshot_note *find(struct de_snapshot_store *store)
{
    struct de_snapshot_note *note;
    int code = pthread_mutex_lock(&store->lock);

    DE_ASSERT(code == 0);
    for (note = store->notes; note != NULL; note = note->next) {
        if (pthread_equal(note->thread, pthread_self())) {
            break;
        }
    }
    code = pthread_mutex_unlock(&store->lock);
    DE_ASSERT(code == 0);
    return note;
}

static struct de_snapshot_note *make(struct de_snapshot_store *store)
{
    struct de_snapshot_note *note = de_allocate(&store->allocator, sizeof(*note));
    int code;

    if (note == NULL) {
        return NULL;
    }
    note->thread = pthread_self();
    code = pthread_mutex_lock(&store->lock);
    DE_ASSERT(code == 0);
    note->next = store->notes;
    store->notes = note;
    code = pthread_mutex_unlock(&store->lock);
    DE_ASSERT(code == 0);
    return note;
}

void de_snapshot_say_nothing(struct de_snapshot_store *store)
{
    struct de_snapshot_note *note = find(store);

    if (note != NULL) {
        DE_ASSERT(pthread_equal(note->thread, pthread_self()));
        note->text[0] = '\0';
    }
}

int de_snapshot_say(struct de_snapshot_store *store, int error, const char *format, ...)
{
    struct de_snapshot_note *note = find(store);
    va_list arguments;

    DE_ASSERT(error != 0);
    DE_ASSERT(format != NULL);
    if (note == NULL) {
        note = make(store);
    }
    if (note == NULL) {
        return error; /* the code has to do */
    }
    va_start(arguments, format);
    if (vsnprintf(note->text, sizeof(note->text), format, arguments) < 0) {
        note->text[0] = '\0';
    }
    va_end(arguments);
    return error;
}

const char *de_snapshot_said(void *object)
{
    const struct de_snapshot_note *note = find(object);

    DE_ASSERT_IMPLIES(note != NULL, memchr(note->text, '\0', sizeof(note->text)) != NULL);
    return note == NULL ? "" : note->text;
}

void de_snapshot_free_notes(struct de_snapshot_store *store)
{
    DE_ASSERT(store != NULL);
    while (store->notes != NULL) {
        struct de_snapshot_note *note = store->notes;

        store->notes = note->next;
        de_release(&store->allocator, note);
    }
}
