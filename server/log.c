#include "server/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/json_text.h"
#include "core/base/assert.h"

static const char *level_name(enum de_log_level level, bool json)
{
    switch (level) {
    case DE_LOG_INFO:
        return json ? "info" : "INFO";
    case DE_LOG_WARNING:
        return json ? "warning" : "WARNING";
    case DE_LOG_ERROR:
        return json ? "error" : "ERROR";
    }
    return "";
}

static void put_time(FILE *file, uint64_t time_ms)
{
    const time_t seconds = (time_t)(time_ms / 1000);
    struct tm parts;
    char text[32];

    DE_ASSERT(gmtime_r(&seconds, &parts) != NULL);
    DE_ASSERT(strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts) > 0);
    (void)fprintf(file, "%s.%03uZ", text, (unsigned)(time_ms % 1000));
}

/* Texts come from configurations and file names: whatever they hold, the line stays one line. */
static void put_text(FILE *file, const char *text)
{
    const struct dengine_slice bytes = dengine_str(text);

    if (de_utf8_check(bytes)) {
        de_json_put_string(file, bytes);
    } else {
        de_json_put_base64(file, bytes);
    }
}

static void put_field(FILE *file, const struct de_log_field *field, bool json)
{
    (void)fprintf(file, json ? ",\"%s\":" : " %s=", field->key);
    if (field->text != NULL) {
        put_text(file, field->text);
    } else {
        (void)fprintf(file, "%llu", (unsigned long long)field->number);
    }
}

char *de_log_line(enum de_log_format format, enum de_log_level level, const char *event,
                  const struct de_log_field *fields, size_t count, uint64_t time_ms)
{
    const bool json = format == DE_LOG_JSON;
    char *line = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&line, &size);
    size_t i;

    if (file == NULL) {
        return NULL;
    }
    (void)fputs(json ? "{\"time\":\"" : "", file);
    put_time(file, time_ms);
    (void)fprintf(file, json ? "\",\"level\":\"%s\",\"event\":\"%s\"" : " %s %s",
                  level_name(level, json), event);
    for (i = 0; i < count; i++) {
        put_field(file, &fields[i], json);
    }
    (void)fputs(json ? "}\n" : "\n", file);
    if (fclose(file) != 0) {
        free(line);
        return NULL;
    }
    return line;
}

void de_log(enum de_log_format format, enum de_log_level level, const char *event,
            const struct de_log_field *fields, size_t count)
{
    struct timespec now;
    char *line;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    line = de_log_line(format, level, event, fields, count,
                       (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
    if (line != NULL) {
        /* One write, so that lines of several processes do not get mixed up. There is nowhere to
         * report that it failed. */
        const ssize_t written = write(STDERR_FILENO, line, strlen(line));

        (void)written;
        free(line);
    }
}
