#include "sim-tests/tool/sweep.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "sim-tests/tool/seed_run.h"

#define WORKERS_MAX 256u

struct worker {
    pid_t pid; /* 0 = none */
    int pipe;  /* read end */
    FILE *errors;
    uint64_t next_seed; /* not answered for yet */
    uint8_t buffer[sizeof(struct de_run_result)];
    size_t filled;
};

struct sweep {
    const struct de_tool_options *options;
    struct worker workers[WORKERS_MAX];
    uint32_t count;
    uint64_t stride; /* between two seeds of one worker */
    struct de_sweep_totals *totals;
    void (*each)(void *context, const struct de_run_result *result);
    void *context;
    struct timespec started;
    bool terminal;
};

static uint64_t wall_ns(const struct sweep *sweep)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)((now.tv_sec - sweep->started.tv_sec) * 1000000000 + now.tv_nsec -
                      sweep->started.tv_nsec);
}

/* How long there is until the budget is over, in milliseconds; -1: for ever. */
static int budget_left_ms(const struct sweep *sweep)
{
    const uint64_t budget_ns = sweep->options->budget_ns;
    const uint64_t now_ns = wall_ns(sweep);

    if (budget_ns == 0) {
        return -1;
    }
    if (now_ns >= budget_ns) {
        return 0;
    }
    return budget_ns - now_ns >= (uint64_t)INT_MAX * 1000000
               ? INT_MAX
               : (int)((budget_ns - now_ns) / 1000000 + 1);
}

/* How many seeds of the range are this shard's. */
static uint64_t seeds_in_all(const struct de_tool_options *options)
{
    uint64_t others = options->last_seed - options->first_seed;

    return others < options->shard ? 0 : (others - options->shard) / options->shards + 1;
}

static bool write_all(int fd, const void *data, size_t size)
{
    const uint8_t *at = data;

    while (size > 0) {
        ssize_t written = write(fd, at, size);

        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return false;
        }
        at += written;
        size -= (size_t)written;
    }
    return true;
}

_Noreturn static void worker_main(const struct sweep *sweep, int fd, FILE *errors, uint64_t seed)
{
    const struct de_tool_options *options = sweep->options;

    (void)dup2(fileno(errors), STDERR_FILENO);
    for (; seed >= options->first_seed && seed <= options->last_seed; seed += sweep->stride) {
        struct de_run_result result;

        memset(&result, 0, sizeof(result));
        de_seed_run(options, seed, NULL, &result);
        if (!write_all(fd, &result, sizeof(result)) || seed > UINT64_MAX - sweep->stride) {
            break;
        }
    }
    _exit(0);
}

static bool worker_start(struct sweep *sweep, struct worker *worker, uint64_t seed)
{
    int fds[2];

    worker->pid = 0;
    worker->filled = 0;
    worker->next_seed = seed;
    worker->errors = tmpfile();
    if (worker->errors == NULL || pipe(fds) != 0) {
        perror("dengine-sim");
        return false;
    }
    (void)fflush(NULL);
    worker->pid = fork();
    if (worker->pid == 0) {
        (void)close(fds[0]);
        worker_main(sweep, fds[1], worker->errors, seed);
    }
    (void)close(fds[1]);
    worker->pipe = fds[0];
    if (worker->pid < 0) {
        perror("dengine-sim: fork");
        worker->pid = 0;
        (void)close(fds[0]);
        return false;
    }
    return true;
}

/* Waits for the worker; true when it ended by itself and in order. */
static bool worker_end(struct worker *worker, int *status)
{
    while (waitpid(worker->pid, status, 0) < 0 && errno == EINTR) {
    }
    (void)close(worker->pipe);
    worker->pid = 0;
    return WIFEXITED(*status) && WEXITSTATUS(*status) == 0;
}

static void sweep_take(struct sweep *sweep, const struct de_run_result *result)
{
    struct de_sweep_totals *totals = sweep->totals;

    totals->seeds++;
    totals->events += result->events;
    totals->time_ns += result->time_ns;
    totals->ops_ok += result->ops_ok;
    totals->elections += result->elections;
    totals->crashes += result->crashes;
    totals->keys.checked += result->keys.checked;
    totals->keys.unknown += result->keys.unknown;
    if (result->verdict.status == DE_VERDICT_UNKNOWN) {
        if (!totals->unknown || result->seed < totals->first_unknown.seed) {
            totals->first_unknown = *result;
        }
        totals->unknown = true;
    } else if (de_verdict_failed(&result->verdict)) {
        totals->failures++;
        if (sweep->options->expect_oracle != NULL &&
            strcmp(sweep->options->expect_oracle, result->verdict.oracle) != 0) {
            totals->unexpected++;
        }
        if (!totals->failed || result->seed < totals->first_failure.seed) {
            totals->first_failure = *result;
        }
        totals->failed = true;
    }
    sweep->each(sweep->context, result);
    if (sweep->terminal) {
        const uint64_t all = seeds_in_all(sweep->options);
        const int budget_ms = budget_left_ms(sweep);
        uint64_t left_s = wall_ns(sweep) / totals->seeds * (all - totals->seeds) / 1000000000;

        if (budget_ms >= 0 && left_s > (uint64_t)budget_ms / 1000) {
            left_s = (uint64_t)budget_ms / 1000;
        }
        (void)fprintf(stderr,
                      "\r%" PRIu64 "/%" PRIu64 " seeds, %" PRIu64 " failed, %" PRIu64 " s left   ",
                      totals->seeds, all, totals->failures, left_s);
    }
}

/* The reason a worker died of: its last line on stderr that says something, or the signal. */
static void crash_result(struct worker *worker, int status, struct de_run_result *result)
{
    char text[400] = "";
    char line[400];

    memset(result, 0, sizeof(*result));
    de_verdict_init(&result->verdict);
    result->seed = worker->next_seed;
    (void)fseek(worker->errors, 0, SEEK_SET);
    while (fgets(line, sizeof(line), worker->errors) != NULL) {
        bool says = strstr(line, "assert") != NULL || strstr(line, "ERROR") != NULL ||
                    strstr(line, "error:") != NULL;

        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '\0' && (text[0] == '\0' || says)) {
            memcpy(text, line, sizeof(text));
            if (says) {
                break;
            }
        }
    }
    de_verdict_fail(&result->verdict, DE_VERDICT_CRASH, 0,
                    strstr(text, "assert") != NULL ? "assert" : "crash", "%s%s%s",
                    WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "exit",
                    text[0] != '\0' ? ": " : "", text);
}

static bool wanted(const struct sweep *sweep, uint64_t seed)
{
    return seed <= sweep->options->last_seed && seed >= sweep->options->first_seed &&
           !sweep->totals->out_of_time &&
           (sweep->options->keep_going || !sweep->totals->failed ||
            seed < sweep->totals->first_failure.seed);
}

/* Reads what the worker has to say. */
static bool worker_read(struct sweep *sweep, struct worker *worker)
{
    struct de_run_result result;
    int status;
    ssize_t got = read(worker->pipe, worker->buffer + worker->filled,
                       sizeof(worker->buffer) - worker->filled);

    if (got < 0 && errno == EINTR) {
        return true;
    }
    if (got > 0) {
        worker->filled += (size_t)got;
        if (worker->filled == sizeof(result)) {
            memcpy(&result, worker->buffer, sizeof(result));
            worker->filled = 0;
            worker->next_seed += sweep->stride;
            sweep_take(sweep, &result);
        }
        return true;
    }
    if (!worker_end(worker, &status)) {
        crash_result(worker, status, &result);
        sweep_take(sweep, &result);
        worker->next_seed += sweep->stride;
    }
    (void)fclose(worker->errors);
    worker->errors = NULL;
    /* Goes on after a seed that was its predecessor's end. */
    return !wanted(sweep, worker->next_seed) || worker_start(sweep, worker, worker->next_seed);
}

static void note_time(struct sweep *sweep)
{
    if (budget_left_ms(sweep) == 0 && sweep->totals->seeds < seeds_in_all(sweep->options)) {
        sweep->totals->out_of_time = true;
    }
}

static bool sweep_turn(struct sweep *sweep)
{
    struct pollfd fds[WORKERS_MAX];
    struct worker *of[WORKERS_MAX];
    nfds_t count = 0;
    int status;

    note_time(sweep);
    for (uint32_t i = 0; i < sweep->count; i++) {
        struct worker *worker = &sweep->workers[i];

        if (worker->pid != 0 && !wanted(sweep, worker->next_seed) &&
            worker->next_seed <= sweep->options->last_seed) {
            /* A smaller seed has failed, or there is no time left: nobody waits for this one. */
            (void)kill(worker->pid, SIGKILL);
            (void)worker_end(worker, &status);
            (void)fclose(worker->errors);
        }
        if (worker->pid != 0) {
            fds[count].fd = worker->pipe;
            fds[count].events = POLLIN;
            fds[count].revents = 0;
            of[count++] = worker;
        }
    }
    if (count == 0) {
        return false;
    }
    if (poll(fds, count, budget_left_ms(sweep)) < 0) {
        return errno == EINTR;
    }
    for (nfds_t i = 0; i < count; i++) {
        if (fds[i].revents != 0 && !worker_read(sweep, of[i])) {
            return false;
        }
    }
    return true;
}

/* In this process, for debuggers. */
static void sweep_here(struct sweep *sweep)
{
    for (uint64_t seed = sweep->options->first_seed + sweep->options->shard; wanted(sweep, seed);
         seed += sweep->options->shards) {
        struct de_run_result result;

        de_seed_run(sweep->options, seed, NULL, &result);
        sweep_take(sweep, &result);
        note_time(sweep);
        if (seed > UINT64_MAX - sweep->options->shards) {
            break;
        }
    }
}

int de_sweep(const struct de_tool_options *options,
             void (*each)(void *context, const struct de_run_result *result), void *context,
             struct de_sweep_totals *totals)
{
    struct sweep *sweep = calloc(1, sizeof(*sweep));
    uint64_t all = seeds_in_all(options);
    int err = 0;

    if (sweep == NULL) {
        return -1;
    }
    memset(totals, 0, sizeof(*totals));
    sweep->options = options;
    sweep->count = options->jobs > all ? (uint32_t)all : options->jobs;
    sweep->stride = (uint64_t)sweep->count * options->shards;
    sweep->totals = totals;
    sweep->each = each;
    sweep->context = context;
    sweep->terminal = isatty(STDERR_FILENO) != 0 && all > 1;
    (void)clock_gettime(CLOCK_MONOTONIC, &sweep->started);
    if (options->jobs == 0) {
        sweep_here(sweep);
    }
    for (uint32_t i = 0; err == 0 && i < sweep->count; i++) {
        err = worker_start(sweep, &sweep->workers[i],
                           options->first_seed + options->shard + i * options->shards)
                  ? 0
                  : -1;
    }
    while (err == 0 && sweep_turn(sweep)) {
    }
    totals->wall_ns = wall_ns(sweep);
    if (!totals->failed && de_recorder_too_many_unknown(&totals->keys)) {
        DE_ASSERT(totals->unknown);
        totals->first_failure = totals->first_unknown;
        totals->failures++;
        totals->failed = true;
    }
    if (sweep->terminal) {
        (void)fputc('\n', stderr);
    }
    free(sweep);
    return err;
}
