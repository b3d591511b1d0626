#include "tests/processes/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* More than any test's child prints. */
#define TEXT_BYTES_MAX (64u * 1024 * 1024)

#define REQUIRE(condition) ((condition) ? (void)0 : fail(#condition, __LINE__))

struct text {
    char *bytes; /* with a terminator */
    size_t size;
};

struct de_process {
    pid_t pid;
    bool reaped;
    int status;         /* of waitpid, when reaped */
    int descriptors[2]; /* the child's standard output and standard error, to read from */
    pthread_t reader;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* Guarded by mutex: */
    struct text texts[2];
    bool ended;      /* both are at their end: the child has gone */
    char *copies[2]; /* what was given to the caller last */
};

static void fail(const char *condition, int line)
{
    (void)fprintf(stderr, "process.c:%d: %s (errno %d)\n", line, condition, errno);
    abort();
}

uint64_t de_now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- reading ---- */

static void append(struct de_process *process, int which, const char *bytes, size_t size)
{
    struct text *text = &process->texts[which];

    (void)pthread_mutex_lock(&process->mutex);
    REQUIRE(text->size + size < TEXT_BYTES_MAX);
    text->bytes = realloc(text->bytes, text->size + size + 1);
    REQUIRE(text->bytes != NULL);
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
    text->bytes[text->size] = '\0';
    (void)pthread_cond_broadcast(&process->changed);
    (void)pthread_mutex_unlock(&process->mutex);
}

static void *read_all(void *context)
{
    struct de_process *process = context;
    struct pollfd polled[2] = {{process->descriptors[0], POLLIN, 0},
                               {process->descriptors[1], POLLIN, 0}};
    int open_count = 2;

    while (open_count > 0) {
        int which;

        (void)poll(polled, 2, -1);
        for (which = 0; which < 2; which++) {
            char bytes[16 * 1024];
            ssize_t size;

            if (polled[which].fd < 0 || polled[which].revents == 0) {
                continue;
            }
            size = read(polled[which].fd, bytes, sizeof bytes);
            if (size > 0) {
                append(process, which, bytes, (size_t)size);
            } else if (size == 0 || errno != EINTR) {
                polled[which].fd = -1;
                open_count--;
            }
        }
    }
    (void)pthread_mutex_lock(&process->mutex);
    process->ended = true;
    (void)pthread_cond_broadcast(&process->changed);
    (void)pthread_mutex_unlock(&process->mutex);
    return NULL;
}

/* ---- starting ---- */

/* In the child. */
__attribute__((noreturn)) static void become(const char *const *argv, int input, int output,
                                             int errors, pid_t parent)
{
    char *const *arguments;
    sigset_t none;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) { /* it died before the line above */
        _exit(126);
    }
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)dup2(input, STDIN_FILENO);
    (void)dup2(output, STDOUT_FILENO);
    (void)dup2(errors, STDERR_FILENO);
    /* execv changes nothing; its type is older than const. */
    memcpy(&arguments, &argv, sizeof arguments);
    (void)execv(argv[0], arguments);
    (void)fprintf(stderr, "cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

/* A file that holds input, read from its start. */
static int input_file(const char *input)
{
    FILE *file;
    int descriptor;

    if (input == NULL) {
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    file = tmpfile();
    REQUIRE(file != NULL);
    REQUIRE(fputs(input, file) >= 0 && fflush(file) == 0);
    rewind(file);
    descriptor = fcntl(fileno(file), F_DUPFD_CLOEXEC, 0);
    (void)fclose(file);
    return descriptor;
}

struct de_process *de_process_start(const char *const *argv, const char *input)
{
    struct de_process *process = calloc(1, sizeof *process);
    const pid_t parent = getpid();
    pthread_condattr_t attributes;
    int output[2];
    int errors[2];
    int in;

    REQUIRE(process != NULL);
    in = input_file(input);
    REQUIRE(in >= 0 && pipe2(output, O_CLOEXEC) == 0 && pipe2(errors, O_CLOEXEC) == 0);
    (void)fflush(stdout);
    process->pid = fork();
    REQUIRE(process->pid >= 0);
    if (process->pid == 0) {
        become(argv, in, output[1], errors[1], parent);
    }
    (void)close(in);
    (void)close(output[1]);
    (void)close(errors[1]);
    process->descriptors[0] = output[0];
    process->descriptors[1] = errors[0];
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    REQUIRE(pthread_mutex_init(&process->mutex, NULL) == 0);
    REQUIRE(pthread_cond_init(&process->changed, &attributes) == 0);
    (void)pthread_condattr_destroy(&attributes);
    append(process, 0, "", 0);
    append(process, 1, "", 0);
    REQUIRE(pthread_create(&process->reader, NULL, read_all, process) == 0);
    return process;
}

/* ---- waiting ---- */

static struct timespec deadline_after(uint32_t timeout_ms)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(timeout_ms / 1000);
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    return until;
}

bool de_process_expect(struct de_process *process, const char *text, size_t from,
                       uint32_t timeout_ms)
{
    const struct timespec until = deadline_after(timeout_ms);
    bool found = false;
    int err = 0;

    (void)pthread_mutex_lock(&process->mutex);
    for (;;) {
        const struct text *errors = &process->texts[1];

        found = errors->size >= from && strstr(errors->bytes + from, text) != NULL;
        if (found || process->ended || err == ETIMEDOUT) {
            break;
        }
        err = pthread_cond_timedwait(&process->changed, &process->mutex, &until);
    }
    (void)pthread_mutex_unlock(&process->mutex);
    return found;
}

long de_process_id(const struct de_process *process)
{
    REQUIRE(process != NULL);
    return process->pid;
}

void de_process_signal(struct de_process *process, int signal)
{
    if (!process->reaped) {
        (void)kill(process->pid, signal);
    }
}

static int exit_code(int status)
{
    return WIFSIGNALED(status) ? DE_PROCESS_SIGNALLED + WTERMSIG(status) : WEXITSTATUS(status);
}

int de_process_wait(struct de_process *process, uint32_t timeout_ms)
{
    const struct timespec until = deadline_after(timeout_ms);
    bool ended;
    int err = 0;

    (void)pthread_mutex_lock(&process->mutex);
    while (!process->ended && err != ETIMEDOUT) {
        err = pthread_cond_timedwait(&process->changed, &process->mutex, &until);
    }
    ended = process->ended;
    (void)pthread_mutex_unlock(&process->mutex);
    if (!ended) {
        return -1;
    }
    if (!process->reaped) {
        REQUIRE(waitpid(process->pid, &process->status, 0) == process->pid);
        process->reaped = true;
    }
    return exit_code(process->status);
}

/* ---- looking ---- */

static const char *copy_text(struct de_process *process, int which, size_t *size)
{
    const struct text *text = &process->texts[which];

    (void)pthread_mutex_lock(&process->mutex);
    process->copies[which] = realloc(process->copies[which], text->size + 1);
    REQUIRE(process->copies[which] != NULL);
    memcpy(process->copies[which], text->bytes, text->size + 1);
    *size = text->size;
    (void)pthread_mutex_unlock(&process->mutex);
    return process->copies[which];
}

const char *de_process_output(struct de_process *process, size_t *size)
{
    return copy_text(process, 0, size);
}

const char *de_process_errors(struct de_process *process)
{
    size_t size;

    return copy_text(process, 1, &size);
}

void de_process_free(struct de_process *process)
{
    if (process == NULL) {
        return;
    }
    if (!process->reaped) {
        (void)kill(process->pid, SIGKILL);
        REQUIRE(waitpid(process->pid, &process->status, 0) == process->pid);
        process->reaped = true;
    }
    REQUIRE(pthread_join(process->reader, NULL) == 0);
    (void)close(process->descriptors[0]);
    (void)close(process->descriptors[1]);
    (void)pthread_cond_destroy(&process->changed);
    (void)pthread_mutex_destroy(&process->mutex);
    free(process->texts[0].bytes);
    free(process->texts[1].bytes);
    free(process->copies[0]);
    free(process->copies[1]);
    free(process);
}

struct de_process *de_process_run(const char *const *argv, const char *input, uint32_t timeout_ms,
                                  int *status)
{
    struct de_process *process = de_process_start(argv, input);

    *status = de_process_wait(process, timeout_ms);
    if (*status == -1) {
        (void)fprintf(stderr, "%s did not end within %u ms\n", argv[0], (unsigned)timeout_ms);
    }
    return process;
}

uint16_t de_process_listening(struct de_process *process, uint32_t timeout_ms)
{
    const char *at;

    if (!de_process_expect(process, " version=", 0, timeout_ms)) {
        (void)fprintf(stderr, "no server came up:\n%s\n", de_process_errors(process));
        return 0;
    }
    at = strstr(de_process_errors(process), " port=");
    return at != NULL ? (uint16_t)strtoul(at + 6, NULL, 10) : 0;
}
