#include "runtime/sim/check/fence_check.h"

#include <inttypes.h>

#include "core/base/assert.h"
#include "runtime/sim/check/grow.h"

#define NS_PER_S UINT64_C(1000000000)

void de_fence_check_init(struct de_fence_check *check)
{
    memset(check, 0, sizeof(*check));
}

void de_fence_check_deinit(struct de_fence_check *check)
{
    free(check->grants);
    free(check->resources);
    memset(check, 0, sizeof(*check));
}

/* A new grant against an old one of the same lock. */
static bool check_tokens(const struct de_fence_grant *old, const struct de_fence_grant *grant,
                         struct de_finding *finding)
{
    if (grant->token == old->token) {
        return de_finding_set(finding, "fence-token",
                              "holders %" PRIu64 " and %" PRIu64 " of lock %" PRIu64
                              " were both given token %" PRIu64,
                              old->holder, grant->holder, grant->lock, grant->token);
    }
    bool before = old->return_ns < grant->call_ns;
    bool after = grant->return_ns < old->call_ns;
    if ((before && grant->token < old->token) || (after && grant->token > old->token)) {
        const struct de_fence_grant *first = before ? old : grant;
        const struct de_fence_grant *second = before ? grant : old;
        return de_finding_set(finding, "fence-token",
                              "holder %" PRIu64 " of lock %" PRIu64 " was given token %" PRIu64
                              ", after holder %" PRIu64 " had been given %" PRIu64,
                              second->holder, grant->lock, second->token, first->holder,
                              first->token);
    }
    return true;
}

bool de_fence_check_granted(struct de_fence_check *check, uint64_t lock, uint64_t holder,
                            uint64_t token, uint64_t call_ns, uint64_t return_ns, uint64_t until_ns,
                            struct de_finding *finding)
{
    struct de_fence_grant grant = {lock, holder, token, call_ns, return_ns, until_ns, false};
    DE_ASSERT(call_ns <= return_ns);
    for (size_t i = 0; i < check->count; i++) {
        if (check->grants[i].lock == lock && !check_tokens(&check->grants[i], &grant, finding)) {
            return false;
        }
    }
    check->grants =
        de_grow(check->grants, check->count, &check->capacity, sizeof(check->grants[0]));
    check->grants[check->count++] = grant;
    return true;
}

static struct de_fence_grant *find(const struct de_fence_check *check, uint64_t lock,
                                   uint64_t token)
{
    for (size_t i = check->count; i-- > 0;) {
        if (check->grants[i].lock == lock && check->grants[i].token == token) {
            return &check->grants[i];
        }
    }
    DE_UNREACHABLE("a token that was never granted");
}

void de_fence_check_renewed(struct de_fence_check *check, uint64_t lock, uint64_t token,
                            uint64_t until_ns)
{
    struct de_fence_grant *grant = find(check, lock, token);
    if (!grant->released && until_ns > grant->until_ns) {
        grant->until_ns = until_ns;
    }
}

void de_fence_check_released(struct de_fence_check *check, uint64_t lock, uint64_t token,
                             uint64_t now_ns)
{
    struct de_fence_grant *grant = find(check, lock, token);
    grant->until_ns = now_ns < grant->until_ns ? now_ns : grant->until_ns;
    grant->released = true;
}

bool de_fence_check_accepted(struct de_fence_check *check, uint64_t resource, uint64_t holder,
                             uint64_t token, struct de_finding *finding)
{
    struct de_fence_resource *known = NULL;
    for (size_t i = 0; i < check->resources_count && known == NULL; i++) {
        known = check->resources[i].resource == resource ? &check->resources[i] : NULL;
    }
    if (known == NULL) {
        check->resources = de_grow(check->resources, check->resources_count,
                                   &check->resources_capacity, sizeof(check->resources[0]));
        check->resources[check->resources_count++] =
            (struct de_fence_resource){resource, token, holder};
        return true;
    }
    if (token < known->token) {
        return de_finding_set(finding, "fence-accepted",
                              "resource %" PRIu64 " accepted token %" PRIu64 " of holder %" PRIu64
                              " after %" PRIu64 " of holder %" PRIu64,
                              resource, token, holder, known->token, known->holder);
    }
    known->token = token;
    known->holder = holder;
    return true;
}

bool de_fence_check_finish(const struct de_fence_check *check, struct de_finding *finding)
{
    for (size_t i = 0; i < check->count; i++) {
        for (size_t k = i + 1; k < check->count; k++) {
            const struct de_fence_grant *a = &check->grants[i];
            const struct de_fence_grant *b = &check->grants[k];
            uint64_t from = a->return_ns > b->return_ns ? a->return_ns : b->return_ns;
            uint64_t until = a->until_ns < b->until_ns ? a->until_ns : b->until_ns;
            if (a->lock == b->lock && from < until) {
                return de_finding_set(finding, "fence-overlap",
                                      "holders %" PRIu64 " and %" PRIu64 " both had lock %" PRIu64
                                      " from %" PRIu64 ".%09" PRIu64 " s to %" PRIu64 ".%09" PRIu64
                                      " s",
                                      a->holder, b->holder, a->lock, from / NS_PER_S,
                                      from % NS_PER_S, until / NS_PER_S, until % NS_PER_S);
            }
        }
    }
    return true;
}
