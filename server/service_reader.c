#include "server/service_reader.h"

#include <stdlib.h>

#include "core/base/assert.h"
#include "engine/lease_read.h"

struct de_read_call {
    struct de_replica_request request;
    struct de_service *service;
    struct de_rpc_call *call;
    const struct de_read_ops *ops;
    void *message;
    struct de_read_call *next; /* among the ready ones */
    atomic_uint users;         /* the replica, until release; the reader, until it has answered */
};

static void drop(struct de_read_call *read)
{
    if (atomic_fetch_sub(&read->users, 1) == 1) {
        read->ops->release(read->message);
        free(read);
    }
}

/* Hands over to the reader. */
static void make_ready(struct de_read_call *read)
{
    struct de_service *service = read->service;

    DE_ASSERT(read->next == NULL);
    (void)pthread_mutex_lock(&service->reader.mutex);
    *service->ready_last = read;
    service->ready_last = &read->next;
    (void)pthread_cond_signal(&service->reader.changed);
    (void)pthread_mutex_unlock(&service->reader.mutex);
}

/* On the loop, which must not wait for a page of the state to come from the disk. */
static void barrier_passed(struct de_replica_request *request, int status,
                           const struct dengine_result *result)
{
    struct de_read_call *read = DE_CONTAINER_OF(request, struct de_read_call, request);

    DE_ASSERT(result == NULL);
    if (status == 0) {
        make_ready(read);
    } else {
        read->ops->fail(read->service, read->call, status, NULL);
        drop(read);
    }
}

static void read_released(struct de_replica_request *request)
{
    drop(DE_CONTAINER_OF(request, struct de_read_call, request));
}

void *de_service_reader_main(void *argument)
{
    struct de_service *service = argument;

    (void)pthread_mutex_lock(&service->reader.mutex);
    while (!service->reader.stopping || service->ready != NULL) {
        struct de_read_call *read = service->ready;

        if (read == NULL) {
            (void)pthread_cond_wait(&service->reader.changed, &service->reader.mutex);
            continue;
        }
        service->ready = NULL;
        service->ready_last = &service->ready;
        (void)pthread_mutex_unlock(&service->reader.mutex);
        while (read != NULL) {
            struct de_read_call *next = read->next;

            read->ops->answer(service, read->call, read->message);
            drop(read);
            read = next;
        }
        (void)pthread_mutex_lock(&service->reader.mutex);
    }
    (void)pthread_mutex_unlock(&service->reader.mutex);
    return NULL;
}

/* The view that is read from is opened after this. */
bool de_service_may_read(const struct de_service *service, enum dengine_consistency consistency)
{
    DE_ASSERT(consistency != DENGINE_DEFAULT);
    /* Who has halted may hold a contradiction: then the replica refuses, with the reason. */
    if (de_replica_halted(service->replica)) {
        return false;
    }
    if (consistency != DENGINE_LEASE) {
        return consistency == DENGINE_EVENTUAL;
    }
    return de_lease_read_covered(service->replica, service->kv);
}

void de_service_start_read(struct de_service *service, struct de_rpc_call *call,
                           const struct de_read_ops *ops, void *message,
                           enum dengine_consistency consistency)
{
    struct de_read_call *read = calloc(1, sizeof *read);

    DE_ASSERT(consistency != DENGINE_DEFAULT);
    DE_ASSERT(de_service_attached(service));
    if (read == NULL) {
        ops->fail(service, call, DENGINE_E_NO_MEMORY, NULL);
        ops->release(message);
        return;
    }
    read->service = service;
    read->call = call;
    read->ops = ops;
    read->message = message;
    if (de_service_may_read(service, consistency)) {
        atomic_init(&read->users, 1);
        make_ready(read);
        return;
    }
    atomic_init(&read->users, 2);
    read->request.type = DE_REQUEST_READ;
    read->request.deadline_ns = de_service_deadline_ns(service, call);
    read->request.done = barrier_passed;
    read->request.release = read_released;
    de_replica_submit(service->replica, &read->request);
}
