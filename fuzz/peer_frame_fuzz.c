/* Fuzz target: frames between nodes, the hello in the first of a stream and the messages in all.
 * Any bytes are refused, or visited in order; what was visited lies within them, and a hello that
 * could be sent is read again as what it was. */
#include <string.h>

#include "core/base/assert.h"
#include "fuzz/fuzz_target.h"
#include "proto/peer_codec.h"
#include "runtime/libev/peer_frame.h"

struct frame {
    struct dengine_slice bytes;
    const struct de_peer_hello *expected; /* NULL: whatever comes */
    const uint8_t *at;                    /* behind the last message */
};

static void check_within(const struct frame *frame, struct dengine_slice part)
{
    const uint8_t *begin = frame->bytes.data;
    const uint8_t *at = part.data;

    if (part.size > 0) {
        DE_ASSERT(at >= begin && at + part.size <= begin + frame->bytes.size);
    }
}

static int same_hello(void *context, const struct de_peer_hello *hello)
{
    const struct frame *frame = context;
    const struct de_peer_hello *expected = frame->expected;

    check_within(frame, hello->address);
    DE_ASSERT(hello->version == expected->version && hello->cluster_id == expected->cluster_id &&
              hello->from == expected->from && hello->to == expected->to &&
              hello->config_index == expected->config_index);
    DE_ASSERT(hello->address.size == expected->address.size);
    DE_ASSERT(hello->address.size == 0 ||
              memcmp(hello->address.data, expected->address.data, hello->address.size) == 0);
    return 0;
}

static int no_message(void *context, struct dengine_slice message)
{
    (void)context;
    (void)message;
    DE_UNREACHABLE("a hello alone");
}

static int see_hello(void *context, const struct de_peer_hello *hello)
{
    uint8_t again[DE_PEER_HELLO_BYTES_MAX];
    struct frame alone = {.expected = hello};
    const struct de_peer_frame_visitor visitor = {&alone, same_hello, no_message};
    int err;

    check_within(context, hello->address);
    if (hello->address.size < DE_ADDRESS_BYTES) {
        alone.bytes = dengine_bytes(again, de_peer_hello_encode(hello, again));
        err = de_peer_frame_visit(alone.bytes, &visitor);
        DE_ASSERT(err == 0);
    }
    return 0;
}

static int see_message(void *context, struct dengine_slice message)
{
    struct frame *frame = context;
    struct de_peer_decoded *decoded;

    check_within(frame, message);
    if (message.size > 0) {
        DE_ASSERT(frame->at == NULL || (const uint8_t *)message.data > frame->at);
        frame->at = message.data;
    }
    if (de_peer_decode(message, &decoded) == 0) {
        grpc_slice part = de_peer_frame_part(&decoded->message);

        DE_ASSERT(GRPC_SLICE_LENGTH(part) > de_peer_encoded_size(&decoded->message));
        grpc_slice_unref(part);
        de_peer_decoded_free(decoded);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct frame frame = {.bytes = dengine_bytes(data, size)};
    const struct de_peer_frame_visitor visitor = {&frame, see_hello, see_message};
    const int err = de_peer_frame_visit(frame.bytes, &visitor);

    DE_ASSERT(err == 0 || err == DENGINE_E_PROTOCOL);
    return 0;
}
