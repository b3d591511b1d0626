#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <grpc/slice.h>

#include "client/calling_back.h"
#include "client/remote.h"
#include "client/remote_change.h"
#include "client/policy/verdict.h"
#include "core/base/assert.h"
#include "proto/error_codes.h"

/* ---- lists ---- */

static void link_call(struct de_remote_call **list, struct de_remote_call *call)
{
    DE_ASSERT(call->previous == NULL);
    call->next = *list;
    call->previous = list;
    if (*list != NULL) {
        (*list)->previous = &call->next;
    }
    *list = call;
}

static void unlink_call(struct de_remote_call *call)
{
    DE_ASSERT(call->previous != NULL && *call->previous == call);
    *call->previous = call->next;
    if (call->next != NULL) {
        call->next->previous = call->previous;
    }
    call->next = NULL;
    call->previous = NULL;
}

void de_remote_call_finish(struct de_remote_call *call, int err)
{
    unlink_call(call);
    call->reply.status = err;
    DE_ASSERT(err == 0 || call->reply.value.owner == NULL);
    if (err != 0) {
        call->reply.succeeded = false;
    }
    link_call(&call->remote->finished, call);
}

static void park(struct de_remote_call *call)
{
    struct de_remote *remote = call->remote;

    unlink_call(call);
    link_call(&remote->parked, call);
    remote->unsettled = true;
}

void de_remote_call_expire(struct de_remote_call *call)
{
    struct de_remote *remote = call->remote;
    const int err = de_retry_expired(&call->retry, de_remote_ready_mask(remote) != 0);

    if (call->text[0] == '\0') {
        (void)snprintf(call->text, sizeof call->text, "%.*s", (int)sizeof call->text - 1,
                       remote->trouble);
    }
    de_remote_call_finish(call, err);
}

/* ---- one attempt ---- */

static const char *path_of(const struct de_remote_call *call)
{
    if (call->type == DE_CLIENT_STATUS) {
        return de_remote_metadata_path;
    }
    if (call->type == DE_CLIENT_CHANGE) {
        return de_remote_change_path;
    }
    if (call->type == DE_CLIENT_TRANSFER) {
        return de_remote_transfer_path;
    }
    return de_client_reads(call->type) ? de_remote_read_path : de_remote_write_path;
}

void de_remote_call_send(struct de_remote_call *call, struct de_remote_endpoint *endpoint)
{
    struct de_remote *remote = call->remote;

    DE_ASSERT(!remote->closing);
    DE_ASSERT(endpoint->channel != NULL);
    unlink_call(call);
    link_call(&remote->flying, call);
    call->endpoint = endpoint;
    de_exchange_start(&call->exchange, endpoint->channel, remote->queue, path_of(call),
                      call->request, call->retry.deadline_ns);
}

/* Puts the call back to be sent again, unless its time would be over by then. */
static void try_again(struct de_remote_call *call, const struct de_judgement *verdict, bool hinted,
                      uint64_t now_ns)
{
    struct de_remote *remote = call->remote;
    const bool in_time = de_retry_again(&call->retry, verdict, hinted,
                                        de_random_next(&remote->route.random), now_ns);

    if (!in_time || remote->closing) {
        de_remote_call_finish(call, remote->closing ? DENGINE_E_SHUTDOWN : verdict->err);
        return;
    }
    park(call);
}

/* Reads a write's or a read's reply into *answer and *reply. */
static void read_reply(struct de_remote_call *call, struct de_answer *answer,
                       struct de_remote_reply *reply)
{
    answer->write = call->write;
    answer->status = call->exchange.status;
    *reply = (struct de_remote_reply){0};
    if (answer->status == GRPC_STATUS_OK) {
        grpc_slice bytes = de_exchange_response(&call->exchange);

        if (call->type == DE_CLIENT_STATUS) {
            reply->understood = de_remote_unpack_status(bytes, call->status) == 0;
        } else if (call->type == DE_CLIENT_CHANGE || call->type == DE_CLIENT_TRANSFER) {
            de_remote_unpack_change(bytes, reply);
        } else {
            de_remote_unpack(call->type, bytes, reply);
        }
        grpc_slice_unref(bytes);
    } else {
        de_exchange_details(&call->exchange, reply->message, sizeof reply->message);
    }
    answer->understood = reply->understood;
    answer->err = reply->err_exact != 0 ? reply->err_exact : de_error_of_wire_code(reply->error);
    answer->retry_after_ms = reply->retry_after_ms;
}

/* The answer is final. */
static void conclude(struct de_remote_call *call, const struct de_remote_reply *reply, int err)
{
    if (err == 0) {
        err = reply->err;
    }
    if (err == 0 && call->type == DE_CLIENT_GET && !reply->found) {
        err = DENGINE_E_NOT_FOUND;
    }
    if (err == 0) {
        call->reply.value = reply->value;
        call->reply.page = reply->page;
        call->reply.txn = reply->txn;
        call->reply.leases = reply->leases;
        call->reply.succeeded = call->write ? reply->succeeded : true;
        call->reply.revision = reply->revision;
        call->reply.count = reply->count;
        call->reply.lease = reply->lease;
        call->reply.cluster = call->status;
    }
    de_remote_call_finish(call, err);
}

/* What there is to say of an answer that is an error. A read may wait at any server, until a leader
 * is there or its time is over: then the lack of a leader is what it died of. Under the lock. */
static void explain(struct de_remote_call *call, int err, const char *message)
{
    const bool leaderless =
        err == DENGINE_E_TIMEOUT && !call->write && call->remote->route.leader == DE_ROUTE_NOBODY;
    const char *what = message[0] != '\0' ? message : dengine_strerror(err);

    DE_ASSERT(err != 0);
    (void)snprintf(call->text, sizeof call->text, "%.100s: %.140s", call->endpoint->address,
                   leaderless ? "knows no leader" : what);
}

static void answered(struct de_tag *tag, bool ok)
{
    struct de_exchange *exchange = DE_CONTAINER_OF(tag, struct de_exchange, tag);
    struct de_remote_call *call = DE_CONTAINER_OF(exchange, struct de_remote_call, exchange);
    struct de_remote *remote = call->remote;
    struct de_remote_reply reply;
    struct de_judgement verdict;
    struct de_answer answer;

    DE_ASSERT(ok);
    read_reply(call, &answer, &reply);
    verdict = de_judge(&answer);
    de_remote_enter(remote);
    call->text[0] = '\0'; /* that of an earlier attempt */
    if (verdict.err != 0) {
        explain(call, verdict.err, reply.message);
    }
    if (verdict.leader_doubtful) {
        de_remote_doubt(remote, call->endpoint);
    }
    if (verdict.err == DENGINE_E_NOT_LEADER && reply.leader_address[0] != '\0') {
        de_remote_learn_leader(remote, reply.leader_address);
    }
    de_exchange_clear(&call->exchange);
    call->endpoint = NULL;
    if (verdict.again) {
        try_again(call, &verdict, reply.leader_address[0] != '\0', de_exchange_now_ns());
    } else {
        conclude(call, &reply, verdict.err);
    }
    de_remote_leave(remote);
}

/* ---- beginning and end ---- */

static void free_call(struct de_remote_call *call)
{
    DE_ASSERT(call != NULL);
    free(call->status);
    free(call);
}

static int make_call(struct de_remote *remote, const struct de_client_call *from,
                     struct de_remote_call **result)
{
    struct de_remote_call *call = calloc(1, sizeof *call);
    int err;

    if (call == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    if (from->type == DE_CLIENT_STATUS) {
        call->status = calloc(1, sizeof *call->status);
        if (call->status == NULL) {
            free(call);
            return DENGINE_E_NO_MEMORY;
        }
    }
    err = de_remote_pack(from, remote->client_id, &call->request);
    if (err != 0) {
        free_call(call);
        return err;
    }
    call->remote = remote;
    call->exchange.tag.run = answered;
    call->type = from->type;
    call->write = !de_client_reads(from->type);
    call->anywhere =
        from->type == DE_CLIENT_STATUS || (!call->write && from->consistency == DENGINE_EVENTUAL);
    de_retry_init(&call->retry, de_exchange_now_ns() + (uint64_t)from->timeout_ms * 1000000);
    call->callback = from->callback;
    call->context = from->context;
    *result = call;
    return 0;
}

static int launch(struct de_remote *remote, struct de_remote_call *call)
{
    struct de_remote_endpoint *endpoint;

    de_remote_enter(remote);
    if (remote->closing) {
        de_remote_leave(remote);
        grpc_slice_unref(call->request);
        free_call(call);
        return DENGINE_E_SHUTDOWN;
    }
    remote->live++;
    link_call(&remote->parked, call);
    endpoint = de_remote_choose(remote, call);
    if (endpoint != NULL) {
        de_remote_call_send(call, endpoint);
    } else {
        remote->unsettled = true;
    }
    de_remote_leave(remote);
    return 0;
}

int de_remote_start(struct dengine_client *client, const struct de_client_call *from)
{
    struct de_remote *remote = DE_CONTAINER_OF(client, struct de_remote, base);
    struct de_remote_call *call;
    int err = make_call(remote, from, &call);

    return err != 0 ? err : launch(remote, call);
}

void de_remote_call_deliver(struct de_remote_call *call)
{
    DE_ASSERT(call->exchange.call == NULL);
    de_client_set_last_error("%s", call->text);
    de_call_back(call->callback, call->context, &call->reply);
    grpc_slice_unref(call->request);
    free_call(call);
}
