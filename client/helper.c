#include "client/helper.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/calling_back.h"
#include "client/client_ops.h"
#include "client/monotonic.h"
#include "core/base/assert.h"

struct de_helper {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* Guarded by mutex: */
    bool started;
    bool parted;    /* the client is taking itself apart */
    bool ending;    /* and has ended all calls */
    bool stopped;   /* the thread is no more */
    bool running;   /* a task */
    uint32_t users; /* the client, and each task: the memory lives until the last has gone */
    struct de_task *tasks;
    struct de_task *first_due;
    struct de_task **last_due;
    struct de_alarms alarms;
};

/* ---- the client that is gone ---- */

static int gone_start(struct dengine_client *client, const struct de_client_call *call)
{
    DE_ASSERT(client != NULL && call != NULL);
    return DENGINE_E_SHUTDOWN;
}

static int gone_watch(struct dengine_client *client, const struct dengine_watch_options *options,
                      struct de_watch_feed **feed)
{
    DE_ASSERT(client != NULL && options != NULL);
    *feed = NULL;
    return DENGINE_E_SHUTDOWN;
}

static void gone_disconnect(struct dengine_client *client)
{
    (void)client;
}

static const struct de_client_ops gone_ops = {
    .start = gone_start, .watch = gone_watch, .disconnect = gone_disconnect};

static const struct dengine_client gone = {.ops = &gone_ops, .timeout_ms = 1};

bool de_task_orphaned(const struct de_task *task)
{
    struct de_helper *helper = task->helper;
    bool orphaned;

    (void)pthread_mutex_lock(&helper->mutex);
    orphaned = helper->parted;
    (void)pthread_mutex_unlock(&helper->mutex);
    return orphaned;
}

/* Nobody changes what is gone. */
struct dengine_client *de_task_client(const struct de_task *task)
{
    return de_task_orphaned(task) ? (struct dengine_client *)(uintptr_t)&gone : task->client;
}

/* ---- the thread ---- */

/* Under the lock. */
static void make_due(struct de_helper *helper, struct de_task *task)
{
    if (!task->due) {
        task->due = true;
        task->next_due = NULL;
        *helper->last_due = task;
        helper->last_due = &task->next_due;
        (void)pthread_cond_broadcast(&helper->changed);
    }
}

static struct de_task *take_due(struct de_helper *helper)
{
    struct de_task *task = helper->first_due;

    if (task != NULL) {
        DE_ASSERT(task->due);
        helper->first_due = task->next_due;
        if (helper->first_due == NULL) {
            helper->last_due = &helper->first_due;
        }
        task->due = false;
    }
    return task;
}

static void ring_alarms(struct de_helper *helper)
{
    const uint64_t now_ns = de_monotonic_ns();

    while (helper->alarms.earliest != NULL && helper->alarms.earliest->at_ns <= now_ns) {
        struct de_alarm *alarm = helper->alarms.earliest;

        de_alarms_clear(&helper->alarms, alarm);
        make_due(helper, DE_CONTAINER_OF(alarm, struct de_task, alarm));
    }
}

/* Under the lock, which is given up meanwhile. */
static void run_due(struct de_helper *helper)
{
    struct de_task *task;

    while ((task = take_due(helper)) != NULL) {
        helper->running = true;
        (void)pthread_mutex_unlock(&helper->mutex);
        de_calling_back_begin();
        task->run(task); /* after which it may be no more */
        de_calling_back_end();
        (void)pthread_mutex_lock(&helper->mutex);
        helper->running = false;
        if (helper->parted) {
            (void)pthread_cond_broadcast(&helper->changed);
        }
    }
}

static void *help(void *argument)
{
    struct de_helper *helper = argument;

    (void)pthread_mutex_lock(&helper->mutex);
    while (!helper->ending || helper->first_due != NULL) {
        ring_alarms(helper);
        if (helper->first_due != NULL) {
            run_due(helper);
        } else if (helper->ending) {
            break;
        } else if (helper->alarms.earliest != NULL) {
            de_monotonic_wait(&helper->changed, &helper->mutex, helper->alarms.earliest->at_ns);
        } else {
            (void)pthread_cond_wait(&helper->changed, &helper->mutex);
        }
    }
    helper->stopped = true;
    (void)pthread_mutex_unlock(&helper->mutex);
    return NULL;
}

/* Under the lock. Signals belong to the application: this thread takes none. */
static int start_thread(struct de_helper *helper)
{
    sigset_t all;
    sigset_t before;
    int err;

    if (helper->started) {
        return 0;
    }
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    err = pthread_create(&helper->thread, NULL, help, helper);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    helper->started = err == 0;
    return err == 0 ? 0 : DENGINE_E_NO_MEMORY;
}

/* ---- beginning and end ---- */

struct de_helper *de_helper_new(void)
{
    struct de_helper *helper = calloc(1, sizeof *helper);
    int err;

    if (helper != NULL) {
        err = pthread_mutex_init(&helper->mutex, NULL);
        DE_ASSERT(err == 0);
        de_monotonic_condition_init(&helper->changed);
        helper->last_due = &helper->first_due;
        helper->users = 1;
    }
    return helper;
}

/* Under the lock, which it gives up. */
static void drop(struct de_helper *helper)
{
    bool last;

    DE_ASSERT(helper->users > 0);
    helper->users--;
    last = helper->users == 0;
    (void)pthread_mutex_unlock(&helper->mutex);
    if (last) {
        DE_ASSERT(helper->tasks == NULL && helper->first_due == NULL);
        (void)pthread_cond_destroy(&helper->changed);
        (void)pthread_mutex_destroy(&helper->mutex);
        free(helper);
    }
}

void de_helper_part(struct de_helper *helper)
{
    if (helper == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&helper->mutex);
    helper->parted = true;
    while (helper->running) { /* it may have the client at hand */
        (void)pthread_cond_wait(&helper->changed, &helper->mutex);
    }
    (void)pthread_mutex_unlock(&helper->mutex);
}

void de_helper_end(struct de_helper *helper)
{
    struct de_task *task;
    bool started;
    int err;

    if (helper == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&helper->mutex);
    helper->parted = true;
    helper->ending = true;
    for (task = helper->tasks; task != NULL; task = task->next) {
        make_due(helper, task);
    }
    (void)pthread_cond_broadcast(&helper->changed);
    started = helper->started;
    (void)pthread_mutex_unlock(&helper->mutex);
    if (started) {
        err = pthread_join(helper->thread, NULL);
        DE_ASSERT(err == 0);
    }
    (void)pthread_mutex_lock(&helper->mutex);
    drop(helper);
}

/* ---- tasks ---- */

int de_task_init(struct de_task *task, struct dengine_client *client,
                 void (*run)(struct de_task *task))
{
    struct de_helper *helper = client->helper;
    int err;

    if (helper == NULL) { /* the client is gone */
        return DENGINE_E_SHUTDOWN;
    }
    *task = (struct de_task){.helper = helper, .client = client, .run = run};
    (void)pthread_mutex_lock(&helper->mutex);
    err = helper->parted ? DENGINE_E_SHUTDOWN : start_thread(helper);
    if (err == 0) {
        helper->users++;
        task->next = helper->tasks;
        task->previous = &helper->tasks;
        if (task->next != NULL) {
            task->next->previous = &task->next;
        }
        helper->tasks = task;
    }
    (void)pthread_mutex_unlock(&helper->mutex);
    return err;
}

/* Under the lock. */
static void forget_due(struct de_helper *helper, struct de_task *task)
{
    struct de_task **at = &helper->first_due;

    while (*at != task) {
        DE_ASSERT(*at != NULL);
        at = &(*at)->next_due;
    }
    *at = task->next_due;
    if (helper->last_due == &task->next_due) {
        helper->last_due = at;
    }
    task->due = false;
}

void de_task_deinit(struct de_task *task)
{
    struct de_helper *helper = task->helper;

    (void)pthread_mutex_lock(&helper->mutex);
    DE_ASSERT(!task->asking && !task->answered);
    de_alarms_clear(&helper->alarms, &task->alarm);
    if (task->due) {
        forget_due(helper, task);
    }
    *task->previous = task->next;
    if (task->next != NULL) {
        task->next->previous = task->previous;
    }
    drop(helper);
}

/* Under the lock, which it gives up. When the thread is no more, what is due is run here. */
static void leave(struct de_helper *helper)
{
    helper->users++; /* the tasks may take theirs with them */
    if (helper->stopped && !helper->running) {
        run_due(helper);
    }
    drop(helper);
}

struct de_helper *de_task_due(struct de_task *task)
{
    struct de_helper *helper = task->helper;

    (void)pthread_mutex_lock(&helper->mutex);
    make_due(helper, task);
    helper->users++;
    (void)pthread_mutex_unlock(&helper->mutex);
    return helper;
}

void de_helper_go(struct de_helper *helper)
{
    (void)pthread_mutex_lock(&helper->mutex);
    DE_ASSERT(helper->users > 0);
    if (helper->stopped && !helper->running) {
        run_due(helper);
    }
    drop(helper);
}

void de_task_poke(struct de_task *task)
{
    struct de_helper *helper = task->helper;

    (void)pthread_mutex_lock(&helper->mutex);
    make_due(helper, task);
    leave(helper);
}

void de_task_at(struct de_task *task, uint64_t at_ns)
{
    struct de_helper *helper = task->helper;
    bool sooner;

    (void)pthread_mutex_lock(&helper->mutex);
    sooner = helper->alarms.earliest == NULL || at_ns < helper->alarms.earliest->at_ns;
    if (at_ns == UINT64_MAX) {
        de_alarms_clear(&helper->alarms, &task->alarm);
    } else if (helper->ending) { /* no alarm rings any more: this run may have been the last */
        make_due(helper, task);
    } else {
        de_alarms_set(&helper->alarms, &task->alarm, at_ns);
        if (sooner) {
            (void)pthread_cond_broadcast(&helper->changed);
        }
    }
    leave(helper);
}

/* ---- calls ---- */

void de_task_ask(struct de_task *task)
{
    (void)pthread_mutex_lock(&task->helper->mutex);
    DE_ASSERT(!task->asking && !task->answered);
    task->asking = true;
    (void)pthread_mutex_unlock(&task->helper->mutex);
}

void de_task_answer(void *context, struct dengine_reply *reply)
{
    struct de_task *task = context;
    struct de_helper *helper = task->helper;
    const char *text = reply->status == 0 ? "" : de_client_get_last_error();

    (void)pthread_mutex_lock(&helper->mutex);
    DE_ASSERT(task->asking && !task->answered);
    task->asking = false;
    task->answered = true;
    task->reply = *reply;
    task->reply.cluster = NULL; /* it lives for this call only */
    (void)snprintf(task->text, sizeof task->text, "%.255s", text);
    make_due(helper, task);
    leave(helper);
}

void de_task_asked(struct de_task *task, int err)
{
    struct dengine_reply reply = {.status = err};

    if (err != 0) {
        de_task_answer(task, &reply);
    }
}

bool de_task_take(struct de_task *task, struct dengine_reply *reply)
{
    bool answered;

    (void)pthread_mutex_lock(&task->helper->mutex);
    answered = task->answered;
    if (answered) {
        *reply = task->reply;
        task->answered = false;
        de_client_set_last_error("%s", task->text);
    }
    (void)pthread_mutex_unlock(&task->helper->mutex);
    return answered;
}
