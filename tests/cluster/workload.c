#include "tests/cluster/workload.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/random.h"

/* Short of the three seconds in which a new leader must serve, so that a call does not sit one out
 * on a dead one. */
#define CALL_MS 2000
/* With sessions there is time to send again. */
#define SESSION_CALL_MS 10000
#define SESSION_TTL_MS  60000

/* Different values of a register: few, so that compare-and-swaps often meet. */
#define VALUES 5

static const char counter_key[] = "counter";

static void require(bool condition, const char *what)
{
    if (!condition) {
        (void)fprintf(stderr, "workload: %s\n", what);
        exit(1);
    }
}

/* Between two operations; returns when there may be another one. */
static bool is_stopping(struct de_workload *workload)
{
    bool stopping;

    (void)pthread_mutex_lock(&workload->mutex);
    while (workload->paused && !workload->stopping) {
        (void)pthread_cond_wait(&workload->changed, &workload->mutex);
    }
    stopping = workload->stopping;
    (void)pthread_mutex_unlock(&workload->mutex);
    return stopping;
}

/* Counts an operation that has ended. */
static void note(struct de_workload *workload, int err, int64_t increments)
{
    (void)pthread_mutex_lock(&workload->mutex);
    if (err == 0 || err == DENGINE_E_NOT_FOUND) {
        workload->done++;
        workload->counter_done += increments;
    } else if (dengine_outcome(err) == DENGINE_OUTCOME_UNKNOWN) {
        workload->unknown++;
        workload->counter_unknown += increments;
    } else {
        workload->failed++;
    }
    (void)pthread_cond_broadcast(&workload->changed);
    (void)pthread_mutex_unlock(&workload->mutex);
}

/* ---- numbers as values ---- */

/* Reads key as a number; *value is DE_ABSENT when there is none. NOT_FOUND becomes 0. */
static int get_number(struct dengine_client *client, const char *key, int64_t *value)
{
    struct dengine_value seen;
    int err = dengine_get(client, dengine_str(key), DENGINE_LINEARIZABLE, NULL, &seen);

    *value = DE_ABSENT;
    if (err == 0) {
        char text[32];

        require(seen.size < sizeof text, "a value is no number");
        memcpy(text, seen.data, seen.size);
        text[seen.size] = '\0';
        *value = strtoll(text, NULL, 10);
        dengine_value_free(&seen);
    }
    return err == DENGINE_E_NOT_FOUND ? 0 : err;
}

static int put_number(struct dengine_client *client, const char *key, int64_t value)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%" PRId64, value);
    return dengine_put(client, dengine_str(key), dengine_str(text), NULL);
}

static int cas_number(struct dengine_client *client, const char *key, int64_t expected,
                      int64_t value, bool *succeeded)
{
    struct dengine_slice expected_slice;
    char expected_text[32];
    char text[32];

    (void)snprintf(expected_text, sizeof expected_text, "%" PRId64, expected);
    (void)snprintf(text, sizeof text, "%" PRId64, value);
    expected_slice = dengine_str(expected_text);
    return dengine_compare_and_swap(client, dengine_str(key),
                                    expected == DE_ABSENT ? NULL : &expected_slice,
                                    dengine_str(text), NULL, succeeded);
}

/* ---- registers ---- */

/* The key of the moment for a register thread; counts the operation. */
static void register_key(struct de_workload *workload, struct de_random *random, char key[32])
{
    uint64_t number;

    (void)pthread_mutex_lock(&workload->mutex);
    number = workload->register_operations++ / DE_WORKLOAD_OPERATIONS_PER_KEY;
    (void)pthread_mutex_unlock(&workload->mutex);
    (void)snprintf(key, 32, "r%" PRIu64 "-%u", number, (unsigned)de_random_below(random, 2));
}

static int run_operation(struct dengine_client *client, struct de_operation *operation,
                         bool *succeeded)
{
    *succeeded = true;
    switch (operation->type) {
    case DE_OPERATION_READ:
        return get_number(client, operation->key, &operation->value);
    case DE_OPERATION_WRITE:
        return put_number(client, operation->key, operation->value);
    case DE_OPERATION_CAS:
        return cas_number(client, operation->key, operation->expected, operation->value, succeeded);
    }
    return DENGINE_E_INVALID;
}

static enum de_event_type event_of(const struct de_operation *operation, int err, bool succeeded)
{
    if (err == 0) {
        return succeeded ? DE_EVENT_OK : DE_EVENT_FAIL;
    }
    /* A read that failed changed nothing, whatever the reason. */
    if (operation->type != DE_OPERATION_READ && dengine_outcome(err) == DENGINE_OUTCOME_UNKNOWN) {
        return DE_EVENT_INFO;
    }
    return DE_EVENT_FAIL;
}

static void *run_registers(void *context)
{
    struct de_worker_thread *self = context;
    struct de_workload *workload = self->workload;
    struct de_recorder *recorder = workload->recorder;
    uint32_t process = de_recorder_process(recorder);
    struct de_random random;

    de_random_init(&random, self->seed);
    while (!is_stopping(workload)) {
        struct de_operation operation = {0};
        enum de_event_type event;
        bool succeeded;
        char key[32];
        int err;

        register_key(workload, &random, key);
        operation.key = key;
        operation.type =
            (enum de_operation_type)de_random_between(&random, DE_OPERATION_READ, DE_OPERATION_CAS);
        operation.expected = (int64_t)de_random_below(&random, VALUES);
        operation.value = (int64_t)de_random_below(&random, VALUES);
        de_recorder_event(recorder, process, DE_EVENT_INVOKE, &operation);
        err = run_operation(self->client, &operation, &succeeded);
        event = event_of(&operation, err, succeeded);
        de_recorder_event(recorder, process, event, &operation);
        if (event == DE_EVENT_INFO) {
            process = de_recorder_process(recorder);
        }
        note(workload, err, 0);
    }
    return NULL;
}

/* ---- the counter ---- */

static void *run_counter(void *context)
{
    struct de_worker_thread *self = context;
    struct de_workload *workload = self->workload;

    while (!is_stopping(workload)) {
        bool succeeded = false;
        int64_t value;
        int err = get_number(self->client, counter_key, &value);

        if (err != 0) {
            continue;
        }
        err = cas_number(self->client, counter_key, value, value == DE_ABSENT ? 1 : value + 1,
                         &succeeded);
        note(workload, err, err != 0 || succeeded ? 1 : 0);
    }
    return NULL;
}

/* ---- the keeper ---- */

static void kept_key(const struct de_worker_thread *self, uint32_t index, char key[32])
{
    (void)snprintf(key, 32, "kept-%" PRIu32 "-%" PRIu32, self->number, index);
}

static void *run_keeper(void *context)
{
    struct de_worker_thread *self = context;
    struct de_workload *workload = self->workload;
    int64_t next = 1;

    while (!is_stopping(workload)) {
        const uint32_t index = (uint32_t)(next % DE_WORKLOAD_KEPT);
        char key[32];
        int err;

        kept_key(self, index, key);
        self->attempted[index] = next;
        err = put_number(self->client, key, next);
        if (err == 0) {
            self->acknowledged[index] = next;
        } else if (dengine_outcome(err) == DENGINE_NOT_DONE) {
            /* It may still be an earlier attempt that took effect. */
            self->attempted[index] = next - 1;
        }
        note(workload, err, 0);
        next++;
    }
    return NULL;
}

/* ---- all of them ---- */

static void start_thread(struct de_workload *workload, uint32_t at)
{
    struct de_worker_thread *self = &workload->threads[at];
    const struct dengine_connect_options options = {
        .timeout_ms = workload->sessions ? SESSION_CALL_MS : CALL_MS};
    void *(*run)(void *) = run_registers;
    uint32_t number = at;

    if (number >= DE_WORKLOAD_REGISTER_THREADS) {
        number -= DE_WORKLOAD_REGISTER_THREADS;
        run = run_counter;
        if (number >= DE_WORKLOAD_COUNTER_THREADS) {
            number -= DE_WORKLOAD_COUNTER_THREADS;
            run = run_keeper;
        }
    }
    self->workload = workload;
    self->number = number;
    self->seed = at + 1;
    require(dengine_connect(workload->endpoints, &options, &self->connection) == 0, "no client");
    self->client = self->connection;
    if (workload->sessions) {
        require(
            dengine_session_open(self->connection, SESSION_TTL_MS, NULL, NULL, &self->session) == 0,
            "no session");
        self->client = dengine_session_client(self->session);
    }
    require(pthread_create(&self->thread, NULL, run, self) == 0, "no thread");
}

static void start(struct de_workload *workload, const char *endpoints, struct de_recorder *recorder,
                  bool sessions)
{
    pthread_condattr_t attributes;
    uint32_t at;

    memset(workload, 0, sizeof *workload);
    workload->endpoints = endpoints;
    workload->recorder = recorder;
    workload->sessions = sessions;
    require(pthread_mutex_init(&workload->mutex, NULL) == 0, "no mutex");
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    require(pthread_cond_init(&workload->changed, &attributes) == 0, "no condition");
    (void)pthread_condattr_destroy(&attributes);
    for (at = 0; at < DE_WORKLOAD_THREADS; at++) {
        start_thread(workload, at);
    }
}

void de_workload_start(struct de_workload *workload, const char *endpoints,
                       struct de_recorder *recorder)
{
    start(workload, endpoints, recorder, false);
}

void de_workload_start_sessions(struct de_workload *workload, const char *endpoints,
                                struct de_recorder *recorder)
{
    start(workload, endpoints, recorder, true);
}

bool de_workload_progress(struct de_workload *workload, uint64_t more, uint32_t timeout_ms)
{
    struct timespec until;
    uint64_t goal;
    bool reached;
    int err = 0;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(timeout_ms / 1000) + 1;
    (void)pthread_mutex_lock(&workload->mutex);
    goal = workload->done + more;
    while (workload->done < goal && err != ETIMEDOUT) {
        err = pthread_cond_timedwait(&workload->changed, &workload->mutex, &until);
    }
    reached = workload->done >= goal;
    (void)pthread_mutex_unlock(&workload->mutex);
    return reached;
}

void de_workload_pause(struct de_workload *workload, bool paused)
{
    (void)pthread_mutex_lock(&workload->mutex);
    workload->paused = paused;
    (void)pthread_cond_broadcast(&workload->changed);
    (void)pthread_mutex_unlock(&workload->mutex);
}

void de_workload_stop(struct de_workload *workload)
{
    uint32_t at;

    (void)pthread_mutex_lock(&workload->mutex);
    if (workload->stopping) {
        (void)pthread_mutex_unlock(&workload->mutex);
        return;
    }
    workload->stopping = true;
    (void)pthread_cond_broadcast(&workload->changed);
    (void)pthread_mutex_unlock(&workload->mutex);
    for (at = 0; at < DE_WORKLOAD_THREADS; at++) {
        require(pthread_join(workload->threads[at].thread, NULL) == 0, "no join");
        if (workload->sessions) {
            (void)dengine_session_close(workload->threads[at].session);
        }
        dengine_disconnect(workload->threads[at].connection);
    }
}

static bool verify_counter(const struct de_workload *workload, struct dengine_client *client)
{
    int64_t value;

    require(get_number(client, counter_key, &value) == 0, "the counter cannot be read");
    (void)printf("counter %" PRId64 ", acknowledged %" PRId64 ", unknown %" PRId64 "\n", value,
                 workload->counter_done, workload->counter_unknown);
    return value >= workload->counter_done &&
           value <= workload->counter_done + workload->counter_unknown;
}

static bool verify_kept(const struct de_worker_thread *self, struct dengine_client *client)
{
    bool ok = true;
    uint32_t index;

    for (index = 0; index < DE_WORKLOAD_KEPT; index++) {
        int64_t value;
        char key[32];

        kept_key(self, index, key);
        require(get_number(client, key, &value) == 0, "a key cannot be read");
        if (value == DE_ABSENT) {
            value = 0;
        }
        if (value < self->acknowledged[index] || value > self->attempted[index]) {
            (void)printf("%s: %" PRId64 ", acknowledged %" PRId64 ", attempted %" PRId64 "\n", key,
                         value, self->acknowledged[index], self->attempted[index]);
            ok = false;
        }
    }
    return ok;
}

bool de_workload_verify(struct de_workload *workload, struct dengine_client *client)
{
    bool ok = verify_counter(workload, client);
    uint32_t at;

    for (at = 0; at < DE_WORKLOAD_KEEPER_THREADS; at++) {
        ok =
            verify_kept(
                &workload->threads[DE_WORKLOAD_REGISTER_THREADS + DE_WORKLOAD_COUNTER_THREADS + at],
                client) &&
            ok;
    }
    return ok;
}
