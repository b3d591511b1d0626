#include "client/exchange.h"

#include <stdio.h>
#include <string.h>

#include <grpc/byte_buffer_reader.h>
#include <grpc/support/time.h>

#include "core/base/assert.h"

#if defined(__SANITIZE_THREAD__)
#define DE_WITH_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define DE_WITH_TSAN 1
#endif
#endif

#ifdef DE_WITH_TSAN
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#endif

void de_tag_release(struct de_tag *tag)
{
    DE_ASSERT(tag->run != NULL);
#ifdef DE_WITH_TSAN
    __tsan_release(tag);
#endif
}

void de_tag_acquire(struct de_tag *tag)
{
#ifdef DE_WITH_TSAN
    __tsan_acquire(tag);
#endif
    DE_ASSERT(tag->run != NULL);
}

uint64_t de_exchange_now_ns(void)
{
    const gpr_timespec now = gpr_now(GPR_CLOCK_MONOTONIC);

    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

gpr_timespec de_exchange_time(uint64_t time_ns)
{
    gpr_timespec time = gpr_inf_future(GPR_CLOCK_MONOTONIC);

    if (time_ns != UINT64_MAX) {
        time.tv_sec = (int64_t)(time_ns / 1000000000u);
        time.tv_nsec = (int32_t)(time_ns % 1000000000u);
    }
    return time;
}

void de_exchange_start(struct de_exchange *exchange, grpc_channel *channel,
                       grpc_completion_queue *queue, const char *path, grpc_slice request,
                       uint64_t deadline_ns)
{
    grpc_op ops[6] = {0};
    grpc_call_error err;

    DE_ASSERT(exchange->call == NULL && exchange->request == NULL);
    grpc_metadata_array_init(&exchange->initial);
    grpc_metadata_array_init(&exchange->trailing);
    exchange->details = grpc_empty_slice();
    exchange->request = grpc_raw_byte_buffer_create(&request, 1);
    exchange->call = grpc_channel_create_call(channel, NULL, GRPC_PROPAGATE_DEFAULTS, queue,
                                              grpc_slice_from_static_string(path), NULL,
                                              de_exchange_time(deadline_ns), NULL);
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[1].op = GRPC_OP_SEND_MESSAGE;
    ops[1].data.send_message.send_message = exchange->request;
    ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    ops[3].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[3].data.recv_initial_metadata.recv_initial_metadata = &exchange->initial;
    ops[4].op = GRPC_OP_RECV_MESSAGE;
    ops[4].data.recv_message.recv_message = &exchange->response;
    ops[5].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    ops[5].data.recv_status_on_client.trailing_metadata = &exchange->trailing;
    ops[5].data.recv_status_on_client.status = &exchange->status;
    ops[5].data.recv_status_on_client.status_details = &exchange->details;
    de_tag_release(&exchange->tag);
    err = grpc_call_start_batch(exchange->call, ops, 6, &exchange->tag, NULL);
    DE_ASSERT(err == GRPC_CALL_OK);
}

void de_exchange_cancel(struct de_exchange *exchange)
{
    DE_ASSERT(exchange->call != NULL);
    (void)grpc_call_cancel(exchange->call, NULL);
}

grpc_slice de_exchange_response(const struct de_exchange *exchange)
{
    grpc_byte_buffer_reader reader;
    grpc_slice slice;

    if (exchange->response == NULL || !grpc_byte_buffer_reader_init(&reader, exchange->response)) {
        return grpc_empty_slice();
    }
    slice = grpc_byte_buffer_reader_readall(&reader);
    grpc_byte_buffer_reader_destroy(&reader);
    return slice;
}

void de_exchange_details(const struct de_exchange *exchange, char *text, size_t size)
{
    const size_t length = GRPC_SLICE_LENGTH(exchange->details);

    DE_ASSERT(size > 0);
    (void)snprintf(text, size, "%.*s", length < 400 ? (int)length : 400,
                   (const char *)GRPC_SLICE_START_PTR(exchange->details));
}

void de_exchange_clear(struct de_exchange *exchange)
{
    DE_ASSERT(exchange->call != NULL);
    grpc_metadata_array_destroy(&exchange->initial);
    grpc_metadata_array_destroy(&exchange->trailing);
    grpc_slice_unref(exchange->details);
    grpc_byte_buffer_destroy(exchange->request);
    if (exchange->response != NULL) {
        grpc_byte_buffer_destroy(exchange->response);
    }
    grpc_call_unref(exchange->call);
    exchange->request = NULL;
    exchange->response = NULL;
    exchange->call = NULL;
}
