/* cli/scan_command.h - dengine-cli scan.
 *
 * Threads: one. */
#ifndef DE_CLI_SCAN_COMMAND_H
#define DE_CLI_SCAN_COMMAND_H

#include "cli/arguments.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Prints a line: key, tabulator, value. */
void de_cli_print_pair(const struct dengine_pair *pair, bool keys_only);
/* Prints an object, without a newline. */
void de_cli_print_pair_json(const struct dengine_pair *pair, bool keys_only);

/* Prints the keys with the prefix, page by page, or how many there are. 0 or a DENGINE_E_*; what
 * was printed before an error is right as far as it goes. */
int de_cli_scan(const struct de_cli_arguments *arguments, struct dengine_client *client);

#ifdef __cplusplus
}
#endif

#endif
