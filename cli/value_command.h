/* cli/value_command.h - dengine-cli put, get and cas. They return the exit status.
 *
 * Threads: one. */
#ifndef DE_CLI_VALUE_COMMAND_H
#define DE_CLI_VALUE_COMMAND_H

#include <dengine/client.h>

#include "cli/arguments.h"

#ifdef __cplusplus
extern "C" {
#endif

int de_cli_put(const struct de_cli_arguments *arguments, struct dengine_client *client);
int de_cli_get(const struct de_cli_arguments *arguments, struct dengine_client *client);
int de_cli_cas(const struct de_cli_arguments *arguments, struct dengine_client *client);

#ifdef __cplusplus
}
#endif

#endif
