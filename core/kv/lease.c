/* Leases: granted, kept alive, revoked, ended when past their deadline; and the keys that end with
 * them.
 *
 * All of it is in the store, deadlines as keys in their order. So a restart and a snapshot have
 * nothing to rebuild, a command that fails takes nothing back in memory, and 100 000 leases cost
 * nothing while none is due: whether one is, the first key tells. */
#include "core/base/assert.h"
#include "core/base/sometimes.h"
#include "core/kv/kv_state.h"

enum {
    ENOUGH = 1,
};

static const struct dengine_slice no_value = {NULL, 0};

/* Also one that is ending. */
static int load(struct de_kv *kv, uint64_t id, struct de_kv_lease *lease)
{
    uint8_t buffer[DENGINE_KV_KEY_MAX];
    struct dengine_slice bytes = {NULL, 0};
    int rc = de_kv_get_bytes(kv, de_kv_lease_key(id, buffer), &bytes);

    DE_ASSERT(id != 0);
    DE_ASSERT(kv->batch_open || rc == kv->failed);
    if (rc == DENGINE_E_NOT_FOUND) {
        return DENGINE_E_NO_LEASE;
    }
    if (rc != 0) {
        return rc;
    }
    rc = de_kv_lease_decode(bytes, lease);
    return rc == 0 ? 0 : de_kv_break(kv, rc, "a stored lease cannot be read");
}

/* One that must be there, for a key says so. */
static int load_known(struct de_kv *kv, uint64_t id, struct de_kv_lease *lease)
{
    int rc = load(kv, id, lease);

    DE_ASSERT(lease != NULL);
    DE_ASSERT(id != 0);
    return rc == DENGINE_E_NO_LEASE
               ? de_kv_break(kv, DENGINE_E_CORRUPT, "a stored key names a lease that is not there")
               : rc;
}

int de_kv_lease_get(struct de_kv *kv, uint64_t id, struct de_kv_lease *lease)
{
    int rc = load(kv, id, lease);

    DE_ASSERT(id != 0);
    DE_ASSERT(kv->batch_open || rc == kv->failed);
    return rc == 0 && lease->ending ? DENGINE_E_NO_LEASE : rc;
}

int de_kv_lease_put(struct de_kv *kv, uint64_t id, const struct de_kv_lease *lease)
{
    uint8_t buffer[DENGINE_KV_KEY_MAX];
    uint8_t bytes[DE_KV_LEASE_BYTES];

    DE_ASSERT(id != 0 && id <= kv->open.last_lease);
    DE_ASSERT(kv->open.leases <= kv->open.last_lease && kv->open.sessions <= kv->open.leases);
    de_kv_lease_encode(lease, bytes);
    return de_kv_put_bytes(kv, de_kv_lease_key(id, buffer), dengine_bytes(bytes, sizeof bytes));
}

/* ---- deadlines ---- */

static int put_deadline(struct de_kv *kv, uint64_t id, const struct de_kv_lease *lease)
{
    uint8_t buffer[DENGINE_KV_KEY_MAX];

    DE_ASSERT(id != 0);
    DE_ASSERT(lease->ttl_ns <= DE_KV_TTL_MAX_NS);
    kv->deadlines_changed = true;
    return de_kv_put_bytes(kv, de_kv_deadline_key(lease->deadline_ns, id, buffer), no_value);
}

static int remove_deadline(struct de_kv *kv, uint64_t id, const struct de_kv_lease *lease)
{
    uint8_t buffer[DENGINE_KV_KEY_MAX];

    DE_ASSERT(id != 0);
    DE_ASSERT(lease->ttl_ns <= DE_KV_TTL_MAX_NS);
    kv->deadlines_changed = true;
    return de_kv_remove_bytes(kv, de_kv_deadline_key(lease->deadline_ns, id, buffer));
}

/* Moves the deadline and stores the lease. */
static int move_deadline(struct de_kv *kv, uint64_t id, struct de_kv_lease *lease,
                         uint64_t deadline_ns)
{
    int rc = 0;

    DE_ASSERT(lease->ttl_ns >= DE_KV_TTL_MIN_NS);
    DE_ASSERT(id <= kv->open.last_lease);
    if (deadline_ns != lease->deadline_ns) {
        rc = remove_deadline(kv, id, lease);
        lease->deadline_ns = deadline_ns;
        rc = rc == 0 ? put_deadline(kv, id, lease) : rc;
    }
    return rc == 0 ? de_kv_lease_put(kv, id, lease) : rc;
}

struct first {
    bool found;
    uint64_t deadline_ns;
    uint64_t id;
};

static int see_first(void *context, struct dengine_slice key, struct dengine_slice value)
{
    struct first *first = context;

    DE_ASSERT(key.size >= 1);
    DE_ASSERT(!first->found);
    (void)value;
    first->found = de_kv_deadline_of(key, &first->deadline_ns, &first->id);
    return ENOUGH;
}

static int find_first(struct de_kv *kv, struct first *first)
{
    uint8_t buffer[DENGINE_KV_KEY_MAX];
    int rc;

    DE_ASSERT(kv->batch_open);
    memset(first, 0, sizeof *first);
    rc = de_kv_iterate_bytes(kv, de_kv_deadline_key(0, 0, buffer), see_first, first);
    DE_ASSERT_IMPLIES(first->found, rc == ENOUGH);
    return rc == ENOUGH ? 0 : rc;
}

int de_kv_first_deadline(struct de_kv *kv, uint64_t *deadline_ns)
{
    struct first first;
    int rc = find_first(kv, &first);

    DE_ASSERT(kv->batch_open || rc != 0);
    DE_ASSERT(deadline_ns != NULL);
    *deadline_ns = first.found ? first.deadline_ns : UINT64_MAX;
    return rc;
}

/* ---- making and ending ---- */

static int make(struct de_kv *kv, const struct de_kv_lease *lease, uint64_t *id)
{
    int rc;

    DE_ASSERT(kv->open.leases < DE_KV_LEASES_MAX);
    DE_ASSERT(!lease->ending);
    *id = ++kv->open.last_lease;
    kv->open.leases++;
    kv->open.sessions += lease->session ? 1 : 0;
    rc = de_kv_lease_put(kv, *id, lease);
    return rc == 0 ? put_deadline(kv, *id, lease) : rc;
}

static int unmake(struct de_kv *kv, uint64_t id, const struct de_kv_lease *lease)
{
    uint8_t buffer[DENGINE_KV_KEY_MAX];
    int rc = remove_deadline(kv, id, lease);

    DE_ASSERT(kv->open.leases > 0);
    DE_ASSERT(lease->remembered == 0);
    DE_ASSERT_IMPLIES(lease->session, kv->open.sessions > 0);
    kv->open.leases--;
    kv->open.sessions -= lease->session ? 1 : 0;
    return rc == 0 ? de_kv_remove_bytes(kv, de_kv_lease_key(id, buffer)) : rc;
}

struct collect {
    struct de_kv *kv;
    uint64_t id;
    uint32_t count;
    uint32_t count_max;
};

static int collect_key(void *context, struct dengine_slice store_key, struct dengine_slice value)
{
    struct collect *collect = context;
    struct dengine_slice key;
    uint64_t id = 0;

    DE_ASSERT(collect->count <= collect->count_max);
    (void)value;
    if (collect->count == collect->count_max || !de_kv_attachment_of(store_key, &id, &key) ||
        id != collect->id) {
        return ENOUGH;
    }
    collect->count++;
    return de_kv_keep_key(collect->kv, key);
}

static int end_key(struct de_kv *kv, uint64_t id, struct dengine_slice key, bool expired)
{
    uint8_t buffer[DENGINE_KV_KEY_MAX];
    struct de_kv_record old = {.lease = 0};
    int rc = de_kv_get_record(kv, key, &old);

    DE_ASSERT(id != 0);
    DE_ASSERT(key.size >= 1);
    if (kv->failed == 0 && (rc != 0 || old.lease != id)) {
        return de_kv_break(kv, DENGINE_E_CORRUPT, "a lease names a key that is not attached to it");
    }
    rc = rc == 0 ? de_kv_remove_key(kv, key, &old, expired) : rc;
    return rc == 0 ? de_kv_remove_bytes(kv, de_kv_attachment_key(id, key, buffer)) : rc;
}

/* Removes up to *budget of what belongs to the lease, and at last the lease itself. */
static int end(struct de_kv *kv, uint64_t id, struct de_kv_lease *lease, uint32_t *budget,
               bool expired)
{
    struct collect collect = {.kv = kv, .id = id, .count_max = *budget};
    uint8_t buffer[DENGINE_KV_KEY_MAX];
    struct dengine_slice key;
    size_t position = 0;
    int rc;

    DE_ASSERT(*budget > 0);
    kv->keys.size = 0;
    rc = de_kv_iterate_bytes(kv, de_kv_attachment_key(id, no_value, buffer), collect_key, &collect);
    rc = rc == ENOUGH ? 0 : rc;
    while (rc == 0 && de_kv_next_key(kv, &position, &key) == 0) {
        rc = end_key(kv, id, key, expired);
    }
    if (rc != 0) {
        return rc;
    }
    DE_ASSERT(lease->keys >= collect.count);
    lease->keys -= collect.count;
    *budget -= collect.count;
    rc = de_kv_session_forget(kv, id, lease, UINT64_MAX, budget);
    if (rc != 0 || (lease->keys == 0 && lease->remembered == 0)) {
        return rc == 0 ? unmake(kv, id, lease) : rc;
    }
    DE_ASSERT(*budget == 0);
    DE_ASSERT(lease->keys > 0 || lease->remembered > 0);
    lease->ending = true;
    return move_deadline(kv, id, lease, expired ? lease->deadline_ns : 0);
}

/* ---- keys ---- */

int de_kv_lease_detach(struct de_kv *kv, uint64_t id, struct dengine_slice key)
{
    uint8_t buffer[DENGINE_KV_KEY_MAX];
    struct de_kv_lease lease;
    int rc = load_known(kv, id, &lease);

    DE_ASSERT(key.size >= 1);
    rc = rc == 0 ? de_kv_remove_bytes(kv, de_kv_attachment_key(id, key, buffer)) : rc;
    if (rc != 0) {
        return rc;
    }
    DE_ASSERT(lease.keys > 0);
    lease.keys--;
    DE_ASSERT_IMPLIES(lease.single, lease.keys == 0);
    return lease.single ? unmake(kv, id, &lease) : de_kv_lease_put(kv, id, &lease);
}

static int attach(struct de_kv *kv, uint64_t id, struct dengine_slice key)
{
    uint8_t buffer[DENGINE_KV_KEY_MAX];

    DE_ASSERT(id != 0);
    DE_ASSERT(key.size >= 1);
    return de_kv_put_bytes(kv, de_kv_attachment_key(id, key, buffer), no_value);
}

/* A key with a time to live of its own. */
static int attach_single(struct de_kv *kv, const struct de_kv_op *op, uint64_t old, uint64_t *id)
{
    struct de_kv_lease lease = {.single = false};
    int rc = old != 0 ? load_known(kv, old, &lease) : 0;

    DE_ASSERT(op->ttl_ns != 0);
    DE_ASSERT(op->lease == 0);
    if (rc != 0) {
        return rc;
    }
    DE_SOMETIMES(lease.single, "a time to live begins anew");
    if (lease.single) { /* it has one already: begin anew */
        *id = old;
        lease.ttl_ns = op->ttl_ns;
        return move_deadline(kv, old, &lease, kv->open.time_ns + op->ttl_ns);
    }
    if (kv->open.leases >= DE_KV_LEASES_MAX) {
        return DENGINE_E_BUSY;
    }
    rc = old != 0 ? de_kv_lease_detach(kv, old, op->key) : 0;
    lease = (struct de_kv_lease){
        .single = true,
        .ttl_ns = op->ttl_ns,
        .deadline_ns = kv->open.time_ns + op->ttl_ns,
        .keys = 1,
    };
    rc = rc == 0 ? make(kv, &lease, id) : rc;
    return rc == 0 ? attach(kv, *id, op->key) : rc;
}

static int attach_to(struct de_kv *kv, const struct de_kv_op *op, uint64_t old)
{
    struct de_kv_lease lease;
    int rc = de_kv_lease_get(kv, op->lease, &lease);

    DE_ASSERT(op->lease != 0);
    DE_ASSERT(op->ttl_ns == 0);
    if (rc == 0 && lease.single) {
        rc = DENGINE_E_NO_LEASE; /* it belongs to its one key */
    }
    if (rc != 0 || op->lease == old) {
        return rc;
    }
    rc = old != 0 ? de_kv_lease_detach(kv, old, op->key) : 0;
    lease.keys++;
    rc = rc == 0 ? de_kv_lease_put(kv, op->lease, &lease) : rc;
    return rc == 0 ? attach(kv, op->lease, op->key) : rc;
}

int de_kv_lease_attach(struct de_kv *kv, const struct de_kv_op *op, uint64_t old, uint64_t *lease)
{
    DE_ASSERT(op->type == DE_KV_PUT);
    DE_ASSERT(op->lease == 0 || op->ttl_ns == 0);
    *lease = op->lease;
    if (op->ttl_ns != 0) {
        return attach_single(kv, op, old, lease);
    }
    if (op->lease != 0) {
        return attach_to(kv, op, old);
    }
    return old != 0 ? de_kv_lease_detach(kv, old, op->key) : 0;
}

/* ---- commands ---- */

int de_kv_run_grant(struct de_kv *kv, const struct de_kv_command *command)
{
    const struct de_kv_lease lease = {
        .session = command->with_session,
        .ttl_ns = command->ttl_ns,
        .deadline_ns = kv->open.time_ns + command->ttl_ns,
    };
    uint64_t id = kv->open.last_lease + 1;
    int rc;

    DE_ASSERT(command->type == DE_KV_LEASE_GRANT);
    DE_ASSERT(command->ttl_ns >= DE_KV_TTL_MIN_NS);
    if (kv->open.leases >= DE_KV_LEASES_MAX) {
        return DENGINE_E_BUSY;
    }
    rc = de_kv_answer_lease(kv, id, command->ttl_ns);
    return rc == 0 ? make(kv, &lease, &id) : rc;
}

int de_kv_run_keep(struct de_kv *kv, const struct de_kv_command *command)
{
    struct de_kv_lease lease;
    int rc = de_kv_lease_get(kv, command->lease, &lease);

    DE_ASSERT(command->type == DE_KV_LEASE_KEEP);
    DE_ASSERT(command->lease != 0);
    rc = rc == 0 ? de_kv_answer_lease(kv, command->lease, lease.ttl_ns) : rc;
    if (rc != 0) {
        return rc;
    }
    return move_deadline(kv, command->lease, &lease, kv->open.time_ns + lease.ttl_ns);
}

int de_kv_run_revoke(struct de_kv *kv, const struct de_kv_command *command)
{
    struct de_kv_lease lease;
    uint32_t budget = DE_KV_EXPIRE_KEYS_MAX;
    int rc = de_kv_lease_get(kv, command->lease, &lease);

    DE_ASSERT(command->type == DE_KV_LEASE_REVOKE);
    DE_ASSERT(command->lease != 0);
    return rc == 0 ? end(kv, command->lease, &lease, &budget, false) : rc;
}

/* What the deadline is now decides, not what it was when somebody proposed this. */
int de_kv_run_expire(struct de_kv *kv)
{
    uint32_t budget = DE_KV_EXPIRE_KEYS_MAX;
    int rc = 0;

    DE_ASSERT(kv->batch_open);
    DE_ASSERT(kv->open.leases <= DE_KV_LEASES_MAX);
    for (uint32_t n = 0; n < DE_KV_EXPIRE_LEASES_MAX && budget > 0 && rc == 0; n++) {
        struct de_kv_lease lease;
        struct first first;

        rc = find_first(kv, &first);
        if (rc != 0 || !first.found || first.deadline_ns > kv->open.time_ns) {
            break;
        }
        DE_ASSERT(first.id <= kv->open.last_lease);
        rc = load_known(kv, first.id, &lease);
        /* A revoked lease has deadline 0: its keys do not expire. */
        DE_SOMETIMES(n > 0, "several leases end in one step");
        rc = rc == 0 ? end(kv, first.id, &lease, &budget, first.deadline_ns != 0) : rc;
    }
    return rc;
}
