/* A checksum of the whole state, equal on replicas that have applied the same log prefix. */
#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/kv/kv_state.h"

/* Order matters: each word is mixed into what came before, one-to-one in both. A simulator takes
 * the digest after every commit of every replica, so this is a single multiplication. */
static uint64_t fold_word(uint64_t digest, uint64_t word)
{
    const uint64_t product = (digest ^ word) * UINT64_C(0x9e3779b97f4a7c15);

    return product ^ product >> 32;
}

/* The size goes in first, so moving a byte between key and value changes the digest. */
static uint64_t fold_bytes(uint64_t digest, struct dengine_slice bytes)
{
    const uint8_t *at = bytes.data;
    uint8_t tail[8] = {0};
    size_t left = bytes.size;

    DE_ASSERT(at != NULL || left == 0);
    digest = fold_word(digest, bytes.size);
    for (; left >= sizeof tail; left -= sizeof tail, at += sizeof tail) {
        digest = fold_word(digest, de_load_u64(at));
    }
    DE_ASSERT(left < sizeof tail);
    if (left > 0) {
        memcpy(tail, at, left);
        digest = fold_word(digest, de_load_u64(tail));
    }
    return digest;
}

static int fold_view(struct dengine_kv_store store, struct dengine_kv_view *view, uint64_t *digest)
{
    struct dengine_kv_cursor *cursor = NULL;
    struct dengine_kv_pair pair;
    int rc = store.ops->cursor_open(store.object, view, &cursor);

    DE_ASSERT(digest != NULL);
    if (rc != 0) {
        return rc;
    }
    rc = store.ops->cursor_seek(store.object, cursor, dengine_bytes(NULL, 0), &pair);
    while (rc == 0) {
        rc = de_kv_past_skip(store, cursor, &pair);
        if (rc != 0) {
            break;
        }
        *digest = fold_bytes(fold_bytes(*digest, pair.key), pair.value);
        rc = store.ops->cursor_next(store.object, cursor, &pair);
    }
    store.ops->cursor_close(store.object, cursor);
    return rc == DENGINE_E_NOT_FOUND ? 0 : rc;
}

/* "\0state" is among the records, so the applied index and term are in it too. */
int de_kv_op_digest(void *object, uint64_t *digest)
{
    struct de_kv *kv = object;
    struct dengine_kv_view *view = NULL;
    int rc;

    DE_ASSERT(kv != NULL);
    DE_ASSERT(digest != NULL);
    *digest = 0;
    rc = kv->store.ops->view_open(kv->store.object, &view);
    if (rc != 0) {
        return rc;
    }
    rc = fold_view(kv->store, view, digest);
    kv->store.ops->view_close(kv->store.object, view);
    return rc;
}
