/* tests/processes/process.h - child processes for tests: what they print, when they end.
 *
 * A child dies with the test, however that ends (PR_SET_PDEATHSIG); start children from the main
 * thread, whose end is the test's end.
 *
 * Threads: one object is used by one thread; its own thread reads the child's output. */
#ifndef DE_TESTS_PROCESSES_PROCESS_H
#define DE_TESTS_PROCESSES_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct de_process;

/* What de_process_wait returns for a child that a signal killed: this plus the signal. */
#define DE_PROCESS_SIGNALLED 1000

/* Starts argv[0] (a path) with input (may be NULL) as its standard input. Fails the test when it
 * cannot. */
struct de_process *de_process_start(const char *const *argv, const char *input);

/* Waits until the child has printed text on standard error, in what it printed after `from` bytes.
 * False when it has ended without, or time is over. */
bool de_process_expect(struct de_process *process, const char *text, size_t from,
                       uint32_t timeout_ms);

/* The child's id. */
long de_process_id(const struct de_process *process);

/* Sends a signal to the child, by its id. */
void de_process_signal(struct de_process *process, int signal);

/* Waits until the child has ended. Its exit status, DE_PROCESS_SIGNALLED + signal, or -1 when time
 * is over. */
int de_process_wait(struct de_process *process, uint32_t timeout_ms);

/* What the child has printed so far, with a terminator after it; lives until the same is asked for
 * again. */
const char *de_process_output(struct de_process *process, size_t *size);
const char *de_process_errors(struct de_process *process);

/* Kills the child if it still runs, and frees everything. NULL is allowed. */
void de_process_free(struct de_process *process);

/* Start, wait (at most timeout_ms) and keep for a look: for programs that end by themselves. */
struct de_process *de_process_run(const char *const *argv, const char *input, uint32_t timeout_ms,
                                  int *status);

/* A server's "listening" line: its port; 0 when there is none within time. */
uint16_t de_process_listening(struct de_process *process, uint32_t timeout_ms);

/* Milliseconds of the monotonic clock. */
uint64_t de_now_ms(void);

#ifdef __cplusplus
}
#endif

#endif
