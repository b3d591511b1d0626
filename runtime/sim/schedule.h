/* runtime/sim/schedule.h - the explicit list of faults of a run.
 *
 * Drawn from the seed at first (each fault at its own address, so that leaving one out changes no
 * other), then data: it can be printed, and run without the seed that made it. One line each:
 *
 *   start_us duration_us kind target a b
 *
 * target is a node, or 0 for whoever leads when the fault starts. What a and b mean is in the table
 * of kinds. */
#ifndef DE_RUNTIME_SIM_SCHEDULE_H
#define DE_RUNTIME_SIM_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* X(NAME, text, weight, what it does). */
#define DE_FAULT_MAP(X)                                                                            \
    X(ISOLATE, "isolate", 10, "target hears and reaches no node")                                  \
    X(DEAF, "deaf", 6, "target hears no node, but reaches them")                                   \
    X(MUTE, "mute", 6, "target reaches no node, but hears them")                                   \
    X(SPLIT, "split", 8, "nodes in bit mask a and the others do not reach one another")            \
    X(LINK, "link", 6, "the link from target to node a is cut, one way")                           \
    X(LOSS, "loss", 6, "a ppm of all packets are lost")                                            \
    X(DUPLICATE, "duplicate", 6, "a ppm of all packets come twice")                                \
    X(REPLAY, "replay", 8, "a ppm of all packets come again, much later")                          \
    X(TAIL, "tail", 6, "a ppm of all packets are very late")                                       \
    X(CLOG, "clog", 6, "packets to target are held back, then come at once")                       \
    X(CRASH, "crash", 12, "target stops; a: 0 process, else power cut of kind a - 1")              \
    X(TRAP, "trap", 14, "target stops at trap b; a as in crash; then is down for the duration")    \
    X(PAUSE, "pause", 8, "target does nothing, its clock goes on")                                 \
    X(SLOW_DISK, "slow-disk", 6, "target's disk is a times slower")                                \
    X(BLACKOUT, "blackout", 3, "every node has a power cut of kind a - 1")                         \
    X(CHURN, "churn", 8, "each new leader is cut off within b us, with a friend if a & 1")

enum de_fault_kind {
#define DE_FAULT_ENUM(name, text, weight, what) DE_FAULT_##name,
    DE_FAULT_MAP(DE_FAULT_ENUM)
#undef DE_FAULT_ENUM
        DE_FAULT_KINDS
};

/* For de_fault.target: who leads when the fault starts. */
#define DE_FAULT_LEADER 0u

struct de_fault {
    uint64_t start_ns;
    uint64_t duration_ns;
    uint32_t kind; /* enum de_fault_kind */
    uint32_t target;
    uint64_t a;
    uint64_t b;
};

struct de_schedule {
    struct de_fault *faults; /* in the order of their numbers, not of time */
    size_t count;
    size_t capacity;
    uint32_t families; /* bit mask of kinds that the seed chose */
};

struct de_schedule_options {
    uint64_t seed;
    uint32_t nodes;
    uint32_t allowed; /* bit mask of kinds */
    uint64_t start_ns;
    uint64_t end_ns;
    uint64_t gap_ns; /* mean time between the starts of two faults */
};

void de_schedule_init(struct de_schedule *schedule);
void de_schedule_deinit(struct de_schedule *schedule);
void de_schedule_add(struct de_schedule *schedule, const struct de_fault *fault);

/* Draws a subset of the allowed families, then faults of these (swarm testing: Groce et al., ISSTA
 * 2012; a run with few kinds of faults goes deeper than one with all). */
void de_schedule_draw(struct de_schedule *schedule, const struct de_schedule_options *options);

/* The text of a kind. Static. */
const char *de_fault_text(uint32_t kind);

/* One line for people and files, without a newline. */
void de_fault_print(const struct de_fault *fault, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
