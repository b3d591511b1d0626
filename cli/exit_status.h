/* cli/exit_status.h - the exit statuses of dengine-cli; part of its interface. */
#ifndef DE_CLI_EXIT_STATUS_H
#define DE_CLI_EXIT_STATUS_H

enum de_cli_exit_status {
    STATUS_OK = 0,
    STATUS_FALSE = 1,       /* a comparison was false, a key is absent, a log is damaged */
    STATUS_USAGE = 2,       /* the command line */
    STATUS_UNAVAILABLE = 3, /* nothing was done */
    STATUS_UNKNOWN = 4,     /* the outcome of a write is unknown */
    /* Of lock, as other programs that run programs have them; else it is that of the program. */
    STATUS_LOCK_LOST = 125,
    STATUS_CANNOT_RUN = 126,
    STATUS_NO_PROGRAM = 127,
    STATUS_SIGNALLED = 128, /* plus the signal */
};

#endif
