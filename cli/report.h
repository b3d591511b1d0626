/* cli/report.h - what the commands of dengine-cli have in common: values from standard input, and
 * how they say what came of it. The functions that return int return the exit status.
 *
 * Threads: one. */
#ifndef DE_CLI_REPORT_H
#define DE_CLI_REPORT_H

#include <dengine/client.h>

#include "cli/arguments.h"
#include "cli/exit_status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A value from the command line or from standard input. */
struct de_cli_input {
    struct dengine_slice bytes;
    char *owned; /* NULL: bytes are the command line's */
};

/* What word is, or standard input when it is "-". False with a message printed. */
bool de_cli_take_value(const char *word, struct de_cli_input *input);

/* Messages quote what they are about, which may be any bytes: a terminal is not to obey them. */
int de_cli_usage_error(const char *message);

/* err, with detail ("": none); write: it may have taken effect. */
int de_cli_report_failure(const struct de_cli_arguments *arguments, int err, const char *detail,
                          bool write);

/* The same with what dengine_last_error has to say. */
int de_cli_report_error(const struct de_cli_arguments *arguments, struct dengine_client *client,
                        int err, bool write);

int de_cli_report_done(const struct de_cli_arguments *arguments);

#ifdef __cplusplus
}
#endif

#endif
