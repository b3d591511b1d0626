/* The client of an embedded engine: calls become requests of the replica, in one block of memory
 * each. Reads are in embedded_read.c. */
#include <stdlib.h>
#include <string.h>

#include "client/calling_back.h"
#include "client/helper.h"
#include "core/base/assert.h"
#include "core/kv/kv.h"
#include "engine/embedded_read.h"
#include "engine/embedded_change.h"
#include "engine/engine_parts.h"
#include "engine/engine_state.h"
#include "engine/txn_command.h"
#include "runtime/libev/clock.h"

/* A write under way. The bytes are the encoded command. */
struct embedded_call {
    struct de_replica_request request;
    struct dengine *engine;
    dengine_callback *callback;
    void *context;
    uint32_t type; /* enum de_client_call_type */
    size_t size;
    uint8_t bytes[];
};

#define NS_PER_MS UINT64_C(1000000)

static struct dengine *engine_of(struct dengine_client *client)
{
    return DE_CONTAINER_OF(client, struct de_embedded_client, client)->engine;
}

/* ---- the ends of a call ---- */

/* Without memory for what it found, a transaction was carried out all the same. */
static void take_txn(const struct dengine_result *result, struct dengine_reply *reply)
{
    if (de_txn_take_answer(result->bytes, &reply->txn) != 0) {
        reply->status = DENGINE_E_UNKNOWN;
        return;
    }
    reply->txn.succeeded = result->succeeded;
    reply->txn.revision = result->revision;
}

static void call_done(struct de_replica_request *request, int status,
                      const struct dengine_result *result)
{
    struct embedded_call *call = DE_CONTAINER_OF(request, struct embedded_call, request);
    struct dengine_reply reply = {0};

    reply.status = status;
    DE_ASSERT_IMPLIES(status == 0, result != NULL);
    if (status == 0) {
        reply.status = result->status;
    }
    if (reply.status == 0) {
        reply.succeeded = result->succeeded;
        reply.revision = result->revision;
        de_kv_answer_outcome(result->bytes, &reply.lease, &reply.count);
        if (call->type == DE_CLIENT_TXN) {
            take_txn(result, &reply);
        }
    }
    if (reply.status != 0) {
        reply.succeeded = false;
        de_embedded_explain(call->engine, reply.status);
        de_call_back(call->callback, call->context, &reply);
        de_client_set_last_error("%s", "");
        return;
    }
    if (call->type != DE_CLIENT_CAS && call->type != DE_CLIENT_TXN) {
        reply.succeeded = true;
    }
    de_call_back(call->callback, call->context, &reply);
}

static void call_release(struct de_replica_request *request)
{
    free(DE_CONTAINER_OF(request, struct embedded_call, request));
}

/* ---- starting a call ---- */

static struct embedded_call *new_call(struct dengine *engine, const struct de_client_call *from,
                                      size_t size)
{
    struct embedded_call *call = malloc(sizeof(*call) + size);

    if (call == NULL) {
        return NULL;
    }
    memset(call, 0, sizeof(*call));
    call->engine = engine;
    call->callback = from->callback;
    call->context = from->context;
    call->type = from->type;
    call->size = size;
    call->request.done = call_done;
    call->request.release = call_release;
    call->request.deadline_ns = de_clock_now_ns() + (uint64_t)from->timeout_ms * 1000000u;
    return call;
}

static void command_of(const struct de_client_call *from, struct de_kv_command *command)
{
    *command = (struct de_kv_command){.lease = from->lease, .ttl_ns = from->ttl_ms * NS_PER_MS};
    switch (from->type) {
    case DE_CLIENT_PUT:
        *command = de_kv_put(from->key, from->value);
        command->op.ttl_ns = from->ttl_ms * NS_PER_MS;
        command->op.lease = from->lease;
        break;
    case DE_CLIENT_DELETE:
        *command = de_kv_delete(from->key);
        break;
    case DE_CLIENT_DELETE_RANGE:
        command->type = DE_KV_WRITE;
        command->op =
            (struct de_kv_op){.type = DE_KV_DELETE_RANGE, .key = from->key, .end = from->end};
        break;
    case DE_CLIENT_LEASE_GRANT:
        command->type = DE_KV_LEASE_GRANT;
        command->with_session = from->with_session;
        break;
    case DE_CLIENT_LEASE_KEEP:
        command->type = DE_KV_LEASE_KEEP;
        break;
    case DE_CLIENT_LEASE_REVOKE:
        command->type = DE_KV_LEASE_REVOKE;
        break;
    default:
        DE_ASSERT(from->type == DE_CLIENT_CAS);
        *command = de_kv_cas(from->key, from->expect_absent ? NULL : &from->expected, from->value);
        break;
    }
}

static void join_session(const struct de_client_call *from, struct de_kv_command *command)
{
    command->session = from->session.id;
    command->sequence = from->session.sequence;
    command->acknowledged = from->session.acknowledged;
}

static int start_write(struct dengine *engine, const struct de_client_call *from)
{
    struct de_kv_command command;
    char reason[DE_ADMISSION_REASON_BYTES];
    struct embedded_call *call;
    int err;

    command_of(from, &command);
    join_session(from, &command);
    err = de_admission_check(&engine->admission, &command, reason);
    if (err != 0) {
        de_client_set_last_error("%s", reason);
        return err;
    }
    call = new_call(engine, from, de_kv_command_size(&command));
    if (call == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    (void)de_kv_command_encode(&command, call->bytes, call->size);
    call->request.type = DE_REQUEST_WRITE;
    call->request.command = dengine_bytes(call->bytes, call->size);
    de_replica_submit(engine->replica, &call->request);
    return 0;
}

DE_STATIC_ASSERT(DE_TXN_REASON_BYTES == DE_ADMISSION_REASON_BYTES, "one or the other is said");

static int start_txn(struct dengine *engine, const struct de_client_call *from)
{
    char reason[DE_ADMISSION_REASON_BYTES];
    struct embedded_call *call;
    uint8_t *bytes;
    size_t size;
    int err;

    DE_ASSERT(from->txn != NULL);
    err = de_txn_encode(from->txn, &from->session, (size_t)engine->plan.value_bytes_max, &bytes,
                        &size, reason);
    if (err != 0) {
        de_client_set_last_error("%s", reason);
        return err;
    }
    err = de_admission_check_bytes(&engine->admission, dengine_bytes(bytes, size), reason);
    if (err != 0) {
        de_client_set_last_error("%s", reason);
        free(bytes);
        return err;
    }
    call = new_call(engine, from, size);
    if (call != NULL) {
        memcpy(call->bytes, bytes, size);
        call->request.type = DE_REQUEST_WRITE;
        call->request.command = dengine_bytes(call->bytes, size);
        de_replica_submit(engine->replica, &call->request);
    }
    free(bytes);
    return call != NULL ? 0 : DENGINE_E_NO_MEMORY;
}

/* Known here and now. */
static int answer_status(struct dengine *engine, const struct de_client_call *call)
{
    struct dengine_cluster_status status;
    struct dengine_reply reply = {.succeeded = true, .cluster = &status};

    DE_ASSERT(call->callback != NULL);
    de_engine_members(engine, &status);
    de_call_back(call->callback, call->context, &reply);
    return 0;
}

static int embedded_start(struct dengine_client *client, const struct de_client_call *call)
{
    struct dengine *engine = engine_of(client);

    if (call->type == DE_CLIENT_STATUS) {
        return answer_status(engine, call);
    }
    if (de_client_reads(call->type)) {
        return de_embedded_start_read(engine, call);
    }
    if (call->type == DE_CLIENT_CHANGE || call->type == DE_CLIENT_TRANSFER) {
        return de_embedded_start_change(engine, call);
    }
    return call->type == DE_CLIENT_TXN ? start_txn(engine, call) : start_write(engine, call);
}

static int embedded_get_here(struct dengine_client *client, const struct de_client_look *look,
                             dengine_value_visitor *visit, void *context)
{
    return de_embedded_get_here(engine_of(client), look, visit, context);
}

static int embedded_scan_here(struct dengine_client *client, const struct de_client_call *call,
                              dengine_pair_visitor *visit, void *context)
{
    return de_embedded_scan_here(engine_of(client), call, visit, context);
}

/* ---- the rest ---- */

/* The client belongs to its engine; there is nothing to end. */
static void embedded_disconnect(struct dengine_client *client)
{
    (void)client;
}

static int embedded_watch(struct dengine_client *client,
                          const struct dengine_watch_options *options, struct de_watch_feed **feed)
{
    return de_watches_open(engine_of(client)->watches, options, feed);
}

int de_embedded_client_init(struct dengine *engine)
{
    static const struct de_client_ops ops = {
        .start = embedded_start,
        .get_here = embedded_get_here,
        .scan_here = embedded_scan_here,
        .watch = embedded_watch,
        .disconnect = embedded_disconnect,
    };

    engine->client.client.ops = &ops;
    engine->client.client.timeout_ms = engine->plan.request_timeout_ms;
    engine->client.engine = engine;
    engine->client.client.helper = de_helper_new();
    return engine->client.client.helper != NULL ? 0 : DENGINE_E_NO_MEMORY;
}
