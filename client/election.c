/* The public calls of elections: the leader is the first of a queue. */
#include <dengine/election.h>

#include <stdlib.h>
#include <time.h>

#include "client/client_ops.h"
#include "client/monotonic.h"
#include "client/queue.h"
#include "core/base/assert.h"

/* An observer looks again after so long, in case that the watch is late. */
#define RECHECK_MS 1000
/* Before a watch that has ended is opened again. */
#define PAUSE_NS 20000000

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
                     struct dengine_leader_info *known, uint64_t *seen)
{
    struct de_queue_look look = {0};
    const int err = de_queue_look(client, name, true, &look);
    uint64_t revision;

    if (err != 0) {
        return err;
    }
    DE_ASSERT_IMPLIES(look.keys.first.joined == 0, look.value.owner == NULL);
    *seen = look.keys.seen;
    revision = de_look_leader(&look.keys);
    if (revision == 0) {
        dengine_value_free(&look.value);
        look.keys.lease = 0;
    }
    if (revision == known->revision) {
        dengine_value_free(&look.value);
        return DENGINE_E_TIMEOUT;
    }
    dengine_value_free(&known->value);
    *known = (struct dengine_leader_info){revision, look.keys.lease, look.value};
    return 0;
}

/* Waits for a change in the queue after look_once has seen it up to `seen`, for RECHECK_MS at most.
 * A watch that has ended is opened again by the next one. */
static void wait_for_change(struct dengine_client *client, const struct de_queue_name *name,
                            uint64_t seen, uint64_t left_ns, struct dengine_watch **watch)
{
    const struct dengine_slice prefix = dengine_bytes(name->prefix, name->size);
    struct dengine_watch_options options = {.from = prefix,
                                            .from_revision = seen != 0 ? seen + 1 : 0};
    const uint64_t left_ms = left_ns / DE_NS_PER_MS + 1;
    const uint32_t wait_ms = left_ms < RECHECK_MS ? (uint32_t)left_ms : RECHECK_MS;
    uint8_t end[DE_QUEUE_PREFIX_MAX];
    struct dengine_event event;
    int err = 0;

    DE_ASSERT(watch != NULL);
    options.end = dengine_prefix_end(prefix, end);
    if (*watch == NULL) {
        err = dengine_watch_open(client, &options, watch);
    }
    if (err == 0) {
        err = dengine_watch_next(*watch, wait_ms, &event);
    }
    while (err == 0) { /* what has come with it */
        err = dengine_watch_next(*watch, 0, &event);
    }
    if (err != DENGINE_E_TIMEOUT) {
        struct timespec pause = {.tv_nsec = PAUSE_NS};

        dengine_watch_close(*watch);
        *watch = NULL;
        (void)nanosleep(&pause, NULL);
    }
}

int dengine_election_observe(struct dengine_client *client, struct dengine_slice name,
                             uint32_t timeout_ms, struct dengine_leader_info *known)
{
    const uint64_t deadline_ns = de_monotonic_ns() + timeout_ms * DE_NS_PER_MS;
    struct dengine_watch *watch = NULL;
    struct de_queue_name queue;
    int err = de_queue_name_init(&queue, name);

    DE_ASSERT(known != NULL);
    while (err == 0) {
        uint64_t seen = 0;
        uint64_t now_ns;

        err = look_once(client, &queue, known, &seen);
        now_ns = de_monotonic_ns();
        if (err == 0 || !de_turn_passes(err) || now_ns >= deadline_ns) {
            break;
        }
        wait_for_change(client, &queue, seen, deadline_ns - now_ns, &watch);
        err = 0;
    }
    dengine_watch_close(watch);
    return err;
}
