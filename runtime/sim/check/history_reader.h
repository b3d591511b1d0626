/* runtime/sim/check/history_reader.h - turns a stream of bytes into a history, line by line.
 *
 * It opens no file: feed it pieces of any size. The format of a line is a function, so that
 * another one (EDN) is another function. Not thread-safe. */
#ifndef DE_RUNTIME_SIM_CHECK_HISTORY_READER_H
#define DE_RUNTIME_SIM_CHECK_HISTORY_READER_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/sim/check/history.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The longest line, without its newline. */
#define DE_HISTORY_LINE_BYTES_MAX ((size_t)1024 * 1024)

/* Reads one line into an event, which may borrow from the line; see de_history_json_parse. */
typedef int de_history_line_parser(void *line_data, size_t line_size, uint64_t line,
                                   struct de_history_event *event, struct de_history_error *error);

struct de_history_reader {
    struct de_history *history; /* borrowed */
    de_history_line_parser *parse;
    uint8_t *line; /* the line under way */
    size_t line_size;
    size_t line_capacity;
    uint64_t line_number; /* of the line under way, from 1 */
};

/* Reads into history, which must be initialised and outlive the reader. */
void de_history_reader_init(struct de_history_reader *reader, struct de_history *history,
                            de_history_line_parser *parse);
void de_history_reader_deinit(struct de_history_reader *reader);

/* Takes the next bytes. Blank lines count but say nothing. DENGINE_E_INVALID with error filled in
 * (bad line, or one too long), DENGINE_E_NO_MEMORY, DENGINE_E_TOO_LARGE; after an error the reader
 * is good for deinit only. */
int de_history_reader_feed(struct de_history_reader *reader, const void *data, size_t size,
                           struct de_history_error *error);

/* The stream ends: takes the last line if it had no newline. Errors as above. */
int de_history_reader_finish(struct de_history_reader *reader, struct de_history_error *error);

#ifdef __cplusplus
}
#endif

#endif
