#include "runtime/sim/dice.h"

#include "core/base/assert.h"
#include "runtime/sim/mix.h"

/* ln 2 in units of 2^-16. */
#define LN2_16 45426u

static uint64_t dice_key(uint64_t seed, uint32_t stream, uint64_t entity)
{
    return de_sim_mix(de_sim_mix(de_sim_mix(seed) ^ stream) ^ entity);
}

uint64_t de_dice_draw(uint64_t seed, uint32_t stream, uint64_t entity, uint64_t counter)
{
    DE_ASSERT(stream != 0);
    return de_sim_mix(dice_key(seed, stream, entity) ^ de_sim_mix(counter));
}

void de_dice_init(struct de_dice *dice, uint64_t seed, uint32_t stream, uint64_t entity)
{
    DE_ASSERT(stream != 0);
    dice->key = dice_key(seed, stream, entity);
    dice->counter = 0;
}

uint64_t de_dice_next(struct de_dice *dice)
{
    return de_sim_mix(dice->key ^ de_sim_mix(dice->counter++));
}

uint64_t de_dice_below(struct de_dice *dice, uint64_t bound)
{
    uint64_t bits = de_dice_next(dice);

    DE_ASSERT(bound > 0);
    return bound <= UINT32_MAX ? ((bits >> 32) * bound) >> 32 : bits % bound;
}

uint64_t de_dice_between(struct de_dice *dice, uint64_t low, uint64_t high)
{
    DE_ASSERT(low <= high);
    DE_ASSERT(high - low < UINT64_MAX);
    return low + de_dice_below(dice, high - low + 1);
}

bool de_dice_chance(struct de_dice *dice, uint32_t ppm)
{
    DE_ASSERT(ppm <= DE_DICE_CERTAIN_PPM);
    return de_dice_below(dice, DE_DICE_CERTAIN_PPM) < ppm;
}

uint64_t de_dice_exponential(struct de_dice *dice, uint64_t mean)
{
    uint64_t bits = de_dice_next(dice);
    uint64_t fraction = de_dice_next(dice) >> 48;
    uint64_t halvings = 0;

    DE_ASSERT(mean < (UINT64_C(1) << 40));
    /* Leading zeros of a random word: each next one half as likely, as a distance of mean * ln 2
     * halves what is left of an exponential. */
    while (halvings < 63 && (bits >> 63) == 0) {
        bits <<= 1;
        halvings++;
    }
    return (((mean * LN2_16) >> 16) * ((halvings << 16) + fraction)) >> 16;
}
