#include "runtime/libev/publisher.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/assert.h"
#include "core/raft/configuration.h"

#define LEASE_ATTEMPTS 16

void de_publisher_init(struct de_publisher *publisher, uint64_t node_id, uint64_t cluster_id)
{
    pthread_condattr_t attributes;
    int err = pthread_mutex_init(&publisher->mutex, NULL);

    DE_ASSERT(err == 0);
    err = pthread_condattr_init(&attributes);
    DE_ASSERT(err == 0);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    err = pthread_cond_init(&publisher->changed, &attributes);
    DE_ASSERT(err == 0);
    (void)pthread_condattr_destroy(&attributes);
    memset(&publisher->status, 0, sizeof(publisher->status));
    publisher->status.node_id = node_id;
    publisher->status.cluster_id = cluster_id;
    publisher->status.role = DENGINE_FOLLOWER;
    publisher->stopped = false;
    publisher->listeners = NULL;
    atomic_init(&publisher->lease_sequence, 0);
    atomic_init(&publisher->lease_until_ns, 0);
    atomic_init(&publisher->lease_index, 0);
    atomic_init(&publisher->lease_term, 0);
    atomic_init(&publisher->applied, 0);
    atomic_init(&publisher->halted, false);
}

void de_publisher_deinit(struct de_publisher *publisher)
{
    int err = pthread_cond_destroy(&publisher->changed);

    DE_ASSERT(publisher->listeners == NULL);
    DE_ASSERT(err == 0);
    err = pthread_mutex_destroy(&publisher->mutex);
    DE_ASSERT(err == 0);
}

/* A server that is in no configuration yet, or in none any more, votes as little as a learner. */
static enum dengine_role public_role(const struct de_node_status *now)
{
    switch (now->raft.role) {
    case DE_RAFT_LEADER:
        return DENGINE_LEADER;
    case DE_RAFT_PRE_CANDIDATE:
    case DE_RAFT_CANDIDATE:
        return DENGINE_CANDIDATE;
    default:
        return de_configuration_is_voter(&now->membership->configuration, now->raft.id)
                   ? DENGINE_FOLLOWER
                   : DENGINE_LEARNER;
    }
}

/* Having applied an entry of the present term shows that its leader has committed one, and that
 * what was acknowledged in earlier terms can be read here. */
static bool is_ready(const struct de_node *node, const struct de_node_status *now)
{
    return now->raft.leader != 0 && !now->raft.halted && !now->stopped && !now->removed &&
           de_raft_term_at(de_node_raft(node), now->applied) == now->raft.term;
}

/* Under the lock. True: the members have changed. */
static bool take_members(struct de_publisher *publisher, const struct de_node *node,
                         const struct de_node_status *now)
{
    const bool settled = now->membership_before == NULL &&
                         !de_configuration_is_joint(&now->membership->configuration);
    const bool changed =
        now->raft.config_index != publisher->config_index || settled != publisher->config_committed;

    if (changed || publisher->membership.configuration.count == 0) {
        publisher->membership = *now->membership;
        publisher->config_index = now->raft.config_index;
        publisher->config_committed = settled;
    }
    publisher->peer_count = 0;
    if (now->raft.role == DE_RAFT_LEADER) {
        publisher->peer_count =
            de_raft_get_peers(de_node_raft(node), publisher->peers, DE_RAFT_MEMBERS_MAX);
    }
    return changed;
}

/* Under the lock. */
static void announce(struct de_publisher *publisher)
{
    struct de_publisher_listener *listener;

    (void)pthread_cond_broadcast(&publisher->changed);
    for (listener = publisher->listeners; listener != NULL; listener = listener->next) {
        listener->changed(listener);
    }
}

void de_publisher_update(struct de_publisher *publisher, const struct de_node *node)
{
    struct dengine_status *status = &publisher->status;
    struct de_node_status now;
    bool ready;

    de_node_get_status(node, &now);
    ready = is_ready(node, &now);
    atomic_store_explicit(&publisher->applied, now.applied, memory_order_release);
    (void)pthread_mutex_lock(&publisher->mutex);
    status->term = now.raft.term;
    status->leader = now.raft.leader;
    status->role = public_role(&now);
    status->commit_index = now.raft.commit;
    status->applied_index = now.applied;
    status->first_index = now.raft.base_index + 1;
    status->last_index = now.raft.last_index;
    status->pending_requests = now.pending_requests;
    status->pending_bytes = now.pending_bytes;
    status->snapshot_index = now.snapshot.index;
    status->snapshot_bytes = now.snapshot.image_bytes;
    status->snapshots_taken = now.snapshot.taken;
    status->snapshots_sent = now.snapshot.sent;
    status->snapshots_installed = now.snapshot.installed;
    status->snapshot_failures = now.snapshot.failures;
    status->no_space = now.no_space;
    if (take_members(publisher, node, &now) || (ready && !status->ready) ||
        now.removed != status->removed) {
        announce(publisher);
    }
    status->removed = now.removed;
    status->ready = ready && !status->halted;
    (void)pthread_mutex_unlock(&publisher->mutex);
}

/* After Boehm, "Can seqlocks get along with programming language memory models?" (MSPC 2012). The
 * last store is sequentially consistent, so that the lease is ended for all others before the
 * messages that follow are. */
void de_publisher_lease(struct de_publisher *publisher, const struct de_node_lease *lease)
{
    uint_fast64_t sequence = atomic_load_explicit(&publisher->lease_sequence, memory_order_relaxed);

    DE_ASSERT(sequence % 2 == 0);
    atomic_store_explicit(&publisher->lease_sequence, sequence + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&publisher->lease_until_ns, lease->until_ns, memory_order_relaxed);
    atomic_store_explicit(&publisher->lease_index, lease->index, memory_order_relaxed);
    atomic_store_explicit(&publisher->lease_term, lease->term, memory_order_relaxed);
    atomic_store_explicit(&publisher->lease_sequence, sequence + 2, memory_order_seq_cst);
}

void de_publisher_get_lease(const struct de_publisher *publisher, struct de_node_lease *lease)
{
    for (int attempt = 0; attempt < LEASE_ATTEMPTS; attempt++) {
        uint_fast64_t before =
            atomic_load_explicit(&publisher->lease_sequence, memory_order_seq_cst);

        lease->until_ns = atomic_load_explicit(&publisher->lease_until_ns, memory_order_relaxed);
        lease->index = atomic_load_explicit(&publisher->lease_index, memory_order_relaxed);
        lease->term = atomic_load_explicit(&publisher->lease_term, memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
        if (before % 2 == 0 &&
            before == atomic_load_explicit(&publisher->lease_sequence, memory_order_relaxed)) {
            return;
        }
    }
    memset(lease, 0, sizeof(*lease)); /* the caller asks a quorum instead */
}

uint64_t de_publisher_applied(const struct de_publisher *publisher)
{
    return atomic_load_explicit(&publisher->applied, memory_order_acquire);
}

bool de_publisher_is_halted(const struct de_publisher *publisher)
{
    return atomic_load_explicit(&publisher->halted, memory_order_acquire);
}

void de_publisher_halted(struct de_publisher *publisher, const char *reason)
{
    DE_ASSERT(reason != NULL);
    (void)pthread_mutex_lock(&publisher->mutex);
    publisher->status.halted = true;
    publisher->status.ready = false;
    (void)snprintf(publisher->status.halt_reason, sizeof(publisher->status.halt_reason), "%s",
                   reason);
    announce(publisher);
    (void)pthread_mutex_unlock(&publisher->mutex);
    /* After the reason, which whoever sees this asks for. */
    atomic_store_explicit(&publisher->halted, true, memory_order_release);
}

void de_publisher_stopped(struct de_publisher *publisher)
{
    (void)pthread_mutex_lock(&publisher->mutex);
    publisher->stopped = true;
    announce(publisher);
    (void)pthread_mutex_unlock(&publisher->mutex);
}

void de_publisher_get(struct de_publisher *publisher, struct dengine_status *status)
{
    (void)pthread_mutex_lock(&publisher->mutex);
    *status = publisher->status;
    (void)pthread_mutex_unlock(&publisher->mutex);
}

static enum dengine_member_kind kind_of(uint32_t flags)
{
    if ((flags & DE_RAFT_LEARNER) != 0) {
        return (flags & DE_RAFT_READ_ONLY) != 0 ? DENGINE_MEMBER_READ_ONLY : DENGINE_MEMBER_LEARNER;
    }
    return (flags & DE_RAFT_VOTER) != 0 ? DENGINE_MEMBER_VOTER : DENGINE_MEMBER_LEAVING;
}

/* How far the member's log is known to go; 0: nobody here knows. */
static uint64_t match_of(const struct de_publisher *publisher, uint64_t id)
{
    if (publisher->status.role == DENGINE_LEADER && id == publisher->status.node_id) {
        return publisher->status.last_index;
    }
    for (uint32_t i = 0; i < publisher->peer_count; i++) {
        if (publisher->peers[i].id == id) {
            return publisher->peers[i].match;
        }
    }
    return 0;
}

static void members_locked(const struct de_publisher *publisher,
                           struct dengine_cluster_status *status)
{
    const struct de_membership *membership = &publisher->membership;

    memset(status, 0, sizeof(*status));
    status->cluster_id = publisher->status.cluster_id;
    status->version = publisher->config_index;
    status->changing = !publisher->config_committed;
    status->commit_index = publisher->status.commit_index;
    /* A leader is one that can serve: it has committed in its term. */
    if (publisher->status.ready && !publisher->status.halted) {
        status->leader = publisher->status.leader;
    }
    status->member_count = membership->configuration.count;
    for (uint32_t i = 0; i < status->member_count; i++) {
        struct dengine_member *member = &status->members[i];

        member->id = membership->configuration.members[i].id;
        member->kind = kind_of(membership->configuration.members[i].flags);
        member->leader = member->id == status->leader;
        member->match_index = match_of(publisher, member->id);
        (void)snprintf(member->address, sizeof(member->address), "%s",
                       membership->addresses[i].client);
        (void)snprintf(member->peer_address, sizeof(member->peer_address), "%s",
                       membership->addresses[i].peer);
    }
}

void de_publisher_members(struct de_publisher *publisher, struct dengine_cluster_status *status)
{
    (void)pthread_mutex_lock(&publisher->mutex);
    members_locked(publisher, status);
    (void)pthread_mutex_unlock(&publisher->mutex);
}

void de_publisher_listen(struct de_publisher *publisher, struct de_publisher_listener *listener)
{
    DE_ASSERT(listener->changed != NULL && listener->previous == NULL);
    (void)pthread_mutex_lock(&publisher->mutex);
    listener->next = publisher->listeners;
    listener->previous = &publisher->listeners;
    if (listener->next != NULL) {
        listener->next->previous = &listener->next;
    }
    publisher->listeners = listener;
    (void)pthread_mutex_unlock(&publisher->mutex);
}

void de_publisher_unlisten(struct de_publisher *publisher, struct de_publisher_listener *listener)
{
    (void)pthread_mutex_lock(&publisher->mutex);
    DE_ASSERT(listener->previous != NULL && *listener->previous == listener);
    *listener->previous = listener->next;
    if (listener->next != NULL) {
        listener->next->previous = listener->previous;
    }
    listener->previous = NULL;
    (void)pthread_mutex_unlock(&publisher->mutex);
}

static struct timespec time_after(uint32_t timeout_ms)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(timeout_ms / 1000);
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    return until;
}

int de_publisher_wait_members(struct de_publisher *publisher, uint64_t after, uint32_t timeout_ms,
                              struct dengine_cluster_status *status)
{
    const struct timespec until = time_after(timeout_ms);
    int err = 0;
    int result;

    (void)pthread_mutex_lock(&publisher->mutex);
    while ((publisher->config_index <= after || !publisher->config_committed) &&
           !publisher->status.halted && !publisher->stopped && err != ETIMEDOUT) {
        err = pthread_cond_timedwait(&publisher->changed, &publisher->mutex, &until);
    }
    if (publisher->config_index > after && publisher->config_committed) {
        result = 0;
    } else if (publisher->status.halted) {
        result = DENGINE_E_HALTED;
    } else {
        result = publisher->stopped ? DENGINE_E_SHUTDOWN : DENGINE_E_TIMEOUT;
    }
    members_locked(publisher, status);
    (void)pthread_mutex_unlock(&publisher->mutex);
    return result;
}

int de_publisher_wait_ready(struct de_publisher *publisher, uint32_t timeout_ms, uint64_t *leader)
{
    const struct dengine_status *status = &publisher->status;
    const struct timespec until = time_after(timeout_ms);
    int err = 0;
    int result;

    (void)pthread_mutex_lock(&publisher->mutex);
    while (!status->ready && !status->halted && !status->removed && !publisher->stopped &&
           err != ETIMEDOUT) {
        err = pthread_cond_timedwait(&publisher->changed, &publisher->mutex, &until);
    }
    if (status->halted) {
        result = DENGINE_E_HALTED;
    } else if (publisher->stopped) {
        result = DENGINE_E_SHUTDOWN;
    } else if (status->removed && !status->ready) {
        result = DENGINE_E_REMOVED;
    } else {
        result = status->ready ? 0 : DENGINE_E_TIMEOUT;
    }
    if (result == 0 && leader != NULL) {
        *leader = status->leader;
    }
    (void)pthread_mutex_unlock(&publisher->mutex);
    return result;
}
