/* client/helper.h - the thread of a client in which its recipes run: keepers of leases, sessions,
 * locks and elections, observers. One thread for all of them, however many there are.
 *
 * A recipe is a task: a state machine that never waits. What happens to it - the answer of a call
 * that it has made, a watch that has something to say, a time that has come, a wish of the user -
 * makes it due, from whatever thread, and the helper runs it. So what only `run` touches needs no
 * lock, the rules (client/policy/) are asked in one place, and callbacks of users come from here.
 *
 * The end of a client. De_helper_part() cuts the helper off before the client takes itself apart:
 * no task calls the client after it, but a client that is gone, which answers SHUTDOWN to
 * everything. When the client has ended all its calls, de_helper_end() lets each task run once
 * more, to tell its users, and joins the thread. Tasks that are still there may be closed after
 * that; they run in the thread that does.
 *
 * Threads: any, where nothing else is said. */
#ifndef DE_CLIENT_HELPER_H
#define DE_CLIENT_HELPER_H

#include <pthread.h>

#include <dengine/client.h>

#include "client/alarms.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_helper;

/* NULL when out of memory. It has no thread until it has a task. */
struct de_helper *de_helper_new(void);

/* The two steps of the end of a client (or of one that was never used). NULL is allowed. */
void de_helper_part(struct de_helper *helper);
void de_helper_end(struct de_helper *helper);

struct de_task {
    struct de_helper *helper;
    struct dengine_client *client;
    void (*run)(struct de_task *task); /* may deinit the task */
    /* Guarded by the helper's mutex: */
    struct de_alarm alarm;
    struct de_task *next; /* of all */
    struct de_task **previous;
    struct de_task *next_due;
    bool due;
    bool asking; /* a call is under way */
    bool answered;
    struct dengine_reply reply;
    char text[256]; /* that goes with it */
};

/* Makes a task of the client's helper. NO_MEMORY, SHUTDOWN. */
int de_task_init(struct de_task *task, struct dengine_client *client,
                 void (*run)(struct de_task *task));
/* From run, or before anybody else knows of it. No call is under way. */
void de_task_deinit(struct de_task *task);

/* Lets it run soon. */
void de_task_poke(struct de_task *task);
/* The same in two steps, for a caller whose wish may be the last one of the task: it may be carried
 * out, and the task be no more, as soon as it can be seen. The first step is made under the mutex
 * that hides the wish; the second one, which may run the task, without it. */
struct de_helper *de_task_due(struct de_task *task);
void de_helper_go(struct de_helper *helper);
/* Lets it run when the time has come (UINT64_MAX: not); the last one counts. When the client has
 * ended all its calls, that is at once: there is nothing left to wait for. From run. */
void de_task_at(struct de_task *task, uint64_t at_ns);

/* ---- from run ---- */

/* Whose calls to make: the task's client, or one that is gone. */
struct dengine_client *de_task_client(const struct de_task *task);
/* Whether it is. */
bool de_task_orphaned(const struct de_task *task);

/* One call at a time:
 *
 *     de_task_ask(task);
 *     de_task_asked(task, dengine_x_async(de_task_client(task), ..., de_task_answer, task));
 *
 * An error of the start comes as an answer like any other. */
void de_task_ask(struct de_task *task);
void de_task_asked(struct de_task *task, int err);
void de_task_answer(void *task, struct dengine_reply *reply);
/* Whether the answer is there: then the caller owns what is in it, as a callback would, and the
 * thread's last error is that of the call. */
bool de_task_take(struct de_task *task, struct dengine_reply *reply);

#ifdef __cplusplus
}
#endif

#endif
