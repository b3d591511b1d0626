/* Sessions: a command that comes again gets the result it had (thesis 6.3).
 *
 * A command names the newest sequence number up to which its client has all results. So what is
 * remembered is bounded: numbers up to that one are forgotten, and only so many beyond it are let
 * in. */
#include "core/base/assert.h"
#include "core/base/sometimes.h"
#include "core/kv/kv_state.h"

enum {
    ENOUGH = 1,
};

static int find(struct de_kv *kv, const struct de_kv_command *command,
                struct dengine_result *result)
{
    uint8_t buffer[DENGINE_KV_KEY_MAX];
    struct dengine_slice bytes = {NULL, 0};
    struct dengine_result found;
    int rc = de_kv_get_bytes(kv, de_kv_remembered_key(command->session, command->sequence, buffer),
                             &bytes);

    DE_ASSERT(command->sequence > 0);
    DE_ASSERT(command->session != 0);
    if (rc != 0) {
        return rc;
    }
    rc = de_kv_remembered_decode(bytes, &found);
    if (rc != 0) {
        return de_kv_break(kv, rc, "a remembered result cannot be read");
    }
    if (found.bytes.size > DENGINE_RESULTS_BYTES_MAX - kv->entry_bytes) {
        return DENGINE_E_BUSY;
    }
    bytes = found.bytes;
    *result = found;
    result->bytes = dengine_bytes(NULL, 0);
    return de_kv_keep(kv, bytes, result);
}

struct sum {
    uint64_t session;
    size_t bytes;
};

static int add_one(void *context, struct dengine_slice key, struct dengine_slice value)
{
    struct sum *sum = context;
    uint64_t session = 0;
    uint64_t sequence = 0;

    DE_ASSERT(key.size > 0);
    DE_ASSERT(sum->session != 0);
    if (!de_kv_remembered_of(key, &session, &sequence) || session != sum->session) {
        return ENOUGH;
    }
    sum->bytes += value.size - DE_KV_REMEMBERED_HEADER_BYTES;
    return 0;
}

/* Counted when somebody may answer at length: a sum in the record of the session would be one more
 * thing that has to agree with the results, and be written with each. */
int de_kv_session_room(struct de_kv *kv, uint64_t session, size_t *bytes)
{
    struct sum sum = {.session = session};
    uint8_t buffer[DENGINE_KV_KEY_MAX];
    int rc = de_kv_iterate_bytes(kv, de_kv_remembered_key(session, 0, buffer), add_one, &sum);

    DE_ASSERT(rc == 0 || rc == ENOUGH || rc == kv->failed);
    DE_ASSERT(sum.bytes <=
              DE_KV_SESSION_BYTES_MAX + DE_KV_SESSION_WINDOW * DE_KV_SESSION_SMALL_BYTES);
    *bytes = sum.bytes < DE_KV_SESSION_BYTES_MAX ? DE_KV_SESSION_BYTES_MAX - sum.bytes : 0;
    return rc == ENOUGH ? 0 : rc;
}

struct collect {
    uint64_t session;
    uint64_t upto;
    uint64_t sequences[DE_KV_SESSION_WINDOW];
    uint32_t count;
    uint32_t count_max;
};

static int collect_one(void *context, struct dengine_slice key, struct dengine_slice value)
{
    struct collect *collect = context;
    uint64_t session = 0;
    uint64_t sequence = 0;

    DE_ASSERT(collect->count <= collect->count_max);
    DE_ASSERT(collect->count_max <= DE_KV_SESSION_WINDOW);
    (void)value;
    if (collect->count == collect->count_max || !de_kv_remembered_of(key, &session, &sequence) ||
        session != collect->session || sequence > collect->upto) {
        return ENOUGH;
    }
    collect->sequences[collect->count++] = sequence;
    return 0;
}

int de_kv_session_forget(struct de_kv *kv, uint64_t session, struct de_kv_lease *lease,
                         uint64_t upto, uint32_t *budget)
{
    struct collect collect = {.session = session, .upto = upto};
    uint8_t buffer[DENGINE_KV_KEY_MAX];
    int rc;

    DE_ASSERT(lease->remembered <= DE_KV_SESSION_WINDOW);
    if (lease->remembered == 0 || *budget == 0) {
        return 0;
    }
    collect.count_max = *budget < DE_KV_SESSION_WINDOW ? *budget : DE_KV_SESSION_WINDOW;
    rc = de_kv_iterate_bytes(kv, de_kv_remembered_key(session, 0, buffer), collect_one, &collect);
    rc = rc == ENOUGH ? 0 : rc;
    for (uint32_t i = 0; i < collect.count && rc == 0; i++) {
        rc = de_kv_remove_bytes(kv, de_kv_remembered_key(session, collect.sequences[i], buffer));
    }
    DE_ASSERT(collect.count <= lease->remembered);
    lease->remembered -= collect.count;
    *budget -= collect.count;
    return rc;
}

/* Moves the session on to what the client has acknowledged. */
static int acknowledge(struct de_kv *kv, const struct de_kv_command *command,
                       struct de_kv_lease *lease)
{
    uint32_t budget = DE_KV_SESSION_WINDOW;
    int rc;

    DE_ASSERT(command->acknowledged < command->sequence);
    DE_ASSERT(lease->session && !lease->ending);
    if (command->acknowledged <= lease->acknowledged) {
        return 0;
    }
    rc = de_kv_session_forget(kv, command->session, lease, command->acknowledged, &budget);
    lease->acknowledged = command->acknowledged;
    return rc == 0 ? de_kv_lease_put(kv, command->session, lease) : rc;
}

int de_kv_session_recall(struct de_kv *kv, const struct de_kv_command *command, bool *recalled,
                         struct dengine_result *result)
{
    struct de_kv_lease lease;
    int rc = de_kv_lease_get(kv, command->session, &lease);

    DE_ASSERT(command->session != 0);
    *recalled = false;
    if (rc == DENGINE_E_NO_LEASE || (rc == 0 && !lease.session)) {
        return DENGINE_E_NO_SESSION;
    }
    if (rc != 0 || command->sequence <= lease.acknowledged) {
        return rc != 0 ? rc : DENGINE_E_STALE;
    }
    rc = find(kv, command, result);
    *recalled = rc == 0;
    DE_SOMETIMES(*recalled, "a write that was done is asked for again, and its result remembered");
    DE_ASSERT_IMPLIES(*recalled, result->revision <= kv->open.index);
    if (rc != DENGINE_E_NOT_FOUND) {
        return rc;
    }
    rc = acknowledge(kv, command, &lease);
    if (rc != 0) {
        return rc;
    }
    DE_ASSERT(lease.remembered <= DE_KV_SESSION_WINDOW);
    DE_SOMETIMES(command->acknowledged > 0 && command->acknowledged + 1 < command->sequence,
                 "a session has several writes under way");
    return command->sequence - lease.acknowledged <= DE_KV_SESSION_WINDOW ? 0 : DENGINE_E_BUSY;
}

int de_kv_session_remember(struct de_kv *kv, const struct de_kv_command *command,
                           const struct dengine_result *result)
{
    const size_t size = DE_KV_REMEMBERED_HEADER_BYTES + result->bytes.size;
    uint8_t buffer[DENGINE_KV_KEY_MAX];
    struct de_kv_lease lease;
    int rc = de_kv_lease_get(kv, command->session, &lease);

    DE_ASSERT(command->session != 0);
    if (rc == DENGINE_E_NO_LEASE) {
        return 0; /* the command itself has ended its session */
    }
    if (rc != 0) {
        return rc;
    }
    DE_ASSERT(lease.session && lease.remembered < DE_KV_SESSION_WINDOW);
    DE_ASSERT(command->sequence > lease.acknowledged);
    lease.remembered++;
    rc = de_kv_lease_put(kv, command->session, &lease);
    kv->record.size = 0;
    rc = rc == 0 ? de_kv_buffer_grow(kv, &kv->record, size) : rc;
    if (rc != 0) {
        return rc;
    }
    de_kv_remembered_encode_header(result, kv->record.bytes);
    if (result->bytes.size > 0) {
        memcpy(kv->record.bytes + DE_KV_REMEMBERED_HEADER_BYTES, result->bytes.data,
               result->bytes.size);
    }
    return de_kv_put_bytes(kv, de_kv_remembered_key(command->session, command->sequence, buffer),
                           dengine_bytes(kv->record.bytes, size));
}
