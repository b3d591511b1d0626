#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <grpc/grpc_security.h>
#include <grpc/slice.h>

#include "client/remote.h"
#include "core/base/assert.h"

/* How long one attempt to connect, or one question who leads, may take before the next is made. */
#define ATTEMPT_NS UINT64_C(1000000000)

static void watched(struct de_tag *tag, bool ok);
static void probed(struct de_tag *tag, bool ok);
static void explained(struct de_tag *tag, bool ok);

/* ---- endpoints ---- */

int de_remote_add_endpoint(struct de_remote *remote, const char *address,
                           struct de_remote_endpoint **result)
{
    struct de_remote_endpoint *endpoint;
    size_t i;

    for (i = 0; i < remote->endpoint_count; i++) {
        if (strcmp(remote->endpoints[i]->address, address) == 0) {
            *result = remote->endpoints[i];
            return 0;
        }
    }
    DE_ASSERT(remote->endpoint_count == remote->route.count);
    if (remote->endpoint_count == DE_ENDPOINTS_MAX) {
        return DENGINE_E_TOO_LARGE;
    }
    endpoint = calloc(1, sizeof *endpoint);
    if (endpoint == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    endpoint->remote = remote;
    (void)snprintf(endpoint->address, sizeof endpoint->address, "%s", address);
    endpoint->watch.run = watched;
    endpoint->probe.tag.run = probed;
    endpoint->peer = de_route_add(&remote->route);
    DE_ASSERT(endpoint->peer == remote->endpoint_count);
    remote->endpoints[remote->endpoint_count++] = endpoint;
    *result = endpoint;
    return 0;
}

static grpc_arg integer_arg(const char *name, int value)
{
    grpc_arg arg = {0};

    arg.type = GRPC_ARG_INTEGER;
    /* gRPC's struct is not const-correct; it copies the name. */
    memcpy(&arg.key, &name, sizeof name);
    arg.value.integer = value;
    return arg;
}

static void open_channel(struct de_remote_endpoint *endpoint)
{
    grpc_arg args[] = {
        /* 10 to 25 % faster; deadlines are the one part of the full stack that is needed. */
        integer_arg(GRPC_ARG_MINIMAL_STACK, 1),
        integer_arg(GRPC_ARG_ENABLE_DEADLINE_CHECKS, 1),
        /* Retries are decided here, where it is known what may be sent twice. */
        integer_arg(GRPC_ARG_ENABLE_RETRIES, 0),
        integer_arg(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100),
        integer_arg(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100),
        integer_arg(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000),
        integer_arg(GRPC_ARG_KEEPALIVE_TIME_MS, 10000),
        integer_arg(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10000),
        integer_arg(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1),
        /* Cluster members are addressed directly, whatever the environment says about the web. */
        integer_arg(GRPC_ARG_ENABLE_HTTP_PROXY, 0),
        integer_arg(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1),
    };
    const grpc_channel_args list = {DE_ARRAY_SIZE(args), args};
    grpc_channel_credentials *credentials = grpc_insecure_credentials_create();

    DE_ASSERT(endpoint->channel == NULL);
    endpoint->channel = grpc_channel_create(endpoint->address, credentials, &list);
    grpc_channel_credentials_release(credentials);
    DE_ASSERT(endpoint->channel != NULL);
}

bool de_remote_ready(const struct de_remote_endpoint *endpoint)
{
    return endpoint->channel != NULL &&
           grpc_channel_check_connectivity_state(endpoint->channel, 0) == GRPC_CHANNEL_READY;
}

uint64_t de_remote_ready_mask(const struct de_remote *remote)
{
    uint64_t ready = 0;

    for (size_t i = 0; i < remote->endpoint_count; i++) {
        ready |= de_remote_ready(remote->endpoints[i]) ? UINT64_C(1) << i : 0;
    }
    return ready;
}

/* ---- who leads ---- */

void de_remote_doubt(struct de_remote *remote, const struct de_remote_endpoint *endpoint)
{
    if (endpoint != NULL && de_route_doubt(&remote->route, endpoint->peer)) {
        remote->unsettled = true;
    }
}

void de_remote_learn_leader(struct de_remote *remote, const char *address)
{
    struct de_remote_endpoint *endpoint;

    /* One address more than we can remember: then it is found by asking around. */
    if (de_remote_add_endpoint(remote, address, &endpoint) == 0) {
        de_route_lead(&remote->route, endpoint->peer);
        remote->unsettled = true;
    }
}

/* For people: the last thing that went wrong. */
static void note_trouble(struct de_remote_endpoint *endpoint, const char *what)
{
    struct de_remote *remote = endpoint->remote;

    (void)snprintf(remote->trouble, sizeof remote->trouble, "%.100s: %.180s", endpoint->address,
                   what);
    remote->unsettled = true;
}

/* ---- connecting ---- */

static void connect_to(struct de_remote_endpoint *endpoint, uint64_t now_ns)
{
    struct de_remote *remote = endpoint->remote;
    grpc_connectivity_state state;

    DE_ASSERT(!endpoint->watching && !remote->closing);
    if (endpoint->channel == NULL) {
        open_channel(endpoint);
    }
    state = grpc_channel_check_connectivity_state(endpoint->channel, 1);
    endpoint->watching = true;
    remote->live++;
    de_tag_release(&endpoint->watch);
    grpc_channel_watch_connectivity_state(endpoint->channel, state,
                                          de_exchange_time(now_ns + ATTEMPT_NS), remote->queue,
                                          &endpoint->watch);
}

/* Why a connection failed is only told to a call, which fails at once with it. It asks for what any
 * node may be asked, in case that one answers after all. */
static void ask_why(struct de_remote_endpoint *endpoint, uint64_t now_ns)
{
    DE_ASSERT(!endpoint->probing && endpoint->channel != NULL);
    endpoint->probing = true;
    endpoint->remote->live++;
    endpoint->probe.tag.run = explained;
    de_exchange_start(&endpoint->probe, endpoint->channel, endpoint->remote->queue,
                      de_remote_metadata_path, grpc_empty_slice(), now_ns + ATTEMPT_NS);
}

static void explained(struct de_tag *tag, bool ok)
{
    struct de_exchange *exchange = DE_CONTAINER_OF(tag, struct de_exchange, tag);
    struct de_remote_endpoint *endpoint =
        DE_CONTAINER_OF(exchange, struct de_remote_endpoint, probe);
    struct de_remote *remote = endpoint->remote;
    char what[400] = "";

    DE_ASSERT(ok);
    if (exchange->status != GRPC_STATUS_OK) {
        de_exchange_details(exchange, what, sizeof what);
    }
    de_remote_enter(remote);
    de_exchange_clear(exchange);
    endpoint->probing = false;
    remote->live--;
    remote->unsettled = true;
    if (strstr(what, "DNS resolution failed") != NULL) {
        note_trouble(endpoint, "its name cannot be looked up");
    }
    de_remote_leave(remote);
}

static void watched(struct de_tag *tag, bool ok)
{
    struct de_remote_endpoint *endpoint = DE_CONTAINER_OF(tag, struct de_remote_endpoint, watch);
    struct de_remote *remote = endpoint->remote;
    grpc_connectivity_state state;

    de_remote_enter(remote);
    endpoint->watching = false;
    remote->live--;
    remote->unsettled = true;
    state = remote->closing ? GRPC_CHANNEL_SHUTDOWN
                            : grpc_channel_check_connectivity_state(endpoint->channel, 0);
    if (state == GRPC_CHANNEL_READY) {
        de_route_connected(&remote->route, endpoint->peer);
    } else if (!ok || state == GRPC_CHANNEL_TRANSIENT_FAILURE) {
        de_route_failed(&remote->route, endpoint->peer, de_exchange_now_ns());
        note_trouble(endpoint, "cannot connect");
        de_remote_doubt(remote, endpoint);
        if (state == GRPC_CHANNEL_TRANSIENT_FAILURE && !endpoint->probing) {
            ask_why(endpoint, de_exchange_now_ns());
        }
    }
    de_remote_leave(remote);
}

/* ---- asking ---- */

static void probe(struct de_remote_endpoint *endpoint, uint64_t now_ns)
{
    struct de_remote *remote = endpoint->remote;

    DE_ASSERT(!endpoint->probing && !remote->closing);
    endpoint->probing = true;
    remote->live++;
    endpoint->probe.tag.run = probed;
    de_exchange_start(&endpoint->probe, endpoint->channel, remote->queue, de_remote_metadata_path,
                      grpc_empty_slice(), now_ns + ATTEMPT_NS);
}

/* The leader's address in an answer; NULL when it names none. */
static const char *leader_in(const struct dengine_cluster_status *status)
{
    uint32_t i;

    for (i = 0; i < status->member_count; i++) {
        if (status->members[i].leader && status->members[i].address[0] != '\0') {
            return status->members[i].address;
        }
    }
    return NULL;
}

static void probed(struct de_tag *tag, bool ok)
{
    struct de_exchange *exchange = DE_CONTAINER_OF(tag, struct de_exchange, tag);
    struct de_remote_endpoint *endpoint =
        DE_CONTAINER_OF(exchange, struct de_remote_endpoint, probe);
    struct de_remote *remote = endpoint->remote;
    struct dengine_cluster_status status = {0};
    char what[200] = "knows no leader";
    struct de_remote_endpoint *named = NULL;
    const char *leader;

    DE_ASSERT(ok);
    if (exchange->status == GRPC_STATUS_OK) {
        grpc_slice bytes = de_exchange_response(exchange);

        if (de_remote_unpack_status(bytes, &status) != 0) {
            (void)snprintf(what, sizeof what, "answers in a way that makes no sense");
        }
        grpc_slice_unref(bytes);
    } else {
        de_exchange_details(exchange, what, sizeof what);
    }
    leader = leader_in(&status);
    de_remote_enter(remote);
    de_exchange_clear(exchange);
    endpoint->probing = false;
    remote->live--;
    if (leader != NULL && de_remote_add_endpoint(remote, leader, &named) == 0) {
        (void)snprintf(what, sizeof what, "names a leader that cannot be reached");
        remote->unsettled = true;
    }
    if (!de_route_heard(&remote->route, endpoint->peer,
                        named != NULL ? named->peer : DE_ROUTE_NOBODY, de_remote_ready_mask(remote),
                        de_exchange_now_ns())) {
        note_trouble(endpoint, what);
    }
    de_remote_leave(remote);
}

/* ---- what is parked ---- */

struct de_remote_endpoint *de_remote_choose(struct de_remote *remote,
                                            const struct de_remote_call *call)
{
    const uint32_t leader = remote->route.leader;
    bool anywhere = call->anywhere;
    uint64_t ready = 0;
    uint32_t peer;

    if (anywhere || leader == DE_ROUTE_NOBODY || !de_remote_ready(remote->endpoints[leader])) {
        ready = de_remote_ready_mask(remote);
        anywhere = anywhere || (!call->write && de_route_leaderless(&remote->route, ready));
    } else {
        ready = UINT64_C(1) << leader; /* of the others it does not matter */
    }
    peer = de_route_choose(&remote->route, ready, anywhere);
    return peer == DE_ROUTE_NOBODY ? NULL : remote->endpoints[peer];
}

/* Sends or ends what can be; the rest makes *due_ns earlier. */
static void pump(struct de_remote *remote, uint64_t now_ns, uint64_t *due_ns)
{
    struct de_remote_call *call = remote->parked;

    while (call != NULL) {
        struct de_remote_call *next = call->next;
        struct de_remote_endpoint *endpoint = NULL;

        if (remote->closing) {
            de_remote_call_finish(call, DENGINE_E_SHUTDOWN);
        } else if (call->retry.deadline_ns <= now_ns) {
            de_remote_call_expire(call);
        } else if (call->retry.not_before_ns > now_ns) {
            *due_ns = call->retry.not_before_ns < *due_ns ? call->retry.not_before_ns : *due_ns;
        } else {
            endpoint = de_remote_choose(remote, call);
            if (endpoint != NULL) {
                de_remote_call_send(call, endpoint);
            } else {
                *due_ns = call->retry.deadline_ns < *due_ns ? call->retry.deadline_ns : *due_ns;
            }
        }
        call = next;
    }
}

/* One endpoint that may help: gets it connected, or asks it, when its time has come. */
static void pursue(struct de_remote_endpoint *endpoint, uint64_t ready, bool ask, uint64_t now_ns,
                   uint64_t *due_ns)
{
    if (endpoint->watching || endpoint->probing) {
        return;
    }
    switch (de_route_pursue(&endpoint->remote->route, endpoint->peer, ready, ask, now_ns, due_ns)) {
    case DE_ROUTE_REST:
        break;
    case DE_ROUTE_CONNECT:
        connect_to(endpoint, now_ns);
        break;
    case DE_ROUTE_ASK:
        probe(endpoint, now_ns);
        break;
    }
}

void de_remote_settle(struct de_remote *remote, uint64_t now_ns)
{
    const struct de_remote_call *call;
    bool anywhere;
    bool ask;
    uint64_t due_ns = UINT64_MAX;
    uint64_t ready;
    size_t i;

    remote->unsettled = false;
    pump(remote, now_ns, &due_ns);
    anywhere = de_remote_watches_settle(remote, now_ns, &due_ns);
    for (call = remote->parked; call != NULL && !anywhere; call = call->next) {
        anywhere = call->anywhere;
    }
    ready = de_remote_ready_mask(remote);
    ask = remote->parked != NULL && de_route_must_ask(&remote->route, ready);
    if (ask || anywhere) {
        for (i = 0; i < remote->endpoint_count; i++) {
            pursue(remote->endpoints[i], ready, ask, now_ns, &due_ns);
        }
    } else if (remote->parked != NULL) {
        pursue(remote->endpoints[remote->route.leader], ready, false, now_ns, &due_ns);
    }
    remote->due_ns = due_ns;
}
