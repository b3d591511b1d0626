/* tests/cluster/recorder.h - what clients did and saw, as a history that dengine-check judges: JSON
 * Lines in Jepsen's model, one event each.
 *
 * Threads: any; events stand in the file in the order in which they were recorded. */
#ifndef DE_TESTS_CLUSTER_RECORDER_H
#define DE_TESTS_CLUSTER_RECORDER_H

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

enum de_event_type {
    DE_EVENT_INVOKE = 1,
    DE_EVENT_OK,
    DE_EVENT_FAIL, /* did not happen; cas: the comparison was false */
    DE_EVENT_INFO, /* unknown */
};

enum de_operation_type {
    DE_OPERATION_READ = 1,
    DE_OPERATION_WRITE,
    DE_OPERATION_CAS,
};

/* A value that stands for "absent". */
#define DE_ABSENT INT64_MIN

struct de_operation {
    enum de_operation_type type;
    const char *key;
    int64_t expected; /* CAS */
    int64_t value;    /* WRITE, CAS: the new one; READ: what was seen */
};

struct de_recorder {
    FILE *file;
    pthread_mutex_t mutex;
    uint64_t events;
    uint32_t next_process;
};

/* Fails the process when the file cannot be made, as do the others when it cannot be written. */
void de_recorder_open(struct de_recorder *recorder, const char *path);
void de_recorder_close(struct de_recorder *recorder);

/* A number that no process has had yet. A process is a thread that has not lost sight of an
 * operation: after INFO it takes a new one. */
uint32_t de_recorder_process(struct de_recorder *recorder);

void de_recorder_event(struct de_recorder *recorder, uint32_t process, enum de_event_type type,
                       const struct de_operation *operation);

#ifdef __cplusplus
}
#endif

#endif
