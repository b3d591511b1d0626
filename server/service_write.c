/* HandleClientWrite: one command, proposed and answered when this node has applied it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "d_engine/client.pb-c.h"
#include "engine/admission.h"
#include "server/service_txn.h"

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

struct write_call {
    struct de_replica_request request;
    struct de_service *service;
    struct de_rpc_call *call;
    bool txn;
    uint8_t command[]; /* encoded */
};

static void reply_result(struct de_rpc_call *call, const struct dengine_result *done)
{
    DEngine__Client__ClientResponse response = D_ENGINE__CLIENT__CLIENT_RESPONSE__INIT;
    DEngine__Client__WriteResult result = D_ENGINE__CLIENT__WRITE_RESULT__INIT;
    uint8_t bytes[64];
    size_t size;

    result.succeeded = done->succeeded;
    result.revision = done->revision;
    de_kv_answer_outcome(done->bytes, &result.lease, &result.count);
    response.success_result_case = D_ENGINE__CLIENT__CLIENT_RESPONSE__SUCCESS_RESULT_WRITE_RESULT;
    response.write_result = &result;
    DE_ASSERT(d_engine__client__client_response__get_packed_size(&response) <= sizeof bytes);
    size = d_engine__client__client_response__pack(&response, bytes);
    de_rpc_reply(call, GRPC_STATUS_OK, NULL, dengine_bytes(bytes, size));
}

/* On the applier or the loop. */
static void write_done(struct de_replica_request *request, int status,
                       const struct dengine_result *result)
{
    struct write_call *write = DE_CONTAINER_OF(request, struct write_call, request);

    DE_ASSERT((status == 0) == (result != NULL));
    if (status == 0) {
        status = result->status;
    }
    if (status == 0 && write->txn) {
        de_service_txn_reply(write->service, write->call, result);
    } else if (status == 0) {
        reply_result(write->call, result);
    } else {
        de_service_reply_error(write->service, write->call, status, true, NULL);
    }
}

static void write_released(struct de_replica_request *request)
{
    free(DE_CONTAINER_OF(request, struct write_call, request));
}

static struct dengine_slice slice_of(const ProtobufCBinaryData *data)
{
    return dengine_bytes(data->data, data->len);
}

static int insert_of(const DEngine__Client__WriteCommand__Insert *from,
                     struct de_kv_command *command, const char **message)
{
    const int lives = (from->ttl_secs != 0) + (from->ttl_ms != 0) + (from->lease != 0);

    if (lives > 1) {
        *message = "at most one of ttl_secs, ttl_ms and lease can be given";
        return DENGINE_E_INVALID;
    }
    if (from->ttl_secs > DE_KV_TTL_MAX_NS / NS_PER_S ||
        from->ttl_ms > DE_KV_TTL_MAX_NS / NS_PER_MS) {
        *message = "the time to live is more than 288230376 seconds, the most that is allowed";
        return DENGINE_E_INVALID;
    }
    *command = de_kv_put(slice_of(&from->key), slice_of(&from->value));
    command->op.ttl_ns = from->ttl_secs * NS_PER_S + from->ttl_ms * NS_PER_MS;
    command->op.lease = from->lease;
    return 0;
}

static int lease_of(const DEngine__Client__WriteCommand *from, struct de_kv_command *command,
                    const char **message)
{
    *command = (struct de_kv_command){.type = 0};
    if (from->operation_case == D_ENGINE__CLIENT__WRITE_COMMAND__OPERATION_LEASE_GRANT) {
        const uint64_t ttl_ms = from->lease_grant->ttl_ms;

        command->type = DE_KV_LEASE_GRANT;
        command->ttl_ns = ttl_ms * NS_PER_MS;
        command->with_session = from->lease_grant->with_session != 0;
        if (ttl_ms == 0 || ttl_ms > DE_KV_TTL_MAX_NS / NS_PER_MS) {
            *message = "a lease lives for 1 to 288230376151 milliseconds";
            return DENGINE_E_INVALID;
        }
    } else if (from->operation_case ==
               D_ENGINE__CLIENT__WRITE_COMMAND__OPERATION_LEASE_KEEP_ALIVE) {
        command->type = DE_KV_LEASE_KEEP;
        command->lease = from->lease_keep_alive->lease;
    } else {
        command->type = DE_KV_LEASE_REVOKE;
        command->lease = from->lease_revoke->lease;
    }
    if (command->type != DE_KV_LEASE_GRANT && command->lease == 0) {
        *message = "there is no lease 0";
        return DENGINE_E_INVALID;
    }
    return 0;
}

/* The command in a request; what it points to belongs to the request. INVALID with a message when
 * it asks for something this node does not do. */
static int command_of(const DEngine__Client__WriteCommand *from, struct de_kv_command *command,
                      const char **message)
{
    const DEngine__Client__WriteCommand__CompareAndSwap *cas = NULL;
    struct dengine_slice expected = {NULL, 0};

    switch (from->operation_case) {
    case D_ENGINE__CLIENT__WRITE_COMMAND__OPERATION_INSERT:
        return insert_of(from->insert, command, message);
    case D_ENGINE__CLIENT__WRITE_COMMAND__OPERATION_DELETE:
        *command = de_kv_delete(slice_of(&from->delete_->key));
        return 0;
    case D_ENGINE__CLIENT__WRITE_COMMAND__OPERATION_COMPARE_AND_SWAP:
        cas = from->compare_and_swap;
        expected = slice_of(&cas->expected_value);
        *command = de_kv_cas(
            slice_of(&cas->key),
            cas->has_expected_value_case ==
                    D_ENGINE__CLIENT__WRITE_COMMAND__COMPARE_AND_SWAP__HAS_EXPECTED_VALUE__NOT_SET
                ? NULL
                : &expected,
            slice_of(&cas->new_value));
        return 0;
    case D_ENGINE__CLIENT__WRITE_COMMAND__OPERATION_DELETE_RANGE:
        *command = (struct de_kv_command){.type = DE_KV_WRITE};
        command->op.type = DE_KV_DELETE_RANGE;
        command->op.key = slice_of(&from->delete_range->from);
        command->op.end = slice_of(&from->delete_range->end);
        return 0;
    case D_ENGINE__CLIENT__WRITE_COMMAND__OPERATION_LEASE_GRANT:
    case D_ENGINE__CLIENT__WRITE_COMMAND__OPERATION_LEASE_KEEP_ALIVE:
    case D_ENGINE__CLIENT__WRITE_COMMAND__OPERATION_LEASE_REVOKE:
        return lease_of(from, command, message);
    case D_ENGINE__CLIENT__WRITE_COMMAND__OPERATION_TXN: /* de_service_write has taken it */
    case D_ENGINE__CLIENT__WRITE_COMMAND__OPERATION__NOT_SET:
    case _D_ENGINE__CLIENT__WRITE_COMMAND__OPERATION__CASE_IS_INT_SIZE:
        break;
    }
    *message = "the request has no operation";
    return DENGINE_E_PROTOCOL;
}

/* A call with room for a command of size bytes; answers for want of memory. */
static struct write_call *new_write(struct de_service *service, struct de_rpc_call *call,
                                    size_t size)
{
    struct write_call *write = malloc(sizeof *write + size);

    DE_ASSERT(size > 0);
    if (write == NULL) {
        de_service_reply_error(service, call, DENGINE_E_NO_MEMORY, true, NULL);
        return NULL;
    }
    memset(write, 0, sizeof *write);
    write->service = service;
    write->call = call;
    write->request.type = DE_REQUEST_WRITE;
    write->request.command = dengine_bytes(write->command, size);
    write->request.deadline_ns = de_service_deadline_ns(service, call);
    write->request.done = write_done;
    write->request.release = write_released;
    return write;
}

/* Proposes command; what it points to is borrowed. */
static void propose(struct de_service *service, struct de_rpc_call *call,
                    const struct de_kv_command *command)
{
    const size_t size = de_kv_command_size(command);
    struct write_call *write = new_write(service, call, size);
    size_t written;

    if (write != NULL) {
        written = de_kv_command_encode(command, write->command, size);
        DE_ASSERT(written == size);
        de_replica_submit(service->replica, &write->request);
    }
}

/* Proposes a transaction. */
static void propose_txn(struct de_service *service, struct de_rpc_call *call,
                        const DEngine__Client__Txn *txn, const struct de_client_session *session)
{
    char reason[DE_ADMISSION_REASON_BYTES];
    struct write_call *write;
    uint8_t *bytes;
    size_t size;
    int err;

    if (!de_service_attached(service)) {
        de_service_reply_error(service, call, DENGINE_E_NO_LEADER, true, "the node is starting");
        return;
    }
    err = de_service_txn_encode(txn, session, (size_t)service->options.value_bytes_max, &bytes,
                                &size, reason);
    if (err != 0) {
        de_service_reply_error(service, call, err, true, reason[0] != '\0' ? reason : NULL);
        return;
    }
    err = de_admission_check_bytes(service->admission, dengine_bytes(bytes, size), reason);
    if (err != 0) {
        de_service_reply_error(service, call, err, true, reason);
        free(bytes);
        return;
    }
    write = new_write(service, call, size);
    if (write != NULL) {
        memcpy(write->command, bytes, size);
        write->txn = true;
        de_replica_submit(service->replica, &write->request);
    }
    free(bytes);
}

/* The session of a request; false: it makes no sense. */
static bool session_of(const DEngine__Client__ClientWriteRequest *request,
                       struct de_client_session *session)
{
    *session = (struct de_client_session){0};
    if (request->session == NULL) {
        return true;
    }
    session->id = request->session->id;
    session->sequence = request->session->sequence;
    session->acknowledged = request->session->acknowledged;
    return session->id != 0 && session->sequence > session->acknowledged;
}

void de_service_write(void *context, struct de_rpc_call *call, struct dengine_slice bytes)
{
    struct de_service *service = context;
    DEngine__Client__ClientWriteRequest *request =
        d_engine__client__client_write_request__unpack(NULL, bytes.size, bytes.data);
    struct de_client_session session;
    char reason[DE_ADMISSION_REASON_BYTES];
    struct de_kv_command command;
    const char *message;
    int err;

    if (request == NULL) {
        de_service_refuse(call, GRPC_STATUS_INVALID_ARGUMENT, "not a ClientWriteRequest");
        return;
    }
    if (!session_of(request, &session)) {
        de_service_refuse(call, GRPC_STATUS_INVALID_ARGUMENT,
                          "a session has an id, and a sequence above acknowledged");
        d_engine__client__client_write_request__free_unpacked(request, NULL);
        return;
    }
    if (request->command != NULL &&
        request->command->operation_case == D_ENGINE__CLIENT__WRITE_COMMAND__OPERATION_TXN) {
        propose_txn(service, call, request->command->txn, &session);
        d_engine__client__client_write_request__free_unpacked(request, NULL);
        return;
    }
    err = DENGINE_E_PROTOCOL;
    message = "the request has no command";
    if (request->command != NULL) {
        err = command_of(request->command, &command, &message);
    }
    if (err == DENGINE_E_PROTOCOL) {
        de_service_refuse(call, GRPC_STATUS_INVALID_ARGUMENT, message);
    } else if (err != 0) {
        de_service_reply_error(service, call, err, true, message);
    } else if (!de_service_attached(service)) {
        de_service_reply_error(service, call, DENGINE_E_NO_LEADER, true, "the node is starting");
    } else {
        command.session = session.id;
        command.sequence = session.sequence;
        command.acknowledged = session.acknowledged;
        err = de_admission_check(service->admission, &command, reason);
        if (err != 0) {
            de_service_reply_error(service, call, err, true, reason[0] != '\0' ? reason : NULL);
        } else {
            propose(service, call, &command);
        }
    }
    d_engine__client__client_write_request__free_unpacked(request, NULL);
}
