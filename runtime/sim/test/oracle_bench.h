/* runtime/sim/test/oracle_bench.h - an oracle that tests feed by hand, with what nodes do in a few
 * words. */
#ifndef DE_RUNTIME_SIM_TEST_ORACLE_BENCH_H
#define DE_RUNTIME_SIM_TEST_ORACLE_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "runtime/sim/oracle.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NODES 3

struct bench {
    struct de_verdict verdict;
    struct de_oracle oracle;
};

/* cmocka's: an empty oracle of a cluster of NODES voters that have all booted. */
int setup(void **state);
int teardown(void **state);
/* What has failed so far; "" = nothing. */
void expect(struct bench *bench, const char *oracle);
/* id gives its store a hard state, and with data an entry of entry_term after its last. */
void submit(struct bench *bench, uint32_t id, uint64_t term, uint64_t vote, uint64_t entry_term,
            const char *data);
/* The same, durable at once. */
void store(struct bench *bench, uint32_t id, uint64_t term, uint64_t vote, uint64_t entry_term,
           const char *data);
void truncate_from(struct bench *bench, uint32_t id, uint64_t index);
/* A step of id after which its view is this, and consistent with its log. */
void step(struct bench *bench, uint32_t id, uint32_t role, uint64_t term, uint64_t commit);
/* Messages on the wire: a vote that is granted, an acknowledgement of appends. */
void vote(struct bench *bench, uint64_t from, uint64_t to, uint64_t term);
void acknowledge(struct bench *bench, uint64_t from, uint64_t to, uint64_t term, uint64_t match);
/* voter, itself in this term at the latest, votes for candidate, on its disk and on the wire. */
void give_vote(struct bench *bench, uint32_t voter, uint32_t candidate, uint64_t term);
/* id is elected by itself and the node after it. */
void lead(struct bench *bench, uint32_t id, uint64_t term, uint64_t commit);

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#ifdef __cplusplus
}
#endif

#endif
