/* Schedule files: plans as text (plan.h). */
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "core/base/assert.h"
#include "runtime/sim/plan.h"

#define HOUR_US UINT64_C(3600000000)

/* X(name in files, member of the plan, least, most). */
#define SETTINGS(X)                                                                                \
    X(nodes, cluster.members, 1, 7)                                                                \
    X(spares, cluster.spares, 0, 8)                                                                \
    X(admin_gap_ns, cluster.admin_gap_ns, 0, 3600 * DE_NS_PER_S)                                   \
    X(admin_changes, cluster.admin_changes, 0, 1)                                                  \
    X(clock_ppm, cluster.clock_ppm, 0, 900000)                                                     \
    X(warm_ns, warm_ns, DE_NS_PER_S, 3600 * DE_NS_PER_S)                                           \
    X(chaos_ns, chaos_ns, 1, 3600 * DE_NS_PER_S)                                                   \
    X(until_ns, until_ns, 0, 3600 * DE_NS_PER_S)                                                   \
    X(segment_bytes, cluster.segment_bytes, 16384, 1 << 30)                                        \
    X(flush_interval_ms, cluster.flush_interval_ms, 0, 3600000)                                    \
    X(flush_bytes, cluster.flush_bytes, 0, 1 << 30)                                                \
    X(no_rejoin, cluster.no_rejoin, 0, 1)                                                          \
    X(forwarding, cluster.forwarding, 0, 1)                                                        \
    X(no_sync, cluster.no_sync, 0, 1)                                                              \
    X(upgrades, cluster.upgrades, 0, 1)                                                            \
    X(slow_read_ppm, cluster.slow_read_ppm, 0, 1000000)                                            \
    X(scarce_ppm, cluster.scarce_ppm, 0, 900000)                                                   \
    X(disk_latency_ns, cluster.disk_latency_ns, 1, DE_NS_PER_S)                                    \
    X(cpu_latency_ns, cluster.cpu_latency_ns, 1, DE_NS_PER_S)                                      \
    X(applier_held_up_ppm, cluster.applier_held_up_ppm, 0, 900000)                                 \
    X(cluster_id, cluster.raft.cluster_id, 1, UINT64_MAX)                                          \
    X(election_timeout_min_ns, cluster.raft.election_timeout_min_ns, 1, 3600 * DE_NS_PER_S)        \
    X(election_timeout_max_ns, cluster.raft.election_timeout_max_ns, 1, 3600 * DE_NS_PER_S)        \
    X(heartbeat_interval_ns, cluster.raft.heartbeat_interval_ns, 1, 3600 * DE_NS_PER_S)            \
    X(drift_ppm, cluster.raft.drift_ppm, 0, 1000000)                                               \
    X(append_entries_max, cluster.raft.append_entries_max, 1, 65536)                               \
    X(append_bytes_max, cluster.raft.append_bytes_max, 1, 1 << 30)                                 \
    X(window_messages_max, cluster.raft.window_messages_max, 1, 65536)                             \
    X(window_bytes_max, cluster.raft.window_bytes_max, 1, UINT64_C(1) << 40)                       \
    X(uncommitted_bytes_max, cluster.raft.uncommitted_bytes_max, 1, UINT64_C(1) << 40)             \
    X(term_runs_max, cluster.raft.term_runs_max, 16, 1 << 20)                                      \
    X(hold_entries_max, cluster.raft.hold_entries_max, 0, 1 << 30)                                 \
    X(size_ring, cluster.raft.size_ring, 1, 1 << 20)                                               \
    X(pending_requests_max, cluster.limits.pending_requests_max, 1, 1 << 20)                       \
    X(pending_bytes_max, cluster.limits.pending_bytes_max, 1, UINT64_C(1) << 40)                   \
    X(batch_commands_max, cluster.limits.batch_commands_max, 1, 1 << 20)                           \
    X(batch_bytes_max, cluster.limits.batch_bytes_max, 1, 1 << 30)                                 \
    X(cache_bytes_max, cluster.limits.cache_bytes_max, 1, UINT64_C(1) << 40)                       \
    X(apply_entries_max, cluster.limits.apply_entries_max, 1, 1 << 20)                             \
    X(persist_jobs_max, cluster.limits.persist_jobs_max, 1, 1024)                                  \
    X(snapshot_log_bytes_min, cluster.limits.snapshot_log_bytes_min, 1, UINT64_C(1) << 40)         \
    X(snapshot_trailing_entries, cluster.limits.snapshot_trailing_entries, 0, UINT64_C(1) << 40)   \
    X(snapshot_chunk_bytes, cluster.limits.snapshot_chunk_bytes, 1, DE_CHUNK_BYTES_MAX)            \
    X(snapshot_window_bytes, cluster.limits.snapshot_window_bytes, 1, UINT64_C(1) << 40)           \
    X(snapshot_bytes_per_second, cluster.limits.snapshot_bytes_per_second, 0, UINT64_C(1) << 40)   \
    X(promotion_lag_max, cluster.limits.promotion_lag_max, 0, 1 << 20)                             \
    X(stream, cluster.network.stream, 0, 1)                                                        \
    X(evict_oldest, cluster.network.evict_oldest, 0, 1)                                            \
    X(latency_ns, cluster.network.latency_ns, 1, 60 * DE_NS_PER_S)                                 \
    X(tail_ns, cluster.network.tail_ns, 0, 60 * DE_NS_PER_S)                                       \
    X(replay_ns, cluster.network.replay_ns, 0, 60 * DE_NS_PER_S)                                   \
    X(in_flight_max, cluster.network.in_flight_max, 1, 1 << 20)                                    \
    X(base_loss_ppm, cluster.network.base.loss_ppm, 0, 900000)                                     \
    X(base_duplicate_ppm, cluster.network.base.duplicate_ppm, 0, 900000)                           \
    X(base_tail_ppm, cluster.network.base.tail_ppm, 0, 900000)                                     \
    X(clients, cluster.workload.clients, 1, DE_WORKLOAD_CLIENTS_MAX)                               \
    X(keys, cluster.workload.keys, 1, DE_WORKLOAD_KEYS_MAX)                                        \
    X(think_ns, cluster.workload.think_ns, 1, 3600 * DE_NS_PER_S)                                  \
    X(attempt_ns, cluster.workload.attempt_ns, 1, 3600 * DE_NS_PER_S)                              \
    X(operation_ns, cluster.workload.operation_ns, 1, 3600 * DE_NS_PER_S)                          \
    X(write_ppm, cluster.workload.write_ppm, 0, 1000000)                                           \
    X(cas_ppm, cluster.workload.cas_ppm, 0, 1000000)                                               \
    X(delete_ppm, cluster.workload.delete_ppm, 0, 1000000)                                         \
    X(value_bytes_max, cluster.workload.value_bytes_max, 0, 400)                                   \
    X(service_clients, cluster.service.clients, 0, DE_SERVICE_CLIENTS_MAX)                         \
    X(service_think_ns, cluster.service.think_ns, 1, 3600 * DE_NS_PER_S)                           \
    X(clocks_kept, cluster.service.clocks_kept, 0, 1)                                              \
    X(unfenced, cluster.service.unfenced, 0, 1)                                                    \
    X(bank, cluster.service.bank, 0, 1)                                                            \
    X(hoard, cluster.service.hoard, 0, 1)                                                          \
    X(range_clients, cluster.ranges.clients, 0, DE_RANGE_CLIENTS_MAX)                              \
    X(range_think_ns, cluster.ranges.think_ns, 1, 3600 * DE_NS_PER_S)                              \
    X(range_lease_ppm, cluster.ranges.lease_ppm, 0, 1000000)                                       \
    X(queue_clients, cluster.queues.clients, 0, DE_QUEUE_CLIENTS_MAX)                              \
    X(queue_think_ns, cluster.queues.think_ns, 1, 3600 * DE_NS_PER_S)                              \
    X(queue_ttl_ns, cluster.queues.ttl_ns, 100 * DE_NS_PER_MS, DE_SERVICE_TTL_MAX_NS)              \
    X(queue_together, cluster.queues.together, 0, 1)                                               \
    X(lease_ppm, cluster.workload.lease_ppm, 0, 1000000)                                           \
    X(roam_ppm, cluster.workload.roam_ppm, 0, 1000000)                                             \
    X(remote, cluster.workload.remote, 0, 1)                                                       \
    X(session_ppm, cluster.workload.session_ppm, 0, 1000000)                                       \
    X(divided, cluster.workload.divided, 0, 1)                                                     \
    X(open_ends_max, cluster.workload.open_ends_max, 1, 100)                                       \
    X(load_from_ns, cluster.load.from_ns, 0, DE_LOAD_UNTIL_MAX_NS)                                 \
    X(load_until_ns, cluster.load.until_ns, 0, DE_LOAD_UNTIL_MAX_NS)                               \
    X(load_slots, cluster.load.slots, 0, DE_LOAD_ALL)                                              \
    X(load_clients, cluster.load.clients, 0, DE_LOAD_ALL)

static const struct setting {
    const char *name;
    size_t offset;
    size_t size;
    uint64_t least;
    uint64_t most;
} settings[] = {
#define ROW(name, member, least, most)                                                             \
    {#name, offsetof(struct de_plan, member), sizeof(((struct de_plan *)0)->member), least, most},
    SETTINGS(ROW)
#undef ROW
};

static uint64_t setting_get(const struct de_plan *plan, const struct setting *setting)
{
    const uint8_t *at = (const uint8_t *)plan + setting->offset;
    uint64_t wide;
    uint32_t narrow;

    if (setting->size == sizeof(bool)) {
        return *(const bool *)at ? 1 : 0;
    }
    if (setting->size == sizeof(narrow)) {
        memcpy(&narrow, at, sizeof(narrow));
        return narrow;
    }
    DE_ASSERT(setting->size == sizeof(wide));
    memcpy(&wide, at, sizeof(wide));
    return wide;
}

static void setting_put(struct de_plan *plan, const struct setting *setting, uint64_t value)
{
    uint8_t *at = (uint8_t *)plan + setting->offset;
    uint32_t narrow = (uint32_t)value;

    if (setting->size == sizeof(bool)) {
        *(bool *)at = value != 0;
    } else if (setting->size == sizeof(narrow)) {
        memcpy(at, &narrow, sizeof(narrow));
    } else {
        DE_ASSERT(setting->size == sizeof(value));
        memcpy(at, &value, sizeof(value));
    }
}

static void print_sites(const struct de_plan *plan, struct de_text *text)
{
    bool any = false;

    for (int site = 0; site < DE_SITES; site++) {
        if (plan->cluster.site_ppm[site] != 0) {
            de_text_add(text, "site %s %" PRIu32 "\n", de_site_text((enum de_site_id)site),
                        plan->cluster.site_ppm[site]);
            any = true;
        }
    }
    if (!any) {
        de_text_add(text, "sites none\n");
    }
}

void de_plan_print(const struct de_plan *plan, struct de_text *text)
{
    char line[DE_PLAN_LINE_MAX];

    de_text_add(text, "dengine-schedule %u\nscenario %s\nseed %" PRIu64 "\n", DE_PLAN_VERSION,
                plan->scenario->name, plan->seed);
    for (size_t i = 0; i < DE_ARRAY_SIZE(settings); i++) {
        de_text_add(text, "set %s %" PRIu64 "\n", settings[i].name,
                    setting_get(plan, &settings[i]));
    }
    print_sites(plan, text);
    de_text_add(text, "# fault start_us duration_us kind target a b\n");
    if (plan->schedule.count == 0) {
        de_text_add(text, "faults none\n");
    }
    for (size_t i = 0; i < plan->schedule.count; i++) {
        de_fault_print(&plan->schedule.faults[i], line, sizeof(line));
        de_text_add(text, "fault %s\n", line);
    }
}

/* ---- reading ---- */

#define WORDS_MAX 8

struct parser {
    struct de_plan *plan;
    char *message;
    unsigned line;
    bool started; /* the first line was read */
    bool has_seed;
    bool drawn; /* scenario and seed are known, so the rest has its defaults */
    bool explicit_faults;
    bool explicit_sites;
    char *words[WORDS_MAX];
    size_t count;
};

__attribute__((format(printf, 2, 3))) static bool wrong(struct parser *parser, const char *format,
                                                        ...)
{
    va_list arguments;
    char what[DE_PLAN_MESSAGE_MAX - 40];

    va_start(arguments, format);
    (void)vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    (void)snprintf(parser->message, DE_PLAN_MESSAGE_MAX, "line %u: %s", parser->line, what);
    return false;
}

static bool parse_number(struct parser *parser, const char *word, const char *what, uint64_t most,
                         uint64_t *number)
{
    uint64_t value = 0;
    const char *at = word;

    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');

        if (value > (UINT64_MAX - digit) / 10) {
            return wrong(parser, "%s is too large: %s", what, word);
        }
        value = value * 10 + digit;
    }
    if (at == word || *at != '\0') {
        return wrong(parser, "%s is not a decimal number: %s", what, word);
    }
    if (value > most) {
        return wrong(parser, "%s is %s, more than %" PRIu64, what, word, most);
    }
    *number = value;
    return true;
}

static bool want_words(struct parser *parser, size_t count, const char *form)
{
    return parser->count == count || wrong(parser, "a line of this form is wanted: %s", form);
}

static bool draw_defaults(struct parser *parser)
{
    if (!parser->drawn && parser->plan->scenario != NULL && parser->has_seed) {
        de_plan_draw(parser->plan, parser->plan->scenario, parser->plan->seed);
        parser->drawn = true;
    }
    return true;
}

static bool take_scenario(struct parser *parser)
{
    if (!want_words(parser, 2, "scenario NAME")) {
        return false;
    }
    if (parser->plan->scenario != NULL) {
        return wrong(parser, "a second scenario");
    }
    parser->plan->scenario = de_scenario_find(parser->words[1]);
    if (parser->plan->scenario == NULL) {
        return wrong(parser, "there is no scenario %s (dengine-sim list)", parser->words[1]);
    }
    return draw_defaults(parser);
}

static bool take_seed(struct parser *parser)
{
    if (!want_words(parser, 2, "seed NUMBER")) {
        return false;
    }
    if (parser->has_seed) {
        return wrong(parser, "a second seed");
    }
    parser->has_seed = true;
    return parse_number(parser, parser->words[1], "the seed", UINT64_MAX, &parser->plan->seed) &&
           draw_defaults(parser);
}

static bool take_setting(struct parser *parser)
{
    uint64_t value;

    if (!want_words(parser, 3, "set NAME NUMBER")) {
        return false;
    }
    for (size_t i = 0; i < DE_ARRAY_SIZE(settings); i++) {
        if (strcmp(settings[i].name, parser->words[1]) == 0) {
            if (!parse_number(parser, parser->words[2], settings[i].name, settings[i].most,
                              &value)) {
                return false;
            }
            if (value < settings[i].least) {
                return wrong(parser, "%s is %s, less than %" PRIu64, settings[i].name,
                             parser->words[2], settings[i].least);
            }
            setting_put(parser->plan, &settings[i], value);
            return true;
        }
    }
    return wrong(parser, "there is no setting %s", parser->words[1]);
}

static bool take_fault(struct parser *parser)
{
    struct de_schedule *schedule = &parser->plan->schedule;
    struct de_fault fault = {0};
    uint64_t start_us;
    uint64_t duration_us;
    uint64_t target;

    if (!want_words(parser, 7, "fault START_US DURATION_US KIND TARGET A B")) {
        return false;
    }
    if (!parser->explicit_faults) {
        parser->explicit_faults = true;
        schedule->count = 0;
    }
    fault.kind = de_fault_find(parser->words[3]);
    if (fault.kind == DE_FAULT_KINDS) {
        return wrong(parser, "there is no fault %s (dengine-sim faults)", parser->words[3]);
    }
    if (schedule->count == DE_PLAN_FAULTS_MAX) {
        return wrong(parser, "more than %u faults", DE_PLAN_FAULTS_MAX);
    }
    if (!parse_number(parser, parser->words[1], "the start", HOUR_US, &start_us) ||
        !parse_number(parser, parser->words[2], "the duration", HOUR_US, &duration_us) ||
        !parse_number(parser, parser->words[4], "the target", DE_ORACLE_NODES_MAX, &target) ||
        !parse_number(parser, parser->words[5], "a", UINT64_MAX, &fault.a) ||
        !parse_number(parser, parser->words[6], "b", UINT64_MAX, &fault.b)) {
        return false;
    }
    fault.start_ns = start_us * DE_NS_PER_US;
    fault.duration_ns = duration_us * DE_NS_PER_US;
    fault.target = (uint32_t)target;
    de_schedule_add(schedule, &fault);
    return true;
}

static bool take_no_faults(struct parser *parser)
{
    if (parser->count != 2 || strcmp(parser->words[1], "none") != 0) {
        return wrong(parser, "a line of this form is wanted: faults none");
    }
    parser->explicit_faults = true;
    parser->plan->schedule.count = 0;
    return true;
}

/* From the first such line on, what the seed has drawn does not count. */
static void begin_sites(struct parser *parser)
{
    if (!parser->explicit_sites) {
        parser->explicit_sites = true;
        memset(parser->plan->cluster.site_ppm, 0, sizeof(parser->plan->cluster.site_ppm));
    }
}

static bool take_site(struct parser *parser)
{
    enum de_site_id site;
    uint64_t ppm = 0;

    if (!want_words(parser, 3, "site NAME PPM") ||
        !parse_number(parser, parser->words[2], "the chance of a site", DE_SITE_CERTAIN_PPM,
                      &ppm)) {
        return false;
    }
    site = de_site_find(parser->words[1]);
    if (site == DE_SITES) {
        return wrong(parser, "there is no site %s (dengine-sim sites)", parser->words[1]);
    }
    begin_sites(parser);
    parser->plan->cluster.site_ppm[site] = (uint32_t)ppm;
    return true;
}

static bool take_no_sites(struct parser *parser)
{
    if (parser->count != 2 || strcmp(parser->words[1], "none") != 0) {
        return wrong(parser, "a line of this form is wanted: sites none");
    }
    begin_sites(parser);
    return true;
}

static bool take_line(struct parser *parser)
{
    const char *word = parser->words[0];

    if (!parser->started) {
        parser->started = true;
        if (parser->count != 2 || strcmp(word, "dengine-schedule") != 0) {
            return wrong(parser, "no schedule file: it begins with the line `dengine-schedule %u`",
                         DE_PLAN_VERSION);
        }
        return strcmp(parser->words[1], "1") == 0 ||
               wrong(parser, "version %s of the format is not known, only %u", parser->words[1],
                     DE_PLAN_VERSION);
    }
    if (strcmp(word, "scenario") == 0) {
        return take_scenario(parser);
    }
    if (strcmp(word, "seed") == 0) {
        return take_seed(parser);
    }
    if (!parser->drawn) {
        return wrong(parser, "`scenario NAME` and `seed NUMBER` come first");
    }
    if (strcmp(word, "set") == 0) {
        return take_setting(parser);
    }
    if (strcmp(word, "fault") == 0) {
        return take_fault(parser);
    }
    if (strcmp(word, "faults") == 0) {
        return take_no_faults(parser);
    }
    if (strcmp(word, "site") == 0) {
        return take_site(parser);
    }
    if (strcmp(word, "sites") == 0) {
        return take_no_sites(parser);
    }
    return wrong(parser, "what is `%s`? Known: scenario, seed, set, site, sites, fault, faults, #",
                 word);
}

/* Splits a line at blanks; a word that begins with # ends it. */
static bool split_line(struct parser *parser, char *line)
{
    parser->count = 0;
    for (char *at = line; *at != '\0';) {
        if (*at == ' ' || *at == '\t' || *at == '\r') {
            *at++ = '\0';
            continue;
        }
        if (*at == '#') {
            break;
        }
        if (parser->count == WORDS_MAX) {
            return wrong(parser, "more than %d words", WORDS_MAX);
        }
        parser->words[parser->count++] = at;
        while (*at != '\0' && *at != ' ' && *at != '\t' && *at != '\r') {
            if ((unsigned char)*at < 0x21 || (unsigned char)*at > 0x7e) {
                return wrong(parser, "a byte that is not printable ASCII");
            }
            at++;
        }
    }
    return true;
}

static bool check_plan(struct parser *parser)
{
    const struct de_plan *plan = parser->plan;
    const char *reason = "";

    if (!parser->drawn) {
        return wrong(parser, "the file ends before `scenario NAME` and `seed NUMBER`");
    }
    if (de_raft_check_options(&plan->cluster.raft, &reason) != 0) {
        return wrong(parser, "the settings contradict one another: %s", reason);
    }
    if (plan->cluster.load.from_ns > plan->cluster.load.until_ns) {
        return wrong(parser, "load_from_ns is after load_until_ns");
    }
    if (plan->cluster.workload.write_ppm + plan->cluster.workload.cas_ppm +
            plan->cluster.workload.delete_ppm >
        DE_DICE_CERTAIN_PPM) {
        return wrong(parser, "write_ppm, cas_ppm and delete_ppm are more than 1000000 together");
    }
    return true;
}

bool de_plan_parse(struct dengine_slice text, struct de_plan *plan,
                   char message[DE_PLAN_MESSAGE_MAX])
{
    struct parser parser = {.plan = plan, .message = message};
    const char *data = (const char *)text.data;
    bool good = true;
    size_t at = 0;

    memset(plan, 0, sizeof(*plan));
    if (text.size > DE_PLAN_BYTES_MAX) {
        return wrong(&parser, "the file is longer than %u bytes", DE_PLAN_BYTES_MAX);
    }
    while (good && at < text.size) {
        const char *end = memchr(data + at, '\n', text.size - at);
        size_t size = end == NULL ? text.size - at : (size_t)(end - (data + at));
        char line[DE_PLAN_LINE_MAX + 1];

        parser.line++;
        if (size > DE_PLAN_LINE_MAX || memchr(data + at, '\0', size) != NULL) {
            good = wrong(&parser, "a line of more than %u bytes, or with a zero byte in it",
                         DE_PLAN_LINE_MAX);
            break;
        }
        memcpy(line, data + at, size);
        line[size] = '\0';
        at += size + 1;
        good = split_line(&parser, line) && (parser.count == 0 || take_line(&parser));
    }
    good = good && check_plan(&parser);
    if (!good) {
        de_plan_deinit(plan);
    }
    plan->cluster.nodes = plan->cluster.members + plan->cluster.spares;
    plan->cluster.workload.nodes = plan->cluster.nodes;
    return good;
}
