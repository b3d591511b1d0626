#include "server/service_members.h"

#include <stdlib.h>
#include <time.h>

#include "core/base/assert.h"
#include "d_engine/client.pb-c.h"
#include "engine/engine_parts.h"
#include "runtime/libev/clock.h"
#include "server/service_internal.h"

/* How soon after a change those who watch are told. */
#define LOOK_NS UINT64_C(50000000)

/* 32 ids twice, and a number. */
#define MESSAGE_BYTES 512

struct de_members_watch {
    struct de_service_members *members;
    struct de_rpc_stream *stream;
    /* Guarded by the mutex: */
    struct de_members_watch *next;
    struct de_members_watch **link;
    bool asked;   /* the request has come */
    bool sending; /* a message is on its way */
    bool closed;  /* the client has gone */
    bool finished;
    bool told; /* something, that is version */
    uint64_t version;
};

/* ---- the callbacks of a stream ---- */

static void *opened(void *context, struct de_rpc_stream *stream)
{
    struct de_service *service = context;
    struct de_service_members *members = &service->members;
    struct de_members_watch *watch = calloc(1, sizeof *watch);

    if (watch == NULL) {
        return NULL;
    }
    de_rpc_stream_hold(stream);
    watch->members = members;
    watch->stream = stream;
    (void)pthread_mutex_lock(&members->worker.mutex);
    watch->next = members->first;
    watch->link = &members->first;
    if (watch->next != NULL) {
        watch->next->link = &watch->next;
    }
    members->first = watch;
    (void)pthread_mutex_unlock(&members->worker.mutex);
    return watch;
}

/* Something has become of a watch: one of its flags is to be set. */
static void note(struct de_members_watch *watch, bool *flag, bool value)
{
    struct de_service_members *members = watch->members;

    (void)pthread_mutex_lock(&members->worker.mutex);
    *flag = value;
    (void)pthread_cond_signal(&members->worker.changed);
    (void)pthread_mutex_unlock(&members->worker.mutex);
}

/* A WatchMembershipRequest says nothing that makes a difference. */
static bool message(void *stream_object, struct dengine_slice bytes)
{
    struct de_members_watch *watch = stream_object;

    (void)bytes;
    note(watch, &watch->asked, true);
    return true;
}

static void sent(void *stream_object)
{
    struct de_members_watch *watch = stream_object;

    note(watch, &watch->sending, false);
}

static void closed(void *stream_object)
{
    struct de_members_watch *watch = stream_object;

    note(watch, &watch->closed, true);
}

static void ended(void *stream_object)
{
    struct de_members_watch *watch = stream_object;

    DE_ASSERT(watch->closed);
    free(watch);
}

int de_service_add_members_method(struct de_service *service, struct de_rpc_server *server)
{
    static const struct de_rpc_stream_ops ops = {opened, message, sent, closed, ended};

    return de_rpc_server_add_stream(server, "/d_engine.client.RaftClientService/WatchMembership",
                                    &ops, service);
}

/* ---- the thread ---- */

static size_t pack(const struct dengine_cluster_status *status, uint8_t bytes[MESSAGE_BYTES])
{
    DEngine__Client__MembershipSnapshot snapshot = D_ENGINE__CLIENT__MEMBERSHIP_SNAPSHOT__INIT;
    uint32_t voters[DENGINE_MEMBERS_MAX];
    uint32_t learners[DENGINE_MEMBERS_MAX];

    snapshot.members = voters;
    snapshot.learners = learners;
    for (uint32_t i = 0; i < status->member_count; i++) {
        const struct dengine_member *member = &status->members[i];

        if (member->kind == DENGINE_MEMBER_VOTER) {
            voters[snapshot.n_members++] = (uint32_t)member->id;
        } else {
            learners[snapshot.n_learners++] = (uint32_t)member->id;
        }
    }
    snapshot.committed_index = status->version;
    DE_ASSERT(d_engine__client__membership_snapshot__get_packed_size(&snapshot) <= MESSAGE_BYTES);
    return d_engine__client__membership_snapshot__pack(&snapshot, bytes);
}

/* Under the lock. What there is to do for one watch; it may be gone after this. */
static void serve(struct de_members_watch *watch, const struct dengine_cluster_status *status)
{
    if (watch->closed) {
        *watch->link = watch->next;
        if (watch->next != NULL) {
            watch->next->link = watch->link;
        }
        de_rpc_stream_release(watch->stream);
    } else if (watch->members->draining && !watch->finished) {
        watch->finished = true;
        de_rpc_stream_finish(watch->stream, GRPC_STATUS_UNAVAILABLE, "the node is shutting down");
    } else if (watch->asked && !watch->sending && !watch->finished && status->member_count > 0 &&
               !status->changing && (!watch->told || watch->version != status->version)) {
        uint8_t bytes[MESSAGE_BYTES];
        const size_t size = pack(status, bytes);

        watch->told = true;
        watch->version = status->version;
        watch->sending = de_rpc_stream_send(watch->stream, dengine_bytes(bytes, size));
    }
}

/* Under the lock. */
static void serve_all(struct de_service_members *members)
{
    struct de_members_watch *watch = members->first;
    struct dengine_cluster_status status = {0};

    if (de_service_attached(members->service)) {
        de_engine_members(members->service->engine, &status);
    }
    while (watch != NULL) {
        struct de_members_watch *next = watch->next;

        serve(watch, &status);
        watch = next;
    }
}

static void *members_main(void *argument)
{
    struct de_service_members *members = argument;

    (void)pthread_mutex_lock(&members->worker.mutex);
    while (!members->worker.stopping) {
        const uint64_t look_ns = de_clock_now_ns() + LOOK_NS;
        const struct timespec until = de_clock_wait_until(look_ns);

        serve_all(members);
        if (members->first == NULL) {
            (void)pthread_cond_wait(&members->worker.changed, &members->worker.mutex);
        } else {
            (void)pthread_cond_timedwait(&members->worker.changed, &members->worker.mutex, &until);
        }
    }
    (void)pthread_mutex_unlock(&members->worker.mutex);
    return NULL;
}

int de_service_members_start(struct de_service_members *members, struct de_service *service)
{
    members->service = service;
    return de_worker_start(&members->worker, members_main, members) ? 0 : DENGINE_E_NO_MEMORY;
}

void de_service_members_stop(struct de_service_members *members)
{
    de_worker_stop(&members->worker);
    DE_ASSERT(members->first == NULL);
}

void de_service_members_drain(struct de_service_members *members)
{
    (void)pthread_mutex_lock(&members->worker.mutex);
    members->draining = true;
    (void)pthread_cond_signal(&members->worker.changed);
    (void)pthread_mutex_unlock(&members->worker.mutex);
}
