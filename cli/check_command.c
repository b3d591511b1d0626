#include "cli/check_command.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/json_text.h"
#include "client/monotonic.h"
#include "core/base/assert.h"

/* Bounds of the load: so long, so many calls, so many at one time, of values of so many bytes. */
#define PHASE_NS    (1000 * DE_NS_PER_MS)
#define CALLS_MAX   20000
#define AT_A_TIME   32
#define VALUE_BYTES 100
/* What is left of it when this program is killed. */
#define LEASE_MS 60000

struct load;

/* A call that can be under way. Each has a key of its own. */
struct slot {
    struct load *load;
    struct slot *next_free;
    uint64_t begin_ns;
    char key[48];
};

struct load {
    const struct de_cli_arguments *arguments;
    struct dengine_client *client;
    uint64_t lease;
    struct slot slots[AT_A_TIME];
    uint64_t *took_ns; /* of each call that was done, CALLS_MAX at most */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* Guarded by mutex: */
    struct slot *free;
    uint32_t under_way;
    size_t done;
    int err;
};

/* What a phase measured. */
struct figures {
    bool write;
    uint32_t at_a_time;
    uint64_t per_second;
    uint64_t half_us; /* within which so many of the calls were done */
    uint64_t most_us; /* 99 of 100 */
    uint64_t slowest_us;
};

/* From a thread of the library. */
static void answered(void *context, struct dengine_reply *reply)
{
    struct slot *slot = context;
    struct load *load = slot->load;
    const uint64_t took_ns = de_monotonic_ns() - slot->begin_ns;

    dengine_value_free(&reply->value);
    (void)pthread_mutex_lock(&load->mutex);
    if (reply->status == 0 && load->done < CALLS_MAX) {
        load->took_ns[load->done++] = took_ns;
    } else if (reply->status != 0 && load->err == 0) {
        load->err = reply->status;
    }
    slot->next_free = load->free;
    load->free = slot;
    load->under_way--;
    (void)pthread_cond_signal(&load->changed);
    (void)pthread_mutex_unlock(&load->mutex);
}

/* Starts a call in a slot that was taken. */
static void start(struct load *load, struct slot *slot, bool write)
{
    static const char value[VALUE_BYTES] = "measured by dengine-cli check perf";
    const struct dengine_put_options with = {.lease = load->lease};
    struct dengine_reply failed = {0};

    slot->begin_ns = de_monotonic_ns();
    failed.status = write ? dengine_put_with_async(load->client, dengine_str(slot->key),
                                                   dengine_bytes(value, sizeof value), &with, NULL,
                                                   answered, slot)
                          : dengine_get_async(load->client, dengine_str(slot->key),
                                              load->arguments->consistency, NULL, answered, slot);
    if (failed.status != 0) {
        answered(slot, &failed);
    }
}

/* Keeps at_a_time calls under way until the phase is over. Whether all were done. */
static bool put_load(struct load *load, bool write, uint32_t at_a_time)
{
    const uint64_t until_ns = de_monotonic_ns() + PHASE_NS;
    size_t started = 0;
    bool go_on = true;

    load->done = 0;
    (void)pthread_mutex_lock(&load->mutex);
    while (go_on || load->under_way > 0) {
        go_on = load->err == 0 && started < CALLS_MAX && de_monotonic_ns() < until_ns;
        if (go_on && load->under_way < at_a_time) {
            struct slot *slot = load->free;

            DE_ASSERT(slot != NULL);
            load->free = slot->next_free;
            load->under_way++;
            started++;
            (void)pthread_mutex_unlock(&load->mutex);
            start(load, slot, write);
            (void)pthread_mutex_lock(&load->mutex);
        } else if (load->under_way > 0) {
            (void)pthread_cond_wait(&load->changed, &load->mutex);
        }
    }
    (void)pthread_mutex_unlock(&load->mutex);
    return load->err == 0;
}

static int by_size(const void *a, const void *b)
{
    const uint64_t first = *(const uint64_t *)a;
    const uint64_t second = *(const uint64_t *)b;

    return first < second ? -1 : first > second;
}

static bool measure(struct load *load, struct figures *figures)
{
    const uint64_t begin_ns = de_monotonic_ns();
    uint64_t all_ns;

    if (!put_load(load, figures->write, figures->at_a_time)) {
        return false;
    }
    DE_ASSERT(load->done > 0);
    all_ns = de_monotonic_ns() - begin_ns;
    qsort(load->took_ns, load->done, sizeof load->took_ns[0], by_size);
    figures->per_second = load->done * (1000 * DE_NS_PER_MS) / (all_ns > 0 ? all_ns : 1);
    figures->per_second = figures->per_second > 0 ? figures->per_second : 1;
    figures->half_us = load->took_ns[load->done / 2] / 1000;
    figures->most_us = load->took_ns[load->done * 99 / 100] / 1000;
    figures->slowest_us = load->took_ns[load->done - 1] / 1000;
    return true;
}

static void print(const struct de_cli_arguments *arguments, const struct figures *figures)
{
    const char *what = figures->write ? "write" : "read";

    if (arguments->json) {
        (void)printf("{\"what\":\"%s\",\"at_a_time\":%u,\"per_second\":%llu,\"p50_us\":%llu,"
                     "\"p99_us\":%llu,\"max_us\":%llu}\n",
                     what, (unsigned)figures->at_a_time, (unsigned long long)figures->per_second,
                     (unsigned long long)figures->half_us, (unsigned long long)figures->most_us,
                     (unsigned long long)figures->slowest_us);
    } else {
        (void)printf("%-5s %2u at a time: %llu per second; half within %llu us, 99 of 100 within "
                     "%llu us, the slowest %llu us\n",
                     what, (unsigned)figures->at_a_time, (unsigned long long)figures->per_second,
                     (unsigned long long)figures->half_us, (unsigned long long)figures->most_us,
                     (unsigned long long)figures->slowest_us);
    }
    (void)fflush(stdout);
}

/* One at a time tells how long the cluster takes, many at a time how much it groups. */
static void run_phases(struct load *load)
{
    struct figures phases[] = {
        {true, 1, 0, 0, 0, 0},
        {true, AT_A_TIME, 0, 0, 0, 0},
        {false, 1, 0, 0, 0, 0},
        {false, AT_A_TIME, 0, 0, 0, 0},
    };
    size_t i = 0;

    while (i < DE_ARRAY_SIZE(phases) && measure(load, &phases[i])) {
        print(load->arguments, &phases[i]);
        i++;
    }
    if (i == DE_ARRAY_SIZE(phases) && !load->arguments->json) {
        (void)printf("%d at a time, %llu.%llu times as many writes and %llu.%llu times as many "
                     "reads as one\n",
                     AT_A_TIME, (unsigned long long)(phases[1].per_second / phases[0].per_second),
                     (unsigned long long)(phases[1].per_second * 10 / phases[0].per_second % 10),
                     (unsigned long long)(phases[3].per_second / phases[2].per_second),
                     (unsigned long long)(phases[3].per_second * 10 / phases[2].per_second % 10));
    }
}

/* Puts all keys, so that there is something to read. */
static int init(struct load *load)
{
    const struct dengine_put_options with = {.lease = load->lease};
    int err = 0;

    for (size_t i = 0; i < AT_A_TIME && err == 0; i++) {
        struct slot *slot = &load->slots[i];

        slot->load = load;
        slot->next_free = load->free;
        load->free = slot;
        (void)snprintf(slot->key, sizeof slot->key, "dengine-check-perf/%llx/%zu",
                       (unsigned long long)load->lease, i);
        err = dengine_put_with(load->client, dengine_str(slot->key), DENGINE_STR(""), &with, NULL,
                               NULL);
    }
    return err;
}

int de_cli_check_perf(const struct de_cli_arguments *arguments, struct dengine_client *client)
{
    struct load *load = calloc(1, sizeof *load);
    int err = DENGINE_E_NO_MEMORY;

    if (load == NULL) {
        return err;
    }
    load->arguments = arguments;
    load->client = client;
    (void)pthread_mutex_init(&load->mutex, NULL);
    (void)pthread_cond_init(&load->changed, NULL);
    load->took_ns = calloc(CALLS_MAX, sizeof load->took_ns[0]);
    if (load->took_ns != NULL) {
        err = dengine_lease_grant(client, LEASE_MS, NULL, &load->lease);
    }
    if (err == 0) {
        err = init(load);
    }
    if (err == 0) {
        run_phases(load);
        err = dengine_lease_revoke(client, load->lease, NULL); /* the keys go with it */
        err = load->err != 0 ? load->err : err;
    }
    (void)pthread_cond_destroy(&load->changed);
    (void)pthread_mutex_destroy(&load->mutex);
    free(load->took_ns);
    free(load);
    return err;
}
