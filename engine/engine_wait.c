/* Waiting for an engine: until it is ready, until its members have changed. */
#include <stdlib.h>

#include "client/calling_back.h"
#include "client/helper.h"
#include "client/monotonic.h"
#include "core/base/assert.h"
#include "engine/engine_parts.h"
#include "engine/engine_state.h"
#include "runtime/libev/publisher.h"

/* A wait that blocks nobody: it looks whenever the replica says that something has changed. */
struct wait {
    struct de_task task;
    struct de_publisher_listener listener;
    struct dengine *engine;
    bool listening; /* of the helper */
    bool for_members;
    uint64_t after; /* with for_members */
    uint64_t deadline_ns;
    dengine_callback *callback;
    void *context;
};

int dengine_wait_ready(struct dengine *engine, uint32_t timeout_ms, uint64_t *leader)
{
    const int err = timeout_ms > 0 ? de_may_wait() : 0;

    return err != 0 ? err : de_replica_wait_ready(engine->replica, timeout_ms, leader);
}

int dengine_wait_members(struct dengine *engine, uint64_t after, uint32_t timeout_ms,
                         struct dengine_cluster_status *members)
{
    int err = timeout_ms > 0 ? de_may_wait() : 0;

    if (err == 0) {
        err = de_replica_wait_members(engine->replica, after, timeout_ms, members);
    }
    if (err == 0) {
        de_engine_members(engine, members);
    }
    return err;
}

static void changed(struct de_publisher_listener *listener)
{
    struct wait *wait = DE_CONTAINER_OF(listener, struct wait, listener);

    de_task_poke(&wait->task);
}

static int look(const struct wait *wait, struct dengine_cluster_status *cluster)
{
    int err;

    DE_ASSERT(wait->engine->replica != NULL);
    if (wait->for_members) {
        return dengine_wait_members(wait->engine, wait->after, 0, cluster);
    }
    err = dengine_wait_ready(wait->engine, 0, NULL);
    de_engine_members(wait->engine, cluster);
    return err;
}

/* From the helper. Frees the wait when it is over. */
static void run(struct de_task *task)
{
    struct wait *wait = DE_CONTAINER_OF(task, struct wait, task);
    dengine_callback *callback = wait->callback;
    void *context = wait->context;
    struct dengine_cluster_status cluster;
    struct dengine_reply reply = {.cluster = &cluster};

    if (!wait->listening) { /* not before: it could be over, and no more, while it is started */
        wait->listening = true;
        de_replica_listen_to_changes(wait->engine->replica, &wait->listener);
    }
    reply.status = look(wait, &cluster);
    if (reply.status == DENGINE_E_TIMEOUT && de_monotonic_ns() < wait->deadline_ns) {
        de_task_at(task, wait->deadline_ns);
        return;
    }
    reply.succeeded = reply.status == 0;
    de_replica_unlisten(wait->engine->replica, &wait->listener);
    de_task_deinit(task);
    free(wait);
    de_client_clear_last_error();
    callback(context, &reply);
}

static int start(struct dengine *engine, const struct wait *wanted, uint32_t timeout_ms)
{
    struct wait *wait;
    int err;

    if (engine == NULL || wanted->callback == NULL) {
        de_client_set_last_error("there is no %s", engine == NULL ? "engine" : "callback");
        return DENGINE_E_INVALID;
    }
    wait = malloc(sizeof *wait);
    if (wait == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    *wait = *wanted;
    wait->engine = engine;
    wait->deadline_ns = de_monotonic_ns() + timeout_ms * DE_NS_PER_MS;
    wait->listener.changed = changed;
    err = de_task_init(&wait->task, &engine->client.client, run);
    if (err != 0) {
        free(wait);
        return err;
    }
    de_task_poke(&wait->task);
    return 0;
}

int dengine_wait_ready_async(struct dengine *engine, uint32_t timeout_ms,
                             dengine_callback *callback, void *context)
{
    const struct wait wanted = {.callback = callback, .context = context};

    return start(engine, &wanted, timeout_ms);
}

int dengine_wait_members_async(struct dengine *engine, uint64_t after, uint32_t timeout_ms,
                               dengine_callback *callback, void *context)
{
    const struct wait wanted = {
        .for_members = true, .after = after, .callback = callback, .context = context};

    return start(engine, &wanted, timeout_ms);
}
