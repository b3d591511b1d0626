/* runtime/sim/check/finding.h - what an oracle has found: the rule that was broken, and a sentence.
 *
 * The first finding wins: what follows a broken rule proves nothing. For the oracles that look at
 * more than one key (reads, watches, leases, locks); they know nothing of the simulator, and
 * whoever calls them hands the finding on. Not thread-safe. */
#ifndef DE_RUNTIME_SIM_CHECK_FINDING_H
#define DE_RUNTIME_SIM_CHECK_FINDING_H

#include <stdbool.h>
#include <stddef.h>

#include <dengine/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct de_finding {
    char rule[32];  /* short name; "" as long as nothing was found */
    char text[440]; /* one sentence, without a full stop */
};

/* Bytes of a text made by de_finding_bytes, with its NUL. */
#define DE_FINDING_BYTES_MAX 56

void de_finding_init(struct de_finding *finding);

static inline bool de_finding_is_set(const struct de_finding *finding)
{
    return finding->rule[0] != '\0';
}

/* Records, unless there is a finding already. False, for `return de_finding_set(...)`. */
__attribute__((format(printf, 3, 4))) bool
de_finding_set(struct de_finding *finding, const char *rule, const char *format, ...);

/* A key or value in a sentence: quoted, cut, with what cannot be printed as \\xNN. Returns out. */
const char *de_finding_bytes(struct dengine_slice bytes, char out[DE_FINDING_BYTES_MAX]);

#ifdef __cplusplus
}
#endif

#endif
