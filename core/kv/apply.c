/* Carrying out commands. What happens here is a function of the state and the command alone. */
#include "core/base/assert.h"
#include "core/kv/kv_state.h"

int de_kv_op_begin(void *object)
{
    struct de_kv *kv = object;
    int rc;

    DE_ASSERT(!kv->batch_open && kv->restore == NULL);
    if (kv->broken != 0) {
        return kv->broken;
    }
    rc = kv->store.ops->begin(kv->store.object);
    if (rc != 0) {
        return de_kv_break(kv, rc, NULL);
    }
    de_kv_forget_kept(kv);
    de_kv_events_drop(kv, NULL); /* of a batch that failed */
    kv->failed = 0;
    kv->undoing = false;
    kv->batch_open = true;
    kv->open = kv->mark;
    kv->entry_bytes = 0;
    DE_ASSERT(kv->kept == NULL && kv->first_event == NULL);
    kv->deadlines_changed = false;
    DE_ASSERT(kv->broken == 0);
    return 0;
}

/* Only what asks for more than its outcome gets an answer. */
static int run_write(struct de_kv *kv, const struct de_kv_command *command)
{
    const bool answer = command->op.want_previous || command->op.type == DE_KV_DELETE_RANGE;
    int rc;

    DE_ASSERT(kv->batch_open);
    DE_ASSERT(command->op.type <= DE_KV_DELETE_RANGE);
    rc = answer ? de_kv_answer_ops_begin(kv, 1) : 0;
    return rc == 0 ? de_kv_run_op(kv, &command->op, answer) : rc;
}

static int run_cas(struct de_kv *kv, const struct de_kv_command *command, bool *succeeded)
{
    struct de_kv_op get = {.type = DE_KV_GET, .key = command->op.key};
    int rc = de_kv_holds(kv, &command->compare, succeeded);

    DE_ASSERT(command->type == DE_KV_CAS);
    DE_ASSERT(command->op.type == DE_KV_PUT);
    if (rc != 0 || *succeeded) {
        return rc == 0 ? run_write(kv, command) : rc;
    }
    if (!command->op.want_previous) {
        return 0;
    }
    rc = de_kv_answer_ops_begin(kv, 1);
    return rc == 0 ? de_kv_run_op(kv, &get, true) : rc;
}

static int run(struct de_kv *kv, const struct de_kv_command *command, bool *succeeded)
{
    DE_ASSERT(kv->failed == 0);
    DE_ASSERT(*succeeded);
    switch (command->type) {
    case DE_KV_WRITE:
        return run_write(kv, command);
    case DE_KV_CAS:
        return run_cas(kv, command, succeeded);
    case DE_KV_TXN:
        return de_kv_run_txn(kv, command, succeeded);
    case DE_KV_LEASE_GRANT:
        return de_kv_run_grant(kv, command);
    case DE_KV_LEASE_KEEP:
        return de_kv_run_keep(kv, command);
    case DE_KV_LEASE_REVOKE:
        return de_kv_run_revoke(kv, command);
    default:
        DE_ASSERT(command->type == DE_KV_EXPIRE); /* the decoder lets no other through */
        return de_kv_run_expire(kv);
    }
}

static bool may_answer_at_length(const struct de_kv_command *command)
{
    DE_ASSERT(command->type >= DE_KV_WRITE && command->type <= DE_KV_EXPIRE);
    DE_ASSERT_IMPLIES(command->op.want_previous, command->type <= DE_KV_CAS);
    return command->type == DE_KV_TXN || command->op.want_previous;
}

/* Runs a command that has not been run before; failed, or 0 and the result. */
static int run_once(struct de_kv *kv, const struct de_kv_command *command,
                    struct dengine_result *result)
{
    struct de_kv_event *last = kv->last_event;
    struct dengine_slice answer;
    int rc;

    de_kv_answer_clear(kv);
    kv->command_keys = 0;
    kv->session_room = SIZE_MAX;
    if (command->session != 0 && may_answer_at_length(command) &&
        de_kv_session_room(kv, command->session, &kv->session_room) != 0) {
        return kv->failed;
    }
    rc = run(kv, command, &result->succeeded);
    if (kv->failed != 0) {
        return kv->failed;
    }
    DE_ASSERT(!kv->undoing);
    DE_ASSERT(rc <= 0 && rc != DENGINE_E_NOT_FOUND);
    result->status = rc;
    if (rc != 0) {
        result->succeeded = false;
        de_kv_answer_clear(kv);
        de_kv_events_drop(kv, last);
    }
    answer = dengine_bytes(kv->answer.bytes, kv->answer.size);
    rc = de_kv_keep(kv, answer, result);
    if (rc == 0 && command->session != 0 && result->status != DENGINE_E_BUSY) {
        rc = de_kv_session_remember(kv, command, result);
    }
    return rc;
}

static void move_on(struct de_kv *kv, const struct dengine_position *at)
{
    DE_ASSERT(at->index > kv->mark.index && at->index >= kv->open.index);
    DE_ASSERT(at->time_ns >= kv->open.time_ns);
    if (at->index > kv->open.index) {
        kv->entry_bytes = 0;
    }
    kv->open.index = at->index;
    kv->open.term = at->term;
    kv->open.time_ns = at->time_ns;
}

int de_kv_op_apply(void *object, const struct dengine_position *at, struct dengine_slice bytes,
                   struct dengine_result *result)
{
    struct de_kv *kv = object;
    struct de_kv_command command;
    bool recalled = false;
    int rc = 0;

    if (kv->broken != 0) {
        return kv->broken;
    }
    DE_ASSERT(kv->batch_open);
    move_on(kv, at);
    *result = (struct dengine_result){.succeeded = true, .revision = at->index};
    if (de_kv_command_decode(bytes, &command) != 0) {
        /* Every replica reads the same bytes, so every replica refuses it. */
        rc = DENGINE_E_INVALID;
    } else if (command.session != 0) {
        rc = de_kv_session_recall(kv, &command, &recalled, result);
    }
    if (kv->failed != 0 || recalled) {
        return kv->failed;
    }
    if (rc != 0) {
        *result = (struct dengine_result){.status = rc, .revision = at->index};
        return 0;
    }
    return run_once(kv, &command, result);
}

int de_kv_op_commit(void *object, uint64_t index, uint64_t term)
{
    struct de_kv *kv = object;
    uint8_t state[DE_KV_STATE_BYTES];
    uint64_t wake_ns = kv->wake_ns;
    int rc = 0;

    if (kv->broken != 0) {
        return kv->broken;
    }
    DE_ASSERT(kv->batch_open);
    DE_ASSERT(index >= kv->open.index && index > kv->mark.index);
    DE_ASSERT(term >= kv->open.term);
    kv->open.index = index;
    kv->open.term = term;
    if (kv->deadlines_changed) {
        rc = de_kv_first_deadline(kv, &wake_ns);
    }
    rc = rc == 0 ? de_kv_past_write(kv) : rc;
    /* In the transaction of the data: a crash shows both or neither. */
    de_kv_state_encode(&kv->open, state);
    rc = rc == 0 ? de_kv_put_bytes(kv, de_kv_state_key(), dengine_bytes(state, sizeof state)) : rc;
    if (rc != 0) {
        return rc;
    }
    kv->batch_open = false;
    rc = kv->store.ops->commit(kv->store.object);
    if (rc != 0) {
        return de_kv_break(kv, rc, NULL);
    }
    kv->mark = kv->open;
    kv->past.sum = kv->past.open;
    kv->wake_ns = wake_ns;
    de_kv_events_publish(kv);
    DE_ASSERT(kv->mark.index == index && kv->mark.term == term);
    return 0;
}
