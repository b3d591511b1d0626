/* A lease kept alive by a thread, by the rules of client/policy/keep.h. */
#include <dengine/keeper.h>

#include <stdlib.h>

#include "client/client_ops.h"
#include "client/monotonic.h"
#include "client/policy/keep.h"
#include "core/base/assert.h"

struct dengine_keeper {
    struct dengine_client *client;
    uint64_t lease;
    void (*lost)(void *context);
    void *context;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* Guarded by mutex: */
    struct de_keep keep;
    bool closing;
};

/* Under the lock, which is given up meanwhile. */
static void tell(struct dengine_keeper *keeper)
{
    de_keep_told(&keeper->keep);
    if (keeper->lost != NULL) {
        (void)pthread_mutex_unlock(&keeper->mutex);
        keeper->lost(keeper->context);
        (void)pthread_mutex_lock(&keeper->mutex);
    }
}

/* Under the lock, which is given up meanwhile. */
static void renew(struct dengine_keeper *keeper)
{
    const uint64_t begin_ns = de_monotonic_ns();
    const struct dengine_call_options call = {.timeout_ms =
                                                  de_keep_patience_ms(&keeper->keep, begin_ns)};
    int err;

    (void)pthread_mutex_unlock(&keeper->mutex);
    err = dengine_lease_keep_alive(keeper->client, keeper->lease, &call);
    (void)pthread_mutex_lock(&keeper->mutex);
    de_keep_renewed(&keeper->keep, err, begin_ns, de_monotonic_ns());
}

static void *keep(void *argument)
{
    struct dengine_keeper *keeper = argument;
    bool over = false;

    (void)pthread_mutex_lock(&keeper->mutex);
    while (!keeper->closing && !over) {
        uint64_t until_ns;

        switch (de_keep_next(&keeper->keep, de_monotonic_ns(), &until_ns)) {
        case DE_KEEP_WAIT:
            de_monotonic_wait(&keeper->changed, &keeper->mutex, until_ns);
            break;
        case DE_KEEP_TELL:
            tell(keeper);
            break;
        case DE_KEEP_RENEW:
            renew(keeper);
            break;
        case DE_KEEP_OVER:
            over = true;
            break;
        }
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
    keeper->lost = options != NULL ? options->lost : NULL;
    keeper->context = options != NULL ? options->context : NULL;
    err = pthread_mutex_init(&keeper->mutex, NULL);
    DE_ASSERT(err == 0);
    de_monotonic_condition_init(&keeper->changed);
    begin_ns = de_monotonic_ns();
    err = de_client_grant(client, ttl_ms, with_session, call, &keeper->lease);
    if (err == 0) {
        de_keep_init(&keeper->keep, ttl_ms * DE_NS_PER_MS, begin_ns, de_monotonic_ns());
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
    uint64_t left_ns;

    DE_ASSERT(keeper != NULL);
    (void)pthread_mutex_lock(&keeper->mutex);
    left_ns = de_keep_left_ns(&keeper->keep, now_ns);
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
    if (!keeper->keep.ended) {
        err = dengine_lease_revoke(keeper->client, keeper->lease, NULL);
    }
    destroy(keeper);
    if (err == DENGINE_E_NO_LEASE) { /* which is what was wanted */
        de_client_clear_last_error();
        err = 0;
    }
    return err;
}
