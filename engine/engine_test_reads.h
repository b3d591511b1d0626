/* engine/engine_test_reads.h - every way there is to read, for tests that hold for all of them. */
#ifndef DE_ENGINE_ENGINE_TEST_READS_H
#define DE_ENGINE_ENGINE_TEST_READS_H

#include <dengine/dengine.h>

#ifdef __cplusplus
extern "C" {
#endif

struct de_test_read {
    const char *name;
    /* 0: it was answered, if only with that there is nothing. Tells with *here whether it was in
     * the calling thread, before the call returned. */
    int (*run)(struct dengine_client *client, enum dengine_consistency consistency,
               uint32_t timeout_ms, bool *here);
    bool tells; /* *here can be known */
};

/* Static. */
const struct de_test_read *de_test_reads(size_t *count);

#ifdef __cplusplus
}
#endif

#endif
