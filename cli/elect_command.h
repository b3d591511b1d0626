/* cli/elect_command.h - dengine-cli elect: who leads, and standing for election.
 *
 * Threads: one. */
#ifndef DE_CLI_ELECT_COMMAND_H
#define DE_CLI_ELECT_COMMAND_H

#include <dengine/client.h>

#include "cli/arguments.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Returns the exit status; see the help of the command. Disconnects client, since only after that
 * no callback is on its way any more. */
int de_cli_elect(const struct de_cli_arguments *arguments, struct dengine_client *client);

#ifdef __cplusplus
}
#endif

#endif
