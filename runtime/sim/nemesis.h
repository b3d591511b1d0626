/* runtime/sim/nemesis.h - carries out a schedule of faults.
 *
 * Most faults start and end on their own; some go on in steps. Two wait for the replicas: a trap
 * crashes its target when that does a certain thing, and churn cuts off every new leader soon after
 * it was elected, alone or with one friend, and lets the one before come back. Churn is what Raft
 * figure 8 needs: leaders that append, fall silent, and return with what they appended.
 *
 * The budget: what takes durable data away for good (rot, the loss of a disk) hits at most so many
 * nodes that every committed entry stays on a quorum's intersection: a minority. Such a node stays
 * away once it is down, and a fault beyond the budget does not start. Where logs report early the
 * same holds for crashes: a node may have forgotten entries from when it stops, or waits at a trap,
 * until it is whole again. One thread. */
#ifndef DE_RUNTIME_SIM_NEMESIS_H
#define DE_RUNTIME_SIM_NEMESIS_H

#include "runtime/sim/host.h"
#include "runtime/sim/schedule.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Kinds of kernel events that the nemesis uses; its entity is 0. */
enum de_nemesis_event {
    DE_NEMESIS_START = 13,
    DE_NEMESIS_END = 14,
    DE_NEMESIS_RESTART = 15,
    DE_NEMESIS_CHURN = 16,
    DE_NEMESIS_STEP = 20,
};

/* What a fault did, so that its end can undo it. */
struct de_nemesis_fault {
    bool active;
    uint32_t target; /* resolved */
    uint64_t steps;  /* so far */
    uint32_t phase;  /* of a kind that has some */
};

struct de_nemesis {
    struct de_kernel *kernel;
    struct de_network *network;
    struct de_host *hosts; /* by id, from 1 */
    uint32_t nodes;
    const struct de_schedule *schedule;
    struct de_nemesis_fault *states;           /* by number of the fault */
    uint64_t down_ns[DE_ORACLE_NODES_MAX + 1]; /* how long a trapped host stays down */
    bool forgetful;    /* logs report early: a crash takes the end of one away */
    bool beyond;       /* no budget: a majority may be damaged */
    bool members_vary; /* not all nodes are voters, and not for ever */
    uint64_t damaged;  /* nodes whose durable data is or may be gone; mask of ids */
    /* Churn: the active fault, who is cut off, and with whom. */
    bool churning;
    struct de_fault churn;
    uint32_t cut_off; /* 0 = nobody */
    uint32_t cut_friend;
    uint64_t reactions;
    bool healed;   /* from then on no fault starts and only the core restarts by itself */
    uint32_t core; /* once healed; mask of ids */
    uint64_t started;
};

void de_nemesis_init(struct de_nemesis *nemesis, struct de_kernel *kernel,
                     struct de_network *network, struct de_host *hosts, uint32_t nodes,
                     const struct de_schedule *schedule);
void de_nemesis_deinit(struct de_nemesis *nemesis);

/* Hooks of de_host_shared. */
void de_nemesis_elected(struct de_nemesis *nemesis, uint32_t id, uint64_t term);
void de_nemesis_trapped(struct de_nemesis *nemesis, uint32_t id);
/* A trap that has become too much for the budget, since there are fewer voters now, is taken away.
 */
void de_nemesis_changed(struct de_nemesis *nemesis);

/* The running host that leads the highest term; 0 = none. */
uint32_t de_nemesis_leader(const struct de_nemesis *nemesis);

/* Who may have forgotten what it acknowledged, or is down, or about to be: a bit mask of ids. */
uint64_t de_nemesis_forgetting(const struct de_nemesis *nemesis);

/* Heals a core: these nodes (0: a majority drawn from the seed) are connected, running and in good
 * health; of the others each may stay down, cut off or deaf for good. Returns the core, as a bit
 * mask of ids. */
uint32_t de_nemesis_heal(struct de_nemesis *nemesis, uint32_t core);

#ifdef __cplusplus
}
#endif

#endif
