#include "runtime/sim/world.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/base/assert.h"
#include "runtime/sim/admin.h"
#include "runtime/sim/check/history_edn.h"
#include "runtime/sim/check/history_json.h"
#include "runtime/sim/dice.h"
#include "runtime/sim/nemesis.h"

/* Kernel events of kinds 17 to 19: packets. */
#define DELIVER 17
/* Steps that the black-box search may take for one key. */
#define CHECK_STEPS_MAX 2000000
/* So many rests, each a draw of its own, until a client has surely begun a write. */
#define RESTS_MAX 64

struct world {
    const struct de_run_options *options;
    struct de_run_result *result;
    struct de_cluster cluster;
    struct de_kernel kernel;
    struct de_network network;
    struct de_oracle oracle;
    struct de_recorder recorder;
    struct de_workload workload;
    struct de_service service;
    struct de_range_clients ranges;
    struct de_queue_clients queues;
    struct de_admin admin;
    struct de_nemesis nemesis;
    struct de_host_shared shared;
    struct de_host hosts[DE_ORACLE_NODES_MAX + 1];
    uint32_t core; /* healed nodes, bit mask */
    uint64_t healed_ns;
    uint64_t newest_term; /* of the core, and since when there is no newer one */
    uint64_t newest_since_ns;
};

static void world_deliver(void *context, uint32_t from, uint32_t to, struct dengine_slice bytes)
{
    struct world *world = context;

    if (to == DE_ADMIN_ENDPOINT) {
        de_admin_receive(&world->admin, bytes);
    } else if (to >= DE_QUEUE_ENDPOINT) {
        de_queue_clients_receive(&world->queues, to, bytes);
    } else if (to >= DE_RANGE_ENDPOINT) {
        de_range_clients_receive(&world->ranges, to, bytes);
    } else if (to >= DE_SERVICE_ENDPOINT) {
        de_service_receive(&world->service, to, bytes);
    } else if (to >= DE_WORKLOAD_ENDPOINT) {
        de_workload_receive(&world->workload, to, bytes);
    } else {
        de_host_receive(&world->hosts[to], from, from >= DE_ADMIN_ENDPOINT, bytes);
    }
}

static void world_changed(void *context)
{
    struct world *world = context;

    de_nemesis_changed(&world->nemesis);
}

static void world_elected(void *context, uint32_t id, uint64_t term)
{
    struct world *world = context;

    de_nemesis_elected(&world->nemesis, id, term);
}

static void world_trapped(void *context, uint32_t id)
{
    struct world *world = context;

    de_nemesis_trapped(&world->nemesis, id);
}

static bool failed(const struct world *world)
{
    return de_verdict_failed(&world->result->verdict);
}

/* Runs until then, or until done says so (NULL: never), or until something fails. True when done.
 */
static bool run_until(struct world *world, uint64_t until_ns, bool (*done)(struct world *))
{
    while (!failed(world) && (done == NULL || !done(world))) {
        if (!de_kernel_run_one(&world->kernel, until_ns)) {
            if (world->kernel.now_ns < until_ns) {
                de_kernel_advance(&world->kernel, until_ns);
            }
            return false;
        }
    }
    return !failed(world);
}

static void fill_shared(struct world *world)
{
    struct de_host_shared *shared = &world->shared;

    shared->kernel = &world->kernel;
    shared->network = &world->network;
    shared->oracle = &world->oracle;
    shared->verdict = &world->result->verdict;
    shared->stores = world->options->stores;
    shared->memory_fill = world->options->memory_fill;
    shared->scarce_ppm = world->cluster.scarce_ppm;
    shared->slow_read_ppm = world->cluster.slow_read_ppm;
    shared->site_ppm = world->cluster.site_ppm;
    shared->raft = world->cluster.raft;
    shared->limits = world->cluster.limits;
    shared->segment_bytes = world->cluster.segment_bytes;
    shared->flush_interval_ms = world->cluster.flush_interval_ms;
    shared->flush_bytes = world->cluster.flush_bytes;
    shared->no_rejoin = world->cluster.no_rejoin;
    shared->no_forwarding = !world->cluster.forwarding;
    shared->upgrades = world->cluster.upgrades;
    shared->disk_latency_ns = world->cluster.disk_latency_ns;
    shared->cpu_latency_ns = world->cluster.cpu_latency_ns;
    shared->applier_held_up_ppm = world->cluster.applier_held_up_ppm;
    shared->elected = world_elected;
    shared->changed = world_changed;
    shared->trapped = world_trapped;
    shared->context = world;
    shared->clock_ppm = world->cluster.clock_ppm;
    for (uint32_t id = 1; id <= world->cluster.members; id++) {
        struct de_member_addresses addresses = de_host_addresses(id);
        bool added = de_membership_add(&shared->initial_membership, id, DE_RAFT_VOTER, &addresses);

        DE_ASSERT(added);
    }
}

/* Also where nobody changes them any more: those who never joined are still none (shrink.h). */
static bool members_vary(const struct de_cluster *cluster)
{
    DE_ASSERT(cluster->nodes > 0);
    return cluster->admin_changes || cluster->spares > 0;
}

static void world_init(struct world *world, const struct de_run_options *options,
                       struct de_run_result *result)
{
    const struct de_plan *plan = options->plan;

    memset(world, 0, sizeof(*world));
    world->options = options;
    world->result = result;
    world->cluster = plan->cluster;
    de_kernel_init(&world->kernel, plan->seed);
    world->kernel.trace.keep = options->trace != NULL;
    de_network_init(&world->network, &world->kernel, DELIVER, &world->cluster.network,
                    world_deliver, world);
    de_oracle_init(&world->oracle, &result->verdict, world->cluster.nodes);
    de_oracle_set_initial(&world->oracle, world->cluster.members);
    de_recorder_init(&world->recorder);
    fill_shared(world);
    de_host_register(&world->kernel, world->hosts);
    de_nemesis_init(&world->nemesis, &world->kernel, &world->network, world->hosts,
                    world->cluster.nodes, &plan->schedule);
    world->nemesis.forgetful = world->cluster.flush_bytes > 0;
    world->nemesis.beyond = plan->scenario->beyond;
    world->nemesis.members_vary = members_vary(&world->cluster);
    for (uint32_t id = 1; id <= world->cluster.nodes; id++) {
        de_host_init(&world->hosts[id], &world->shared, id);
        world->hosts[id].disk.no_sync = world->cluster.no_sync;
        world->hosts[id].joins = id > world->cluster.members;
        world->hosts[id].absent = world->hosts[id].joins;
    }
    world->cluster.load.heal_ns = options->plan->warm_ns + options->plan->chaos_ns;
    de_workload_init(&world->workload, &world->kernel, &world->network, &world->recorder,
                     &result->verdict, &world->cluster.workload, &world->cluster.load);
    de_service_init(&world->service, &world->kernel, &world->network, &result->verdict,
                    &world->cluster.service, &world->cluster.workload, &world->cluster.load,
                    world->cluster.raft.drift_ppm);
    world->cluster.ranges.short_pages = world->cluster.site_ppm[DE_SITE_SHORT_PAGE] > 0;
    de_range_clients_init(&world->ranges, &world->kernel, &world->network, &result->verdict,
                          &world->cluster.ranges, &world->cluster.workload, &world->cluster.load,
                          &world->oracle);
    de_queue_clients_init(&world->queues, &world->kernel, &world->network, &result->verdict,
                          &world->cluster.queues, &world->cluster.workload, &world->cluster.load);
    de_admin_init(&world->admin, &world->kernel, &world->network, &world->oracle, world->hosts,
                  world->cluster.nodes, &world->workload.present);
    for (uint32_t id = world->cluster.members + 1; id <= world->cluster.nodes; id++) {
        world->workload.present &= ~(UINT64_C(1) << id);
    }
}

static void world_deinit(struct world *world)
{
    struct de_host_crash how = {false, DE_DISK_CUT_ALL};

    for (uint32_t id = 1; id <= world->cluster.nodes; id++) {
        de_host_crash(&world->hosts[id], &how);
        de_host_deinit(&world->hosts[id]);
    }
    if (world->options->trace != NULL) {
        *world->options->trace = world->kernel.trace;
        de_trace_init(&world->kernel.trace);
    }
    de_kernel_deinit(&world->kernel);
    de_nemesis_deinit(&world->nemesis);
    de_workload_deinit(&world->workload);
    de_range_clients_deinit(&world->ranges);
    de_recorder_deinit(&world->recorder);
    de_oracle_deinit(&world->oracle);
}

static bool has_leader(struct world *world)
{
    return world->oracle.elections > 0 && world->oracle.committed_count > 0;
}

static void liveness(struct world *world, const char *oracle, const char *what)
{
    char core[64] = "";
    size_t used = 0;

    for (uint32_t id = 1; id <= world->cluster.nodes; id++) {
        if ((world->core >> id & 1) != 0) {
            used += (size_t)snprintf(core + used, sizeof(core) - used, " %" PRIu32, id);
        }
    }
    de_verdict_fail(&world->result->verdict, DE_VERDICT_LIVENESS, world->kernel.now_ns, oracle,
                    "%s (healthy nodes:%s)", what, used > 0 ? core : " all");
}

/* Someone leads the core and has committed an own entry, and a client's write has been done since
 * the healing; and somebody has got a lock. */
static bool serves(struct world *world)
{
    return world->workload.last_ok_write_ns > world->healed_ns &&
           (world->cluster.queues.clients == 0 || world->queues.last_first_ns > world->healed_ns);
}

static bool idle(struct world *world)
{
    return de_workload_idle(&world->workload) && de_service_idle(&world->service) &&
           de_range_clients_idle(&world->ranges) && de_queue_clients_idle(&world->queues);
}

static bool all_read(struct world *world)
{
    return world->workload.final_done;
}

/* The core has stayed in one term for longer than three of the longest election time-outs: nobody,
 * broken as he may be, ends leaderships again and again. */
static bool settled(struct world *world)
{
    for (uint32_t id = 1; id <= world->cluster.nodes; id++) {
        if ((world->core >> id & 1) != 0 && world->oracle.nodes[id].term > world->newest_term) {
            world->newest_term = world->oracle.nodes[id].term;
            world->newest_since_ns = world->kernel.now_ns;
        }
    }
    return world->kernel.now_ns >=
           world->newest_since_ns + 3 * world->cluster.raft.election_timeout_max_ns;
}

/* In the core, and a member of the cluster as it is now. */
static bool must_follow(const struct world *world, uint32_t id)
{
    const struct de_raft_configuration *now = &de_oracle_last_config(&world->oracle)->configuration;

    for (uint32_t i = 0; i < now->count; i++) {
        if (now->members[i].id == id) {
            return (world->core >> id & 1) != 0;
        }
    }
    return false;
}

/* All of the core have committed and applied everything that is committed anywhere. */
static bool converged(struct world *world)
{
    for (uint32_t id = 1; id <= world->cluster.nodes; id++) {
        if (must_follow(world, id) &&
            (!world->hosts[id].running ||
             world->oracle.nodes[id].commit != world->oracle.committed_count)) {
            return false;
        }
    }
    return true;
}

static bool applied(struct world *world)
{
    struct de_raft_view view;

    for (uint32_t id = 1; id <= world->cluster.nodes; id++) {
        if (must_follow(world, id)) {
            if (!world->hosts[id].running) {
                return false;
            }
            de_host_view(&world->hosts[id], &view);
            if (view.applied != world->oracle.committed_count) {
                return false;
            }
        }
    }
    return true;
}

/* A key that ends with its lease: a lock, or a hoarder's. */
static bool leased(const struct de_host *host)
{
    static const struct de_kv_scan scans[] = {
        {.from = {"lock", 4}, .end = {"locl", 4}},
        {.from = {DE_HOARD_PREFIX, 5}, .end = {DE_HOARD_PREFIX_END, 5}},
    };
    struct de_kv_view view;
    uint64_t total = 0;
    int err = de_kv_view_open(host->kv, &view);

    DE_ASSERT(err == 0);
    for (size_t i = 0; i < DE_ARRAY_SIZE(scans); i++) {
        uint64_t count = 0;
        bool more = false;

        err = de_kv_view_scan(&view, &scans[i], NULL, NULL, &count, &more);
        DE_ASSERT(err == 0);
        total += count;
    }
    de_kv_view_close(&view);
    return total > 0;
}

/* No lease is left on the core, and no key of one: each has ended by itself. */
static bool lapsed(struct world *world)
{
    for (uint32_t id = 1; id <= world->cluster.nodes; id++) {
        const struct de_host *host = &world->hosts[id];
        struct dengine_machine_clock clock;

        if ((world->core >> id & 1) == 0 || !host->running) {
            continue;
        }
        host->machine.ops->clock(host->machine.object, &clock);
        if (clock.wake_ns != UINT64_MAX || leased(host)) {
            return false;
        }
    }
    return true;
}

/* As few nodes as possible that are a quorum, whoever of them may come to lead. Those who have
 * forgotten something do not count: they elect only all together (core/raft/recovery.c). */
static uint32_t choose_core(const struct world *world)
{
    const uint64_t forgetting =
        world->nemesis.forgetful ? de_nemesis_forgetting(&world->nemesis) : 0;
    uint32_t core = 0;
    struct de_dice dice;

    if (!members_vary(&world->cluster)) {
        return 0; /* the nemesis knows */
    }
    for (uint32_t id = 1; id <= world->cluster.nodes; id++) {
        core |= world->hosts[id].absent ? 0 : UINT32_C(1) << id;
    }
    DE_ASSERT(de_oracle_may_recover(&world->oracle, core));
    de_dice_init(&dice, world->kernel.seed, DE_DICE_HEAL, 1);
    /* Starting anywhere, so that not always the same are left out. */
    for (uint32_t i = 0, at = (uint32_t)de_dice_next(&dice); i < world->cluster.nodes; i++, at++) {
        uint32_t without = core & ~(UINT32_C(1) << (1 + at % world->cluster.nodes));

        core = de_oracle_may_recover(&world->oracle, without & ~forgetting) &&
                       de_oracle_may_elect(&world->oracle, without & ~forgetting)
                   ? without
                   : core;
    }
    return core;
}

/* There is memory again, everywhere. */
static void end_scarcity(struct world *world)
{
    world->shared.scarce_ppm = 0;
    world->shared.slow_read_ppm = 0;
    for (uint32_t id = 1; id <= world->cluster.nodes; id++) {
        world->hosts[id].node_pool.scarce_ppm = 0;
        world->hosts[id].kv_pool.scarce_ppm = 0;
    }
}

/* How long it may take clients to ask for what serves() waits for, of the one that is well. A lone
 * one may have to try many nodes before; and clients that rest for long do little at all, as those
 * to whom a failure was minimized: that must not look like a cluster that does not serve. */
static uint64_t asking_ns(const struct world *world)
{
    const struct de_cluster *cluster = &world->cluster;
    const uint64_t rest_ns =
        cluster->queues.clients > 0 && cluster->queues.think_ns > cluster->workload.think_ns
            ? cluster->queues.think_ns
            : cluster->workload.think_ns;

    DE_ASSERT(cluster->workload.keys > 0);
    return de_workload_final_ns(&world->workload) / cluster->workload.keys + RESTS_MAX * rest_ns;
}

static void run_healed(struct world *world)
{
    uint64_t bound_ns = 20 * world->cluster.raft.election_timeout_max_ns + 8 * DE_NS_PER_S;

    de_admin_stop(&world->admin);
    end_scarcity(world);
    world->core = de_nemesis_heal(&world->nemesis, choose_core(world));
    world->healed_ns = world->kernel.now_ns;
    if (!run_until(world, world->healed_ns + bound_ns + asking_ns(world), serves)) {
        liveness(world, "recovers",
                 world->workload.last_ok_write_ns > world->healed_ns
                     ? "nobody has got a lock in time after a quorum was healed"
                     : "no write has been done in time after a quorum was healed");
        return;
    }
    if (!run_until(world, world->kernel.now_ns + bound_ns, settled)) {
        liveness(world, "settles", "terms go on changing after a quorum was healed");
    }
    de_workload_stop(&world->workload);
    de_service_stop(&world->service);
    de_range_clients_stop(&world->ranges);
    de_queue_clients_stop(&world->queues);
    if (!run_until(world, world->kernel.now_ns + bound_ns, idle)) {
        liveness(world, "answers", "a client's operation does not end after a quorum was healed");
    }
    if (!run_until(world, world->kernel.now_ns + bound_ns, converged) ||
        !run_until(world, world->kernel.now_ns + bound_ns, applied)) {
        liveness(world, "converges", "healthy nodes do not reach the committed end of the log");
    }
    if (!run_until(world, world->kernel.now_ns + DE_SERVICE_TTL_MAX_NS + bound_ns, lapsed)) {
        liveness(world, "immortal",
                 "a lease that nobody keeps alive, or a key of it, does not end");
    }
    if (failed(world)) {
        return;
    }
    de_workload_final_reads(&world->workload);
    bound_ns += de_workload_final_ns(&world->workload);
    if (!run_until(world, world->kernel.now_ns + bound_ns, all_read)) {
        liveness(world, "final-reads", "a linearizable read is not answered by a healthy quorum");
    }
}

/* How many nodes run, or may come to. */
static uint32_t count_whole(const struct world *world)
{
    uint32_t whole = 0;

    for (uint32_t id = 1; id <= world->cluster.nodes; id++) {
        whole += world->hosts[id].lost ? 0 : 1;
    }
    return whole;
}

/* More was lost than can be. Everybody starts who does; without a quorum of nodes that are whole
 * nothing is done any more, and what was done is not contradicted: the check of the history says
 * that, and the oracles of each start say whether who starts has what he promised. */
static void run_beyond(struct world *world)
{
    const uint64_t bound_ns = 20 * world->cluster.raft.election_timeout_max_ns;
    const uint32_t all = (uint32_t)(((UINT64_C(1) << world->cluster.nodes) - 1) << 1);
    size_t committed;

    de_admin_stop(&world->admin);
    end_scarcity(world);
    world->core = de_nemesis_heal(&world->nemesis, all);
    world->healed_ns = world->kernel.now_ns;
    (void)run_until(world, world->kernel.now_ns + bound_ns, NULL);
    committed = world->oracle.committed_count;
    (void)run_until(world, world->kernel.now_ns + bound_ns, NULL);
    if (count_whole(world) < world->cluster.nodes / 2 + 1 &&
        world->oracle.committed_count > committed) {
        de_verdict_fail(&world->result->verdict, DE_VERDICT_CORRECTNESS, world->kernel.now_ns,
                        "halts", "entries are committed though only %u of %u nodes are whole",
                        count_whole(world), world->cluster.nodes);
    }
    de_workload_stop(&world->workload);
    if (!run_until(world, world->kernel.now_ns + bound_ns + 8 * DE_NS_PER_S, idle)) {
        liveness(world, "answers", "a client's operation does not end where there is no quorum");
    }
}

static bool stopped(struct world *world)
{
    for (uint32_t id = 1; id <= world->cluster.nodes; id++) {
        if (world->hosts[id].running && !de_host_stopped(&world->hosts[id])) {
            return false;
        }
    }
    return true;
}

static void run_stop(struct world *world)
{
    for (uint32_t id = 1; id <= world->cluster.nodes; id++) {
        if (world->hosts[id].running) {
            de_host_stop(&world->hosts[id]);
        }
    }
    if (!run_until(world, world->kernel.now_ns + 60 * DE_NS_PER_S, stopped)) {
        liveness(world, "stops", "a node does not finish its jobs after it was told to stop");
        return;
    }
    for (uint32_t id = 1; id <= world->cluster.nodes; id++) {
        if (world->hosts[id].running) {
            de_host_finish(&world->hosts[id]);
        }
    }
}

static void begin_admin(struct world *world)
{
    const struct de_admin_options options = {
        .changes = world->cluster.admin_changes,
        .gap_ns = world->cluster.admin_gap_ns,
        .attempt_ns = 4 * world->cluster.raft.election_timeout_max_ns,
    };

    if (world->cluster.admin_gap_ns > 0 && !failed(world)) {
        de_admin_begin(&world->admin, &options, world->cluster.members);
    }
}

static void run_phases(struct world *world)
{
    const struct de_plan *plan = world->options->plan;
    const uint64_t until_ns =
        world->options->until_ns != 0 ? world->options->until_ns : plan->until_ns;

    for (uint32_t id = 1; id <= world->cluster.members && !failed(world); id++) {
        de_host_start(&world->hosts[id]);
    }
    if (until_ns != 0) {
        (void)run_until(world, until_ns, NULL);
        return;
    }
    /* A new cluster elects well within the warm-up: some ten election time-outs. */
    if (!run_until(world, plan->warm_ns, has_leader)) {
        liveness(world, "warm-up", "a healthy new cluster has elected nobody");
    }
    begin_admin(world);
    (void)run_until(world, plan->warm_ns + plan->chaos_ns, NULL);
    if (!failed(world)) {
        if (plan->scenario->beyond) {
            run_beyond(world);
        } else {
            run_healed(world);
        }
    }
    if (!failed(world)) {
        run_stop(world);
    }
}

static void fill_result(struct world *world)
{
    struct de_run_result *result = world->result;
    uint64_t hash = world->kernel.trace.hash;

    result->seed = world->options->plan->seed;
    result->time_ns = world->kernel.now_ns;
    result->nodes = world->cluster.nodes;
    result->clients = world->cluster.workload.clients;
    result->events = world->kernel.trace.count;
    result->elections = world->oracle.elections;
    result->faults = world->nemesis.started;
    result->committed = world->oracle.committed_count;
    result->messages = world->network.stats.sent;
    result->ops_begun = world->cluster.load.begun;
    result->ops_ok = world->workload.ok;
    result->admin_done = world->admin.done;
    result->admin_refused = world->admin.refused;
    result->configurations = world->oracle.config_count;
    result->pages = world->ranges.pages;
    result->ops_failed = world->workload.failed;
    result->ops_unknown = world->workload.unknown;
    for (uint32_t id = 1; id <= world->cluster.nodes; id++) {
        result->crashes += world->hosts[id].crashes;
        result->lease_reads += world->hosts[id].lease_reads;
        for (int site = 0; site < DE_SITES; site++) {
            result->sites_taken[site] += world->hosts[id].sites.taken[site];
        }
        hash = de_trace_mix(hash, de_disk_digest(&world->hosts[id].disk));
    }
    for (size_t i = 0; i < world->oracle.digests_capacity; i++) {
        if (world->oracle.digests[i] != 0) {
            hash = de_trace_mix(hash, world->oracle.digests[i]);
        }
    }
    result->trace_hash = hash;
}

static void write_history(struct world *world)
{
    size_t count;
    struct de_history_operation *operations = de_recorder_operations(&world->recorder, &count);
    struct de_text *text = world->options->history;
    int err = world->options->history_edn
                  ? de_history_edn_write_operations(operations, count, text)
                  : de_history_json_write_operations(operations, count, text);

    DE_ASSERT(err == 0);
    de_sim_free(operations);
}

void de_run(const struct de_run_options *options, struct de_run_result *result)
{
    struct world *world = de_sim_allocate(sizeof(*world));

    memset(result, 0, sizeof(*result));
    de_verdict_init(&result->verdict);
    world_init(world, options, result);
    run_phases(world);
    if (!failed(world)) {
        de_recorder_check(&world->recorder, CHECK_STEPS_MAX, world->kernel.now_ns, &result->verdict,
                          &result->keys);
    }
    fill_result(world);
    if (options->history != NULL) {
        write_history(world);
    }
    world_deinit(world);
    de_sim_free(world);
}

const char *de_run_event_name(uint32_t kind)
{
    static const char *const names[] = {
        "none",
        "timer",
        "flush",
        "persist",
        "persisted",
        "apply",
        "applied",
        "log-read",
        "log-was-read",
        "unreachable",
        "client-next",
        "client-timeout",
        "client-retry",
        "fault-start",
        "fault-end",
        "restart",
        "churn",
        "deliver",
        "deliver-held",
        "deliver-replayed",
        "fault-step",
        "look",
        "task",
        "task-done",
        "service-next",
        "service-timeout",
        "log-flush",
        "log-flushed",
        "lease-read",
        "admin-next",
        "admin-timeout",
        "admin-retry",
        "admin-start",
        [DE_RANGE_NEXT] = "range-next",
        [DE_RANGE_TIMEOUT] = "range-timeout",
        [DE_RANGE_RETRY] = "range-retry",
        [DE_QUEUE_NEXT] = "queue-next",
        [DE_QUEUE_KEEP] = "queue-keep",
        [DE_QUEUE_TIMEOUT] = "queue-timeout",
        [DE_QUEUE_RETRY] = "queue-retry",
    };

    return kind < DE_ARRAY_SIZE(names) && names[kind] != NULL ? names[kind] : "none";
}
