#include "core/node/config_codec.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/codec.h"

enum {
    VERSION_1 = 1, /* without addresses and highest id */
    KNOWN_FLAGS = DE_RAFT_VOTER | DE_RAFT_VOTER_OLD | DE_RAFT_LEARNER | DE_RAFT_READ_ONLY,
};

DE_STATIC_ASSERT(UINT8_MAX < DE_ADDRESS_BYTES, "an address of any length byte has room");
DE_STATIC_ASSERT(2 * DE_ADDRESS_BYTES <= DE_CONFIG_MORE_MAX, "addresses fit into what is more");

static size_t more_size(const struct de_member_addresses *addresses)
{
    const size_t peer = strlen(addresses->peer);
    const size_t client = strlen(addresses->client);

    DE_ASSERT(peer < DE_ADDRESS_BYTES);
    DE_ASSERT(client < DE_ADDRESS_BYTES);
    return 2 + peer + client;
}

size_t de_config_size(const struct de_membership *membership)
{
    size_t size = DE_CONFIG_HEADER_BYTES;

    DE_ASSERT(membership->configuration.count <= DE_RAFT_MEMBERS_MAX);
    for (uint32_t i = 0; i < membership->configuration.count; i++) {
        size += DE_CONFIG_MEMBER_BYTES + more_size(&membership->addresses[i]);
    }
    DE_ASSERT(size <= DE_CONFIG_BYTES_MAX);
    return size;
}

static void write_address(struct de_writer *writer, const char *address)
{
    const size_t size = strlen(address);

    DE_ASSERT(size < DE_ADDRESS_BYTES);
    de_write_u8(writer, (uint8_t)size);
    de_write_bytes(writer, address, size);
    DE_ASSERT(!writer->failed);
}

size_t de_config_encode(const struct de_membership *membership, void *buffer, size_t capacity)
{
    const struct de_raft_configuration *configuration = &membership->configuration;
    struct de_writer writer;

    DE_ASSERT(configuration->count <= DE_RAFT_MEMBERS_MAX);
    de_writer_init(&writer, buffer, capacity);
    de_write_u8(&writer, DE_CONFIG_VERSION);
    de_write_u8(&writer, 0);
    de_write_u16(&writer, 0);
    de_write_u32(&writer, configuration->count);
    de_write_u64(&writer, membership->highest_id);
    for (uint32_t i = 0; i < configuration->count; i++) {
        const struct de_raft_member *member = &configuration->members[i];

        DE_ASSERT(member->id != 0 && member->id <= membership->highest_id);
        DE_ASSERT(i == 0 || member->id > configuration->members[i - 1].id);
        de_write_u64(&writer, member->id);
        de_write_u32(&writer, member->flags);
        de_write_u32(&writer, (uint32_t)more_size(&membership->addresses[i]));
        write_address(&writer, membership->addresses[i].peer);
        write_address(&writer, membership->addresses[i].client);
    }
    DE_ASSERT(!writer.failed);
    DE_ASSERT(writer.size == de_config_size(membership));
    return writer.size;
}

/* Into address, when there is one to fill. */
static bool read_address(struct de_reader *reader, char *address)
{
    const uint8_t size = de_read_u8(reader);
    const uint8_t *bytes = de_read_bytes(reader, size);

    DE_ASSERT(reader != NULL);
    if (reader->failed || memchr(bytes, 0, size) != NULL) {
        return false;
    }
    if (address != NULL) {
        memcpy(address, bytes, size);
        address[size] = '\0';
    }
    return true;
}

static bool read_member(struct de_reader *reader, uint8_t version, uint64_t id_before,
                        struct de_raft_member *member, struct de_member_addresses *addresses)
{
    struct de_reader more;
    const uint8_t *bytes;
    uint32_t size;

    DE_ASSERT(reader != NULL);
    DE_ASSERT(member != NULL);
    member->id = de_read_u64(reader);
    member->flags = de_read_u32(reader);
    member->reserved = 0;
    size = de_read_u32(reader);
    bytes = size <= DE_CONFIG_MORE_MAX ? de_read_bytes(reader, size) : NULL;
    if (reader->failed || bytes == NULL) {
        return false;
    }
    de_reader_init(&more, bytes, size);
    if (version > VERSION_1 &&
        (!read_address(&more, addresses != NULL ? addresses->peer : NULL) ||
         !read_address(&more, addresses != NULL ? addresses->client : NULL))) {
        return false;
    }
    return member->id > id_before && member->flags != 0 &&
           (member->flags & ~(uint32_t)KNOWN_FLAGS) == 0;
}

/* addresses: DE_RAFT_MEMBERS_MAX of them, or NULL. */
static int decode(struct dengine_slice payload, struct de_raft_configuration *configuration,
                  uint64_t *highest_id, struct de_member_addresses *addresses)
{
    struct de_reader reader;
    uint64_t id_before = 0;
    uint8_t version;

    DE_ASSERT(configuration != NULL && highest_id != NULL);
    DE_ASSERT(payload.data != NULL || payload.size == 0);
    memset(configuration, 0, sizeof *configuration);
    de_reader_init(&reader, payload.data, payload.size);
    version = de_read_u8(&reader);
    if (version != DE_CONFIG_VERSION && version != VERSION_1) {
        return reader.failed ? DENGINE_E_PROTOCOL : DENGINE_E_VERSION;
    }
    if (de_read_u8(&reader) != 0 || de_read_u16(&reader) != 0) {
        return DENGINE_E_PROTOCOL;
    }
    configuration->count = de_read_u32(&reader);
    *highest_id = version > VERSION_1 ? de_read_u64(&reader) : 0;
    if (reader.failed || configuration->count > DE_RAFT_MEMBERS_MAX) {
        return DENGINE_E_PROTOCOL;
    }
    for (uint32_t i = 0; i < configuration->count; i++) {
        if (!read_member(&reader, version, id_before, &configuration->members[i],
                         addresses != NULL ? &addresses[i] : NULL)) {
            return DENGINE_E_PROTOCOL;
        }
        id_before = configuration->members[i].id;
    }
    if (version == VERSION_1) {
        *highest_id = id_before;
    }
    return de_reader_left(&reader) == 0 && *highest_id >= id_before ? 0 : DENGINE_E_PROTOCOL;
}

int de_config_decode(struct dengine_slice payload, struct de_membership *membership)
{
    DE_ASSERT(membership != NULL);
    memset(membership, 0, sizeof *membership);
    return decode(payload, &membership->configuration, &membership->highest_id,
                  membership->addresses);
}

int de_config_decode_members(struct dengine_slice payload,
                             struct de_raft_configuration *configuration)
{
    uint64_t highest_id = 0;
    int rc = decode(payload, configuration, &highest_id, NULL);

    DE_ASSERT_IMPLIES(rc == 0, configuration->count <= DE_RAFT_MEMBERS_MAX);
    return rc;
}
