#include "engine/engine_test_reads.h"

#include <pthread.h>
#include <sched.h>

#include "core/base/assert.h"

static const struct dengine_slice key = {"k", 1};

#define NO_LEASE_IS_THERE 1234567u

/* That there is no such key or lease is an answer. */
static int answered(int status)
{
    return status == DENGINE_E_NOT_FOUND || status == DENGINE_E_NO_LEASE ? 0 : status;
}

/* ---- in blocking form ---- */

static int get(struct dengine_client *client, enum dengine_consistency consistency,
               uint32_t timeout_ms, bool *here)
{
    const struct dengine_call_options options = {.timeout_ms = timeout_ms};
    struct dengine_value value;
    const int status = dengine_get(client, key, consistency, &options, &value);

    (void)here;
    dengine_value_free(&value);
    return answered(status);
}

static void see_value(void *context, const struct dengine_value *value)
{
    DE_ASSERT(context == NULL && value != NULL);
}

static int get_in_place(struct dengine_client *client, enum dengine_consistency consistency,
                        uint32_t timeout_ms, bool *here)
{
    const struct dengine_call_options options = {.timeout_ms = timeout_ms};

    (void)here;
    return answered(dengine_get_in_place(client, key, consistency, &options, see_value, NULL));
}

static int get_multi(struct dengine_client *client, enum dengine_consistency consistency,
                     uint32_t timeout_ms, bool *here)
{
    const struct dengine_call_options options = {.timeout_ms = timeout_ms};
    struct dengine_page page;
    const int status = dengine_get_multi(client, &key, 1, consistency, &options, &page);

    (void)here;
    dengine_page_free(&page);
    return answered(status);
}

static int scan_with(struct dengine_client *client, const struct dengine_scan *scan,
                     uint32_t timeout_ms)
{
    const struct dengine_call_options options = {.timeout_ms = timeout_ms};
    struct dengine_page page;
    const int status = dengine_scan(client, scan, &options, &page);

    dengine_page_free(&page);
    return status;
}

static int scan(struct dengine_client *client, enum dengine_consistency consistency,
                uint32_t timeout_ms, bool *here)
{
    const struct dengine_scan all = {.consistency = consistency, .reverse = true};

    (void)here;
    return scan_with(client, &all, timeout_ms);
}

static int scan_count(struct dengine_client *client, enum dengine_consistency consistency,
                      uint32_t timeout_ms, bool *here)
{
    const struct dengine_scan all = {.consistency = consistency, .count_only = true};

    (void)here;
    return scan_with(client, &all, timeout_ms);
}

static bool see_pair(void *context, const struct dengine_pair *pair)
{
    DE_ASSERT(context == NULL && pair != NULL);
    return true;
}

static int scan_in_place(struct dengine_client *client, enum dengine_consistency consistency,
                         uint32_t timeout_ms, bool *here)
{
    const struct dengine_call_options options = {.timeout_ms = timeout_ms};
    const struct dengine_scan all = {.consistency = consistency, .keys_only = true};

    (void)here;
    return dengine_scan_in_place(client, &all, &options, see_pair, NULL);
}

static int lease_look(struct dengine_client *client, enum dengine_consistency consistency,
                      uint32_t timeout_ms, bool *here)
{
    const struct dengine_call_options options = {.timeout_ms = timeout_ms};
    struct dengine_lease_info info;

    (void)here;
    return answered(dengine_lease_look(client, NO_LEASE_IS_THERE, consistency, &options, &info));
}

static int lease_list(struct dengine_client *client, enum dengine_consistency consistency,
                      uint32_t timeout_ms, bool *here)
{
    const struct dengine_call_options options = {.timeout_ms = timeout_ms};
    struct dengine_lease_page page;
    const int status = dengine_lease_list(client, 0, consistency, &options, &page);

    (void)here;
    dengine_lease_page_free(&page);
    return status;
}

/* ---- by callback ---- */

struct waiting {
    pthread_t thread;
    int status;
    bool done; /* with __atomic operations */
};

static void end(void *context, struct dengine_reply *reply)
{
    struct waiting *waiting = context;

    waiting->thread = pthread_self();
    waiting->status = reply->status;
    dengine_value_free(&reply->value);
    dengine_page_free(&reply->page);
    dengine_lease_page_free(&reply->leases);
    __atomic_store_n(&waiting->done, true, __ATOMIC_RELEASE);
}

static int wait_for(struct waiting *waiting, int started, bool *here)
{
    const bool at_once = started == 0 && __atomic_load_n(&waiting->done, __ATOMIC_ACQUIRE);

    while (started == 0 && !__atomic_load_n(&waiting->done, __ATOMIC_ACQUIRE)) {
        (void)sched_yield();
    }
    *here = at_once && pthread_equal(waiting->thread, pthread_self()) != 0;
    return started != 0 ? started : answered(waiting->status);
}

static int get_async(struct dengine_client *client, enum dengine_consistency consistency,
                     uint32_t timeout_ms, bool *here)
{
    const struct dengine_call_options options = {.timeout_ms = timeout_ms};
    struct waiting waiting = {.done = false};

    return wait_for(&waiting, dengine_get_async(client, key, consistency, &options, end, &waiting),
                    here);
}

static int get_multi_async(struct dengine_client *client, enum dengine_consistency consistency,
                           uint32_t timeout_ms, bool *here)
{
    const struct dengine_call_options options = {.timeout_ms = timeout_ms};
    struct waiting waiting = {.done = false};

    return wait_for(&waiting,
                    dengine_get_multi_async(client, &key, 1, consistency, &options, end, &waiting),
                    here);
}

static int scan_async(struct dengine_client *client, enum dengine_consistency consistency,
                      uint32_t timeout_ms, bool *here)
{
    const struct dengine_call_options options = {.timeout_ms = timeout_ms};
    const struct dengine_scan all = {.consistency = consistency};
    struct waiting waiting = {.done = false};

    return wait_for(&waiting, dengine_scan_async(client, &all, &options, end, &waiting), here);
}

static int scan_count_async(struct dengine_client *client, enum dengine_consistency consistency,
                            uint32_t timeout_ms, bool *here)
{
    const struct dengine_call_options options = {.timeout_ms = timeout_ms};
    const struct dengine_scan all = {.consistency = consistency, .count_only = true};
    struct waiting waiting = {.done = false};

    return wait_for(&waiting, dengine_scan_async(client, &all, &options, end, &waiting), here);
}

static int lease_look_async(struct dengine_client *client, enum dengine_consistency consistency,
                            uint32_t timeout_ms, bool *here)
{
    const struct dengine_call_options options = {.timeout_ms = timeout_ms};
    struct waiting waiting = {.done = false};

    return wait_for(
        &waiting,
        dengine_lease_look_async(client, NO_LEASE_IS_THERE, consistency, &options, end, &waiting),
        here);
}

static int lease_list_async(struct dengine_client *client, enum dengine_consistency consistency,
                            uint32_t timeout_ms, bool *here)
{
    const struct dengine_call_options options = {.timeout_ms = timeout_ms};
    struct waiting waiting = {.done = false};

    return wait_for(
        &waiting, dengine_lease_list_async(client, 0, consistency, &options, end, &waiting), here);
}

const struct de_test_read *de_test_reads(size_t *count)
{
    static const struct de_test_read reads[] = {
        {"get", get, false},
        {"get in place", get_in_place, false},
        {"get multi", get_multi, false},
        {"scan", scan, false},
        {"scan, counting", scan_count, false},
        {"scan in place", scan_in_place, false},
        {"lease look", lease_look, false},
        {"lease list", lease_list, false},
        {"get async", get_async, true},
        {"get multi async", get_multi_async, true},
        {"scan async", scan_async, true},
        {"scan async, counting", scan_count_async, true},
        {"lease look async", lease_look_async, true},
        {"lease list async", lease_list_async, true},
    };

    *count = DE_ARRAY_SIZE(reads);
    return reads;
}
