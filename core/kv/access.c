/* The store as the open batch sees it; and taking back what a command has done. */
#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/kv/kv_state.h"

int de_kv_buffer_grow(struct de_kv *kv, struct de_kv_buffer *buffer, size_t more)
{
    size_t capacity = buffer->capacity < 256 ? 256 : buffer->capacity;
    uint8_t *grown;

    DE_ASSERT(buffer->size <= buffer->capacity);
    DE_ASSERT(more <= SIZE_MAX / 4);
    while (capacity - buffer->size < more) {
        capacity *= 2;
    }
    if (capacity == buffer->capacity) {
        return 0;
    }
    grown = de_reallocate(&kv->allocator, buffer->bytes, capacity);
    if (grown == NULL) {
        return de_kv_break(kv, DENGINE_E_NO_MEMORY, "no memory for a record");
    }
    buffer->bytes = grown;
    buffer->capacity = capacity;
    return 0;
}

int de_kv_get_bytes(struct de_kv *kv, struct dengine_slice key, struct dengine_slice *value)
{
    int rc;

    DE_ASSERT(kv->batch_open && kv->failed == 0);
    DE_ASSERT(key.size >= 1);
    rc = kv->store.ops->get(kv->store.object, key, value);
    return rc == 0 || rc == DENGINE_E_NOT_FOUND ? rc : de_kv_break(kv, rc, NULL);
}

/* ---- undo: for each change u32 key size, u32 value size + 1 or 0 for none, key, value; then the
 * size of all that, u32, so that it can be read from the end ---- */

enum {
    UNDO_HEAD_BYTES = 8,
    UNDO_TAIL_BYTES = 4,
    UNDO_KEEP_BYTES = 1 << 20, /* a rare giant does not hold its memory for good */
};

void de_kv_undo_begin(struct de_kv *kv)
{
    DE_ASSERT(!kv->undoing);
    DE_ASSERT(kv->batch_open);
    kv->undoing = true;
    kv->undo.size = 0;
}

static int note(struct de_kv *kv, struct dengine_slice key)
{
    struct dengine_slice old = {NULL, 0};
    size_t size;
    uint8_t *at;
    int rc = de_kv_get_bytes(kv, key, &old);

    DE_ASSERT(kv->undoing);
    DE_ASSERT(key.size <= DENGINE_KV_KEY_MAX);
    if (kv->failed != 0) {
        return kv->failed;
    }
    size = UNDO_HEAD_BYTES + key.size + old.size + UNDO_TAIL_BYTES;
    if (kv->undo.size + size > DE_KV_UNDO_BYTES_MAX) {
        return DENGINE_E_TOO_LARGE;
    }
    /* Memory of ours moves here, the store's does not. */
    if (de_kv_buffer_grow(kv, &kv->undo, size) != 0) {
        return kv->failed;
    }
    at = kv->undo.bytes + kv->undo.size;
    de_store_u32(at, (uint32_t)key.size);
    de_store_u32(at + 4, rc == 0 ? (uint32_t)old.size + 1 : 0);
    memcpy(at + UNDO_HEAD_BYTES, key.data, key.size);
    if (old.size > 0) {
        memcpy(at + UNDO_HEAD_BYTES + key.size, old.data, old.size);
    }
    de_store_u32(at + size - UNDO_TAIL_BYTES, (uint32_t)size);
    kv->undo.size += size;
    return 0;
}

static int undo_last(struct de_kv *kv)
{
    const uint8_t *end = kv->undo.bytes + kv->undo.size;
    const size_t size = de_load_u32(end - UNDO_TAIL_BYTES);
    const uint8_t *at = end - size;
    const struct dengine_slice key = dengine_bytes(at + UNDO_HEAD_BYTES, de_load_u32(at));
    const uint32_t value = de_load_u32(at + 4);

    DE_ASSERT(!kv->undoing);
    DE_ASSERT(size <= kv->undo.size);
    DE_ASSERT(key.size >= 1 && key.size <= DENGINE_KV_KEY_MAX);
    kv->undo.size -= size;
    if (value == 0) {
        return de_kv_remove_bytes(kv, key);
    }
    return de_kv_put_bytes(kv, key, dengine_bytes(at + UNDO_HEAD_BYTES + key.size, value - 1));
}

int de_kv_undo_end(struct de_kv *kv, bool undo)
{
    int rc = 0;

    DE_ASSERT(kv->undoing);
    DE_ASSERT(kv->failed == 0);
    kv->undoing = false;
    while (undo && rc == 0 && kv->undo.size > 0) {
        rc = undo_last(kv);
    }
    kv->undo.size = 0;
    if (kv->undo.capacity > UNDO_KEEP_BYTES) {
        de_release(&kv->allocator, kv->undo.bytes);
        kv->undo = (struct de_kv_buffer){NULL, 0, 0};
    }
    return rc;
}

/* ---- changes ---- */

int de_kv_put_bytes(struct de_kv *kv, struct dengine_slice key, struct dengine_slice value)
{
    int rc;

    DE_ASSERT(key.size >= 1);
    DE_ASSERT(kv->batch_open);
    rc = kv->undoing ? note(kv, key) : 0;
    if (rc != 0) {
        return rc;
    }
    rc = kv->store.ops->put(kv->store.object, key, value);
    return rc == 0 ? 0 : de_kv_break(kv, rc, NULL);
}

int de_kv_remove_bytes(struct de_kv *kv, struct dengine_slice key)
{
    int rc;

    DE_ASSERT(key.size >= 1);
    DE_ASSERT(kv->batch_open);
    rc = kv->undoing ? note(kv, key) : 0;
    if (rc != 0) {
        return rc;
    }
    rc = kv->store.ops->remove(kv->store.object, key);
    return rc == 0 || rc == DENGINE_E_NOT_FOUND ? 0 : de_kv_break(kv, rc, NULL);
}

struct visitor {
    int (*visit)(void *context, struct dengine_slice key, struct dengine_slice value);
    void *context;
    bool stopped; /* by the visitor, not by the store */
};

static int visit_one(void *context, struct dengine_slice key, struct dengine_slice value)
{
    struct visitor *visitor = context;
    int rc = visitor->visit(visitor->context, key, value);

    DE_ASSERT(key.size >= 1);
    DE_ASSERT(key.size <= DENGINE_KV_KEY_MAX);
    visitor->stopped = rc != 0;
    return rc;
}

int de_kv_iterate_bytes(struct de_kv *kv, struct dengine_slice from,
                        int (*visit)(void *context, struct dengine_slice key,
                                     struct dengine_slice value),
                        void *context)
{
    struct visitor visitor = {visit, context, false};
    int rc;

    DE_ASSERT(kv->batch_open && kv->failed == 0);
    DE_ASSERT(from.size >= 1);
    rc = kv->store.ops->iterate(kv->store.object, from, visit_one, &visitor);
    return rc == 0 || visitor.stopped ? rc : de_kv_break(kv, rc, NULL);
}
