#include "client/policy/route.h"

#include <string.h>

#include "client/policy/verdict.h"
#include "core/base/assert.h"

/* Doublings of the pause between attempts on one member: up to 320 ms, so that a new leader is
 * found soon after it was elected. */
#define PAUSE_DOUBLINGS_MAX 5u

static bool is_ready(uint64_t ready, uint32_t peer)
{
    return peer != DE_ROUTE_NOBODY && (ready >> peer & 1) != 0;
}

void de_route_init(struct de_route *route, uint64_t seed)
{
    memset(route, 0, sizeof *route);
    de_random_init(&route->random, seed);
    route->leader = DE_ROUTE_NOBODY;
    DE_ASSERT(route->count == 0);
}

uint32_t de_route_add(struct de_route *route)
{
    DE_ASSERT(route->count <= DE_ROUTE_PEERS_MAX);
    return route->count < DE_ROUTE_PEERS_MAX ? route->count++ : DE_ROUTE_NOBODY;
}

void de_route_lead(struct de_route *route, uint32_t peer)
{
    DE_ASSERT(peer < route->count);
    route->leader = peer;
}

bool de_route_doubt(struct de_route *route, uint32_t peer)
{
    DE_ASSERT(peer == DE_ROUTE_NOBODY || peer < route->count);
    if (peer == DE_ROUTE_NOBODY || route->leader != peer) {
        return false;
    }
    route->leader = DE_ROUTE_NOBODY;
    for (uint32_t i = 0; i < route->count; i++) {
        if (i != peer) {
            de_route_connected(route, i);
        }
    }
    return true;
}

void de_route_failed(struct de_route *route, uint32_t peer, uint64_t now_ns)
{
    struct de_route_peer *of = &route->peers[peer];
    const uint32_t doublings =
        of->failures < PAUSE_DOUBLINGS_MAX ? of->failures : PAUSE_DOUBLINGS_MAX;
    const uint64_t pause_ms = de_backoff_ms(doublings, de_random_next(&route->random));

    DE_ASSERT(peer < route->count);
    of->failures++;
    of->next_ns = now_ns + pause_ms * 1000000;
}

void de_route_connected(struct de_route *route, uint32_t peer)
{
    DE_ASSERT(peer < route->count);
    route->peers[peer].failures = 0;
    route->peers[peer].next_ns = 0;
}

bool de_route_heard(struct de_route *route, uint32_t peer, uint32_t named, uint64_t ready,
                    uint64_t now_ns)
{
    bool helps = named != DE_ROUTE_NOBODY;

    DE_ASSERT(peer < route->count);
    DE_ASSERT(named == DE_ROUTE_NOBODY || named < route->count);
    if (helps && named == route->leader) {
        /* Nothing new. When it cannot be reached, this member has only not noticed yet. */
        helps = is_ready(ready, named);
    } else if (helps && !de_route_led(route, ready)) {
        route->peers[peer].failures = 0;
        de_route_lead(route, named);
    }
    if (!helps) {
        de_route_failed(route, peer, now_ns);
    }
    return helps;
}

bool de_route_led(const struct de_route *route, uint64_t ready)
{
    DE_ASSERT(route->leader == DE_ROUTE_NOBODY || route->leader < route->count);
    return is_ready(ready, route->leader);
}

uint32_t de_route_choose(struct de_route *route, uint64_t ready, bool anywhere)
{
    DE_ASSERT(route->count <= DE_ROUTE_PEERS_MAX);
    if (!anywhere) {
        return de_route_led(route, ready) ? route->leader : DE_ROUTE_NOBODY;
    }
    for (uint32_t i = 0; i < route->count; i++) {
        const uint32_t at = (route->turn + i) % route->count;

        if (is_ready(ready, at)) {
            route->turn = at + 1;
            return at;
        }
    }
    return DE_ROUTE_NOBODY;
}

/* Others are asked also when there is one that is said to lead, but it cannot be connected to: it
 * may be the last leader, dead, and they may just not know. */
bool de_route_must_ask(const struct de_route *route, uint64_t ready)
{
    DE_ASSERT(route->count <= DE_ROUTE_PEERS_MAX);
    return route->leader == DE_ROUTE_NOBODY ||
           (!de_route_led(route, ready) && route->peers[route->leader].failures > 0);
}

bool de_route_leaderless(const struct de_route *route, uint64_t ready)
{
    bool asked = false;

    DE_ASSERT(route->count <= DE_ROUTE_PEERS_MAX);
    /* A connection that stands forgets its failures: those that are left are of asking. */
    for (uint32_t i = 0; i < route->count; i++) {
        asked = asked || (is_ready(ready, i) && route->peers[i].failures > 0);
    }
    return asked && de_route_must_ask(route, ready);
}

enum de_route_step de_route_pursue(const struct de_route *route, uint32_t peer, uint64_t ready,
                                   bool ask, uint64_t now_ns, uint64_t *due_ns)
{
    const uint64_t next_ns = route->peers[peer].next_ns;
    const bool stands = is_ready(ready, peer);

    DE_ASSERT(peer < route->count);
    if (stands && !ask) {
        return DE_ROUTE_REST;
    }
    if (next_ns > now_ns) {
        *due_ns = next_ns < *due_ns ? next_ns : *due_ns;
        return DE_ROUTE_REST;
    }
    return stands ? DE_ROUTE_ASK : DE_ROUTE_CONNECT;
}
