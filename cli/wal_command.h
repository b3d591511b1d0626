/* cli/wal_command.h - dengine-cli wal: looks at a log on disk, without a server. */
#ifndef DE_CLI_WAL_COMMAND_H
#define DE_CLI_WAL_COMMAND_H

#include "cli/arguments.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Carries out a command of DE_CLI_WAL; prints to standard output and error. Returns the exit
 * status (exit_status.h). */
int de_cli_wal(const struct de_cli_arguments *arguments);

#ifdef __cplusplus
}
#endif

#endif
