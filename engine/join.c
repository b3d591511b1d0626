#include "engine/join.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <dengine/cluster.h>

#include "client/client_ops.h"
#include "client/monotonic.h"
#include "core/base/assert.h"
#include "engine/engine_parts.h"

/* Servers that are asked may just be electing a leader. */
#define JOIN_TIMEOUT_MS 20000u
/* Who waits for them is asked so often whether to go on. */
#define LOOK_NS (50 * DE_NS_PER_MS)

/* One question, until its answer has come. */
struct asking {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* Guarded by mutex: */
    bool answered;
    int err;
    struct dengine_cluster_status status;
    char text[300]; /* of dengine_last_error */
};

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

static void begin(struct asking *asking)
{
    int err = pthread_mutex_init(&asking->mutex, NULL);

    DE_ASSERT(err == 0);
    de_monotonic_condition_init(&asking->changed);
    asking->answered = false;
    asking->text[0] = '\0';
    asking->status = (struct dengine_cluster_status){0};
}

static void answered(void *context, struct dengine_reply *reply)
{
    struct asking *asking = context;

    (void)pthread_mutex_lock(&asking->mutex);
    DE_ASSERT(!asking->answered);
    asking->answered = true;
    asking->err = reply->status;
    if (reply->status == 0 && reply->cluster != NULL) {
        asking->status = *reply->cluster;
    }
    (void)snprintf(asking->text, sizeof asking->text, "%.299s", dengine_last_error(NULL));
    (void)pthread_cond_signal(&asking->changed);
    (void)pthread_mutex_unlock(&asking->mutex);
}

/* started: what the call that asks returned. Ends the client, and with it the question if that is
 * given up. What it ended with. */
static int finish(struct asking *asking, const struct de_engine_services *services, int started,
                  struct dengine_client *client)
{
    bool given_up = false;

    (void)pthread_mutex_lock(&asking->mutex);
    while (started == 0 && !asking->answered && !given_up) {
        de_monotonic_wait(&asking->changed, &asking->mutex, de_monotonic_ns() + LOOK_NS);
        given_up = services->gives_up != NULL && services->gives_up(services->waiting_context);
    }
    (void)pthread_mutex_unlock(&asking->mutex);
    if (started != 0) {
        asking->err = started;
        (void)snprintf(asking->text, sizeof asking->text, "%.299s", dengine_last_error(NULL));
    }
    dengine_disconnect(client); /* after which nobody calls back */
    (void)pthread_cond_destroy(&asking->changed);
    (void)pthread_mutex_destroy(&asking->mutex);
    DE_ASSERT_IMPLIES(started == 0, asking->answered);
    return given_up ? DENGINE_E_CANCELED : asking->err;
}

static void say(char *message, size_t message_size, const char *what, const struct de_plan *plan,
                int err, const char *detail)
{
    (void)snprintf(message, message_size, "%s of %s: %s%s%s%s", what, plan->join,
                   dengine_strerror(err), detail[0] != '\0' ? " (" : "", detail,
                   detail[0] != '\0' ? ")" : "");
}

int de_join_find_cluster(struct de_plan *plan, const struct de_engine_services *services,
                         char *message, size_t message_size)
{
    struct dengine_client *client;
    struct asking asking;
    int err;

    DE_ASSERT(plan->join[0] != '\0' && plan->cluster_id == 0);
    err = connect_to(plan, &client, message, message_size);
    if (err != 0) {
        return err;
    }
    if (services->waiting != NULL) {
        services->waiting(services->waiting_context, plan->join, JOIN_TIMEOUT_MS);
    }
    begin(&asking);
    err = dengine_cluster_status_async(client, NULL, answered, &asking);
    err = finish(&asking, services, err, client);
    if (err != 0) {
        say(message, message_size, "cannot ask for the cluster", plan, err, asking.text);
    } else if (asking.status.cluster_id == 0) {
        (void)snprintf(message, message_size,
                       "the servers at %s do not say which cluster they are: they are of a version "
                       "that cannot be joined",
                       plan->join);
        err = DENGINE_E_VERSION;
    }
    plan->cluster_id = asking.status.cluster_id;
    return err;
}

int de_join_cluster(struct dengine *engine, bool fresh, char *message, size_t message_size)
{
    const struct de_plan *plan = &engine->plan;
    const struct dengine_addresses addresses = {plan->advertise_address, NULL};
    struct dengine_cluster_status known;
    struct dengine_client *client;
    struct asking asking;
    int err;

    de_engine_members(engine, &known);
    if (plan->join[0] == '\0' || known.member_count > 0) {
        return 0;
    }
    err = connect_to(plan, &client, message, message_size);
    if (err != 0) {
        return err;
    }
    begin(&asking);
    err = de_client_join_async(client, plan->node_id, &addresses, plan->cluster_id, fresh, NULL,
                               answered, &asking);
    err = finish(&asking, &engine->services, err, client);
    if (err != 0) {
        say(message, message_size, "cannot join the cluster", plan, err, asking.text);
    }
    return err;
}
