#include "runtime/sim/check/lease_check.h"

#include <inttypes.h>

#include "core/base/assert.h"
#include "runtime/sim/check/grow.h"

#define MILLION  UINT64_C(1000000)
#define NEVER    UINT64_MAX
#define NS_PER_S UINT64_C(1000000000)

/* number * multiplier / divisor without overflow on the way, rounded down; both at most 2^32. */
static uint64_t scale(uint64_t number, uint64_t multiplier, uint64_t divisor, uint64_t *rest)
{
    DE_ASSERT(multiplier <= UINT32_MAX && divisor > 0 && divisor <= UINT32_MAX);
    uint64_t low = number % divisor * multiplier;
    *rest = low % divisor;
    return number / divisor * multiplier + low / divisor;
}

uint64_t de_lease_certain_until(uint64_t call_ns, uint64_t ttl_ns, uint32_t drift_ppm)
{
    uint64_t rest;
    DE_ASSERT(drift_ppm <= MILLION);
    return call_ns + scale(ttl_ns, MILLION, MILLION + drift_ppm, &rest);
}

uint64_t de_lease_over_by(uint64_t from_ns, uint64_t ttl_ns, uint32_t drift_ppm)
{
    uint64_t rest;
    DE_ASSERT(drift_ppm <= MILLION);
    uint64_t longest = scale(ttl_ns, MILLION + drift_ppm, MILLION, &rest);
    return from_ns + longest + (rest > 0 ? 1 : 0);
}

void de_lease_check_init(struct de_lease_check *check, uint32_t drift_ppm)
{
    memset(check, 0, sizeof(*check));
    check->drift_ppm = drift_ppm;
}

void de_lease_check_deinit(struct de_lease_check *check)
{
    free(check->leases);
    memset(check, 0, sizeof(*check));
}

/* Newer leases are asked for more often. */
static struct de_lease_track *find(const struct de_lease_check *check, uint64_t lease)
{
    for (size_t i = check->count; i-- > 0;) {
        if (check->leases[i].lease == lease) {
            return &check->leases[i];
        }
    }
    return NULL;
}

void de_lease_check_granted(struct de_lease_check *check, uint64_t lease, uint64_t ttl_ns,
                            uint64_t call_ns, uint64_t return_ns)
{
    DE_ASSERT(find(check, lease) == NULL && call_ns <= return_ns);
    check->leases =
        de_grow(check->leases, check->count, &check->capacity, sizeof(check->leases[0]));
    check->leases[check->count++] = (struct de_lease_track){
        .lease = lease,
        .ttl_ns = ttl_ns,
        .certain_until_ns = de_lease_certain_until(call_ns, ttl_ns, check->drift_ppm),
        .renewed_ns = return_ns,
        .revoked_ns = NEVER,
        .gone_told_ns = NEVER,
    };
}

void de_lease_check_revoking(struct de_lease_check *check, uint64_t lease, uint64_t call_ns)
{
    struct de_lease_track *track = find(check, lease);
    DE_ASSERT(track != NULL);
    track->revoked_ns = call_ns < track->revoked_ns ? call_ns : track->revoked_ns;
}

static bool told_gone(struct de_lease_track *track, uint64_t return_ns, bool in_spec,
                      struct de_finding *finding)
{
    if (in_spec && return_ns < track->certain_until_ns && return_ns < track->revoked_ns) {
        return de_finding_set(finding, "lease-early",
                              "lease %" PRIu64 " was said to be gone at %" PRIu64 ".%09" PRIu64
                              " s, and must live until %" PRIu64 ".%09" PRIu64 " s",
                              track->lease, return_ns / NS_PER_S, return_ns % NS_PER_S,
                              track->certain_until_ns / NS_PER_S,
                              track->certain_until_ns % NS_PER_S);
    }
    track->gone_told_ns = return_ns < track->gone_told_ns ? return_ns : track->gone_told_ns;
    return true;
}

bool de_lease_check_told(struct de_lease_check *check, uint64_t lease, enum de_lease_word word,
                         bool renews, uint64_t call_ns, uint64_t return_ns, bool in_spec,
                         struct de_finding *finding)
{
    struct de_lease_track *track = find(check, lease);
    DE_ASSERT(track != NULL && call_ns <= return_ns);
    if (word == DE_LEASE_GONE) {
        return told_gone(track, return_ns, in_spec, finding);
    }
    if (call_ns > track->gone_told_ns) {
        return de_finding_set(
            finding, "lease-resurrected",
            "lease %" PRIu64 " was %s at %" PRIu64 ".%09" PRIu64
            " s, after it had been said to be gone at %" PRIu64 ".%09" PRIu64 " s",
            lease, renews ? "renewed" : "said to be alive", return_ns / NS_PER_S,
            return_ns % NS_PER_S, track->gone_told_ns / NS_PER_S, track->gone_told_ns % NS_PER_S);
    }
    if (renews) {
        uint64_t until = de_lease_certain_until(call_ns, track->ttl_ns, check->drift_ppm);
        track->certain_until_ns = until > track->certain_until_ns ? until : track->certain_until_ns;
        track->renewed_ns = return_ns > track->renewed_ns ? return_ns : track->renewed_ns;
    }
    return true;
}

bool de_lease_check_left(const struct de_lease_check *check, uint64_t lease, uint64_t left_ns,
                         struct de_finding *finding)
{
    const struct de_lease_track *track = find(check, lease);
    DE_ASSERT(track != NULL);
    if (left_ns <= track->ttl_ns) {
        return true;
    }
    return de_finding_set(finding, "lease-ttl",
                          "lease %" PRIu64 " has %" PRIu64 " ns left, and was given %" PRIu64 " ns",
                          lease, left_ns, track->ttl_ns);
}

bool de_lease_check_rest(const struct de_lease_check *check, uint64_t lease, bool alive,
                         uint64_t quiet_ns, uint64_t slack_ns, uint64_t now_ns, bool in_spec,
                         struct de_finding *finding)
{
    const struct de_lease_track *track = find(check, lease);
    DE_ASSERT(track != NULL);
    uint64_t from_ns = quiet_ns > track->renewed_ns ? quiet_ns : track->renewed_ns;
    uint64_t over_ns = de_lease_over_by(from_ns, track->ttl_ns, check->drift_ppm) + slack_ns;
    if (!alive || !in_spec || now_ns <= over_ns) {
        return true;
    }
    return de_finding_set(finding, "lease-immortal",
                          "lease %" PRIu64 " is alive at %" PRIu64 ".%09" PRIu64
                          " s, and had to be gone by %" PRIu64 ".%09" PRIu64 " s",
                          lease, now_ns / NS_PER_S, now_ns % NS_PER_S, over_ns / NS_PER_S,
                          over_ns % NS_PER_S);
}

uint64_t de_lease_check_certain_until(const struct de_lease_check *check, uint64_t lease)
{
    const struct de_lease_track *track = find(check, lease);
    if (track == NULL) {
        return 0;
    }
    return track->revoked_ns < track->certain_until_ns ? track->revoked_ns
                                                       : track->certain_until_ns;
}

/* Positions of a history begin somewhere and go on by one; where they are shared, what touches
 * overlaps. So the call takes the position of the first event at that time or later. */
static uint64_t position_at(const struct de_history_operation *operations, size_t count,
                            int64_t time_ns)
{
    uint64_t first = UINT64_MAX;
    uint64_t last = 0;
    for (size_t i = 0; i < count; i++) {
        const struct de_history_operation *operation = &operations[i];
        bool returned = operation->return_at > operation->call_at;
        uint64_t end = returned ? operation->return_at : operation->call_at;
        last = end > last ? end : last;
        if (operation->call_ns >= time_ns && operation->call_at < first) {
            first = operation->call_at;
        }
        if (returned && operation->return_ns >= time_ns && operation->return_at < first) {
            first = operation->return_at;
        }
    }
    return first != UINT64_MAX ? first : last + 1;
}

struct de_history_operation de_lease_expire_operation(const struct de_history_operation *operations,
                                                      size_t count, struct de_history_value key,
                                                      struct de_history_value value,
                                                      int64_t process, uint64_t certain_until_ns)
{
    DE_ASSERT(value.kind != DE_HISTORY_NULL && certain_until_ns <= INT64_MAX);
    return (struct de_history_operation){
        .process = process,
        .function = DE_HISTORY_EXPIRE,
        .outcome = DE_HISTORY_INFO,
        .key = key,
        .value = value,
        .call_at = position_at(operations, count, (int64_t)certain_until_ns),
        .call_ns = (int64_t)certain_until_ns,
    };
}
