#include "runtime/sim/rpc.h"

#include "core/base/codec.h"
#include "runtime/sim/network.h"

#define REQUEST_HEADER_BYTES (1 + 8 + 4)
#define REPLY_HEADER_BYTES   (8 + 4 + 1 + 1 + 8 + 8 + 4)

struct de_packet *de_rpc_request_encode(const struct de_rpc_request *request)
{
    struct de_writer writer;
    uint8_t *bytes;
    size_t size = REQUEST_HEADER_BYTES + request->body.size;
    struct de_packet *packet = de_packet_new(size, &bytes);

    de_writer_init(&writer, bytes, size);
    de_write_u8(&writer, request->type);
    de_write_u64(&writer, request->attempt);
    de_write_slice(&writer, request->body);
    DE_ASSERT(!writer.failed && writer.size == size);
    return packet;
}

struct de_packet *de_rpc_reply_encode(const struct de_rpc_reply *reply)
{
    struct de_writer writer;
    uint8_t *bytes;
    size_t size = REPLY_HEADER_BYTES + reply->value.size;
    struct de_packet *packet = de_packet_new(size, &bytes);

    DE_ASSERT(reply->status <= 0);
    de_writer_init(&writer, bytes, size);
    de_write_u64(&writer, reply->attempt);
    de_write_u32(&writer, (uint32_t)-reply->status);
    de_write_u8(&writer, reply->succeeded ? 1 : 0);
    de_write_u8(&writer, reply->found ? 1 : 0);
    de_write_u64(&writer, reply->revision);
    de_write_u64(&writer, reply->leader);
    de_write_slice(&writer, reply->value);
    DE_ASSERT(!writer.failed && writer.size == size);
    return packet;
}

bool de_rpc_request_decode(struct dengine_slice bytes, struct de_rpc_request *request)
{
    struct de_reader reader;

    de_reader_init(&reader, bytes.data, bytes.size);
    request->type = de_read_u8(&reader);
    request->attempt = de_read_u64(&reader);
    request->body = de_read_slice(&reader);
    return !reader.failed && de_reader_left(&reader) == 0;
}

bool de_rpc_reply_decode(struct dengine_slice bytes, struct de_rpc_reply *reply)
{
    struct de_reader reader;

    de_reader_init(&reader, bytes.data, bytes.size);
    reply->attempt = de_read_u64(&reader);
    reply->status = -(int)de_read_u32(&reader);
    reply->succeeded = de_read_u8(&reader) != 0;
    reply->found = de_read_u8(&reader) != 0;
    reply->revision = de_read_u64(&reader);
    reply->leader = de_read_u64(&reader);
    reply->value = de_read_slice(&reader);
    return !reader.failed && de_reader_left(&reader) == 0;
}
