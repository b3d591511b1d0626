/* cli/exit_status.h - the exit statuses of dengine-cli; part of its interface. */
#ifndef DE_CLI_EXIT_STATUS_H
#define DE_CLI_EXIT_STATUS_H

enum de_cli_exit_status {
    STATUS_OK = 0,
    STATUS_FALSE = 1,       /* a comparison was false, a key is absent, a log is damaged */
    STATUS_USAGE = 2,       /* the command line */
    STATUS_UNAVAILABLE = 3, /* nothing was done */
    STATUS_UNKNOWN = 4,     /* the outcome of a write is unknown */
};

#endif
