/* engine/join_answer.h - what a leader says to a server that asks to join and is a member already.
 *
 * Pure. */
#ifndef DE_ENGINE_JOIN_ANSWER_H
#define DE_ENGINE_JOIN_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include <dengine/client.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Who asks. */
struct de_joiner {
    uint64_t id;
    const char *peer_address;
    bool fresh; /* its directory was found empty */
};

/* A server that joins may be a member already: it was added by hand, or it asks again because it
 * has not heard the answer. True: it is one by status, the leader's, and *err (0: it may go on) and
 * *reason, a static sentence, say what that means. */
bool de_join_answer(const struct dengine_cluster_status *status, const struct de_joiner *joiner,
                    int *err, const char **reason);

#ifdef __cplusplus
}
#endif

#endif
