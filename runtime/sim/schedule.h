/* runtime/sim/schedule.h - the explicit list of faults of a run.
 *
 * Drawn from the seed at first (each fault at its own address, so that leaving one out changes no
 * other), then data: it can be printed, edited and run (plan.h). One line each:
 *
 *   start_us duration_us kind target a b
 *
 * target is a node, or 0 for whoever leads when the fault starts. What a and b mean is in the table
 * of kinds; bit masks of endpoints have bit id set for node id. */
#ifndef DE_RUNTIME_SIM_SCHEDULE_H
#define DE_RUNTIME_SIM_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* X(NAME, text, weight, DURATION, PARAMETERS, what it does). DURATION and PARAMETERS say how they
 * are drawn (schedule_draw.c). How a kind starts and ends is in the table of nemesis.c. */
#define DE_FAULT_MAP(X)                                                                            \
    /* Partitions of the nodes. */                                                                 \
    X(ISOLATE, "isolate", 10, USUAL, NONE, "target hears and reaches no node")                     \
    X(DEAF, "deaf", 6, USUAL, NONE, "target hears no node, but reaches them")                      \
    X(MUTE, "mute", 6, USUAL, NONE, "target reaches no node, but hears them")                      \
    X(SPLIT, "split", 8, USUAL, SPLIT,                                                             \
      "nodes in mask a and the others do not reach one another; b: nor their share of clients")    \
    X(ONE_WAY, "one-way", 4, USUAL, MASK,                                                          \
      "nodes in mask a do not reach the others, but hear them")                                    \
    X(BRIDGE, "bridge", 4, USUAL, MASK, "nodes in mask a and the others meet only in target")      \
    X(RING, "ring", 4, USUAL, NONE, "each node has its own majority, the nearest on a ring")       \
    X(FLAP, "flap", 4, USUAL, PERIOD, "target is isolated and joined again every a us")            \
    X(LINK, "link", 6, USUAL, NODE, "the link from target to node a is cut, one way")              \
    X(REPLIES, "replies", 4, USUAL, CLIENTS, "answers of all nodes to clients in mask a are lost") \
    /* Trouble of the network. */                                                                  \
    X(LOSS, "loss", 6, USUAL, RATE, "a ppm of all packets are lost")                               \
    X(DUPLICATE, "duplicate", 6, USUAL, RATE, "a ppm of all packets come twice")                   \
    X(REPLAY, "replay", 8, USUAL, RATE, "a ppm of all packets come again, much later")             \
    X(TAIL, "tail", 6, USUAL, RATE, "a ppm of all packets are very late")                          \
    X(CORRUPT, "corrupt", 5, USUAL, RATE, "a ppm of all packets between nodes are damaged")        \
    X(CLOG, "clog", 6, SHORT, NONE, "packets to target are held back, then come at once")          \
    X(SWIZZLE, "swizzle", 4, USUAL, SWIZZLE,                                                       \
      "nodes in mask a are clogged one by one and released in another order, drawn from b")        \
    X(BANDWIDTH, "bandwidth", 4, USUAL, BANDWIDTH, "links carry a kB/s; b packets may wait")       \
    X(RESET, "reset", 5, SHORT, NONE,                                                              \
      "connections of target are reset; what is under way is lost")                                \
    X(HALF_OPEN, "half-open", 5, USUAL, NODE,                                                      \
      "the link from target to node a loses all and does not notice; then it is reset")            \
    /* Processes. */                                                                               \
    X(CRASH, "crash", 12, CRASH, CRASH,                                                            \
      "target stops; a: 0 process, else power cut of kind a - 1")                                  \
    X(TRAP, "trap", 14, CRASH, TRAP,                                                               \
      "target stops at trap b; a as in crash; then is down for the duration")                      \
    X(BLACKOUT, "blackout", 3, BLACKOUT, CUT, "every node has a power cut of kind a - 1")          \
    X(CRASH_LOOP, "crash-loop", 4, USUAL, LOOP, "target stops (a as in crash) every b us")         \
    X(PAUSE, "pause", 8, SHORT, NONE, "target does nothing, its clock goes on")                    \
    X(SUSPEND, "suspend", 4, SHORT, NONE, "target does nothing, its clock stands still")           \
    X(SLOW_NODE, "slow-node", 4, USUAL, FACTOR, "target thinks a times slower")                    \
    /* Disks. */                                                                                   \
    X(SLOW_DISK, "slow-disk", 6, USUAL, FACTOR, "target's disk is a times slower")                 \
    X(STALL, "stall", 4, SHORT, NONE, "target's disk does nothing")                                \
    X(SYNC_ERROR, "sync-error", 4, CRASH, DISK_ERROR,                                              \
      "target's b-th sync fails and what it covered never reaches the medium; a as in crash")      \
    X(WRITE_ERROR, "write-error", 4, CRASH, DISK_ERROR,                                            \
      "target's b-th write fails in its middle; a as in crash")                                    \
    X(READ_ERROR, "read-error", 3, CRASH, DISK_ERROR, "target's b-th read fails; a as in crash")   \
    X(STORE_ERROR, "store-error", 3, CRASH, DISK_ERROR,                                            \
      "the b-th call of target's state store fails: b % 3 says how; a as in crash")                \
    X(NO_SPACE, "no-space", 5, USUAL, SPACE,                                                       \
      "target's disk has room for a more bytes; b & 1: all disks; b & 2: the log does not "        \
      "foresee it")                                                                                \
    X(ROT, "rot", 3, CRASH, ROT, "bits of old data on target's disk flip (at b); then it stops")   \
    X(DISK_LOSS, "disk-loss", 2, CRASH, NONE, "target stops and its disk is gone for good")        \
    /* Clocks. */                                                                                  \
    X(DRIFT, "drift", 4, USUAL, DRIFT, "target's clock runs at a ppm of real time")                \
    X(STEP, "step", 3, SHORT, STEP, "target's clock jumps forward by a us")                        \
    X(STOP, "stop", 3, SHORT, NONE, "target's clock stands still, the node goes on")               \
    /* Guided by what the replicas do. */                                                          \
    X(CHURN, "churn", 8, CHURN, CHURN,                                                             \
      "each new leader is cut off within b us, with a friend if a & 1")                            \
    X(STALE, "stale", 5, USUAL, DELAY,                                                             \
      "target hears no node; after a us none hears it; when another leads, all comes at once; b: " \
      "but what that one sends")                                                                   \
    /* Those that came later, see DE_FAULT_APART. */                                               \
    X(GARBLE, "garble", 4, USUAL, RATE,                                                            \
      "before a ppm of all messages a node gets one with a good checksum that means nothing")      \
    X(SNAPSHOT_LOSS, "snapshot-loss", 2, CRASH, CRASH,                                             \
      "target stops (a as in crash), and its snapshots alone are gone")                            \
    X(STARVE, "starve", 4, CRASH, DISK_ERROR,                                                      \
      "target stops (a as in crash); when it starts there is no memory at the b-th time it asks")  \
    X(SNAPSHOT_ROT, "snapshot-rot", 6, CRASH, ROT,                                                 \
      "a bit of target's newest snapshot flips (at b) while it runs and sends it")

enum de_fault_kind {
#define DE_FAULT_ENUM(name, text, weight, duration, parameters, what) DE_FAULT_##name,
    DE_FAULT_MAP(DE_FAULT_ENUM)
#undef DE_FAULT_ENUM
        DE_FAULT_KINDS
};

/* Kinds as a set. */
#define DE_FAULT_BIT(name) (UINT64_C(1) << DE_FAULT_##name)
#define DE_FAULT_ALL       ((UINT64_C(1) << DE_FAULT_KINDS) - 1)
/* Kinds from this one on came later. They are drawn apart from the others, so that of a seed what
 * it was before stays. */
#define DE_FAULT_APART DE_FAULT_GARBLE

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
};

struct de_schedule_options {
    uint64_t seed;
    uint32_t nodes;
    uint32_t clients;
    uint64_t allowed; /* set of kinds */
    uint64_t start_ns;
    uint64_t end_ns;
    uint64_t gap_ns;     /* mean time between the starts of two faults */
    uint32_t themed_ppm; /* chance of a set of kinds that go deep together */
    uint32_t traps;      /* kinds of traps, from 1; 0 = those that every run comes by */
    bool late_churn; /* leaders may lead for a while, and have a lease, before they are cut off */
};

void de_schedule_init(struct de_schedule *schedule);
void de_schedule_deinit(struct de_schedule *schedule);
void de_schedule_add(struct de_schedule *schedule, const struct de_fault *fault);

/* Draws a subset of the allowed kinds, then faults of these (swarm testing: Groce et al., ISSTA
 * 2012; a run with few kinds of faults goes deeper than one with all). */
void de_schedule_draw(struct de_schedule *schedule, const struct de_schedule_options *options);

/* The text of a kind and what it does. Static. */
const char *de_fault_text(uint32_t kind);
const char *de_fault_what(uint32_t kind);
/* The kind of this text; DE_FAULT_KINDS when there is none. */
uint32_t de_fault_find(const char *text);

/* One line for people and files, without a newline. */
void de_fault_print(const struct de_fault *fault, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
