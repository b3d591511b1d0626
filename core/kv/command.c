#include "core/kv/command.h"

#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/kv/record.h"

static bool has_value(uint32_t type)
{
    return type == DE_KV_PUT || type == DE_KV_CAS;
}

static bool has_expected(uint32_t type, bool expect_absent)
{
    return type == DE_KV_CAS && !expect_absent;
}

static bool is_type(uint32_t type)
{
    return type == DE_KV_PUT || type == DE_KV_DELETE || type == DE_KV_CAS;
}

int de_kv_command_check(const struct de_kv_command *command, size_t value_max)
{
    DE_ASSERT(command != NULL);
    DE_ASSERT(command->key.data != NULL || command->key.size == 0);
    if (!is_type(command->type) || command->key.size == 0) {
        return DENGINE_E_INVALID;
    }
    if (command->key.size > DE_KV_USER_KEY_MAX) {
        return DENGINE_E_TOO_LARGE;
    }
    if (value_max > DE_KV_VALUE_MAX) {
        value_max = DE_KV_VALUE_MAX;
    }
    if (has_value(command->type) && command->value.size > value_max) {
        return DENGINE_E_TOO_LARGE;
    }
    if (has_expected(command->type, command->expect_absent) && command->expected.size > value_max) {
        return DENGINE_E_TOO_LARGE;
    }
    return 0;
}

size_t de_kv_command_size(const struct de_kv_command *command)
{
    size_t size = DE_KV_COMMAND_HEADER_BYTES;

    DE_ASSERT(command != NULL);
    DE_ASSERT(is_type(command->type));
    size += command->key.size;
    if (has_value(command->type)) {
        size += DE_KV_COMMAND_LENGTH_BYTES + command->value.size;
    }
    if (has_expected(command->type, command->expect_absent)) {
        size += DE_KV_COMMAND_LENGTH_BYTES + command->expected.size;
    }
    return size;
}

size_t de_kv_command_encode(const struct de_kv_command *command, void *buffer, size_t capacity)
{
    struct de_writer writer;
    bool absent;

    DE_ASSERT(command != NULL && buffer != NULL);
    DE_ASSERT(de_kv_command_check(command, SIZE_MAX) == 0);
    DE_ASSERT(capacity >= de_kv_command_size(command));
    absent = command->type == DE_KV_CAS && command->expect_absent;
    de_writer_init(&writer, buffer, capacity);
    de_write_u8(&writer, DE_KV_COMMAND_VERSION);
    de_write_u8(&writer, (uint8_t)command->type);
    de_write_u8(&writer, absent ? DE_KV_COMMAND_FLAG_ABSENT : 0);
    de_write_u8(&writer, 0);
    de_write_slice(&writer, command->key);
    if (has_value(command->type)) {
        de_write_slice(&writer, command->value);
    }
    if (has_expected(command->type, absent)) {
        de_write_slice(&writer, command->expected);
    }
    DE_ASSERT(!writer.failed);
    DE_ASSERT(writer.size == de_kv_command_size(command));
    return writer.size;
}

int de_kv_command_decode(struct dengine_slice bytes, struct de_kv_command *command)
{
    struct de_reader reader;
    uint8_t version;
    uint8_t flags;
    uint8_t reserved;

    DE_ASSERT(command != NULL);
    DE_ASSERT(bytes.data != NULL || bytes.size == 0);
    memset(command, 0, sizeof *command);
    de_reader_init(&reader, bytes.data, bytes.size);
    version = de_read_u8(&reader);
    if (reader.failed) {
        return DENGINE_E_PROTOCOL;
    }
    if (version != DE_KV_COMMAND_VERSION) {
        return DENGINE_E_VERSION;
    }
    command->type = de_read_u8(&reader);
    flags = de_read_u8(&reader);
    reserved = de_read_u8(&reader);
    command->key = de_read_slice(&reader);
    if (reader.failed || reserved != 0 || !is_type(command->type)) {
        return DENGINE_E_PROTOCOL;
    }
    if (flags > (command->type == DE_KV_CAS ? DE_KV_COMMAND_FLAG_ABSENT : 0)) {
        return DENGINE_E_PROTOCOL;
    }
    command->expect_absent = flags == DE_KV_COMMAND_FLAG_ABSENT;
    if (has_value(command->type)) {
        command->value = de_read_slice(&reader);
    }
    if (has_expected(command->type, command->expect_absent)) {
        command->expected = de_read_slice(&reader);
    }
    if (reader.failed || de_reader_left(&reader) != 0 ||
        de_kv_command_check(command, SIZE_MAX) != 0) {
        return DENGINE_E_PROTOCOL;
    }
    DE_ASSERT(command->key.size >= 1 && command->key.size <= DE_KV_USER_KEY_MAX);
    DE_ASSERT_IMPLIES(command->expect_absent, command->type == DE_KV_CAS);
    DE_ASSERT(de_kv_command_size(command) == bytes.size);
    return 0;
}
