/* The public calls of elections: the leader is the first of a queue. */
#include <dengine/election.h>

#include <stdlib.h>
#include <time.h>

#include "client/client_ops.h"
#include "client/monotonic.h"
#include "client/queue.h"
#include "core/base/assert.h"

/* Between two looks of an observer, growing. */
#define PAUSE_LEAST_NS UINT64_C(2000000)
#define PAUSE_MOST_NS  UINT64_C(100000000)

struct dengine_election {
    struct de_queue queue;
};

int dengine_election_open(struct dengine_client *client, struct dengine_slice name,
                          const struct dengine_election_options *options,
                          struct dengine_election **result)
{
    const struct dengine_election_options none = {0};
    struct dengine_election *election = malloc(sizeof *election);
    int err;

    DE_ASSERT(result != NULL);
    *result = NULL;
    if (election == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    options = options != NULL ? options : &none;
    err = de_queue_init(&election->queue, client, name, options->lease_ms, options->lost,
                        options->context);
    if (err != 0) {
        free(election);
        return err;
    }
    *result = election;
    return 0;
}

int dengine_election_campaign(struct dengine_election *election, struct dengine_slice value,
                              uint32_t timeout_ms)
{
    DE_ASSERT(election != NULL);
    return de_queue_join(&election->queue, value, timeout_ms);
}

int dengine_election_proclaim(struct dengine_election *election, struct dengine_slice value)
{
    DE_ASSERT(election != NULL);
    return de_queue_say(&election->queue, value);
}

void dengine_election_cancel(struct dengine_election *election)
{
    DE_ASSERT(election != NULL);
    de_queue_cancel(&election->queue);
}

int dengine_election_resign(struct dengine_election *election)
{
    DE_ASSERT(election != NULL);
    return de_queue_leave(&election->queue);
}

bool dengine_election_leading(struct dengine_election *election)
{
    DE_ASSERT(election != NULL);
    return de_queue_is_first(&election->queue);
}

uint64_t dengine_election_token(struct dengine_election *election)
{
    DE_ASSERT(election != NULL);
    return de_queue_token(&election->queue);
}

struct dengine_compare dengine_election_guard(struct dengine_election *election)
{
    DE_ASSERT(election != NULL);
    return de_queue_guard(&election->queue);
}

int dengine_election_close(struct dengine_election *election)
{
    int err;

    if (election == NULL) {
        return 0;
    }
    err = de_queue_deinit(&election->queue);
    free(election);
    return err;
}

/* ---- observing ---- */

void dengine_leader_info_free(struct dengine_leader_info *info)
{
    if (info != NULL) {
        dengine_value_free(&info->value);
        *info = (struct dengine_leader_info){0};
    }
}

/* 0 when what is seen differs from *known, which it then is; else TIMEOUT. */
static int look_once(struct dengine_client *client, const struct de_queue_name *name,
                     struct dengine_leader_info *known)
{
    struct de_queue_look look = {0};
    const int err = de_queue_look(client, name, true, &look);

    if (err != 0) {
        return err;
    }
    DE_ASSERT_IMPLIES(look.first.joined == 0, look.value.owner == NULL);
    if (!look.in_office) {
        dengine_value_free(&look.value);
        look.revision = 0;
        look.lease = 0;
    }
    if (look.revision == known->revision) {
        dengine_value_free(&look.value);
        return DENGINE_E_TIMEOUT;
    }
    dengine_value_free(&known->value);
    *known = (struct dengine_leader_info){look.revision, look.lease, look.value};
    return 0;
}

int dengine_election_observe(struct dengine_client *client, struct dengine_slice name,
                             uint32_t timeout_ms, struct dengine_leader_info *known)
{
    const uint64_t deadline_ns = de_monotonic_ns() + timeout_ms * DE_NS_PER_MS;
    uint64_t pause_ns = PAUSE_LEAST_NS;
    struct de_queue_name queue;
    int err = de_queue_name_init(&queue, name);

    DE_ASSERT(known != NULL);
    while (err == 0) {
        struct timespec pause = {.tv_nsec = (long)pause_ns};

        err = look_once(client, &queue, known);
        if (err == 0 || !de_queue_passes(err) || de_monotonic_ns() + pause_ns >= deadline_ns) {
            break;
        }
        err = 0;
        (void)nanosleep(&pause, NULL);
        pause_ns = pause_ns < PAUSE_MOST_NS / 2 ? pause_ns * 2 : PAUSE_MOST_NS;
    }
    return err;
}
