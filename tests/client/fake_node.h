/* tests/client/fake_node.h - a node that says what the test tells it to, behind a real gRPC server.
 *
 * Threads: functions from the test's thread; the script may be changed at any time. */
#ifndef DE_TESTS_CLIENT_FAKE_NODE_H
#define DE_TESTS_CLIENT_FAKE_NODE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/libev/rpc_queue.h"
#include "runtime/libev/rpc_server.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_FAKE_NODES_MAX 3

/* What a node does with a write or a read. */
enum de_fake_answer {
    DE_FAKE_SERVE = 1, /* succeeds; a read finds "value" */
    DE_FAKE_MISSING,   /* a read finds nothing */
    DE_FAKE_ERROR,     /* ErrorCode `error`, with the hint and retry_after_ms if set */
    DE_FAKE_HOLD,      /* no answer until the node ends */
    DE_FAKE_GARBAGE,   /* bytes that are no message */
};

struct de_fake_node {
    uint32_t id;
    char address[64];
    struct de_rpc_queue *queue;
    struct de_rpc_server *server;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* Guarded by mutex: */
    enum de_fake_answer answer;
    int32_t error;
    uint32_t errors_left; /* so many errors, then SERVE; 0 = for ever */
    uint64_t retry_after_ms;
    const char *hint_address; /* NULL = none */
    uint32_t leader;          /* whom GetClusterMetadata names; 0 = nobody */
    const char *members[DE_FAKE_NODES_MAX];
    uint32_t member_count;
    uint32_t writes; /* calls seen */
    uint32_t reads;
    uint32_t metadata_calls;
    struct de_rpc_call *held[64];
    uint32_t held_count;
};

/* Starts on address ("127.0.0.1:0" for any port). Serves, names no leader, knows no members. */
void de_fake_start(struct de_fake_node *node, uint32_t id, const char *address);

/* Breaks off what it holds, closes its port and connections. */
void de_fake_stop(struct de_fake_node *node);

/* Makes nodes 1..count members of each other, led by leader (an id; 0 = none). */
void de_fake_cluster(struct de_fake_node *nodes, uint32_t count, uint32_t leader);

/* Waits until the node has seen so many writes (reads). */
void de_fake_wait_writes(struct de_fake_node *node, uint32_t writes);
void de_fake_wait_reads(struct de_fake_node *node, uint32_t reads);

/* How many it has seen so far. */
uint32_t de_fake_writes(struct de_fake_node *node);
uint32_t de_fake_reads(struct de_fake_node *node);

#ifdef __cplusplus
}
#endif

#endif
