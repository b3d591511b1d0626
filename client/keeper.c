/* A lease kept alive by a thread. What is known for certain is counted from before a request left:
 * the cluster lets the lease begin anew after that, and its time runs no faster than a clock that
 * drifts as much as clocks may. */
#include <dengine/keeper.h>

#include <stdlib.h>

#include "client/client_ops.h"
#include "client/monotonic.h"
#include "core/base/assert.h"

/* The leader's clock may run faster than ours by one part in so many. */
#define DRIFT_PART 100
/* Renewals in the time of a lease, and attempts in the time of a renewal that has failed. */
#define RENEWALS 3
#define ATTEMPTS 8

struct dengine_keeper {
    struct dengine_client *client;
    uint64_t lease;
    uint64_t ttl_ns;
    void (*lost)(void *context);
    void *context;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* Guarded by mutex: */
    uint64_t sure_until_ns;
    bool ended; /* the cluster said so */
    bool told;  /* lost has been called for this loss */
    bool closing;
};

/* Until when a lease lives for certain that began anew after begin_ns. */
static uint64_t sure_until(const struct dengine_keeper *keeper, uint64_t begin_ns)
{
    DE_ASSERT(keeper->ttl_ns > DRIFT_PART);
    return begin_ns + keeper->ttl_ns - keeper->ttl_ns / DRIFT_PART;
}

/* Under the lock, which is given up meanwhile. */
static void tell(struct dengine_keeper *keeper)
{
    DE_ASSERT(!keeper->told);
    keeper->told = true;
    if (keeper->lost != NULL) {
        (void)pthread_mutex_unlock(&keeper->mutex);
        keeper->lost(keeper->context);
        (void)pthread_mutex_lock(&keeper->mutex);
    }
}

/* Under the lock, which is given up meanwhile. Returns when to try again. */
static uint64_t renew(struct dengine_keeper *keeper)
{
    const uint64_t pause_ns = keeper->ttl_ns / RENEWALS;
    const uint64_t begin_ns = de_monotonic_ns();
    struct dengine_call_options call = {0};
    uint64_t patience_ns = pause_ns;
    int err;

    /* No longer than there is certainty, so that its end is noticed when it comes. */
    if (keeper->sure_until_ns > begin_ns && keeper->sure_until_ns - begin_ns < patience_ns) {
        patience_ns = keeper->sure_until_ns - begin_ns;
    }
    call.timeout_ms = (uint32_t)(patience_ns / DE_NS_PER_MS) + 1;
    (void)pthread_mutex_unlock(&keeper->mutex);
    err = dengine_lease_keep_alive(keeper->client, keeper->lease, &call);
    (void)pthread_mutex_lock(&keeper->mutex);
    if (err == DENGINE_E_NO_LEASE) {
        keeper->ended = true;
        keeper->sure_until_ns = 0;
        return UINT64_MAX;
    }
    if (err == 0) {
        keeper->sure_until_ns = sure_until(keeper, begin_ns);
        keeper->told = false;
        return begin_ns + pause_ns;
    }
    return de_monotonic_ns() + pause_ns / ATTEMPTS;
}

static void *keep(void *argument)
{
    struct dengine_keeper *keeper = argument;
    uint64_t next_ns;

    (void)pthread_mutex_lock(&keeper->mutex);
    next_ns = de_monotonic_ns() + keeper->ttl_ns / RENEWALS;
    while (!keeper->closing && !keeper->ended) {
        const uint64_t now_ns = de_monotonic_ns();

        if (!keeper->told && now_ns >= keeper->sure_until_ns) {
            tell(keeper);
        } else if (now_ns >= next_ns) {
            next_ns = renew(keeper);
        } else {
            const uint64_t end_ns = keeper->told ? next_ns : keeper->sure_until_ns;

            de_monotonic_wait(&keeper->changed, &keeper->mutex,
                              next_ns < end_ns ? next_ns : end_ns);
        }
    }
    if (!keeper->closing && !keeper->told) {
        tell(keeper);
    }
    (void)pthread_mutex_unlock(&keeper->mutex);
    return NULL;
}

static void destroy(struct dengine_keeper *keeper)
{
    DE_ASSERT(keeper != NULL);
    (void)pthread_cond_destroy(&keeper->changed);
    (void)pthread_mutex_destroy(&keeper->mutex);
    free(keeper);
}

int de_client_keeper_open(struct dengine_client *client, uint64_t ttl_ms, bool with_session,
                          const struct dengine_keeper_options *options,
                          const struct dengine_call_options *call, struct dengine_keeper **result)
{
    struct dengine_keeper *keeper;
    uint64_t begin_ns;
    int err;

    DE_ASSERT(result != NULL);
    *result = NULL;
    if (ttl_ms < DENGINE_KEEPER_TTL_MS_MIN || ttl_ms > UINT32_MAX) {
        de_client_set_last_error("a lease that is kept alive lasts %d to %llu ms",
                                 DENGINE_KEEPER_TTL_MS_MIN, (unsigned long long)UINT32_MAX);
        return DENGINE_E_INVALID;
    }
    keeper = calloc(1, sizeof *keeper);
    if (keeper == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    keeper->client = client;
    keeper->ttl_ns = ttl_ms * DE_NS_PER_MS;
    keeper->lost = options != NULL ? options->lost : NULL;
    keeper->context = options != NULL ? options->context : NULL;
    err = pthread_mutex_init(&keeper->mutex, NULL);
    DE_ASSERT(err == 0);
    de_monotonic_condition_init(&keeper->changed);
    begin_ns = de_monotonic_ns();
    err = de_client_grant(client, ttl_ms, with_session, call, &keeper->lease);
    if (err == 0) {
        keeper->sure_until_ns = sure_until(keeper, begin_ns);
        if (pthread_create(&keeper->thread, NULL, keep, keeper) != 0) {
            err = DENGINE_E_NO_MEMORY; /* the lease ends by itself */
        }
    }
    if (err != 0) {
        destroy(keeper);
        return err;
    }
    *result = keeper;
    return 0;
}

int dengine_keeper_open(struct dengine_client *client, uint64_t ttl_ms,
                        const struct dengine_keeper_options *options,
                        const struct dengine_call_options *call, struct dengine_keeper **keeper)
{
    return de_client_keeper_open(client, ttl_ms, false, options, call, keeper);
}

uint64_t dengine_keeper_lease(const struct dengine_keeper *keeper)
{
    DE_ASSERT(keeper != NULL && keeper->lease != 0);
    return keeper->lease;
}

uint64_t dengine_keeper_left_ms(struct dengine_keeper *keeper)
{
    const uint64_t now_ns = de_monotonic_ns();
    uint64_t left_ns = 0;

    DE_ASSERT(keeper != NULL);
    (void)pthread_mutex_lock(&keeper->mutex);
    if (keeper->sure_until_ns > now_ns) {
        left_ns = keeper->sure_until_ns - now_ns;
    }
    (void)pthread_mutex_unlock(&keeper->mutex);
    return left_ns / DE_NS_PER_MS;
}

int dengine_keeper_close(struct dengine_keeper *keeper)
{
    int err = 0;

    if (keeper == NULL) {
        return 0;
    }
    (void)pthread_mutex_lock(&keeper->mutex);
    keeper->closing = true;
    (void)pthread_cond_signal(&keeper->changed);
    (void)pthread_mutex_unlock(&keeper->mutex);
    err = pthread_join(keeper->thread, NULL);
    DE_ASSERT(err == 0);
    if (!keeper->ended) {
        err = dengine_lease_revoke(keeper->client, keeper->lease, NULL);
    }
    destroy(keeper);
    return err == DENGINE_E_NO_LEASE ? 0 : err;
}
