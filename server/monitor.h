/* server/monitor.h - what operators ask a server over HTTP, which has its own port and thread:
 *
 *   /metrics   the metrics (metrics_text.h)
 *   /healthz   200 while the node works, 503 with the reason when it has halted
 *   /readyz    200 while the node knows a leader and can serve, else 503
 *
 * A request is at most DE_MONITOR_REQUEST_BYTES long; there are at most DE_MONITOR_CONNECTIONS at a
 * time, for one request each. One on which nothing comes for DE_MONITOR_SILENCE_S is closed, and so
 * is one that has not taken its answer DE_MONITOR_TOTAL_S after it began, however busy it is: who
 * is slow, or many, costs nobody else anything, and others get in. There is nothing to write, and
 * no password: bind it to an address that only operators reach.
 *
 * Threads: all calls from one; it answers on one of its own. */
#ifndef DE_SERVER_MONITOR_H
#define DE_SERVER_MONITOR_H

#include <dengine/dengine.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DE_MONITOR_REQUEST_BYTES 16384
#define DE_MONITOR_CONNECTIONS   16
#define DE_MONITOR_SILENCE_S     5
#define DE_MONITOR_TOTAL_S       10

struct de_monitor;

/* Takes the port (0: any free one) at address, a name or number of this host, before there is
 * anything to tell: whoever asks now waits. ADDRESS_IN_USE, PERMISSION, NOT_FOUND (no such address
 * here), NO_MEMORY or IO, with a sentence in message. */
int de_monitor_open(const char *address, uint16_t port, struct de_monitor **monitor, char *message,
                    size_t message_size);

/* Begins to answer. cluster, the name of it, and engine must outlive the monitor, or its
 * de_monitor_close. NO_MEMORY. */
int de_monitor_start(struct de_monitor *monitor, struct dengine *engine, const char *cluster);

/* The port that it listens on. */
uint16_t de_monitor_port(const struct de_monitor *monitor);

/* Ends it, before the engine is closed. NULL is allowed. */
void de_monitor_close(struct de_monitor *monitor);

#ifdef __cplusplus
}
#endif

#endif
