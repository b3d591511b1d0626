/* runtime/libev/loop.h - the thread on which consensus runs: posted work and timers, on libev.
 *
 * Everything that belongs to the loop (the node, the links' timers, the requests under way) is
 * touched on its thread only. Other threads post.
 *
 * Threads: de_loop_post from any thread; de_loop_arm, de_loop_disarm and de_timer_* on the loop's
 * thread (or before start); the rest from the thread that made the loop. */
#ifndef DE_RUNTIME_LIBEV_LOOP_H
#define DE_RUNTIME_LIBEV_LOOP_H

#include <stdint.h>

#include <dengine/error.h>

#include "runtime/libev/mpsc_queue.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_loop;

/* A one-shot timer in its owner's memory. Set run; zeros else. */
struct de_timer {
    void (*run)(struct de_timer *timer);
    uint64_t deadline_ns; /* when armed */
    bool armed;
    struct de_timer *next; /* the loop's */
    struct de_timer **previous;
};

/* NO_MEMORY (or no descriptors: the loop needs two). */
int de_loop_new(struct de_loop **loop);

/* Starts the thread, with all signals blocked. burst_ended is called on it after each burst of
 * posts and timers, so that what they collected goes out together. NO_MEMORY. */
int de_loop_start(struct de_loop *loop, void (*burst_ended)(void *context), void *context);

/* Runs what was posted and joins the thread; timers are not waited for. Nothing may be posted any
 * more. Does nothing when the loop was not started. */
void de_loop_stop(struct de_loop *loop);

/* Frees a loop that does not run. NULL is allowed. */
void de_loop_free(struct de_loop *loop);

/* post->run is called on the loop, after everything that the calling thread posted earlier. */
void de_loop_post(struct de_loop *loop, struct de_post *post);

/* timer->run is called once at deadline_ns (de_clock_now_ns) or soon after; replaces an earlier
 * deadline of this timer. UINT64_MAX = never. */
void de_loop_arm(struct de_loop *loop, struct de_timer *timer, uint64_t deadline_ns);

/* The timer does not run. It need not be armed. */
void de_loop_disarm(struct de_loop *loop, struct de_timer *timer);

#ifdef __cplusplus
}
#endif

#endif
