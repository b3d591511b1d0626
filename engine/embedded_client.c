/* The client of an embedded engine: calls become requests of the replica, in one block of memory
 * each. Eventual reads need nobody else and run in the calling thread. */
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/kv/kv.h"
#include "engine/embedded_page.h"
#include "engine/engine_parts.h"
#include "engine/engine_state.h"
#include "engine/lease_page.h"
#include "engine/txn_command.h"
#include "runtime/libev/clock.h"

/* A call under way. The bytes are the encoded command of a write, the key of a read, or
 * the bounds of a scan. */
struct embedded_call {
    struct de_replica_request request;
    struct dengine *engine;
    dengine_callback *callback;
    void *context;
    uint32_t type;            /* enum de_client_call_type */
    struct dengine_scan scan; /* SCAN; from and end lie in bytes */
    uint64_t lease;           /* LEASE_LOOK, LEASE_LIST */
    size_t size;
    uint8_t bytes[];
};

#define NS_PER_MS UINT64_C(1000000)

static struct dengine *engine_of(struct dengine_client *client)
{
    return DE_CONTAINER_OF(client, struct de_embedded_client, client)->engine;
}

/* ---- reading here ---- */

/* Reads key from the state as it is now. */
static int read_state(struct dengine *engine, struct dengine_slice key, struct dengine_value *value)
{
    struct de_kv_view view;
    struct de_kv_record record;
    int err = de_kv_view_open(engine->stores.kv, &view);

    if (err != 0) {
        return err;
    }
    err = de_kv_view_get(&view, key, &record);
    if (err == 0) {
        err = de_client_value_copy(value, record.value, record.mod_revision);
    }
    de_kv_view_close(&view);
    return err;
}

/* What a read that asks for `asked` gets. */
static enum dengine_consistency effective_consistency(const struct dengine *engine,
                                                      enum dengine_consistency asked)
{
    if (asked == DENGINE_DEFAULT || !engine->plan.allow_override) {
        return engine->plan.default_consistency;
    }
    return asked;
}

/* A node that has halted serves nothing: what it has may be a contradiction. */
static int check_alive(struct dengine *engine)
{
    struct dengine_status status;

    de_replica_status(engine->replica, &status);
    if (!status.halted) {
        return 0;
    }
    de_client_set_last_error("%s", status.halt_reason);
    return DENGINE_E_HALTED;
}

static int embedded_get_here(struct dengine_client *client, const struct de_client_call *call,
                             struct dengine_value *value)
{
    struct dengine *engine = engine_of(client);
    int err;

    if (effective_consistency(engine, call->consistency) != DENGINE_EVENTUAL) {
        return DENGINE_E_INVALID;
    }
    err = check_alive(engine);
    return err != 0 ? err : read_state(engine, call->key, value);
}

/* ---- the ends of a call ---- */

/* Says who leads, or why the node has halted. For the thread that calls back. */
static void explain(struct dengine *engine, int status)
{
    struct dengine_member members[DENGINE_MEMBERS_MAX];
    struct dengine_status now;
    uint32_t count;
    uint32_t i;

    if (status != DENGINE_E_HALTED && status != DENGINE_E_NOT_LEADER) {
        return;
    }
    de_replica_status(engine->replica, &now);
    if (status == DENGINE_E_HALTED) {
        de_client_set_last_error("%s", now.halt_reason);
        return;
    }
    count = de_engine_members(engine, members);
    for (i = 0; i < count; i++) {
        if (members[i].id == now.leader) {
            de_client_set_last_error("the leader is node %llu at %s",
                                     (unsigned long long)now.leader, members[i].address);
        }
    }
}

static int read_leases(struct dengine *engine, uint32_t type, uint64_t lease,
                       struct dengine_reply *reply)
{
    return de_engine_read_leases(engine->stores.kv, lease, type == DE_CLIENT_LEASE_LOOK,
                                 &reply->leases);
}

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
    if (status == 0 && call->type == DE_CLIENT_GET) {
        reply.status =
            read_state(call->engine, dengine_bytes(call->bytes, call->size), &reply.value);
    } else if (status == 0 && call->type == DE_CLIENT_SCAN) {
        reply.status = de_engine_read_page(call->engine->stores.kv, &call->scan, &reply.page);
    } else if (status == 0 && de_client_reads(call->type)) {
        reply.status = read_leases(call->engine, call->type, call->lease, &reply);
    } else if (status == 0) {
        reply.status = result->status;
    }
    if (reply.status == 0 && result != NULL) {
        reply.succeeded = result->succeeded;
        reply.revision = result->revision;
        de_kv_answer_outcome(result->bytes, &reply.lease, &reply.count);
        if (call->type == DE_CLIENT_TXN) {
            take_txn(result, &reply);
        }
    }
    if (reply.status != 0) {
        reply.succeeded = false;
        explain(call->engine, reply.status);
        call->callback(call->context, &reply);
        de_client_set_last_error("%s", "");
        return;
    }
    if (call->type != DE_CLIENT_CAS && call->type != DE_CLIENT_TXN) {
        reply.succeeded = true;
    }
    call->callback(call->context, &reply);
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

static int start_write(struct dengine *engine, const struct de_client_call *from)
{
    struct de_kv_command command;
    struct embedded_call *call;
    int err;

    command_of(from, &command);
    err = de_kv_command_check(&command, (size_t)engine->plan.value_bytes_max);
    if (err != 0) {
        if (err == DENGINE_E_TOO_LARGE) {
            de_client_set_last_error("the value may have at most %llu bytes",
                                     (unsigned long long)engine->plan.value_bytes_max);
        }
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

static int start_txn(struct dengine *engine, const struct de_client_call *from)
{
    struct embedded_call *call;
    uint8_t *bytes;
    size_t size;
    int err;

    DE_ASSERT(from->txn != NULL);
    err = de_txn_encode(from->txn, (size_t)engine->plan.value_bytes_max, &bytes, &size);
    if (err != 0) {
        if (err != DENGINE_E_NO_MEMORY) {
            de_client_set_last_error(
                "an operation or comparison of the transaction makes no sense, "
                "or is too large");
        }
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

static int start_read(struct dengine *engine, const struct de_client_call *from)
{
    struct embedded_call *call;

    if (effective_consistency(engine, from->consistency) == DENGINE_EVENTUAL) {
        struct dengine_reply reply = {0};

        reply.status = check_alive(engine);
        if (reply.status == 0) {
            reply.status = read_state(engine, from->key, &reply.value);
        }
        reply.succeeded = reply.status == 0;
        from->callback(from->context, &reply);
        return 0;
    }
    call = new_call(engine, from, from->key.size);
    if (call == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    memcpy(call->bytes, from->key.data, from->key.size);
    call->request.type = DE_REQUEST_READ;
    de_replica_submit(engine->replica, &call->request);
    return 0;
}

static int start_scan(struct dengine *engine, const struct de_client_call *from)
{
    struct embedded_call *call;

    DE_ASSERT(from->scan != NULL);
    if (effective_consistency(engine, from->consistency) == DENGINE_EVENTUAL) {
        struct dengine_reply reply = {0};

        reply.status = check_alive(engine);
        if (reply.status == 0) {
            reply.status = de_engine_read_page(engine->stores.kv, from->scan, &reply.page);
        }
        reply.succeeded = reply.status == 0;
        from->callback(from->context, &reply);
        return 0;
    }
    call = new_call(engine, from, from->key.size + from->end.size);
    if (call == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    call->scan = *from->scan;
    call->scan.from = dengine_bytes(call->bytes, from->key.size);
    call->scan.end = dengine_bytes(call->bytes + from->key.size, from->end.size);
    if (from->key.size > 0) {
        memcpy(call->bytes, from->key.data, from->key.size);
    }
    if (from->end.size > 0) {
        memcpy(call->bytes + from->key.size, from->end.data, from->end.size);
    }
    call->request.type = DE_REQUEST_READ;
    de_replica_submit(engine->replica, &call->request);
    return 0;
}

static int start_leases(struct dengine *engine, const struct de_client_call *from)
{
    struct embedded_call *call;

    if (effective_consistency(engine, from->consistency) == DENGINE_EVENTUAL) {
        struct dengine_reply reply = {0};

        reply.status = check_alive(engine);
        if (reply.status == 0) {
            reply.status = read_leases(engine, from->type, from->lease, &reply);
        }
        reply.succeeded = reply.status == 0;
        from->callback(from->context, &reply);
        return 0;
    }
    call = new_call(engine, from, 0);
    if (call == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    call->lease = from->lease;
    call->request.type = DE_REQUEST_READ;
    de_replica_submit(engine->replica, &call->request);
    return 0;
}

static int embedded_start(struct dengine_client *client, const struct de_client_call *call)
{
    struct dengine *engine = engine_of(client);

    if (call->type == DE_CLIENT_SCAN) {
        return start_scan(engine, call);
    }
    if (call->type == DE_CLIENT_TXN) {
        return start_txn(engine, call);
    }
    if (call->type == DE_CLIENT_LEASE_LOOK || call->type == DE_CLIENT_LEASE_LIST) {
        return start_leases(engine, call);
    }
    return call->type == DE_CLIENT_GET ? start_read(engine, call) : start_write(engine, call);
}

/* ---- the rest ---- */

static int embedded_cluster_status(struct dengine_client *client, uint32_t timeout_ms,
                                   struct dengine_cluster_status *status)
{
    struct dengine *engine = engine_of(client);
    struct dengine_status now;
    uint32_t i;

    (void)timeout_ms;
    memset(status, 0, sizeof(*status));
    de_replica_status(engine->replica, &now);
    /* A leader is one that can serve: it has committed in its term. */
    status->leader = now.ready ? now.leader : 0;
    status->member_count = de_engine_members(engine, status->members);
    for (i = 0; i < status->member_count; i++) {
        status->members[i].leader = status->members[i].id == status->leader;
    }
    return 0;
}

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

void de_embedded_client_init(struct dengine *engine)
{
    static const struct de_client_ops ops = {
        .start = embedded_start,
        .get_here = embedded_get_here,
        .cluster_status = embedded_cluster_status,
        .watch = embedded_watch,
        .disconnect = embedded_disconnect,
    };

    engine->client.client.ops = &ops;
    engine->client.client.timeout_ms = engine->plan.request_timeout_ms;
    engine->client.engine = engine;
}
