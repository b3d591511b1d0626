#include "runtime/sim/check/edn_reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "runtime/sim/check/history_edn.h"

void de_edn_reader_init(struct de_edn_reader *reader, struct de_history *history)
{
    DE_ASSERT(history != NULL);
    memset(reader, 0, sizeof(*reader));
    reader->history = history;
    reader->line = 1;
    reader->column = 1;
}

void de_edn_reader_deinit(struct de_edn_reader *reader)
{
    free(reader->event);
    memset(reader, 0, sizeof(*reader));
}

static int fail(const struct de_edn_reader *reader, struct de_history_error *error,
                const char *problem)
{
    return de_history_fail(error, reader->line, "column %" PRIu64 ": %s", reader->column, problem);
}

static int append(struct de_edn_reader *reader, uint8_t byte, struct de_history_error *error)
{
    if (reader->event_size == DE_EDN_EVENT_BYTES_MAX) {
        return de_history_fail(error, reader->event_line,
                               "column %" PRIu64 ": event too long; expected at most %zu bytes",
                               reader->event_column, DE_EDN_EVENT_BYTES_MAX);
    }
    if (reader->event_size == reader->event_capacity) {
        size_t capacity = reader->event_capacity == 0 ? 256 : reader->event_capacity * 2;
        uint8_t *event = realloc(reader->event, capacity);
        if (event == NULL) {
            return DENGINE_E_NO_MEMORY;
        }
        reader->event = event;
        reader->event_capacity = capacity;
    }
    reader->event[reader->event_size++] = byte;
    return 0;
}

/* A map is complete. */
static int take_event(struct de_edn_reader *reader, struct de_history_error *error)
{
    struct de_history_event event;
    struct de_history *history = reader->history;
    bool client = false;
    bool discard = reader->discard;
    reader->state = DE_EDN_BETWEEN;
    reader->discard = false;
    if (discard) {
        return 0;
    }
    int err = de_history_edn_parse(reader->event, reader->event_size, reader->event_line,
                                   reader->event_column, &event, &client, error);
    if (err != 0 || !client) {
        return err;
    }
    /* Times are for people here; the order is that of the events. */
    if (event.time_ns < history->last_time_ns || event.time_ns == INT64_MIN) {
        event.time_ns = history->last_time_ns == INT64_MIN ? 0 : history->last_time_ns;
    }
    return de_history_add(history, &event, reader->event_line, error);
}

static int begin_event(struct de_edn_reader *reader, uint8_t byte, struct de_history_error *error)
{
    reader->state = DE_EDN_EVENT;
    reader->event_size = 0;
    reader->depth = 1;
    reader->event_line = reader->line;
    reader->event_column = reader->column;
    return append(reader, byte, error);
}

static bool is_space(uint8_t byte)
{
    return byte <= ' ' || byte == ',';
}

static int take_between(struct de_edn_reader *reader, uint8_t byte, struct de_history_error *error)
{
    if (is_space(byte)) {
        return 0;
    }
    if (byte == ';' || byte == '#') {
        reader->state = byte == ';' ? DE_EDN_REMARK : DE_EDN_HASH;
        return 0;
    }
    if (byte == '{' || (reader->discard && (byte == '[' || byte == '('))) {
        return begin_event(reader, byte, error);
    }
    if ((byte == '[' || byte == '(') && reader->closer == 0) {
        reader->closer = byte == '[' ? ']' : ')';
        return 0;
    }
    if (byte == reader->closer && !reader->discard) {
        reader->closer = 0;
        return 0;
    }
    return fail(reader, error, "expected an event: a map, '{'");
}

/* Between events only #_ and tags make sense. */
static int take_hash(struct de_edn_reader *reader, uint8_t byte, struct de_history_error *error)
{
    if (byte == '_') {
        reader->discard = true;
        reader->state = DE_EDN_BETWEEN;
        return 0;
    }
    if (is_space(byte) || strchr("#;\"\\()[]{}", byte) != NULL) {
        return fail(reader, error, "expected a tag or _ after '#'");
    }
    reader->state = DE_EDN_TAG;
    return 0;
}

/* A byte of a map, outside of strings and comments. Which closer closes which opener is for the
 * parser to see. */
static int take_inside(struct de_edn_reader *reader, uint8_t byte, struct de_history_error *error)
{
    if (byte == '"') {
        reader->state = DE_EDN_STRING;
    } else if (byte == '\\') {
        reader->state = DE_EDN_CHARACTER;
    } else if (byte == ';') {
        reader->state = DE_EDN_COMMENT;
    } else if (byte == '{' || byte == '[' || byte == '(') {
        reader->depth++;
    } else if (byte == '}' || byte == ']' || byte == ')') {
        reader->depth--;
        return reader->depth == 0 ? take_event(reader, error) : 0;
    }
    return 0;
}

static int take_byte(struct de_edn_reader *reader, uint8_t byte, struct de_history_error *error)
{
    if (reader->state >= DE_EDN_EVENT) {
        int err = append(reader, byte, error);
        if (err != 0) {
            return err;
        }
    }
    switch (reader->state) {
    case DE_EDN_BETWEEN:
        return take_between(reader, byte, error);
    case DE_EDN_HASH:
        return take_hash(reader, byte, error);
    case DE_EDN_TAG:
        if (is_space(byte) || byte == '{' || byte == '[' || byte == '(') {
            reader->state = DE_EDN_BETWEEN;
            return take_between(reader, byte, error);
        }
        return 0;
    case DE_EDN_REMARK:
        reader->state = byte == '\n' ? DE_EDN_BETWEEN : DE_EDN_REMARK;
        return 0;
    case DE_EDN_EVENT:
        return take_inside(reader, byte, error);
    case DE_EDN_STRING:
        reader->state = byte == '"' ? DE_EDN_EVENT : byte == '\\' ? DE_EDN_ESCAPE : DE_EDN_STRING;
        return 0;
    case DE_EDN_ESCAPE:
        reader->state = DE_EDN_STRING;
        return 0;
    case DE_EDN_CHARACTER:
        reader->state = DE_EDN_EVENT;
        return 0;
    case DE_EDN_COMMENT:
        reader->state = byte == '\n' ? DE_EDN_EVENT : DE_EDN_COMMENT;
        return 0;
    }
    DE_UNREACHABLE("a reader in no state");
}

int de_edn_reader_feed(struct de_edn_reader *reader, const void *data, size_t size,
                       struct de_history_error *error)
{
    const uint8_t *bytes = data;
    int err = 0;
    for (size_t i = 0; i < size && err == 0; i++) {
        err = take_byte(reader, bytes[i], error);
        bool newline = bytes[i] == '\n';
        reader->line += newline ? 1 : 0;
        reader->column = newline ? 1 : reader->column + 1;
    }
    return err;
}

int de_edn_reader_finish(struct de_edn_reader *reader, struct de_history_error *error)
{
    if (reader->state >= DE_EDN_EVENT) {
        return de_history_fail(error, reader->event_line,
                               "column %" PRIu64 ": the file ends within this event",
                               reader->event_column);
    }
    if (reader->closer != 0 || reader->discard || reader->state == DE_EDN_HASH) {
        return fail(reader, error,
                    reader->closer == ']'   ? "the file ends; expected an event or ']'"
                    : reader->closer == ')' ? "the file ends; expected an event or ')'"
                                            : "the file ends; expected an event");
    }
    return 0;
}
