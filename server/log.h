/* server/log.h - structured log lines on standard error, one write each.
 *
 *   text   2026-11-22T03:04:05.678Z INFO listening node_id=1 address="127.0.0.1:9081"
 *   json   {"time":"2026-11-22T03:04:05.678Z","level":"info","event":"listening","node_id":1,...}
 *
 * Threads: any, once the format has been set. */
#ifndef DE_SERVER_LOG_H
#define DE_SERVER_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum de_log_level {
    DE_LOG_INFO = 1,
    DE_LOG_WARNING,
    DE_LOG_ERROR,
};

enum de_log_format {
    DE_LOG_TEXT = 1,
    DE_LOG_JSON,
};

/* One key with a text, or with a number when text is NULL. */
struct de_log_field {
    const char *key;
    const char *text;
    uint64_t number;
};

/* Writes a line: what happened, and count fields. */
void de_log(enum de_log_format format, enum de_log_level level, const char *event,
            const struct de_log_field *fields, size_t count);

/* The same as bytes in a buffer from malloc (the caller frees it), with a time in milliseconds
 * since 1970; NULL when out of memory. */
char *de_log_line(enum de_log_format format, enum de_log_level level, const char *event,
                  const struct de_log_field *fields, size_t count, uint64_t time_ms);

#ifdef __cplusplus
}
#endif

#endif
