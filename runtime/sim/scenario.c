#include "runtime/sim/scenario.h"

#include "core/base/assert.h"
#include "runtime/sim/admin.h"
#include "runtime/sim/dice.h"

#define FAULT(name) DE_FAULT_BIT(name)

/* What no disk and no clock has a part in, but for slow and full disks. */
#define USUAL_FAULTS                                                                               \
    (DE_FAULT_ALL & ~(FAULT(SYNC_ERROR) | FAULT(WRITE_ERROR) | FAULT(READ_ERROR) | FAULT(ROT) |    \
                      FAULT(DISK_LOSS) | FAULT(DRIFT) | FAULT(STEP) | FAULT(STOP)))

/* The same where there are reads by lease: no clock may stand still either. */
#define CLOCKED_FAULTS (USUAL_FAULTS & ~FAULT(SUSPEND))

/* What makes a leader fall without its knowing, while clients still reach it. */
#define LEASE_FAULTS                                                                               \
    (FAULT(ISOLATE) | FAULT(MUTE) | FAULT(CLOG) | FAULT(TAIL) | FAULT(PAUSE) | FAULT(CHURN))

static const struct de_scenario scenarios[] = {
    {
        .name = "elect",
        .text = "leaders fall and rise: crashes, traps and partitions, hardly any load",
        .nodes_max = 7,
        .clients_min = 1,
        .clients_max = 1,
        .faults = USUAL_FAULTS & ~FAULT(SLOW_DISK),
        .write_ppm = 500000,
        .warm_ns = 2 * DE_NS_PER_S,
        .chaos_ns = 20 * DE_NS_PER_S,
        .fault_gap_ns = 300 * DE_NS_PER_MS,
    },
    {
        .name = "replicate",
        .text = "logs diverge and are repaired: many writes, leaders cut off with what they have",
        .nodes_max = 5,
        .clients_min = 4,
        .clients_max = 12,
        .faults = USUAL_FAULTS,
        .write_ppm = 900000,
        .warm_ns = 2 * DE_NS_PER_S,
        .chaos_ns = 18 * DE_NS_PER_S,
        .fault_gap_ns = 400 * DE_NS_PER_MS,
    },
    {
        .name = "register",
        .text = "read, write, compare-and-swap and delete under all faults, linearizable per key",
        .nodes_max = 5,
        .clients_min = 1,
        .clients_max = 12,
        .faults = USUAL_FAULTS,
        .write_ppm = 250000,
        .cas_ppm = 250000,
        .delete_ppm = 50000,
        .warm_ns = 2 * DE_NS_PER_S,
        .chaos_ns = 18 * DE_NS_PER_S,
        .fault_gap_ns = 500 * DE_NS_PER_MS,
    },
    {
        .name = "snapshot",
        .text = "tiny logs: snapshots taken, sent, installed all the time, crashes between any two "
                "steps",
        .nodes_max = 5,
        .clients_min = 2,
        .clients_max = 8,
        .faults = USUAL_FAULTS,
        .write_ppm = 700000,
        .cas_ppm = 100000,
        .delete_ppm = 50000,
        .warm_ns = 2 * DE_NS_PER_S,
        .chaos_ns = 18 * DE_NS_PER_S,
        .fault_gap_ns = 300 * DE_NS_PER_MS,
        .snapshots = true,
    },
    {
        .name = "ttl-lock",
        .text = "leases, locks with fencing, times to live, sessions and transactions",
        .nodes_max = 5,
        .clients_min = 1,
        .clients_max = 3,
        .faults = USUAL_FAULTS,
        .write_ppm = 250000,
        .cas_ppm = 250000,
        .delete_ppm = 50000,
        .service_clients = DE_SERVICE_CLIENTS_MAX,
        .warm_ns = 2 * DE_NS_PER_S,
        .chaos_ns = 18 * DE_NS_PER_S,
        .fault_gap_ns = 400 * DE_NS_PER_MS,
        .snapshots = true,
    },
    {
        .name = "stale-leader",
        .text = "leaders that do not know yet that they lead no more, and clients that ask them",
        .nodes_max = 5,
        .clients_min = 10,
        .clients_max = 12,
        .faults = FAULT(STALE),
        .write_ppm = 350000,
        .delete_ppm = 50000,
        .warm_ns = 2 * DE_NS_PER_S,
        .chaos_ns = 40 * DE_NS_PER_S,
        .fault_gap_ns = 900 * DE_NS_PER_MS,
        .calm = true,
    },
    {
        .name = "disk",
        .text = "disks fail: power cuts, errors, rot, loss, no room; nothing acknowledged is lost",
        .nodes_max = 5,
        .clients_min = 2,
        .clients_max = 8,
        .faults = FAULT(CRASH) | FAULT(TRAP) | FAULT(BLACKOUT) | FAULT(CRASH_LOOP) |
                  FAULT(SLOW_DISK) | FAULT(STALL) | FAULT(SYNC_ERROR) | FAULT(WRITE_ERROR) |
                  FAULT(READ_ERROR) | FAULT(NO_SPACE) | FAULT(ROT) | FAULT(DISK_LOSS) |
                  FAULT(ISOLATE) | FAULT(CHURN),
        .write_ppm = 600000,
        .cas_ppm = 100000,
        .delete_ppm = 50000,
        .warm_ns = 2 * DE_NS_PER_S,
        .chaos_ns = 18 * DE_NS_PER_S,
        .fault_gap_ns = 300 * DE_NS_PER_MS,
    },
    {
        .name = "memfirst",
        .text =
            "logs report early and lose their ends; while a majority remembers, nothing is lost",
        .nodes_max = 5,
        .clients_min = 2,
        .clients_max = 8,
        .faults = USUAL_FAULTS,
        .write_ppm = 600000,
        .cas_ppm = 100000,
        .delete_ppm = 50000,
        .memfirst = true,
        .warm_ns = 2 * DE_NS_PER_S,
        .chaos_ns = 18 * DE_NS_PER_S,
        .fault_gap_ns = 250 * DE_NS_PER_MS,
        .snapshots = true,
    },
    {
        .name = "chaos",
        .text = "everything at once",
        .nodes_max = 7,
        .clients_min = 1,
        .clients_max = 12,
        .faults = DE_FAULT_ALL,
        .write_ppm = 300000,
        .cas_ppm = 200000,
        .delete_ppm = 50000,
        .service_clients = 2,
        .warm_ns = 2 * DE_NS_PER_S,
        .chaos_ns = 24 * DE_NS_PER_S,
        .fault_gap_ns = 300 * DE_NS_PER_MS,
    },
    {
        .name = "member",
        .text = "the cluster grows, shrinks and is replaced while machines and links fail",
        .nodes_max = 5,
        .clients_min = 1,
        .clients_max = 6,
        .faults = CLOCKED_FAULTS,
        .write_ppm = 500000,
        .cas_ppm = 100000,
        .warm_ns = 2 * DE_NS_PER_S,
        .chaos_ns = 20 * DE_NS_PER_S,
        .fault_gap_ns = 700 * DE_NS_PER_MS,
        .spares = 8,
        .admin_gap_ns = 300 * DE_NS_PER_MS,
        .admin_changes = true,
        .lease_ppm = 300000,
        .forwarding = true,
        .roam_ppm = 300000,
        .snapshots = true,
    },
    {
        .name = "member-memfirst",
        .text = "the same with logs that report early: members come, go and forget",
        .nodes_max = 5,
        .clients_min = 1,
        .clients_max = 6,
        .faults = CLOCKED_FAULTS,
        .write_ppm = 500000,
        .cas_ppm = 100000,
        .warm_ns = 2 * DE_NS_PER_S,
        .chaos_ns = 20 * DE_NS_PER_S,
        .fault_gap_ns = 700 * DE_NS_PER_MS,
        .spares = 8,
        .admin_gap_ns = 300 * DE_NS_PER_MS,
        .admin_changes = true,
        .lease_ppm = 300000,
        .forwarding = true,
        .roam_ppm = 300000,
        .snapshots = true,
        .memfirst = true,
    },
    {
        .name = "transfer",
        .text = "leadership is handed over all the time: to laggards, to the dead, to strangers",
        .nodes_max = 5,
        .clients_min = 2,
        .clients_max = 8,
        .faults = CLOCKED_FAULTS,
        .write_ppm = 500000,
        .cas_ppm = 100000,
        .warm_ns = 2 * DE_NS_PER_S,
        .chaos_ns = 18 * DE_NS_PER_S,
        .fault_gap_ns = 700 * DE_NS_PER_MS,
        .admin_gap_ns = 250 * DE_NS_PER_MS,
        .lease_ppm = 500000,
    },
    {
        .name = "retry",
        .text = "the production client's policy of retries and fail-over; every call ends once",
        .nodes_max = 5,
        .clients_min = 2,
        .clients_max = 8,
        .faults = USUAL_FAULTS,
        .write_ppm = 300000,
        .cas_ppm = 300000,
        .delete_ppm = 50000,
        .remote = true,
        .warm_ns = 2 * DE_NS_PER_S,
        .chaos_ns = 18 * DE_NS_PER_S,
        .fault_gap_ns = 400 * DE_NS_PER_MS,
    },
    {
        .name = "lease-read",
        .text = "reads by lease while leaders are cut off and clocks drift as far as promised",
        .nodes_max = 5,
        .clients_min = 4,
        .clients_max = 12,
        .faults = LEASE_FAULTS,
        .write_ppm = 300000,
        .warm_ns = 2 * DE_NS_PER_S,
        .chaos_ns = 25 * DE_NS_PER_S,
        .fault_gap_ns = 500 * DE_NS_PER_MS,
        .admin_gap_ns = 500 * DE_NS_PER_MS,
        .lease_ppm = 900000,
        .roam_ppm = 300000,
        .hasty = true,
        .drift_ppm_max = 150000,
    },
    {
        .name = "forward",
        .text = "any node takes any request: followers forward writes, and ask how far to read",
        .nodes_max = 5,
        .clients_min = 3,
        .clients_max = 10,
        .faults = CLOCKED_FAULTS,
        .write_ppm = 300000,
        .cas_ppm = 250000,
        .delete_ppm = 50000,
        .warm_ns = 2 * DE_NS_PER_S,
        .chaos_ns = 18 * DE_NS_PER_S,
        .fault_gap_ns = 500 * DE_NS_PER_MS,
        .forwarding = true,
        .lease_ppm = 300000,
        .roam_ppm = 700000,
    },
    {
        .name = "txn",
        .text = "transfers between accounts by transactions in sessions: their sum never changes",
        .nodes_max = 5,
        .clients_min = 1,
        .clients_max = 2,
        .faults = USUAL_FAULTS,
        .write_ppm = 400000,
        .cas_ppm = 100000,
        .service_clients = DE_SERVICE_CLIENTS_MAX,
        .bank = true,
        .warm_ns = 2 * DE_NS_PER_S,
        .chaos_ns = 18 * DE_NS_PER_S,
        .fault_gap_ns = 400 * DE_NS_PER_MS,
        .snapshots = true,
        .forwarding = true,
    },
    {
        .name = "watch",
        .text = "watchers of everything and of one key, slow and quick, through crashes, snapshots "
                "and ends by time",
        .nodes_max = 5,
        .clients_min = 5,
        .clients_max = 12,
        .faults = USUAL_FAULTS,
        .write_ppm = 500000,
        .cas_ppm = 50000,
        .delete_ppm = 300000,
        .service_clients = 2,
        .warm_ns = 2 * DE_NS_PER_S,
        .chaos_ns = 18 * DE_NS_PER_S,
        .fault_gap_ns = 350 * DE_NS_PER_MS,
        .snapshots = true,
        .forwarding = true,
    },
    {
        .name = "negative-unfenced-lock",
        .text = "a control that must fail: resources that do not look at the token of a lock",
        .nodes_max = 5,
        .clients_min = 1,
        .clients_max = 1,
        .faults = USUAL_FAULTS,
        .write_ppm = 500000,
        .service_clients = DE_SERVICE_CLIENTS_MAX,
        .unfenced = true,
        .control = true,
        .warm_ns = 2 * DE_NS_PER_S,
        .chaos_ns = 18 * DE_NS_PER_S,
        .fault_gap_ns = 400 * DE_NS_PER_MS,
    },
    {
        .name = "negative-nosync",
        .text = "a control that must fail: disks that say synced and have only taken note",
        .nodes_max = 5,
        .clients_min = 2,
        .clients_max = 8,
        .faults = USUAL_FAULTS,
        .write_ppm = 600000,
        .cas_ppm = 100000,
        .delete_ppm = 50000,
        .no_sync = true,
        .control = true,
        .warm_ns = 2 * DE_NS_PER_S,
        .chaos_ns = 18 * DE_NS_PER_S,
        .fault_gap_ns = 250 * DE_NS_PER_MS,
    },
    {
        .name = "negative-memfirst",
        .text =
            "a control that must fail: replicas that forgot entries take part as if they had not",
        .nodes_max = 5,
        .clients_min = 2,
        .clients_max = 8,
        .faults = USUAL_FAULTS,
        .write_ppm = 600000,
        .cas_ppm = 100000,
        .delete_ppm = 50000,
        .memfirst = true,
        .no_rejoin = true,
        .control = true,
        .warm_ns = 2 * DE_NS_PER_S,
        .chaos_ns = 18 * DE_NS_PER_S,
        .fault_gap_ns = 250 * DE_NS_PER_MS,
        .snapshots = true,
    },
    {
        .name = "negative-lease-drift",
        .text = "the same with clocks that break the promise: reads by lease must be seen to fail",
        .nodes_max = 5,
        .clients_min = 4,
        .clients_max = 12,
        .faults = LEASE_FAULTS,
        .write_ppm = 300000,
        .warm_ns = 2 * DE_NS_PER_S,
        .chaos_ns = 25 * DE_NS_PER_S,
        .fault_gap_ns = 500 * DE_NS_PER_MS,
        .admin_gap_ns = 500 * DE_NS_PER_MS,
        .lease_ppm = 900000,
        .roam_ppm = 300000,
        .hasty = true,
        .drift_ppm_max = 150000,
        .drift_beyond = 3,
        .control = true,
    },
    {.name = NULL},
};

const struct de_scenario *de_scenarios(void)
{
    return scenarios;
}

const struct de_scenario *de_scenario_find(const char *name)
{
    for (const struct de_scenario *scenario = scenarios; scenario->name != NULL; scenario++) {
        if (strcmp(scenario->name, name) == 0) {
            return scenario;
        }
    }
    return NULL;
}

static uint32_t pick(struct de_dice *dice, const uint32_t *values, size_t count)
{
    return values[de_dice_below(dice, count)];
}

static void draw_raft(struct de_dice *dice, struct de_raft_options *raft)
{
    static const uint32_t entries[] = {1, 1, 2, 8, 64};
    static const uint32_t windows[] = {1, 2, 4, 16};
    static const uint32_t bytes[] = {256, 4096, 1024 * 1024};
    uint64_t minimum_ns = DE_NS_PER_MS * de_dice_between(dice, 100, 300);

    raft->cluster_id = 1 + de_dice_below(dice, 1000000);
    raft->election_timeout_min_ns = minimum_ns;
    raft->election_timeout_max_ns = minimum_ns * de_dice_between(dice, 3, 6) / 2;
    raft->heartbeat_interval_ns = minimum_ns / de_dice_between(dice, 3, 10);
    raft->drift_ppm = 500;
    raft->append_entries_max = pick(dice, entries, DE_ARRAY_SIZE(entries));
    raft->append_bytes_max = pick(dice, bytes, DE_ARRAY_SIZE(bytes));
    raft->window_messages_max = pick(dice, windows, DE_ARRAY_SIZE(windows));
    raft->window_bytes_max = UINT64_C(4) * 1024 * 1024;
    raft->uncommitted_bytes_max = UINT64_C(1) << de_dice_between(dice, 12, 24);
    raft->term_runs_max = 1024;
    raft->size_ring = UINT32_C(1) << de_dice_between(dice, 6, 12);
}

static void draw_limits(struct de_dice *dice, struct de_node_limits *limits)
{
    static const uint32_t commands[] = {1, 2, 16, 128};

    de_node_limits_default(limits);
    limits->batch_commands_max = pick(dice, commands, DE_ARRAY_SIZE(commands));
    limits->batch_bytes_max = UINT32_C(1) << de_dice_between(dice, 12, 20);
    limits->cache_bytes_max = UINT64_C(1) << de_dice_between(dice, 10, 20);
    limits->apply_entries_max = pick(dice, commands, DE_ARRAY_SIZE(commands));
    limits->persist_jobs_max = (uint32_t)de_dice_between(dice, 1, 4);
    limits->promotion_lag_max = 4 * limits->apply_entries_max;
}

/* rho, and how far off the clocks are: as promised, or beyond. */
static void draw_clocks(struct de_dice *dice, const struct de_scenario *scenario,
                        struct de_cluster *cluster)
{
    uint32_t least = cluster->raft.drift_ppm;

    cluster->clock_ppm = 200;
    if (scenario->drift_ppm_max != 0) {
        cluster->raft.drift_ppm = (uint32_t)de_dice_between(dice, least, scenario->drift_ppm_max);
        cluster->clock_ppm = cluster->raft.drift_ppm;
    }
    if (scenario->drift_beyond != 0) {
        cluster->clock_ppm = scenario->drift_beyond * scenario->drift_ppm_max;
    }
}

static void make_hasty(struct de_dice *dice, struct de_cluster *cluster)
{
    struct de_raft_options *raft = &cluster->raft;

    raft->election_timeout_min_ns *= 2;
    raft->election_timeout_max_ns =
        raft->election_timeout_min_ns / 100 * de_dice_between(dice, 105, 150);
    raft->heartbeat_interval_ns = raft->election_timeout_min_ns / de_dice_between(dice, 3, 8);
    cluster->network.base.tail_ppm = 1000 * (uint32_t)de_dice_between(dice, 1, 30);
    /* Several on one key, and soon somewhere else. */
    cluster->workload.think_ns = DE_NS_PER_MS * (UINT64_C(4) << de_dice_below(dice, 3));
    cluster->workload.attempt_ns = DE_NS_PER_MS * de_dice_between(dice, 50, 200);
    /* Not so soon retired that nobody reads what a deposed leader still has. */
    cluster->workload.open_ends_max = 24;
    cluster->workload.divided = de_dice_chance(dice, 700000);
    cluster->workload.keys = 1 + (uint32_t)de_dice_below(dice, 2);
}

/* The first members of a cluster that changes: often few. */
static void draw_members(struct de_dice *dice, const struct de_scenario *scenario,
                         struct de_cluster *cluster)
{
    static const uint32_t sizes[] = {1, 1, 3, 3, 3, 5, 2};

    cluster->members = cluster->nodes;
    cluster->spares = scenario->spares;
    cluster->admin_changes = scenario->admin_changes;
    cluster->admin_gap_ns = scenario->admin_gap_ns;
    if (scenario->spares > 0) {
        cluster->members = pick(dice, sizes, DE_ARRAY_SIZE(sizes));
    }
    cluster->nodes = cluster->members + cluster->spares;
    DE_ASSERT(cluster->nodes <= DE_ORACLE_NODES_MAX);
}

static void draw_network(struct de_dice *dice, struct de_network_options *network)
{
    network->stream = de_dice_chance(dice, 500000);
    network->latency_ns = DE_NS_PER_US * (UINT64_C(50) << de_dice_below(dice, 7));
    network->tail_ns = 500 * DE_NS_PER_MS;
    network->replay_ns = 3 * DE_NS_PER_S;
    network->once_from = DE_ADMIN_ENDPOINT;
    network->in_flight_max = UINT32_C(16) << de_dice_below(dice, 6);
    network->evict_oldest = de_dice_chance(dice, 500000);
    network->base.tail_ppm = 1000;
    if (de_dice_chance(dice, 300000)) {
        network->base.loss_ppm = 2000;
        network->base.duplicate_ppm = 2000;
    }
}

static void draw_workload(struct de_dice *dice, const struct de_scenario *scenario, uint32_t nodes,
                          struct de_workload_options *workload)
{
    static const uint32_t paddings[] = {0, 0, 40, 400};

    workload->nodes = nodes;
    workload->open_ends_max = 5;
    workload->lease_ppm = scenario->lease_ppm;
    workload->remote = scenario->remote;
    workload->roam_ppm = scenario->roam_ppm;
    workload->clients =
        (uint32_t)de_dice_between(dice, scenario->clients_min, scenario->clients_max);
    workload->keys = (workload->clients + 2) / 3 + (uint32_t)de_dice_below(dice, 2);
    workload->think_ns = DE_NS_PER_MS * (UINT64_C(16) << de_dice_below(dice, 4));
    workload->attempt_ns = DE_NS_PER_MS * de_dice_between(dice, 200, 800);
    workload->operation_ns = DE_NS_PER_S;
    workload->write_ppm = scenario->write_ppm;
    workload->cas_ppm = scenario->cas_ppm;
    workload->delete_ppm = scenario->delete_ppm;
    workload->value_bytes_max = pick(dice, paddings, DE_ARRAY_SIZE(paddings));
}

/* From a snapshot for each entry to now and then; from a chunk for each byte, nearly, to one. */
static void draw_snapshots(struct de_dice *dice, struct de_node_limits *limits)
{
    limits->snapshot_log_bytes_min = UINT64_C(1) << de_dice_between(dice, 4, 14);
    limits->snapshot_trailing_entries = de_dice_chance(dice, 500000) ? 0 : de_dice_below(dice, 64);
    limits->snapshot_chunk_bytes = UINT32_C(1) << de_dice_between(dice, 7, 12);
    limits->snapshot_window_bytes =
        limits->snapshot_chunk_bytes * (UINT64_C(1) << de_dice_below(dice, 4));
    limits->snapshot_bytes_per_second =
        de_dice_chance(dice, 800000) ? 0 : UINT64_C(1) << de_dice_between(dice, 14, 20);
}

/* A read that an old leader must not answer is one that begins when the new one has answered a
 * write. So some clients have to find the new one quickly, while others, who have been thinking all
 * the while, still turn to the old one. */
static void draw_calm(uint64_t seed, struct de_cluster *cluster)
{
    struct de_workload_options *workload = &cluster->workload;
    /* A write takes some three of these. */
    uint64_t step_ns = cluster->network.latency_ns + cluster->disk_latency_ns;
    struct de_dice dice;

    de_dice_init(&dice, seed, DE_DICE_CLUSTER, 2);
    workload->think_ns = DE_NS_PER_MS * (UINT64_C(128) << de_dice_below(&dice, 2));
    workload->attempt_ns = 5 * DE_NS_PER_MS + step_ns * de_dice_between(&dice, 6, 20);
    workload->keys = 1 + (uint32_t)de_dice_below(&dice, 2);
}

/* From dice of its own: what the others mean by a seed stays. */
static void draw_service(const struct de_scenario *scenario, uint64_t seed,
                         struct de_service_options *service)
{
    const uint64_t times = FAULT(DRIFT) | FAULT(STEP) | FAULT(STOP);
    struct de_dice dice;

    de_dice_init(&dice, seed, DE_DICE_SERVICE, 0);
    if (scenario->service_clients > 0) {
        service->clients = (uint32_t)de_dice_between(&dice, 2, scenario->service_clients);
    }
    service->think_ns = DE_NS_PER_MS * (UINT64_C(16) << de_dice_below(&dice, 4));
    service->clocks_kept = (scenario->faults & times) == 0;
    service->unfenced = scenario->unfenced;
    service->bank = scenario->bank;
}

/* From dice of its own as well. */
static void draw_flushes(const struct de_scenario *scenario, uint64_t seed,
                         struct de_cluster *cluster)
{
    struct de_dice dice;

    if (!scenario->memfirst) {
        return;
    }
    de_dice_init(&dice, seed, DE_DICE_FLUSH, 0);
    cluster->flush_interval_ms = UINT32_C(1) << de_dice_below(&dice, 10);
    cluster->flush_bytes = UINT64_C(1) << de_dice_between(&dice, 8, 16);
    cluster->no_rejoin = scenario->no_rejoin;
}

/* What the core has room for: often so little that it has to do without. From dice of its own. */
static void draw_room(const struct de_scenario *scenario, uint64_t seed, struct de_cluster *cluster)
{
    static const uint32_t runs[] = {1024, 1024, 64, 24};
    static const uint32_t held[] = {0, 8, 64, 65536};
    static const uint32_t scarce[] = {100, 3000, 50000};
    struct de_dice dice;

    de_dice_init(&dice, seed, DE_DICE_CLUSTER, 3);
    cluster->raft.hold_entries_max = pick(&dice, held, DE_ARRAY_SIZE(held));
    if (de_dice_chance(&dice, 300000)) {
        cluster->limits.cache_bytes_max = UINT64_C(1) << de_dice_between(&dice, 4, 9);
    }
    if (scenario->snapshots) { /* else nothing ever makes room again */
        cluster->raft.term_runs_max = pick(&dice, runs, DE_ARRAY_SIZE(runs));
    }
    if (de_dice_chance(&dice, 150000)) {
        cluster->scarce_ppm = pick(&dice, scarce, DE_ARRAY_SIZE(scarce));
    }
}

void de_cluster_draw(struct de_cluster *cluster, const struct de_scenario *scenario, uint64_t seed)
{
    /* Mostly three and five: a quorum of two, and one of three that can fail twice. */
    static const uint32_t sizes[] = {3, 3, 3, 5, 5, 5, 4, 2, 1, 7};
    struct de_dice dice;
    struct de_dice more; /* so that what came first stays what it was */
    const char *reason = "";

    memset(cluster, 0, sizeof(*cluster));
    de_dice_init(&dice, seed, DE_DICE_CLUSTER, 0);
    cluster->nodes = pick(&dice, sizes, DE_ARRAY_SIZE(sizes));
    if (cluster->nodes > scenario->nodes_max) {
        cluster->nodes = scenario->nodes_max;
    }
    if (scenario->memfirst && cluster->nodes < 3) {
        cluster->nodes = 3; /* fewer cannot spare one */
    }
    de_dice_init(&more, seed, DE_DICE_CLUSTER, 1);
    draw_members(&more, scenario, cluster);
    cluster->forwarding = scenario->forwarding;
    draw_raft(&dice, &cluster->raft);
    draw_clocks(&more, scenario, cluster);
    draw_limits(&dice, &cluster->limits);
    draw_network(&dice, &cluster->network);
    draw_workload(&dice, scenario, cluster->nodes, &cluster->workload);
    draw_service(scenario, seed, &cluster->service);
    draw_flushes(scenario, seed, cluster);
    if (scenario->hasty) {
        make_hasty(&more, cluster);
    }
    cluster->segment_bytes = UINT32_C(16384) << de_dice_below(&dice, 6);
    cluster->disk_latency_ns = DE_NS_PER_US * (UINT64_C(50) << de_dice_below(&dice, 7));
    cluster->cpu_latency_ns = DE_NS_PER_US * de_dice_between(&dice, 2, 50);
    if (scenario->calm) {
        draw_calm(seed, cluster);
    }
    if (scenario->snapshots) {
        draw_snapshots(&dice, &cluster->limits);
    }
    draw_room(scenario, seed, cluster);
    cluster->no_sync = scenario->no_sync;
    cluster->raft.id = 1;
    DE_ASSERT(de_raft_check_options(&cluster->raft, &reason) == 0);
}
