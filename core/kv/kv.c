/* Making and freeing the state machine, and its table. */
#include "core/base/assert.h"
#include "core/kv/kv_state.h"
#include "core/kv/stream.h"

void de_kv_note(struct de_kv *kv, const char *text)
{
    size_t size = strlen(text);

    DE_ASSERT(kv != NULL && text != NULL);
    DE_ASSERT(sizeof kv->message > 1);
    if (size > sizeof kv->message - 1) {
        size = sizeof kv->message - 1;
    }
    memcpy(kv->message, text, size);
    kv->message[size] = '\0';
    DE_ASSERT(strlen(kv->message) == size);
}

int de_kv_break(struct de_kv *kv, int err, const char *text)
{
    DE_ASSERT(err != 0);
    DE_ASSERT(err != DENGINE_E_NOT_FOUND); /* an answer, not a failure */
    kv->failed = err;
    if (kv->broken == 0) {
        /* Without room nothing has happened yet: the batch may be tried again. */
        kv->broken = err == DENGINE_E_NO_SPACE ? 0 : err;
        de_kv_note(kv, text != NULL ? text : kv->store.ops->message(kv->store.object));
        if (kv->message[0] == '\0') {
            de_kv_note(kv, dengine_strerror(err));
        }
    }
    if (kv->batch_open) {
        kv->store.ops->abort(kv->store.object);
        kv->batch_open = false;
    }
    DE_ASSERT(kv->message[0] != '\0');
    return err;
}

static int op_applied(void *object, uint64_t *index, uint64_t *term)
{
    const struct de_kv *kv = object;

    DE_ASSERT(!kv->batch_open);
    DE_ASSERT_IMPLIES(kv->mark.index == 0, kv->mark.term == 0);
    *index = kv->mark.index;
    *term = kv->mark.term;
    return kv->broken;
}

static void op_clock(void *object, struct dengine_machine_clock *clock)
{
    static const uint8_t expire[] = {DE_KV_COMMAND_VERSION, DE_KV_EXPIRE, 0, 0};
    const struct de_kv *kv = object;

    DE_ASSERT(!kv->batch_open);
    DE_ASSERT(clock != NULL);
    *clock = (struct dengine_machine_clock){
        .time_ns = kv->mark.time_ns,
        .wake_ns = kv->wake_ns,
        .wake_command = dengine_bytes(expire, sizeof expire),
    };
}

static const char *op_message(void *object)
{
    const struct de_kv *kv = object;

    DE_ASSERT(kv != NULL);
    DE_ASSERT_IMPLIES(kv->broken != 0, kv->message[0] != '\0');
    return kv->message;
}

/* 0: there is nothing at all in the view; CORRUPT: there is. */
static int expect_empty(struct dengine_kv_store store, struct dengine_kv_view *view)
{
    struct dengine_kv_cursor *cursor = NULL;
    struct dengine_kv_pair pair;
    int rc = store.ops->cursor_open(store.object, view, &cursor);

    DE_ASSERT(view != NULL);
    if (rc != 0) {
        return rc;
    }
    rc = store.ops->cursor_seek(store.object, cursor, dengine_bytes(NULL, 0), &pair);
    store.ops->cursor_close(store.object, cursor);
    if (rc == 0) {
        return DENGINE_E_CORRUPT;
    }
    return rc == DENGINE_E_NOT_FOUND ? 0 : rc;
}

/* The first deadline there is. */
static int find_deadline(struct de_kv *kv, struct dengine_kv_view *view)
{
    const struct dengine_kv_store store = kv->store;
    struct dengine_kv_cursor *cursor = NULL;
    struct dengine_kv_pair pair;
    uint8_t buffer[DENGINE_KV_KEY_MAX];
    uint64_t lease = 0;
    int rc = store.ops->cursor_open(store.object, view, &cursor);

    DE_ASSERT(view != NULL);
    kv->wake_ns = UINT64_MAX;
    if (rc != 0) {
        return rc;
    }
    rc = store.ops->cursor_seek(store.object, cursor, de_kv_deadline_key(0, 0, buffer), &pair);
    if (rc == 0) {
        uint64_t deadline_ns = 0;

        kv->wake_ns = de_kv_deadline_of(pair.key, &deadline_ns, &lease) ? deadline_ns : UINT64_MAX;
    }
    store.ops->cursor_close(store.object, cursor);
    DE_ASSERT_IMPLIES(kv->wake_ns != UINT64_MAX, lease > 0);
    return rc == DENGINE_E_NOT_FOUND ? 0 : rc;
}

/* A store without our mark must be empty, else it is somebody's. */
static int load_from(struct de_kv *kv, struct dengine_kv_view *view)
{
    const struct dengine_kv_store_ops *ops = kv->store.ops;
    struct dengine_slice value = {NULL, 0};
    int rc = ops->view_get(kv->store.object, view, de_kv_state_key(), &value);

    DE_ASSERT(!kv->batch_open);
    memset(&kv->mark, 0, sizeof kv->mark);
    kv->wake_ns = UINT64_MAX;
    if (rc == DENGINE_E_NOT_FOUND) {
        return expect_empty(kv->store, view);
    }
    rc = rc == 0 ? de_kv_state_decode(value, &kv->mark) : rc;
    return rc == 0 ? find_deadline(kv, view) : rc;
}

/* Reads what has been applied. */
static int load_state(struct de_kv *kv)
{
    struct dengine_kv_view *view = NULL;
    int rc = kv->store.ops->view_open(kv->store.object, &view);

    DE_ASSERT(!kv->batch_open);
    if (rc != 0) {
        return rc;
    }
    rc = load_from(kv, view);
    kv->store.ops->view_close(kv->store.object, view);
    DE_ASSERT_IMPLIES(rc == 0 && kv->mark.leases > 0, kv->wake_ns != UINT64_MAX);
    return rc;
}

int de_kv_new(struct dengine_kv_store store, const struct de_allocator *allocator,
              struct de_kv **kv)
{
    struct de_kv *made;
    int rc;

    DE_ASSERT(store.ops != NULL);
    DE_ASSERT(allocator != NULL && kv != NULL);
    *kv = NULL;
    made = de_allocate(allocator, sizeof *made);
    if (made == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    memset(made, 0, sizeof *made);
    made->store = store;
    made->allocator = *allocator;
    rc = load_state(made);
    if (rc != 0) {
        de_release(allocator, made);
        return rc;
    }
    *kv = made;
    return 0;
}

int de_kv_is_older(struct dengine_kv_store store, bool *older)
{
    const struct dengine_kv_store_ops *ops = store.ops;
    struct dengine_kv_view *view = NULL;
    struct dengine_slice value = {NULL, 0};
    int rc;

    DE_ASSERT(ops != NULL);
    DE_ASSERT(older != NULL);
    *older = false;
    rc = ops->view_open(store.object, &view);
    if (rc != 0) {
        return rc;
    }
    rc = ops->view_get(store.object, view, de_kv_state_key(), &value);
    if (rc == 0) {
        *older = de_kv_state_is_older(value);
    }
    ops->view_close(store.object, view);
    return rc == DENGINE_E_NOT_FOUND ? 0 : rc;
}

void de_kv_free(struct de_kv *kv)
{
    struct de_allocator allocator;

    if (kv == NULL) {
        return;
    }
    if (kv->batch_open) {
        kv->store.ops->abort(kv->store.object);
    }
    if (kv->restore != NULL) {
        de_kv_op_restore_abort(kv);
    }
    DE_ASSERT_IMPLIES(kv->broken != 0, !kv->batch_open);
    allocator = kv->allocator;
    de_kv_forget_kept(kv);
    de_kv_events_drop(kv, NULL);
    de_release(&allocator, kv->record.bytes);
    de_release(&allocator, kv->answer.bytes);
    de_release(&allocator, kv->keys.bytes);
    de_release(&allocator, kv->undo.bytes);
    de_release(&allocator, kv->past.record.bytes);
    de_release(&allocator, kv);
}

void de_kv_set_sink(struct de_kv *kv, struct de_kv_sink sink)
{
    DE_ASSERT(!kv->batch_open);
    DE_ASSERT(sink.publish != NULL && sink.reset != NULL);
    kv->sink = sink;
}

void de_kv_set_sites(struct de_kv *kv, struct de_sites *sites)
{
    DE_ASSERT(kv != NULL);
    DE_ASSERT(!kv->batch_open);
    kv->sites = sites;
}

struct dengine_state_machine de_kv_state_machine(struct de_kv *kv)
{
    static const struct dengine_state_machine_ops ops = {
        .applied = op_applied,
        .begin = de_kv_op_begin,
        .apply = de_kv_op_apply,
        .commit = de_kv_op_commit,
        .clock = op_clock,
        .digest = de_kv_op_digest,
        .save_begin = de_kv_op_save_begin,
        .save_read = de_kv_op_save_read,
        .save_end = de_kv_op_save_end,
        .restore_begin = de_kv_op_restore_begin,
        .restore_write = de_kv_op_restore_write,
        .restore_commit = de_kv_op_restore_commit,
        .restore_abort = de_kv_op_restore_abort,
        .message = op_message,
    };
    struct dengine_state_machine machine = {&ops, kv};

    DE_ASSERT(kv != NULL);
    DE_ASSERT(!kv->batch_open);
    return machine;
}
