#include <dengine/metrics.h>

#include "core/base/assert.h"
#include "engine/engine_state.h"

/* X(NAME, kind, help): the order in which they are shown. */
#define METRICS(X)                                                                                 \
    X(role, GAUGE, "1 follower, 2 candidate, 3 leader, 4 learner.")                                \
    X(term, GAUGE, "Raft term.")                                                                   \
    X(commit_index, GAUGE, "Last log entry known to be committed.")                                \
    X(applied_index, GAUGE, "Last log entry applied to the state.")                                \
    X(last_index, GAUGE, "Last log entry.")                                                        \
    X(pending_requests, GAUGE, "Requests not answered; raft.backpressure.max_pending_requests.")   \
    X(pending_bytes, GAUGE,                                                                        \
      "Bytes of the writes among them; raft.backpressure.max_pending_bytes.")                      \
    X(waiting_requests, GAUGE, "Requests that wait for a leader; the same bounds.")                \
    X(waiting_bytes, GAUGE, "Bytes of the writes among them.")                                     \
    X(busy_requests_total, COUNTER, "Requests refused at one of these bounds.")                    \
    X(too_large_total, COUNTER, "Writes refused for limits.key_bytes_max or value_bytes_max.")     \
    X(leases, GAUGE, "Leases, sessions and keys with a time to live; limits.leases_max.")          \
    X(leases_refused_total, COUNTER, "Writes refused for limits.leases_max.")                      \
    X(sessions, GAUGE, "Leases that have a session; limits.sessions_max.")                         \
    X(sessions_refused_total, COUNTER, "Sessions refused at that bound.")                          \
    X(reads_refused_total, COUNTER, "Reads refused for storage.lmdb_readers_max.")                 \
    X(watchers, GAUGE, "Watchers on this node; raft.watch.max_watchers.")                          \
    X(watchers_refused_total, COUNTER, "Watches refused at that bound.")                           \
    X(watch_overflows_total, COUNTER, "Watches canceled for raft.watch.watcher_buffer_size.")      \
    X(watch_events, GAUGE, "Changes remembered; raft.watch.event_queue_size.")                     \
    X(watch_event_bytes, GAUGE, "What they take; raft.watch.event_bytes_max.")                     \
    X(snapshots_taken_total, COUNTER, "Snapshots taken.")                                          \
    X(snapshots_installed_total, COUNTER, "Snapshots received in place of the log.")               \
    X(snapshot_failures_total, COUNTER, "Snapshots that failed and are tried again.")

enum {
#define METRIC_ENUM(name, kind, help) METRIC_##name,
    METRICS(METRIC_ENUM)
#undef METRIC_ENUM
        METRIC_COUNT
};

static const struct dengine_metric table[METRIC_COUNT] = {
#define METRIC_ROW(name, kind, help) {"dengine_" #name, DENGINE_##kind, help, 0},
    METRICS(METRIC_ROW)
#undef METRIC_ROW
};

static void take_status(struct dengine *engine, uint64_t *values)
{
    struct dengine_status status;

    DE_ASSERT(engine->replica != NULL);
    de_replica_status(engine->replica, &status);
    values[METRIC_role] = (uint64_t)status.role;
    values[METRIC_term] = status.term;
    values[METRIC_commit_index] = status.commit_index;
    values[METRIC_applied_index] = status.applied_index;
    values[METRIC_last_index] = status.last_index;
    values[METRIC_pending_requests] = status.pending_requests;
    values[METRIC_pending_bytes] = status.pending_bytes;
    values[METRIC_snapshots_taken_total] = status.snapshots_taken;
    values[METRIC_snapshots_installed_total] = status.snapshots_installed;
    values[METRIC_snapshot_failures_total] = status.snapshot_failures;
}

static void take_requests(struct dengine *engine, uint64_t *values)
{
    struct de_requests_usage usage;

    DE_ASSERT(engine->replica != NULL);
    de_replica_requests_usage(engine->replica, &usage);
    values[METRIC_waiting_requests] = usage.waiting;
    values[METRIC_waiting_bytes] = usage.waiting_bytes;
    values[METRIC_busy_requests_total] = usage.busy;
}

static void take_rest(struct dengine *engine, uint64_t *values)
{
    struct de_watch_usage watches;
    struct de_kv_view view;

    DE_ASSERT(engine->watches != NULL);
    de_watches_usage(engine->watches, &watches);
    values[METRIC_watchers] = watches.watchers;
    values[METRIC_watchers_refused_total] = watches.refused;
    values[METRIC_watch_overflows_total] = watches.overflows;
    values[METRIC_watch_events] = watches.events;
    values[METRIC_watch_event_bytes] = watches.event_bytes;
    values[METRIC_too_large_total] = atomic_load(&engine->admission.too_large);
    values[METRIC_leases_refused_total] = atomic_load(&engine->admission.leases_refused);
    values[METRIC_sessions_refused_total] = atomic_load(&engine->admission.sessions_refused);
    values[METRIC_reads_refused_total] = atomic_load(&engine->admission.reads_refused);
    if (de_kv_view_open(engine->stores.kv, &view) == 0) {
        values[METRIC_leases] = view.leases;
        values[METRIC_sessions] = view.sessions;
        de_kv_view_close(&view);
    }
}

void dengine_metrics(struct dengine *engine,
                     void (*visit)(void *context, const struct dengine_metric *metric),
                     void *context)
{
    uint64_t values[METRIC_COUNT] = {0};

    DE_ASSERT(engine != NULL && visit != NULL);
    take_status(engine, values);
    take_requests(engine, values);
    take_rest(engine, values);
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        struct dengine_metric metric = table[i];

        metric.value = values[i];
        visit(context, &metric);
    }
}
