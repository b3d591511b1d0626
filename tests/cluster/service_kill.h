/* tests/cluster/service_kill.h - what the workloads of service_kill_test share.
 *
 * A workload is a few threads that run until de_kill_going_on says no, a number that grows as they
 * get on, and a judge that looks at what was acknowledged when all have ended.
 *
 * Threads: all of it from any thread, unless it says otherwise. */
#ifndef DE_TESTS_CLUSTER_SERVICE_KILL_H
#define DE_TESTS_CLUSTER_SERVICE_KILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <dengine/client.h>

#include "tests/cluster/cluster.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_KILL_THREADS_MAX 4

/* Longer than anything may take on a loaded machine. */
#define DE_KILL_PATIENCE_MS 60000

struct de_kill_workload {
    const char *name;
    /* Each is given the address of its number in the workload, a uint32_t from 0 on. */
    void *(*threads[DE_KILL_THREADS_MAX])(void *);
    /* Grows by de_kill_count as the workload gets on. */
    uint64_t *progress;
    /* By so much at least between two kills, and by half of it while the leader is down. */
    uint64_t step;
    /* Another number that must have grown before the end; NULL: there is none. */
    const uint64_t *once;
    /* In the main thread when all threads have ended: ends the process by de_kill_require if
     * something is not as it must be, and prints how much there was of everything. */
    void (*judge)(struct dengine_client *client);
};

/* Threads take a lock that ends with their lease, made of transactions alone, write under it, and
 * often go away without giving it back; and the same with dengine/lock.h. */
extern const struct de_kill_workload de_kill_locks;
extern const struct de_kill_workload de_kill_recipe;
/* Two keys that are written by one transaction; keys with a time to live. */
extern const struct de_kill_workload de_kill_pairs;
/* Counters that are counted up in sessions. */
extern const struct de_kill_workload de_kill_sessions;
/* A watch of a range that is written in all ways. */
extern const struct de_kill_workload de_kill_watches;

/* Whether the workloads go on: nobody has ended them and nothing has gone wrong. */
bool de_kill_going_on(void);

/* Something is not as it must be: all come to an end. The first one counts; what is kept. */
void de_kill_broken(const char *what);

/* Ends the process with a message, and what the servers have logged, if the condition is false. */
void de_kill_require(bool condition, const char *what);

/* One more of it, which may be progress. */
void de_kill_count(uint64_t *what);
uint64_t de_kill_read(const uint64_t *what);

/* Waits until a number that de_kill_count and the like make grow is enough. False: the workloads
 * have come to an end before. */
bool de_kill_wait(const uint64_t *what, uint64_t enough);

/* For what more than one thread of a workload changes. No other call of this file while it is
 * taken; whoever waits for progress looks again when it is given. */
void de_kill_take(void);
void de_kill_give(void);

/* A client of the three servers; the caller disconnects it. timeout_ms: of its calls. */
struct dengine_client *de_kill_connect(uint32_t timeout_ms);

/* Reads a number that is kept as decimal text, until an answer comes; 0 if there is no such key. */
uint64_t de_kill_number(struct dengine_client *client, const char *key);

#ifdef __cplusplus
}
#endif

#endif
