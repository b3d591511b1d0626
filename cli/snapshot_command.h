/* cli/snapshot_command.h - dengine-cli snapshot: backups of a running cluster, and new clusters
 * from them. */
#ifndef DE_CLI_SNAPSHOT_COMMAND_H
#define DE_CLI_SNAPSHOT_COMMAND_H

#include "cli/arguments.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Carries out a command of DE_CLI_SNAPSHOT; prints to standard output and error. endpoints: where
 * to get a snapshot from, in this order. Returns the exit status (exit_status.h). */
int de_cli_snapshot(const struct de_cli_arguments *arguments, const char *endpoints);

#ifdef __cplusplus
}
#endif

#endif
