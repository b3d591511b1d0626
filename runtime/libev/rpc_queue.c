#include "runtime/libev/rpc_queue.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>

#include "core/base/assert.h"

#if defined(__SANITIZE_THREAD__)
#define DE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define DE_TSAN 1
#endif
#endif

#ifdef DE_TSAN
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#define DE_TSAN_ACQUIRE(address) __tsan_acquire(address)
#define DE_TSAN_RELEASE(address) __tsan_release(address)
#else
#define DE_TSAN_ACQUIRE(address) ((void)(address))
#define DE_TSAN_RELEASE(address) ((void)(address))
#endif

struct de_rpc_queue {
    grpc_completion_queue *handle;
    pthread_t thread;
    bool running;
};

void de_rpc_tag_release(struct de_rpc_tag *tag)
{
    DE_TSAN_RELEASE(tag);
}

static void *queue_main(void *argument)
{
    struct de_rpc_queue *queue = argument;

    for (;;) {
        grpc_event event =
            grpc_completion_queue_next(queue->handle, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
        struct de_rpc_tag *tag = event.tag;

        if (event.type == GRPC_QUEUE_SHUTDOWN) {
            return NULL;
        }
        DE_ASSERT(event.type == GRPC_OP_COMPLETE);
        DE_TSAN_ACQUIRE(tag);
        tag->run(tag, event.success != 0);
    }
}

int de_rpc_queue_new(struct de_rpc_queue **result)
{
    struct de_rpc_queue *queue = calloc(1, sizeof(*queue));
    sigset_t all;
    sigset_t before;
    int err;

    *result = NULL;
    if (queue == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    /* gRPC starts threads of its own; signals belong to the application's threads. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    grpc_init();
    queue->handle = grpc_completion_queue_create_for_next(NULL);
    err = pthread_create(&queue->thread, NULL, queue_main, queue);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err != 0) {
        grpc_completion_queue_shutdown(queue->handle);
        de_rpc_queue_free(queue);
        return DENGINE_E_NO_MEMORY;
    }
    queue->running = true;
    *result = queue;
    return 0;
}

void de_rpc_queue_stop(struct de_rpc_queue *queue)
{
    int err;

    DE_ASSERT(queue->running);
    grpc_completion_queue_shutdown(queue->handle);
    err = pthread_join(queue->thread, NULL);
    DE_ASSERT(err == 0);
    queue->running = false;
}

void de_rpc_queue_free(struct de_rpc_queue *queue)
{
    if (queue == NULL) {
        return;
    }
    DE_ASSERT(!queue->running);
    grpc_completion_queue_destroy(queue->handle);
    grpc_shutdown();
    free(queue);
}

grpc_completion_queue *de_rpc_queue_handle(struct de_rpc_queue *queue)
{
    return queue->handle;
}

void de_rpc_start_batch(grpc_call *call, const grpc_op *ops, size_t count, struct de_rpc_tag *tag)
{
    grpc_call_error err;

    DE_ASSERT(call != NULL && tag->run != NULL);
    de_rpc_tag_release(tag);
    err = grpc_call_start_batch(call, ops, count, tag, NULL);
    DE_ASSERT(err == GRPC_CALL_OK);
}

grpc_slice de_rpc_read_all(grpc_byte_buffer *buffer)
{
    grpc_byte_buffer_reader reader;
    grpc_slice *first = NULL;
    grpc_slice all;
    int ok = grpc_byte_buffer_reader_init(&reader, buffer);

    DE_ASSERT(ok);
    if (grpc_byte_buffer_length(buffer) == 0) {
        all = grpc_empty_slice();
    } else if (grpc_byte_buffer_reader_peek(&reader, &first) != 0 &&
               GRPC_SLICE_LENGTH(*first) == grpc_byte_buffer_length(buffer)) {
        all = grpc_slice_ref(*first);
    } else {
        grpc_byte_buffer_reader_destroy(&reader);
        ok = grpc_byte_buffer_reader_init(&reader, buffer);
        DE_ASSERT(ok);
        all = grpc_byte_buffer_reader_readall(&reader);
    }
    grpc_byte_buffer_reader_destroy(&reader);
    return all;
}

struct dengine_slice de_rpc_slice_bytes(const grpc_slice *slice)
{
    struct dengine_slice bytes = {GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice)};

    return bytes;
}
