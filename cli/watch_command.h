/* cli/watch_command.h - dengine-cli watch. */
#ifndef DE_CLI_WATCH_COMMAND_H
#define DE_CLI_WATCH_COMMAND_H

#include <dengine/client.h>

#include "cli/arguments.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Prints changes until --limit of them have been seen. 0, or what ended the watch; *revision is
 * then where to go on from, 0 when that is not known. */
int de_cli_watch(const struct de_cli_arguments *arguments, struct dengine_client *client,
                 uint64_t *revision);

#ifdef __cplusplus
}
#endif

#endif
