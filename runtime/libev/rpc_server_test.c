/* The gRPC server against gRPC's own client, over loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <grpc/byte_buffer.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <pthread.h>

#include "runtime/libev/rpc_address.h"
#include "runtime/libev/rpc_queue.h"
#include "runtime/libev/rpc_server.h"

struct fixture {
    struct de_rpc_queue *queue;
    struct de_rpc_server *server;
    char address[64];
    /* client */
    grpc_completion_queue *client_queue;
    grpc_channel *channel;
    /* what the handlers saw; guarded by mutex */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct de_rpc_call *parked;
    struct de_rpc_stream *stream;
    int stream_messages;
    int stream_sent;
    bool stream_held;
    bool stream_ended;
    uint32_t timeout_ms;
};

static void echo(void *context, struct de_rpc_call *call, struct dengine_slice request)
{
    struct fixture *f = context;

    (void)pthread_mutex_lock(&f->mutex);
    f->timeout_ms = de_rpc_call_timeout_ms(call);
    (void)pthread_mutex_unlock(&f->mutex);
    de_rpc_reply(call, GRPC_STATUS_OK, NULL, request);
}

static void park(void *context, struct de_rpc_call *call, struct dengine_slice request)
{
    struct fixture *f = context;

    (void)request;
    (void)pthread_mutex_lock(&f->mutex);
    f->parked = call;
    (void)pthread_cond_signal(&f->changed);
    (void)pthread_mutex_unlock(&f->mutex);
}

static void *stream_opened(void *context, struct de_rpc_stream *stream)
{
    struct fixture *f = context;

    f->stream = stream;
    return f;
}

static bool stream_message(void *object, struct dengine_slice bytes)
{
    struct fixture *f = object;
    bool hold = bytes.size == 4 && memcmp(bytes.data, "hold", 4) == 0;

    (void)pthread_mutex_lock(&f->mutex);
    f->stream_messages++;
    f->stream_held = hold;
    (void)pthread_cond_signal(&f->changed);
    (void)pthread_mutex_unlock(&f->mutex);
    return !hold;
}

static void stream_ended(void *object)
{
    struct fixture *f = object;

    (void)pthread_mutex_lock(&f->mutex);
    f->stream_ended = true;
    (void)pthread_cond_signal(&f->changed);
    (void)pthread_mutex_unlock(&f->mutex);
}

static const struct de_rpc_stream_ops stream_ops = {
    .opened = stream_opened, .message = stream_message, .ended = stream_ended};

/* Holds, and answers each message by a count of its own: one is sent at a time. */
static void *echo_opened(void *context, struct de_rpc_stream *stream)
{
    de_rpc_stream_hold(stream);
    return stream_opened(context, stream);
}

static bool echo_message(void *object, struct dengine_slice bytes)
{
    struct fixture *f = object;

    /* Before it is counted: whoever waits for the count finds the answer under way. */
    (void)de_rpc_stream_send(f->stream, bytes);
    (void)pthread_mutex_lock(&f->mutex);
    f->stream_messages++;
    (void)pthread_cond_broadcast(&f->changed);
    (void)pthread_mutex_unlock(&f->mutex);
    return true;
}

static void echo_sent(void *object)
{
    struct fixture *f = object;

    (void)pthread_mutex_lock(&f->mutex);
    f->stream_sent++;
    (void)pthread_cond_broadcast(&f->changed);
    (void)pthread_mutex_unlock(&f->mutex);
}

static void echo_closed(void *object)
{
    struct fixture *f = object;

    assert_false(f->stream_ended);
    de_rpc_stream_release(f->stream);
}

static const struct de_rpc_stream_ops echo_ops = {.opened = echo_opened,
                                                  .message = echo_message,
                                                  .sent = echo_sent,
                                                  .closed = echo_closed,
                                                  .ended = stream_ended};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct de_rpc_server_options options = {1024};
    grpc_channel_credentials *credentials;
    char message[256] = "";

    assert_non_null(f);
    assert_int_equal(pthread_mutex_init(&f->mutex, NULL), 0);
    assert_int_equal(pthread_cond_init(&f->changed, NULL), 0);
    assert_int_equal(de_rpc_queue_new(&f->queue), 0);
    assert_int_equal(de_rpc_server_new(f->queue, &options, &f->server), 0);
    assert_int_equal(de_rpc_server_add_unary(f->server, "/t.T/Echo", echo, f), 0);
    assert_int_equal(de_rpc_server_add_unary(f->server, "/t.T/Park", park, f), 0);
    assert_int_equal(de_rpc_server_add_stream(f->server, "/t.T/Stream", &stream_ops, f), 0);
    assert_int_equal(de_rpc_server_add_stream(f->server, "/t.T/Return", &echo_ops, f), 0);
    assert_int_equal(de_rpc_server_start(f->server, "127.0.0.1:0", message, sizeof(message)), 0);
    (void)snprintf(f->address, sizeof(f->address), "127.0.0.1:%u",
                   (unsigned)de_rpc_server_port(f->server));
    f->client_queue = grpc_completion_queue_create_for_next(NULL);
    credentials = grpc_insecure_credentials_create();
    f->channel = grpc_channel_create(f->address, credentials, NULL);
    grpc_channel_credentials_release(credentials);
    *state = f;
    return 0;
}

static void stop_server(struct fixture *f, uint32_t grace_ms)
{
    de_rpc_server_stop_accepting(f->server);
    de_rpc_server_stop(f->server, grace_ms);
    de_rpc_queue_stop(f->queue);
    de_rpc_server_free(f->server);
    f->server = NULL;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    grpc_channel_destroy(f->channel);
    grpc_completion_queue_shutdown(f->client_queue);
    while (grpc_completion_queue_next(f->client_queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL)
               .type != GRPC_QUEUE_SHUTDOWN) {
    }
    grpc_completion_queue_destroy(f->client_queue);
    if (f->server != NULL) {
        stop_server(f, 0);
    }
    de_rpc_queue_free(f->queue);
    (void)pthread_cond_destroy(&f->changed);
    (void)pthread_mutex_destroy(&f->mutex);
    free(f);
    return 0;
}

/* One unary call of the test's client. */
struct client_call {
    grpc_call *call;
    grpc_metadata_array initial;
    grpc_metadata_array trailing;
    grpc_byte_buffer *request;
    grpc_byte_buffer *response;
    grpc_status_code code;
    grpc_slice details;
};

static void call_begin(struct fixture *f, struct client_call *c, const char *path, size_t size,
                       gpr_timespec deadline)
{
    grpc_slice bytes = grpc_slice_malloc(size);
    grpc_op ops[6] = {0};

    memset(GRPC_SLICE_START_PTR(bytes), 'x', size);
    memset(c, 0, sizeof(*c));
    c->request = grpc_raw_byte_buffer_create(&bytes, 1);
    grpc_slice_unref(bytes);
    c->call = grpc_channel_create_call(f->channel, NULL, GRPC_PROPAGATE_DEFAULTS, f->client_queue,
                                       grpc_slice_from_static_string(path), NULL, deadline, NULL);
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[0].flags = GRPC_INITIAL_METADATA_WAIT_FOR_READY;
    ops[1].op = GRPC_OP_SEND_MESSAGE;
    ops[1].data.send_message.send_message = c->request;
    ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    ops[3].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[3].data.recv_initial_metadata.recv_initial_metadata = &c->initial;
    ops[4].op = GRPC_OP_RECV_MESSAGE;
    ops[4].data.recv_message.recv_message = &c->response;
    ops[5].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    ops[5].data.recv_status_on_client.trailing_metadata = &c->trailing;
    ops[5].data.recv_status_on_client.status = &c->code;
    ops[5].data.recv_status_on_client.status_details = &c->details;
    assert_int_equal(grpc_call_start_batch(c->call, ops, 6, c, NULL), GRPC_CALL_OK);
}

static void call_end(struct fixture *f, struct client_call *c)
{
    grpc_event event =
        grpc_completion_queue_next(f->client_queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);

    assert_ptr_equal(event.tag, c);
    grpc_byte_buffer_destroy(c->request);
    grpc_slice_unref(c->details);
    grpc_metadata_array_destroy(&c->initial);
    grpc_metadata_array_destroy(&c->trailing);
    grpc_call_unref(c->call);
}

static gpr_timespec in_ms(int64_t ms)
{
    return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(ms, GPR_TIMESPAN));
}

static void a_unary_call_is_answered(void **state)
{
    struct fixture *f = *state;
    struct client_call c;
    int i;

    /* More calls than were asked for in advance. */
    for (i = 0; i < 200; i++) {
        call_begin(f, &c, "/t.T/Echo", 100, in_ms(10000));
        call_end(f, &c);
        assert_int_equal(c.code, GRPC_STATUS_OK);
        assert_int_equal(grpc_byte_buffer_length(c.response), 100);
        grpc_byte_buffer_destroy(c.response);
    }
}

static void the_deadline_of_the_client_is_known(void **state)
{
    struct fixture *f = *state;
    struct client_call c;

    call_begin(f, &c, "/t.T/Echo", 0, in_ms(10000));
    call_end(f, &c);
    grpc_byte_buffer_destroy(c.response);
    (void)pthread_mutex_lock(&f->mutex);
    /* The header carries two or three digits: it may come out a little longer. */
    assert_in_range(f->timeout_ms, 1, 10200);
    (void)pthread_mutex_unlock(&f->mutex);

    call_begin(f, &c, "/t.T/Echo", 0, gpr_inf_future(GPR_CLOCK_REALTIME));
    call_end(f, &c);
    grpc_byte_buffer_destroy(c.response);
    (void)pthread_mutex_lock(&f->mutex);
    assert_int_equal(f->timeout_ms, UINT32_MAX);
    (void)pthread_mutex_unlock(&f->mutex);
}

static void an_unknown_method_is_unimplemented(void **state)
{
    struct fixture *f = *state;
    struct client_call c;
    int i;

    for (i = 0; i < 10; i++) {
        call_begin(f, &c, "/t.T/Nothing", 8, in_ms(10000));
        call_end(f, &c);
        assert_int_equal(c.code, GRPC_STATUS_UNIMPLEMENTED);
        assert_null(c.response);
    }
}

static void a_request_over_the_limit_is_refused(void **state)
{
    struct fixture *f = *state;
    struct client_call c;

    call_begin(f, &c, "/t.T/Echo", 1025, in_ms(10000));
    call_end(f, &c);
    assert_int_equal(c.code, GRPC_STATUS_RESOURCE_EXHAUSTED);
    assert_null(c.response);
}

static struct de_rpc_call *wait_for_parked(struct fixture *f)
{
    struct de_rpc_call *call;

    (void)pthread_mutex_lock(&f->mutex);
    while (f->parked == NULL) {
        (void)pthread_cond_wait(&f->changed, &f->mutex);
    }
    call = f->parked;
    f->parked = NULL;
    (void)pthread_mutex_unlock(&f->mutex);
    return call;
}

static void an_answer_may_come_later_from_another_thread(void **state)
{
    struct fixture *f = *state;
    struct client_call c;
    struct dengine_slice none = {NULL, 0};

    call_begin(f, &c, "/t.T/Park", 8, in_ms(10000));
    de_rpc_reply(wait_for_parked(f), GRPC_STATUS_ABORTED, "no luck", none);
    call_end(f, &c);
    assert_int_equal(c.code, GRPC_STATUS_ABORTED);
}

static void a_client_that_gave_up_does_not_disturb_the_answer(void **state)
{
    struct fixture *f = *state;
    struct client_call c;

    call_begin(f, &c, "/t.T/Park", 8, in_ms(10000));
    {
        struct de_rpc_call *call = wait_for_parked(f);

        assert_int_equal(grpc_call_cancel(c.call, NULL), GRPC_CALL_OK);
        call_end(f, &c);
        assert_int_equal(c.code, GRPC_STATUS_CANCELLED);
        de_rpc_reply(call, GRPC_STATUS_OK, NULL, dengine_str("late"));
    }
}

static void *reply_later(void *argument)
{
    de_rpc_reply(argument, GRPC_STATUS_OK, NULL, dengine_str("done"));
    return NULL;
}

static void stop_waits_for_calls_under_way(void **state)
{
    struct fixture *f = *state;
    struct client_call c;
    pthread_t thread;

    call_begin(f, &c, "/t.T/Park", 8, in_ms(10000));
    {
        struct de_rpc_call *call = wait_for_parked(f);

        de_rpc_server_stop_accepting(f->server);
        assert_int_equal(pthread_create(&thread, NULL, reply_later, call), 0);
        de_rpc_server_stop(f->server, 10000);
        assert_int_equal(pthread_join(thread, NULL), 0);
        de_rpc_queue_stop(f->queue);
        de_rpc_server_free(f->server);
        f->server = NULL;
    }
    call_end(f, &c);
    assert_int_equal(c.code, GRPC_STATUS_OK);
    grpc_byte_buffer_destroy(c.response);
}

static void a_port_in_use_is_told_apart(void **state)
{
    struct fixture *f = *state;
    struct de_rpc_server_options options = {1024};
    struct de_rpc_server *second;
    char message[256] = "";

    assert_int_equal(de_rpc_server_new(f->queue, &options, &second), 0);
    assert_int_equal(de_rpc_server_start(second, f->address, message, sizeof(message)),
                     DENGINE_E_ADDRESS_IN_USE);
    assert_non_null(strstr(message, f->address));
    de_rpc_server_free(second);
}

static void an_address_of_another_machine_is_a_configuration_error(void **state)
{
    char message[256] = "";

    (void)state;
    assert_int_equal(de_address_probe("192.0.2.1:1", message, sizeof(message)), DENGINE_E_CONFIG);
    assert_non_null(strstr(message, "not an address of this machine"));
    assert_int_equal(de_address_probe("nonsense", message, sizeof(message)), DENGINE_E_CONFIG);
    assert_int_equal(de_address_probe("h:", message, sizeof(message)), DENGINE_E_CONFIG);
    assert_int_equal(de_address_probe("h:70000", message, sizeof(message)), DENGINE_E_CONFIG);
    assert_int_equal(de_address_probe("::1:80", message, sizeof(message)), DENGINE_E_CONFIG);
}

/* ---- streams ---- */

struct client_stream {
    grpc_call *call;
    grpc_metadata_array initial;
    grpc_metadata_array trailing;
    grpc_status_code code;
    grpc_slice details;
};

static void stream_begin_at(struct fixture *f, struct client_stream *s, const char *path)
{
    grpc_op ops[2] = {0};

    memset(s, 0, sizeof(*s));
    s->call =
        grpc_channel_create_call(f->channel, NULL, GRPC_PROPAGATE_DEFAULTS, f->client_queue,
                                 grpc_slice_from_static_string(path), NULL, in_ms(10000), NULL);
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[0].flags = GRPC_INITIAL_METADATA_WAIT_FOR_READY;
    ops[1].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[1].data.recv_initial_metadata.recv_initial_metadata = &s->initial;
    assert_int_equal(grpc_call_start_batch(s->call, ops, 2, s, NULL), GRPC_CALL_OK);
    assert_ptr_equal(
        grpc_completion_queue_next(f->client_queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL).tag,
        s);
}

static void stream_begin(struct fixture *f, struct client_stream *s)
{
    stream_begin_at(f, s, "/t.T/Stream");
}

static void stream_send(struct fixture *f, struct client_stream *s, const char *text)
{
    grpc_slice bytes = grpc_slice_from_copied_string(text);
    grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&bytes, 1);
    grpc_op op = {0};

    op.op = GRPC_OP_SEND_MESSAGE;
    op.data.send_message.send_message = buffer;
    assert_int_equal(grpc_call_start_batch(s->call, &op, 1, s, NULL), GRPC_CALL_OK);
    assert_ptr_equal(
        grpc_completion_queue_next(f->client_queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL).tag,
        s);
    grpc_byte_buffer_destroy(buffer);
    grpc_slice_unref(bytes);
}

static void stream_end(struct fixture *f, struct client_stream *s)
{
    grpc_op op = {0};

    op.op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    op.data.recv_status_on_client.trailing_metadata = &s->trailing;
    op.data.recv_status_on_client.status = &s->code;
    op.data.recv_status_on_client.status_details = &s->details;
    assert_int_equal(grpc_call_start_batch(s->call, &op, 1, s, NULL), GRPC_CALL_OK);
    assert_ptr_equal(
        grpc_completion_queue_next(f->client_queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL).tag,
        s);
    grpc_slice_unref(s->details);
    grpc_metadata_array_destroy(&s->initial);
    grpc_metadata_array_destroy(&s->trailing);
    grpc_call_unref(s->call);
}

static void wait_for_messages(struct fixture *f, int count)
{
    (void)pthread_mutex_lock(&f->mutex);
    while (f->stream_messages < count) {
        (void)pthread_cond_wait(&f->changed, &f->mutex);
    }
    (void)pthread_mutex_unlock(&f->mutex);
}

static void wait_for_stream_end(struct fixture *f)
{
    (void)pthread_mutex_lock(&f->mutex);
    while (!f->stream_ended) {
        (void)pthread_cond_wait(&f->changed, &f->mutex);
    }
    (void)pthread_mutex_unlock(&f->mutex);
}

static void a_stream_brings_messages_and_ends_when_the_client_goes(void **state)
{
    struct fixture *f = *state;
    struct client_stream s;
    int i;

    stream_begin(f, &s);
    for (i = 0; i < 100; i++) {
        stream_send(f, &s, "text");
    }
    wait_for_messages(f, 100);
    assert_int_equal(grpc_call_cancel(s.call, NULL), GRPC_CALL_OK);
    stream_end(f, &s);
    wait_for_stream_end(f);
}

static void a_held_stream_neither_reads_nor_ends(void **state)
{
    struct fixture *f = *state;
    struct client_stream s;

    stream_begin(f, &s);
    stream_send(f, &s, "hold");
    wait_for_messages(f, 1);
    stream_send(f, &s, "next");
    (void)pthread_mutex_lock(&f->mutex);
    assert_int_equal(f->stream_messages, 1);
    assert_true(f->stream_held);
    (void)pthread_mutex_unlock(&f->mutex);
    de_rpc_stream_read(f->stream);
    wait_for_messages(f, 2);

    stream_send(f, &s, "hold");
    wait_for_messages(f, 3);
    assert_int_equal(grpc_call_cancel(s.call, NULL), GRPC_CALL_OK);
    stream_end(f, &s);
    (void)pthread_mutex_lock(&f->mutex);
    assert_false(f->stream_ended);
    (void)pthread_mutex_unlock(&f->mutex);
    de_rpc_stream_read(f->stream);
    wait_for_stream_end(f);
}

static void the_owner_ends_a_stream_with_a_status(void **state)
{
    struct fixture *f = *state;
    struct client_stream s;

    stream_begin(f, &s);
    stream_send(f, &s, "hold");
    wait_for_messages(f, 1);
    de_rpc_stream_finish(f->stream, GRPC_STATUS_FAILED_PRECONDITION, "wrong cluster");
    de_rpc_stream_read(f->stream);
    stream_end(f, &s);
    assert_int_equal(s.code, GRPC_STATUS_FAILED_PRECONDITION);
    wait_for_stream_end(f);
}

static void stream_receive(struct fixture *f, struct client_stream *s, const char *text)
{
    grpc_byte_buffer *buffer = NULL;
    grpc_op op = {0};
    grpc_slice bytes;

    op.op = GRPC_OP_RECV_MESSAGE;
    op.data.recv_message.recv_message = &buffer;
    assert_int_equal(grpc_call_start_batch(s->call, &op, 1, s, NULL), GRPC_CALL_OK);
    assert_ptr_equal(
        grpc_completion_queue_next(f->client_queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL).tag,
        s);
    assert_non_null(buffer);
    bytes = de_rpc_read_all(buffer);
    assert_true(grpc_slice_str_cmp(bytes, text) == 0);
    grpc_slice_unref(bytes);
    grpc_byte_buffer_destroy(buffer);
}

static void wait_for_sent(struct fixture *f, int count)
{
    (void)pthread_mutex_lock(&f->mutex);
    while (f->stream_sent < count) {
        (void)pthread_cond_wait(&f->changed, &f->mutex);
    }
    (void)pthread_mutex_unlock(&f->mutex);
}

static void a_stream_sends_one_message_after_the_other(void **state)
{
    struct fixture *f = *state;
    struct client_stream s;
    int i;

    stream_begin_at(f, &s, "/t.T/Return");
    for (i = 1; i <= 3; i++) {
        stream_send(f, &s, "text");
        stream_receive(f, &s, "text");
        wait_for_sent(f, i);
    }
    (void)grpc_call_cancel(s.call, NULL);
    stream_end(f, &s);
    wait_for_stream_end(f); /* echo_closed has released it */
}

static void a_status_follows_the_message_that_is_being_sent(void **state)
{
    struct fixture *f = *state;
    struct client_stream s;

    stream_begin_at(f, &s, "/t.T/Return");
    stream_send(f, &s, "last");
    wait_for_messages(f, 1);
    de_rpc_stream_finish(f->stream, GRPC_STATUS_UNAVAILABLE, "the end");
    stream_receive(f, &s, "last");
    stream_end(f, &s);
    assert_int_equal(s.code, GRPC_STATUS_UNAVAILABLE);
    wait_for_stream_end(f);
}

static void stop_ends_a_stream_that_is_open(void **state)
{
    struct fixture *f = *state;
    struct client_stream s;

    stream_begin(f, &s);
    stream_send(f, &s, "text");
    wait_for_messages(f, 1);
    stop_server(f, 10000);
    assert_true(f->stream_ended);
    stream_end(f, &s);
    assert_int_not_equal(s.code, GRPC_STATUS_OK);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_unary_call_is_answered),
        CASE(the_deadline_of_the_client_is_known),
        CASE(an_unknown_method_is_unimplemented),
        CASE(a_request_over_the_limit_is_refused),
        CASE(an_answer_may_come_later_from_another_thread),
        CASE(a_client_that_gave_up_does_not_disturb_the_answer),
        CASE(stop_waits_for_calls_under_way),
        CASE(a_port_in_use_is_told_apart),
        CASE(an_address_of_another_machine_is_a_configuration_error),
        CASE(a_stream_brings_messages_and_ends_when_the_client_goes),
        CASE(a_held_stream_neither_reads_nor_ends),
        CASE(the_owner_ends_a_stream_with_a_status),
        CASE(a_stream_sends_one_message_after_the_other),
        CASE(a_status_follows_the_message_that_is_being_sent),
        CASE(stop_ends_a_stream_that_is_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
