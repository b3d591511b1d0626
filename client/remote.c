#include "client/remote.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <grpc/slice.h>

#include "client/helper.h"
#include "core/base/assert.h"

#define TIMEOUT_DEFAULT_MS 5000

/* What gRPC opens before it connects to anybody, and some to spare. */
#define FILES_MIN 8

/* ---- the lock ---- */

void de_remote_enter(struct de_remote *remote)
{
    (void)pthread_mutex_lock(&remote->mutex);
}

/* Makes the thread look at due_ns again if it sleeps longer than that. */
static void wake_thread(struct de_remote *remote)
{
    grpc_call_error err;

    if (remote->due_ns >= remote->asleep_until_ns || remote->waking) {
        return;
    }
    remote->waking = true;
    remote->live++;
    de_tag_release(&remote->wake);
    err = grpc_call_start_batch(remote->lame_call, NULL, 0, &remote->wake, NULL);
    DE_ASSERT(err == GRPC_CALL_OK);
}

static void woken(struct de_tag *tag, bool ok)
{
    struct de_remote *remote = DE_CONTAINER_OF(tag, struct de_remote, wake);

    (void)ok;
    de_remote_enter(remote);
    remote->waking = false;
    remote->live--;
    de_remote_leave(remote);
}

/* Calls back in the order in which the calls finished. */
static size_t deliver(struct de_remote_call *finished)
{
    struct de_remote_call *in_order = NULL;
    size_t count = 0;

    while (finished != NULL) {
        struct de_remote_call *next = finished->next;

        finished->next = in_order;
        in_order = finished;
        finished = next;
    }
    while (in_order != NULL) {
        struct de_remote_call *next = in_order->next;

        de_remote_call_deliver(in_order);
        in_order = next;
        count++;
    }
    return count;
}

void de_remote_leave(struct de_remote *remote)
{
    struct de_remote_call *finished;
    size_t count;

    if (remote->unsettled) {
        de_remote_settle(remote, de_exchange_now_ns());
        wake_thread(remote);
    }
    finished = remote->finished;
    remote->finished = NULL;
    if (finished == NULL) {
        if (remote->live == 0) {
            (void)pthread_cond_broadcast(&remote->changed);
        }
        (void)pthread_mutex_unlock(&remote->mutex);
        return;
    }
    (void)pthread_mutex_unlock(&remote->mutex);
    count = deliver(finished);
    /* Only now: disconnect() waits for this before it takes everything away. */
    (void)pthread_mutex_lock(&remote->mutex);
    DE_ASSERT(remote->live >= count);
    remote->live -= count;
    if (remote->live == 0) {
        (void)pthread_cond_broadcast(&remote->changed);
    }
    (void)pthread_mutex_unlock(&remote->mutex);
}

/* ---- the thread ---- */

static uint64_t next_due(struct de_remote *remote)
{
    uint64_t due_ns;

    (void)pthread_mutex_lock(&remote->mutex);
    due_ns = remote->due_ns;
    remote->asleep_until_ns = due_ns;
    (void)pthread_mutex_unlock(&remote->mutex);
    return due_ns;
}

static void *run(void *context)
{
    struct de_remote *remote = context;

    for (;;) {
        const uint64_t due_ns = next_due(remote);
        const grpc_event event =
            grpc_completion_queue_next(remote->queue, de_exchange_time(due_ns), NULL);

        if (event.type == GRPC_QUEUE_SHUTDOWN) {
            break;
        }
        de_remote_enter(remote);
        remote->asleep_until_ns = 0;
        remote->unsettled = remote->unsettled || de_exchange_now_ns() >= remote->due_ns;
        de_remote_leave(remote);
        if (event.type == GRPC_OP_COMPLETE) {
            struct de_tag *tag = event.tag;

            de_tag_acquire(tag);
            tag->run(tag, event.success != 0);
        }
    }
    return NULL;
}

/* ---- ending ---- */

static void free_endpoints(struct de_remote *remote)
{
    size_t i;

    DE_ASSERT(remote->live == 0);
    for (i = 0; i < remote->endpoint_count; i++) {
        if (remote->endpoints[i]->channel != NULL) {
            grpc_channel_destroy(remote->endpoints[i]->channel);
        }
        free(remote->endpoints[i]);
    }
    remote->endpoint_count = 0;
}

static void free_memory(struct de_remote *remote)
{
    (void)pthread_cond_destroy(&remote->changed);
    (void)pthread_mutex_destroy(&remote->mutex);
    free(remote);
}

void de_remote_leave_and_drop(struct de_remote *remote)
{
    bool last;

    de_remote_leave(remote);
    (void)pthread_mutex_lock(&remote->mutex);
    DE_ASSERT(remote->users > 0);
    remote->users--;
    last = remote->users == 0;
    (void)pthread_mutex_unlock(&remote->mutex);
    if (last) {
        free_memory(remote);
    }
}

int de_client_know(struct dengine_client *client, const char *address)
{
    struct de_remote *remote = DE_CONTAINER_OF(client, struct de_remote, base);
    struct de_remote_endpoint *endpoint;
    int err;

    DE_ASSERT(address[0] != '\0');
    de_remote_enter(remote);
    err = de_remote_add_endpoint(remote, address, &endpoint);
    remote->unsettled = true; /* a call may have waited for one more to ask */
    de_remote_leave(remote);
    /* One address more than we can remember: then it is found by asking around. */
    return err == DENGINE_E_TOO_LARGE ? 0 : err;
}

static void stop_grpc(struct de_remote *remote)
{
    grpc_event event;

    grpc_call_unref(remote->lame_call);
    grpc_channel_destroy(remote->lame);
    do {
        event =
            grpc_completion_queue_next(remote->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    } while (event.type != GRPC_QUEUE_SHUTDOWN);
    grpc_completion_queue_destroy(remote->queue);
}

/* Everything under way is made to end soon. Destroying a channel ends the watch on it. */
static void close_everything(struct de_remote *remote)
{
    struct de_remote_call *call;
    size_t i;

    for (call = remote->flying; call != NULL; call = call->next) {
        de_exchange_cancel(&call->exchange);
    }
    de_remote_watches_cancel(remote);
    for (i = 0; i < remote->endpoint_count; i++) {
        struct de_remote_endpoint *endpoint = remote->endpoints[i];

        if (endpoint->probing) {
            de_exchange_cancel(&endpoint->probe);
        }
        if (endpoint->channel != NULL) {
            grpc_channel_destroy(endpoint->channel);
            endpoint->channel = NULL;
        }
    }
}

static void disconnect(struct dengine_client *client)
{
    struct de_remote *remote = DE_CONTAINER_OF(client, struct de_remote, base);
    int err;

    de_helper_part(client->helper);
    de_remote_enter(remote);
    DE_ASSERT(!remote->closing);
    remote->closing = true;
    remote->route.leader = DE_ROUTE_NOBODY;
    remote->unsettled = true;
    close_everything(remote);
    de_remote_leave(remote);

    (void)pthread_mutex_lock(&remote->mutex);
    while (remote->live > 0) {
        (void)pthread_cond_wait(&remote->changed, &remote->mutex);
    }
    (void)pthread_mutex_unlock(&remote->mutex);
    de_helper_end(client->helper);
    grpc_completion_queue_shutdown(remote->queue);
    err = pthread_join(remote->thread, NULL);
    DE_ASSERT(err == 0);
    stop_grpc(remote);
    free_endpoints(remote);
    grpc_shutdown();
    (void)pthread_mutex_lock(&remote->mutex);
    remote->unsettled = false;
    de_remote_leave_and_drop(remote);
}

/* ---- beginning ---- */

static const struct de_client_ops remote_ops = {
    .start = de_remote_start,
    .watch = de_remote_watch,
    .disconnect = disconnect,
};

/* Different for every client of every process; nothing here is a secret. */
static uint64_t make_seed(const struct de_remote *remote)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return de_mix64((uint64_t)now.tv_nsec) ^ de_mix64((uint64_t)now.tv_sec + 1) ^
           de_mix64((uint64_t)getpid()) ^ de_mix64((uint64_t)(uintptr_t)remote);
}

static int init(struct de_remote *remote, const struct dengine_connect_options *options,
                char addresses[][DE_ENDPOINT_BYTES], size_t count)
{
    struct de_remote_endpoint *endpoint;
    int err;
    size_t i;

    err = pthread_mutex_init(&remote->mutex, NULL);
    DE_ASSERT(err == 0);
    err = pthread_cond_init(&remote->changed, NULL);
    DE_ASSERT(err == 0);
    de_route_init(&remote->route, make_seed(remote));
    remote->base.ops = &remote_ops;
    remote->base.helper = de_helper_new();
    if (remote->base.helper == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    remote->base.timeout_ms =
        options != NULL && options->timeout_ms > 0 ? options->timeout_ms : TIMEOUT_DEFAULT_MS;
    remote->client_id = options != NULL ? options->client_id : 0;
    if (remote->client_id == 0) {
        remote->client_id = (uint32_t)de_random_between(&remote->route.random, 1, UINT32_MAX);
    }
    remote->users = 1;
    remote->due_ns = UINT64_MAX;
    remote->wake.run = woken;
    for (i = 0; i < count; i++) {
        err = de_remote_add_endpoint(remote, addresses[i], &endpoint);
        if (err != 0) {
            return err;
        }
    }
    /* Not all clients of a cluster turn to the same node first. */
    remote->route.turn = (uint32_t)de_random_below(&remote->route.random, count);
    return 0;
}

/* Whether gRPC can begin: where it can open none of the files that it begins with, it ends the
 * process. */
static bool may_open_files(void)
{
    int files[FILES_MIN];
    size_t count = 0;
    size_t i;

    while (count < FILES_MIN && (files[count] = eventfd(0, EFD_CLOEXEC)) >= 0) {
        count++;
    }
    for (i = 0; i < count; i++) {
        (void)close(files[i]);
    }
    DE_ASSERT(count <= FILES_MIN);
    return count == FILES_MIN;
}

/* Signals belong to the application: neither gRPC's threads nor ours take any. */
static int start_threads(struct de_remote *remote)
{
    sigset_t all;
    sigset_t before;
    int err;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    grpc_init();
    remote->queue = grpc_completion_queue_create_for_next(NULL);
    remote->lame = grpc_lame_client_channel_create("wake", GRPC_STATUS_UNAVAILABLE, "never used");
    remote->lame_call = grpc_channel_create_call(
        remote->lame, NULL, GRPC_PROPAGATE_DEFAULTS, remote->queue,
        grpc_slice_from_static_string("/wake"), NULL, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    err = pthread_create(&remote->thread, NULL, run, remote);
    if (err != 0) {
        grpc_completion_queue_shutdown(remote->queue);
        stop_grpc(remote);
        grpc_shutdown();
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return err != 0 ? DENGINE_E_NO_MEMORY : 0;
}

int dengine_connect(const char *endpoints, const struct dengine_connect_options *options,
                    struct dengine_client **client)
{
    char(*addresses)[DE_ENDPOINT_BYTES] = NULL;
    struct de_remote *remote = NULL;
    char message[160];
    size_t count;
    int err;

    if (endpoints == NULL || client == NULL) {
        de_client_set_last_error("there are no endpoints, or no room for the client");
        return DENGINE_E_INVALID;
    }
    de_client_set_last_error("%s", "");
    *client = NULL;
    addresses = calloc(DE_ENDPOINTS_MAX, sizeof *addresses);
    remote = calloc(1, sizeof *remote);
    err = DENGINE_E_NO_MEMORY;
    if (addresses == NULL || remote == NULL) {
        goto out;
    }
    err = de_endpoints_parse(endpoints, addresses, &count, message, sizeof message);
    if (err != 0) {
        de_client_set_last_error("%s", message);
        goto out;
    }
    err = init(remote, options, addresses, count);
    if (err == 0 && !may_open_files()) {
        de_client_set_last_error("the process may open no more files: close some, or raise the "
                                 "limit (ulimit -n)");
        err = DENGINE_E_NO_MEMORY;
    }
    if (err == 0) {
        err = start_threads(remote);
    }
    if (err != 0) {
        de_helper_end(remote->base.helper);
        free_endpoints(remote);
        free_memory(remote);
        remote = NULL;
        goto out;
    }
    *client = &remote->base;
    remote = NULL;
out:
    free(remote);
    free(addresses);
    return err;
}
