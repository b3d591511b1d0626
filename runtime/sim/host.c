#include "runtime/sim/host.h"

#include "core/base/assert.h"
#include "proto/peer_codec.h"
#include "runtime/sim/dice.h"
#include "runtime/sim/garble.h"

uint64_t de_host_delay(struct de_host *host, uint64_t mean_ns)
{
    struct de_dice dice;

    de_dice_init(&dice, host->shared->kernel->seed, DE_DICE_HOST,
                 (uint64_t)host->id << 48 | host->draws++);
    return mean_ns / 4 + de_dice_exponential(&dice, mean_ns - mean_ns / 4);
}

void de_host_post(struct de_host *host, uint64_t delay_ns, uint32_t kind, uint64_t content,
                  void *data)
{
    struct de_kernel *kernel = host->shared->kernel;

    DE_ASSERT(host->running);
    de_kernel_post_bound(kernel, kernel->now_ns + delay_ns, kind, host->id, content, data);
}

uint64_t de_host_chance(struct de_host *host, uint64_t below)
{
    return de_host_delay(host, UINT64_C(1) << 32) % below;
}

uint64_t de_host_hop(struct de_host *host)
{
    return de_host_delay(host, host->shared->cpu_latency_ns * host->slowness);
}

bool de_host_excused(const struct de_host *host)
{
    return host->disk.troubled || host->disk.rotten || host->store.troubled ||
           host->kv_pool.refused;
}

/* Off by at most this; every second clock as far as it goes: what is promised must hold at the
 * ends. */
static uint32_t draw_rate(struct de_dice *dice, uint32_t off_ppm)
{
    uint32_t rate_ppm = (uint32_t)de_dice_between(dice, DE_DICE_CERTAIN_PPM - off_ppm,
                                                  DE_DICE_CERTAIN_PPM + off_ppm);

    DE_ASSERT(off_ppm < DE_DICE_CERTAIN_PPM);
    if (de_dice_chance(dice, 500000)) {
        rate_ppm = rate_ppm < DE_DICE_CERTAIN_PPM ? DE_DICE_CERTAIN_PPM - off_ppm
                                                  : DE_DICE_CERTAIN_PPM + off_ppm;
    }
    return rate_ppm;
}

void de_host_init(struct de_host *host, const struct de_host_shared *shared, uint32_t id)
{
    struct de_dice dice;
    uint64_t start_ns;

    memset(host, 0, sizeof(*host));
    host->shared = shared;
    host->id = id;
    host->disk_slowness = 1;
    host->store.fails_in = UINT64_MAX;
    host->starves_in = UINT64_MAX;
    host->slowness = 1;
    de_disk_init(&host->disk);
    de_sites_init(&host->sites, de_dice_draw(shared->kernel->seed, DE_DICE_SITE, id, 0));
    if (shared->site_ppm != NULL) {
        memcpy(host->sites.ppm, shared->site_ppm, sizeof(host->sites.ppm));
    }
    de_sim_pool_init(&host->node_pool, shared->memory_fill);
    de_sim_pool_init(&host->kv_pool, shared->memory_fill);
    de_dice_init(&dice, shared->kernel->seed, DE_DICE_CLOCK, id);
    start_ns = de_dice_between(&dice, DE_NS_PER_S, 100000 * DE_NS_PER_S);
    host->older =
        shared->upgrades && de_dice_draw(shared->kernel->seed, DE_DICE_VERSION, id, 0) % 4 != 0;
    de_host_clock_init(host, start_ns, draw_rate(&dice, shared->clock_ppm));
}

void de_host_deinit(struct de_host *host)
{
    DE_ASSERT(!host->running);
    de_host_watch_free(host);
    if (host->kv_exists) {
        host->kv_store.ops->close(host->kv_store.object);
        host->kv_exists = false;
    }
    de_disk_deinit(&host->disk);
}

static int mirror_visit(void *context, uint64_t index, const struct dengine_entry *entry)
{
    struct de_log_mirror *mirror = context;

    DE_ASSERT(index == mirror->last + 1);
    de_log_mirror_add(mirror, de_mirror_entry_of(entry));
    return 0;
}

/* The replica does not start. With a good reason the machine is down again. That something is of
 * another version is none: here nothing is, so rot was taken for it. */
static void boot_failed(struct de_host *host, const char *oracle, const char *what,
                        const char *message, int err)
{
    const struct de_host_shared *shared = host->shared;

    const bool starved =
        (host->node_pool.refused || host->kv_pool.refused) && err == DENGINE_E_NO_MEMORY;

    if ((!starved && !de_host_excused(host)) || err == DENGINE_E_VERSION) {
        de_verdict_fail(shared->verdict, DE_VERDICT_CORRECTNESS, shared->kernel->now_ns, oracle,
                        "node %u %s: %s (%s)", host->id, what, message, dengine_error_name(err));
        return;
    }
    /* Rot that has been found: the replica refuses to start until it is rebuilt. */
    host->lost = host->lost || (host->disk.rotten && err == DENGINE_E_CORRUPT);
    host->halted = true;
    /* A disk that fails at the start is no disk to try again with what the page cache says: the
     * machine is started anew. */
    host->trap_crash.power_cut = !starved;
    de_host_stepped(host);
}

/* Opens the log and shows the oracle what is in it. */
static bool open_log(struct de_host *host, char *message, size_t message_size,
                     struct dengine_log_state *found_state)
{
    const struct de_host_shared *shared = host->shared;
    struct de_sim_log_options options = {host->id,
                                         shared->raft.cluster_id,
                                         shared->segment_bytes,
                                         shared->flush_interval_ms,
                                         shared->flush_bytes,
                                         &host->sites};
    struct dengine_log_state state;
    struct de_log_mirror found;
    int err;

    err = shared->stores->log_open(shared->stores->context, de_disk_dir(&host->disk), &options,
                                   &host->log, message, message_size);
    if (err != 0) {
        host->log.ops = NULL;
        boot_failed(host, "durability", "cannot open its log after a crash", message, err);
        return false;
    }
    host->log.ops->state(host->log.object, &state);
    *found_state = state;
    if (state.recovering) {
        de_oracle_forgetful(shared->oracle, host->id);
    }
    de_log_mirror_init(&found);
    found.term = state.hard_state.term;
    found.vote = state.hard_state.vote;
    if (state.first_index > 1) {
        de_oracle_prefix(shared->oracle, shared->kernel->now_ns, host->id, state.first_index - 1,
                         state.base_term, &found);
    }
    if (state.last_index >= state.first_index) {
        uint64_t fails_in = host->disk.fails_in[DE_DISK_READ];

        /* The oracle's own look is no part of the run. */
        de_disk_fail(&host->disk, DE_DISK_READ, UINT64_MAX);
        err = host->log.ops->read(host->log.object, state.first_index, state.last_index,
                                  mirror_visit, &found);
        de_disk_fail(&host->disk, DE_DISK_READ, fails_in);
        DE_ASSERT(err == 0);
    }
    de_oracle_booted(shared->oracle, shared->kernel->now_ns, host->id, &found);
    de_log_mirror_deinit(&found);
    return true;
}

/* Away with the state machine of this life and with what it has applied. */
static void discard_machine(struct de_host *host)
{
    DE_ASSERT(host->kv_exists);
    de_kv_free(host->kv);
    host->kv = NULL;
    host->kv_store.ops->close(host->kv_store.object);
    host->kv_exists = false;
}

/* Upgrades a machine of the version before in every second of its starts, or thereabouts; it then
 * finds the state that it has left behind. */
static void upgrade(struct de_host *host)
{
    const uint64_t seed = host->shared->kernel->seed;

    if (host->older && de_dice_draw(seed, DE_DICE_VERSION, host->id, host->lives) % 2 == 0) {
        host->older = false;
        if (host->kv_exists) {
            de_upgrade_store_age(host->kv_store);
        }
    }
}

/* Whether the store holds a state of the version before: that is made again. */
static bool is_outdated(const struct de_host *host)
{
    bool older = false;
    const int err = de_kv_is_older(host->kv_store, &older);

    DE_ASSERT(err == 0);
    return older;
}

/* 0, or NO_MEMORY: there is no state machine then. */
static int open_machine(struct de_host *host, const struct dengine_log_state *log)
{
    const struct de_host_shared *shared = host->shared;
    uint64_t index = 0;
    uint64_t term = 0;
    uint64_t digest = 0;
    int err;

    if (!host->kv_exists) {
        err = shared->stores->kv_new(shared->stores->context, &host->kv_store);
        DE_ASSERT(err == 0);
        host->kv_store = de_host_store_probe(&host->store, host->kv_store);
        host->kv_exists = true;
    }
    err = de_kv_new(host->kv_store, &host->kv_pool.allocator, &host->kv);
    if (err == DENGINE_E_VERSION && is_outdated(host)) {
        host->kv = NULL;
        discard_machine(host);
        return open_machine(host, log);
    }
    if (err == DENGINE_E_NO_MEMORY && host->kv_pool.refused) {
        return err;
    }
    DE_ASSERT(err == 0);
    de_kv_set_sites(host->kv, &host->sites);
    host->machine = de_kv_state_machine(host->kv);
    err = host->machine.ops->applied(host->machine.object, &index, &term);
    DE_ASSERT(err == 0);
    if (log->recovering && index > log->last_index) {
        /* If the whole cluster forgot, other entries come in the place of those. */
        discard_machine(host);
        return open_machine(host, log);
    }
    err = host->machine.ops->digest(host->machine.object, &digest);
    DE_ASSERT(err == 0);
    de_oracle_machine_opened(shared->oracle, shared->kernel->now_ns, host->id, index, digest);
    err = de_host_watch_start(host, index);
    if (err != 0) {
        de_kv_free(host->kv);
        host->kv = NULL;
    }
    return err;
}

/* What is neither in its log nor in a snapshot, a node could not give to anybody: it refuses to
 * start. */
static void check_covered(struct de_host *host)
{
    const struct de_host_shared *shared = host->shared;
    const uint64_t covered = de_host_newest_snapshot(host);
    struct dengine_log_state log;

    host->log.ops->state(host->log.object, &log);
    DE_ASSERT(log.first_index > 0);
    if (covered < log.first_index - 1) {
        de_verdict_fail(shared->verdict, DE_VERDICT_CORRECTNESS, shared->kernel->now_ns, "covered",
                        "node %u has started with a log that begins after entry %llu, and its "
                        "newest snapshot covers %llu",
                        host->id, (unsigned long long)(log.first_index - 1),
                        (unsigned long long)covered);
    }
}

/* A start that failed leaves no memory behind. */
static void check_nothing_left(struct de_host *host)
{
    const struct de_host_shared *shared = host->shared;

    if (host->node_pool.blocks != NULL || (host->kv == NULL && host->kv_pool.blocks != NULL)) {
        de_verdict_fail(shared->verdict, DE_VERDICT_CORRECTNESS, shared->kernel->now_ns, "leak",
                        "node %u did not start and left memory behind", host->id);
    }
}

/* The same, when of the allocations of this start one fails: what is left of the count is the
 * node's. */
static int open_state(struct de_host *host, const struct dengine_log_state *log)
{
    int err;

    host->kv_pool.fails_in = host->starves_in;
    err = open_machine(host, log);
    DE_ASSERT(err == 0 || host->kv_pool.refused);
    if (err == 0) {
        host->kv_pool.refused = false; /* a watcher had to wait, at most */
    }
    host->starves_in = host->kv_pool.fails_in;
    host->kv_pool.fails_in = UINT64_MAX;
    return err;
}

static void node_options(struct de_host *host, struct de_node_options *options)
{
    const struct de_host_shared *shared = host->shared;

    memset(options, 0, sizeof(*options));
    options->raft = shared->raft;
    options->raft.id = host->id;
    options->raft.sites = &host->sites;
    options->raft.seed = de_dice_draw(shared->kernel->seed, DE_DICE_RAFT, host->id, host->lives);
    options->limits = shared->limits;
    options->no_forwarding = shared->no_forwarding;
    if (!host->joins) {
        options->initial_membership = shared->initial_membership;
    }
    options->env = de_host_env(host);
    options->allocator = host->node_pool.allocator;
    options->machine = de_host_probe(host);
    options->log = de_host_log_probe(host);
    options->snapshots = de_host_snapshot_probe(host);
}

void de_host_start(struct de_host *host)
{
    struct de_node_options options;
    char message[256] = "";
    struct dengine_log_state log;
    int err;

    DE_ASSERT(!host->running && host->node == NULL);
    host->running = true;
    host->lives++;
    host->deadline_ns = UINT64_MAX;
    host->timer_at_ns = UINT64_MAX;
    host->role = DE_RAFT_FOLLOWER;
    host->term = 0;
    host->leader = 0;
    memset(&host->lease, 0, sizeof(host->lease));
    host->paused_until_ns = 0;
    if (!open_log(host, message, sizeof(message), &log)) {
        return;
    }
    upgrade(host);
    err = open_state(host, &log);
    if (err != 0) {
        check_nothing_left(host);
        boot_failed(host, "boot", "cannot open its state", message, err);
        return;
    }
    err = de_host_open_snapshots(host, message, sizeof(message));
    if (err != 0) {
        boot_failed(host, "durability", "cannot open its snapshots after a crash", message, err);
        return;
    }
    node_options(host, &options);
    host->node_pool.fails_in = host->starves_in;
    host->starves_in = UINT64_MAX;
    err = de_node_new(&options, de_host_clock(host), &host->node, message, sizeof(message));
    host->node_pool.fails_in = UINT64_MAX;
    if (err != 0) {
        host->node = NULL;
        check_nothing_left(host);
        boot_failed(host, "boot", "does not boot", message, err);
        return;
    }
    check_covered(host);
    de_dice_init(&host->node_pool.dice, host->shared->kernel->seed, DE_DICE_MEMORY,
                 (uint64_t)host->id << 32 | host->lives);
    host->node_pool.scarce_ppm = host->shared->scarce_ppm;
    /* Where a node can do without, its state machine has to stop. A log that reports early would
     * then forget its end, and only the nemesis knows how many may do that. */
    host->kv_pool.dice = host->node_pool.dice;
    host->kv_pool.scarce_ppm = host->shared->flush_bytes > 0 ? 0 : host->shared->scarce_ppm / 50;
    de_host_stepped(host);
}

/* Everything that ends with the process. */
static void end_life(struct de_host *host)
{
    de_kernel_end_life(host->shared->kernel, host->id);
    de_disk_kill(&host->disk);
    de_host_kill_snapshots(host);
    de_host_reads_clear(host);
    host->reads_open = 0;
    if (host->log.ops != NULL) {
        host->log.ops->close(host->log.object);
        host->log.ops = NULL;
    }
    if (host->kv != NULL) {
        de_kv_free(host->kv);
        host->kv = NULL;
    }
    de_host_watch_end(host);
    de_sim_pool_clear(&host->node_pool);
    de_sim_pool_clear(&host->kv_pool);
    host->node_pool.scarce_ppm = 0; /* to boot takes what it takes */
    host->kv_pool.scarce_ppm = 0;
    host->kv_pool.refused = false;
    host->node_pool.refused = false;
    host->store.troubled = false;
    host->store.fails_in = UINT64_MAX;
    host->node = NULL;
    memset(host->tasks, 0, sizeof(host->tasks));
    host->persist_head = NULL;
    host->persist_tail = NULL;
    host->writing = NULL;
    host->writing_count = 0;
    host->writer_busy = false;
    host->writer_blocked = false;
    host->look_posted = false;
    host->machine_full = false;
    host->room = DENGINE_LOG_ROOM;
    host->flush_posted = false;
    host->log_flush_posted = false;
    host->trap = DE_TRAP_NONE;
    host->trap_sprung = false;
    host->halted = false;
    host->running = false;
}

void de_host_crash(struct de_host *host, const struct de_host_crash *how)
{
    struct de_dice dice;

    if (!host->running) {
        return;
    }
    host->crashes++;
    end_life(host);
    de_host_requests_clear(host, false);
    de_oracle_crashed(host->shared->oracle, host->id);
    if (!how->power_cut) {
        de_disk_process_crash(&host->disk);
        return;
    }
    de_dice_init(&dice, host->shared->kernel->seed, DE_DICE_DISK,
                 (uint64_t)host->id << 32 | host->lives);
    de_disk_power_cut(&host->disk, how->cut, &dice);
    if (host->kv_exists) {
        /* An unclean view of another boot: thrown away and rebuilt from the log. */
        host->kv_store.ops->close(host->kv_store.object);
        host->kv_exists = false;
    }
}

void de_host_stepped(struct de_host *host)
{
    const struct de_host_shared *shared = host->shared;
    struct de_node_status status;

    if (host->node == NULL && !host->halted) {
        return;
    }
    if (!host->halted && (!host->trap_sprung || host->trap == DE_TRAP_AFTER_SEND)) {
        de_node_get_status(host->node, &status);
        de_oracle_stepped(shared->oracle, shared->kernel->now_ns, host->id, &status.raft);
        if (status.removed) {
            de_oracle_removed(shared->oracle, shared->kernel->now_ns, host->id);
        }
        if (host->changed != NULL) {
            de_oracle_changed(shared->oracle, shared->kernel->now_ns, host->id, host->changed);
        }
    }
    host->changed = NULL;
    if (host->trap_sprung || host->halted) {
        /* Nobody can promise anything when a process is killed in the moment of a failed sync. */
        host->trap_crash.power_cut |= host->trap_sprung && host->disk.troubled;
        de_host_crash(host, &host->trap_crash);
        if (shared->trapped != NULL) {
            shared->trapped(shared->context, host->id);
        }
    }
}

/* A whole message was refused, or a damaged one taken. */
static void codec_failed(struct de_host *host, uint32_t from, int err)
{
    const struct de_host_shared *shared = host->shared;

    de_verdict_fail(shared->verdict, DE_VERDICT_CORRECTNESS, shared->kernel->now_ns, "codec",
                    "node %u %s a message of node %u%s: %s", host->id,
                    err != 0 ? "cannot decode" : "takes", from,
                    err != 0 ? "" : " that was damaged under way, or is of another version",
                    dengine_error_name(err));
}

/* Refused, counted, and nothing else. */
static void check_garbled(struct de_host *host, const struct de_garbled *garbled,
                          const struct de_node_status *before)
{
    const struct de_host_shared *shared = host->shared;
    struct de_node_status after;

    de_node_get_status(host->node, &after);
    if (after.dropped_messages + after.raft.dropped_messages <=
            before->dropped_messages + before->raft.dropped_messages ||
        after.raft.term != before->raft.term || after.raft.vote != before->raft.vote ||
        after.raft.role != before->raft.role || after.raft.leader != before->raft.leader ||
        after.raft.commit != before->raft.commit || after.raft.halted != before->raft.halted) {
        de_verdict_fail(shared->verdict, DE_VERDICT_CORRECTNESS, shared->kernel->now_ns, "garbled",
                        "node %u does not refuse %s (of type %u)", host->id, garbled->what,
                        garbled->message.raft.type);
    }
}

/* Now and then one that means nothing comes first. False: the host has stopped meanwhile. */
static bool receive_garbled(struct de_host *host, const struct de_peer_message *message)
{
    const uint32_t ppm = host->shared->network->trouble.garble_ppm;
    const uint64_t life = host->lives;
    struct de_node_status before;
    struct de_garbled garbled;
    struct de_dice dice;

    /* Where there is no room for entries they are left out, and nobody looks at them. */
    if (ppm == 0 || host->room == DENGINE_LOG_ROOM_NONE) {
        return true;
    }
    de_dice_init(&dice, host->shared->kernel->seed, DE_DICE_GARBLE,
                 (uint64_t)host->id << 48 | host->received++);
    de_node_get_status(host->node, &before);
    if (!de_dice_chance(&dice, ppm)) {
        return true;
    }
    de_garble(&garbled, message, &before.raft, &dice);
    de_node_receive(host->node, &garbled.message, de_host_clock(host));
    check_garbled(host, &garbled, &before);
    de_garbled_free(&garbled);
    de_host_stepped(host);
    return host->running && host->lives == life;
}

void de_host_receive(struct de_host *host, uint32_t from, bool from_client,
                     struct dengine_slice bytes)
{
    struct de_peer_decoded *decoded;
    int err;

    if (!host->running || host->node == NULL ||
        host->paused_until_ns > host->shared->kernel->now_ns) {
        return;
    }
    if (from_client) {
        de_host_request(host, from, bytes);
    } else {
        err = de_peer_decode(bytes, &decoded);
        if (host->shared->network->damaged
                ? err == 0
                : err != (de_upgrade_message_is_new(bytes) ? DENGINE_E_VERSION : 0)) {
            codec_failed(host, from, err);
        }
        if (err != 0) {
            return;
        }
        if (receive_garbled(host, &decoded->message)) {
            de_node_receive(host->node, &decoded->message, de_host_clock(host));
        }
        de_peer_decoded_free(decoded);
    }
    de_host_stepped(host);
}

void de_host_pause(struct de_host *host, uint64_t until_ns)
{
    if (host->running && until_ns > host->paused_until_ns) {
        host->paused_until_ns = until_ns;
        for (uint32_t from = 0; from < DE_NETWORK_ENDPOINTS_MAX; from++) {
            de_network_clog(host->shared->network, from, host->id, until_ns);
        }
    }
}

void de_host_stop(struct de_host *host)
{
    DE_ASSERT(host->running);
    if (host->node != NULL) {
        de_node_stop(host->node);
    }
}

bool de_host_stopped(const struct de_host *host)
{
    return host->node == NULL || (de_node_idle(host->node) && host->reads_open == 0);
}

void de_host_finish(struct de_host *host)
{
    if (host->node != NULL) {
        DE_ASSERT(de_node_idle(host->node));
        de_node_free(host->node);
        host->node = NULL;
        de_host_watch_close(host);
        if (host->node_pool.blocks != NULL) {
            de_verdict_fail(host->shared->verdict, DE_VERDICT_CORRECTNESS,
                            host->shared->kernel->now_ns, "leak",
                            "node %u was freed and left memory behind", host->id);
        }
    }
    if (host->log.ops != NULL) {
        host->log.ops->close(host->log.object);
        host->log.ops = NULL;
    }
    end_life(host);
    de_host_requests_clear(host, true);
    de_oracle_crashed(host->shared->oracle, host->id);
    de_disk_process_crash(&host->disk);
}

void de_host_view(const struct de_host *host, struct de_raft_view *view)
{
    struct de_node_status status;

    DE_ASSERT(host->running && host->node != NULL);
    de_node_get_status(host->node, &status);
    *view = status.raft;
}
