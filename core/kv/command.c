#include "core/kv/command.h"

#include "core/base/assert.h"

enum {
    HEAD_BYTES = 4,
    FLAG_SESSION = 1,
    SESSION_BYTES = 24,
    LIST_HEAD_BYTES = 8,
};

struct de_kv_command de_kv_put(struct dengine_slice key, struct dengine_slice value)
{
    DE_ASSERT(key.data != NULL || key.size == 0);
    DE_ASSERT(value.data != NULL || value.size == 0);
    return (struct de_kv_command){
        .type = DE_KV_WRITE,
        .op = {.type = DE_KV_PUT, .key = key, .value = value},
    };
}

struct de_kv_command de_kv_delete(struct dengine_slice key)
{
    DE_ASSERT(key.data != NULL || key.size == 0);
    return (struct de_kv_command){
        .type = DE_KV_WRITE,
        .op = {.type = DE_KV_DELETE, .key = key},
    };
}

struct de_kv_command de_kv_cas(struct dengine_slice key, const struct dengine_slice *expected,
                               struct dengine_slice value)
{
    struct de_kv_command command = {
        .type = DE_KV_CAS,
        .op = {.type = DE_KV_PUT, .key = key, .value = value},
        .compare = {.target = DE_KV_COMPARE_ABSENCE, .relation = DE_KV_EQUAL, .key = key},
    };

    DE_ASSERT(key.data != NULL || key.size == 0);
    DE_ASSERT(value.data != NULL || value.size == 0);
    if (expected != NULL) {
        command.compare.target = DE_KV_COMPARE_VALUE;
        command.compare.value = *expected;
    }
    return command;
}

/* ---- checking ---- */

static int check_session(const struct de_kv_command *command)
{
    DE_ASSERT(command != NULL);
    if (command->session == 0) {
        return command->sequence == 0 && command->acknowledged == 0 ? 0 : DENGINE_E_INVALID;
    }
    if (command->type == DE_KV_EXPIRE) {
        return DENGINE_E_INVALID;
    }
    return command->acknowledged < command->sequence ? 0 : DENGINE_E_INVALID;
}

static int check_list(const struct de_kv_list *list, bool ops, size_t value_max)
{
    struct de_reader reader;

    DE_ASSERT(list->bytes.data != NULL || list->bytes.size == 0);
    if (list->count > DE_KV_LIST_ITEMS_MAX || list->bytes.size > UINT32_MAX) {
        return DENGINE_E_TOO_LARGE;
    }
    de_reader_init(&reader, list->bytes.data, list->bytes.size);
    for (uint32_t i = 0; i < list->count; i++) {
        struct de_kv_op op;
        struct de_kv_compare compare;
        int rc;

        if (!(ops ? de_kv_op_read(&reader, &op) : de_kv_compare_read(&reader, &compare))) {
            return DENGINE_E_INVALID;
        }
        rc = ops ? de_kv_op_check(&op, value_max) : de_kv_compare_check(&compare, value_max);
        if (rc != 0) {
            return rc;
        }
    }
    return de_reader_left(&reader) == 0 ? 0 : DENGINE_E_INVALID;
}

static int check_txn(const struct de_kv_command *command, size_t value_max)
{
    int rc = check_list(&command->compares, false, value_max);

    DE_ASSERT(command->type == DE_KV_TXN);
    DE_ASSERT(command->compares.count <= DE_KV_LIST_ITEMS_MAX || rc != 0);
    rc = rc != 0 ? rc : check_list(&command->then_ops, true, value_max);
    return rc != 0 ? rc : check_list(&command->else_ops, true, value_max);
}

static int check_ttl(uint64_t ttl_ns)
{
    DE_STATIC_ASSERT(DE_KV_TTL_MIN_NS < DE_KV_TTL_MAX_NS, "there are times to live");
    if (ttl_ns < DE_KV_TTL_MIN_NS) {
        return DENGINE_E_INVALID;
    }
    return ttl_ns <= DE_KV_TTL_MAX_NS ? 0 : DENGINE_E_TOO_LARGE;
}

static int check_cas(const struct de_kv_command *command, size_t value_max)
{
    int rc = de_kv_compare_check(&command->compare, value_max);

    DE_ASSERT(command->type == DE_KV_CAS);
    DE_ASSERT(command->compare.target <= DE_KV_COMPARE_MOD || rc != 0);
    if (rc == 0 && command->op.type != DE_KV_PUT) {
        rc = DENGINE_E_INVALID;
    }
    return rc != 0 ? rc : de_kv_op_check(&command->op, value_max);
}

int de_kv_command_check(const struct de_kv_command *command, size_t value_max)
{
    int rc;

    DE_ASSERT(command != NULL);
    rc = check_session(command);
    if (rc != 0) {
        return rc;
    }
    switch (command->type) {
    case DE_KV_WRITE:
        rc = de_kv_op_check(&command->op, value_max);
        return rc == 0 && command->op.type > DE_KV_DELETE_RANGE ? DENGINE_E_INVALID : rc;
    case DE_KV_CAS:
        return check_cas(command, value_max);
    case DE_KV_TXN:
        return check_txn(command, value_max);
    case DE_KV_LEASE_GRANT:
        return check_ttl(command->ttl_ns);
    case DE_KV_LEASE_KEEP:
    case DE_KV_LEASE_REVOKE:
        return command->lease != 0 ? 0 : DENGINE_E_INVALID;
    case DE_KV_EXPIRE:
        return 0;
    default:
        return DENGINE_E_INVALID;
    }
}

/* ---- lists ---- */

static int list_added(struct de_kv_list *list, const struct de_writer *writer, size_t before)
{
    if (writer->failed) {
        return DENGINE_E_NO_SPACE;
    }
    DE_ASSERT(list->count < DE_KV_LIST_ITEMS_MAX);
    DE_ASSERT(writer->size > before);
    if (list->count == 0) {
        list->bytes.data = writer->data + before;
    }
    list->bytes.size += writer->size - before;
    DE_ASSERT((const uint8_t *)list->bytes.data + list->bytes.size == writer->data + writer->size);
    list->count++;
    return 0;
}

int de_kv_list_add_op(struct de_kv_list *list, struct de_writer *writer, const struct de_kv_op *op,
                      size_t value_max)
{
    const size_t before = writer->size;
    int rc = de_kv_op_check(op, value_max);

    DE_ASSERT(list->count <= DE_KV_LIST_ITEMS_MAX);
    DE_ASSERT(list->bytes.size <= writer->size);
    rc = rc == 0 && list->count == DE_KV_LIST_ITEMS_MAX ? DENGINE_E_TOO_LARGE : rc;
    if (rc != 0) {
        return rc;
    }
    de_kv_op_write(writer, op);
    return list_added(list, writer, before);
}

int de_kv_list_add_compare(struct de_kv_list *list, struct de_writer *writer,
                           const struct de_kv_compare *compare, size_t value_max)
{
    const size_t before = writer->size;
    int rc = de_kv_compare_check(compare, value_max);

    DE_ASSERT(list->count <= DE_KV_LIST_ITEMS_MAX);
    DE_ASSERT(list->bytes.size <= writer->size);
    rc = rc == 0 && list->count == DE_KV_LIST_ITEMS_MAX ? DENGINE_E_TOO_LARGE : rc;
    if (rc != 0) {
        return rc;
    }
    de_kv_compare_write(writer, compare);
    return list_added(list, writer, before);
}

static void write_list(struct de_writer *writer, const struct de_kv_list *list)
{
    DE_ASSERT(list->count <= DE_KV_LIST_ITEMS_MAX);
    DE_ASSERT(list->bytes.size <= UINT32_MAX);
    de_write_u32(writer, list->count);
    de_write_slice(writer, list->bytes);
}

static void read_list(struct de_reader *reader, struct de_kv_list *list)
{
    list->count = de_read_u32(reader);
    list->bytes = de_read_slice(reader);
    DE_ASSERT_IMPLIES(reader->failed, list->bytes.size == 0);
}

/* ---- commands ---- */

static size_t body_size(const struct de_kv_command *command)
{
    DE_ASSERT(command != NULL);
    switch (command->type) {
    case DE_KV_WRITE:
        return de_kv_op_size(&command->op);
    case DE_KV_CAS:
        return de_kv_compare_size(&command->compare) + de_kv_op_size(&command->op);
    case DE_KV_TXN:
        return 3 * (size_t)LIST_HEAD_BYTES + command->compares.bytes.size +
               command->then_ops.bytes.size + command->else_ops.bytes.size;
    case DE_KV_LEASE_GRANT:
        return 1 + 8;
    case DE_KV_LEASE_KEEP:
    case DE_KV_LEASE_REVOKE:
        return 8;
    default:
        DE_ASSERT(command->type == DE_KV_EXPIRE);
        return 0;
    }
}

size_t de_kv_command_size(const struct de_kv_command *command)
{
    DE_ASSERT(command != NULL);
    DE_ASSERT(command->type >= DE_KV_WRITE && command->type <= DE_KV_EXPIRE);
    return HEAD_BYTES + (command->session != 0 ? (size_t)SESSION_BYTES : 0) + body_size(command);
}

static void write_body(struct de_writer *writer, const struct de_kv_command *command)
{
    DE_ASSERT(writer->size >= HEAD_BYTES);
    switch (command->type) {
    case DE_KV_WRITE:
        de_kv_op_write(writer, &command->op);
        break;
    case DE_KV_CAS:
        de_kv_compare_write(writer, &command->compare);
        de_kv_op_write(writer, &command->op);
        break;
    case DE_KV_TXN:
        write_list(writer, &command->compares);
        write_list(writer, &command->then_ops);
        write_list(writer, &command->else_ops);
        break;
    case DE_KV_LEASE_GRANT:
        de_write_u8(writer, command->with_session ? 1 : 0);
        de_write_u64(writer, command->ttl_ns);
        break;
    case DE_KV_LEASE_KEEP:
    case DE_KV_LEASE_REVOKE:
        de_write_u64(writer, command->lease);
        break;
    default:
        DE_ASSERT(command->type == DE_KV_EXPIRE);
        break;
    }
}

size_t de_kv_command_encode(const struct de_kv_command *command, void *buffer, size_t capacity)
{
    struct de_writer writer;

    DE_ASSERT(command != NULL && buffer != NULL);
    DE_ASSERT(de_kv_command_check(command, SIZE_MAX) == 0);
    DE_ASSERT(capacity >= de_kv_command_size(command));
    de_writer_init(&writer, buffer, capacity);
    de_write_u8(&writer, DE_KV_COMMAND_VERSION);
    de_write_u8(&writer, (uint8_t)command->type);
    de_write_u8(&writer, command->session != 0 ? FLAG_SESSION : 0);
    de_write_u8(&writer, 0);
    if (command->session != 0) {
        de_write_u64(&writer, command->session);
        de_write_u64(&writer, command->sequence);
        de_write_u64(&writer, command->acknowledged);
    }
    write_body(&writer, command);
    DE_ASSERT(!writer.failed);
    DE_ASSERT(writer.size == de_kv_command_size(command));
    return writer.size;
}

static bool read_body(struct de_reader *reader, struct de_kv_command *command)
{
    uint8_t with_session = 0;

    DE_ASSERT(!reader->failed);
    DE_ASSERT(reader->position >= HEAD_BYTES);
    switch (command->type) {
    case DE_KV_WRITE:
        return de_kv_op_read(reader, &command->op);
    case DE_KV_CAS:
        return de_kv_compare_read(reader, &command->compare) && de_kv_op_read(reader, &command->op);
    case DE_KV_TXN:
        read_list(reader, &command->compares);
        read_list(reader, &command->then_ops);
        read_list(reader, &command->else_ops);
        return true;
    case DE_KV_LEASE_GRANT:
        with_session = de_read_u8(reader);
        command->with_session = with_session == 1;
        command->ttl_ns = de_read_u64(reader);
        return with_session <= 1;
    case DE_KV_LEASE_KEEP:
    case DE_KV_LEASE_REVOKE:
        command->lease = de_read_u64(reader);
        return true;
    default:
        return command->type == DE_KV_EXPIRE;
    }
}

int de_kv_command_decode(struct dengine_slice bytes, struct de_kv_command *command)
{
    struct de_reader reader;
    uint8_t version;
    uint8_t flags;

    DE_ASSERT(command != NULL);
    DE_ASSERT(bytes.data != NULL || bytes.size == 0);
    memset(command, 0, sizeof *command);
    de_reader_init(&reader, bytes.data, bytes.size);
    version = de_read_u8(&reader);
    if (!reader.failed && version != DE_KV_COMMAND_VERSION) {
        return DENGINE_E_VERSION;
    }
    command->type = de_read_u8(&reader);
    flags = de_read_u8(&reader);
    if (flags > FLAG_SESSION || de_read_u8(&reader) != 0) {
        return DENGINE_E_PROTOCOL;
    }
    if (flags == FLAG_SESSION) {
        command->session = de_read_u64(&reader);
        command->sequence = de_read_u64(&reader);
        command->acknowledged = de_read_u64(&reader);
    }
    if (reader.failed || (flags == FLAG_SESSION) != (command->session != 0) ||
        !read_body(&reader, command) || reader.failed || de_reader_left(&reader) != 0 ||
        de_kv_command_check(command, SIZE_MAX) != 0) {
        return DENGINE_E_PROTOCOL;
    }
    DE_ASSERT(de_kv_command_size(command) == bytes.size);
    return 0;
}
