/* runtime/sim/check/edn_reader.h - turns a stream of EDN into a history, event by event.
 *
 * It opens no file: feed it pieces of any size. Where a line of JSON is an event, here a map is, on
 * one line or several; they may stand by themselves or in one vector or list. Not thread-safe. */
#ifndef DE_RUNTIME_SIM_CHECK_EDN_READER_H
#define DE_RUNTIME_SIM_CHECK_EDN_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/sim/check/history.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The longest event. */
#define DE_EDN_EVENT_BYTES_MAX ((size_t)1024 * 1024)

/* What the next byte belongs to. */
enum de_edn_reader_state {
    DE_EDN_BETWEEN,   /* events */
    DE_EDN_HASH,      /* after a # there */
    DE_EDN_TAG,       /* of an event */
    DE_EDN_REMARK,    /* a comment between events */
    DE_EDN_EVENT,     /* a map */
    DE_EDN_STRING,    /* in an event, as all below */
    DE_EDN_ESCAPE,    /* after a backslash in a string */
    DE_EDN_CHARACTER, /* after a backslash outside */
    DE_EDN_COMMENT
};

struct de_edn_reader {
    struct de_history *history; /* borrowed */
    enum de_edn_reader_state state;
    uint8_t *event; /* the one under way */
    size_t event_size;
    size_t event_capacity;
    unsigned depth; /* of brackets in it */
    bool discard;   /* #_: it does not count */
    int closer;     /* of the vector or list around all, 0 if there is none */
    uint64_t line;  /* of the next byte, from 1, as the column */
    uint64_t column;
    uint64_t event_line;
    uint64_t event_column;
};

/* Reads into history, which must be initialised and outlive the reader. */
void de_edn_reader_init(struct de_edn_reader *reader, struct de_history *history);
void de_edn_reader_deinit(struct de_edn_reader *reader);

/* Takes the next bytes. DENGINE_E_INVALID with error filled in, DENGINE_E_NO_MEMORY,
 * DENGINE_E_TOO_LARGE; after an error the reader is good for deinit only. */
int de_edn_reader_feed(struct de_edn_reader *reader, const void *data, size_t size,
                       struct de_history_error *error);

/* The stream ends. Errors as above. */
int de_edn_reader_finish(struct de_edn_reader *reader, struct de_history_error *error);

#ifdef __cplusplus
}
#endif

#endif
