/* What clients ask of a host: each request is handed to the node and must end exactly once. */
#include <stddef.h>

#include "core/base/assert.h"
#include "runtime/sim/host.h"
#include "runtime/sim/rpc.h"

/* Kept until the life ends, also when done: a second end would otherwise touch freed memory. */
struct de_host_request {
    struct de_request base;
    struct de_host *host;
    struct de_host_request *next;
    uint32_t client;
    uint64_t attempt;
    bool ended;
    uint8_t body[];
};

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

static void read_done(struct de_request *base, int status, const struct dengine_result *result)
{
    struct de_host_request *request = DE_CONTAINER_OF(base, struct de_host_request, base);
    struct de_host *host = request->host;
    struct de_rpc_reply reply = {0};
    struct de_kv_view view;
    struct de_kv_record record;

    (void)result;
    request_end(request);
    reply.attempt = request->attempt;
    reply.status = status;
    reply.leader = host->leader;
    if (status != 0) {
        request_reply(request, &reply);
        return;
    }
    status = de_kv_view_open(host->kv, &view);
    DE_ASSERT(status == 0);
    status = de_kv_view_get(&view, base->command, &record);
    if (status == 0) {
        reply.found = true;
        reply.revision = record.mod_revision;
        reply.value = record.value;
    } else {
        DE_ASSERT(status == DENGINE_E_NOT_FOUND);
    }
    request_reply(request, &reply);
    de_kv_view_close(&view);
}

void de_host_request(struct de_host *host, uint32_t client, struct dengine_slice bytes)
{
    struct de_rpc_request wanted;
    struct de_host_request *request;

    if (!de_rpc_request_decode(bytes, &wanted)) {
        return;
    }
    request = de_sim_allocate_zeroed(sizeof(*request) + wanted.body.size);
    memcpy(request->body, wanted.body.data, wanted.body.size);
    request->base.type = wanted.type;
    request->base.command = dengine_bytes(request->body, wanted.body.size);
    request->base.done = wanted.type == DE_REQUEST_WRITE ? write_done : read_done;
    request->host = host;
    request->client = client;
    request->attempt = wanted.attempt;
    request->next = host->requests;
    host->requests = request;
    de_node_submit(host->node, &request->base, de_host_clock(host));
    if (!host->flush_posted) {
        host->flush_posted = true;
        de_host_post(host, de_host_delay(host, host->shared->cpu_latency_ns), DE_HOST_FLUSH, 0,
                     NULL);
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
