/* runtime/sim/check/verify.h - tests only: the search against brute force, on random small
 * histories.
 */
#ifndef DE_RUNTIME_SIM_CHECK_VERIFY_H
#define DE_RUNTIME_SIM_CHECK_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/sim/check/model.h"
#include "runtime/sim/check/text.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_verify_counts {
    uint64_t histories;
    uint64_t linearizable;
    uint64_t lossy;    /* half of the operations lost */
    uint64_t unlinked; /* searched without what the model says of the states around an operation */
};

/* Compares verdicts on the histories of count seeds from first_seed on, adding to counts. At the
 * first difference adds the seed, both verdicts and the history to text, and returns false. */
bool de_verify(const struct de_model *model, uint64_t first_seed, uint64_t count,
               struct de_verify_counts *counts, struct de_text *text);

#ifdef __cplusplus
}
#endif

#endif
