#include "runtime/libev/replica.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/assert.h"
#include "runtime/libev/applier.h"
#include "runtime/libev/clock.h"
#include "runtime/libev/log_writer.h"
#include "runtime/libev/loop.h"
#include "runtime/libev/publisher.h"
#include "runtime/libev/snapshot_worker.h"

struct de_replica {
    struct de_loop *loop;
    struct de_log_writer *log_writer;
    struct de_applier *applier;
    struct de_snapshot_worker *snapshot_worker;
    struct de_peer_transport *transport; /* NULL: alone */
    const char *listen_address;
    uint64_t node_id;
    uint64_t cluster_id;
    struct de_publisher publisher;
    /* The loop's: */
    struct de_peer_directory directory;
    char own_address[DE_ADDRESS_BYTES];
    uint64_t peers_index; /* of the membership that the transport's peers are made from */
    bool peers_before;    /* and whether the one before counted as well */
    bool peers_stale;     /* they have to be made again in any case */
    struct de_node *node;
    struct de_requests requests;
    struct de_timer node_timer;
    struct de_post boot_post;
    struct de_post stop_post;
    struct boot *boot;
    bool transport_started; /* before stop_post */
    bool stopping;
    int halt_err;
    /* Guarded by mutex: */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool booted; /* or not: see boot->err */
    bool idle;   /* stopped, and no job is under way */
};

/* Between de_replica_new and the loop, on which the node is made. */
struct boot {
    const struct de_replica_options *options;
    char *message;
    size_t message_size;
    int err;
};

/* ---- memory for the node ---- */

static void *libc_resize(void *context, void *memory, size_t size)
{
    (void)context;
    return realloc(memory, size);
}

static void libc_release(void *context, void *memory)
{
    (void)context;
    free(memory);
}

/* ---- the node's environment: called on the loop, inside the node ---- */

static void env_send(void *context, const struct de_peer_message *message)
{
    struct de_replica *replica = context;

    if (replica->transport != NULL) {
        de_peer_transport_send(replica->transport, message);
    }
}

static void env_arm(void *context, uint64_t deadline_ns)
{
    struct de_replica *replica = context;

    de_loop_arm(replica->loop, &replica->node_timer, deadline_ns);
}

static void env_persist(void *context, struct de_persist_job *job)
{
    struct de_replica *replica = context;

    de_log_writer_persist(replica->log_writer, job);
}

static void env_apply(void *context, struct de_apply_job *job)
{
    struct de_replica *replica = context;

    de_applier_run(replica->applier, job);
}

static void env_read_log(void *context, struct de_log_read_job *job)
{
    struct de_replica *replica = context;

    de_log_writer_read(replica->log_writer, job);
}

static void env_run_task(void *context, struct de_node_task *task)
{
    struct de_replica *replica = context;

    switch ((enum de_node_worker)task->worker) {
    case DE_WORKER_LOG:
        de_log_writer_task(replica->log_writer, task);
        break;
    case DE_WORKER_APPLIER:
        de_applier_task(replica->applier, task);
        break;
    case DE_WORKER_SNAPSHOTS:
        de_snapshot_worker_run(replica->snapshot_worker, task);
        break;
    case DE_WORKERS:
        DE_ASSERT(false);
    }
}

static void env_changed(void *context, const struct de_node_status *status)
{
    struct de_replica *replica = context;

    if (status->raft.leader != 0) {
        de_requests_leader_came(&replica->requests);
    }
}

static void env_lease(void *context, const struct de_node_lease *lease)
{
    struct de_replica *replica = context;

    de_publisher_lease(&replica->publisher, lease);
}

static void env_halted(void *context, int err, const char *reason)
{
    struct de_replica *replica = context;

    replica->halt_err = err;
    de_publisher_halted(&replica->publisher, reason);
    /* What waits for a leader is given to the node once more, which tells it. */
    de_requests_leader_came(&replica->requests);
}

/* ---- what comes back to the loop ---- */

static void on_persisted(void *context, struct de_persist_job *job, int status, const char *message)
{
    struct de_replica *replica = context;

    de_node_persisted(replica->node, job, status, message, de_clock_now_ns());
}

static void on_log_room(void *context, enum dengine_log_room room)
{
    struct de_replica *replica = context;

    de_node_log_room(replica->node, room, de_clock_now_ns());
}

static void on_log_failed(void *context, int err, const char *message)
{
    struct de_replica *replica = context;

    de_node_log_failed(replica->node, err, message, de_clock_now_ns());
}

static void on_log_read(void *context, struct de_log_read_job *job)
{
    struct de_replica *replica = context;

    de_node_log_read(replica->node, job, de_clock_now_ns());
}

static void on_machine_full(void *context, bool full)
{
    struct de_replica *replica = context;

    de_node_machine_full(replica->node, full, de_clock_now_ns());
}

static void on_applied(void *context, struct de_apply_job *job)
{
    struct de_replica *replica = context;

    de_node_applied(replica->node, job, de_clock_now_ns());
}

static void on_task_done(void *context, struct de_node_task *task)
{
    struct de_replica *replica = context;

    de_node_task_done(replica->node, task, de_clock_now_ns());
}

static void on_receive(void *context, const struct de_peer_message *message)
{
    struct de_replica *replica = context;

    if (!replica->stopping) {
        de_node_receive(replica->node, message, de_clock_now_ns());
    }
}

static void on_greeted(void *context, const struct de_peer_hello *hello)
{
    struct de_replica *replica = context;

    if (de_peer_directory_hear(&replica->directory, hello->from, hello->config_index,
                               hello->address)) {
        replica->peers_stale = true;
    }
}

/* The peer's transport says what its node would have said to a request for a vote. */
static void on_removed(void *context, uint64_t peer)
{
    struct de_replica *replica = context;
    const struct de_peer_message message = {
        .raft = {.type = DE_RAFT_MSG_REMOVED,
                 .cluster_id = replica->cluster_id,
                 .from = peer,
                 .to = replica->node_id},
    };

    if (!replica->stopping) {
        de_node_receive(replica->node, &message, de_clock_now_ns());
    }
}

static void on_lost(void *context, uint64_t peer)
{
    struct de_replica *replica = context;

    if (!replica->stopping) {
        de_node_unreachable(replica->node, peer, de_clock_now_ns());
    }
}

static void on_node_timer(struct de_timer *timer)
{
    struct de_replica *replica = DE_CONTAINER_OF(timer, struct de_replica, node_timer);

    if (!replica->stopping) {
        de_node_timer(replica->node, de_clock_now_ns());
    }
}

static void on_stop(struct de_post *post)
{
    struct de_replica *replica = DE_CONTAINER_OF(post, struct de_replica, stop_post);

    replica->stopping = true;
    de_requests_stop(&replica->requests);
    de_node_stop(replica->node);
    de_log_writer_give_up(replica->log_writer);
    de_applier_give_up(replica->applier);
    if (replica->transport_started) {
        de_peer_transport_close(replica->transport);
    }
}

static void set_peers(struct de_replica *replica, const struct de_node_status *now)
{
    const struct de_peer_view view = {replica->node_id, now->membership, now->membership_before,
                                      now->raft.config_index};
    const struct de_member_addresses *own =
        de_membership_addresses(now->membership, replica->node_id);
    struct de_peer_self *self = de_peer_transport_self(replica->transport);
    struct de_peer_address peers[DE_PEERS_MAX];
    uint32_t count = de_peer_directory_list(&replica->directory, &view, peers);

    self->config_index = now->raft.config_index;
    (void)snprintf(self->address, sizeof self->address, "%s",
                   own != NULL && own->peer[0] != '\0' ? own->peer : replica->own_address);
    replica->peers_stale = !de_peer_transport_set_peers(replica->transport, peers, count);
    replica->peers_index = now->raft.config_index;
    replica->peers_before = now->membership_before != NULL;
    if (now->membership_before == NULL) {
        de_peer_transport_committed(replica->transport, now->membership);
    }
}

/* The transport's peers follow the membership and what was heard. */
static void update_peers(struct de_replica *replica)
{
    struct de_node_status now;

    if (replica->transport == NULL || replica->stopping) {
        return;
    }
    de_node_get_status(replica->node, &now);
    if (replica->peers_stale || now.raft.config_index != replica->peers_index ||
        (now.membership_before != NULL) != replica->peers_before) {
        set_peers(replica, &now);
    }
}

static void burst_ended(void *context)
{
    struct de_replica *replica = context;

    if (replica->node == NULL) {
        return;
    }
    /* Requests that came in one burst share a log entry; those that waited for a leader follow. */
    do {
        de_node_flush(replica->node, de_clock_now_ns());
    } while (de_requests_burst_ended(&replica->requests));
    update_peers(replica);
    de_publisher_update(&replica->publisher, replica->node);
    if (replica->stopping && de_node_idle(replica->node)) {
        (void)pthread_mutex_lock(&replica->mutex);
        replica->idle = true;
        (void)pthread_cond_signal(&replica->changed);
        (void)pthread_mutex_unlock(&replica->mutex);
    }
}

/* ---- making one ---- */

static int make_transport(struct de_replica *replica, const struct de_replica_options *options)
{
    struct de_peer_transport_options transport = {0};
    int err;

    if (options->listen_address == NULL) {
        DE_ASSERT(options->add_services == NULL);
        return 0;
    }
    transport.loop = replica->loop;
    transport.node_id = options->raft.id;
    transport.cluster_id = options->raft.cluster_id;
    transport.message_bytes_max = options->message_bytes_max;
    transport.seed = options->raft.seed;
    transport.context = replica;
    transport.receive = on_receive;
    transport.greeted = on_greeted;
    transport.lost = on_lost;
    transport.removed = on_removed;
    err = de_peer_transport_new(&transport, &replica->transport);
    if (err == 0 && options->add_services != NULL) {
        err = options->add_services(options->services_context,
                                    de_peer_transport_server(replica->transport));
    }
    return err;
}

static int make_threads(struct de_replica *replica, const struct de_replica_options *options)
{
    struct de_log_writer_options writer = {0};
    struct de_applier_options applier = {0};
    int err;

    writer.loop = replica->loop;
    writer.log = options->log;
    writer.context = replica;
    writer.persisted = on_persisted;
    writer.log_read = on_log_read;
    writer.task_done = on_task_done;
    writer.room = on_log_room;
    writer.failed = on_log_failed;
    applier.loop = replica->loop;
    applier.context = replica;
    applier.applied = on_applied;
    applier.full = on_machine_full;
    applier.task_done = on_task_done;
    err = de_applier_new(&applier, &replica->applier);
    if (err == 0 && options->snapshots.ops != NULL) {
        err =
            de_snapshot_worker_new(replica->loop, on_task_done, replica, &replica->snapshot_worker);
    }
    return err != 0 ? err : de_log_writer_new(&writer, &replica->log_writer);
}

/* On the loop, as everything that concerns the node. */
static void on_boot(struct de_post *post)
{
    struct de_replica *replica = DE_CONTAINER_OF(post, struct de_replica, boot_post);
    struct boot *boot = replica->boot;
    const struct de_replica_options *options = boot->options;
    struct de_node_options node = {0};

    node.raft = options->raft;
    node.limits = options->limits;
    node.initial_membership = options->initial_membership;
    node.machine = options->machine;
    node.log = options->log;
    node.snapshots = options->snapshots;
    node.env.context = replica;
    node.env.send = env_send;
    node.env.arm = env_arm;
    node.env.persist = env_persist;
    node.env.apply = env_apply;
    node.env.read_log = env_read_log;
    node.env.run_task = env_run_task;
    node.env.changed = env_changed;
    node.env.lease = env_lease;
    node.env.halted = env_halted;
    node.allocator.resize = libc_resize;
    node.allocator.release = libc_release;
    boot->err =
        de_node_new(&node, de_clock_now_ns(), &replica->node, boot->message, boot->message_size);
    replica->requests.node = replica->node;
    if (boot->err == 0) { /* whoever waits for us may look at once */
        de_publisher_update(&replica->publisher, replica->node);
    }
    (void)pthread_mutex_lock(&replica->mutex);
    replica->booted = true;
    (void)pthread_cond_signal(&replica->changed);
    (void)pthread_mutex_unlock(&replica->mutex);
}

static struct de_replica *allocate(const struct de_replica_options *options)
{
    struct de_replica *replica = calloc(1, sizeof(*replica));
    int err;

    if (replica == NULL) {
        return NULL;
    }
    err = pthread_mutex_init(&replica->mutex, NULL);
    DE_ASSERT(err == 0);
    err = pthread_cond_init(&replica->changed, NULL);
    DE_ASSERT(err == 0);
    replica->node_id = options->raft.id;
    replica->cluster_id = options->raft.cluster_id;
    (void)snprintf(replica->own_address, sizeof replica->own_address, "%s",
                   options->own_address != NULL ? options->own_address : "");
    replica->peers_stale = true;
    replica->node_timer.run = on_node_timer;
    replica->boot_post.run = on_boot;
    replica->stop_post.run = on_stop;
    de_publisher_init(&replica->publisher, options->raft.id, options->raft.cluster_id);
    return replica;
}

static int make_node(struct de_replica *replica, struct boot *boot)
{
    replica->boot = boot;
    de_loop_post(replica->loop, &replica->boot_post);
    (void)pthread_mutex_lock(&replica->mutex);
    while (!replica->booted) {
        (void)pthread_cond_wait(&replica->changed, &replica->mutex);
    }
    (void)pthread_mutex_unlock(&replica->mutex);
    replica->boot = NULL;
    return boot->err;
}

static int boot_all(struct de_replica *replica, struct boot *boot)
{
    const struct de_replica_options *options = boot->options;
    int err = de_loop_new(&replica->loop);

    if (err != 0) {
        return err;
    }
    de_requests_init(&replica->requests, replica->loop, options->limits.pending_requests_max,
                     options->limits.pending_bytes_max);
    err = make_threads(replica, options);
    if (err == 0) {
        err = make_transport(replica, options);
    }
    if (err == 0) {
        err = de_loop_start(replica->loop, burst_ended, replica);
    }
    return err != 0 ? err : make_node(replica, boot);
}

static void stop_threads(struct de_replica *replica, uint32_t grace_ms)
{
    /* The loop has to run on: it gives back held streams and answers late calls. */
    if (replica->transport != NULL) {
        de_peer_transport_stop(replica->transport, grace_ms);
    }
    de_applier_stop(replica->applier);
    de_log_writer_stop(replica->log_writer);
    de_snapshot_worker_stop(replica->snapshot_worker);
    if (replica->loop != NULL) {
        de_loop_stop(replica->loop);
    }
    de_applier_free(replica->applier);
    de_log_writer_free(replica->log_writer);
    de_snapshot_worker_free(replica->snapshot_worker);
    replica->applier = NULL;
    replica->snapshot_worker = NULL;
    replica->log_writer = NULL;
}

int de_replica_new(const struct de_replica_options *options, struct de_replica **result,
                   char *message, size_t message_size)
{
    struct de_replica *replica = allocate(options);
    struct boot boot = {options, message, message_size, 0};
    int err;

    *result = NULL;
    (void)snprintf(message, message_size, "out of memory");
    if (replica == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    err = boot_all(replica, &boot);
    if (err != 0) {
        stop_threads(replica, 0);
        de_replica_free(replica);
        return err;
    }
    replica->listen_address = options->listen_address;
    *result = replica;
    return 0;
}

int de_replica_listen(struct de_replica *replica, char *message, size_t message_size)
{
    int err = 0;

    if (replica->transport != NULL) {
        err = de_peer_transport_start(replica->transport, replica->listen_address, message,
                                      message_size);
        replica->transport_started = err == 0;
    }
    return err;
}

void de_replica_submit(struct de_replica *replica, struct de_replica_request *request)
{
    de_requests_submit(&replica->requests, request);
}

void de_replica_status(struct de_replica *replica, struct dengine_status *status)
{
    de_publisher_get(&replica->publisher, status);
}

uint64_t de_replica_applied(const struct de_replica *replica)
{
    return de_publisher_applied(&replica->publisher);
}

void de_replica_lease(const struct de_replica *replica, struct de_node_lease *lease)
{
    de_publisher_get_lease(&replica->publisher, lease);
}

void de_replica_requests_usage(const struct de_replica *replica, struct de_requests_usage *usage)
{
    de_requests_usage(&replica->requests, usage);
}

bool de_replica_halted(const struct de_replica *replica)
{
    return de_publisher_is_halted(&replica->publisher);
}

void de_replica_members(struct de_replica *replica, struct dengine_cluster_status *status)
{
    de_publisher_members(&replica->publisher, status);
}

int de_replica_wait_members(struct de_replica *replica, uint64_t after, uint32_t timeout_ms,
                            struct dengine_cluster_status *status)
{
    return de_publisher_wait_members(&replica->publisher, after, timeout_ms, status);
}

int de_replica_wait_ready(struct de_replica *replica, uint32_t timeout_ms, uint64_t *leader)
{
    return de_publisher_wait_ready(&replica->publisher, timeout_ms, leader);
}

void de_replica_listen_to_changes(struct de_replica *replica,
                                  struct de_publisher_listener *listener)
{
    de_publisher_listen(&replica->publisher, listener);
}

void de_replica_unlisten(struct de_replica *replica, struct de_publisher_listener *listener)
{
    de_publisher_unlisten(&replica->publisher, listener);
}

uint16_t de_replica_port(const struct de_replica *replica)
{
    return replica->transport == NULL ? 0 : de_peer_transport_port(replica->transport);
}

uint32_t de_replica_look_at_peers(struct de_replica *replica, struct de_peer_look *looks,
                                  uint32_t room)
{
    return replica->transport == NULL ? 0 : de_peer_transport_look(replica->transport, looks, room);
}

int de_replica_stop(struct de_replica *replica, uint32_t grace_ms)
{
    de_publisher_stopped(&replica->publisher);
    de_loop_post(replica->loop, &replica->stop_post);
    (void)pthread_mutex_lock(&replica->mutex);
    while (!replica->idle) {
        (void)pthread_cond_wait(&replica->changed, &replica->mutex);
    }
    (void)pthread_mutex_unlock(&replica->mutex);

    stop_threads(replica, grace_ms);
    de_node_free(replica->node);
    replica->node = NULL;
    return replica->halt_err;
}

void de_replica_free(struct de_replica *replica)
{
    int err;

    if (replica == NULL) {
        return;
    }
    DE_ASSERT(replica->node == NULL && replica->applier == NULL);
    de_peer_transport_free(replica->transport);
    de_loop_free(replica->loop);
    de_publisher_deinit(&replica->publisher);
    err = pthread_cond_destroy(&replica->changed);
    DE_ASSERT(err == 0);
    err = pthread_mutex_destroy(&replica->mutex);
    DE_ASSERT(err == 0);
    free(replica);
}
