#include "runtime/sim/cluster.h"

#include "core/base/assert.h"
#include "runtime/sim/admin.h"
#include "runtime/sim/dice.h"
#include "runtime/sim/schedule.h"

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
        /* Half of the time as much as may be: what is left out of a margin shows most then. */
        cluster->raft.drift_ppm =
            de_dice_chance(dice, 500000)
                ? scenario->drift_ppm_max
                : (uint32_t)de_dice_between(dice, least, scenario->drift_ppm_max);
        cluster->clock_ppm = cluster->raft.drift_ppm;
    }
    if (scenario->drift_beyond != 0) {
        cluster->clock_ppm = scenario->drift_beyond * scenario->drift_ppm_max;
    }
}

static void make_hasty(struct de_dice *dice, struct de_cluster *cluster)
{
    static const uint32_t held_up[] = {0, 2000, 10000, 50000};
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
    /* A leader that is behind with applying is what shows who reads from another node's state. */
    cluster->applier_held_up_ppm = pick(dice, held_up, DE_ARRAY_SIZE(held_up));
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
    workload->session_ppm = scenario->remote ? 500000 : 0;
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
    const uint64_t times = DE_FAULT_BIT(DRIFT) | DE_FAULT_BIT(STEP) | DE_FAULT_BIT(STOP);
    struct de_dice dice;

    de_dice_init(&dice, seed, DE_DICE_SERVICE, 0);
    if (scenario->service_clients > 0) {
        service->clients = (uint32_t)de_dice_between(&dice, 2, scenario->service_clients);
    }
    service->think_ns = DE_NS_PER_MS * (UINT64_C(16) << de_dice_below(&dice, 4));
    service->clocks_kept = (scenario->faults & times) == 0;
    service->unfenced = scenario->unfenced;
    service->bank = scenario->bank;
    de_dice_init(&dice, seed, DE_DICE_SERVICE, 1);
    service->hoard = scenario->hoard && de_dice_chance(&dice, 200000);
}

static void draw_ranges(const struct de_scenario *scenario, uint64_t seed,
                        struct de_range_options *ranges)
{
    struct de_dice dice;

    de_dice_init(&dice, seed, DE_DICE_RANGE, 0);
    if (scenario->range_clients > 0) {
        ranges->clients = (uint32_t)de_dice_between(&dice, 2, scenario->range_clients);
    }
    ranges->think_ns = DE_NS_PER_MS * (UINT64_C(8) << de_dice_below(&dice, 4));
    ranges->lease_ppm = scenario->lease_ppm;
}

static void draw_queues(const struct de_scenario *scenario, uint64_t seed,
                        struct de_queue_options *queues)
{
    struct de_dice dice;

    de_dice_init(&dice, seed, DE_DICE_QUEUE, 0);
    if (scenario->queue_clients > 0) {
        queues->clients = (uint32_t)de_dice_between(&dice, 3, scenario->queue_clients);
    }
    queues->think_ns = DE_NS_PER_MS * (UINT64_C(8) << de_dice_below(&dice, 6));
    queues->ttl_ns = DE_NS_PER_MS * de_dice_between(&dice, 200, 2000);
    queues->together = de_dice_chance(&dice, 500000);
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
    /* More than there are elections in the time of chaos: a log that is full of terms, of which
     * nothing is committed, leads to nothing until its node starts anew (docs/raft.md). */
    static const uint32_t runs[] = {1024, 1024, 256, 128};
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

/* Disks that answer some reads very late, where most of what is read is not in the cache. */
static void draw_reads(uint64_t seed, struct de_cluster *cluster)
{
    static const uint32_t shares[] = {50000, 300000, 1000000};
    struct de_dice dice;

    de_dice_init(&dice, seed, DE_DICE_CLUSTER, 6);
    if (de_dice_chance(&dice, 250000)) {
        cluster->slow_read_ppm = pick(&dice, shares, DE_ARRAY_SIZE(shares));
    }
}

/* In every second run a few sites have a chance, each of its own. From dice of its own. */
static void draw_sites(uint64_t seed, struct de_cluster *cluster)
{
    static const uint32_t chances[] = {1000, 10000, 100000};
    struct de_dice dice;

    de_dice_init(&dice, seed, DE_DICE_SITE, 0);
    if (!de_dice_chance(&dice, 500000)) {
        return;
    }
    for (int site = 0; site < DE_SITES; site++) {
        const uint32_t ppm = pick(&dice, chances, DE_ARRAY_SIZE(chances));

        if (de_dice_chance(&dice, 200000)) {
            cluster->site_ppm[site] = ppm;
        }
    }
    /* A segment for every hundredth group is enough: each is filled with zeros. */
    cluster->site_ppm[DE_SITE_EARLY_SEGMENT] /= 10;
}

void de_cluster_draw(struct de_cluster *cluster, const struct de_scenario *scenario, uint64_t seed)
{
    /* Mostly three and five: a quorum of two, and one of three that can fail twice. */
    static const uint32_t sizes[] = {3, 3, 3, 5, 5, 5, 4, 2, 1, 7};
    struct de_dice dice;
    struct de_dice more; /* so that what came first stays what it was */
    const uint32_t most = scenario->nodes_max != 0 ? scenario->nodes_max : DE_SCENARIO_NODES_MAX;
    const char *reason = "";

    memset(cluster, 0, sizeof(*cluster));
    de_load_init(&cluster->load);
    de_dice_init(&dice, seed, DE_DICE_CLUSTER, 0);
    cluster->nodes = pick(&dice, sizes, DE_ARRAY_SIZE(sizes));
    if (cluster->nodes > most) {
        cluster->nodes = most;
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
    draw_ranges(scenario, seed, &cluster->ranges);
    draw_queues(scenario, seed, &cluster->queues);
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
    draw_reads(seed, cluster);
    draw_room(scenario, seed, cluster);
    draw_sites(seed, cluster);
    cluster->no_sync = scenario->no_sync;
    cluster->upgrades = scenario->upgrades;
    cluster->raft.id = 1;
    DE_ASSERT(de_raft_check_options(&cluster->raft, &reason) == 0);
}
