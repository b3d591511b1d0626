/* dengine/state_machine.h - what a replicated state machine has to offer.
 *
 * Every replica applies the same commands in the same order, so apply must be a function of the
 * state and the command alone: no clock, no random number, no address, no iteration in hash order.
 *
 * Threads: begin, apply, commit come from one thread (the applier). Reads are the state machine's
 * own affair and may run in any thread beside it.
 *
 * A non-zero return of begin, apply or commit means that this replica cannot go on (disk full, disk
 * broken): the node halts with message() as the reason. An answer to a command that does not please
 * the client is not such a failure: it goes to result->status and is the same on every replica. */
#ifndef DENGINE_STATE_MACHINE_H
#define DENGINE_STATE_MACHINE_H

#include <stdbool.h>

#include <dengine/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The answer to one command. */
struct dengine_result {
    int status;        /* 0, or the DENGINE_E_* that every replica gives */
    bool succeeded;    /* CAS: the comparison was true; else true */
    uint64_t revision; /* log index of the entry that carried the command */
};

struct dengine_state_machine_ops {
    /* What has been applied and committed; both 0 in a new one. */
    int (*applied)(void *machine, uint64_t *index, uint64_t *term);
    /* Opens an atomic batch. */
    int (*begin)(void *machine);
    /* One command of the entry at index. Called in log order; an entry may carry several. */
    int (*apply)(void *machine, uint64_t index, uint64_t term, struct dengine_slice command,
                 struct dengine_result *result);
    /* Everything since begin, and "applied up to (index, term)", become visible together. */
    int (*commit)(void *machine, uint64_t index, uint64_t term);
    /* A checksum of the whole state at its applied index, the same on every replica there. For
     * tests and the simulator; may be slow. */
    int (*digest)(void *machine, uint64_t *digest);
    /* One sentence about the last failure; lives until the next call. */
    const char *(*message)(void *machine);
};

/* A state machine: an implementation and its object. Passed by value. */
struct dengine_state_machine {
    const struct dengine_state_machine_ops *ops;
    void *object;
};

#ifdef __cplusplus
}
#endif

#endif
