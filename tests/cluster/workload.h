/* tests/cluster/workload.h - clients that never pause, and what they are sure of.
 *
 *   registers   read, write and compare-and-swap a few keys; everything is recorded
 *   counter     read the counter, compare-and-swap it to one more
 *   keeper      write ever higher numbers to many keys
 *
 * Each thread has a client of its own.
 *
 * Threads: start, verify and stop from the main thread. */
#ifndef DE_TESTS_CLUSTER_WORKLOAD_H
#define DE_TESTS_CLUSTER_WORKLOAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <dengine/session.h>

#include "tests/cluster/recorder.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_WORKLOAD_REGISTER_THREADS 4
#define DE_WORKLOAD_COUNTER_THREADS  2
#define DE_WORKLOAD_KEEPER_THREADS   2
#define DE_WORKLOAD_THREADS                                                                        \
    (DE_WORKLOAD_REGISTER_THREADS + DE_WORKLOAD_COUNTER_THREADS + DE_WORKLOAD_KEEPER_THREADS)

/* Keys of one keeper. */
#define DE_WORKLOAD_KEPT 200

/* A register key is left for a new one after so many operations, so that what a kill left open in a
 * history does not weigh on the rest of it. */
#define DE_WORKLOAD_OPERATIONS_PER_KEY 400

struct de_workload;

struct de_worker_thread {
    struct de_workload *workload;
    pthread_t thread;
    uint32_t number; /* among its kind */
    uint64_t seed;
    struct dengine_client *client;
    struct dengine_client *connection; /* beneath the session's client, if there is one */
    struct dengine_session *session;
    /* The keeper's own, looked at after it has ended: */
    int64_t acknowledged[DE_WORKLOAD_KEPT]; /* last number known to be written; 0 = none */
    int64_t attempted[DE_WORKLOAD_KEPT];    /* last number that may have been written */
};

struct de_workload {
    const char *endpoints;
    struct de_recorder *recorder;
    bool sessions;
    struct de_worker_thread threads[DE_WORKLOAD_THREADS];
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* Guarded by mutex: */
    bool stopping;
    bool paused;
    uint64_t done; /* operations of all kinds that ended well */
    uint64_t register_operations;
    uint64_t unknown;        /* operations that ended unknown */
    uint64_t failed;         /* and those that were not done */
    int64_t counter_done;    /* increments acknowledged */
    int64_t counter_unknown; /* increments that may have happened */
};

/* The same, with writes that belong to sessions: clients that may send again what they have not
 * heard of. Nothing ends unknown then, unless nobody answers for ten seconds. */
void de_workload_start_sessions(struct de_workload *workload, const char *endpoints,
                                struct de_recorder *recorder);

/* Starts the threads. */
void de_workload_start(struct de_workload *workload, const char *endpoints,
                       struct de_recorder *recorder);

/* No client begins another operation until it is called with false. */
void de_workload_pause(struct de_workload *workload, bool paused);

/* Waits until so many more operations have ended well; false when that takes longer than
 * timeout_ms. */
bool de_workload_progress(struct de_workload *workload, uint64_t more, uint32_t timeout_ms);

/* Ends the threads, each after its present operation; nothing the second time. */
void de_workload_stop(struct de_workload *workload);

/* After stop: every acknowledged number is there, the counter is what was acknowledged, give or
 * take the unknown ones. False with the difference printed. */
bool de_workload_verify(struct de_workload *workload, struct dengine_client *client);

#ifdef __cplusplus
}
#endif

#endif
