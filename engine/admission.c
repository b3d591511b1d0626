#include "engine/admission.h"

#include <stdio.h>

#include "core/base/assert.h"

/* What a command puts. */
struct puts {
    size_t longest_key;
    uint64_t leases; /* that it may make */
    bool session;    /* and whether the one lease it makes has a session */
};

void de_admission_init(struct de_admission *admission, struct de_kv *kv, size_t value_bytes_max,
                       size_t key_bytes_max, uint64_t leases_max, uint64_t sessions_max)
{
    DE_ASSERT(kv != NULL);
    DE_ASSERT(key_bytes_max <= DE_KV_USER_KEY_MAX && leases_max <= DE_KV_LEASES_MAX);
    DE_ASSERT(sessions_max <= DE_KV_LEASES_MAX); /* each is a lease */
    admission->kv = kv;
    admission->value_bytes_max = value_bytes_max;
    admission->key_bytes_max = key_bytes_max;
    admission->leases_max = leases_max;
    admission->sessions_max = sessions_max;
    atomic_init(&admission->too_large, 0);
    atomic_init(&admission->leases_refused, 0);
    atomic_init(&admission->sessions_refused, 0);
    atomic_init(&admission->reads_refused, 0);
}

static void add_op(struct puts *puts, const struct de_kv_op *op)
{
    DE_ASSERT(puts != NULL);
    if (op->type == DE_KV_PUT) {
        puts->longest_key = op->key.size > puts->longest_key ? op->key.size : puts->longest_key;
        puts->leases += op->ttl_ns != 0 ? 1 : 0;
    }
}

static void add_list(struct puts *puts, const struct de_kv_list *list)
{
    struct de_reader reader;
    struct de_kv_op op;

    DE_ASSERT(list->bytes.data != NULL || list->count == 0);
    de_reader_init(&reader, list->bytes.data, list->bytes.size);
    for (uint32_t i = 0; i < list->count && de_kv_op_read(&reader, &op); i++) {
        add_op(puts, &op);
    }
}

static struct puts puts_of(const struct de_kv_command *command)
{
    struct puts puts = {0};

    DE_ASSERT(command != NULL);
    if (command->type == DE_KV_WRITE || command->type == DE_KV_CAS) {
        add_op(&puts, &command->op);
    } else if (command->type == DE_KV_TXN) {
        add_list(&puts, &command->then_ops);
        add_list(&puts, &command->else_ops);
    } else if (command->type == DE_KV_LEASE_GRANT) {
        puts.leases = 1;
        puts.session = command->with_session;
    }
    return puts;
}

/* Which bound of the state machine, or of values, a command of one operation breaks. */
static void explain(const struct de_admission *admission, const struct de_kv_command *command,
                    char reason[DE_ADMISSION_REASON_BYTES])
{
    const struct de_kv_op *op = &command->op;
    const size_t key = op->key.size > op->end.size ? op->key.size : op->end.size;
    const size_t compared = command->type == DE_KV_CAS ? command->compare.value.size : 0;
    const size_t value = op->value.size > compared ? op->value.size : compared;

    DE_ASSERT(reason != NULL);
    if (command->type != DE_KV_WRITE && command->type != DE_KV_CAS) {
        return;
    }
    if (key > DE_KV_USER_KEY_MAX) {
        (void)snprintf(reason, DE_ADMISSION_REASON_BYTES,
                       "the key has %zu bytes, at most %d are allowed", key, DE_KV_USER_KEY_MAX);
    } else if (op->type == DE_KV_DELETE_RANGE) {
        (void)snprintf(reason, DE_ADMISSION_REASON_BYTES, "the range ends before it begins");
    } else if (key == 0) {
        (void)snprintf(reason, DE_ADMISSION_REASON_BYTES, "the key is empty");
    } else if (value > admission->value_bytes_max) {
        (void)snprintf(reason, DE_ADMISSION_REASON_BYTES,
                       "the value has %zu bytes, limits.value_bytes_max allows %zu", value,
                       admission->value_bytes_max);
    }
}

/* Whether so many leases more, one of them with a session or none, may be made. */
static int check_leases(struct de_admission *admission, const struct puts *puts,
                        char reason[DE_ADMISSION_REASON_BYTES])
{
    struct de_kv_view view;
    int err = de_kv_view_open(admission->kv, &view);

    DE_ASSERT(puts->leases > 0);
    if (err != 0) {
        return err;
    }
    if (view.leases + puts->leases > admission->leases_max) {
        (void)atomic_fetch_add(&admission->leases_refused, 1);
        (void)snprintf(reason, DE_ADMISSION_REASON_BYTES,
                       "there are %llu leases, limits.leases_max allows %llu",
                       (unsigned long long)view.leases, (unsigned long long)admission->leases_max);
        err = DENGINE_E_BUSY;
    } else if (puts->session && view.sessions >= admission->sessions_max) {
        (void)atomic_fetch_add(&admission->sessions_refused, 1);
        (void)snprintf(reason, DE_ADMISSION_REASON_BYTES,
                       "there are %llu sessions, limits.sessions_max allows %llu",
                       (unsigned long long)view.sessions,
                       (unsigned long long)admission->sessions_max);
        err = DENGINE_E_BUSY;
    }
    de_kv_view_close(&view);
    return err;
}

int de_admission_check(struct de_admission *admission, const struct de_kv_command *command,
                       char reason[DE_ADMISSION_REASON_BYTES])
{
    struct puts puts;
    int err = de_kv_command_check(command, admission->value_bytes_max);

    DE_ASSERT(reason != NULL);
    reason[0] = '\0';
    if (err != 0) {
        explain(admission, command, reason);
    }
    puts = err == 0 ? puts_of(command) : (struct puts){0};
    if (err == 0 && puts.longest_key > admission->key_bytes_max) {
        (void)snprintf(reason, DE_ADMISSION_REASON_BYTES,
                       "the key has %zu bytes, limits.key_bytes_max allows %zu", puts.longest_key,
                       admission->key_bytes_max);
        err = DENGINE_E_TOO_LARGE;
    }
    if (err == DENGINE_E_TOO_LARGE) {
        (void)atomic_fetch_add(&admission->too_large, 1);
    }
    return err == 0 && puts.leases > 0 ? check_leases(admission, &puts, reason) : err;
}

int de_admission_check_bytes(struct de_admission *admission, struct dengine_slice bytes,
                             char reason[DE_ADMISSION_REASON_BYTES])
{
    struct de_kv_command command;
    const int err = de_kv_command_decode(bytes, &command);

    DE_ASSERT(err == 0); /* it was encoded here */
    return de_admission_check(admission, &command, reason);
}

void de_admission_note_read(struct de_admission *admission, int err)
{
    DE_ASSERT(err <= 0);
    if (err == DENGINE_E_BUSY) {
        (void)atomic_fetch_add(&admission->reads_refused, 1);
    }
}
