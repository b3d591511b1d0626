/* cli/member_command.h - dengine-cli member, leader and transfer. */
#ifndef DE_CLI_MEMBER_COMMAND_H
#define DE_CLI_MEMBER_COMMAND_H

#include <dengine/client.h>

#include "cli/arguments.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Each prints what there is to print. 0, or the error of the call. */
int de_cli_member(const struct de_cli_arguments *arguments, struct dengine_client *client);
int de_cli_transfer(const struct de_cli_arguments *arguments, struct dengine_client *client);

/* *known: there is a leader, and it was printed. */
int de_cli_leader(const struct de_cli_arguments *arguments, struct dengine_client *client,
                  bool *known);

#ifdef __cplusplus
}
#endif

#endif
