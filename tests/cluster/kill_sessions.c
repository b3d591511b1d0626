/* Each counter counts its own key up by compare-and-swap in a session. Nobody else writes the key,
 * so a comparison that is said to be false was carried out twice, or lost. */
#include <inttypes.h>
#include <stdio.h>

#include <dengine/session.h>

#include "core/base/assert.h"
#include "tests/cluster/service_kill.h"

#define COUNTERS   2
#define KEY_MAX    16
#define SESSION_MS 8000
/* Longer than an election, so that a write is sent again and again until its answer comes. */
#define CALL_MS 10000

static uint64_t counted;
static uint64_t unknown;  /* no answer by the deadline */
static uint64_t sessions; /* that had to be opened */

static const char *key_of(char *buffer, uint32_t number)
{
    DE_ASSERT(number < COUNTERS);
    (void)snprintf(buffer, KEY_MAX, "count/%u", (unsigned)number);
    return buffer;
}

struct counter {
    char key[KEY_MAX];
    uint64_t number;
    struct dengine_client *client;
    struct dengine_session *session;
};

static void open_session(struct counter *counter)
{
    int err;

    do {
        err = dengine_session_open(counter->client, SESSION_MS, NULL, NULL, &counter->session);
    } while (err != 0 && de_kill_going_on());
    de_kill_count(&sessions);
}

/* It may have been done once, or not at all. */
static void find_out(struct counter *counter)
{
    const uint64_t now = de_kill_number(counter->client, counter->key);

    de_kill_count(&unknown);
    if (now != counter->number && now != counter->number + 1) {
        de_kill_broken("a write of a session without an answer was done more than once, or undone");
    }
    counter->number = now;
}

static void count_up(struct counter *counter)
{
    struct dengine_slice expected;
    char before[24];
    char after[24];
    bool succeeded = false;
    int err;

    (void)snprintf(before, sizeof before, "%" PRIu64, counter->number);
    (void)snprintf(after, sizeof after, "%" PRIu64, counter->number + 1);
    expected = dengine_str(before);
    err = dengine_compare_and_swap(
        dengine_session_client(counter->session), dengine_str(counter->key),
        counter->number == 0 ? NULL : &expected, dengine_str(after), NULL, &succeeded);
    if (err == 0 && !succeeded) {
        de_kill_broken("a write of a session was done twice, or lost");
    } else if (err == 0) {
        counter->number++;
        de_kill_count(&counted);
    } else if (dengine_outcome(err) == DENGINE_OUTCOME_UNKNOWN) {
        find_out(counter);
    }
    if (err == DENGINE_E_NO_SESSION || err == DENGINE_E_UNKNOWN) {
        (void)dengine_session_close(counter->session);
        open_session(counter);
    }
}

static void *run_counter(void *argument)
{
    struct counter counter = {.client = de_kill_connect(CALL_MS)};

    (void)key_of(counter.key, *(const uint32_t *)argument);
    open_session(&counter);
    while (de_kill_going_on()) {
        count_up(&counter);
    }
    if (counter.number != de_kill_number(counter.client, counter.key)) {
        de_kill_broken("a counter is not what was counted");
    }
    (void)dengine_session_close(counter.session);
    dengine_disconnect(counter.client);
    return NULL;
}

/* ---- the end ---- */

static void judge(struct dengine_client *client)
{
    uint64_t number = 0;
    uint32_t i;

    for (i = 0; i < COUNTERS; i++) {
        char key[KEY_MAX];

        number += de_kill_number(client, key_of(key, i));
    }
    (void)printf("%" PRIu64 " acknowledged, %" PRIu64 " unknown, %" PRIu64 " counted, %" PRIu64
                 " opened\n",
                 counted, unknown, number, sessions);
    de_kill_require(number >= counted && number <= counted + unknown,
                    "the counters are not what was counted");
}

const struct de_kill_workload de_kill_sessions = {
    .name = "sessions",
    .threads = {run_counter, run_counter},
    .progress = &counted,
    .step = 100,
    .judge = judge,
};
