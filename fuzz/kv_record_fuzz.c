/* Fuzz target: what the state machine reads back from its store. Any bytes are refused or are the
 * record of a key, a lease or a remembered result, or a state, that encodes to the same bytes. */
#include <string.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/base/crc32c.h"
#include "core/kv/record.h"
#include "fuzz/fuzz_target.h"

enum {
    OLDER_BYTES = 52,
};

static void check_error(int error)
{
    DE_ASSERT(error == DENGINE_E_CORRUPT || error == DENGINE_E_VERSION);
}

static void try_record(const uint8_t *data, size_t size)
{
    struct de_kv_record record;
    uint8_t header[DE_KV_RECORD_HEADER_BYTES];
    int error = de_kv_record_decode(dengine_bytes(data, size), &record);

    if (error != 0) {
        check_error(error);
        return;
    }
    DE_ASSERT(size >= sizeof(header));
    DE_ASSERT(record.value.size == size - sizeof(header));
    DE_ASSERT(record.value.size == 0 || record.value.data == data + sizeof(header));
    de_kv_record_encode_header(&record, header);
    DE_ASSERT(memcmp(header, data, sizeof(header)) == 0);
}

static void try_lease(const uint8_t *data, size_t size)
{
    struct de_kv_lease lease;
    uint8_t again[DE_KV_LEASE_BYTES];
    int error = de_kv_lease_decode(dengine_bytes(data, size), &lease);

    if (error != 0) {
        check_error(error);
        return;
    }
    de_kv_lease_encode(&lease, again);
    DE_ASSERT(size == sizeof(again) && memcmp(again, data, size) == 0);
}

static void try_remembered(const uint8_t *data, size_t size)
{
    struct dengine_result result;
    uint8_t header[DE_KV_REMEMBERED_HEADER_BYTES];
    int error = de_kv_remembered_decode(dengine_bytes(data, size), &result);

    if (error != 0) {
        check_error(error);
        return;
    }
    DE_ASSERT(result.bytes.size == size - sizeof(header));
    de_kv_remembered_encode_header(&result, header);
    DE_ASSERT(memcmp(header, data, sizeof(header)) == 0);
}

static void try_state(const uint8_t *data, size_t size)
{
    uint8_t again[DE_KV_STATE_BYTES];
    struct de_kv_mark mark;
    int error = de_kv_state_decode(dengine_bytes(data, size), &mark);

    if (error != 0) {
        check_error(error);
        return;
    }
    DE_ASSERT(size == sizeof(again));
    de_kv_state_encode(&mark, again);
    DE_ASSERT(memcmp(again, data, size) == 0);
}

/* Of format 2 nothing is written any more. */
static void try_older(const uint8_t *data, size_t size)
{
    struct de_kv_mark mark;
    int error = de_kv_state_decode_2(dengine_bytes(data, size), &mark);

    if (error != 0) {
        check_error(error);
        return;
    }
    DE_ASSERT(size == OLDER_BYTES && de_kv_state_is_older(dengine_bytes(data, size)));
    DE_ASSERT(mark.sessions == 0 && mark.leases <= mark.last_lease && mark.index > 0);
}

static void seal(uint8_t *sealed, const uint8_t *data, size_t size)
{
    memcpy(sealed, data, size);
    de_store_u32(sealed + size - 4, de_crc32c(0, sealed, size - 4));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t sealed[DE_KV_STATE_BYTES];

    try_record(data, size);
    try_lease(data, size);
    try_remembered(data, size);
    try_state(data, size);
    try_older(data, size);
    /* With the checksum put right, or a fuzzer would hardly get past it. */
    if (size >= sizeof(sealed)) {
        seal(sealed, data, sizeof(sealed));
        try_state(sealed, sizeof(sealed));
    }
    if (size >= OLDER_BYTES) {
        seal(sealed, data, OLDER_BYTES);
        try_older(sealed, OLDER_BYTES);
    }
    return 0;
}
