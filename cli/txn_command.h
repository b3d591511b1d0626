/* cli/txn_command.h - dengine-cli txn.
 *
 * Threads: one. */
#ifndef DE_CLI_TXN_COMMAND_H
#define DE_CLI_TXN_COMMAND_H

#include "cli/arguments.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Carries out the script (cli/txn_script.h) in text, which is written into, and prints what it
 * found. 0 or a DENGINE_E_*; with a message when it is the script that is wrong, else "".
 * *succeeded: all comparisons were true. */
int de_cli_txn(const struct de_cli_arguments *arguments, struct dengine_client *client, char *text,
               size_t size, bool *succeeded, char *message, size_t message_size);

#ifdef __cplusplus
}
#endif

#endif
