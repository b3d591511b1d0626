#include "runtime/sim/check/history_reader.h"

#include <stdlib.h>
#include <string.h>

#include <dengine/error.h>

#include "core/base/assert.h"

void de_history_reader_init(struct de_history_reader *reader, struct de_history *history,
                            de_history_line_parser *parse)
{
    DE_ASSERT(history != NULL && parse != NULL);
    memset(reader, 0, sizeof(*reader));
    reader->history = history;
    reader->parse = parse;
    reader->line_number = 1;
}

void de_history_reader_deinit(struct de_history_reader *reader)
{
    free(reader->line);
    memset(reader, 0, sizeof(*reader));
}

static int append(struct de_history_reader *reader, const uint8_t *data, size_t size,
                  struct de_history_error *error)
{
    DE_ASSERT(reader->line_size <= DE_HISTORY_LINE_BYTES_MAX);
    if (size > DE_HISTORY_LINE_BYTES_MAX - reader->line_size) {
        return de_history_fail(error, reader->line_number,
                               "line too long; expected at most %zu "
                               "bytes",
                               DE_HISTORY_LINE_BYTES_MAX);
    }
    size_t needed = reader->line_size + size;
    if (needed > reader->line_capacity) {
        size_t capacity = needed * 2;
        uint8_t *line = realloc(reader->line, capacity);
        if (line == NULL) {
            return DENGINE_E_NO_MEMORY;
        }
        reader->line = line;
        reader->line_capacity = capacity;
    }
    if (size > 0) {
        memcpy(reader->line + reader->line_size, data, size);
    }
    reader->line_size = needed;
    return 0;
}

static bool is_blank(const uint8_t *line, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r') {
            return false;
        }
    }
    return true;
}

static int take_line(struct de_history_reader *reader, struct de_history_error *error)
{
    struct de_history_event event;
    int err = 0;
    if (!is_blank(reader->line, reader->line_size)) {
        err = reader->parse(reader->line, reader->line_size, reader->line_number, &event, error);
        if (err == 0) {
            err = de_history_add(reader->history, &event, reader->line_number, error);
        }
    }
    reader->line_size = 0;
    reader->line_number++;
    return err;
}

int de_history_reader_feed(struct de_history_reader *reader, const void *data, size_t size,
                           struct de_history_error *error)
{
    const uint8_t *bytes = data;
    int err = 0;
    while (size > 0 && err == 0) {
        const uint8_t *newline = memchr(bytes, '\n', size);
        size_t length = newline != NULL ? (size_t)(newline - bytes) : size;
        err = append(reader, bytes, length, error);
        if (err == 0 && newline != NULL) {
            err = take_line(reader, error);
            length++;
        }
        bytes += length;
        size -= length;
    }
    return err;
}

int de_history_reader_finish(struct de_history_reader *reader, struct de_history_error *error)
{
    return reader->line_size == 0 ? 0 : take_line(reader, error);
}
