/* dengine/state_machine.h - what a replicated state machine has to offer.
 *
 * Every replica applies the same commands in the same order, so apply must be a function of the
 * state and the command alone: no clock, no random number, no address, no iteration in hash order.
 *
 * Threads: begin, apply, commit, save_begin and the restore calls come from one thread (the
 * applier). A save is read and ended by one other thread, while the applier goes on. Reads are the
 * state machine's own affair and may run in any thread beside it.
 *
 * Time comes from the log: the leader stamps each entry with cluster time (nanoseconds since the
 * cluster's first leader took office, standing still while there is none), and apply is told the
 * stamp of its entry. Stamps never go back.
 *
 * A non-zero return of begin, apply or commit means that this replica cannot go on (the disk is
 * broken): the node halts with message() as the reason. Save NO_SPACE: then the state machine has
 * given up the open batch, nothing of it has happened, and the node begins it again later.
 *
 * An answer to a command that does not please the client is not such a failure: it goes to
 * result->status and is the same on every replica. */
#ifndef DENGINE_STATE_MACHINE_H
#define DENGINE_STATE_MACHINE_H

#include <stdbool.h>

#include <dengine/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where a command stands in the log. */
struct dengine_position {
    uint64_t index;
    uint64_t term;
    uint64_t time_ns; /* cluster time of the entry */
};

/* The answer to one command. */
struct dengine_result {
    int status;        /* 0, or the DENGINE_E_* that every replica gives */
    bool succeeded;    /* CAS: the comparison was true; else true */
    uint64_t revision; /* log index of the entry that carried the command */
    /* What the command answers beyond that, if anything. The state machine's own; lives until the
     * next begin. At most DENGINE_RESULTS_BYTES_MAX for all commands of one entry together. */
    struct dengine_slice bytes;
};

#define DENGINE_RESULTS_BYTES_MAX ((size_t)16 << 20)

/* What a state machine knows of time after its last commit. */
struct dengine_machine_clock {
    uint64_t time_ns; /* greatest stamp applied; 0 = none */
    /* When cluster time reaches this, the leader proposes wake_command; UINT64_MAX = never. The
     * command is looked at like any other, so it must do no harm when it comes late, or twice. */
    uint64_t wake_ns;
    struct dengine_slice wake_command; /* not empty; lives as long as the state machine */
};

/* A consistent state being saved; the state machine's own. */
struct dengine_machine_save;

struct dengine_state_machine_ops {
    /* What has been applied and committed; both 0 in a new one. */
    int (*applied)(void *machine, uint64_t *index, uint64_t *term);
    /* Opens an atomic batch. */
    int (*begin)(void *machine);
    /* One command of the entry at a position. Called in log order; an entry may carry several. */
    int (*apply)(void *machine, const struct dengine_position *at, struct dengine_slice command,
                 struct dengine_result *result);
    /* Everything since begin, and "applied up to (index, term)", become visible together. */
    int (*commit)(void *machine, uint64_t index, uint64_t term);
    /* Called outside a batch. NULL: the state machine has no use for time. */
    void (*clock)(void *machine, struct dengine_machine_clock *clock);
    /* A checksum of the whole state at its applied index, the same on every replica there. For
     * tests and the simulator; may be slow. */
    int (*digest)(void *machine, uint64_t *digest);
    /* Opens a save of the state as it is now, between two entries, and says where that is. Must be
     * quick: applying goes on beside it and does not show in it. */
    int (*save_begin)(void *machine, struct dengine_machine_save **save, uint64_t *index,
                      uint64_t *term);
    /* The next bytes of the state as a stream, at most capacity (>= 64 KiB); *size 0: that was all.
     * The stream is a function of the state alone: the same on every replica, with every store. */
    int (*save_read)(void *machine, struct dengine_machine_save *save, void *buffer,
                     size_t capacity, size_t *size);
    void (*save_end)(void *machine, struct dengine_machine_save *save);
    /* Replaces the whole state by a saved one. The bytes come in order, cut anywhere. Readers see
     * the old state until restore_commit and the new one after it, and so does whoever opens the
     * state machine after a crash. restore_commit checks that the stream was whole and of (index,
     * term): CORRUPT else, and the old state stays. abort and a failed commit end the restore. */
    int (*restore_begin)(void *machine);
    int (*restore_write)(void *machine, struct dengine_slice bytes);
    int (*restore_commit)(void *machine, uint64_t index, uint64_t term);
    void (*restore_abort)(void *machine);
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
