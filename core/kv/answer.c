#include "core/kv/answer.h"

#include "core/base/assert.h"
#include "core/kv/command.h"

enum {
    FLAG_MORE = 1,
};

bool de_kv_op_answer_read(struct de_reader *reader, struct de_kv_op_answer *op)
{
    unsigned flags;

    DE_ASSERT(op != NULL);
    DE_ASSERT(reader->position <= reader->size);
    op->type = de_read_u8(reader);
    flags = de_read_u8(reader);
    op->more = flags == FLAG_MORE;
    if (de_read_u16(reader) != 0 || flags > FLAG_MORE) {
        return false;
    }
    op->count = de_read_u64(reader);
    op->pairs = de_read_u32(reader);
    return !reader->failed && op->type >= DE_KV_PUT && op->type <= DE_KV_RANGE;
}

bool de_kv_pair_read(struct de_reader *reader, struct de_kv_pair *pair)
{
    DE_ASSERT(pair != NULL);
    DE_ASSERT(reader->position <= reader->size);
    pair->key = de_read_slice(reader);
    pair->record.create_revision = de_read_u64(reader);
    pair->record.mod_revision = de_read_u64(reader);
    pair->record.version = de_read_u64(reader);
    pair->record.lease = de_read_u64(reader);
    pair->record.value = de_read_slice(reader);
    return !reader->failed && pair->key.size >= 1 && pair->key.size <= DE_KV_USER_KEY_MAX;
}

size_t de_kv_pair_size(struct dengine_slice key, struct dengine_slice value)
{
    DE_ASSERT(key.size <= DE_KV_USER_KEY_MAX);
    DE_ASSERT(value.size <= DE_KV_VALUE_MAX);
    return 4 + key.size + 4 * (size_t)8 + 4 + value.size;
}

void de_kv_pair_write(struct de_writer *writer, const struct de_kv_pair *pair)
{
    DE_ASSERT(pair->key.size >= 1);
    DE_ASSERT(pair->record.version >= 1);
    de_write_slice(writer, pair->key);
    de_write_u64(writer, pair->record.create_revision);
    de_write_u64(writer, pair->record.mod_revision);
    de_write_u64(writer, pair->record.version);
    de_write_u64(writer, pair->record.lease);
    de_write_slice(writer, pair->record.value);
}

static bool check_ops(struct de_reader reader, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct de_kv_op_answer op;
        struct de_kv_pair pair;

        if (!de_kv_op_answer_read(&reader, &op)) {
            return false;
        }
        for (uint32_t n = 0; n < op.pairs; n++) {
            if (!de_kv_pair_read(&reader, &pair)) {
                return false;
            }
        }
    }
    DE_ASSERT(!reader.failed);
    return de_reader_left(&reader) == 0;
}

int de_kv_answer_decode(struct dengine_slice bytes, struct de_kv_answer *answer)
{
    struct de_reader *reader = &answer->reader;
    uint8_t version;
    bool good = false;

    DE_ASSERT(bytes.data != NULL || bytes.size == 0);
    memset(answer, 0, sizeof *answer);
    de_reader_init(reader, bytes.data, bytes.size);
    version = de_read_u8(reader);
    if (!reader->failed && version != DE_KV_ANSWER_VERSION) {
        return DENGINE_E_VERSION;
    }
    answer->kind = de_read_u8(reader);
    if (de_read_u16(reader) != 0) {
        return DENGINE_E_PROTOCOL;
    }
    if (answer->kind == DE_KV_ANSWER_LEASE) {
        answer->lease = de_read_u64(reader);
        answer->ttl_ns = de_read_u64(reader);
        good = !reader->failed && de_reader_left(reader) == 0 && answer->lease != 0;
    } else if (answer->kind == DE_KV_ANSWER_OPS) {
        answer->ops = de_read_u32(reader);
        good = !reader->failed && check_ops(*reader, answer->ops);
    }
    DE_ASSERT_IMPLIES(good, !reader->failed);
    return good ? 0 : DENGINE_E_PROTOCOL;
}

void de_kv_answer_outcome(struct dengine_slice bytes, uint64_t *lease, uint64_t *count)
{
    struct de_kv_answer answer;
    struct de_kv_op_answer op;

    DE_ASSERT(lease != NULL);
    DE_ASSERT(count != NULL);
    *lease = 0;
    *count = 0;
    if (bytes.size == 0 || de_kv_answer_decode(bytes, &answer) != 0) {
        return;
    }
    *lease = answer.lease;
    if (answer.ops > 0 && de_kv_op_answer_read(&answer.reader, &op)) {
        *count = op.count;
    }
}
