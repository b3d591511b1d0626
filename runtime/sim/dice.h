/* runtime/sim/dice.h - addressed randomness.
 *
 * A draw is a function of (seed, stream, entity, counter), never the next number of a shared
 * generator. So taking one fault out of a run leaves all other draws as they were, which is what
 * lets a failing run be made smaller. Integers only: the same on every compiler.
 *
 * A dice is a place in that space: it fixes seed, stream and entity and counts its draws. Make one
 * per decision (a message, a fault, an operation), so that no decision shifts another. */
#ifndef DE_RUNTIME_SIM_DICE_H
#define DE_RUNTIME_SIM_DICE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Probabilities are in parts per million. */
#define DE_DICE_CERTAIN_PPM 1000000u

/* Who draws. The numbers are part of what a seed means: never renumber. */
enum de_dice_stream {
    DE_DICE_TIE = 1,      /* order of events at one time */
    DE_DICE_NETWORK = 2,  /* entity: link and message number */
    DE_DICE_LINK = 3,     /* entity: link; its character for the whole run */
    DE_DICE_DISK = 4,     /* entity: host and power cut */
    DE_DICE_HOST = 5,     /* entity: host and job number */
    DE_DICE_CLOCK = 6,    /* entity: host */
    DE_DICE_CLUSTER = 7,  /* shape and options of the cluster */
    DE_DICE_NEMESIS = 8,  /* entity: fault number */
    DE_DICE_CLIENT = 9,   /* entity: client and operation number */
    DE_DICE_GUIDED = 10,  /* entity: reactive fault and how often it has reacted */
    DE_DICE_RAFT = 11,    /* entity: host and incarnation; seeds the core's own generator */
    DE_DICE_HEAL = 12,    /* which core is healed */
    DE_DICE_WATCH = 13,   /* entity: host and look of its watcher, or life of the host */
    DE_DICE_SERVICE = 14, /* entity: client of the service and operation number */
    DE_DICE_FLUSH = 15,   /* when logs are flushed that report early */
    DE_DICE_ADMIN = 20,   /* entity: attempt of the operator */
    DE_DICE_MEMORY = 21,  /* entity: host and incarnation; when there is no memory */
    DE_DICE_RANGE = 23,   /* entity: client of ranges and operation number; 0: their cluster */
    DE_DICE_QUEUE = 24,   /* entity: client of locks and elections and its draw; 0: their cluster */
    DE_DICE_GARBLE = 25,  /* entity: host and number of the message it got */
    DE_DICE_VERSION = 30, /* entity: host and incarnation; when it is upgraded */
    DE_DICE_SITE = 22,    /* entity: host, or 0: which sites have a chance (core/base/site.h) */
};

uint64_t de_dice_draw(uint64_t seed, uint32_t stream, uint64_t entity, uint64_t counter);

struct de_dice {
    uint64_t key;
    uint64_t counter;
};

void de_dice_init(struct de_dice *dice, uint64_t seed, uint32_t stream, uint64_t entity);

/* The next 64 bits of this dice. */
uint64_t de_dice_next(struct de_dice *dice);

/* Uniform in [0, bound), bound > 0; the bias is below bound / 2^32. */
uint64_t de_dice_below(struct de_dice *dice, uint64_t bound);

/* Uniform in [low, high]; low <= high, high - low < 2^64 - 1. */
uint64_t de_dice_between(struct de_dice *dice, uint64_t low, uint64_t high);

/* True with this probability. */
bool de_dice_chance(struct de_dice *dice, uint32_t ppm);

/* Exponentially distributed with about this mean (piecewise linear between the halvings), at most
 * 64 ln 2 times the mean; mean < 2^40. */
uint64_t de_dice_exponential(struct de_dice *dice, uint64_t mean);

#ifdef __cplusplus
}
#endif

#endif
