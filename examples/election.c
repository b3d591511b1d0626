/* One of several processes leads; when it goes, by its own will or not, another does.
 *
 *   election ENDPOINTS NAME        takes part as NAME, until SIGTERM
 *   election ENDPOINTS             tells who leads, until SIGTERM */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <dengine/election.h>

#define LEASE_MS 2000

struct candidate {
    struct dengine_client *client;
    struct dengine_election *election; /* NULL: only looks on */
    atomic_bool stop;
};

/* A thread waits for the signal: nothing of the library may be called in a signal's handler. */
static void *wait_for_signal(void *context)
{
    struct candidate *candidate = context;
    sigset_t signals;
    int number;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigwait(&signals, &number);
    atomic_store(&candidate->stop, true);
    if (candidate->election != NULL) {
        dengine_election_cancel(candidate->election);
    }
    return NULL;
}

static int take_part(struct candidate *candidate, const char *name)
{
    struct dengine_election *election = candidate->election;
    struct timespec pause = {.tv_nsec = 10000000};

    while (!atomic_load(&candidate->stop)) {
        int err = dengine_election_campaign(election, DENGINE_STR(name), 60000);

        if (err == 0) {
            printf("%s leads with token %llu\n", name,
                   (unsigned long long)dengine_election_token(election));
            while (!atomic_load(&candidate->stop) && dengine_election_leading(election)) {
                nanosleep(&pause, NULL); /* a leader's work; its writes have the guard */
            }
            printf("%s leads no more\n", name);
            dengine_election_resign(election);
        } else if (err != DENGINE_E_CANCELED && err != DENGINE_E_TIMEOUT &&
                   err != DENGINE_E_NO_LEASE) {
            fprintf(stderr, "election: %s\n", dengine_strerror(err));
            return 1;
        }
    }
    return 0;
}

static int look_on(struct candidate *candidate)
{
    struct dengine_leader_info leader = {0};

    while (!atomic_load(&candidate->stop)) {
        int err = dengine_election_observe(candidate->client, DENGINE_STR("chief"), 200, &leader);

        if (err == 0 && leader.revision == 0) {
            printf("nobody leads\n");
        } else if (err == 0) {
            printf("leader: %.*s\n", (int)leader.value.size, (const char *)leader.value.data);
        }
    }
    dengine_leader_info_free(&leader);
    return 0;
}

int main(int argc, char **argv)
{
    struct dengine_election_options options = {.lease_ms = LEASE_MS};
    struct candidate candidate = {0};
    pthread_t thread;
    sigset_t signals;
    int status = 1;

    if (argc < 2 || dengine_connect(argv[1], NULL, &candidate.client) != 0) {
        fprintf(stderr, "usage: election ENDPOINTS [NAME]\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* in all threads, before there are others */
    if (argc > 2) {
        dengine_election_open(candidate.client, DENGINE_STR("chief"), &options,
                              &candidate.election);
    }
    if (pthread_create(&thread, NULL, wait_for_signal, &candidate) == 0) {
        status = argc > 2 && candidate.election != NULL ? take_part(&candidate, argv[2])
                                                        : look_on(&candidate);
        if (!atomic_load(&candidate.stop)) {
            pthread_kill(thread, SIGTERM);
        }
        pthread_join(thread, NULL);
    }
    dengine_election_close(candidate.election);
    dengine_disconnect(candidate.client);
    return status;
}
