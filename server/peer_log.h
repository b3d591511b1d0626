/* server/peer_log.h - lines for who looks why the members of a cluster do not find each other: a
 * member that cannot be reached, or refuses this one, and that it is well again.
 *
 * Threads: one at a time. */
#ifndef DE_SERVER_PEER_LOG_H
#define DE_SERVER_PEER_LOG_H

#include "runtime/libev/replica.h"
#include "server/log.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What has been told. Start from zeros. */
struct de_peer_log {
    uint32_t count;
    struct de_peer_look told[DE_RAFT_MEMBERS_MAX]; /* with their trouble */
};

/* The peers as they are at now_ns. Logs what has lasted for some seconds and was not told, and what
 * was told and is over. Peers that are none any more are forgotten. */
void de_peer_log_look(struct de_peer_log *log, const struct de_peer_look *looks, uint32_t count,
                      uint64_t now_ns, enum de_log_format format);

#ifdef __cplusplus
}
#endif

#endif
