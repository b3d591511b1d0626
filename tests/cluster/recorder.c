#include "tests/cluster/recorder.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

static void require(int condition, const char *what)
{
    if (!condition) {
        (void)fprintf(stderr, "recorder: cannot %s\n", what);
        abort();
    }
}

void de_recorder_open(struct de_recorder *recorder, const char *path)
{
    recorder->file = fopen(path, "w");
    require(recorder->file != NULL, "make the file of the history");
    require(pthread_mutex_init(&recorder->mutex, NULL) == 0, "make a mutex");
    recorder->events = 0;
    recorder->next_process = 0;
}

void de_recorder_close(struct de_recorder *recorder)
{
    require(fclose(recorder->file) == 0, "write the history");
    (void)pthread_mutex_destroy(&recorder->mutex);
}

uint32_t de_recorder_process(struct de_recorder *recorder)
{
    uint32_t process;

    (void)pthread_mutex_lock(&recorder->mutex);
    process = recorder->next_process++;
    (void)pthread_mutex_unlock(&recorder->mutex);
    return process;
}

static void put_number(FILE *file, int64_t value)
{
    if (value == DE_ABSENT) {
        (void)fputs("null", file);
    } else {
        (void)fprintf(file, "%" PRId64, value);
    }
}

static void put_value(FILE *file, enum de_event_type type, const struct de_operation *operation)
{
    switch (operation->type) {
    case DE_OPERATION_CAS:
        (void)fputs("[", file);
        put_number(file, operation->expected);
        (void)fputs(",", file);
        put_number(file, operation->value);
        (void)fputs("]", file);
        break;
    case DE_OPERATION_WRITE:
        put_number(file, operation->value);
        break;
    case DE_OPERATION_READ: /* only its answer has a value */
        put_number(file, type == DE_EVENT_OK ? operation->value : DE_ABSENT);
        break;
    }
}

void de_recorder_event(struct de_recorder *recorder, uint32_t process, enum de_event_type type,
                       const struct de_operation *operation)
{
    static const char *const types[] = {"", "invoke", "ok", "fail", "info"};
    static const char *const names[] = {"", "read", "write", "cas"};
    struct timespec now;

    (void)pthread_mutex_lock(&recorder->mutex);
    /* Inside the lock: then the times of the file's lines never fall. */
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    (void)fprintf(recorder->file,
                  "{\"process\":%" PRIu32 ",\"type\":\"%s\",\"f\":\"%s\",\"key\":\"%s\",\"value\":",
                  process, types[type], names[operation->type], operation->key);
    put_value(recorder->file, type, operation);
    (void)fprintf(recorder->file, ",\"time\":%" PRIu64 "}\n",
                  (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
    require(!ferror(recorder->file), "write the history");
    recorder->events++;
    (void)pthread_mutex_unlock(&recorder->mutex);
}
