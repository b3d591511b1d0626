#include "client/policy/turn.h"

#include <string.h>

#include <dengine/error.h>

#include "core/base/assert.h"

#define PAUSE_LEAST_NS UINT64_C(1000000)
#define PAUSE_MOST_NS  UINT64_C(50000000)

void de_turn_init(struct de_turn *turn)
{
    DE_ASSERT(turn != NULL);
    *turn = (struct de_turn){.step = DE_TURN_REST, .pause_ns = PAUSE_LEAST_NS};
}

void de_turn_join(struct de_turn *turn)
{
    DE_ASSERT(turn->place.joined == 0 && turn->token == 0);
    turn->before = (struct de_place){0};
    turn->pause_ns = PAUSE_LEAST_NS;
    turn->step = DE_TURN_REST;
}

void de_turn_begin(struct de_turn *turn, bool sure)
{
    DE_ASSERT(turn->token == 0);
    if (turn->place.joined == 0) {
        turn->step = DE_TURN_ENTER;
    } else if (turn->before.joined != 0 && sure) {
        turn->step = DE_TURN_LOOK_BEFORE; /* cheaper than a look at all the others */
    } else {
        turn->step = DE_TURN_LOOK;
    }
}

static int failed(struct de_turn *turn, int err)
{
    DE_ASSERT(err != 0);
    turn->step = DE_TURN_REST;
    return err;
}

/* A put of the own key has ended so. */
static void note(struct de_turn *turn, const struct de_turn_put *put)
{
    DE_ASSERT(put->err != 0 || put->succeeded == (put->revision != 0));
    if (put->err != 0 && dengine_outcome(put->err) == DENGINE_OUTCOME_UNKNOWN) {
        turn->tainted = true;
    }
}

int de_turn_entered(struct de_turn *turn, const struct de_turn_put *put,
                    const uint8_t digits[DE_PLACE_DIGITS])
{
    DE_ASSERT(turn->step == DE_TURN_ENTER && turn->place.joined == 0);
    note(turn, put);
    if (put->err != 0) {
        return failed(turn, put->err);
    }
    /* If the key is there, an earlier attempt, whose outcome was not known, was carried out. */
    turn->place.joined = put->succeeded ? put->revision : put->found;
    DE_ASSERT(turn->place.joined != 0);
    memcpy(turn->place.digits, digits, DE_PLACE_DIGITS);
    turn->step = DE_TURN_LOOK;
    return 0;
}

void de_turn_looked_before(struct de_turn *turn, bool there)
{
    DE_ASSERT(turn->step == DE_TURN_LOOK_BEFORE);
    /* Gone: but others may be left that stand before both. */
    turn->step = there ? DE_TURN_REST : DE_TURN_LOOK;
}

int de_turn_looked(struct de_turn *turn, const struct de_look *look)
{
    DE_ASSERT(turn->step == DE_TURN_LOOK && look->own.joined == turn->place.joined);
    turn->before = look->before;
    if (!look->there) {
        return failed(turn, DENGINE_E_NO_LEASE);
    }
    DE_ASSERT(look->first.joined <= turn->place.joined);
    turn->step = turn->before.joined == 0 ? DE_TURN_TAKE_OFFICE : DE_TURN_REST;
    return 0;
}

int de_turn_took_office(struct de_turn *turn, const struct de_turn_put *put, bool sure)
{
    DE_ASSERT(turn->step == DE_TURN_TAKE_OFFICE && turn->token == 0);
    note(turn, put);
    if (put->err != 0 || !put->succeeded) {
        return failed(turn, put->err != 0 ? put->err : DENGINE_E_NO_LEASE);
    }
    DE_ASSERT(put->revision > turn->place.joined);
    turn->lost = false;
    if (!sure) {
        return failed(turn, DENGINE_E_TIMEOUT);
    }
    turn->token = put->revision;
    turn->step = DE_TURN_FIRST;
    return 0;
}

int de_turn_said(struct de_turn *turn, const struct de_turn_put *put)
{
    DE_ASSERT(turn->place.joined != 0);
    note(turn, put);
    return put->err == 0 && !put->succeeded ? DENGINE_E_NO_LEASE : put->err;
}

bool de_turn_passes(int err)
{
    DE_ASSERT(err <= 0);
    switch (err) {
    case DENGINE_E_BUSY:
    case DENGINE_E_TIMEOUT:
    case DENGINE_E_UNKNOWN:
    case DENGINE_E_NOT_LEADER:
    case DENGINE_E_NO_LEADER:
    case DENGINE_E_UNAVAILABLE:
    case DENGINE_E_SUPERSEDED:
    case DENGINE_E_NO_SPACE:
        return true;
    default:
        return false;
    }
}

uint64_t de_turn_pause(struct de_turn *turn)
{
    const uint64_t pause_ns = turn->pause_ns;

    DE_ASSERT(pause_ns >= PAUSE_LEAST_NS);
    turn->pause_ns = pause_ns < PAUSE_MOST_NS / 2 ? pause_ns * 2 : PAUSE_MOST_NS;
    return pause_ns;
}

bool de_turn_lose(struct de_turn *turn)
{
    const bool was_first = turn->token != 0 && !turn->lost;

    DE_ASSERT(turn->token == 0 || turn->place.joined != 0);
    turn->lost = turn->lost || was_first;
    return was_first;
}

bool de_turn_leads(const struct de_turn *turn, bool sure)
{
    DE_ASSERT(turn->token == 0 || turn->place.joined != 0);
    return turn->token != 0 && !turn->lost && sure;
}

uint64_t de_turn_guard(const struct de_turn *turn)
{
    DE_ASSERT(turn->token == 0 || turn->place.joined != 0);
    return turn->token != 0 ? turn->place.joined : UINT64_MAX; /* created at the end of time */
}

enum de_turn_leave de_turn_leave(struct de_turn *turn, bool sure)
{
    const bool was_there = turn->place.joined != 0;

    DE_ASSERT(turn->token == 0 || was_there);
    turn->place = (struct de_place){0};
    turn->token = 0;
    turn->step = DE_TURN_REST;
    if (turn->tainted || !sure) {
        return DE_TURN_END_LEASE;
    }
    return was_there ? DE_TURN_DELETE : DE_TURN_STAYS_OUT;
}

void de_turn_lease_ended(struct de_turn *turn)
{
    DE_ASSERT(turn->place.joined == 0 && turn->token == 0);
    turn->tainted = false;
}
