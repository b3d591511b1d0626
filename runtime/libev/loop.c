#include "runtime/libev/loop.h"

#include <ev.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "core/base/assert.h"
#include "runtime/libev/clock.h"

/* The owners of timers are few (the node, the requests, one per peer), so they stand in a plain
 * list, and libev has one timer for the earliest. A timer that is moved to a later time, as the
 * node's is with each step, costs nothing: the old wake-up finds nothing due and arms the next. */
struct de_loop {
    struct ev_loop *ev;
    ev_async wake;
    ev_timer alarm;
    uint64_t alarm_ns; /* when `alarm` goes off; UINT64_MAX = not set */
    struct de_timer *timers;
    struct de_mpsc_queue posts;
    struct de_post last; /* posted by stop */
    void (*burst_ended)(void *context);
    void *context;
    pthread_t thread;
    bool running;
};

static void set_alarm(struct de_loop *loop, uint64_t at_ns)
{
    uint64_t now_ns = de_clock_now_ns();
    double after_s = at_ns > now_ns ? (double)(at_ns - now_ns) / 1e9 : 0.0;

    if (loop->alarm_ns != UINT64_MAX) {
        ev_timer_stop(loop->ev, &loop->alarm);
    }
    loop->alarm_ns = at_ns;
    /* libev counts from the time its iteration began. */
    ev_now_update(loop->ev);
    ev_timer_set(&loop->alarm, after_s, 0.0);
    ev_timer_start(loop->ev, &loop->alarm);
}

void de_loop_disarm(struct de_loop *loop, struct de_timer *timer)
{
    (void)loop;
    if (!timer->armed) {
        return;
    }
    DE_ASSERT(*timer->previous == timer);
    *timer->previous = timer->next;
    if (timer->next != NULL) {
        timer->next->previous = timer->previous;
    }
    timer->armed = false;
}

void de_loop_arm(struct de_loop *loop, struct de_timer *timer, uint64_t deadline_ns)
{
    DE_ASSERT(timer->run != NULL);
    if (deadline_ns == UINT64_MAX) {
        de_loop_disarm(loop, timer);
        return;
    }
    timer->deadline_ns = deadline_ns;
    if (!timer->armed) {
        timer->armed = true;
        timer->next = loop->timers;
        timer->previous = &loop->timers;
        if (timer->next != NULL) {
            timer->next->previous = &timer->next;
        }
        loop->timers = timer;
    }
    if (deadline_ns < loop->alarm_ns) {
        set_alarm(loop, deadline_ns);
    }
}

static struct de_timer *earliest(const struct de_loop *loop)
{
    struct de_timer *first = loop->timers;
    struct de_timer *timer;

    for (timer = loop->timers; timer != NULL; timer = timer->next) {
        if (timer->deadline_ns < first->deadline_ns) {
            first = timer;
        }
    }
    return first;
}

static void on_alarm(struct ev_loop *ev, ev_timer *watcher, int events)
{
    struct de_loop *loop = ev_userdata(ev);
    struct de_timer *timer;
    uint64_t now_ns = de_clock_now_ns();

    (void)watcher;
    (void)events;
    loop->alarm_ns = UINT64_MAX;
    /* A timer that arms itself again with a time that has passed runs in the next iteration: posts
     * get their turn in between. */
    for (timer = earliest(loop); timer != NULL && timer->deadline_ns <= now_ns;
         timer = earliest(loop)) {
        de_loop_disarm(loop, timer);
        timer->run(timer);
        if (timer->armed && timer->deadline_ns <= now_ns) {
            break;
        }
    }
    loop->burst_ended(loop->context);
    timer = earliest(loop);
    if (timer != NULL && timer->deadline_ns < loop->alarm_ns) {
        set_alarm(loop, timer->deadline_ns);
    }
}

static void on_wake(struct ev_loop *ev, ev_async *watcher, int events)
{
    struct de_loop *loop = ev_userdata(ev);
    struct de_post *post = de_mpsc_queue_take(&loop->posts);

    (void)watcher;
    (void)events;
    while (post != NULL) {
        struct de_post *next = post->next; /* run may free or post it again */

        post->run(post);
        post = next;
    }
    loop->burst_ended(loop->context);
}

void de_loop_post(struct de_loop *loop, struct de_post *post)
{
    if (de_mpsc_queue_push(&loop->posts, post)) {
        ev_async_send(loop->ev, &loop->wake);
    }
}

static void *loop_main(void *argument)
{
    struct de_loop *loop = argument;

    ev_run(loop->ev, 0);
    return NULL;
}

static void loop_ends(struct de_post *post)
{
    struct de_loop *loop = DE_CONTAINER_OF(post, struct de_loop, last);

    ev_break(loop->ev, EVBREAK_ALL);
}

int de_loop_new(struct de_loop **result)
{
    struct de_loop *loop = calloc(1, sizeof(*loop));

    *result = NULL;
    if (loop == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    loop->ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    if (loop->ev == NULL) {
        free(loop);
        return DENGINE_E_NO_MEMORY;
    }
    loop->alarm_ns = UINT64_MAX;
    loop->last.run = loop_ends;
    ev_set_userdata(loop->ev, loop);
    ev_init(&loop->alarm, on_alarm);
    ev_async_init(&loop->wake, on_wake);
    ev_async_start(loop->ev, &loop->wake);
    *result = loop;
    return 0;
}

int de_loop_start(struct de_loop *loop, void (*burst_ended)(void *context), void *context)
{
    sigset_t all;
    sigset_t before;
    int err;

    DE_ASSERT(!loop->running && burst_ended != NULL);
    loop->burst_ended = burst_ended;
    loop->context = context;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    err = pthread_create(&loop->thread, NULL, loop_main, loop);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err != 0) {
        return DENGINE_E_NO_MEMORY;
    }
    loop->running = true;
    return 0;
}

void de_loop_stop(struct de_loop *loop)
{
    int err;

    if (!loop->running) {
        return;
    }
    de_loop_post(loop, &loop->last);
    err = pthread_join(loop->thread, NULL);
    DE_ASSERT(err == 0);
    loop->running = false;
}

void de_loop_free(struct de_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    DE_ASSERT(!loop->running);
    DE_ASSERT(loop->posts.head == NULL);
    ev_async_stop(loop->ev, &loop->wake);
    ev_loop_destroy(loop->ev);
    free(loop);
}
