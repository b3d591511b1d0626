/* core/base/random.h - pseudo-random numbers that are part of an object's state.
 *
 * xoshiro256++ seeded by splitmix64 (Blackman and Vigna). Integers only, the same on every
 * compiler. Not for secrets. Not thread-safe: one generator has one owner. */
#ifndef DE_CORE_BASE_RANDOM_H
#define DE_CORE_BASE_RANDOM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct de_random {
    uint64_t state[4];
};

/* Starts the sequence that belongs to seed; any seed is good, 0 included. */
void de_random_init(struct de_random *random, uint64_t seed);

/* The next 64 random bits. */
uint64_t de_random_next(struct de_random *random);

/* Uniform in [0, bound); bound > 0. Without modulo bias. */
uint64_t de_random_below(struct de_random *random, uint64_t bound);

/* Uniform in [low, high]; low <= high. */
uint64_t de_random_between(struct de_random *random, uint64_t low, uint64_t high);

/* A well-mixed one-to-one function of x, the first output of splitmix64 with seed x: addressed
 * randomness hashes its coordinates with it. */
uint64_t de_mix64(uint64_t x);

#ifdef __cplusplus
}
#endif

#endif
