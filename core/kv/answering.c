/* Putting together what the command under way answers; see answer.h. */
#include "core/base/assert.h"
#include "core/kv/kv_state.h"

/* Room for more bytes of answer, within what a command, its session and an entry may answer. */
static int room(struct de_kv *kv, size_t more, struct de_writer *writer)
{
    const size_t size = kv->answer.size + more;

    DE_ASSERT(kv->answer.size <= DE_KV_ANSWER_BYTES_MAX);
    DE_ASSERT(kv->entry_bytes <= DENGINE_RESULTS_BYTES_MAX);
    if (more > DE_KV_ANSWER_BYTES_MAX - kv->answer.size) {
        return DENGINE_E_TOO_LARGE;
    }
    if (size > DENGINE_RESULTS_BYTES_MAX - kv->entry_bytes ||
        (size > DE_KV_SESSION_SMALL_BYTES && size > kv->session_room)) {
        return DENGINE_E_BUSY;
    }
    if (de_kv_buffer_grow(kv, &kv->answer, more) != 0) {
        return kv->failed;
    }
    de_writer_init(writer, kv->answer.bytes + kv->answer.size, more);
    kv->answer.size += more;
    return 0;
}

void de_kv_answer_clear(struct de_kv *kv)
{
    DE_ASSERT(kv->answer.size <= kv->answer.capacity);
    DE_ASSERT(kv->answer.size <= DE_KV_ANSWER_BYTES_MAX);
    kv->answer.size = 0;
    kv->op_answer = 0;
}

static int begin(struct de_kv *kv, enum de_kv_answer_kind kind, size_t more,
                 struct de_writer *writer)
{
    int rc;

    DE_ASSERT(kv->answer.size == 0);
    rc = room(kv, DE_KV_ANSWER_HEAD_BYTES + more, writer);
    if (rc == 0) {
        de_write_u8(writer, DE_KV_ANSWER_VERSION);
        de_write_u8(writer, (uint8_t)kind);
        de_write_u16(writer, 0);
        DE_ASSERT(!writer->failed);
    }
    return rc;
}

int de_kv_answer_ops_begin(struct de_kv *kv, uint32_t ops)
{
    struct de_writer writer;
    int rc = begin(kv, DE_KV_ANSWER_OPS, 4, &writer);

    DE_ASSERT(ops <= DE_KV_LIST_ITEMS_MAX);
    if (rc == 0) {
        de_write_u32(&writer, ops);
        DE_ASSERT(writer.size == writer.capacity);
    }
    return rc;
}

int de_kv_answer_op_begin(struct de_kv *kv, uint32_t type)
{
    const size_t at = kv->answer.size;
    struct de_writer writer;
    int rc = room(kv, DE_KV_OP_ANSWER_HEAD_BYTES, &writer);

    DE_ASSERT(at > 0);
    DE_ASSERT(type >= DE_KV_PUT && type <= DE_KV_RANGE);
    if (rc == 0) {
        kv->op_answer = at;
        memset(kv->answer.bytes + at, 0, DE_KV_OP_ANSWER_HEAD_BYTES);
        kv->answer.bytes[at] = (uint8_t)type;
    }
    return rc;
}

int de_kv_answer_pair(struct de_kv *kv, struct dengine_slice key, const struct de_kv_record *record)
{
    const struct de_kv_pair pair = {key, *record};
    struct de_writer writer;
    int rc = room(kv, de_kv_pair_size(key, record->value), &writer);

    DE_ASSERT(kv->op_answer > 0);
    if (rc == 0) {
        uint8_t *pairs = kv->answer.bytes + kv->op_answer + 12;

        de_kv_pair_write(&writer, &pair);
        DE_ASSERT(writer.size == writer.capacity && !writer.failed);
        de_store_u32(pairs, de_load_u32(pairs) + 1);
    }
    return rc;
}

void de_kv_answer_op_end(struct de_kv *kv, uint64_t count, bool more)
{
    DE_ASSERT(kv->op_answer > 0);
    DE_ASSERT(kv->op_answer + DE_KV_OP_ANSWER_HEAD_BYTES <= kv->answer.size);
    DE_ASSERT(de_load_u32(kv->answer.bytes + kv->op_answer + 12) <= count || count == 0);
    kv->answer.bytes[kv->op_answer + 1] = more ? 1 : 0;
    de_store_u64(kv->answer.bytes + kv->op_answer + 4, count);
    kv->op_answer = 0;
}

int de_kv_answer_lease(struct de_kv *kv, uint64_t lease, uint64_t ttl_ns)
{
    struct de_writer writer;
    int rc = begin(kv, DE_KV_ANSWER_LEASE, 16, &writer);

    DE_ASSERT(lease != 0);
    if (rc == 0) {
        de_write_u64(&writer, lease);
        de_write_u64(&writer, ttl_ns);
        DE_ASSERT(writer.size == writer.capacity);
    }
    return rc;
}

int de_kv_keep(struct de_kv *kv, struct dengine_slice bytes, struct dengine_result *result)
{
    struct de_kv_kept *kept;

    DE_ASSERT(kv->batch_open);
    if (bytes.size == 0) {
        return 0;
    }
    kept = de_allocate(&kv->allocator, sizeof *kept + bytes.size);
    if (kept == NULL) {
        return de_kv_break(kv, DENGINE_E_NO_MEMORY, "no memory for a result");
    }
    memcpy(kept + 1, bytes.data, bytes.size);
    kept->size = bytes.size;
    kept->next = kv->kept;
    kv->kept = kept;
    kv->entry_bytes += bytes.size;
    DE_ASSERT(kv->entry_bytes <= DENGINE_RESULTS_BYTES_MAX);
    DE_ASSERT(result->bytes.size == 0); /* one answer each */
    result->bytes = dengine_bytes(kept + 1, bytes.size);
    return 0;
}

void de_kv_forget_kept(struct de_kv *kv)
{
    DE_ASSERT(kv != NULL);
    while (kv->kept != NULL) {
        struct de_kv_kept *kept = kv->kept;

        DE_ASSERT(kept->size > 0);
        kv->kept = kept->next;
        de_release(&kv->allocator, kept);
    }
}
