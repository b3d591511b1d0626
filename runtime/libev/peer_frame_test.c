/* Frames, and the queue in which their parts wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/peer_codec.h"
#include "runtime/libev/peer_frame.h"
#include "runtime/libev/peer_outbox.h"

struct seen {
    struct de_peer_hello hello;
    int hellos;
    int messages;
    uint64_t terms[8];
};

static int see_hello(void *context, const struct de_peer_hello *hello)
{
    struct seen *seen = context;

    seen->hello = *hello;
    seen->hellos++;
    return 0;
}

static int see_message(void *context, struct dengine_slice bytes)
{
    struct seen *seen = context;
    struct de_peer_decoded *decoded;
    int err = de_peer_decode(bytes, &decoded);

    if (err != 0) {
        return err;
    }
    seen->terms[seen->messages++] = decoded->message.raft.term;
    de_peer_decoded_free(decoded);
    return 0;
}

static const struct de_peer_hello greeting = {
    DE_PEER_PROTOCOL_VERSION, 0x1122334455667788u, 3, 7, 0x99, {"host:1", 6}};

static grpc_slice message_part(uint64_t term)
{
    struct de_peer_message message = {0};

    message.raft.type = DE_RAFT_MSG_VOTE_REPLY;
    message.raft.cluster_id = greeting.cluster_id;
    message.raft.from = 3;
    message.raft.to = 7;
    message.raft.term = term;
    return de_peer_frame_part(&message);
}

static int visit(const void *data, size_t size, struct seen *seen)
{
    struct de_peer_frame_visitor visitor = {seen, see_hello, see_message};

    memset(seen, 0, sizeof(*seen));
    return de_peer_frame_visit(dengine_bytes(data, size), &visitor);
}

static size_t make_frame(uint8_t *frame)
{
    size_t size = de_peer_hello_encode(&greeting, frame);
    uint64_t term;

    for (term = 1; term <= 2; term++) {
        grpc_slice part = message_part(term);

        memcpy(frame + size, GRPC_SLICE_START_PTR(part), GRPC_SLICE_LENGTH(part));
        size += GRPC_SLICE_LENGTH(part);
        grpc_slice_unref(part);
    }
    return size;
}

static void a_frame_gives_back_what_was_put_in(void **state)
{
    uint8_t frame[1024];
    size_t size = make_frame(frame);
    struct seen seen;

    (void)state;
    assert_int_equal(visit(frame, size, &seen), 0);
    assert_int_equal(seen.hellos, 1);
    assert_int_equal(seen.hello.version, greeting.version);
    assert_int_equal(seen.hello.cluster_id, greeting.cluster_id);
    assert_int_equal(seen.hello.from, 3);
    assert_int_equal(seen.hello.to, 7);
    assert_int_equal(seen.hello.config_index, 0x99);
    assert_int_equal(seen.hello.address.size, 6);
    assert_memory_equal(seen.hello.address.data, "host:1", 6);
    assert_int_equal(seen.messages, 2);
    assert_int_equal(seen.terms[0], 1);
    assert_int_equal(seen.terms[1], 2);
}

static void a_hello_stands_as_its_offset_table_says(void **state)
{
    uint8_t bytes[DE_PEER_HELLO_BYTES_MAX];

    (void)state;
    assert_int_equal(de_peer_hello_encode(&greeting, bytes), 53);
    assert_int_equal(bytes[0], 0x0a);
    assert_int_equal(bytes[1], 0x80 | 50);
    assert_int_equal(bytes[2], 0);
    assert_int_equal(bytes[3], 0x0d);
    assert_int_equal(bytes[8], 0x11);
    assert_int_equal(bytes[9], 0x88);
    assert_int_equal(bytes[16], 0x11);
    assert_int_equal(bytes[17], 0x19);
    assert_int_equal(bytes[26], 0x21);
    assert_int_equal(bytes[27], 7);
    assert_int_equal(bytes[35], 0x29);
    assert_int_equal(bytes[36], 0x99);
    assert_int_equal(bytes[44], 0x32);
    assert_int_equal(bytes[45], 0x80 | 6);
    assert_memory_equal(bytes + 47, "host:1", 6);
}

/* Cut anywhere: never read beyond the end, and never two messages. */
static void a_cut_frame_is_refused_or_shorter(void **state)
{
    uint8_t frame[1024];
    size_t size = make_frame(frame);
    struct seen seen;
    size_t cut;

    (void)state;
    for (cut = 0; cut < size; cut++) {
        (void)visit(frame, cut, &seen);
        assert_true(seen.messages < 2);
    }
}

static void an_unknown_field_is_refused(void **state)
{
    const uint8_t field3[] = {0x1a, 0x01, 0x00};
    struct seen seen;

    (void)state;
    assert_int_equal(visit(field3, sizeof(field3), &seen), DENGINE_E_PROTOCOL);
}

static void a_full_outbox_drops_the_oldest_append_first(void **state)
{
    static struct de_peer_outbox outbox;
    grpc_slice slices[4];
    uint32_t count;

    (void)state;
    assert_true(de_peer_outbox_push(&outbox, grpc_slice_from_static_string("vote"), false, 3));
    assert_true(de_peer_outbox_push(&outbox, grpc_slice_from_static_string("old"), true, 3));
    assert_true(de_peer_outbox_push(&outbox, grpc_slice_from_static_string("new"), true, 3));
    assert_false(de_peer_outbox_push(&outbox, grpc_slice_from_static_string("last"), true, 3));
    count = de_peer_outbox_take(&outbox, slices, 4, 1024);
    assert_int_equal(count, 3);
    assert_int_equal(grpc_slice_str_cmp(slices[0], "vote"), 0);
    assert_int_equal(grpc_slice_str_cmp(slices[1], "new"), 0);
    assert_int_equal(grpc_slice_str_cmp(slices[2], "last"), 0);
    assert_int_equal(outbox.count, 0);
    assert_int_equal(outbox.bytes, 0);
}

static void an_outbox_gives_at_most_the_bytes_asked_for_but_always_one(void **state)
{
    static struct de_peer_outbox outbox;
    grpc_slice slices[4];

    (void)state;
    assert_true(de_peer_outbox_push(&outbox, grpc_slice_from_static_string("12345678"), true, 4));
    assert_true(de_peer_outbox_push(&outbox, grpc_slice_from_static_string("123"), true, 4));
    assert_true(de_peer_outbox_push(&outbox, grpc_slice_from_static_string("456"), true, 4));
    assert_int_equal(de_peer_outbox_take(&outbox, slices, 4, 5), 1);
    assert_int_equal(de_peer_outbox_take(&outbox, slices, 4, 5), 1);
    assert_int_equal(de_peer_outbox_take(&outbox, slices, 4, 5), 1);
    assert_int_equal(de_peer_outbox_take(&outbox, slices, 4, 5), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_gives_back_what_was_put_in),
        cmocka_unit_test(a_hello_stands_as_its_offset_table_says),
        cmocka_unit_test(a_cut_frame_is_refused_or_shorter),
        cmocka_unit_test(an_unknown_field_is_refused),
        cmocka_unit_test(a_full_outbox_drops_the_oldest_append_first),
        cmocka_unit_test(an_outbox_gives_at_most_the_bytes_asked_for_but_always_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
