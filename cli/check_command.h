/* cli/check_command.h - dengine-cli check perf: a short load on a cluster, and how it takes it.
 *
 * Threads: one. */
#ifndef DE_CLI_CHECK_COMMAND_H
#define DE_CLI_CHECK_COMMAND_H

#include <dengine/client.h>

#include "cli/arguments.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Prints rates and latencies. 0, or the first error of a call; then nothing more is asked, and what
 * was put ends with its lease, in a minute. */
int de_cli_check_perf(const struct de_cli_arguments *arguments, struct dengine_client *client);

#ifdef __cplusplus
}
#endif

#endif
