/* As lock.c, in a program with an event loop of its own (libev), which no call ever holds up.
 *
 *   lock_loop ENDPOINTS TIMES [PAUSE_MS]
 *
 * Each step is a chain of calls that end in _async: acquire, read, rest, write, release. Their
 * callbacks come from a thread of the library. They leave what they were told in a mailbox and wake
 * the loop, which goes on with the next call. Meanwhile the loop does other things: here it counts
 * the ticks of a timer, and says at the end what the longest time between two of them was. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <dengine/lock.h>
#include <ev.h>

#define LEASE_MS 2000
#define TICK_S   0.01

enum step { ACQUIRE, READ, REST, WRITE, RELEASE, CLOSE };

struct program {
    struct ev_loop *loop;
    ev_async mail;
    ev_timer rest;
    ev_timer tick;
    double ticked_at;
    double longest_tick;
    struct dengine_client *client;
    struct dengine_lock *lock;
    enum step step; /* that is under way */
    long times;     /* to go */
    double pause;
    long number;
    int failed;
    pthread_mutex_t mutex;
    /* The mailbox, guarded by mutex. One call is under way at a time, so one letter is enough. */
    int status;
    int succeeded;
    char value[32];
};

/* ---- in a thread of the library ---- */

static void answered(void *context, struct dengine_reply *reply)
{
    struct program *program = context;

    pthread_mutex_lock(&program->mutex);
    program->status = reply->status;
    program->succeeded = reply->succeeded;
    snprintf(program->value, sizeof program->value, "%.*s", (int)reply->value.size,
             reply->value.size > 0 ? (const char *)reply->value.data : "");
    pthread_mutex_unlock(&program->mutex);
    dengine_value_free(&reply->value);
    dengine_txn_result_free(&reply->txn);
    ev_async_send(program->loop, &program->mail);
}

/* ---- in the loop ---- */

static void begin(struct program *program, enum step step);

/* The end of a step that could not even begin. */
static void give_up(struct program *program, const char *what, int err)
{
    fprintf(stderr, "lock_loop: %s: %s\n", what, dengine_strerror(err));
    program->failed = 1;
    begin(program, CLOSE);
}

static int start_write(struct program *program)
{
    struct dengine_compare guard = dengine_lock_guard(program->lock);
    struct dengine_op put = {.type = DENGINE_OP_PUT, .key = DENGINE_STR("total")};
    struct dengine_txn txn = {&guard, 1, &put, 1, NULL, 0};
    char text[32];

    snprintf(text, sizeof text, "%ld", program->number);
    put.value = DENGINE_STR(text);
    return dengine_txn_async(program->client, &txn, NULL, answered, program);
}

static void begin(struct program *program, enum step step)
{
    int err = 0;

    program->step = step;
    switch (step) {
    case ACQUIRE:
        err = dengine_lock_acquire_async(program->lock, 60000, answered, program);
        break;
    case READ:
        err = dengine_get_async(program->client, DENGINE_STR("total"), DENGINE_LINEARIZABLE, NULL,
                                answered, program);
        break;
    case REST:
        ev_timer_set(&program->rest, program->pause, 0.);
        ev_timer_start(program->loop, &program->rest);
        break;
    case WRITE:
        err = start_write(program);
        break;
    case RELEASE:
        err = dengine_lock_release_async(program->lock, answered, program);
        break;
    case CLOSE:
        dengine_lock_close_async(program->lock, answered, program);
        break;
    }
    if (err != 0) {
        give_up(program, "a call could not begin", err);
    }
}

static void written(struct program *program, int status, int succeeded)
{
    unsigned long long token = dengine_lock_token(program->lock);

    if (status == 0 && succeeded) {
        printf("wrote %ld with token %llu\n", program->number, token);
        program->times--;
    } else if (status == 0) {
        printf("refused: token %llu is of yesterday\n", token);
    } else {
        printf("not known whether %ld was written: %s\n", program->number,
               dengine_strerror(status));
    }
    begin(program, RELEASE);
}

/* The call of program->step has ended: what comes next. */
static void go_on(struct program *program, int status, int succeeded, const char *value)
{
    switch (program->step) {
    case ACQUIRE:
        if (status == 0) {
            printf("held with token %llu\n", (unsigned long long)dengine_lock_token(program->lock));
            begin(program, READ);
        } else if (status == DENGINE_E_NO_LEASE) { /* to the end of the queue */
            begin(program, ACQUIRE);
        } else {
            give_up(program, "acquire", status);
        }
        break;
    case READ:
        if (status != 0 && status != DENGINE_E_NOT_FOUND) {
            begin(program, RELEASE);
        } else {
            program->number = strtol(value, NULL, 10) + 1;
            begin(program, REST);
        }
        break;
    case REST:
        begin(program, WRITE);
        break;
    case WRITE:
        written(program, status, succeeded);
        break;
    case RELEASE: /* after an error it is free when its lease has ended */
        begin(program, program->times > 0 ? ACQUIRE : CLOSE);
        break;
    case CLOSE:
        ev_break(program->loop, EVBREAK_ALL);
        break;
    }
}

static void on_mail(struct ev_loop *loop, ev_async *mail, int events)
{
    struct program *program = mail->data;
    char value[sizeof program->value];
    int succeeded;
    int status;

    (void)loop;
    (void)events;
    pthread_mutex_lock(&program->mutex);
    status = program->status;
    succeeded = program->succeeded;
    snprintf(value, sizeof value, "%s", program->value);
    pthread_mutex_unlock(&program->mutex);
    go_on(program, status, succeeded, value);
}

static void on_rest(struct ev_loop *loop, ev_timer *rest, int events)
{
    (void)loop;
    (void)events;
    go_on(rest->data, 0, 1, "");
}

static void on_tick(struct ev_loop *loop, ev_timer *tick, int events)
{
    struct program *program = tick->data;
    double now = ev_now(loop);

    (void)events;
    if (now - program->ticked_at > program->longest_tick) {
        program->longest_tick = now - program->ticked_at;
    }
    program->ticked_at = now;
}

static void run(struct program *program)
{
    program->loop = ev_default_loop(0);
    ev_async_init(&program->mail, on_mail);
    ev_init(&program->rest, on_rest);
    ev_timer_init(&program->tick, on_tick, TICK_S, TICK_S);
    program->mail.data = program->rest.data = program->tick.data = program;
    program->ticked_at = ev_now(program->loop);
    ev_async_start(program->loop, &program->mail);
    ev_timer_start(program->loop, &program->tick);
    begin(program, ACQUIRE);
    ev_run(program->loop, 0);
    printf("the loop was never away for more than %d ms\n", (int)(program->longest_tick * 1e3));
}

int main(int argc, char **argv)
{
    struct dengine_lock_options options = {.lease_ms = LEASE_MS};
    struct program program = {.mutex = PTHREAD_MUTEX_INITIALIZER};

    if (argc < 3 || dengine_connect(argv[1], NULL, &program.client) != 0) {
        fprintf(stderr, "usage: lock_loop ENDPOINTS TIMES [PAUSE_MS]\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    program.times = strtol(argv[2], NULL, 10);
    program.pause = argc > 3 ? strtod(argv[3], NULL) / 1e3 : 0.;
    if (dengine_lock_open(program.client, DENGINE_STR("total"), &options, &program.lock) != 0) {
        fprintf(stderr, "lock_loop: %s\n", dengine_last_error(program.client));
        program.failed = 1;
    } else {
        run(&program);
    }
    dengine_disconnect(program.client);
    return program.failed;
}
