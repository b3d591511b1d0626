#include "runtime/sim/rpc.h"

#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/node/membership.h"
#include "runtime/sim/network.h"

#define REQUEST_HEADER_BYTES (1 + 8 + 8 + 4)
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
    de_write_u64(&writer, request->target);
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

size_t de_rpc_change_encode(const struct de_change *change, uint8_t *buffer)
{
    struct de_writer writer;

    de_writer_init(&writer, buffer, DE_RPC_CHANGE_BYTES);
    de_write_u8(&writer, (uint8_t)change->kind);
    de_write_u8(&writer, change->read_only ? 1 : 0);
    de_write_u64(&writer, change->id);
    de_write_u64(&writer, change->by);
    de_write_u32(&writer, change->voter_count);
    for (uint32_t i = 0; i < change->voter_count && i < DE_RAFT_MEMBERS_MAX; i++) {
        de_write_u64(&writer, change->voters[i]);
    }
    de_write_slice(&writer, dengine_str(change->addresses.peer));
    de_write_slice(&writer, dengine_str(change->addresses.client));
    DE_ASSERT(!writer.failed);
    return writer.size;
}

static void read_address(struct de_reader *reader, char *address)
{
    struct dengine_slice text = de_read_slice(reader);

    reader->failed = reader->failed || text.size >= DE_ADDRESS_BYTES;
    if (!reader->failed && text.size > 0) {
        memcpy(address, text.data, text.size);
    }
}

bool de_rpc_change_decode(struct dengine_slice bytes, struct de_change *change)
{
    struct de_reader reader;

    memset(change, 0, sizeof(*change));
    de_reader_init(&reader, bytes.data, bytes.size);
    change->kind = de_read_u8(&reader);
    change->read_only = de_read_u8(&reader) != 0;
    change->id = de_read_u64(&reader);
    change->by = de_read_u64(&reader);
    change->voter_count = de_read_u32(&reader);
    for (uint32_t i = 0; i < change->voter_count && i < DE_RAFT_MEMBERS_MAX; i++) {
        change->voters[i] = de_read_u64(&reader);
    }
    read_address(&reader, change->addresses.peer);
    read_address(&reader, change->addresses.client);
    return !reader.failed && de_reader_left(&reader) == 0;
}

bool de_rpc_request_decode(struct dengine_slice bytes, struct de_rpc_request *request)
{
    struct de_reader reader;

    de_reader_init(&reader, bytes.data, bytes.size);
    request->type = de_read_u8(&reader);
    request->attempt = de_read_u64(&reader);
    request->target = de_read_u64(&reader);
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
