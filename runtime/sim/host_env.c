/* The environment that a host gives to its node: messages, the timer, and the jobs of the log
 * writer and the applier as events. Each handler is one turn of one thread of production. */
#include <inttypes.h>
#include <stdio.h>

#include "core/base/assert.h"
#include "proto/peer_codec.h"
#include "runtime/sim/host_request.h"

/* Every so many messages into a cut link, the transport notices. */
#define UNREACHABLE_ONE_IN 8

/* Where machines are upgraded, one in so many messages comes from a version to come as well. */
#define NEW_ONE_IN 200

/* How often, and after how long each time, one looks whether a disk has read what it does not read
 * at once. */
#define SLOW_READ_LOOKS_MAX  200
#define SLOW_READ_LOOK_NS    (10 * DE_NS_PER_MS)
#define SLOW_READ_LAST_LOOKS 2

/* How long what finds no room waits before it tries again. */
#define LOOK_NS (100 * DE_NS_PER_MS)

static bool is_promise(const struct de_raft_message *message)
{
    return message->type == DE_RAFT_MSG_VOTE_REQUEST || message->type == DE_RAFT_MSG_APPEND_REPLY ||
           (message->type == DE_RAFT_MSG_VOTE_REPLY && message->granted);
}

/* The same from a machine of the next version, which should not be there. */
static void send_new(struct de_host *host, const struct de_peer_message *message, size_t size)
{
    struct de_packet *packet;
    uint8_t *bytes;
    size_t written;

    packet = de_packet_new(size, &bytes);
    written = de_peer_encode(message, bytes);
    DE_ASSERT(written == size);
    de_upgrade_message_renew(bytes, size);
    (void)de_network_send(host->shared->network, host->id, (uint32_t)message->raft.to, packet);
}

static void env_send(void *context, const struct de_peer_message *message)
{
    struct de_host *host = context;
    const struct de_host_shared *shared = host->shared;
    struct de_packet *packet;
    uint8_t *bytes;
    size_t size = de_peer_encoded_size(message);
    size_t written;

    de_oracle_message(shared->oracle, shared->kernel->now_ns, &message->raft);
    packet = de_packet_new(size, &bytes);
    if (shared->memory_fill != DE_SIM_FILL_NONE) {
        memset(bytes, shared->memory_fill, size);
    }
    written = de_peer_encode(message, bytes);
    DE_ASSERT(written == size);
    if (shared->upgrades && de_host_chance(host, NEW_ONE_IN) == 0) {
        send_new(host, message, size);
    }
    if (!de_network_send(shared->network, host->id, (uint32_t)message->raft.to, packet) &&
        de_host_delay(host, UINT64_C(1) << 32) % UNREACHABLE_ONE_IN == 0) {
        de_host_post(host, de_host_delay(host, 10 * DE_NS_PER_MS), DE_HOST_UNREACHABLE,
                     message->raft.to, NULL);
    }
    if (host->trap == DE_TRAP_AFTER_SEND && is_promise(&message->raft)) {
        host->trap_sprung = true;
    }
}

static void env_arm(void *context, uint64_t deadline_ns)
{
    struct de_host *host = context;
    uint64_t at_ns;

    host->deadline_ns = deadline_ns;
    if (deadline_ns == UINT64_MAX) {
        return;
    }
    at_ns = de_host_kernel_time(host, deadline_ns);
    if (at_ns < host->timer_at_ns && at_ns != UINT64_MAX) {
        host->timer_at_ns = at_ns;
        de_host_post(host, at_ns - host->shared->kernel->now_ns, DE_HOST_TIMER, 0, NULL);
    }
}

void de_host_rearm(struct de_host *host)
{
    if (host->running && host->node != NULL) {
        env_arm(host, host->deadline_ns);
    }
}

static void writer_start(struct de_host *host)
{
    if (!host->writer_busy && host->persist_head != NULL) {
        host->writer_busy = true;
        de_host_post(host, de_host_hop(host), DE_HOST_PERSIST_RUN, host->persist_head->ticket,
                     NULL);
    }
}

static void env_persist(void *context, struct de_persist_job *job)
{
    struct de_host *host = context;
    const struct de_host_shared *shared = host->shared;

    if (job->install_index != 0) {
        de_oracle_installing(shared->oracle, shared->kernel->now_ns, host->id,
                             &job->write.hard_state, job->install_index, job->install_term);
    } else {
        de_oracle_submitted(shared->oracle, shared->kernel->now_ns, host->id, &job->write);
    }
    job->next = NULL;
    if (host->persist_tail != NULL) {
        host->persist_tail->next = job;
    } else {
        host->persist_head = job;
    }
    host->persist_tail = job;
    writer_start(host);
}

/* A thread that has work may not run for a while. */
static uint64_t applier_delay(struct de_host *host)
{
    const uint32_t ppm = host->shared->applier_held_up_ppm;

    if (ppm > 0 && de_host_delay(host, UINT64_C(1) << 32) % DE_DICE_CERTAIN_PPM < ppm) {
        return de_host_delay(host, host->shared->raft.election_timeout_min_ns / 8);
    }
    return de_host_hop(host);
}

static void env_apply(void *context, struct de_apply_job *job)
{
    struct de_host *host = context;

    de_host_post(host, applier_delay(host), DE_HOST_APPLY_RUN, 0, job);
}

/* Entries are mostly read at once, from the page cache. But a disk may have to try a sector again
 * and again; so many looks at how far it is, at most. */
static void env_read_log(void *context, struct de_log_read_job *job)
{
    struct de_host *host = context;
    const uint32_t slow_ppm = host->shared->slow_read_ppm;
    uint64_t looks = 0;

    if (slow_ppm > 0 && de_host_chance(host, DE_DICE_CERTAIN_PPM) < slow_ppm) {
        looks = de_host_chance(host, SLOW_READ_LOOKS_MAX);
    }
    de_host_post(host, de_host_hop(host), DE_HOST_LOG_READ_RUN, looks, job);
}

struct de_member_addresses de_host_addresses(uint64_t id)
{
    struct de_member_addresses addresses;

    memset(&addresses, 0, sizeof(addresses));
    (void)snprintf(addresses.peer, sizeof(addresses.peer), "node%" PRIu64 ":1", id);
    (void)snprintf(addresses.client, sizeof(addresses.client), "node%" PRIu64 ":2", id);
    return addresses;
}

/* Whatever a node was started with, it knows where the others are. (The operator moves members, for
 * clients: to another port.) */
static void check_addresses(const struct de_host *host, const struct de_membership *membership)
{
    for (uint32_t i = 0; i < membership->configuration.count; i++) {
        uint64_t id = membership->configuration.members[i].id;
        struct de_member_addresses wanted = de_host_addresses(id);

        if (strcmp(wanted.peer, membership->addresses[i].peer) != 0 ||
            strncmp(wanted.client, membership->addresses[i].client, strlen(wanted.client) - 1) !=
                0) {
            de_verdict_fail(host->shared->verdict, DE_VERDICT_CORRECTNESS,
                            host->shared->kernel->now_ns, "addresses",
                            "node %u takes node %" PRIu64 " to be at %s", host->id, id,
                            membership->addresses[i].peer);
        }
    }
}

static void env_changed(void *context, const struct de_node_status *status)
{
    struct de_host *host = context;
    bool elected = status->raft.role == DE_RAFT_LEADER &&
                   (host->role != DE_RAFT_LEADER || host->term != status->raft.term);

    check_addresses(host, status->membership);
    host->role = status->raft.role;
    host->term = status->raft.term;
    host->leader = status->raft.leader;
    if (elected && host->shared->elected != NULL) {
        host->shared->elected(host->shared->context, host->id, status->raft.term);
    }
    if (host->shared->changed != NULL) {
        host->shared->changed(host->shared->context);
    }
}

static void env_lease(void *context, const struct de_node_lease *lease)
{
    struct de_host *host = context;

    host->lease = *lease;
}

static void env_halted(void *context, int err, const char *reason)
{
    struct de_host *host = context;
    const struct de_host_shared *shared = host->shared;

    if (de_host_excused(host)) {
        host->halted = true;
        return;
    }
    de_verdict_fail(shared->verdict, DE_VERDICT_CORRECTNESS, shared->kernel->now_ns, "halted",
                    "node %u halted with %s: %s", host->id, dengine_error_name(err), reason);
}

struct de_node_env de_host_env(struct de_host *host)
{
    struct de_node_env env = {host,         env_send,         env_arm,     env_persist, env_apply,
                              env_read_log, de_host_run_task, env_changed, env_lease,   env_halted};

    return env;
}

/* ---- handlers ---- */

struct de_host *de_host_awake(void *context, const struct de_sim_event *event)
{
    struct de_host *host = (struct de_host *)context + event->entity;
    struct de_kernel *kernel = host->shared->kernel;

    DE_ASSERT(host->running);
    if (host->paused_until_ns > kernel->now_ns) {
        de_kernel_post_bound(kernel, host->paused_until_ns, event->kind, event->entity,
                             event->content, event->data);
        if (event->kind == DE_HOST_TIMER && event->time_ns == host->timer_at_ns) {
            host->timer_at_ns = host->paused_until_ns;
        }
        return NULL;
    }
    return host;
}

static void run_timer(void *context, const struct de_sim_event *event)
{
    struct de_host *host = de_host_awake(context, event);
    uint64_t clock_ns;

    if (host == NULL || event->time_ns != host->timer_at_ns) {
        return; /* paused, or replaced by an earlier one */
    }
    host->timer_at_ns = UINT64_MAX;
    clock_ns = de_host_clock(host);
    if (clock_ns >= host->deadline_ns) {
        host->deadline_ns = UINT64_MAX;
        de_node_timer(host->node, clock_ns);
        de_host_stepped(host);
    } else {
        env_arm(host, host->deadline_ns);
    }
}

static void run_flush(void *context, const struct de_sim_event *event)
{
    struct de_host *host = de_host_awake(context, event);

    if (host != NULL) {
        host->flush_posted = false;
        de_node_flush(host->node, de_host_clock(host));
        de_host_stepped(host);
    }
}

/* Writes the first group of what waits, and takes it. Returns the store's status. */
static int write_group(struct de_host *host)
{
    struct de_persist_job *last = host->persist_head;
    int err;

    DE_ASSERT(host->persist_head != NULL && host->writing == NULL);
    err = de_persist_jobs_run(host->persist_head, host->log, &host->writing_count);
    for (size_t i = 1; i < host->writing_count; i++) {
        last = last->next;
    }
    host->writing = host->persist_head;
    host->persist_head = last->next;
    last->next = NULL;
    if (host->persist_head == NULL) {
        host->persist_tail = NULL;
    }
    return err;
}

/* What found no room goes back to where it was. */
static void keep_group(struct de_host *host)
{
    struct de_persist_job *last = host->writing;

    DE_ASSERT(host->writing != NULL);
    while (last->next != NULL) {
        last = last->next;
    }
    last->next = host->persist_head;
    host->persist_head = host->writing;
    if (host->persist_tail == NULL) {
        host->persist_tail = last;
    }
    host->writing = NULL;
    host->writing_count = 0;
    host->writer_blocked = true;
}

/* What the log store has put off. */
static int tidy(struct de_host *host)
{
    const struct dengine_log_store_ops *ops = host->log.ops;
    int more = ops->tidy == NULL ? 0 : 1;

    while (more > 0) {
        more = ops->tidy(host->log.object, host->persist_head == NULL);
    }
    return more;
}

/* The same, with what follows when it fails. False: the host has stopped. */
static bool tidied(struct de_host *host)
{
    const uint64_t life = host->lives;
    const int err = tidy(host);

    if (err != 0) {
        de_node_log_failed(host->node, err, host->log.ops->message(host->log.object),
                           de_host_clock(host));
        de_host_stepped(host);
    }
    return host->running && host->lives == life;
}

static void tell_room(struct de_host *host)
{
    enum dengine_log_room room = DENGINE_LOG_ROOM;

    if (host->log.ops->room != NULL && !host->room_hidden) {
        room = host->log.ops->room(host->log.object);
    }
    if (host->writer_blocked) {
        room = DENGINE_LOG_ROOM_NONE;
    }
    if (room != DENGINE_LOG_ROOM && !host->look_posted) {
        host->look_posted = true;
        de_host_post(host, de_host_delay(host, LOOK_NS), DE_HOST_LOOK, 0, NULL);
    }
    if (room != host->room) {
        host->room = room;
        de_node_log_room(host->node, room, de_host_clock(host));
        de_host_stepped(host);
    }
}

static void run_look(void *context, const struct de_sim_event *event)
{
    struct de_host *host = de_host_awake(context, event);

    if (host == NULL) {
        return;
    }
    host->look_posted = false;
    if (!host->writer_busy && !tidied(host)) {
        return;
    }
    if (host->writer_blocked) {
        host->writer_blocked = false;
        host->writer_busy = false;
        writer_start(host);
    }
    tell_room(host);
}

/* How long until what was reported early has to be flushed; 0: nothing was. */
static uint64_t flush_after_ns(const struct de_host *host)
{
    const struct dengine_log_store_ops *ops = host->log.ops;

    return ops->flush_after_ms == NULL ? 0 : ops->flush_after_ms(host->log.object) * DE_NS_PER_MS;
}

static void flush_later(struct de_host *host)
{
    const uint64_t after_ns = flush_after_ns(host);

    if (after_ns != 0 && !host->log_flush_posted) {
        host->log_flush_posted = true;
        de_host_post(host, after_ns, DE_HOST_LOG_FLUSH, 0, NULL);
    }
}

static uint64_t disk_delay(struct de_host *host)
{
    return de_host_delay(host, host->shared->disk_latency_ns * host->disk_slowness);
}

/* The log writer's turn, when its time has come. */
static void run_log_flush(void *context, const struct de_sim_event *event)
{
    struct de_host *host = de_host_awake(context, event);
    const struct de_host_shared *shared;
    int err;

    if (host == NULL) {
        return;
    }
    shared = host->shared;
    if (host->writer_busy) {
        de_host_post(host, disk_delay(host), DE_HOST_LOG_FLUSH, 0, NULL);
        return;
    }
    host->log_flush_posted = false;
    if (host->trap == DE_TRAP_IN_WRITE) {
        de_disk_die_in(&host->disk, de_host_chance(host, 4));
        host->trap_sprung = true;
    }
    err = host->log.ops->flush(host->log.object);
    if (err == 0 && flush_after_ns(host) == 0) {
        de_oracle_flushed(shared->oracle, host->id);
    }
    if (host->trap_sprung) {
        de_host_stepped(host);
    } else if (err != 0) {
        de_node_log_failed(host->node, err, host->log.ops->message(host->log.object),
                           de_host_clock(host));
        de_host_stepped(host);
    } else {
        host->writer_busy = true;
        de_host_post(host, disk_delay(host), DE_HOST_LOG_FLUSHED, 0, NULL);
    }
}

static void run_log_flushed(void *context, const struct de_sim_event *event)
{
    struct de_host *host = de_host_awake(context, event);

    if (host == NULL) {
        return;
    }
    host->writer_busy = false;
    if (tidied(host)) {
        flush_later(host);
        writer_start(host);
        tell_room(host);
    }
}

static void run_persist(void *context, const struct de_sim_event *event)
{
    struct de_host *host = de_host_awake(context, event);
    const struct de_host_shared *shared;
    uint64_t latency_ns;
    bool resets;
    int err;

    if (host == NULL) {
        return;
    }
    shared = host->shared;
    if (host->trap == DE_TRAP_IN_WRITE) {
        de_disk_die_in(&host->disk, de_host_delay(host, UINT64_C(1) << 32) % 4);
    }
    resets = host->persist_head->install_index != 0;
    if (resets && host->trap == DE_TRAP_IN_RESET) {
        de_disk_die_in(&host->disk, de_host_chance(host, 12));
        host->trap_sprung = true;
    }
    err = write_group(host);
    if (err == DENGINE_E_NO_SPACE && host->trap != DE_TRAP_IN_WRITE) {
        keep_group(host);
        tell_room(host);
        return;
    }
    if (err == 0) {
        de_oracle_durable(shared->oracle, shared->kernel->now_ns, host->id, host->writing_count);
    }
    if (err == 0 && host->trap == DE_TRAP_IN_WRITE) {
        (void)tidy(host);
    }
    if (host->trap == DE_TRAP_IN_WRITE || host->trap == DE_TRAP_AFTER_WRITE || host->trap_sprung) {
        host->trap_sprung = true;
        de_host_stepped(host);
        return;
    }
    latency_ns = flush_after_ns(host) == 0 ? disk_delay(host) : de_host_hop(host);
    flush_later(host);
    if (host->stalled_until_ns > shared->kernel->now_ns) {
        latency_ns += host->stalled_until_ns - shared->kernel->now_ns;
    }
    de_host_post(host, latency_ns, DE_HOST_PERSIST_DONE, (uint64_t)(uint32_t)-err, NULL);
}

static void run_persisted(void *context, const struct de_sim_event *event)
{
    struct de_host *host = de_host_awake(context, event);
    int status = -(int)event->content;
    uint64_t life;

    if (host == NULL) {
        return;
    }
    life = host->lives;
    host->writer_busy = false;
    while (host->writing != NULL) {
        struct de_persist_job *job = host->writing;

        host->writing = job->next;
        de_node_persisted(host->node, job, status, host->log.ops->message(host->log.object),
                          de_host_clock(host));
        de_host_stepped(host);
        if (!host->running || host->lives != life) {
            return;
        }
    }
    if (status == 0 && tidied(host)) {
        writer_start(host);
        tell_room(host);
    }
}

static void run_apply(void *context, const struct de_sim_event *event)
{
    struct de_host *host = de_host_awake(context, event);

    if (host == NULL) {
        return;
    }
    if (de_apply_job_run(event->data) == DENGINE_E_NO_SPACE) {
        de_host_post(host, de_host_delay(host, LOOK_NS), DE_HOST_APPLY_RUN, 0, event->data);
        if (!host->machine_full) {
            host->machine_full = true;
            de_node_machine_full(host->node, true, de_host_clock(host));
            de_host_stepped(host);
        }
        return;
    }
    if (host->trap == DE_TRAP_AFTER_APPLY) {
        host->trap_sprung = true;
        de_host_stepped(host);
        return;
    }
    de_host_post(host, de_host_hop(host), DE_HOST_APPLY_DONE, 0, event->data);
}

static void run_applied(void *context, const struct de_sim_event *event)
{
    struct de_host *host = de_host_awake(context, event);

    if (host == NULL) {
        return;
    }
    if (host->machine_full) {
        host->machine_full = false;
        de_node_machine_full(host->node, false, de_host_clock(host));
    }
    de_node_applied(host->node, event->data, de_host_clock(host));
    de_host_stepped(host);
}

/* Guided: what is about to be truncated is read when it has been. */
static uint64_t looks_left(const struct de_host *host, const struct de_log_read_job *job,
                           uint64_t looks)
{
    struct de_raft_view view;

    de_host_view(host, &view);
    if (looks > SLOW_READ_LAST_LOOKS && view.last_index < de_log_read_job_last(job)) {
        return SLOW_READ_LAST_LOOKS; /* the store has yet to do it */
    }
    return looks - 1;
}

static void run_log_read(void *context, const struct de_sim_event *event)
{
    struct de_host *host = de_host_awake(context, event);

    if (host == NULL) {
        return;
    }
    if (event->content > 0) {
        de_host_post(host, SLOW_READ_LOOK_NS, DE_HOST_LOG_READ_RUN,
                     looks_left(host, event->data, event->content), event->data);
        return;
    }
    de_log_read_job_run(event->data, host->log);
    de_host_post(host, de_host_hop(host), DE_HOST_LOG_READ_DONE, 0, event->data);
}

static void run_log_was_read(void *context, const struct de_sim_event *event)
{
    struct de_host *host = de_host_awake(context, event);

    if (host != NULL) {
        de_node_log_read(host->node, event->data, de_host_clock(host));
        de_host_stepped(host);
    }
}

static void run_unreachable(void *context, const struct de_sim_event *event)
{
    struct de_host *host = de_host_awake(context, event);

    if (host != NULL) {
        de_node_unreachable(host->node, event->content, de_host_clock(host));
        de_host_stepped(host);
    }
}

static void run_lease_read(void *context, const struct de_sim_event *event)
{
    struct de_host *host = de_host_awake(context, event);

    if (host != NULL) {
        de_host_read_go_on(event->data);
        de_host_stepped(host);
    }
}

void de_host_register(struct de_kernel *kernel, struct de_host *hosts)
{
    const struct {
        uint32_t kind;
        struct de_kernel_handler handler;
    } table[] = {
        {DE_HOST_TIMER, {"timer", hosts, run_timer, NULL}},
        {DE_HOST_FLUSH, {"flush", hosts, run_flush, NULL}},
        {DE_HOST_PERSIST_RUN, {"persist", hosts, run_persist, NULL}},
        {DE_HOST_PERSIST_DONE, {"persisted", hosts, run_persisted, NULL}},
        {DE_HOST_APPLY_RUN, {"apply", hosts, run_apply, NULL}},
        {DE_HOST_APPLY_DONE, {"applied", hosts, run_applied, NULL}},
        {DE_HOST_LOG_READ_RUN, {"log-read", hosts, run_log_read, NULL}},
        {DE_HOST_LOG_READ_DONE, {"log-was-read", hosts, run_log_was_read, NULL}},
        {DE_HOST_UNREACHABLE, {"unreachable", hosts, run_unreachable, NULL}},
        {DE_HOST_LOOK, {"look", hosts, run_look, NULL}},
        {DE_HOST_LOG_FLUSH, {"log-flush", hosts, run_log_flush, NULL}},
        {DE_HOST_LOG_FLUSHED, {"log-flushed", hosts, run_log_flushed, NULL}},
        {DE_HOST_LEASE_READ, {"lease-read", hosts, run_lease_read, NULL}},
    };

    for (size_t i = 0; i < DE_ARRAY_SIZE(table); i++) {
        de_kernel_set_handler(kernel, table[i].kind, &table[i].handler);
    }
    de_host_register_tasks(kernel, hosts);
}
