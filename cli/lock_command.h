/* cli/lock_command.h - dengine-cli lock: runs a program while a lock is held.
 *
 * Threads: one. */
#ifndef DE_CLI_LOCK_COMMAND_H
#define DE_CLI_LOCK_COMMAND_H

#include <dengine/client.h>

#include "cli/arguments.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Returns the exit status; see the help of the command. */
int de_cli_lock(const struct de_cli_arguments *arguments, struct dengine_client *client);

#ifdef __cplusplus
}
#endif

#endif
