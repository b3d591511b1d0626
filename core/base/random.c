#include "core/base/random.h"

#include "core/base/assert.h"

/* 2^64 divided by the golden ratio, odd: the step of splitmix64's counter. */
#define GOLDEN_GAMMA UINT64_C(0x9e3779b97f4a7c15)

DE_STATIC_ASSERT(GOLDEN_GAMMA % 2 == 1, "an odd step visits every 64-bit number");
DE_STATIC_ASSERT(sizeof(struct de_random) == 32, "copied and compared as bytes: no padding");

static uint64_t rotate_left(uint64_t x, unsigned count)
{
    DE_ASSERT(count > 0 && count < 64);
    return (x << count) | (x >> (64 - count));
}

uint64_t de_mix64(uint64_t x)
{
    x += GOLDEN_GAMMA;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* All zeros is the one state that xoshiro never leaves. */
static void check_state(const struct de_random *random)
{
    DE_ASSERT(random != NULL);
    DE_ASSERT((random->state[0] | random->state[1] | random->state[2] | random->state[3]) != 0);
}

void de_random_init(struct de_random *random, uint64_t seed)
{
    DE_ASSERT(random != NULL);
    for (unsigned i = 0; i < DE_ARRAY_SIZE(random->state); i++) {
        random->state[i] = de_mix64(seed + i * GOLDEN_GAMMA);
    }
    /* The mixing is a bijection and the four counters differ, so at most one word is zero. */
    check_state(random);
}

uint64_t de_random_next(struct de_random *random)
{
    uint64_t *s;
    uint64_t result;
    uint64_t shifted;

    check_state(random);
    s = random->state;
    result = rotate_left(s[0] + s[3], 23) + s[0];
    shifted = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t de_random_below(struct de_random *random, uint64_t bound)
{
    uint64_t skip;
    uint64_t bits;

    DE_ASSERT(bound > 0);
    /* 2^64 mod bound: that many of the 2^64 values are thrown away, so that what is left divides
     * evenly. Less than half of them, so the loop ends soon. */
    skip = (UINT64_MAX - bound + 1) % bound;
    DE_ASSERT(skip < bound);
    do {
        bits = de_random_next(random);
    } while (bits < skip);
    return bits % bound;
}

uint64_t de_random_between(struct de_random *random, uint64_t low, uint64_t high)
{
    uint64_t offset;

    DE_ASSERT(low <= high);
    if (high - low == UINT64_MAX) {
        return de_random_next(random);
    }
    offset = de_random_below(random, high - low + 1);
    DE_ASSERT(offset <= high - low);
    return low + offset;
}
