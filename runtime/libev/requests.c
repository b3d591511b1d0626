#include "runtime/libev/requests.h"

#include <string.h>

#include "core/base/assert.h"
#include "runtime/libev/clock.h"

/* The applier may answer while the loop finds the deadline passed: one of them does. */
static bool claim_answer(struct de_replica_request *request)
{
    return !__atomic_exchange_n(&request->answered, true, __ATOMIC_ACQ_REL);
}

/* Tells other threads. */
static void publish_waiting(struct de_requests *requests)
{
    DE_ASSERT(requests->waiting_count > 0 || requests->waiting_bytes == 0);
    __atomic_store_n(&requests->usage.waiting, requests->waiting_count, __ATOMIC_RELAXED);
    __atomic_store_n(&requests->usage.waiting_bytes, requests->waiting_bytes, __ATOMIC_RELAXED);
}

static void waiting_add(struct de_requests *requests, struct de_replica_request *request)
{
    request->next = NULL;
    request->previous = requests->waiting_last;
    *requests->waiting_last = request;
    requests->waiting_last = &request->next;
    requests->waiting_count++;
    requests->waiting_bytes += request->command.size;
    publish_waiting(requests);
}

static void waiting_remove(struct de_requests *requests, struct de_replica_request *request)
{
    DE_ASSERT(request->previous != NULL && *request->previous == request);
    *request->previous = request->next;
    if (request->next != NULL) {
        request->next->previous = request->previous;
    } else {
        requests->waiting_last = request->previous;
    }
    request->previous = NULL;
    DE_ASSERT(requests->waiting_count > 0);
    DE_ASSERT(requests->waiting_bytes >= request->command.size);
    requests->waiting_count--;
    requests->waiting_bytes -= request->command.size;
    publish_waiting(requests);
}

/* Ends a request that the node does not have (any more). On the loop. */
static void end_here(struct de_requests *requests, struct de_replica_request *request, int status)
{
    de_deadlines_remove(&requests->deadlines, &request->deadline);
    if (status == DENGINE_E_BUSY) {
        __atomic_store_n(&requests->usage.busy, requests->usage.busy + 1, __ATOMIC_RELAXED);
    }
    if (claim_answer(request)) {
        request->done(request, status, NULL);
    }
    request->release(request);
}

/* On the loop: the node is through with the request. */
static void node_finished(struct de_post *post)
{
    struct de_replica_request *request = DE_CONTAINER_OF(post, struct de_replica_request, post);
    struct de_requests *requests = request->owner;

    if (__atomic_load_n(&request->answered, __ATOMIC_ACQUIRE)) {
        end_here(requests, request, 0);
    } else if (request->status != DENGINE_E_NO_LEADER) {
        end_here(requests, request, request->status);
    } else if (requests->stopped) {
        end_here(requests, request, DENGINE_E_SHUTDOWN);
    } else if (requests->waiting_count >= requests->waiting_max ||
               requests->waiting_bytes + request->command.size > requests->waiting_bytes_max) {
        end_here(requests, request, DENGINE_E_BUSY);
    } else {
        waiting_add(requests, request);
    }
}

/* The node's answer: on the applier after a write was applied, else on the loop inside a call of
 * the node, where nothing of the node may be called (nor does a request's done). Needs no wake-up:
 * in both cases the loop has a burst to end after this. */
static void node_done(struct de_request *node_request, int status,
                      const struct dengine_result *result)
{
    struct de_replica_request *request =
        DE_CONTAINER_OF(node_request, struct de_replica_request, request);

    if (result != NULL && claim_answer(request)) { /* it lives no longer than this call */
        request->done(request, 0, result);
    }
    request->status = status;
    if (status != 0 && node_request->reason != NULL) {
        request->reason = node_request->reason;
    }
    request->post.run = node_finished;
    (void)de_mpsc_queue_push(&request->owner->finished, &request->post);
}

static void give_to_node(struct de_requests *requests, struct de_replica_request *request)
{
    memset(&request->request, 0, sizeof(request->request));
    request->request.type = request->type;
    request->request.command = request->command;
    request->request.change = request->change;
    request->request.target = request->target;
    request->request.done = node_done;
    de_node_submit(requests->node, &request->request, de_clock_now_ns());
}

static void arm_timer(struct de_requests *requests)
{
    uint64_t next_ns = de_deadlines_next_ns(&requests->deadlines);

    if (!requests->timer.armed || next_ns < requests->timer.deadline_ns) {
        de_loop_arm(requests->loop, &requests->timer, next_ns);
    }
}

/* On the loop. */
static void arrived(struct de_post *post)
{
    struct de_replica_request *request = DE_CONTAINER_OF(post, struct de_replica_request, post);
    struct de_requests *requests = request->owner;

    if (requests->stopped) {
        end_here(requests, request, DENGINE_E_SHUTDOWN);
        return;
    }
    if (request->deadline_ns <= de_clock_now_ns()) {
        end_here(requests, request, DENGINE_E_TIMEOUT);
        return;
    }
    de_deadlines_add(&requests->deadlines, &request->deadline, request->deadline_ns);
    give_to_node(requests, request);
}

/* What the node has been given and that changes something. */
static bool may_still_happen(const struct de_replica_request *request)
{
    return request->type == DE_REQUEST_WRITE || request->type == DE_REQUEST_CHANGE ||
           request->type == DE_REQUEST_TRANSFER;
}

static void deadline_passed(struct de_requests *requests, struct de_replica_request *request)
{
    if (request->previous != NULL) {
        waiting_remove(requests, request);
        end_here(requests, request, DENGINE_E_TIMEOUT);
    } else if (claim_answer(request)) {
        /* The node still has it, and releases it later. */
        request->done(request, may_still_happen(request) ? DENGINE_E_UNKNOWN : DENGINE_E_TIMEOUT,
                      NULL);
    }
}

static void on_timer(struct de_timer *timer)
{
    struct de_requests *requests = DE_CONTAINER_OF(timer, struct de_requests, timer);
    uint64_t now_ns = de_clock_now_ns();
    struct de_deadline *deadline;

    while ((deadline = de_deadlines_expire(&requests->deadlines, now_ns)) != NULL) {
        deadline_passed(requests, DE_CONTAINER_OF(deadline, struct de_replica_request, deadline));
    }
    arm_timer(requests);
}

void de_requests_init(struct de_requests *requests, struct de_loop *loop, uint32_t waiting_max,
                      uint64_t waiting_bytes_max)
{
    memset(requests, 0, sizeof(*requests));
    requests->loop = loop;
    requests->timer.run = on_timer;
    requests->waiting_last = &requests->waiting;
    requests->waiting_max = waiting_max;
    requests->waiting_bytes_max = waiting_bytes_max;
    de_deadlines_init(&requests->deadlines, de_clock_now_ns());
}

void de_requests_usage(const struct de_requests *requests, struct de_requests_usage *usage)
{
    DE_ASSERT(requests != NULL);
    usage->waiting = __atomic_load_n(&requests->usage.waiting, __ATOMIC_RELAXED);
    usage->waiting_bytes = __atomic_load_n(&requests->usage.waiting_bytes, __ATOMIC_RELAXED);
    usage->busy = __atomic_load_n(&requests->usage.busy, __ATOMIC_RELAXED);
}

void de_requests_submit(struct de_requests *requests, struct de_replica_request *request)
{
    DE_ASSERT(request->done != NULL && request->release != NULL);
    request->owner = requests;
    request->deadline.previous = NULL;
    request->previous = NULL;
    request->answered = false;
    request->reason = "";
    request->post.run = arrived;
    de_loop_post(requests->loop, &request->post);
}

void de_requests_leader_came(struct de_requests *requests)
{
    requests->leader_came = true;
}

static bool submit_waiting(struct de_requests *requests)
{
    bool any = false;

    if (!requests->leader_came) {
        return false;
    }
    requests->leader_came = false;
    while (requests->waiting != NULL) {
        struct de_replica_request *request = requests->waiting;

        waiting_remove(requests, request);
        give_to_node(requests, request);
        any = true;
    }
    return any;
}

static void take_finished(struct de_requests *requests)
{
    struct de_post *post = de_mpsc_queue_take(&requests->finished);

    while (post != NULL) {
        struct de_post *next = post->next;

        post->run(post);
        post = next;
    }
}

bool de_requests_burst_ended(struct de_requests *requests)
{
    bool any;

    take_finished(requests);
    any = submit_waiting(requests);
    if (any) {
        take_finished(requests);
    }
    arm_timer(requests);
    return any;
}

void de_requests_stop(struct de_requests *requests)
{
    requests->stopped = true;
    while (requests->waiting != NULL) {
        struct de_replica_request *request = requests->waiting;

        waiting_remove(requests, request);
        end_here(requests, request, DENGINE_E_SHUTDOWN);
    }
}
