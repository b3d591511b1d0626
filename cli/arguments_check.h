/* cli/arguments_check.h - what no single word of the command line shows: that options belong to the
 * command, that nothing is missing; and how a word is refused.
 *
 * Threads: pure functions. */
#ifndef DE_CLI_ARGUMENTS_CHECK_H
#define DE_CLI_ARGUMENTS_CHECK_H

#include "cli/arguments.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Longest life of a key or lease, nine years. */
#define DE_CLI_TTL_S_MAX UINT64_C(288230376)

/* Longest lease of a lock, 49 days. */
#define DE_CLI_HOLD_S_MAX 4294967

/* All words have been taken. 0, or INVALID with arguments->message; as the following. */
int de_cli_check(struct de_cli_arguments *arguments);

/* Sets the message. */
__attribute__((format(printf, 2, 3))) int de_cli_refuse(struct de_cli_arguments *arguments,
                                                        const char *format, ...);

/* A number from 1 to most. */
int de_cli_take_number(struct de_cli_arguments *arguments, const char *what, const char *value,
                       uint64_t most, uint64_t *number);

#ifdef __cplusplus
}
#endif

#endif
