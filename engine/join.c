#include "engine/join.h"

#include <stdio.h>
#include <string.h>

#include <dengine/cluster.h>

#include "client/client_ops.h"
#include "client/monotonic.h"
#include "client/waiter.h"
#include "core/base/assert.h"
#include "engine/engine_parts.h"

/* Servers that are asked may just be electing a leader. */
#define JOIN_TIMEOUT_MS 20000u
/* Who waits for them is asked so often whether to go on. */
#define LOOK_NS (50 * DE_NS_PER_MS)

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

/* Waits for the answer to what has been asked, as long as nobody gives up, and ends the client.
 * err: what the start of the call returned. */
static int finish(struct de_waiter *waiter, int err, const struct de_engine_services *services,
                  struct dengine_client *client)
{
    struct dengine_reply reply;
    bool given_up = false;

    DE_ASSERT(client != NULL);
    while (err == 0 && !given_up && !de_waiter_until(waiter, de_monotonic_ns() + LOOK_NS)) {
        given_up = services->gives_up != NULL && services->gives_up(services->waiting_context);
    }
    dengine_disconnect(client); /* and with it the call */
    err = de_waiter_end(waiter, err, &reply);
    return given_up ? DENGINE_E_CANCELED : err;
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
    struct dengine_cluster_status status = {0};
    struct dengine_client *client;
    struct de_waiter waiter;
    int err;

    DE_ASSERT(plan->join[0] != '\0' && plan->cluster_id == 0);
    err = connect_to(plan, &client, message, message_size);
    if (err != 0) {
        return err;
    }
    if (services->waiting != NULL) {
        services->waiting(services->waiting_context, plan->join, JOIN_TIMEOUT_MS);
    }
    de_waiter_init(&waiter);
    waiter.cluster = &status;
    err = dengine_cluster_status_async(client, NULL, de_waiter_wake, &waiter);
    err = finish(&waiter, err, services, client);
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
    return err;
}

int de_join_cluster(struct dengine *engine, bool fresh, char *message, size_t message_size)
{
    const struct de_plan *plan = &engine->plan;
    const struct dengine_addresses addresses = {plan->advertise_address, NULL};
    struct dengine_cluster_status known;
    struct dengine_client *client;
    struct de_waiter waiter;
    int err;

    de_engine_members(engine, &known);
    if (plan->join[0] == '\0' || known.member_count > 0) {
        return 0;
    }
    err = connect_to(plan, &client, message, message_size);
    if (err != 0) {
        return err;
    }
    de_waiter_init(&waiter);
    err = de_client_join_async(client, plan->node_id, &addresses, plan->cluster_id, fresh, NULL,
                               de_waiter_wake, &waiter);
    err = finish(&waiter, err, &engine->services, client);
    if (err != 0) {
        say(message, message_size, "cannot join the cluster", plan, err);
    }
    return err;
}
