/* Observing an election: a look at its queue, and another one whenever something changes in it. */
#include <dengine/election.h>
#include <dengine/watch.h>

#include <stdlib.h>

#include "client/calling_back.h"
#include "client/client_ops.h"
#include "client/monotonic.h"
#include "client/policy/turn.h"
#include "client/queue_look.h"
#include "client/waiter.h"
#include "core/base/assert.h"

/* An observer looks again after so long, in case that the watch is late. */
#define RECHECK_NS (1000 * DE_NS_PER_MS)
/* Before a watch that has ended is opened again. */
#define PAUSE_NS (20 * DE_NS_PER_MS)

struct observer {
    struct de_task task;
    struct de_queue_name name;
    struct de_queue_look look;
    bool looking;
    uint64_t known; /* the revision that it is to differ from */
    uint64_t deadline_ns;
    uint64_t look_at_ns; /* again, when the watch says nothing */
    struct dengine_watch *watch;
    dengine_leader_callback *callback;
    void *context;
};

void dengine_leader_info_free(struct dengine_leader_info *info)
{
    if (info != NULL) {
        dengine_value_free(&info->value);
        *info = (struct dengine_leader_info){0};
    }
}

static void finish(struct observer *observer, int err, struct dengine_leader_info *info)
{
    dengine_leader_callback *callback = observer->callback;
    void *context = observer->context;

    DE_ASSERT(!observer->looking);
    dengine_watch_close(observer->watch);
    de_task_deinit(&observer->task);
    free(observer);
    callback(context, err, info);
}

/* From a thread of the library. */
static void wake(void *context)
{
    struct observer *observer = context;

    de_task_poke(&observer->task);
}

static void look(struct observer *observer)
{
    const struct de_place nobody = {0};

    observer->looking = true;
    de_queue_look_begin(&observer->look, &observer->name, &nobody, true, &observer->task);
}

/* Watches from what the look has seen on, so that nothing is missed in between. */
static void watch_on(struct observer *observer)
{
    const struct dengine_slice prefix = dengine_bytes(observer->name.prefix, observer->name.size);
    const uint64_t seen = observer->look.keys.seen;
    struct dengine_watch_options options = {.from = prefix,
                                            .from_revision = seen != 0 ? seen + 1 : 0,
                                            .ready = wake,
                                            .context = observer};
    uint8_t end[DE_QUEUE_PREFIX_MAX];

    options.end = dengine_prefix_end(prefix, end);
    observer->look_at_ns = de_monotonic_ns() + RECHECK_NS;
    if (observer->watch == NULL &&
        dengine_watch_open(de_task_client(&observer->task), &options, &observer->watch) != 0) {
        observer->watch = NULL;
        observer->look_at_ns = de_monotonic_ns() + PAUSE_NS;
    }
    if (observer->look_at_ns > observer->deadline_ns) {
        observer->look_at_ns = observer->deadline_ns;
    }
    de_task_at(&observer->task, observer->look_at_ns);
    de_task_poke(&observer->task); /* something may have come already */
}

/* Whether something has changed. A watch that ends says nothing; after a pause another look does,
 * and another watch. */
static bool has_changed(struct observer *observer)
{
    struct dengine_event event;
    bool changed = false;
    int err = 0;

    while (observer->watch != NULL && err == 0) {
        err = dengine_watch_next(observer->watch, 0, &event);
        changed = changed || err == 0;
    }
    if (observer->watch != NULL && err != DENGINE_E_TIMEOUT) {
        dengine_watch_close(observer->watch);
        observer->watch = NULL;
        observer->look_at_ns = de_monotonic_ns() + PAUSE_NS;
        de_task_at(&observer->task, observer->look_at_ns);
    }
    return changed;
}

/* The look has ended with err. */
static void looked(struct observer *observer, int err)
{
    struct de_queue_look *seen = &observer->look;
    struct dengine_leader_info info = {0};

    observer->looking = false;
    if (err == 0) {
        info.revision = de_look_leader(&seen->keys);
        if (info.revision != 0) {
            info.lease = seen->keys.lease;
            info.value = seen->value;
            seen->value = (struct dengine_value){0};
        }
        if (info.revision != observer->known) {
            de_queue_look_end(seen);
            finish(observer, 0, &info);
            return;
        }
        dengine_leader_info_free(&info);
        err = DENGINE_E_TIMEOUT;
    }
    de_queue_look_end(seen);
    if (!de_turn_passes(err) || de_monotonic_ns() >= observer->deadline_ns) {
        finish(observer, err, &info);
    } else {
        watch_on(observer);
    }
}

/* From the helper. May free the observer. */
static void run(struct de_task *task)
{
    struct observer *observer = DE_CONTAINER_OF(task, struct observer, task);
    struct dengine_reply reply;
    int err;

    if (observer->looking) {
        if (de_task_take(task, &reply) &&
            de_queue_look_answered(&observer->look, &reply, task, &err)) {
            looked(observer, err);
        }
    } else if (has_changed(observer) || de_task_orphaned(task) ||
               de_monotonic_ns() >= observer->look_at_ns) {
        look(observer);
    }
}

int dengine_election_observe_async(struct dengine_client *client, struct dengine_slice name,
                                   uint32_t timeout_ms, const struct dengine_leader_info *known,
                                   dengine_leader_callback *callback, void *context)
{
    struct observer *observer;
    int err;

    if (client == NULL || callback == NULL) {
        de_client_set_last_error("there is no %s", client == NULL ? "client" : "callback");
        return DENGINE_E_INVALID;
    }
    observer = calloc(1, sizeof *observer);
    if (observer == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    observer->known = known != NULL ? known->revision : 0;
    observer->deadline_ns = de_monotonic_ns() + timeout_ms * DE_NS_PER_MS;
    observer->callback = callback;
    observer->context = context;
    err = de_queue_name_init(&observer->name, name);
    if (err == 0) {
        err = de_task_init(&observer->task, client, run);
    }
    if (err != 0) {
        free(observer);
        return err;
    }
    de_task_poke(&observer->task); /* look_at_ns is 0: it looks at once */
    return 0;
}

/* ---- blocking ---- */

struct observing {
    struct de_waiter waiter;
    struct dengine_leader_info *known;
};

static void wake_observing(void *context, int status, struct dengine_leader_info *info)
{
    struct observing *observing = context;

    if (status == 0) {
        dengine_leader_info_free(observing->known);
        *observing->known = *info;
    }
    de_waiter_wake(&observing->waiter, &(struct dengine_reply){.status = status});
}

int dengine_election_observe(struct dengine_client *client, struct dengine_slice name,
                             uint32_t timeout_ms, struct dengine_leader_info *known)
{
    struct observing observing = {.known = known};
    struct dengine_reply reply;
    int err;

    DE_ASSERT(known != NULL);
    err = de_may_wait();
    if (err != 0) {
        return err;
    }
    de_waiter_init(&observing.waiter);
    err =
        dengine_election_observe_async(client, name, timeout_ms, known, wake_observing, &observing);
    return de_waiter_end(&observing.waiter, err, &reply);
}
