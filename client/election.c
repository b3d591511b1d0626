/* The public calls of elections: the leader is the first of a queue. */
#include <dengine/election.h>

#include <stdlib.h>

#include "client/queue.h"
#include "core/base/assert.h"

struct dengine_election {
    struct de_queue queue;
};

int dengine_election_open(struct dengine_client *client, struct dengine_slice name,
                          const struct dengine_election_options *options,
                          struct dengine_election **result)
{
    const struct dengine_election_options none = {0};
    struct dengine_election *election = calloc(1, sizeof *election);
    int err;

    DE_ASSERT(result != NULL);
    *result = NULL;
    if (election == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    options = options != NULL ? options : &none;
    err = de_queue_init(&election->queue, election, client, name, options->lease_ms, options->lost,
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

int dengine_election_campaign_async(struct dengine_election *election, struct dengine_slice value,
                                    uint32_t timeout_ms, dengine_callback *callback, void *context)
{
    DE_ASSERT(election != NULL);
    return de_queue_join_async(&election->queue, value, timeout_ms, callback, context);
}

int dengine_election_proclaim(struct dengine_election *election, struct dengine_slice value)
{
    DE_ASSERT(election != NULL);
    return de_queue_say(&election->queue, value);
}

int dengine_election_proclaim_async(struct dengine_election *election, struct dengine_slice value,
                                    dengine_callback *callback, void *context)
{
    DE_ASSERT(election != NULL);
    return de_queue_say_async(&election->queue, value, callback, context);
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

int dengine_election_resign_async(struct dengine_election *election, dengine_callback *callback,
                                  void *context)
{
    DE_ASSERT(election != NULL);
    return de_queue_leave_async(&election->queue, callback, context);
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
    return election != NULL ? de_queue_close(&election->queue) : 0;
}

void dengine_election_close_async(struct dengine_election *election, dengine_callback *callback,
                                  void *context)
{
    DE_ASSERT(election != NULL);
    de_queue_close_async(&election->queue, callback, context);
}
