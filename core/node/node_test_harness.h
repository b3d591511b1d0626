/* core/node/node_test_harness.h - up to five nodes in one process, every step by hand; for the
 * tests of core/node.
 *
 * Nothing happens by itself: persist, apply and read jobs and messages wait in queues until the
 * test runs, completes, delivers or drops them. The log is an array; a write counts when its job is
 * run, so dropping the queue is a crash. The state machine keeps the 8-byte numbers that its
 * commands begin with. */
#ifndef DE_CORE_NODE_NODE_TEST_HARNESS_H
#define DE_CORE_NODE_NODE_TEST_HARNESS_H

#include "core/base/random.h"
#include "core/node/node.h"
#include "core/node/node_test_snapshots.h"
#include "core/node/node_test_stores.h"
#include "tests/support/test_support.h"

#define HARNESS_NODES_MAX    5
#define HARNESS_QUEUE_MAX    4096
#define HARNESS_REQUESTS_MAX 4096
#define HARNESS_MS           UINT64_C(1000000)

struct harness_member {
    struct harness *harness;
    uint64_t id;
    struct de_node *node; /* NULL: down */
    struct de_test_heap heap;
    struct harness_log log;
    struct harness_machine machine;
    struct harness_snapshots snapshots;
    /* Jobs in order; those before persist_run are written but not yet reported. */
    struct de_persist_job *persists[HARNESS_QUEUE_MAX];
    size_t persist_count;
    size_t persist_run;
    struct de_apply_job *apply;
    bool apply_run;
    struct de_log_read_job *reads[8];
    size_t read_count;
    struct de_node_task *tasks[DE_WORKERS][HARNESS_NODES_MAX + 4];
    size_t task_count[DE_WORKERS];
    uint64_t deadline_ns;
    struct de_node_status status; /* as of the last changed() */
    size_t changes;
    struct de_node_lease lease; /* as published */
    size_t leases;
    int halt_err;
    size_t halts;
    char halt_reason[256];
};

struct harness_message {
    struct de_peer_message message; /* payloads owned */
    bool dead;
};

struct harness_request {
    struct de_request request;
    struct de_change change;
    const char *reason;
    struct harness *harness;
    uint8_t *command;
    uint64_t number;
    uint64_t member;
    size_t outcomes;
    int status;
    struct dengine_result result;
};

struct harness {
    uint32_t count;
    uint32_t initial_count; /* of them are members at first, the others wait to be added */
    struct harness_member members[HARNESS_NODES_MAX];
    uint64_t now_ns;
    struct de_node_limits limits;
    struct de_raft_options raft;
    struct harness_message *messages[HARNESS_QUEUE_MAX];
    size_t message_count;
    struct harness_request requests[HARNESS_REQUESTS_MAX];
    size_t request_count;
    struct de_random random;
    /* Outgoing appends seen, for tests that look at the cutting of ranges. */
    size_t appends_sent;
    size_t append_bytes_largest; /* with more than one entry */
    size_t timeouts_sent;        /* TIMEOUT_NOW messages */
    bool no_snapshots;           /* members get no store for them */
    bool no_forwarding;          /* followers refuse requests */
    bool power_cuts;             /* random crashes may empty the state machine */
    uint64_t isolated; /* random steps lose what goes to or comes from this id; 0 = nobody */
};

/* count members, none started. Free with harness_free. */
struct harness *harness_new(uint32_t count, uint64_t seed);
void harness_free(struct harness *h);

/* Boots member i from its stores; what de_node_new said. */
int harness_start(struct harness *h, uint32_t i, char *message, size_t message_size);
/* Stops and frees it; jobs that were not run are lost, messages to it stay. */
void harness_crash(struct harness *h, uint32_t i);

/* The state machine of i, which is down, is as after the crash of an operating system. */
void harness_lose_state(struct harness *h, uint32_t i);

/* Submits (no flush); returns the request's slot. size >= 8 bytes of command. */
struct harness_request *harness_write(struct harness *h, uint32_t i, size_t size);
struct harness_request *harness_read(struct harness *h, uint32_t i);
/* Submits a CHANGE or a TRANSFER. */
struct harness_request *harness_admin(struct harness *h, uint32_t i, uint32_t type,
                                      const struct de_change *change, uint64_t target);
struct de_member_addresses harness_addresses(uint64_t id);
struct harness_request *harness_snapshot(struct harness *h, uint32_t i);
void harness_flush(struct harness *h, uint32_t i);

/* One step each; false when there was nothing to do. */
bool harness_run_persist(struct harness *h, uint32_t i);
bool harness_report_persist(struct harness *h, uint32_t i, int status);
bool harness_run_apply(struct harness *h, uint32_t i);
bool harness_report_apply(struct harness *h, uint32_t i);
bool harness_run_read(struct harness *h, uint32_t i);
/* Runs the oldest task of the worker and reports it. */
bool harness_run_task(struct harness *h, uint32_t i, uint32_t worker);
/* All jobs of i until none is left. */
void harness_drain(struct harness *h, uint32_t i);
/* Takes message at position out of the queue and hands it over (or drops it). It is lost when
 * nobody of that id runs here. */
void harness_deliver(struct harness *h, size_t position);
void harness_drop(struct harness *h, size_t position);
/* The network keeps another copy of it, for later. */
void harness_repeat(struct harness *h, size_t position);
/* Takes it out of the queue for a while, and puts it at the end again. */
struct harness_message *harness_hold(struct harness *h, size_t position);
void harness_put_back(struct harness *h, struct harness_message *m);
void harness_drop_all(struct harness *h);
/* Fires the timer of i at its deadline; time moves there if it lies ahead. */
void harness_fire(struct harness *h, uint32_t i);

/* Everything that can happen without time passing, until nothing is left. */
void harness_settle(struct harness *h);
/* Lets time pass, with all links good, until i leads and is ready. */
void harness_elect(struct harness *h, uint32_t i);
/* One random step among all that are possible, failures included; `faults`: also losses and
 * crashes. */
void harness_random_step(struct harness *h, bool faults);

struct de_node_status harness_status(struct harness *h, uint32_t i);
/* How often the number was applied at member i. */
size_t harness_applied_count(const struct harness *h, uint32_t i, uint64_t number);
/* Adds an entry to the log of i, before it is started. */
void harness_append(struct harness *h, uint32_t i, uint64_t term, uint32_t type, const void *data,
                    size_t size);
/* Adds a COMMAND entry with one command of that number. */
void harness_append_command(struct harness *h, uint32_t i, uint64_t term, uint64_t number);

#endif
