/* Opening, looking at and closing an engine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dengine/cluster.h>

#include "client/helper.h"
#include "core/base/assert.h"
#include "core/base/random.h"
#include "engine/cluster_service.h"
#include "engine/engine_parts.h"
#include "engine/engine_state.h"
#include "engine/join.h"
#include "engine/open_message.h"
#include "runtime/libev/clock.h"
#include "runtime/libev/rpc_address.h"

const char *dengine_version(void)
{
    return DENGINE_VERSION_TEXT;
}

static void settle_identity(struct dengine *engine)
{
    struct de_plan *plan = &engine->plan;
    const struct de_identity *identity = &engine->stores.data_dir.identity;

    plan->node_id = identity->node_id;
    plan->cluster_id = identity->cluster_id;
    plan->raft.id = plan->node_id;
    plan->raft.cluster_id = plan->cluster_id;
    plan->raft.seed =
        de_mix64(de_clock_now_ns() ^ de_mix64(plan->cluster_id ^ de_mix64(plan->node_id)));
}

static int add_services(void *context, struct de_rpc_server *server)
{
    struct dengine *engine = context;
    int err = de_cluster_service_add(engine, server);

    if (err == 0 && engine->services.add != NULL) {
        err = engine->services.add(engine->services.context, server, &engine->client.client);
    }
    return err;
}

static int open_replica(struct dengine *engine)
{
    const struct de_plan *plan = &engine->plan;
    struct de_replica_options options = {0};

    options.raft = plan->raft;
    options.limits = plan->limits;
    de_plan_membership(plan, plan->node_id, &options.initial_membership);
    options.machine = de_kv_state_machine(engine->stores.kv);
    options.log = engine->stores.log;
    options.snapshots = engine->stores.snapshots;
    options.own_address = plan->advertise_address;
    options.message_bytes_max = plan->message_bytes_max;
    if (plan->listen_address[0] != '\0') {
        options.listen_address = plan->listen_address;
        options.add_services = add_services;
        options.services_context = engine;
    }
    return de_replica_new(&options, &engine->replica, de_open_message(), DE_OPEN_MESSAGE_BYTES);
}

/* Looked at before the data directory is touched; listening itself comes last, when calls can be
 * answered. */
static int probe_address(const struct dengine *engine)
{
    const struct de_plan *plan = &engine->plan;

    if (plan->listen_address[0] == '\0') {
        if (plan->alone && engine->services.add == NULL) {
            return 0;
        }
        (void)snprintf(de_open_message(), DE_OPEN_MESSAGE_BYTES,
                       "cluster.listen_address is missing: name the host:port to serve at");
        return DENGINE_E_CONFIG;
    }
    return de_address_probe(plan->listen_address, de_open_message(), DE_OPEN_MESSAGE_BYTES);
}

/* What a new directory is given, before the log is opened in it. */
static int open_stores(struct dengine *engine, bool *known)
{
    struct de_plan *plan = &engine->plan;
    int err = 0;

    if (plan->join[0] != '\0') {
        err = de_stores_identified(plan, known, de_open_message(), DE_OPEN_MESSAGE_BYTES);
    }
    if (err == 0 && !*known) {
        err =
            de_join_find_cluster(plan, &engine->services, de_open_message(), DE_OPEN_MESSAGE_BYTES);
    }
    return err != 0
               ? err
               : de_stores_open(plan, &engine->stores, de_open_message(), DE_OPEN_MESSAGE_BYTES);
}

/* With what the state remembers of recent changes. */
static int open_watches(struct dengine *engine)
{
    const int err = de_watches_new(&engine->plan.watch, engine->stores.kv, &engine->watches);

    DE_ASSERT((err == 0) == (engine->watches != NULL));
    if (err == DENGINE_E_CORRUPT || err == DENGINE_E_VERSION) {
        (void)snprintf(de_open_message(), DE_OPEN_MESSAGE_BYTES,
                       "the recent changes that the state in %s/state remembers cannot be read: "
                       "%s; remove that directory, and the state is made again from the newest "
                       "snapshot and the log",
                       engine->plan.data_dir, dengine_strerror(err));
    } else if (err != 0) {
        (void)snprintf(de_open_message(), DE_OPEN_MESSAGE_BYTES,
                       "recent changes cannot be read from the state: %s", dengine_strerror(err));
    }
    return err;
}

static int open_all(struct dengine *engine, const struct dengine_config *config)
{
    bool known = true; /* which cluster it is, by the directory that was found */
    int err = de_plan_make(config, &engine->plan, de_open_message(), DE_OPEN_MESSAGE_BYTES);

    if (err != 0) {
        return err;
    }
    err = de_embedded_client_init(engine);
    if (err == 0) {
        err = probe_address(engine);
    }
    if (err != 0) {
        return err;
    }
    err = open_stores(engine, &known);
    if (err != 0) {
        return err;
    }
    err = open_watches(engine);
    if (err != 0) {
        return err;
    }
    de_admission_init(&engine->admission, engine->stores.kv, (size_t)engine->plan.value_bytes_max,
                      (size_t)engine->plan.key_bytes_max, engine->plan.leases_max,
                      engine->plan.sessions_max);
    settle_identity(engine);
    err = open_replica(engine);
    if (err == 0) {
        err = de_replica_listen(engine->replica, de_open_message(), DE_OPEN_MESSAGE_BYTES);
    }
    return err != 0 ? err
                    : de_join_cluster(engine, !known, de_open_message(), DE_OPEN_MESSAGE_BYTES);
}

int de_engine_open(const struct dengine_config *config, const struct de_engine_services *services,
                   struct dengine **result)
{
    struct dengine *engine = calloc(1, sizeof(*engine));
    int err;

    *result = NULL;
    (void)snprintf(de_open_message(), DE_OPEN_MESSAGE_BYTES, "out of memory");
    if (engine == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    de_elsewhere_init(&engine->elsewhere);
    if (services != NULL) {
        engine->services = *services;
    }
    err = open_all(engine, config);
    engine->plan.data_dir = NULL; /* the configuration's, which may go now */
    engine->plan.join = NULL;
    if (err != 0) {
        (void)dengine_close(engine);
        return err;
    }
    (void)snprintf(de_open_message(), DE_OPEN_MESSAGE_BYTES, "%s", engine->stores.note);
    *result = engine;
    return 0;
}

int dengine_open_config(const struct dengine_config *config, struct dengine **engine)
{
    return de_engine_open(config, NULL, engine);
}

/* Opens and frees config, or fails with err and what config has to say. */
static int open_and_free(struct dengine_config *config, int err, struct dengine **engine)
{
    *engine = NULL;
    if (config == NULL) {
        err = DENGINE_E_NO_MEMORY;
        (void)snprintf(de_open_message(), DE_OPEN_MESSAGE_BYTES, "out of memory");
    } else if (err != 0) {
        (void)snprintf(de_open_message(), DE_OPEN_MESSAGE_BYTES, "%s",
                       dengine_config_message(config));
    } else {
        err = dengine_open_config(config, engine);
    }
    dengine_config_free(config);
    return err;
}

int dengine_open(const char *directory, struct dengine **engine)
{
    struct dengine_config *config = dengine_config_new();
    int err = config == NULL ? 0 : dengine_config_set(config, "cluster.db_root_dir", directory);

    return open_and_free(config, err, engine);
}

int dengine_open_file(const char *path, struct dengine **engine)
{
    struct dengine_config *config = dengine_config_new();
    int err = config == NULL ? 0 : dengine_config_load(config, path);

    return open_and_free(config, err, engine);
}

/* The others need not wait for an election time-out to find out that their leader has gone. When
 * there is nobody to take over in time, they will. */
static void hand_over(struct dengine *engine)
{
    const struct dengine_call_options options = {
        .timeout_ms = (uint32_t)(engine->plan.raft.election_timeout_max_ns / 1000000u)};
    struct dengine_cluster_status members;
    struct dengine_status now;
    uint32_t voters = 0;

    dengine_status(engine, &now);
    if (now.role != DENGINE_LEADER || now.halted) {
        return;
    }
    de_engine_members(engine, &members);
    for (uint32_t i = 0; i < members.member_count; i++) {
        voters += members.members[i].kind == DENGINE_MEMBER_VOTER ? 1 : 0;
    }
    if (voters > 1) {
        (void)dengine_transfer_leadership(&engine->client.client, 0, &options);
    }
}

int dengine_close(struct dengine *engine)
{
    int err = 0;

    if (engine == NULL) {
        return 0;
    }
    de_helper_part(engine->client.client.helper);
    if (engine->replica != NULL) {
        hand_over(engine);
        err = de_replica_stop(engine->replica, engine->services.grace_ms);
    }
    de_elsewhere_deinit(&engine->elsewhere);
    de_helper_end(engine->client.client.helper);
    /* Threads of the services may still look at the replica, and hold views of the stores. */
    if (engine->services.answered != NULL) {
        engine->services.answered(engine->services.context);
    }
    de_replica_free(engine->replica);
    de_watches_end(engine->watches); /* nothing is applied any more */
    de_stores_close(&engine->stores);
    free(engine);
    return err;
}

/* ---- looking ---- */

struct dengine_client *dengine_client_of(struct dengine *engine)
{
    return &engine->client.client;
}

void dengine_status(struct dengine *engine, struct dengine_status *status)
{
    de_replica_status(engine->replica, status);
}

bool dengine_is_leader(struct dengine *engine)
{
    struct dengine_status status;

    dengine_status(engine, &status);
    return status.role == DENGINE_LEADER;
}

uint64_t dengine_leader(struct dengine *engine)
{
    struct dengine_status status;

    dengine_status(engine, &status);
    return status.leader;
}

uint64_t dengine_node_id(struct dengine *engine)
{
    return engine->plan.node_id;
}

uint64_t dengine_term(struct dengine *engine)
{
    struct dengine_status status;

    dengine_status(engine, &status);
    return status.term;
}

uint16_t de_engine_port(const struct dengine *engine)
{
    return de_replica_port(engine->replica);
}
