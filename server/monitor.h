/* server/monitor.h - what operators ask a server over HTTP, which has its own port and thread:
 *
 *   /metrics   the metrics (metrics_text.h)
 *   /healthz   200 while the node works, 503 with the reason when it has halted
 *   /readyz    200 while the node knows a leader and can serve, else 503
 *
 * A request is at most DE_MONITOR_REQUEST_BYTES long, there are at most DE_MONITOR_CONNECTIONS at a
 * time, and one on which nothing comes for DE_MONITOR_TIMEOUT_S is closed: who is slow, or many,
 * costs nobody else anything. There is nothing to write, and no password: bind it to an address
 * that only operators reach.
 *
 * Threads: start and stop from one; it answers on one of its own. */
#ifndef DE_SERVER_MONITOR_H
#define DE_SERVER_MONITOR_H

#include <dengine/dengine.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DE_MONITOR_REQUEST_BYTES 16384
#define DE_MONITOR_CONNECTIONS   16
#define DE_MONITOR_TIMEOUT_S     5

struct de_monitor;

struct de_monitor_options {
    const char *address; /* a name or number of this host */
    uint16_t port;       /* 0: any free one */
    const char *cluster; /* its name; must outlive the monitor */
    struct dengine *engine;
};

/* Begins to answer. ADDRESS_IN_USE, PERMISSION, NOT_FOUND (no such address here), NO_MEMORY or IO,
 * with a sentence in message. */
int de_monitor_start(const struct de_monitor_options *options, struct de_monitor **monitor,
                     char *message, size_t message_size);

/* The port that it listens on. */
uint16_t de_monitor_port(const struct de_monitor *monitor);

/* Ends it, before the engine is closed. NULL is allowed. */
void de_monitor_stop(struct de_monitor *monitor);

#ifdef __cplusplus
}
#endif

#endif
