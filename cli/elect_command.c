#include "cli/elect_command.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <dengine/election.h>

#include "cli/attention.h"
#include "cli/report.h"
#include "client/json_text.h"
#include "core/base/assert.h"

/* An observation is begun anew after so long; nothing is missed by it. */
#define OBSERVE_MS 60000

struct electing {
    const struct de_cli_arguments *arguments;
    struct dengine_client *client;
    struct dengine_election *election; /* NULL: it only looks on */
    struct dengine_leader_info known;
    struct de_cli_attention attention;
    bool observing;   /* an observation is under way */
    bool campaigning; /* and a campaign */
    bool elected;
    pthread_mutex_t mutex;
    /* Guarded by mutex; what was told, and is to be looked at: */
    bool observed;
    int observe_err;
    struct dengine_leader_info seen;
    bool campaigned;
    int campaign_err;
    char text[300];
    bool lost;
};

/* ---- from a thread of the library ---- */

static void observed(void *context, int status, struct dengine_leader_info *info)
{
    struct electing *electing = context;

    (void)pthread_mutex_lock(&electing->mutex);
    electing->observed = true;
    electing->observe_err = status;
    electing->seen = *info;
    (void)snprintf(electing->text, sizeof electing->text, "%.299s", dengine_last_error(NULL));
    (void)pthread_mutex_unlock(&electing->mutex);
    de_cli_attention_say(&electing->attention);
}

static void campaigned(void *context, struct dengine_reply *reply)
{
    struct electing *electing = context;

    (void)pthread_mutex_lock(&electing->mutex);
    electing->campaigned = true;
    electing->campaign_err = reply->status;
    (void)snprintf(electing->text, sizeof electing->text, "%.299s", dengine_last_error(NULL));
    (void)pthread_mutex_unlock(&electing->mutex);
    de_cli_attention_say(&electing->attention);
}

static void lost(void *context)
{
    struct electing *electing = context;

    (void)pthread_mutex_lock(&electing->mutex);
    electing->lost = true;
    (void)pthread_mutex_unlock(&electing->mutex);
    de_cli_attention_say(&electing->attention);
}

/* ---- what is printed; whoever reads it through a pipe is to see it now ---- */

static void print_leader(const struct electing *electing)
{
    const struct dengine_leader_info *leader = &electing->known;
    const struct dengine_slice value = dengine_bytes(leader->value.data, leader->value.size);

    if (electing->arguments->json && leader->revision == 0) {
        (void)fputs("{\"type\":\"nobody\"", stdout);
    } else if (electing->arguments->json) {
        (void)printf("{\"type\":\"leader\",\"revision\":%llu,",
                     (unsigned long long)leader->revision);
        de_json_put_bytes(stdout, "value", value);
    } else if (leader->revision == 0) {
        (void)fputs("nobody", stdout);
    } else {
        (void)printf("leader\t%llu\t", (unsigned long long)leader->revision);
        (void)fwrite(value.data, 1, value.size, stdout);
    }
    (void)fputs(electing->arguments->json ? "}\n" : "\n", stdout);
    (void)fflush(stdout);
}

static void print_elected(const struct electing *electing)
{
    (void)printf(electing->arguments->json ? "{\"type\":\"elected\",\"token\":%llu}\n"
                                           : "elected\t%llu\n",
                 (unsigned long long)dengine_election_token(electing->election));
    (void)fflush(stdout);
}

/* ---- looking at what was told: 0 or an error that ends the command ---- */

static int look_at_observation(struct electing *electing)
{
    if (!electing->observed) {
        return 0;
    }
    electing->observed = false;
    electing->observing = false;
    if (electing->observe_err == 0) {
        dengine_leader_info_free(&electing->known);
        electing->known = electing->seen;
        print_leader(electing);
        return ferror(stdout) ? DENGINE_E_IO : 0;
    }
    /* Whoever is not there now may come back. */
    return electing->observe_err == DENGINE_E_TIMEOUT ||
                   electing->observe_err == DENGINE_E_UNAVAILABLE ||
                   electing->observe_err == DENGINE_E_NO_LEADER
               ? 0
               : electing->observe_err;
}

static int look_at_campaign(struct electing *electing)
{
    if (electing->campaigned) {
        electing->campaigned = false;
        electing->campaigning = false;
        if (electing->campaign_err != 0 && electing->campaign_err != DENGINE_E_NO_LEASE) {
            return electing->campaign_err;
        }
        electing->elected = electing->campaign_err == 0;
        if (electing->elected) {
            print_elected(electing);
        }
    }
    return electing->lost ? DENGINE_E_NO_LEASE : 0;
}

/* Begins what is to be under way. */
static int keep_going(struct electing *electing)
{
    const struct dengine_slice name = dengine_str(electing->arguments->operand[0]);
    int err = 0;

    if (!electing->observing) {
        err = dengine_election_observe_async(electing->client, name, OBSERVE_MS, &electing->known,
                                             observed, electing);
        electing->observing = err == 0;
    }
    if (err == 0 && electing->election != NULL && !electing->elected && !electing->campaigning) {
        err = dengine_election_campaign_async(electing->election,
                                              dengine_str(electing->arguments->operand[1]),
                                              UINT32_MAX, campaigned, electing);
        electing->campaigning = err == 0;
    }
    return err;
}

/* 0: a signal said that it is enough. */
static int follow(struct electing *electing)
{
    int err = 0;

    for (;;) {
        int got;

        err = keep_going(electing);
        if (err != 0) {
            return err;
        }
        got = de_cli_attention_wait(&electing->attention);
        if (got != 0 && got != SIGCHLD) {
            return 0;
        }
        (void)pthread_mutex_lock(&electing->mutex);
        err = look_at_observation(electing);
        err = err != 0 ? err : look_at_campaign(electing);
        (void)pthread_mutex_unlock(&electing->mutex);
        if (err != 0) {
            return err;
        }
    }
}

static int report(const struct electing *electing, int err)
{
    if (electing->lost) {
        (void)fputs(electing->arguments->json ? "{\"type\":\"lost\"}\n" : "", stdout);
        (void)fputs(electing->arguments->json ? "" : "dengine-cli: leads no more\n", stderr);
        return STATUS_FALSE;
    }
    return err == 0 ? STATUS_OK
                    : de_cli_report_failure(electing->arguments, err, electing->text, false);
}

/* What follow() ended with is said when all is over. Closing resigns, and ends a campaign. */
static int finish(struct electing *electing, int followed)
{
    const int err = electing->election != NULL ? dengine_election_close(electing->election) : 0;

    dengine_disconnect(electing->client); /* which ends the observation */
    if (electing->observed) {
        dengine_leader_info_free(&electing->seen);
    }
    dengine_leader_info_free(&electing->known);
    if (err != 0) {
        (void)fprintf(stderr, "dengine-cli: the office is free when its lease has ended: %s\n",
                      dengine_strerror(err));
    }
    return report(electing, followed);
}

int de_cli_elect(const struct de_cli_arguments *arguments, struct dengine_client *client)
{
    struct electing electing = {
        .arguments = arguments, .client = client, .mutex = PTHREAD_MUTEX_INITIALIZER};
    const struct dengine_election_options options = {
        .lease_ms = (uint32_t)(arguments->ttl_s * 1000), .lost = lost, .context = &electing};
    struct dengine_cluster_status cluster;
    int status;
    int err;

    /* What cannot be reached may be a slip of the pen, and is not waited for. */
    err = dengine_cluster_status(client, NULL, &cluster);
    if (err == 0 && arguments->operand_count > 1) {
        err = dengine_election_open(client, dengine_str(arguments->operand[0]), &options,
                                    &electing.election);
    }
    if (err != 0) {
        status = de_cli_report_error(arguments, client, err, false);
        dengine_disconnect(client);
        return status;
    }
    if (!de_cli_attention_begin(&electing.attention)) {
        (void)snprintf(electing.text, sizeof electing.text, "%s", strerror(errno));
        return finish(&electing, DENGINE_E_NO_MEMORY);
    }
    status = finish(&electing, follow(&electing));
    de_cli_attention_end(&electing.attention);
    return status;
}
