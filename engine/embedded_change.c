/* Changes of membership and leadership, asked for in the process itself: of the node here when it
 * leads, else of the one that does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/calling_back.h"
#include "core/base/assert.h"
#include "engine/embedded_change.h"
#include "engine/embedded_read.h"
#include "engine/engine_parts.h"
#include "engine/engine_state.h"
#include "runtime/libev/clock.h"

struct embedded_change {
    struct de_replica_request request;
    struct dengine *engine;
    dengine_callback *callback;
    void *context;
    struct de_change change;
};

static void done(struct de_replica_request *request, int status,
                 const struct dengine_result *result)
{
    struct embedded_change *call = DE_CONTAINER_OF(request, struct embedded_change, request);
    struct dengine_reply reply = {.status = status, .succeeded = status == 0};

    DE_ASSERT(result == NULL);
    if (status != 0) {
        de_client_set_last_error("%s", request->reason);
        de_embedded_explain(call->engine, status);
    }
    de_call_back(call->callback, call->context, &reply);
    de_client_set_last_error("%s", "");
}

static void released(struct de_replica_request *request)
{
    free(DE_CONTAINER_OF(request, struct embedded_change, request));
}

DE_STATIC_ASSERT((int)DE_CLIENT_ADD_LEARNER == (int)DE_CHANGE_ADD_LEARNER &&
                     (int)DE_CLIENT_PROMOTE == (int)DE_CHANGE_PROMOTE &&
                     (int)DE_CLIENT_REMOVE == (int)DE_CHANGE_REMOVE &&
                     (int)DE_CLIENT_REPLACE == (int)DE_CHANGE_REPLACE &&
                     (int)DE_CLIENT_SET_VOTERS == (int)DE_CHANGE_SET_VOTERS &&
                     (int)DE_CLIENT_MOVE == (int)DE_CHANGE_ADDRESSES,
                 "the kinds have the same numbers");

static void change_of(const struct de_client_change *from, struct de_change *change)
{
    DE_ASSERT(from->voter_count <= DE_RAFT_MEMBERS_MAX);
    change->kind = from->kind;
    change->read_only = from->read_only;
    change->id = from->id;
    change->by = from->by;
    change->voter_count = from->voter_count;
    memcpy(change->voters, from->voters, from->voter_count * sizeof from->voters[0]);
    if (from->peer != NULL) {
        (void)snprintf(change->addresses.peer, sizeof change->addresses.peer, "%s", from->peer);
        (void)snprintf(change->addresses.client, sizeof change->addresses.client, "%s",
                       from->client);
    }
}

static int start_here(struct dengine *engine, const struct de_client_call *from)
{
    struct embedded_change *call = calloc(1, sizeof *call);
    const char *reason = "";
    int err = 0;

    if (call == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    call->engine = engine;
    call->callback = from->callback;
    call->context = from->context;
    call->request.done = done;
    call->request.release = released;
    call->request.deadline_ns = de_clock_now_ns() + (uint64_t)from->timeout_ms * 1000000u;
    if (from->type == DE_CLIENT_TRANSFER) {
        call->request.type = DE_REQUEST_TRANSFER;
        call->request.target = from->change->id;
    } else {
        change_of(from->change, &call->change);
        call->request.type = DE_REQUEST_CHANGE;
        call->request.change = &call->change;
        err = de_engine_change_check(engine, &call->change, &reason);
    }
    if (err != 0) {
        de_client_set_last_error("%s", reason);
        free(call);
        return err;
    }
    de_replica_submit(engine->replica, &call->request);
    return 0;
}

/* A node that is alone so far is its own leader, or about to be. */
int de_embedded_start_change(struct dengine *engine, const struct de_client_call *call)
{
    const uint64_t self = engine->plan.node_id;
    struct dengine_cluster_status status;

    DE_ASSERT(call->change != NULL && call->change->kind != DE_CLIENT_JOIN);
    de_engine_members(engine, &status);
    if (status.leader == self || (status.member_count == 1 && status.members[0].id == self)) {
        return start_here(engine, call);
    }
    return de_elsewhere_start(&engine->elsewhere, &status, self, call);
}
