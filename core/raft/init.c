/* core/raft/init.c - the object is made from options and from what was found on disk. */
#include <string.h>

#include "core/raft/raft_internal.h"

/* Bounds on options, so that nothing computed from them overflows. */
#define TIMEOUT_MAX_NS    (3600ULL * 1000 * 1000 * 1000)
#define DRIFT_MAX_PPM     500000U
#define TERM_RUNS_MIN     16U
#define TERM_RUNS_LIMIT   (1U << 24)
#define SIZE_RING_LIMIT   (1U << 28)
#define WINDOW_LIMIT      (1U << 16)
#define SECTION_ALIGNMENT 16U

static const char *complaint(const struct de_raft_options *options)
{
    DE_ASSERT(options != NULL);
    if (options->id == 0) {
        return "the id of a member must not be 0";
    }
    if (options->election_timeout_min_ns == 0 || options->heartbeat_interval_ns == 0) {
        return "election timeout and heartbeat interval must not be 0";
    }
    if (options->election_timeout_max_ns < options->election_timeout_min_ns ||
        options->election_timeout_max_ns > TIMEOUT_MAX_NS) {
        return "the maximum election timeout must be between the minimum and one hour";
    }
    if (options->heartbeat_interval_ns >= options->election_timeout_min_ns / 2) {
        return "the heartbeat interval must be less than half the minimum election timeout";
    }
    if (options->drift_ppm >= DRIFT_MAX_PPM) {
        return "a clock drift of one half or more leaves nothing of a lease";
    }
    if (options->append_entries_max == 0 || options->append_bytes_max == 0) {
        return "an append must be allowed at least one entry and one byte";
    }
    if (options->window_messages_max == 0 || options->window_messages_max > WINDOW_LIMIT ||
        options->window_bytes_max == 0) {
        return "the window must be at least one message and one byte, at most 65536 messages";
    }
    if (options->uncommitted_bytes_max == 0) {
        return "at least one uncommitted byte must be allowed";
    }
    if (options->term_runs_max < TERM_RUNS_MIN || options->term_runs_max > TERM_RUNS_LIMIT) {
        return "the number of term runs must be between 16 and 2^24";
    }
    if (options->size_ring == 0 || options->size_ring > SIZE_RING_LIMIT ||
        (options->size_ring & (options->size_ring - 1)) != 0) {
        return "the size ring must be a power of two, at most 2^28";
    }
    return NULL;
}

int de_raft_check_options(const struct de_raft_options *options, const char **reason)
{
    DE_ASSERT(options != NULL && reason != NULL);
    const char *found = complaint(options);
    *reason = found != NULL ? found : "";
    DE_ASSERT(*reason != NULL);
    return found != NULL ? DENGINE_E_CONFIG : 0;
}

/* The object and its arrays, one behind the other in the memory that was handed in (R2). */
struct layout {
    size_t runs;
    size_t totals;
    size_t flights;
    size_t outbox;
    size_t size;
};

static size_t section(size_t *end, size_t size)
{
    size_t start = *end;

    DE_ASSERT(start % SECTION_ALIGNMENT == 0);
    *end = start + (size + SECTION_ALIGNMENT - 1) / SECTION_ALIGNMENT * SECTION_ALIGNMENT;
    DE_ASSERT(*end >= start);
    return start;
}

static struct layout lay_out(const struct de_raft_options *options)
{
    struct layout layout;
    size_t end = 0;

    DE_ASSERT(complaint(options) == NULL);
    (void)section(&end, sizeof(struct de_raft));
    layout.runs = section(&end, options->term_runs_max * sizeof(struct de_raft_term_run));
    layout.totals = section(&end, options->size_ring * sizeof(uint64_t));
    layout.flights = section(&end, (size_t)DE_RAFT_MEMBERS_MAX * options->window_messages_max *
                                       sizeof(uint64_t));
    layout.outbox = section(&end, DE_OUTBOX_MAX * sizeof(struct de_raft_message));
    layout.size = end;
    DE_ASSERT(layout.size > sizeof(struct de_raft));
    return layout;
}

size_t de_raft_size(const struct de_raft_options *options)
{
    DE_ASSERT(options != NULL);
    size_t size = lay_out(options).size;
    DE_ASSERT(size % SECTION_ALIGNMENT == 0);
    return size;
}

/* Runs cover the log without a gap, terms rise, and none is above the hard state's. */
static bool runs_are_good(const struct de_raft_boot *boot)
{
    uint64_t term = boot->base_term;

    DE_ASSERT(boot->last_index >= boot->base_index);
    DE_ASSERT(boot->run_count == 0 || boot->runs != NULL);
    if ((boot->last_index > boot->base_index) != (boot->run_count > 0)) {
        return false;
    }
    for (uint32_t i = 0; i < boot->run_count; i++) {
        const struct de_raft_term_run *run = &boot->runs[i];
        bool starts_well = i == 0 ? run->first_index == boot->base_index + 1
                                  : run->first_index > boot->runs[i - 1].first_index;
        if (!starts_well || run->first_index > boot->last_index || run->term < term ||
            run->term == 0) {
            return false;
        }
        term = run->term;
    }
    return term <= boot->hard_state.term;
}

static bool configurations_are_good(const struct de_raft_boot *boot)
{
    uint64_t index = boot->base_index;

    DE_ASSERT(boot->log_configuration_count == 0 || boot->log_configurations != NULL);
    if (boot->configuration == NULL ||
        (boot->configuration->count > 0 && !de_configuration_is_valid(boot->configuration))) {
        return false;
    }
    for (uint32_t i = 0; i < boot->log_configuration_count; i++) {
        const struct de_raft_boot_configuration *found = &boot->log_configurations[i];
        if (found->index <= index || found->index > boot->last_index ||
            found->configuration == NULL || !de_configuration_is_valid(found->configuration)) {
            return false;
        }
        index = found->index;
    }
    DE_ASSERT(index <= boot->last_index);
    return true;
}

static bool boot_is_good(const struct de_raft_boot *boot)
{
    DE_ASSERT(boot != NULL);
    if (boot->last_index < boot->base_index || boot->last_index >= DE_INDEX_MAX ||
        boot->hard_state.term >= DE_INDEX_MAX ||
        (boot->base_index == 0) != (boot->base_term == 0)) {
        return false;
    }
    if (boot->hard_state.term == 0 && boot->hard_state.vote != 0) {
        return false;
    }
    /* A log that ends before what was committed or applied has lost entries that others may count
     * on; to take part with it, without saying so, could lose them for good. */
    if ((boot->hard_state.commit > boot->last_index && !boot->recovering) ||
        boot->applied > boot->last_index) {
        return false;
    }
    return runs_are_good(boot) && configurations_are_good(boot);
}

static void load_log(struct de_raft *raft, const struct de_raft_boot *boot)
{
    DE_ASSERT(raft->log.last_index == boot->base_index);
    DE_ASSERT(boot->run_count <= raft->log.capacity);
    for (uint32_t i = 0; i < boot->run_count; i++) {
        uint64_t end =
            i + 1 < boot->run_count ? boot->runs[i + 1].first_index : boot->last_index + 1;
        bool appended =
            de_term_runs_append(&raft->log, boot->runs[i].term, end - boot->runs[i].first_index);
        DE_ASSERT(appended);
    }
    de_configurations_init(&raft->configurations, boot->base_index, boot->configuration);
    for (uint32_t i = 0; i < boot->log_configuration_count; i++) {
        de_configurations_append(&raft->configurations, boot->log_configurations[i].index,
                                 boot->log_configurations[i].configuration);
    }
    DE_ASSERT(raft->log.last_index == boot->last_index);
}

/* At least the snapshot is committed, and what was applied, and what the hint says, as far as it is
 * there: what may be lost of a log is its end. */
static uint64_t known_commit(const struct de_raft_boot *boot)
{
    uint64_t commit = boot->base_index;

    if (commit < boot->applied) {
        commit = boot->applied;
    }
    if (commit < boot->hard_state.commit) {
        commit = boot->hard_state.commit;
    }
    if (commit > boot->last_index) {
        DE_ASSERT(boot->recovering);
        commit = boot->last_index;
    }
    DE_ASSERT(commit >= boot->base_index);
    return commit;
}

/* Timers and promises of a server that has just come up. */
static void load_time(struct de_raft *raft, const struct de_raft_boot *boot)
{
    const struct de_raft_options *options = &raft->options;

    DE_ASSERT(raft->now_ns == boot->now_ns);
    de_election_arm(raft);
    if (!boot->first_boot) {
        /* A leader may hold a lease that counts on a promise of our earlier life. While that lasts
         * nobody else of a cluster that restarted votes either, so it is no use to ask. */
        raft->elections.promised_until_ns = boot->now_ns + options->election_timeout_max_ns;
        raft->election_due_ns +=
            options->election_timeout_max_ns - options->election_timeout_min_ns;
        /* Read tickets are never used again: an answer to our earlier life, late and in the same
         * term, must not be taken for one to this. */
        raft->reads.ticket = de_random_next(&raft->random) >> 1;
        raft->reads.done = raft->reads.ticket;
        raft->reads.asked = raft->reads.ticket;
    }
    if (de_quorum_is_alone(&raft->configurations.current, options->id) &&
        raft->configurations.current_index <= raft->commit) {
        /* Nobody else can be leading, or asked. While it is not known that the others' removal is
         * committed, the leader that removed itself may still hold a lease: then we wait. */
        raft->election_due_ns = boot->now_ns;
    }
    DE_ASSERT(raft->election_due_ns >= boot->now_ns);
}

static void load(struct de_raft *raft, const struct de_raft_boot *boot)
{
    uint64_t life = boot->now_ns ^ de_mix64(boot->hard_state.term ^ boot->last_index << 20);

    raft->now_ns = boot->now_ns;
    de_random_init(&raft->random, raft->options.seed ^ de_mix64(raft->options.id) ^ life);
    raft->term = boot->hard_state.term;
    raft->vote = boot->hard_state.vote;
    load_log(raft, boot);
    de_tickets_init(&raft->tickets, boot->last_index, raft->term, raft->vote);
    raft->role = DE_RAFT_FOLLOWER;
    raft->recovering = boot->recovering;
    raft->commit = known_commit(boot);
    raft->applied = boot->applied;
    raft->following.verified = raft->commit;
    load_time(raft, boot);
    DE_ASSERT(raft->commit <= raft->log.last_index);
    DE_ASSERT(raft->leader == 0);
}

int de_raft_init(void *memory, const struct de_raft_options *options,
                 const struct de_raft_boot *boot, struct de_raft **raft,
                 struct de_raft_update *update)
{
    DE_ASSERT(memory != NULL && (uintptr_t)memory % _Alignof(max_align_t) == 0);
    DE_ASSERT(options != NULL && boot != NULL && raft != NULL && update != NULL);
    const struct layout layout = lay_out(options);
    uint8_t *bytes = memory;
    struct de_raft *made = memory;

    if (!boot_is_good(boot)) {
        return DENGINE_E_CORRUPT;
    }
    if (boot->run_count > options->term_runs_max) {
        return DENGINE_E_CONFIG;
    }
    memset(memory, 0, layout.size);
    DE_ASSERT(layout.size == de_raft_size(options));
    made->options = *options;
    made->outbox = (struct de_raft_message *)(void *)(bytes + layout.outbox);
    de_term_runs_init(&made->log, (struct de_raft_term_run *)(void *)(bytes + layout.runs),
                      options->term_runs_max, boot->base_index, boot->base_term);
    de_sizes_init(&made->sizes, (uint64_t *)(void *)(bytes + layout.totals), options->size_ring,
                  boot->last_index);
    uint64_t *flights = (uint64_t *)(void *)(bytes + layout.flights);
    for (size_t i = 0; i < DE_RAFT_MEMBERS_MAX; i++) {
        made->peers[i].flight = flights + i * options->window_messages_max;
    }
    load(made, boot);
    de_update_begin(made, update, boot->now_ns);
    de_update_end(made);
    *raft = made;
    return 0;
}
