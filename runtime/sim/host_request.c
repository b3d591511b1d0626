/* What clients ask of a host: each request is handed to the node and must end exactly once. */
#include <stddef.h>

#include "core/base/assert.h"
#include "runtime/sim/host_request.h"
#include "runtime/sim/lease_look.h"
#include "runtime/sim/range.h"
#include "runtime/sim/rpc.h"

static void request_reply(struct de_host_request *request, const struct de_rpc_reply *reply)
{
    struct de_host *host = request->host;

    (void)de_network_send(host->shared->network, host->id, request->client,
                          de_rpc_reply_encode(reply));
}

static void request_end(struct de_host_request *request)
{
    const struct de_host_shared *shared = request->host->shared;

    if (request->ended) {
        de_verdict_fail(shared->verdict, DE_VERDICT_CORRECTNESS, shared->kernel->now_ns,
                        "one-outcome", "node %u ends a request of client %u twice",
                        request->host->id, request->client);
    }
    request->ended = true;
    request->host->requests_ended++;
}

static void write_done(struct de_request *base, int status, const struct dengine_result *result)
{
    struct de_host_request *request = DE_CONTAINER_OF(base, struct de_host_request, base);
    struct de_host *host = request->host;
    struct de_rpc_reply reply = {0};

    request_end(request);
    reply.attempt = request->attempt;
    reply.status = status;
    reply.leader = host->leader;
    if (status == 0) {
        DE_ASSERT(result != NULL);
        reply.status = result->status;
        reply.succeeded = result->succeeded;
        reply.revision = result->revision;
        reply.value = result->bytes;
        de_oracle_acknowledged(host->shared->oracle, host->shared->kernel->now_ns, host->id,
                               request->client, result->revision, base->command);
    }
    request_reply(request, &reply);
}

static void answer_range(struct de_host_request *request, struct de_kv_view *view)
{
    struct de_rpc_reply reply = {.attempt = request->attempt, .leader = request->host->leader};
    struct de_range_query query;
    const bool good = de_range_query_decode(request->base.command, &query);
    uint8_t *bytes;
    size_t size;

    DE_ASSERT(good); /* our own clients' */
    de_range_read(view, &query, &bytes, &size);
    reply.value = dengine_bytes(bytes, size);
    request_end(request);
    request_reply(request, &reply);
    de_sim_free(bytes);
}

static void answer_look(struct de_host_request *request, struct de_kv_view *view)
{
    struct de_rpc_reply reply = {.attempt = request->attempt, .leader = request->host->leader};
    uint8_t bytes[DE_LEASE_LOOK_BYTES];

    de_lease_look_read(view, request->base.command, bytes);
    reply.value = dengine_bytes(bytes, sizeof(bytes));
    request_end(request);
    request_reply(request, &reply);
}

void de_host_request_answer(struct de_host_request *request, struct de_kv_view *view)
{
    struct de_rpc_reply reply = {0};
    struct de_kv_record record;
    int err;

    if (request->ranged) {
        answer_range(request, view);
        return;
    }
    if (request->looks) {
        answer_look(request, view);
        return;
    }
    err = de_kv_view_get(view, request->base.command, &record);
    request_end(request);
    reply.attempt = request->attempt;
    reply.leader = request->host->leader;
    if (err == 0) {
        reply.found = true;
        reply.revision = record.mod_revision;
        reply.value = record.value;
    } else {
        DE_ASSERT(err == DENGINE_E_NOT_FOUND);
    }
    request_reply(request, &reply);
}

/* Without a value: refused, failed, or a change or transfer that is done. */
static void end_with(struct de_host_request *request, int status)
{
    struct de_rpc_reply reply = {0};

    request_end(request);
    reply.attempt = request->attempt;
    reply.status = status;
    reply.leader = request->host->leader;
    request_reply(request, &reply);
}

static void read_done(struct de_request *base, int status, const struct dengine_result *result)
{
    struct de_host_request *request = DE_CONTAINER_OF(base, struct de_host_request, base);
    struct de_kv_view view;
    int err;

    (void)result;
    if (status != 0) {
        end_with(request, status);
        return;
    }
    err = de_kv_view_open(request->host->kv, &view);
    DE_ASSERT(err == 0);
    de_host_request_answer(request, &view);
    de_kv_view_close(&view);
}

static void admin_done(struct de_request *base, int status, const struct dengine_result *result)
{
    struct de_host_request *request = DE_CONTAINER_OF(base, struct de_host_request, base);
    const struct de_host_shared *shared = request->host->shared;

    DE_ASSERT(result == NULL);
    if (status == 0 && base->type == DE_REQUEST_CHANGE) {
        /* What this very step has committed, the oracle learns when it is over. */
        request->host->changed = &request->change;
    } else if (status == DENGINE_E_INVALID && base->reason[0] == '\0') {
        de_verdict_fail(shared->verdict, DE_VERDICT_CORRECTNESS, shared->kernel->now_ns, "reason",
                        "node %u refuses a request of type %u and does not say why",
                        request->host->id, base->type);
    }
    end_with(request, status);
}

/* A snapshot that was asked for covers what had been applied by then, and nothing that is not
 * committed. */
static void snapshot_done(struct de_request *base, int status, const struct dengine_result *result)
{
    struct de_host_request *request = DE_CONTAINER_OF(base, struct de_host_request, base);
    const struct de_host_shared *shared = request->host->shared;

    DE_ASSERT((status == 0) == (result != NULL));
    if (status == 0 && (result->revision < request->applied ||
                        result->revision > shared->oracle->committed_count)) {
        de_verdict_fail(shared->verdict, DE_VERDICT_CORRECTNESS, shared->kernel->now_ns, "covered",
                        "node %u had applied entry %llu when a snapshot was asked for, and answers "
                        "with one of entry %llu",
                        request->host->id, (unsigned long long)request->applied,
                        (unsigned long long)result->revision);
    }
    end_with(request, status);
}

void de_host_request_submit(struct de_host_request *request)
{
    struct de_host *host = request->host;
    bool at_once = request->base.type >= DE_REQUEST_CHANGE;

    de_node_submit(host->node, &request->base, de_host_clock(host));
    if (at_once) {
        de_node_flush(host->node, de_host_clock(host));
    } else if (!host->flush_posted) {
        host->flush_posted = true;
        de_host_post(host, de_host_delay(host, host->shared->cpu_latency_ns), DE_HOST_FLUSH, 0,
                     NULL);
    }
}

/* False: not a request. */
static bool fill(struct de_host_request *request, const struct de_rpc_request *wanted)
{
    struct de_raft_view view;

    memcpy(request->body, wanted->body.data, wanted->body.size);
    request->base.type = wanted->type;
    request->base.command = dengine_bytes(request->body, wanted->body.size);
    switch (wanted->type) {
    case DE_REQUEST_WRITE:
        request->base.done = write_done;
        return true;
    case DE_RPC_LEASE_READ:
        request->base.type = DE_REQUEST_READ;
        request->base.done = read_done;
        return true;
    case DE_RPC_RANGE:
    case DE_RPC_LEASE_RANGE:
    case DE_RPC_EVENTUAL_RANGE:
        request->base.type = DE_REQUEST_READ;
        request->base.done = read_done;
        request->ranged = true;
        request->eventual = wanted->type == DE_RPC_EVENTUAL_RANGE;
        return true;
    case DE_RPC_LEASE_LOOK:
        request->base.type = DE_REQUEST_READ;
        request->base.done = read_done;
        request->looks = true;
        return true;
    case DE_REQUEST_READ:
        request->base.done = read_done;
        return true;
    case DE_REQUEST_CHANGE:
        if (request->host->admin_closed) {
            return false;
        }
        request->base.command = dengine_bytes(NULL, 0);
        request->base.change = &request->change;
        request->base.done = admin_done;
        return de_rpc_change_decode(wanted->body, &request->change);
    case DE_REQUEST_SNAPSHOT:
        de_host_view(request->host, &view);
        request->applied = view.applied;
        request->base.command = dengine_bytes(NULL, 0);
        request->base.done = snapshot_done;
        return true;
    case DE_REQUEST_TRANSFER:
        if (request->host->admin_closed) {
            return false;
        }
        request->base.command = dengine_bytes(NULL, 0);
        request->base.target = wanted->target;
        request->base.done = admin_done;
        return true;
    default:
        return false;
    }
}

void de_host_request(struct de_host *host, uint32_t client, struct dengine_slice bytes)
{
    struct de_rpc_request wanted;
    struct de_host_request *request;

    if (!de_rpc_request_decode(bytes, &wanted)) {
        return;
    }
    if (wanted.type == DE_RPC_LEADER) {
        const struct de_rpc_reply reply = {.attempt = wanted.attempt, .leader = host->leader};

        (void)de_network_send(host->shared->network, host->id, client, de_rpc_reply_encode(&reply));
        return;
    }
    request = de_sim_allocate_zeroed(sizeof(*request) + wanted.body.size);
    request->host = host;
    request->client = client;
    request->attempt = wanted.attempt;
    if (!fill(request, &wanted)) {
        de_sim_free(request);
        return;
    }
    request->next = host->requests;
    host->requests = request;
    if (wanted.type == DE_RPC_LEASE_READ || wanted.type == DE_RPC_LEASE_RANGE ||
        request->eventual) {
        de_host_lease_read(request);
    } else {
        de_host_request_submit(request);
    }
}

void de_host_reads_clear(struct de_host *host)
{
    for (struct de_host_request *request = host->requests; request != NULL;
         request = request->next) {
        de_host_read_clear(request);
    }
}

void de_host_requests_clear(struct de_host *host, bool ended_required)
{
    while (host->requests != NULL) {
        struct de_host_request *request = host->requests;

        if (ended_required && !request->ended) {
            de_verdict_fail(host->shared->verdict, DE_VERDICT_CORRECTNESS,
                            host->shared->kernel->now_ns, "one-outcome",
                            "node %u has stopped in good order without an answer to a request of "
                            "client %u",
                            host->id, request->client);
        }
        host->requests = request->next;
        de_sim_free(request);
    }
}
