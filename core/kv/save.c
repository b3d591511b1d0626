/* Writing the state as a stream (stream.h). It is read from a view, so applying goes on beside it.
 * Nothing here touches what belongs to the applier. */
#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/kv/kv_state.h"
#include "core/kv/stream.h"

const uint8_t de_kv_stream_magic[4] = {'D', 'E', 'K', 'S'};

enum {
    PIECES = 3, /* of a record: lengths, key, value */
    HEAD_BYTES = DE_KV_STREAM_LENGTHS_BYTES + DE_KV_STREAM_COUNT_BYTES,
    SHORT_SLICE_BYTES = 5, /* less than any piece of the head */
};

DE_STATIC_ASSERT(HEAD_BYTES >= DE_KV_STREAM_HEADER_BYTES, "the head of the stream fits");
DE_STATIC_ASSERT(DENGINE_KV_KEY_MAX <= UINT16_MAX, "the length of a key fits");

enum phase {
    PHASE_START,
    PHASE_RECORDS,
    PHASE_END,
};

struct dengine_machine_save {
    struct dengine_kv_view *view;
    struct dengine_kv_cursor *cursor;
    enum phase phase; /* what pieces hold */
    uint64_t records; /* loaded so far */
    uint8_t head[HEAD_BYTES];
    struct dengine_slice pieces[PIECES]; /* what is left to hand out; borrows from the view */
};

/* Where in the log the view is; all 0 when nothing was applied. */
static int position(struct de_kv *kv, struct dengine_kv_view *view, struct de_kv_mark *mark)
{
    struct dengine_slice state = {NULL, 0};
    int rc;

    DE_ASSERT(view != NULL);
    DE_ASSERT(mark != NULL);
    memset(mark, 0, sizeof *mark);
    rc = kv->store.ops->view_get(kv->store.object, view, de_kv_state_key(), &state);
    if (rc == DENGINE_E_NOT_FOUND) {
        return 0;
    }
    return rc == 0 ? de_kv_state_decode(state, mark) : rc;
}

int de_kv_op_save_begin(void *object, struct dengine_machine_save **save, uint64_t *index,
                        uint64_t *term)
{
    struct de_kv *kv = object;
    struct dengine_machine_save *made;
    struct de_kv_mark mark;
    int rc;

    DE_ASSERT(!kv->batch_open && kv->restore == NULL);
    DE_ASSERT(save != NULL);
    if (kv->broken != 0) {
        return kv->broken;
    }
    made = de_allocate(&kv->allocator, sizeof *made);
    if (made == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    memset(made, 0, sizeof *made);
    rc = kv->store.ops->view_open(kv->store.object, &made->view);
    if (rc == 0) {
        rc = position(kv, made->view, &mark);
    }
    if (rc == 0) {
        rc = kv->store.ops->cursor_open(kv->store.object, made->view, &made->cursor);
    }
    if (rc != 0) {
        de_kv_op_save_end(kv, made);
        return rc;
    }
    DE_ASSERT(mark.index == kv->mark.index && mark.term == kv->mark.term);
    *index = mark.index;
    *term = mark.term;
    *save = made;
    return 0;
}

static void load_pair(struct dengine_machine_save *save, const struct dengine_kv_pair *pair)
{
    struct de_writer writer;

    DE_ASSERT(pair->key.size > 0 && pair->key.size <= DENGINE_KV_KEY_MAX);
    DE_ASSERT(pair->value.size <= INT32_MAX);
    de_writer_init(&writer, save->head, sizeof save->head);
    de_write_u16(&writer, (uint16_t)pair->key.size);
    de_write_u32(&writer, (uint32_t)pair->value.size);
    DE_ASSERT(!writer.failed && writer.size == DE_KV_STREAM_LENGTHS_BYTES);
    save->pieces[0] = dengine_bytes(save->head, writer.size);
    save->pieces[1] = pair->key;
    save->pieces[2] = pair->value;
    save->records++;
}

static void load_end(struct dengine_machine_save *save)
{
    struct de_writer writer;

    DE_ASSERT(save->phase == PHASE_RECORDS);
    de_writer_init(&writer, save->head, sizeof save->head);
    de_write_u16(&writer, 0);
    de_write_u32(&writer, 0);
    de_write_u64(&writer, save->records);
    DE_ASSERT(!writer.failed && writer.size == HEAD_BYTES);
    save->pieces[0] = dengine_bytes(save->head, writer.size);
    save->phase = PHASE_END;
}

/* The next pieces; *more false: there are none. */
static int load(struct de_kv *kv, struct dengine_machine_save *save, bool *more)
{
    const struct dengine_kv_store store = kv->store;
    struct dengine_kv_pair pair;
    int rc;

    DE_ASSERT(save->pieces[0].size == 0 && save->pieces[1].size == 0);
    DE_ASSERT(save->pieces[2].size == 0);
    *more = save->phase != PHASE_END;
    if (!*more) {
        return 0;
    }
    if (save->phase == PHASE_START) {
        memcpy(save->head, de_kv_stream_magic, sizeof de_kv_stream_magic);
        de_store_u32(save->head + 4, DE_KV_STREAM_VERSION);
        save->pieces[0] = dengine_bytes(save->head, DE_KV_STREAM_HEADER_BYTES);
        save->phase = PHASE_RECORDS;
        return 0;
    }
    if (save->records == 0) {
        rc = store.ops->cursor_seek(store.object, save->cursor, dengine_bytes(NULL, 0), &pair);
    } else {
        rc = store.ops->cursor_next(store.object, save->cursor, &pair);
    }
    rc = rc == 0 ? de_kv_past_skip(store, save->cursor, &pair) : rc;
    if (rc == DENGINE_E_NOT_FOUND) {
        load_end(save);
        return 0;
    }
    if (rc == 0) {
        load_pair(save, &pair);
    }
    return rc;
}

/* Moves as much of the pieces into the buffer as fits; returns how much. */
static size_t unload(struct dengine_machine_save *save, uint8_t *buffer, size_t capacity)
{
    size_t done = 0;

    DE_ASSERT(buffer != NULL);
    for (size_t i = 0; i < PIECES; i++) {
        struct dengine_slice *piece = &save->pieces[i];
        const size_t size = piece->size < capacity - done ? piece->size : capacity - done;

        if (size > 0) {
            memcpy(buffer + done, piece->data, size);
            *piece = dengine_bytes((const uint8_t *)piece->data + size, piece->size - size);
            done += size;
        }
    }
    DE_ASSERT(done <= capacity);
    return done;
}

int de_kv_op_save_read(void *object, struct dengine_machine_save *save, void *buffer,
                       size_t capacity, size_t *size)
{
    struct de_kv *kv = object;
    uint8_t *at = buffer;
    bool more = true;

    DE_ASSERT(save != NULL && save->cursor != NULL);
    DE_ASSERT(buffer != NULL && capacity > 0 && size != NULL);
    if (capacity > SHORT_SLICE_BYTES && de_site(kv->sites, DE_SITE_SHORT_SAVE)) {
        capacity = SHORT_SLICE_BYTES;
    }
    *size = unload(save, at, capacity);
    while (more && *size < capacity) {
        const int rc = load(kv, save, &more);

        if (rc != 0) {
            return rc;
        }
        *size += unload(save, at + *size, capacity - *size);
    }
    DE_ASSERT_IMPLIES(*size == 0, save->phase == PHASE_END);
    return 0;
}

void de_kv_op_save_end(void *object, struct dengine_machine_save *save)
{
    struct de_kv *kv = object;

    DE_ASSERT(save != NULL);
    DE_ASSERT_IMPLIES(save->cursor != NULL, save->view != NULL);
    if (save->cursor != NULL) {
        kv->store.ops->cursor_close(kv->store.object, save->cursor);
    }
    if (save->view != NULL) {
        kv->store.ops->view_close(kv->store.object, save->view);
    }
    de_release(&kv->allocator, save);
}
