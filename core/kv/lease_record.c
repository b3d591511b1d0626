/* Store keys of ours, and records of leases and sessions; see record.h. */
#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/kv/command.h"
#include "core/kv/record.h"

enum {
    FLAG_SESSION = 1,
    FLAG_SINGLE = 2,
    FLAG_ENDING = 4,
    HEAD_BYTES = 2, /* name space and kind */
};

/* Big-endian: memcmp order is the order of the numbers. */
static void store_big(uint8_t *at, uint64_t number)
{
    for (int i = 7; i >= 0; i--) {
        at[i] = (uint8_t)number;
        number >>= 8;
    }
    DE_ASSERT(number == 0);
}

static uint64_t load_big(const uint8_t *at)
{
    uint64_t number = 0;

    DE_ASSERT(at != NULL);
    for (int i = 0; i < 8; i++) {
        number = number << 8 | at[i];
    }
    return number;
}

static bool is_kind(struct dengine_slice key, char kind, size_t size_min, size_t size_max)
{
    const uint8_t *at = key.data;

    DE_ASSERT(size_min >= HEAD_BYTES && size_min <= size_max);
    DE_ASSERT(at != NULL);
    return key.size >= size_min && key.size <= size_max && at[0] == DE_KV_SPACE_META &&
           at[1] == (uint8_t)kind;
}

struct dengine_slice de_kv_deadline_key(uint64_t deadline_ns, uint64_t lease, uint8_t *buffer)
{
    DE_ASSERT(buffer != NULL);
    buffer[0] = DE_KV_SPACE_META;
    buffer[1] = 'd';
    store_big(buffer + HEAD_BYTES, deadline_ns);
    store_big(buffer + HEAD_BYTES + 8, lease);
    return dengine_bytes(buffer, HEAD_BYTES + 16);
}

bool de_kv_deadline_of(struct dengine_slice key, uint64_t *deadline_ns, uint64_t *lease)
{
    const uint8_t *at = key.data;

    DE_ASSERT(deadline_ns != NULL && lease != NULL);
    DE_ASSERT(key.data != NULL);
    if (!is_kind(key, 'd', HEAD_BYTES + 16, HEAD_BYTES + 16)) {
        return false;
    }
    *deadline_ns = load_big(at + HEAD_BYTES);
    *lease = load_big(at + HEAD_BYTES + 8);
    return true;
}

struct dengine_slice de_kv_attachment_key(uint64_t lease, struct dengine_slice key, uint8_t *buffer)
{
    DE_ASSERT(lease != 0);
    DE_ASSERT(key.size <= DE_KV_USER_KEY_MAX);
    buffer[0] = DE_KV_SPACE_META;
    buffer[1] = 'k';
    store_big(buffer + HEAD_BYTES, lease);
    if (key.size > 0) {
        memcpy(buffer + HEAD_BYTES + 8, key.data, key.size);
    }
    return dengine_bytes(buffer, HEAD_BYTES + 8 + key.size);
}

bool de_kv_attachment_of(struct dengine_slice key, uint64_t *lease, struct dengine_slice *user_key)
{
    const uint8_t *at = key.data;

    DE_ASSERT(lease != NULL && user_key != NULL);
    DE_ASSERT(key.data != NULL);
    if (!is_kind(key, 'k', HEAD_BYTES + 8 + 1, DENGINE_KV_KEY_MAX)) {
        return false;
    }
    *lease = load_big(at + HEAD_BYTES);
    *user_key = dengine_bytes(at + HEAD_BYTES + 8, key.size - HEAD_BYTES - 8);
    return user_key->size <= DE_KV_USER_KEY_MAX;
}

struct dengine_slice de_kv_lease_key(uint64_t lease, uint8_t *buffer)
{
    DE_ASSERT(buffer != NULL);
    buffer[0] = DE_KV_SPACE_META;
    buffer[1] = 'l';
    store_big(buffer + HEAD_BYTES, lease);
    return dengine_bytes(buffer, HEAD_BYTES + 8);
}

bool de_kv_lease_of(struct dengine_slice key, uint64_t *lease)
{
    DE_ASSERT(lease != NULL);
    DE_ASSERT(key.data != NULL);
    if (!is_kind(key, 'l', HEAD_BYTES + 8, HEAD_BYTES + 8)) {
        return false;
    }
    *lease = load_big((const uint8_t *)key.data + HEAD_BYTES);
    return true;
}

struct dengine_slice de_kv_remembered_key(uint64_t session, uint64_t sequence, uint8_t *buffer)
{
    DE_ASSERT(session != 0);
    DE_ASSERT(buffer != NULL);
    buffer[0] = DE_KV_SPACE_META;
    buffer[1] = 'r';
    store_big(buffer + HEAD_BYTES, session);
    store_big(buffer + HEAD_BYTES + 8, sequence);
    return dengine_bytes(buffer, HEAD_BYTES + 16);
}

bool de_kv_remembered_of(struct dengine_slice key, uint64_t *session, uint64_t *sequence)
{
    const uint8_t *at = key.data;

    DE_ASSERT(session != NULL && sequence != NULL);
    DE_ASSERT(key.data != NULL);
    if (!is_kind(key, 'r', HEAD_BYTES + 16, HEAD_BYTES + 16)) {
        return false;
    }
    *session = load_big(at + HEAD_BYTES);
    *sequence = load_big(at + HEAD_BYTES + 8);
    return true;
}

struct dengine_slice de_kv_past_key(uint64_t revision, uint8_t *buffer)
{
    DE_ASSERT(buffer != NULL);
    buffer[0] = DE_KV_SPACE_META;
    buffer[1] = 'p';
    store_big(buffer + HEAD_BYTES, revision);
    return dengine_bytes(buffer, HEAD_BYTES + 8);
}

struct dengine_slice de_kv_past_end(uint8_t *buffer)
{
    DE_ASSERT(buffer != NULL);
    buffer[0] = DE_KV_SPACE_META;
    buffer[1] = 'p' + 1;
    return dengine_bytes(buffer, HEAD_BYTES);
}

bool de_kv_past_of(struct dengine_slice key, uint64_t *revision)
{
    const uint8_t *at = key.data;

    DE_ASSERT(revision != NULL);
    DE_ASSERT(key.data != NULL);
    if (!is_kind(key, 'p', HEAD_BYTES + 8, HEAD_BYTES + 8)) {
        return false;
    }
    *revision = load_big(at + HEAD_BYTES);
    return true;
}

void de_kv_lease_encode(const struct de_kv_lease *lease, uint8_t *bytes)
{
    DE_ASSERT(lease->ttl_ns >= DE_KV_TTL_MIN_NS && lease->ttl_ns <= DE_KV_TTL_MAX_NS);
    DE_ASSERT_IMPLIES(lease->remembered > 0, lease->session);
    DE_ASSERT(!lease->single || (!lease->session && lease->keys <= 1));
    memset(bytes, 0, DE_KV_LEASE_BYTES);
    bytes[0] = DE_KV_LEASE_VERSION;
    bytes[1] = (uint8_t)((lease->session ? FLAG_SESSION : 0) | (lease->single ? FLAG_SINGLE : 0) |
                         (lease->ending ? FLAG_ENDING : 0));
    de_store_u32(bytes + 4, lease->remembered);
    de_store_u64(bytes + 8, lease->ttl_ns);
    de_store_u64(bytes + 16, lease->deadline_ns);
    de_store_u64(bytes + 24, lease->keys);
    de_store_u64(bytes + 32, lease->acknowledged);
}

int de_kv_lease_decode(struct dengine_slice bytes, struct de_kv_lease *lease)
{
    const uint8_t *at = bytes.data;
    unsigned flags;

    DE_ASSERT(lease != NULL);
    DE_ASSERT(at != NULL || bytes.size == 0);
    memset(lease, 0, sizeof *lease);
    if (bytes.size != DE_KV_LEASE_BYTES) {
        return DENGINE_E_CORRUPT;
    }
    if (at[0] != DE_KV_LEASE_VERSION) {
        return DENGINE_E_VERSION;
    }
    flags = at[1];
    lease->session = (flags & FLAG_SESSION) != 0;
    lease->single = (flags & FLAG_SINGLE) != 0;
    lease->ending = (flags & FLAG_ENDING) != 0;
    lease->remembered = de_load_u32(at + 4);
    lease->ttl_ns = de_load_u64(at + 8);
    lease->deadline_ns = de_load_u64(at + 16);
    lease->keys = de_load_u64(at + 24);
    lease->acknowledged = de_load_u64(at + 32);
    if (flags >= FLAG_ENDING * 2 || at[2] != 0 || at[3] != 0 || lease->ttl_ns < DE_KV_TTL_MIN_NS ||
        lease->ttl_ns > DE_KV_TTL_MAX_NS || (lease->remembered > 0 && !lease->session) ||
        (lease->single && (lease->session || lease->keys > 1))) {
        return DENGINE_E_CORRUPT;
    }
    return 0;
}

void de_kv_remembered_encode_header(const struct dengine_result *result, uint8_t *header)
{
    DE_ASSERT(result->status <= 0);
    DE_ASSERT(result->revision > 0);
    memset(header, 0, DE_KV_REMEMBERED_HEADER_BYTES);
    header[0] = DE_KV_REMEMBERED_VERSION;
    header[1] = result->succeeded ? 1 : 0;
    de_store_u32(header + 4, (uint32_t)-result->status);
    de_store_u64(header + 8, result->revision);
}

int de_kv_remembered_decode(struct dengine_slice bytes, struct dengine_result *result)
{
    const uint8_t *at = bytes.data;

    DE_ASSERT(result != NULL);
    DE_ASSERT(at != NULL || bytes.size == 0);
    memset(result, 0, sizeof *result);
    if (bytes.size < DE_KV_REMEMBERED_HEADER_BYTES) {
        return DENGINE_E_CORRUPT;
    }
    if (at[0] != DE_KV_REMEMBERED_VERSION) {
        return DENGINE_E_VERSION;
    }
    if (at[1] > 1 || at[2] != 0 || at[3] != 0 || de_load_u32(at + 4) > INT32_MAX ||
        de_load_u64(at + 8) == 0) {
        return DENGINE_E_CORRUPT;
    }
    result->status = -(int)de_load_u32(at + 4);
    result->succeeded = at[1] == 1;
    result->revision = de_load_u64(at + 8);
    result->bytes = dengine_bytes(at + DE_KV_REMEMBERED_HEADER_BYTES,
                                  bytes.size - DE_KV_REMEMBERED_HEADER_BYTES);
    return 0;
}

int de_kv_own_pair_check(struct dengine_slice key, struct dengine_slice value)
{
    struct de_kv_lease lease;
    struct dengine_result result;
    struct dengine_slice user_key;
    uint64_t one;
    uint64_t other;

    DE_ASSERT(key.data != NULL);
    DE_ASSERT(value.data != NULL || value.size == 0);
    if (de_kv_lease_of(key, &one)) {
        return de_kv_lease_decode(value, &lease);
    }
    if (de_kv_remembered_of(key, &one, &other)) {
        return de_kv_remembered_decode(value, &result);
    }
    if (de_kv_deadline_of(key, &one, &other) || de_kv_attachment_of(key, &one, &user_key)) {
        return value.size == 0 ? 0 : DENGINE_E_CORRUPT;
    }
    return DENGINE_E_CORRUPT;
}
