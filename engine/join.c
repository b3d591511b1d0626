#include "engine/join.h"

#include <stdio.h>
#include <string.h>

#include <dengine/cluster.h>

#include "client/client_ops.h"
#include "core/base/assert.h"
#include "engine/engine_parts.h"

/* Servers that are asked may just be electing a leader. */
#define JOIN_TIMEOUT_MS 20000u

static int connect_to(const struct de_plan *plan, struct dengine_client **client, char *message,
                      size_t message_size)
{
    const struct dengine_connect_options options = {.timeout_ms = JOIN_TIMEOUT_MS};
    int err = dengine_connect(plan->join, &options, client);

    if (err != 0) {
        (void)snprintf(message, message_size, "cluster.join: %s", dengine_last_error(NULL));
        return err == DENGINE_E_INVALID ? DENGINE_E_CONFIG : err;
    }
    return 0;
}

static void say(char *message, size_t message_size, const char *what, const struct de_plan *plan,
                int err)
{
    const char *detail = dengine_last_error(NULL);

    (void)snprintf(message, message_size, "%s of %s: %s%s%s%s", what, plan->join,
                   dengine_strerror(err), detail[0] != '\0' ? " (" : "", detail,
                   detail[0] != '\0' ? ")" : "");
}

int de_join_find_cluster(struct de_plan *plan, const struct de_engine_services *services,
                         char *message, size_t message_size)
{
    struct dengine_cluster_status status;
    struct dengine_client *client;
    int err;

    DE_ASSERT(plan->join[0] != '\0' && plan->cluster_id == 0);
    err = connect_to(plan, &client, message, message_size);
    if (err != 0) {
        return err;
    }
    if (services->waiting != NULL) {
        services->waiting(services->waiting_context, plan->join, JOIN_TIMEOUT_MS);
    }
    err = dengine_cluster_status(client, NULL, &status);
    if (err != 0) {
        say(message, message_size, "cannot ask for the cluster", plan, err);
    } else if (status.cluster_id == 0) {
        (void)snprintf(message, message_size,
                       "the servers at %s do not say which cluster they are: they are of a version "
                       "that cannot be joined",
                       plan->join);
        err = DENGINE_E_VERSION;
    }
    plan->cluster_id = status.cluster_id;
    dengine_disconnect(client);
    return err;
}

int de_join_cluster(struct dengine *engine, bool fresh, char *message, size_t message_size)
{
    const struct de_plan *plan = &engine->plan;
    const struct dengine_addresses addresses = {plan->advertise_address, NULL};
    struct dengine_cluster_status known;
    struct dengine_client *client;
    int err;

    de_engine_members(engine, &known);
    if (plan->join[0] == '\0' || known.member_count > 0) {
        return 0;
    }
    err = connect_to(plan, &client, message, message_size);
    if (err != 0) {
        return err;
    }
    err = de_client_join(client, plan->node_id, &addresses, plan->cluster_id, fresh, NULL);
    if (err != 0) {
        say(message, message_size, "cannot join the cluster", plan, err);
    }
    dengine_disconnect(client);
    return err;
}
