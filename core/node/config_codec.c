#include "core/node/config_codec.h"

#include "core/base/assert.h"
#include "core/base/codec.h"

enum {
    KNOWN_FLAGS = DE_RAFT_VOTER | DE_RAFT_VOTER_OLD | DE_RAFT_LEARNER | DE_RAFT_READ_ONLY,
};

size_t de_config_encode(const struct de_raft_configuration *configuration, void *buffer,
                        size_t capacity)
{
    struct de_writer writer;

    DE_ASSERT(configuration != NULL);
    DE_ASSERT(configuration->count <= DE_RAFT_MEMBERS_MAX);
    de_writer_init(&writer, buffer, capacity);
    de_write_u8(&writer, DE_CONFIG_VERSION);
    de_write_u8(&writer, 0);
    de_write_u16(&writer, 0);
    de_write_u32(&writer, configuration->count);
    for (uint32_t i = 0; i < configuration->count; i++) {
        const struct de_raft_member *member = &configuration->members[i];

        DE_ASSERT(member->id != 0);
        DE_ASSERT(i == 0 || member->id > configuration->members[i - 1].id);
        de_write_u64(&writer, member->id);
        de_write_u32(&writer, member->flags);
        de_write_u32(&writer, 0);
    }
    DE_ASSERT(!writer.failed);
    return writer.size;
}

static bool read_member(struct de_reader *reader, uint64_t id_before, struct de_raft_member *member)
{
    uint32_t more;

    DE_ASSERT(reader != NULL);
    DE_ASSERT(member != NULL);
    member->id = de_read_u64(reader);
    member->flags = de_read_u32(reader);
    member->reserved = 0;
    more = de_read_u32(reader);
    if (reader->failed || more > DE_CONFIG_MORE_MAX || de_read_bytes(reader, more) == NULL) {
        return false;
    }
    return member->id > id_before && member->flags != 0 &&
           (member->flags & ~(uint32_t)KNOWN_FLAGS) == 0;
}

int de_config_decode(struct dengine_slice payload, struct de_raft_configuration *configuration)
{
    struct de_reader reader;
    uint64_t id_before = 0;

    DE_ASSERT(configuration != NULL);
    DE_ASSERT(payload.data != NULL || payload.size == 0);
    memset(configuration, 0, sizeof *configuration);
    de_reader_init(&reader, payload.data, payload.size);
    if (de_read_u8(&reader) != DE_CONFIG_VERSION) {
        return reader.failed ? DENGINE_E_PROTOCOL : DENGINE_E_VERSION;
    }
    if (de_read_u8(&reader) != 0 || de_read_u16(&reader) != 0) {
        return DENGINE_E_PROTOCOL;
    }
    configuration->count = de_read_u32(&reader);
    if (reader.failed || configuration->count > DE_RAFT_MEMBERS_MAX) {
        return DENGINE_E_PROTOCOL;
    }
    for (uint32_t i = 0; i < configuration->count; i++) {
        if (!read_member(&reader, id_before, &configuration->members[i])) {
            return DENGINE_E_PROTOCOL;
        }
        id_before = configuration->members[i].id;
    }
    return de_reader_left(&reader) == 0 ? 0 : DENGINE_E_PROTOCOL;
}
