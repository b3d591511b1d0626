/* tests/server/one_server.h - a server that is a cluster of its own.
 *
 * Threads: the main thread. */
#ifndef DE_TESTS_SERVER_ONE_SERVER_H
#define DE_TESTS_SERVER_ONE_SERVER_H

#include "tests/processes/process.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A new one: what is in directory is removed, so it numbers leases and revisions always alike. It
 * listens at any free port of loopback, which is written to endpoint as "host:port". */
struct de_process *de_one_server_start(const char *directory, char endpoint[64]);

/* By SIGTERM; it must exit with 0. Its data are removed. */
void de_one_server_stop(struct de_process *server, const char *directory);

#ifdef __cplusplus
}
#endif

#endif
