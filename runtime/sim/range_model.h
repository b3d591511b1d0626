/* runtime/sim/range_model.h - what the keys of ranges hold at each revision, by the log alone.
 *
 * A second, small state machine. It reads the committed log of the white-box oracle and carries out
 * the commands that concern its keys (range.h): puts, deletes, range deletes, and transactions of
 * these with reads and comparisons. It forgets nothing: what a read has to show at any
 * revision, and what a command has to answer, can be asked later. It shares with core/kv the
 * encoding of commands and answers, and no rule of what they do. One thread. */
#ifndef DE_RUNTIME_SIM_RANGE_MODEL_H
#define DE_RUNTIME_SIM_RANGE_MODEL_H

#include "runtime/sim/oracle.h"
#include "runtime/sim/range.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A key from a revision on. */
struct de_range_state {
    uint64_t revision;
    bool present;
    uint64_t create_revision;
    uint64_t version;
    struct dengine_slice value; /* in the oracle's copy of the entry */
};

struct de_range_past {
    struct de_range_state *states; /* of one key, ascending by revision */
    size_t count;
    size_t capacity;
};

/* What a command in the log has to answer. */
struct de_range_outcome {
    uint64_t revision;
    uint64_t command; /* hashed */
    bool succeeded;
    uint64_t answer; /* hashed; 0: no bytes */
};

struct de_range_model {
    const struct de_oracle *oracle;
    uint64_t applied;
    struct de_range_past pasts[DE_RANGE_KEYS];
    struct de_range_outcome *outcomes; /* ascending by revision */
    size_t outcome_count;
    size_t outcome_capacity;
};

#define DE_RANGE_WRONG_MAX 200u

void de_range_model_init(struct de_range_model *model, const struct de_oracle *oracle);
void de_range_model_deinit(struct de_range_model *model);

/* A page as an answer to query: NULL when it is what the log says, else what is wrong with it.
 * prefix: the keys of the query all begin with it ("": that does not matter); then query->end is
 * not looked at unless `bounded`. short_pages: a page may end early. */
struct de_range_expectation {
    const struct de_range_query *query;
    struct dengine_slice prefix;
    bool bounded;
    bool short_pages;
};

const char *de_range_model_check(struct de_range_model *model,
                                 const struct de_range_expectation *expected,
                                 const struct de_range_page *page, char wrong[DE_RANGE_WRONG_MAX]);

/* An answer to command, which is said to have been done at that revision: NULL, or what is wrong.
 */
const char *de_range_model_answer(struct de_range_model *model, uint64_t revision,
                                  struct dengine_slice command, bool succeeded,
                                  struct dengine_slice answer, char wrong[DE_RANGE_WRONG_MAX]);

#ifdef __cplusplus
}
#endif

#endif
