/* cli/attention.h - a command that goes on until something happens: a signal, or word from a thread
 * of the library.
 *
 * Threads: say from any; the rest from the main thread. */
#ifndef DE_CLI_ATTENTION_H
#define DE_CLI_ATTENTION_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct de_cli_attention {
    int signals; /* a signalfd */
    int word;    /* an eventfd */
    sigset_t before;
};

/* From now on SIGTERM, SIGHUP, SIGINT, SIGQUIT and SIGCHLD are only seen here: by the whole
 * process, since threads of the library take no signals. False when the process may open no more
 * files. */
bool de_cli_attention_begin(struct de_cli_attention *attention);
/* For processes that are started: the signals as they were. */
const sigset_t *de_cli_attention_before(const struct de_cli_attention *attention);
void de_cli_attention_end(struct de_cli_attention *attention);

/* Ends the wait under way, or the next one. */
void de_cli_attention_say(struct de_cli_attention *attention);

/* Waits. The signal that came; 0: there was word. */
int de_cli_attention_wait(struct de_cli_attention *attention);

#ifdef __cplusplus
}
#endif

#endif
