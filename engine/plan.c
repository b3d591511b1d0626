#include "engine/plan.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/random.h"
#include "proto/peer_codec.h"
#include "runtime/libev/rpc_address.h"

#define MS_NS 1000000u

/* The log writer puts at most this much into one group, save that one write may be longer; a group
 * has to fit into a segment, with room to spare for what surrounds the entries. */
#define WAL_GROUP_BYTES (4u * 1024 * 1024)

/* What surrounds the value in a command, a log entry and a message, generously. */
#define ENVELOPE_BYTES (64u * 1024)

struct text {
    char *message;
    size_t message_size;
};

__attribute__((format(printf, 2, 3))) static int refuse(struct text *text, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text->message, text->message_size, format, arguments);
    va_end(arguments);
    return DENGINE_E_CONFIG;
}

/* ---- members ---- */

/* "id=host:port" of size bytes. */
static int parse_member(const char *item, size_t size, struct de_plan_member *member,
                        struct text *text)
{
    char copy[DE_PLAN_ADDRESS_BYTES + 24];
    char host[DE_PLAN_ADDRESS_BYTES];
    uint16_t port;
    char *end;

    (void)snprintf(copy, sizeof(copy), "%.*s", (int)size, item);
    if (size < sizeof(copy) && copy[0] >= '0' && copy[0] <= '9') {
        member->id = strtoull(copy, &end, 10);
        if (*end == '=' && member->id >= 1 && member->id <= UINT32_MAX &&
            strlen(end + 1) < sizeof(member->address) &&
            de_address_split(end + 1, host, sizeof(host), &port) == 0 && port != 0) {
            (void)snprintf(member->address, sizeof(member->address), "%s", end + 1);
            return 0;
        }
    }
    return refuse(text, "cluster.initial_cluster: \"%.80s\" is not of the form id=host:port", copy);
}

static int insert_member(struct de_plan *plan, const struct de_plan_member *member,
                         struct text *text)
{
    uint32_t at = plan->member_count;

    if (plan->member_count == DE_PLAN_MEMBERS_MAX) {
        return refuse(text, "cluster.initial_cluster has more than %d members",
                      DE_PLAN_MEMBERS_MAX);
    }
    while (at > 0 && plan->members[at - 1].id >= member->id) {
        if (plan->members[at - 1].id == member->id) {
            return refuse(text, "cluster.initial_cluster has node %" PRIu64 " twice", member->id);
        }
        plan->members[at] = plan->members[at - 1];
        at--;
    }
    plan->members[at] = *member;
    plan->member_count++;
    return 0;
}

static const struct de_plan_member *find_member(const struct de_plan *plan, uint64_t id)
{
    uint32_t i;

    for (i = 0; i < plan->member_count; i++) {
        if (plan->members[i].id == id) {
            return &plan->members[i];
        }
    }
    return NULL;
}

static int check_addresses_differ(const struct de_plan *plan, struct text *text)
{
    uint32_t i;
    uint32_t j;

    for (i = 0; i < plan->member_count; i++) {
        for (j = 0; j < i; j++) {
            if (strcmp(plan->members[i].address, plan->members[j].address) == 0) {
                return refuse(text,
                              "cluster.initial_cluster: nodes %" PRIu64 " and %" PRIu64
                              " have the same address %s",
                              plan->members[j].id, plan->members[i].id, plan->members[i].address);
            }
        }
    }
    return 0;
}

static int plan_members(const struct dengine_config *config, struct de_plan *plan,
                        struct text *text)
{
    const char *at = de_config_text(config, DE_CONFIG_INITIAL_CLUSTER);
    int err = 0;

    plan->node_id = de_config_number(config, DE_CONFIG_NODE_ID);
    plan->node_id_given = de_config_is_set(config, DE_CONFIG_NODE_ID);
    while (*at != '\0' && err == 0) {
        struct de_plan_member member;
        size_t size = strcspn(at, ",");

        err = parse_member(at, size, &member, text);
        if (err == 0) {
            err = insert_member(plan, &member, text);
        }
        at += size;
        at += *at == ',' ? 1 : 0;
    }
    if (err == 0 && plan->member_count > 1 && !plan->node_id_given) {
        return refuse(text, "cluster.node_id is missing: say which member of "
                            "cluster.initial_cluster this node is");
    }
    if (err == 0 && plan->member_count > 0 && find_member(plan, plan->node_id) == NULL) {
        err = refuse(
            text, "cluster.initial_cluster does not contain this node, cluster.node_id = %" PRIu64,
            plan->node_id);
    }
    plan->join = de_config_text(config, DE_CONFIG_JOIN);
    plan->alone = plan->member_count <= 1 && plan->join[0] == '\0';
    return err != 0 ? err : check_addresses_differ(plan, text);
}

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    size_t i;

    /* Mixed well, so that clusters that differ in one letter differ in their ids. */
    for (i = 0; i < size; i++) {
        hash = de_mix64(hash ^ bytes[i]);
    }
    return de_mix64(hash ^ size);
}

/* All members work out the same id from what they were given alike. */
static uint64_t derive_cluster_id(const struct dengine_config *config, const struct de_plan *plan)
{
    const char *name = de_config_text(config, DE_CONFIG_CLUSTER_NAME);
    uint64_t hash = hash_bytes(1, name, strlen(name));
    uint32_t i;

    for (i = 0; i < plan->member_count; i++) {
        hash = de_mix64(hash ^ plan->members[i].id);
        hash = hash_bytes(hash, plan->members[i].address, strlen(plan->members[i].address));
    }
    return hash | DE_CLUSTER_OF_SEVERAL;
}

/* ---- addresses ---- */

static int take_address(const struct dengine_config *config, enum de_config_id id,
                        const char *otherwise, char *address, struct text *text)
{
    const char *given = de_config_text(config, id);
    char host[DE_PLAN_ADDRESS_BYTES];
    uint16_t port;

    (void)snprintf(address, DE_PLAN_ADDRESS_BYTES, "%s", given[0] != '\0' ? given : otherwise);
    if (address[0] != '\0' && de_address_split(address, host, sizeof(host), &port) != 0) {
        char name[DE_CONFIG_NAME_BYTES];

        de_config_name((uint32_t)id, name);
        return refuse(text, "%s = \"%.80s\" is not of the form host:port, with a port up to 65535",
                      name, address);
    }
    return 0;
}

/* A node that joins is recorded with its address before anybody dials it. */
static int check_join(const struct de_plan *plan, struct text *text)
{
    char host[DE_PLAN_ADDRESS_BYTES];
    uint16_t port;

    if (plan->join[0] == '\0') {
        return 0;
    }
    if (plan->member_count > 0) {
        return refuse(text, "cluster.join and cluster.initial_cluster are both set: a node either "
                            "joins a cluster or is one of its first members");
    }
    if (!plan->node_id_given) {
        return refuse(text, "cluster.node_id is missing: a node that joins needs an id that no "
                            "member ever had");
    }
    if (plan->listen_address[0] == '\0') {
        return refuse(text, "cluster.listen_address is missing: name the host:port to serve at");
    }
    if (de_address_split(plan->advertise_address, host, sizeof(host), &port) != 0 || port == 0 ||
        strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0) {
        return refuse(text,
                      "cluster.advertise_address must be a host:port that the members can "
                      "dial, since this node joins them; it is \"%.80s\"",
                      plan->advertise_address);
    }
    return 0;
}

static int plan_addresses(const struct dengine_config *config, struct de_plan *plan,
                          struct text *text)
{
    const struct de_plan_member *self = find_member(plan, plan->node_id);
    const char *own = self == NULL ? "" : self->address;
    int err = take_address(config, DE_CONFIG_LISTEN_ADDRESS, own, plan->listen_address, text);

    if (own[0] == '\0') {
        own = plan->listen_address;
    }
    plan->advertise_given = de_config_text(config, DE_CONFIG_ADVERTISE_ADDRESS)[0] != '\0';
    if (err == 0) {
        err = take_address(config, DE_CONFIG_ADVERTISE_ADDRESS, own, plan->advertise_address, text);
    }
    return err != 0 ? err : check_join(plan, text);
}

/* ---- numbers ---- */

static void plan_watch(const struct dengine_config *config, struct de_watch_limits *watch)
{
    watch->ring_events_max = (size_t)de_config_number(config, DE_CONFIG_WATCH_EVENTS);
    watch->ring_bytes_max = (size_t)de_config_number(config, DE_CONFIG_WATCH_BYTES);
    watch->queue_events_max = (size_t)de_config_number(config, DE_CONFIG_WATCHER_BUFFER);
    watch->watchers_max = (size_t)de_config_number(config, DE_CONFIG_WATCHERS_MAX);
}

static void plan_limits(const struct dengine_config *config, struct de_plan *plan)
{
    struct de_node_limits *limits = &plan->limits;
    uint64_t command_max;

    plan_watch(config, &plan->watch);
    plan->value_bytes_max = de_config_number(config, DE_CONFIG_VALUE_BYTES_MAX);
    plan->key_bytes_max = de_config_number(config, DE_CONFIG_KEY_BYTES_MAX);
    plan->leases_max = de_config_number(config, DE_CONFIG_LEASES_MAX);
    plan->sessions_max = de_config_number(config, DE_CONFIG_SESSIONS_MAX);
    plan->readers_max = (uint32_t)de_config_number(config, DE_CONFIG_READERS_MAX);
    /* A compare-and-swap carries two values. */
    command_max = 2 * plan->value_bytes_max + ENVELOPE_BYTES;
    de_node_limits_default(limits);
    limits->pending_requests_max =
        (uint32_t)de_config_number(config, DE_CONFIG_PENDING_REQUESTS_MAX);
    limits->pending_bytes_max = de_config_number(config, DE_CONFIG_PENDING_BYTES_MAX);
    limits->batch_commands_max = (uint32_t)de_config_number(config, DE_CONFIG_BATCH_COMMANDS_MAX);
    limits->snapshot_log_bytes_min = de_config_number(config, DE_CONFIG_SNAPSHOT_LOG_BYTES);
    limits->snapshot_trailing_entries = de_config_number(config, DE_CONFIG_RETAINED_LOG_ENTRIES);
    limits->snapshot_chunk_bytes =
        (uint32_t)de_config_number(config, DE_CONFIG_SNAPSHOT_CHUNK_SIZE);
    limits->snapshot_window_bytes = 4ull * limits->snapshot_chunk_bytes;
    limits->snapshot_bytes_per_second =
        de_config_number(config, DE_CONFIG_SNAPSHOT_BANDWIDTH) * (1000000 / 8);
    if (limits->batch_bytes_max < command_max) {
        limits->batch_bytes_max = (uint32_t)command_max;
    }
    if (limits->pending_bytes_max < command_max) {
        limits->pending_bytes_max = command_max;
    }
}

static int plan_raft(const struct dengine_config *config, struct de_plan *plan, struct text *text)
{
    struct de_raft_options *raft = &plan->raft;
    const char *reason = "";

    raft->id = plan->node_id;
    raft->cluster_id = DE_CLUSTER_OF_SEVERAL; /* for the check; the real ones come at open */
    raft->election_timeout_min_ns =
        de_config_number(config, DE_CONFIG_ELECTION_TIMEOUT_MIN) * MS_NS;
    raft->election_timeout_max_ns =
        de_config_number(config, DE_CONFIG_ELECTION_TIMEOUT_MAX) * MS_NS;
    raft->heartbeat_interval_ns = de_config_number(config, DE_CONFIG_HEARTBEAT) * MS_NS;
    raft->drift_ppm = 500;
    raft->append_entries_max = (uint32_t)de_config_number(config, DE_CONFIG_APPEND_ENTRIES_MAX);
    raft->append_bytes_max = (uint32_t)de_config_number(config, DE_CONFIG_APPEND_BYTES_MAX);
    raft->window_messages_max = (uint32_t)de_config_number(config, DE_CONFIG_APPENDS_IN_FLIGHT_MAX);
    raft->window_bytes_max = 8ull * raft->append_bytes_max;
    raft->uncommitted_bytes_max = plan->limits.pending_bytes_max + plan->limits.batch_bytes_max;
    raft->hold_entries_max = 65536;
    raft->term_runs_max = 16384;
    raft->size_ring = 65536;
    if (raft->election_timeout_max_ns < raft->election_timeout_min_ns) {
        return refuse(text, "raft.election.election_timeout_max must be at least "
                            "raft.election.election_timeout_min");
    }
    if (2 * raft->heartbeat_interval_ns >= raft->election_timeout_min_ns) {
        return refuse(text, "raft.replication.rpc_append_entries_clock_in_ms must be less than "
                            "half of raft.election.election_timeout_min");
    }
    /* An append may be full but for the last entry; a frame of many messages is cut at 1 MiB. */
    plan->message_bytes_max =
        (uint32_t)(plan->limits.batch_bytes_max + raft->append_bytes_max + 2u * 1024 * 1024);
    DE_ASSERT(plan->message_bytes_max <= DE_PEER_MESSAGE_BYTES_MAX);
    if (de_raft_check_options(raft, &reason) != 0) {
        return refuse(text, "%s", reason);
    }
    return 0;
}

static enum dengine_consistency consistency_of(const char *policy)
{
    if (strcmp(policy, "EventualConsistency") == 0) {
        return DENGINE_EVENTUAL;
    }
    return strcmp(policy, "LeaseRead") == 0 ? DENGINE_LEASE : DENGINE_LINEARIZABLE;
}

static int plan_rest(const struct dengine_config *config, struct de_plan *plan, struct text *text)
{
    uint64_t least_bytes;

    plan->data_dir = de_config_text(config, DE_CONFIG_DB_ROOT_DIR);
    plan->request_timeout_ms = (uint32_t)de_config_number(config, DE_CONFIG_REQUEST_TIMEOUT);
    plan->default_consistency = consistency_of(de_config_text(config, DE_CONFIG_DEFAULT_POLICY));
    plan->allow_override =
        strcmp(de_config_text(config, DE_CONFIG_ALLOW_CLIENT_OVERRIDE), "true") == 0;
    plan->wal_segment_bytes = (uint32_t)de_config_number(config, DE_CONFIG_WAL_SEGMENT_BYTES);
    plan->map_bytes = de_config_number(config, DE_CONFIG_MAP_BYTES);
    plan->log_in_lmdb = strcmp(de_config_text(config, DE_CONFIG_LOG_STORE), "lmdb") == 0;
    plan->flush_interval_ms = (uint32_t)de_config_number(config, DE_CONFIG_FLUSH_INTERVAL);
    if (strcmp(de_config_text(config, DE_CONFIG_PERSISTENCE), "MemFirst") == 0) {
        plan->flush_bytes = de_config_number(config, DE_CONFIG_FLUSH_BYTES);
    }
    if (plan->data_dir[0] == '\0') {
        return refuse(text, "cluster.db_root_dir is missing: name the directory for the data");
    }
    least_bytes = plan->message_bytes_max + WAL_GROUP_BYTES + plan->flush_bytes;
    if (plan->wal_segment_bytes < least_bytes) {
        return refuse(text,
                      "storage.wal_segment_bytes must be at least %" PRIu64
                      " for these limits.value_bytes_max, raft.replication.append_bytes_max and, "
                      "with MemFirst, raft.persistence.flush_policy_bytes",
                      least_bytes);
    }
    if (plan->wal_segment_bytes % 4096 != 0) {
        return refuse(text, "storage.wal_segment_bytes must be a multiple of 4096");
    }
    return 0;
}

int de_plan_make(const struct dengine_config *config, struct de_plan *plan, char *message,
                 size_t message_size)
{
    struct text text = {message, message_size};
    int err;

    DE_ASSERT(message_size > 0);
    memset(plan, 0, sizeof(*plan));
    err = plan_members(config, plan, &text);
    if (err == 0) {
        err = plan_addresses(config, plan, &text);
    }
    if (err == 0) {
        plan_limits(config, plan);
        err = plan_raft(config, plan, &text);
    }
    if (err == 0) {
        err = plan_rest(config, plan, &text);
    }
    if (err == 0 && plan->member_count > 1) {
        plan->cluster_id = derive_cluster_id(config, plan);
    }
    return err;
}

int de_config_check(const struct dengine_config *config, char *message, size_t message_size)
{
    struct de_plan plan;

    return de_plan_make(config, &plan, message, message_size);
}
