#include "cli/lock_command.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <dengine/lock.h>

#include "cli/attention.h"
#include "cli/report.h"
#include "core/base/assert.h"

struct holding {
    const struct de_cli_arguments *arguments;
    struct dengine_client *client;
    struct dengine_lock *lock;
    struct de_cli_attention attention;
    pthread_mutex_t mutex;
    /* Guarded by mutex: */
    bool answered; /* the acquire */
    int err;
    char text[300];
    bool lost;
};

/* ---- from a thread of the library ---- */

static void acquired(void *context, struct dengine_reply *reply)
{
    struct holding *holding = context;

    (void)pthread_mutex_lock(&holding->mutex);
    holding->answered = true;
    holding->err = reply->status;
    (void)snprintf(holding->text, sizeof holding->text, "%.299s", dengine_last_error(NULL));
    (void)pthread_mutex_unlock(&holding->mutex);
    de_cli_attention_say(&holding->attention);
}

static void lost(void *context)
{
    struct holding *holding = context;

    (void)pthread_mutex_lock(&holding->mutex);
    holding->lost = true;
    (void)pthread_mutex_unlock(&holding->mutex);
    de_cli_attention_say(&holding->attention);
}

/* ---- waiting for the lock ---- */

static bool is_answered(struct holding *holding, int *err)
{
    bool answered;

    (void)pthread_mutex_lock(&holding->mutex);
    answered = holding->answered;
    *err = holding->err;
    (void)pthread_mutex_unlock(&holding->mutex);
    return answered;
}

/* 0 when the lock is held; or an error, and then *signal is what ended the waiting, or 0. */
static int acquire(struct holding *holding, int *signal)
{
    const uint32_t timeout_ms =
        holding->arguments->timeout_ms != 0 ? holding->arguments->timeout_ms : UINT32_MAX;
    int err;

    *signal = 0;
    do {
        holding->answered = false;
        err = dengine_lock_acquire_async(holding->lock, timeout_ms, acquired, holding);
        while (err == 0 && !is_answered(holding, &err)) {
            const int got = de_cli_attention_wait(&holding->attention);

            if (got != 0 && got != SIGCHLD) {
                *signal = got;
                dengine_lock_cancel(holding->lock);
            }
        }
    } while (err == DENGINE_E_NO_LEASE && *signal == 0); /* its place is gone: to the end again */
    return err;
}

/* ---- the program ---- */

static int set_number(const char *name, uint64_t number)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    return setenv(name, text, 1);
}

/* What the program can show others that it holds the lock. */
static bool tell_program(const struct holding *holding)
{
    const struct dengine_compare guard = dengine_lock_guard(holding->lock);
    char key[DENGINE_LOCK_NAME_MAX + 24];

    DE_ASSERT(guard.key.size < sizeof key);
    (void)snprintf(key, sizeof key, "%.*s", (int)guard.key.size, (const char *)guard.key.data);
    return set_number("DENGINE_LOCK_TOKEN", dengine_lock_token(holding->lock)) == 0 &&
           setenv("DENGINE_LOCK_KEY", key, 1) == 0 &&
           set_number("DENGINE_LOCK_REVISION", guard.number) == 0;
}

/* In the new process, which is one thread that may only do what a signal handler might: it becomes
 * the program, or tells why not. When who holds the lock for it is killed, nobody keeps the lock
 * any more, and the program is told as when it is lost. */
static _Noreturn void become(const struct holding *holding, pid_t parent, int why)
{
    int err;

    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) {
        _exit(STATUS_LOCK_LOST); /* it was killed before that */
    }
    (void)signal(SIGPIPE, SIG_DFL); /* which this program ignores, as the next one */
    (void)signal(SIGXFSZ, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, de_cli_attention_before(&holding->attention), NULL);
    (void)execvp(holding->arguments->program[0], holding->arguments->program);
    err = errno;
    (void)!write(why, &err, sizeof err);
    _exit(STATUS_CANNOT_RUN);
}

/* Not by fork(), which gRPC would have to be told of; posix_spawn has no death signal. 0 or errno.
 */
static int spawn(const struct holding *holding, pid_t *id)
{
    const pid_t parent = getpid();
    int ends[2];
    int err = 0;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        return errno;
    }
    *id = _Fork();
    if (*id == 0) {
        become(holding, parent, ends[1]);
    }
    err = *id < 0 ? errno : 0;
    (void)close(ends[1]);
    if (err == 0 && read(ends[0], &err, sizeof err) == (ssize_t)sizeof err) {
        (void)waitpid(*id, NULL, 0);
    }
    (void)close(ends[0]);
    return err;
}

static bool is_lost(struct holding *holding)
{
    bool result;

    (void)pthread_mutex_lock(&holding->mutex);
    result = holding->lost;
    (void)pthread_mutex_unlock(&holding->mutex);
    return result;
}

/* Tells the program to end. */
static void tell_loss(const struct holding *holding, pid_t id)
{
    (void)kill(id, SIGTERM);
    if (holding->arguments->json) {
        (void)puts("{\"lost\":true}");
        (void)fflush(stdout);
    } else {
        (void)fputs(
            "dengine-cli: the lock may be lost, and somebody else may hold it; sent SIGTERM "
            "to the command\n",
            stderr);
    }
}

/* Until the program has ended; the exit status. What comes from the terminal it gets as well. */
static int attend(struct holding *holding, pid_t id)
{
    bool told = false;
    int status = 0;

    while (waitpid(id, &status, WNOHANG) == 0) {
        const int got = de_cli_attention_wait(&holding->attention);

        if (got == SIGTERM || got == SIGHUP) {
            (void)kill(id, got);
        }
        if (got == 0 && !told && is_lost(holding)) {
            tell_loss(holding, id);
            told = true;
        }
    }
    if (!told && !dengine_lock_held(holding->lock)) {
        (void)fputs("dengine-cli: the lock was lost before the command ended\n", stderr);
        told = true;
    }
    if (told) {
        return STATUS_LOCK_LOST;
    }
    return WIFSIGNALED(status) ? STATUS_SIGNALLED + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run_program(struct holding *holding)
{
    pid_t id = 0;
    int err = tell_program(holding) ? spawn(holding, &id) : ENOMEM;

    if (err != 0) {
        (void)fprintf(stderr, "dengine-cli: %s: %s\n", holding->arguments->program[0],
                      strerror(err));
        return err == ENOENT ? STATUS_NO_PROGRAM : STATUS_CANNOT_RUN;
    }
    return attend(holding, id);
}

/* ---- the command ---- */

static int report(struct holding *holding, int err, int signal)
{
    DE_ASSERT(err != 0 || signal != 0);
    if (signal != 0) {
        return STATUS_SIGNALLED + signal;
    }
    if (err == DENGINE_E_TIMEOUT && holding->text[0] == '\0') {
        (void)fputs(holding->arguments->json ? "{\"held\":false}\n" : "", stdout);
        (void)fputs(holding->arguments->json ? "" : "dengine-cli: others have the lock\n", stderr);
        return STATUS_FALSE;
    }
    return de_cli_report_failure(holding->arguments, err, holding->text, false);
}

static int hold(struct holding *holding)
{
    int signal;
    int status;
    int err = acquire(holding, &signal);

    if (err == 0 && signal == 0) {
        status = run_program(holding);
    } else { /* also when the signal and the lock came together */
        status = report(holding, err, signal);
    }
    err = dengine_lock_close(holding->lock);
    if (err != 0) {
        (void)fprintf(stderr, "dengine-cli: the lock is free when its lease has ended: %s\n",
                      dengine_strerror(err));
    }
    return status;
}

int de_cli_lock(const struct de_cli_arguments *arguments, struct dengine_client *client)
{
    struct holding holding = {
        .arguments = arguments, .client = client, .mutex = PTHREAD_MUTEX_INITIALIZER};
    const struct dengine_lock_options options = {
        .lease_ms = (uint32_t)(arguments->ttl_s * 1000), .lost = lost, .context = &holding};
    struct dengine_cluster_status cluster;
    int status;
    int err;

    /* What cannot be reached may be a slip of the pen, and is not waited for. */
    err = dengine_cluster_status(client, NULL, &cluster);
    if (err == 0) {
        err =
            dengine_lock_open(client, dengine_str(arguments->operand[0]), &options, &holding.lock);
    }
    if (err != 0) {
        return de_cli_report_error(arguments, client, err, false);
    }
    if (!de_cli_attention_begin(&holding.attention)) {
        (void)dengine_lock_close(holding.lock);
        return de_cli_report_failure(arguments, DENGINE_E_NO_MEMORY, strerror(errno), false);
    }
    status = hold(&holding);
    de_cli_attention_end(&holding.attention);
    return status;
}
