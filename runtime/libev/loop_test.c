/* The loop's thread: posts from many threads, timers. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/assert.h"
#include "runtime/libev/clock.h"
#include "runtime/libev/loop.h"

#define PRODUCERS 4
#define POSTS     20000

struct item {
    struct de_post post;
    struct producer *producer;
    int number;
};

struct producer {
    struct de_loop *loop;
    struct item *items;
    int next; /* the loop's: the number that has to come */
    int wrong;
};

static void burst_ended(void *context)
{
    int *bursts = context;

    (*bursts)++;
}

static void item_ran(struct de_post *post)
{
    struct item *item = DE_CONTAINER_OF(post, struct item, post);

    item->producer->wrong += item->number != item->producer->next;
    item->producer->next++;
}

static void *produce(void *argument)
{
    struct producer *producer = argument;
    int i;

    for (i = 0; i < POSTS; i++) {
        producer->items[i].post.run = item_ran;
        producer->items[i].producer = producer;
        producer->items[i].number = i;
        de_loop_post(producer->loop, &producer->items[i].post);
    }
    return NULL;
}

static void posts_of_each_thread_run_once_and_in_order(void **state)
{
    struct producer producers[PRODUCERS] = {{0}};
    pthread_t threads[PRODUCERS];
    struct de_loop *loop;
    int bursts = 0;
    int i;

    (void)state;
    assert_int_equal(de_loop_new(&loop), 0);
    assert_int_equal(de_loop_start(loop, burst_ended, &bursts), 0);
    for (i = 0; i < PRODUCERS; i++) {
        producers[i].loop = loop;
        producers[i].items = calloc(POSTS, sizeof(struct item));
        assert_non_null(producers[i].items);
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
    for (i = 0; i < PRODUCERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    /* What was posted before stop is run by stop. */
    de_loop_stop(loop);
    for (i = 0; i < PRODUCERS; i++) {
        assert_int_equal(producers[i].next, POSTS);
        assert_int_equal(producers[i].wrong, 0);
        free(producers[i].items);
    }
    assert_in_range(bursts, 1, PRODUCERS * POSTS + 1);
    de_loop_free(loop);
}

/* ---- timers ---- */

struct timing {
    struct de_loop *loop;
    struct de_timer first;
    struct de_timer second;
    struct de_timer never;
    uint64_t first_ns;
    uint64_t second_ns;
    bool never_ran;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool done;
};

static void first_ran(struct de_timer *timer)
{
    struct timing *timing = DE_CONTAINER_OF(timer, struct timing, first);

    timing->first_ns = de_clock_now_ns();
    /* Taken back before its time. */
    de_loop_disarm(timing->loop, &timing->never);
}

static void second_ran(struct de_timer *timer)
{
    struct timing *timing = DE_CONTAINER_OF(timer, struct timing, second);

    timing->second_ns = de_clock_now_ns();
    (void)pthread_mutex_lock(&timing->mutex);
    timing->done = true;
    (void)pthread_cond_signal(&timing->changed);
    (void)pthread_mutex_unlock(&timing->mutex);
}

static void never_ran(struct de_timer *timer)
{
    DE_CONTAINER_OF(timer, struct timing, never)->never_ran = true;
}

static void timers_run_in_order_and_not_early(void **state)
{
    struct timing timing = {0};
    uint64_t now_ns = de_clock_now_ns();
    int bursts = 0;

    (void)state;
    assert_int_equal(pthread_mutex_init(&timing.mutex, NULL), 0);
    assert_int_equal(pthread_cond_init(&timing.changed, NULL), 0);
    assert_int_equal(de_loop_new(&timing.loop), 0);
    timing.first.run = first_ran;
    timing.second.run = second_ran;
    timing.never.run = never_ran;
    /* The second one is armed first, for a time that it does not keep. */
    de_loop_arm(timing.loop, &timing.second, now_ns + 1000000);
    de_loop_arm(timing.loop, &timing.never, now_ns + 40000000);
    de_loop_arm(timing.loop, &timing.first, now_ns + 20000000);
    de_loop_arm(timing.loop, &timing.second, now_ns + 60000000);
    assert_int_equal(de_loop_start(timing.loop, burst_ended, &bursts), 0);
    (void)pthread_mutex_lock(&timing.mutex);
    while (!timing.done) {
        (void)pthread_cond_wait(&timing.changed, &timing.mutex);
    }
    (void)pthread_mutex_unlock(&timing.mutex);
    de_loop_stop(timing.loop);
    assert_true(timing.first_ns >= now_ns + 20000000);
    assert_true(timing.second_ns >= now_ns + 60000000);
    assert_true(timing.first_ns <= timing.second_ns);
    assert_false(timing.never_ran);
    de_loop_free(timing.loop);
    (void)pthread_cond_destroy(&timing.changed);
    (void)pthread_mutex_destroy(&timing.mutex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posts_of_each_thread_run_once_and_in_order),
        cmocka_unit_test(timers_run_in_order_and_not_early),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
