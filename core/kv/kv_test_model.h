/* core/kv/kv_test_model.h - the state machine as simply as it can be written, for the tests of
 * core/kv.
 *
 * Everything in small arrays, copied whole to be taken back. Answers are the numbers that a client
 * would look at, not bytes. */
#ifndef DE_CORE_KV_KV_TEST_MODEL_H
#define DE_CORE_KV_KV_TEST_MODEL_H

#include "core/kv/kv.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    MODEL_KEYS = 6, /* "a" .. "f" */
    MODEL_LEASES = 400,
    MODEL_SEQUENCES = 160,
    MODEL_PAIRS = 64,
};

struct model_key {
    bool exists;
    char value[8];
    uint64_t create;
    uint64_t mod;
    uint64_t version;
    uint64_t lease;
};

/* What a command answers. */
struct model_result {
    int status;
    bool succeeded;
    uint64_t revision;
    uint64_t lease; /* GRANT, KEEP */
    size_t pairs;   /* of all operations together */
    char pair_keys[MODEL_PAIRS];
    struct model_key pair_values[MODEL_PAIRS];
};

struct model_lease {
    bool exists;
    bool session;
    bool single;
    uint64_t ttl_ns;
    uint64_t deadline_ns;
    uint64_t acknowledged;
};

struct model {
    struct model_key keys[MODEL_KEYS];
    struct model_lease leases[MODEL_LEASES]; /* by id */
    uint64_t last_lease;
    uint64_t time_ns;
    uint64_t index;
};

/* What the sessions remember; apart, because taking a command back never touches it. */
struct model_memory {
    bool known[MODEL_LEASES][MODEL_SEQUENCES];
    struct model_result results[MODEL_LEASES][MODEL_SEQUENCES];
};

/* Applies command at index and time. */
void model_apply(struct model *model, struct model_memory *memory, uint64_t index, uint64_t time_ns,
                 const struct de_kv_command *command, struct model_result *result);

#ifdef __cplusplus
}
#endif

#endif
